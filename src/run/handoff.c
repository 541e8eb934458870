#include "run/handoff.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "engine/seq.h"
#include "engine/sleep.h"
#include "run/pair.h"

#include <unistd.h>

/* How often is timed at most, and so many trips to and fro together. */
enum { BATCHES = 2000, TRIPS = 50 };

struct court {
    struct tsgd_seq seq;
    bool claims;
    _Atomic bool over;          /* nobody serves any more */
    uint32_t cpu;               /* of the other side */
    int pinned;                 /* errno of its start */
};

/* The phase is even when it is side 0's turn. False: the game is over. */
static bool turn(struct court *c, unsigned side, uint64_t trip)
{
    uint64_t phase = 2 * trip + side;
    while (!tsgd_seq_reached(&c->seq, phase) || (c->claims && !tsgd_seq_claim(&c->seq, phase)))
        if (atomic_load_explicit(&c->over, memory_order_relaxed))
            return false;
    tsgd_seq_finish(&c->seq, phase + 1);
    return true;
}

static void *other_side(void *court)
{
    struct court *c = court;
    c->pinned = tsgd_cpu_pin(NULL, c->cpu);
    for (uint64_t trip = 0; turn(c, 1, trip); trip++)
        ;
    return NULL;
}

/* Until the time is over, in batches; how many were timed, and what share of it this side ran. */
static size_t play(struct court *c, double seconds, double ns[BATCHES], double *ran)
{
    uint64_t trip = 0, begin = tsgd_now_ns(), cpu = tsgd_thread_cpu_ns(), now = begin;
    size_t n = 0;
    for (; n < BATCHES && (n < 3 || (double)(now - begin) < seconds * 1e9); n++) {
        uint64_t start = tsgd_now_ns();
        for (int i = 0; i < TRIPS; i++)
            turn(c, 0, trip++);
        now = tsgd_now_ns();
        ns[n] = (double)(now - start) / (2 * TRIPS);
    }
    cpu = tsgd_thread_cpu_ns() - cpu;
    *ran = cpu < now - begin ? (double)cpu / (double)(now - begin) : 1;
    return n;
}

enum tsgd_status tsgd_hand_off(struct tsgd_timing *out, bool claims, double seconds,
                               struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct court c = {.claims = claims};
    struct tsgd_pair p = TSGD_PAIR_INIT;
    double ns[BATCHES], ran;
    TRY(tsgd_pair_choose(&p, err));
    c.cpu = p.cpu[1];
    TRY(tsgd_pair_start(&p, other_side, &c, err));
    size_t n = play(&c, seconds, ns, &ran);
    /* Relaxed: it carries no data. */
    atomic_store_explicit(&c.over, true, memory_order_relaxed);
    TRY(tsgd_pair_end(&p, &c.pinned, err));
    *out = tsgd_timing_of(ns, n);
    out->ran = ran;
done:
    return st;
}

/* ---- waking ---- */

struct bed {
    struct sleep sleep;
    _Atomic uint64_t woke;      /* when; 0: asleep, or about to be */
    _Atomic bool over;
    uint32_t cpu;
    int pinned;
};

static void *sleeper(void *bed)
{
    struct bed *b = bed;
    b->pinned = tsgd_cpu_pin(NULL, b->cpu);
    while (!atomic_load(&b->over)) {
        tsgd_sleep(&b->sleep, tsgd_sleep_begin(&b->sleep));
        tsgd_sleep_end(&b->sleep);
        atomic_store(&b->woke, tsgd_now_ns());
        while (atomic_load(&b->woke) && !atomic_load(&b->over))
            tsgd_pause();
    }
    return NULL;
}

/* Wakes the sleeper, who has been asleep for a while. ns from the call until it runs. */
static double wake_once(struct bed *b)
{
    enum { ASLEEP_US = 200 };
    atomic_store(&b->woke, 0);
    while (!tsgd_sleep_may_wake(&b->sleep))
        tsgd_pause();
    usleep(ASLEEP_US);
    uint64_t start = tsgd_now_ns(), woke = 0;
    tsgd_wake_another(&b->sleep);
    while ((woke = atomic_load(&b->woke)) == 0)
        tsgd_pause();
    return woke > start ? (double)(woke - start) : 0;
}

enum tsgd_status tsgd_wake_up(struct tsgd_timing *out, double seconds, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_pair p = TSGD_PAIR_INIT;
    struct bed b = {.pinned = 0};
    double ns[BATCHES];
    size_t n = 0;
    TRY(tsgd_pair_choose(&p, err));
    b.cpu = p.cpu[1];
    TRY(tsgd_pair_start(&p, sleeper, &b, err));
    uint64_t start = tsgd_now_ns();
    while (n < BATCHES && (n < 3 || (double)tsgd_ns_since(start) < seconds * 1e9))
        ns[n++] = wake_once(&b);
    atomic_store(&b.over, true);
    TRY(tsgd_pair_end(&p, &b.pinned, err));
    *out = tsgd_timing_of(ns, n);
done:
    return st;
}
