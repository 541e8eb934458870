#include "limits.h"

#include "bench/limits.h"

#include <stdio.h>

const char *bench_widest_isa(void)
{
    return tsgd_limit_isa(tsgd_limit_isas() - 1);
}

struct bench_time bench_peak_run(size_t i)
{
    return bench_time_of(tsgd_limit_peak(i, BENCH_SECONDS));
}

double bench_peak(void)
{
    static double peak;
    size_t widest = tsgd_limit_isas() - 1;
    if (peak == 0)
        peak = tsgd_limit_flops(widest) / bench_peak_run(widest).median;
    return peak;
}

static struct bench_time move(enum tsgd_move move, size_t bytes)
{
    struct tsgd_timing t = {.n = 0};
    struct tsgd_error err;
    if (tsgd_limit_move(&t, move, bytes, BENCH_SECONDS, &err))
        fprintf(stderr, "%s\n", err.text);
    return bench_time_of(t);
}

struct bench_time bench_scale(size_t bytes)
{
    return move(TSGD_SCALE, bytes);
}

struct bench_time bench_triad(size_t bytes, bool non_temporal)
{
    return move(non_temporal ? TSGD_TRIAD_NT : TSGD_TRIAD, bytes);
}

double bench_scale_bandwidth(size_t bytes)
{
    return 2.0 * (double)bytes / bench_scale(bytes).median;
}

double bench_triad_bandwidth(size_t bytes, bool non_temporal)
{
    return (double)bytes / bench_triad(bytes, non_temporal).median;
}
