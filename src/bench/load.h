/* bench/load.h: whether others use the machine while something is measured: the CPU time of all
 * programs, as the system counts it in ticks, without that of this process. Any thread.         */
#ifndef TSGD_BENCH_LOAD_H
#define TSGD_BENCH_LOAD_H

#include <stdbool.h>

/* Seconds so far, since times of the system's choice. */
struct tsgd_load {
    double wall;
    double own;                 /* CPU time of this process, all threads */
    double all;                 /* of everything, and what the host gave to other machines; NaN: the
                                 * system does not tell */
};

/* proc: "/proc", or a folder laid out like it. */
void tsgd_load_read(struct tsgd_load *out, const char *proc);

/* CPUs that others kept busy in between; NaN: not told, or too short for the system's ticks. */
double tsgd_load_others(const struct tsgd_load *from, const struct tsgd_load *to);

/* Whether others disturbed what was measured, and if so how, as a clause: "ran 80 % of its time,
 * others kept 0.9 CPUs busy"; else "". ran: CPU time over wall time of the thread; NaN where that
 * may rest by itself. others: as above. spare: CPUs of the machine that nothing was measured on.
 * moves: it was caches and memory, which all share.                                             */
const char *tsgd_load_disturbance(char text[96], double ran, double others, double spare,
                                  bool moves);

/* The system's own mean of the last minute: threads that run or want to; NaN: not told. */
double tsgd_load_average(const char *proc);

#endif
