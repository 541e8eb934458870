#include "timing.h"

#include "base/clock.h"

#include <stddef.h>
#include <stdlib.h>

enum { SAMPLES = 1000, BUDGET_NS = 200000000, SHORT_NS = 2000 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double timed(void (*work)(void *), void *arg, unsigned calls)
{
    uint64_t start = tsgd_now_ns();
    for (unsigned i = 0; i < calls; i++)
        work(arg);
    return (double)(tsgd_now_ns() - start) / calls;
}

struct bench_time bench_run(void (*work)(void *), void *arg)
{
    static double ns[SAMPLES];
    size_t n = 0;
    uint64_t start = tsgd_now_ns();
    double once = timed(work, arg, 1);
    do {
        double again = timed(work, arg, 1);
        once = again < once ? again : once;
    } while (tsgd_now_ns() - start < BUDGET_NS / 10);
    unsigned calls = once < SHORT_NS ? (unsigned)(SHORT_NS / (once + 1)) + 1 : 1;
    while (n < SAMPLES && (n < 3 || tsgd_now_ns() - start < BUDGET_NS))
        ns[n++] = timed(work, arg, calls);
    qsort(ns, n, sizeof *ns, ascending);
    return (struct bench_time){ns[n / 2], ns[n * 9 / 10]};
}
