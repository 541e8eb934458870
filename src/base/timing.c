#include "base/timing.h"

#include "base/clock.h"

#include <stdlib.h>

enum { SAMPLES = 1000, SHORT_NS = 2000 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct tsgd_timing tsgd_timing_of(double *ns, size_t n)
{
    if (n == 0)
        return (struct tsgd_timing){.n = 0};
    qsort(ns, n, sizeof *ns, ascending);
    return (struct tsgd_timing){.median = ns[n / 2], .least = ns[0], .most = ns[n - 1],
                                .p90 = ns[n * 9 / 10], .n = n, .ran = 1};
}

static double timed(void (*work)(void *), void *arg, unsigned calls)
{
    uint64_t start = tsgd_now_ns();
    for (unsigned i = 0; i < calls; i++)
        work(arg);
    return (double)(tsgd_now_ns() - start) / calls;
}

struct tsgd_timing tsgd_time_calls(void (*work)(void *), void *arg, double seconds)
{
    double ns[SAMPLES];
    size_t n = 0;
    uint64_t start = tsgd_now_ns(), budget = (uint64_t)(seconds * 1e9);
    double once = timed(work, arg, 1);
    while (tsgd_now_ns() - start < budget / 10) {
        double again = timed(work, arg, 1);
        once = again < once ? again : once;
    }
    unsigned calls = once < SHORT_NS ? (unsigned)(SHORT_NS / (once + 1)) + 1 : 1;
    uint64_t begin = tsgd_now_ns(), cpu = tsgd_thread_cpu_ns();
    while (n < SAMPLES && (n < 3 || tsgd_now_ns() - start < budget))
        ns[n++] = timed(work, arg, calls);
    cpu = tsgd_thread_cpu_ns() - cpu;
    uint64_t wall = tsgd_now_ns() - begin;
    struct tsgd_timing t = tsgd_timing_of(ns, n);
    t.ran = cpu < wall ? (double)cpu / (double)wall : 1;
    return t;
}
