#include "bench.h"

#include "base/clock.h"
#include "base/cpu.h"

#include <stdarg.h>
#include <stdio.h>
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

bool bench_print(const char *name, struct bench_time t, double flops, bool ok, const char *format,
                 ...)
{
    static bool begun;
    const char *rev = getenv("REV");
    va_list args;
    if (!begun)
        printf("# cpu: %s\n# isa: %s\n", tsgd_cpu_name(), bench_widest_isa());
    begun = true;
    va_start(args, format);
    printf("bench=%s ", name);
    vprintf(format, args);
    va_end(args);
    printf(" ns_med=%.0f ns_p90=%.0f", t.median, t.p90);
    if (flops > 0)
        printf(" GFLOPS=%.1f of_peak=%.2f", flops / t.median, flops / t.median / bench_peak());
    printf(" check=%s rev=%s\n", ok ? "ok" : "FAILED", rev ? rev : "unknown");
    fflush(stdout);                     /* into a pipe too, as soon as it is known */
    return ok;
}
