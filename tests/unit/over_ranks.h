/* tests/unit/over_ranks.h: a run over several ranks within this process (tests/sim/within.h), as
 * the public calls make it: each rank is a thread that creates a run of the same settings, trains
 * it and saves its trace.                                                                       */
#ifndef TESTS_UNIT_OVER_RANKS_H
#define TESTS_UNIT_OVER_RANKS_H

#include "telesgd.h"

enum { OVER_MOST_RANKS = 8 };

/* What became of each rank. */
struct over_ranks {
    struct tsgd_summary end[OVER_MOST_RANKS];
    struct tsgd_traced traced[OVER_MOST_RANKS];
    struct tsgd_worker_shares worker[OVER_MOST_RANKS][32];
    uint64_t workers[OVER_MOST_RANKS];  /* that tsgd_run_worker_shares knows of, up to 32 */
};

/* late: looks that a message may take. What fails, fails the test. */
void run_over_ranks(struct over_ranks *out, const struct tsgd_settings *s, uint32_t ranks,
                    uint32_t late);

#endif
