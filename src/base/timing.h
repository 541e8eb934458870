/* base/timing.h: how long one call takes, and whether this thread had its CPU to itself. */
#ifndef TSGD_BASE_TIMING_H
#define TSGD_BASE_TIMING_H

#include <stddef.h>

struct tsgd_timing {
    double median, least, most, p90;    /* ns of one call; all 0: nothing was timed */
    size_t n;                           /* turns that were timed */
    double ran;                         /* CPU time of the calling thread over wall time, while it
                                         * was timed: below 1 somebody else had the CPU */
};

/* Calls work(arg) for about so many seconds, the first tenth of them to warm up, and three times at
 * least. Calls too short for the clock are timed several together. Any thread.                  */
struct tsgd_timing tsgd_time_calls(void (*work)(void *), void *arg, double seconds);

/* The same of n measured times, which it sorts; `ran` is left to the caller. */
struct tsgd_timing tsgd_timing_of(double *ns, size_t n);

#endif
