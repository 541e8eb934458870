#include "run/handoff.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/machine.h"
#include "base/mem.h"
#include "engine/seq.h"
#include "engine/sleep.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* How often is timed at most. */
enum { BATCHES = 2000 };

struct court {
    struct tsgd_seq seq;
    bool claims;
    float *row;                 /* that each side works on in its turn; or NULL */
    size_t floats;
    int trips;                  /* to and fro, that are timed together */
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
    for (size_t i = 0; i < c->floats; i++)
        c->row[i] *= 0.999f;
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
        for (int i = 0; i < c->trips; i++)
            turn(c, 0, trip++);
        now = tsgd_now_ns();
        ns[n] = (double)(now - start) / (2 * c->trips);
    }
    cpu = tsgd_thread_cpu_ns() - cpu;
    *ran = cpu < now - begin ? (double)cpu / (double)(now - begin) : 1;
    return n;
}

/* The first CPU, and the next that is another core, where there is one. TSGD_EINVAL: there is
 * no next one.                                                                                   */
static enum tsgd_status choose(uint32_t cpu[2], struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_machine m = TSGD_MACHINE_INIT;
    uint32_t other = 1;
    TRY(tsgd_machine_init(&m, "/sys", err));
    if (m.n < 2)
        TRY(tsgd_fail(err, TSGD_EINVAL, "a hand-off needs two CPUs, and this process may use one"));
    while (other + 1 < m.n && m.cpu[other].core == m.cpu[0].core)
        other++;
    cpu[0] = m.cpu[0].os;
    cpu[1] = m.cpu[other].os;
done:
    tsgd_machine_release(&m);
    return st;
}

/* What a thread on another CPU does while this one is kept on a CPU of its own. */
struct pair {
    uint32_t cpu[2];
    struct tsgd_cpu_mask before;
    pthread_t thread;
};

/* The thread begins with tsgd_cpu_pin. Nothing has been started on error. */
static enum tsgd_status pair_start(struct pair *p, void *(*other)(void *), void *arg,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    int why = 0;
    if (!tsgd_cpu_mask_take(&p->before))
        return tsgd_fail(err, TSGD_ENOMEM, "no memory for the CPUs of a thread");
    if ((why = tsgd_cpu_pin(NULL, p->cpu[0])) != 0)
        TRY(tsgd_fail(err, TSGD_EINVAL, "cannot keep a thread on CPU %u: %s", p->cpu[0],
                      strerror(why)));
    if ((why = pthread_create(&p->thread, NULL, other, arg)) != 0)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "cannot start a thread: %s", strerror(why)));
done:
    if (st != TSGD_OK)
        tsgd_cpu_mask_restore(&p->before);
    return st;
}

/* pinned: errno of the other's tsgd_cpu_pin. */
static enum tsgd_status pair_end(struct pair *p, const int *pinned, struct tsgd_error *err)
{
    pthread_join(p->thread, NULL);
    tsgd_cpu_mask_restore(&p->before);
    if (*pinned)
        return tsgd_fail(err, TSGD_EINVAL, "cannot keep a thread on CPU %u: %s", p->cpu[1],
                         strerror(*pinned));
    return TSGD_OK;
}

static enum tsgd_status hold_court(struct tsgd_timing *out, struct court *c, double seconds,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct pair p = {.before = TSGD_CPU_MASK_INIT};
    double ns[BATCHES], ran;
    TRY(choose(p.cpu, err));
    c->cpu = p.cpu[1];
    TRY(pair_start(&p, other_side, c, err));
    size_t n = play(c, seconds, ns, &ran);
    /* Relaxed: it carries no data. */
    atomic_store_explicit(&c->over, true, memory_order_relaxed);
    TRY(pair_end(&p, &c->pinned, err));
    *out = tsgd_timing_of(ns, n);
    out->ran = ran;
done:
    return st;
}

enum tsgd_status tsgd_hand_off(struct tsgd_timing *out, bool claims, double seconds,
                               struct tsgd_error *err)
{
    struct court c = {.claims = claims, .trips = 50};
    return hold_court(out, &c, seconds, err);
}

static void work(void *court)
{
    struct court *c = court;
    for (size_t i = 0; i < c->floats; i++)
        c->row[i] *= 0.999f;
}

enum tsgd_status tsgd_fetch(double *out, size_t floats, double seconds, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct court c = {.claims = true, .trips = 1, .floats = floats};
    size_t bytes = tsgd_mul(floats, sizeof(float));
    struct tsgd_timing taken, own, empty;
    void *row = NULL;
    TRY(tsgd_map(&row, bytes, "a row to hand over", err));
    c.row = row;
    own = tsgd_time_calls(work, &c, seconds / 3);
    TRY(hold_court(&taken, &c, seconds / 3, err));
    TRY(tsgd_hand_off(&empty, true, seconds / 3, err));
    *out = (taken.least - own.least - empty.least) * 1e-9;
    *out = *out > 0 ? *out : 0;
done:
    if (row)
        tsgd_unmap(row, bytes);
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
    struct pair p = {.before = TSGD_CPU_MASK_INIT};
    struct bed b = {.pinned = 0};
    double ns[BATCHES];
    size_t n = 0;
    TRY(choose(p.cpu, err));
    b.cpu = p.cpu[1];
    TRY(pair_start(&p, sleeper, &b, err));
    uint64_t start = tsgd_now_ns();
    while (n < BATCHES && (n < 3 || (double)tsgd_ns_since(start) < seconds * 1e9))
        ns[n++] = wake_once(&b);
    atomic_store(&b.over, true);
    TRY(pair_end(&p, &b.pinned, err));
    *out = tsgd_timing_of(ns, n);
done:
    return st;
}
