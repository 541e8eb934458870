/* perf/timing.h: how long one call takes. */
#ifndef TSGD_PERF_TIMING_H
#define TSGD_PERF_TIMING_H

struct bench_time {
    double median, p90;         /* ns of one call */
};

/* Calls work(arg) for about a fifth of a second, the first tenth of it to warm up. Calls too short
 * for the clock are timed several together.                                                     */
struct bench_time bench_run(void (*work)(void *), void *arg);

#endif
