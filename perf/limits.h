/* perf/limits.h: limits of one core (bench/limits.h), each measured for as long as bench_run. */
#ifndef TSGD_PERF_LIMITS_H
#define TSGD_PERF_LIMITS_H

#include "timing.h"

#include <stdbool.h>

/* Multiply-adds from registers alone, in GFLOP/s; measured at the first call. */
double bench_peak(void);

/* GB/s of one core over `bytes` in all: x *= a in place, counted as one read and one write; and
 * a = b + s * c, two reads and one write, a third of the bytes each, with stores that go past the
 * cache or not. 0: no memory.                                                                   */
double bench_scale_bandwidth(size_t bytes);
double bench_triad_bandwidth(size_t bytes, bool non_temporal);

/* The times they come from; zeros: no memory. */
struct bench_time bench_scale(size_t bytes);
struct bench_time bench_triad(size_t bytes, bool non_temporal);

/* The widest instruction set whose peak can be measured here. */
const char *bench_widest_isa(void);

/* The time of a run of multiply-adds of set i (bench/limits.h). */
struct bench_time bench_peak_run(size_t i);

#endif
