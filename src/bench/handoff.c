#include "bench/handoff.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/machine.h"
#include "engine/seq.h"

#include <pthread.h>
#include <string.h>

/* Trips to and fro that are timed together, and how often at most. */
enum { TRIPS = 200, BATCHES = 2000 };

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

enum tsgd_status tsgd_hand_off(struct tsgd_timing *out, bool claims, double seconds,
                               struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct court c = {.claims = claims};
    struct tsgd_cpu_mask before = TSGD_CPU_MASK_INIT;
    uint32_t cpu[2];
    double ns[BATCHES], ran;
    pthread_t thread;
    int why;
    TRY(choose(cpu, err));
    if (!tsgd_cpu_mask_take(&before))
        TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for the CPUs of a thread"));
    c.cpu = cpu[1];
    if ((why = tsgd_cpu_pin(NULL, cpu[0])) != 0)
        TRY(tsgd_fail(err, TSGD_EINVAL, "cannot keep a thread on CPU %u: %s", cpu[0],
                      strerror(why)));
    if ((why = pthread_create(&thread, NULL, other_side, &c)) != 0)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "cannot start a thread: %s", strerror(why)));
    size_t n = play(&c, seconds, ns, &ran);
    /* Relaxed: it carries no data. */
    atomic_store_explicit(&c.over, true, memory_order_relaxed);
    pthread_join(thread, NULL);
    if (c.pinned)
        TRY(tsgd_fail(err, TSGD_EINVAL, "cannot keep a thread on CPU %u: %s", cpu[1],
                      strerror(c.pinned)));
    *out = tsgd_timing_of(ns, n);
    out->ran = ran;
done:
    tsgd_cpu_mask_restore(&before);
    return st;
}
