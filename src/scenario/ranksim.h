/* scenario/ranksim.h: how long the rounds of a run over ranks take, by simulating its events: what
 * each rank's workers do when, and when messages leave and arrive. Who holds which token is drawn
 * as the run would draw it (engine/holders.h), so the ranks are as unevenly loaded as they would
 * be; nothing is trained.
 *
 * A rank has workers and a list of ready tasks; a free worker takes the one of the earliest round,
 * and of one round a step before what is received before a mix. Where workers share cores, one that
 * wakes goes to a free core, or waits for the one that it had last. If steps are short it stays
 * there although another core becomes free, for systems take milliseconds to move what waits.
 * Workers that wait for the same core take turns, a task each. Tasks:
 *   plan t    once plan t-1 has ended on this rank, and round t - 8 has ended on all
 *   step      of token a in round t, on the rank of its holder, once it is there and round t + 1 is
 *             planned there; a token whose holder is away rests on the rank where it was
 *   send      as the step ends, to each other rank that mixes a, or a token that reads a: one
 *             message each. To the rank of a's next holder its private rows go too, in a message of
 *             their own. It costs the worker that stepped
 *   receive   a worker's share of each message that has arrived
 *   mix       of token a in round t, on the rank of its next holder, once its half-step and those
 *             that it reads are there
 * A rank sends one message after the other, and receives one after the other, each direction by
 * itself; a message that is on its way takes the sum of its parts' seconds (link and bytes).
 * Ownership: nothing is kept. Threads: the caller's alone.                                      */
#ifndef TSGD_SCENARIO_RANKSIM_H
#define TSGD_SCENARIO_RANKSIM_H

#include "engine/hooks.h"
#include "scenario/network.h"
#include "transport/ranks.h"

/* What one message costs: seconds on its way, of a worker at each end, and its bytes. */
struct tsgd_message_cost {
    double way, worker;
    uint64_t bytes;
};

struct tsgd_rank_costs {
    double step;                /* seconds of all of a token's steps in a round */
    uint32_t parts;             /* that several workers of a rank may share; 0: as 1 */
    double read;                /* of each row that a token reads when it mixes, its own too */
    double plan;                /* of planning a round, on every rank */
    struct tsgd_message_cost row;       /* what is mixed */
    struct tsgd_message_cost own;       /* private rows; bytes 0: there are none */
};

struct tsgd_ranksim {
    uint32_t tokens;
    bool teleports;             /* holders are drawn anew each round; else token a stays
                                 * at node a */
    uint64_t seed;
    struct tsgd_presence presence;
    const struct tsgd_mixing *mixing;
    struct tsgd_ranks ranks;    /* how many, and which nodes are where; `rank` is not read */
    uint32_t threads;           /* workers of a rank */
    uint64_t cores;             /* of all ranks together, 1 or more: so many tasks run at a time;
                                 * worker w of rank r begins on core (r threads + w) mod cores */
    double stays;               /* who waits for a core takes another one if steps take longer */
    struct tsgd_rank_costs cost;
    const struct tsgd_network *stragglers;      /* a node's steps take as much longer than the
                                                 * network's step_seconds as it says; NULL: all are
                                                 * alike */
    uint64_t rounds;            /* to simulate: 2 or more; the first quarter is not counted */
};

/* Means over the rounds. */
struct tsgd_rank_times {
    double seconds;             /* of a round */
    double work;                /* seconds of all workers in steps and mixes, in a round */
    double messages;            /* between ranks, in a round */
    double bytes;               /* of them */
    double most_bytes;          /* that the busiest rank of a round sends */
    double most_tokens;         /* that the busiest rank of a round steps */
};

/* TSGD_ENOMEM. */
enum tsgd_status tsgd_ranksim_run(const struct tsgd_ranksim *c, struct tsgd_rank_times *out,
                                  struct tsgd_error *err);

/* Visits of tokens to ready lists and the like that a round takes: the simulation's time grows with
 * it, about 50 to 200 ns each.                                                                  */
double tsgd_ranksim_effort(const struct tsgd_ranksim *c);

#endif
