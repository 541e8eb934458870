/* perf/bench.h: what the benchmarks share: warm-up, repeats, and one line a case,
 *     bench=NAME key=value .. ns_med=.. ns_p90=.. GFLOPS=.. of_peak=.. check=ok rev=..
 * of_peak is the share of the core's own limit for multiply-adds, measured in the same run, since
 * clocks drift and machines are shared. rev comes from the environment variable REV. Keys before
 * the times whose values are words or whole numbers say which case it is; measured ones have a
 * decimal point, or are called of_X or X_per_s: perf/compare.awk pairs lines by the others.
 * The first line of a program is preceded by "# cpu: .." and "# isa: ..".                       */
#ifndef TSGD_PERF_BENCH_H
#define TSGD_PERF_BENCH_H

#include "limits.h"

/* For main to begin with. --help prints how the program is called, "PROGRAM usage", and what it
 * measures, and ends it; an option, or more than `most` arguments, is refused in a sentence. usage:
 * "[ISA]", or "".                                                                               */
void bench_arguments(int argc, char **argv, int most, const char *usage, const char *measures);

/* Prints the line; `format` gives the keys between the name and the times. flops 0: not counted.
 * Returns ok, so that the program's exit code can tell.                                         */
bool bench_print(const char *name, struct bench_time t, double flops, bool ok, const char *format,
                 ...) __attribute__((format(printf, 5, 6)));

#endif
