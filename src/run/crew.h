/* run/crew.h: how fast a run would be in one process with so many workers, on a machine with a core
 * for each, which this one need not be: what tasks cost is measured here, and some rounds are
 * simulated (scenario/crewsim.h). Then each cause of a loss is left out by itself, to tell what it
 * costs.                                                                                        */
#ifndef TSGD_RUN_CREW_H
#define TSGD_RUN_CREW_H

#include "run/job.h"
#include "scenario/crewsim.h"

/* What a round would be without. */
enum tsgd_crew_cause {
    TSGD_CAUSE_GOSSIP,          /* mixes, or slices with their barrier: tokens are alone */
    TSGD_CAUSE_FETCHES,         /* rows in another core's cache */
    TSGD_CAUSE_HAND_OVERS,      /* of tokens to workers that wait, awake or asleep */
    TSGD_CAUSE_WAKES,           /* of sleepers one at a time: as many come at once as there are */
    TSGD_CAUSE_PLANS,
    TSGD_CAUSE_MEMORY,          /* the limit of --memory-bandwidth */
    TSGD_CAUSES
};
extern const char *const tsgd_crew_causes[TSGD_CAUSES];

struct tsgd_crew_forecast {
    uint32_t workers;
    bool slices;                /* else rows */
    uint64_t rounds;            /* simulated */
    struct tsgd_crew_costs cost;
    struct tsgd_crew_times times;
    double without[TSGD_CAUSES];        /* seconds of a round */
    double one_thread;          /* the same, by one worker */
};

/* Of a planned job, with so many threads; step: seconds of all of a token's steps in a round, NaN:
 * to be measured. By the calling thread, and another one, in a second or so. TSGD_EINVAL: no step
 * can be measured; TSGD_ENOMEM.                                                                 */
enum tsgd_status tsgd_crew_forecast(struct tsgd_crew_forecast *out, const struct tsgd_job *job,
                                    uint64_t threads, double step, struct tsgd_error *err);

#endif
