/* perf/timing.h: how long one call takes, as base/timing.h measures it. */
#ifndef TSGD_PERF_TIMING_H
#define TSGD_PERF_TIMING_H

#include "base/timing.h"

#define BENCH_SECONDS 0.2

struct bench_time {
    double median, p90;         /* ns of one call */
};

static inline struct bench_time bench_time_of(struct tsgd_timing t)
{
    return (struct bench_time){t.median, t.p90};
}

/* For a fifth of a second. */
static inline struct bench_time bench_run(void (*work)(void *), void *arg)
{
    return bench_time_of(tsgd_time_calls(work, arg, BENCH_SECONDS));
}

#endif
