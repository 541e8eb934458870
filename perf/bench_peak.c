/* The limits that everything else is compared with: multiply-adds per instruction set, bytes moved
 * within L2, L3 and memory, and a token's counter handed from one core to another.              */
#include "bench.h"

#include "base/cpu.h"
#include "bench/limits.h"
#include "run/handoff.h"

#include <stdio.h>
#include <unistd.h>

static bool peaks(void)
{
    bool ok = true;
    for (size_t i = 0; i < tsgd_limit_isas(); i++)
        ok &= bench_print("peak", bench_peak_run(i), tsgd_limit_flops(i), true, "set=%s",
                          tsgd_limit_isa(i));
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

static bool hand_off(bool claims)
{
    struct tsgd_timing t = {.n = 0};
    struct tsgd_error err;
    bool ok = tsgd_hand_off(&t, claims, BENCH_SECONDS, &err) == TSGD_OK;
    if (!ok)
        fprintf(stderr, "%s\n", err.text);
    return bench_print("hand-off", bench_time_of(t), 0, ok, "how=%s ns_min=%.1f",
                       claims ? "claim" : "publish", t.least);
}

static bool hand_offs(void)
{
    if (tsgd_cpu_count() < 2) {
        printf("# hand-off: needs two processors\n");
        return true;
    }
    bool ok = hand_off(false);
    return ok & hand_off(true);
}

int main(int argc, char **argv)
{
    bench_arguments(argc, argv, 0, "", "The machine's limits: multiply-adds, bytes, hand-offs.");
    bool ok = peaks();
    ok &= bandwidths();
    ok &= hand_offs();
    return !ok;
}
