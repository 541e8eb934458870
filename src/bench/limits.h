/* bench/limits.h: what one core can do at most, by its widest vectors, whatever this was compiled
 * for: multiply-adds from registers alone, and bytes moved. Any thread, but one at a time.      */
#ifndef TSGD_BENCH_LIMITS_H
#define TSGD_BENCH_LIMITS_H

#include "base/status.h"
#include "base/timing.h"

#include <stdbool.h>

/* The instruction sets whose peak can be measured here, narrow to wide; NULL past the last. */
const char *tsgd_limit_isa(size_t i);

/* How many there are: the last one's index and one. */
size_t tsgd_limit_isas(void);

/* Of set i: floating-point operations of one run of its multiply-adds, and the run's time. */
double tsgd_limit_flops(size_t i);
struct tsgd_timing tsgd_limit_peak(size_t i, double seconds);

/* What is done with `bytes` in all: x *= a in place, which reads and writes each; a = b + s * c,
 * which reads two thirds of them and writes one; the same with stores that bypass the cache.    */
enum tsgd_move { TSGD_SCALE, TSGD_TRIAD, TSGD_TRIAD_NT };

/* TSGD_ENOMEM. */
enum tsgd_status tsgd_limit_move(struct tsgd_timing *out, enum tsgd_move move, size_t bytes,
                                 double seconds, struct tsgd_error *err);

/* Bytes that are read and written, for each of `bytes`. */
double tsgd_limit_traffic(enum tsgd_move move);

#endif
