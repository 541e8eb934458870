/* run/rehearsal.h: what the tasks of a worker cost where a run finds its rows. The calling thread
 * visits as many home tokens as a worker has; beside it another thread on another core does the
 * same with tokens of its own, as all other workers of a run do, and it stands for them all: it has
 * written last what others have written. Each task is timed by itself, in time of the CPU, and none
 * is derived from the speed of a run; nothing is trained, because steps have a size of 0.
 * Threads: the caller's alone, and one more until it returns.                                    */
#ifndef TSGD_RUN_REHEARSAL_H
#define TSGD_RUN_REHEARSAL_H

#include "run/costs.h"

/* Seconds. Those of fetching are what a task takes longer than it does on rows that its worker has
 * written itself; 0 where there is one worker, or one CPU.                                       */
struct tsgd_rehearsal {
    double gradient, update;    /* of one local step; update is 0 where a step is not shared, for
                                 * then `gradient` is all of it */
    double read;                /* by rows: a mix, for each row that it reads, its own too */
    uint32_t slices;            /* 0: gossip by rows */
    double mix;                 /* all slices together */
    double fetch;               /* mixing a row that others have written */
    double step_fetch;          /* by rows: a step of a token whose own rows others have written; by
                                 * slices: of any, whose exchanged rows others have mixed */
};

/* Home tokens of a worker; where there are more workers than tokens, of one that has any. */
static inline uint32_t tsgd_home_tokens(uint32_t tokens, uint32_t workers)
{
    return workers < tokens ? (tokens - 1) / workers + 1 : 1;
}

/* steps: with gradients, after tsgd_costs_find_source; else `gradient` is 0. TSGD_ENOMEM;
 * TSGD_EINVAL: a CPU was lost meanwhile.                                                        */
enum tsgd_status tsgd_rehearse(struct tsgd_rehearsal *out, const struct tsgd_costs *b,
                               uint32_t workers, bool slices, bool steps, struct tsgd_error *err);

#endif
