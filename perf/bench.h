/* perf/bench.h: what the benchmarks share: warm-up, repeats, and one line a case,
 *     bench=NAME key=value .. ns_med=.. ns_p90=.. GFLOPS=.. of_peak=.. check=ok rev=..
 * of_peak is the share of the core's own limit for multiply-adds, measured in the same run, since
 * clocks drift and machines are shared. rev comes from the environment variable REV. Keys before
 * the times whose values are words or whole numbers say which case it is; measured ones have a
 * decimal point, or are called of_X or X_per_s: perf/compare.awk pairs lines by the others.
 * The first line of a program is preceded by "# cpu: .." and "# isa: ..".                       */
#ifndef TSGD_PERF_BENCH_H
#define TSGD_PERF_BENCH_H

#include <stdbool.h>
#include <stddef.h>

struct bench_time {
    double median, p90;         /* ns of one call */
};

/* Calls work(arg) for about a fifth of a second, the first tenth of it to warm up. Calls too short
 * for the clock are timed several together.                                                     */
struct bench_time bench_run(void (*work)(void *), void *arg);

/* ---- limits of one core, by its widest vectors, whatever this was compiled for ---- */

/* Multiply-adds from registers alone, in GFLOP/s; measured at the first call. */
double bench_peak(void);

/* GB/s of one core over `bytes` in all: x *= a in place, counted as one read and one write; and
 * a = b + s * c, two reads and one write, a third of the bytes each, with stores that go past the
 * cache or not. 0: no memory.                                                                   */
double bench_scale_bandwidth(size_t bytes);
double bench_triad_bandwidth(size_t bytes, bool non_temporal);

/* The times they come from. */
struct bench_time bench_scale(size_t bytes);
struct bench_time bench_triad(size_t bytes, bool non_temporal);

/* The instruction sets whose peak can be measured here, narrow to wide; NULL past the last. Then
 * the operations of one run, and its time.                                                      */
const char *bench_isa(size_t i);
const char *bench_widest_isa(void);
double bench_peak_flops(size_t i);
struct bench_time bench_peak_run(size_t i);

/* Prints the line; `format` gives the keys between the name and the times. flops 0: not counted.
 * Returns ok, so that the program's exit code can tell.                                         */
bool bench_print(const char *name, struct bench_time t, double flops, bool ok, const char *format,
                 ...) __attribute__((format(printf, 5, 6)));

#endif
