/* run/forecast.h: how fast a run would be on so many ranks (--ranks) of so many threads, on
 * machines that are not there: seconds of a step, of a mix and of a copy are measured here,
 * --link-seconds and --bandwidth say what a message takes between two ranks, and the events of
 * some rounds are simulated (scenario/ranksim.h).
 * A formula alone would not do: with random holders the busiest rank of a round decides little,
 * because tokens that have not met it go on; how much that evens out is what the events tell.   */
#ifndef TSGD_RUN_FORECAST_H
#define TSGD_RUN_FORECAST_H

#include "run/crew.h"
#include "scenario/ranksim.h"

struct tsgd_forecast {
    uint64_t ranks, threads;    /* threads of a rank */
    uint64_t cores;             /* that work at a time, of all ranks */
    uint64_t rounds;            /* simulated */
    bool exchanged;             /* a message's cost was measured between ranks; else it is that of
                                 * a copy */
    struct tsgd_rank_costs cost;
    struct tsgd_rank_times times;
    double free_seconds;        /* of a round, if messages cost nothing */
    double one_rank;            /* of a round, on one rank of as many threads */
    double one_thread;          /* of a round, on one rank of one thread */
    double evaluation;          /* seconds of one; at most, because tokens go on meanwhile */
    uint64_t memory_bytes;      /* of the rank that needs most, about */
    bool has_crew;              /* one rank with a core for each thread: `times` are from there */
    struct tsgd_crew_forecast crew;
};

/* Refuses what --ranks cannot go with, before anything is read. TSGD_EINVAL. */
enum tsgd_status tsgd_forecast_check(const struct tsgd_settings *s, struct tsgd_error *err);

/* In a program over several ranks, which must all come to this: what a message of half-steps costs
 * a worker at either end, between the first two. NaN: there is one rank, or this is not one of
 * those two. On all ranks TSGD_ENOMEM.                                                          */
enum tsgd_status tsgd_forecast_exchange(double *out, const struct tsgd_job *j,
                                        struct tsgd_error *err);

/* Of a planned job whose settings have --ranks, by what is measured in the calling thread, in about
 * a second; simulating takes seconds too. message: what tsgd_forecast_exchange says. memory_bytes:
 * what the run would take in one process. TSGD_EINVAL: no step can be measured; a round
 * would take 1e100 seconds. TSGD_ENOMEM.                                                        */
enum tsgd_status tsgd_forecast_make(struct tsgd_forecast *out, const struct tsgd_job *job,
                                    double message, uint64_t memory_bytes,
                                    struct tsgd_error *err);

#endif
