/* scenario/crewsim.h: how long the rounds of a run in one process take, by simulating what its
 * workers find, take and wait for: the scheduler of engine/loop.h and engine/tasks.h, with the time
 * that each task takes given. Nothing is trained, and the workers need not be there.
 *
 * A worker that has ended a task looks at once: for slices, and at its home tokens, from behind the
 * one that it took last; when it has had nothing to do for `steal`, at all others too. It takes
 *     mix      by rows, once those that it reads have stepped and those that read the row which it
 *              overwrites have mixed; its step follows at once if the round is planned, and if not,
 *              the plan before it
 *     plan     of round t, once plan t-1 has ended and round t-8 too; by whoever meets it first
 *     step     of a planned round; or, in parts, any of them, and then ranges of the update
 *     slice    one of so many, once all tokens have stepped; the last one's worker plans, and then
 *              all tokens may step
 * One that finds nothing stays awake for `patience`, and takes what others make ready `hand` later.
 * Then it sleeps. A worker that takes a task and finds a second one wakes a sleeper, who comes
 * after `wake`, and may wake the next: by rows one at a time, by slices each WAKES_AT_ONCE.
 * Not simulated: how long a look takes, what lookers cost those whose words they read, evaluations.
 * Ownership: nothing is kept. Threads: the caller's alone.                                      */
#ifndef TSGD_SCENARIO_CREWSIM_H
#define TSGD_SCENARIO_CREWSIM_H

#include "engine/hooks.h"
#include "scenario/network.h"

/* Seconds, and bytes to and from memory. */
struct tsgd_crew_costs {
    double step;                /* all of a token's steps in a round, by one worker */
    uint32_t parts;             /* of its minibatch, for several workers; 0 or 1: it has none */
    double update;              /* with parts: of their sum and the rule */
    uint32_t ranges;            /* that the update falls into */
    double read;                /* by rows: of each row that a token reads, its own too */
    uint32_t slices;            /* of a round; 0: gossip by rows */
    double mix;                 /* of all of them together */
    double fetch;               /* of a row that is mixed and that another worker wrote last: it is
                                 * in that one's cache, until it has been fetched once */
    double step_fetch;          /* of a step whose token's rows others wrote last */
    double plan;
    double hand, wake, patience;
    uint32_t at_once;           /* sleepers on their way at most; 0: as in the engine */
    double steal;               /* without a task of its own, until it takes those of others */
    double step_bytes, read_bytes, mix_bytes;   /* as step, read, mix */
    double bandwidth;           /* bytes a second, of all workers together; 0: no limit. A task
                                 * takes no less than its bytes do at an equal share for each
                                 * worker that is busy when it begins */
};

struct tsgd_crewsim {
    uint32_t tokens, nodes, workers;
    bool teleports;             /* as in struct tsgd_ranksim, like the next four */
    uint64_t seed;
    struct tsgd_presence presence;
    const struct tsgd_mixing *mixing;
    const struct tsgd_network *stragglers;
    struct tsgd_crew_costs cost;
    uint64_t rounds;            /* 2 or more; the first quarter is not counted, and workers are
                                 * stopped when the last one has ended: the run would go on */
};

/* Means over the rounds that count; seconds of a round, those of work of all workers together. */
struct tsgd_crew_times {
    double seconds;
    double steps, mixes, plans; /* with what they had to fetch */
    double fetches;             /* of that */
    double asleep;
};

/* TSGD_ENOMEM. */
enum tsgd_status tsgd_crewsim_run(const struct tsgd_crewsim *c, struct tsgd_crew_times *out,
                                  struct tsgd_error *err);

#endif
