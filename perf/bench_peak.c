/* The limits that everything else is compared with: multiply-adds per instruction set, bytes moved
 * within L2, L3 and memory, and a token's counter handed from one core to another.              */
#include "bench.h"

#include "base/clock.h"
#include "engine/seq.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool peaks(void)
{
    bool ok = true;
    for (size_t i = 0; bench_isa(i); i++)
        ok &= bench_print("peak", bench_peak_run(i), bench_peak_flops(i), true, "set=%s",
                          bench_isa(i));
    return ok;
}

static bool moved(const char *kind, const char *where, size_t bytes, struct bench_time t,
                  double factor)
{
    return bench_print("bandwidth", t, 0, t.median > 0, "kind=%s where=%s bytes=%zu GBps=%.1f",
                       kind, where, bytes, factor * (double)bytes / t.median);
}

/* A scale moves each byte twice, a triad each of its bytes once. */
static bool bandwidth(const char *where, size_t bytes)
{
    bool ok = moved("scale", where, bytes, bench_scale(bytes), 2);
    ok &= moved("triad", where, bytes, bench_triad(bytes, false), 1);
    return ok & moved("triad-nt", where, bytes, bench_triad(bytes, true), 1);
}

/* Half of L2; eight times L2, which is L3 where there is one; and eight rows of 10M floats. */
static bool bandwidths(void)
{
    long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
    size_t bytes = l2 > 0 ? (size_t)l2 : 1 << 20;
    bool ok = bandwidth("L2", bytes / 2);
    ok &= bandwidth("L3", 8 * bytes);
    ok &= bandwidth("memory", (size_t)8 * 10000000 * 4);
    return ok;
}

/* ---- hand-off ---- */

enum { BATCHES = 400, TRIPS = 1000 };

/* One token goes to and fro between two workers. */
struct court {
    struct tsgd_seq seq;
    bool claims;                /* as workers do that may not be alone; else it is only published */
    size_t cpu[2];
    bool pinned;
    double ns[BATCHES];         /* one way */
};

static bool pin(size_t cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
}

/* The phase is even when it is side 0's turn. */
static void turn(struct court *c, unsigned side, uint64_t trip)
{
    uint64_t phase = 2 * trip + side;
    while (!tsgd_seq_reached(&c->seq, phase) || (c->claims && !tsgd_seq_claim(&c->seq, phase)))
        ;
    tsgd_seq_finish(&c->seq, phase + 1);
}

static void *other_side(void *court)
{
    struct court *c = court;
    c->pinned = pin(c->cpu[1]);
    for (uint64_t trip = 0; trip < (uint64_t)BATCHES * TRIPS; trip++)
        turn(c, 1, trip);
    return NULL;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The check: every trip was made, in order. */
static bool hand_off(bool claims, const size_t cpu[2])
{
    static struct court c;
    pthread_t thread;
    c = (struct court){.claims = claims, .cpu = {cpu[0], cpu[1]}};
    if (!pin(cpu[0]) || pthread_create(&thread, NULL, other_side, &c))
        return false;
    for (uint64_t batch = 0, trip = 0; batch < BATCHES; batch++) {
        uint64_t start = tsgd_now_ns();
        for (int i = 0; i < TRIPS; i++)
            turn(&c, 0, trip++);
        c.ns[batch] = (double)(tsgd_now_ns() - start) / (2 * TRIPS);
    }
    pthread_join(thread, NULL);
    bool ok = c.pinned && tsgd_seq_reached(&c.seq, (uint64_t)2 * BATCHES * TRIPS);
    qsort(c.ns, BATCHES, sizeof *c.ns, ascending);
    struct bench_time t = {c.ns[BATCHES / 2], c.ns[BATCHES * 9 / 10]};
    return bench_print("hand-off", t, 0, ok, "how=%s ns_min=%.1f", claims ? "claim" : "publish",
                       c.ns[0]);
}

static bool hand_offs(void)
{
    cpu_set_t all;
    size_t cpu[2], n = 0;
    if (sched_getaffinity(0, sizeof all, &all) != 0)
        return true;
    for (size_t i = 0; i < CPU_SETSIZE && n < 2; i++)
        if (CPU_ISSET(i, &all))
            cpu[n++] = i;
    if (n < 2) {
        printf("# hand-off: needs two processors\n");
        return true;
    }
    bool ok = hand_off(false, cpu);
    ok &= hand_off(true, cpu);
    ok &= sched_setaffinity(0, sizeof all, &all) == 0;
    return ok;
}

int main(void)
{
    bool ok = peaks();
    ok &= bandwidths();
    ok &= hand_offs();
    return !ok;
}
