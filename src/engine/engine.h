/* engine/engine.h: the decentralized training loop: tokens that step, gossip and teleport.
 *
 *     round t, every token a:   node i = holder(t, a)
 *                               x_a <- x_a - eta_t * step(gradient of F_i on i's next minibatch)
 *                               x_a <- x_a + sum over b of W_t[a][b] * (x_b - x_a)
 *
 * Threads share an arena of rows and hand tokens over by sequence counters (engine/seq.h); there is
 * no barrier. Parameters, metrics and hashes depend on the configuration alone, never on the number
 * of threads or their timing.                                                                   */
#ifndef TSGD_ENGINE_ENGINE_H
#define TSGD_ENGINE_ENGINE_H

#include "base/trace.h"
#include "scenario/churn.h"
#include "engine/local.h"
#include "scenario/network.h"
#include "scenario/rate.h"
#include "model/problem.h"
#include "topology/topology.h"

/* Tokens that gossip among themselves, with their own length and step size. */
struct tsgd_population {
    uint32_t k;
    const struct tsgd_schedule *mixing;
    struct tsgd_rate rate;
    uint64_t rounds;            /* ends after this many, */
    uint64_t samples;           /* or after the round in which this many samples are used; 0: no such end */
    uint64_t eval_every;        /* evaluates x^t at multiples of this (0: never), and x of the end */
    bool eval_at_start;
};

enum tsgd_verdict {
    TSGD_GO_ON,
    TSGD_STOP_SOON,             /* end after the rounds that are under way */
    TSGD_END_HERE               /* x of this round is the end; only when config.awaits_verdict */
};

/* How rows are mixed; the bits are the same. Rows: each token's as soon as its neighbours are there,
 * so that tokens may drift apart. Slices: all rows of a population where they stand, once every
 * token is there; half the memory, and the least traffic.                                       */
enum tsgd_gossip {
    TSGD_GOSSIP_AUTO,           /* what tsgd_engine_slices says */
    TSGD_GOSSIP_ROWS,
    TSGD_GOSSIP_SLICES
};

struct tsgd_engine_config {
    const struct tsgd_problem *problem;
    const struct tsgd_population *population;
    uint32_t n_populations;
    bool teleports;             /* holders are drawn anew each round, distinct over all populations; else
                                 * token a stays with node a */
    const struct tsgd_churn *churn;     /* NULL: every node is always there */
    const struct tsgd_network *network; /* NULL, or off: no simulated clock */
    struct tsgd_local local;
    enum tsgd_gossip gossip;
    uint32_t local_steps;
    uint64_t seed;
    uint32_t threads;           /* at most as many as tokens, times problem->parts, are used */
    bool pin;                   /* keep each worker on one CPU (engine/placement.h) */
    uint32_t patience;          /* empty looks before a worker sleeps; 0: what measured best */
    bool eval_tokens;           /* measure every token too, not the mean alone */
    bool final_average;         /* one all-reduce at the end: every x becomes the mean, and the last
                                 * evaluation is of that */
    bool independent;           /* a population that diverges drops out alone; else all end */
    bool awaits_verdict;        /* no token steps past an evaluation before on_eval has judged it */
    const _Atomic bool *stop;   /* as tsgd_engine_stop, for an engine that its caller does not show;
                                 * may be NULL */
    struct tsgd_trace *trace;   /* records what workers do; NULL: not */
    const float *init;          /* x^0 of every token, dim floats */
    /* In round order for a population; by any worker, one at a time for a population. May be NULL.
     * After TSGD_END_HERE the round comes once more if there is a final average, of that.       */
    enum tsgd_verdict (*on_eval)(uint32_t population, const struct tsgd_eval *eval, void *user);
    void *user;
};

/* What became of a run. */
struct tsgd_outcome {
    bool interrupted;
    bool diverged;
    uint64_t diverged_round;    /* the smallest (round, token) */
    uint32_t diverged_token;    /* UINT32_MAX: the evaluation of x of that round */
    double seconds;             /* wall time */
    double busy_seconds;        /* without the intervals in which only evaluation was left to do */
    double share[5];            /* of the workers' time: step, mix, eval, wait, other; they sum to 1 */
    uint64_t steals, sleeps;
};

struct tsgd_engine;

/* Whether gossip goes by slices: as config->gossip says, or what should be faster. */
bool tsgd_engine_slices(const struct tsgd_engine_config *config);

/* Bytes that create would take: rows, plans, means, scratch; SIZE_MAX when they cannot be counted. */
size_t tsgd_engine_bytes(const struct tsgd_engine_config *config);

/* Copies the configuration and the populations; borrows what they point to. Requires 1 <= sum of k
 * <= nodes, and = nodes when holders are fixed. On error *out is untouched. TSGD_ENOMEM.        */
enum tsgd_status tsgd_engine_create(struct tsgd_engine **out,
                                    const struct tsgd_engine_config *config,
                                    struct tsgd_error *err);

/* Starts the threads, which wait for the run; the run does it otherwise. So it is known before
 * anything is written that they can be had. TSGD_ENOMEM: one cannot be started. TSGD_EINVAL: one
 * cannot be kept on its CPU.                                                                    */
enum tsgd_status tsgd_engine_start(struct tsgd_engine *e, struct tsgd_error *err);

/* Trains, in the calling thread and others; once. Errors as start; nothing has run then. With pin,
 * the calling thread may afterwards use the same CPUs as before.                                */
enum tsgd_status tsgd_engine_run(struct tsgd_engine *e, struct tsgd_outcome *out,
                                 struct tsgd_error *err);

/* Ends a run early; from any thread or a signal handler, also before the run. */
void tsgd_engine_stop(struct tsgd_engine *e);

/* Workers that so many threads make for so many tokens: at most one for each part of each step. */
uint32_t tsgd_engine_workers(const struct tsgd_problem *p, uint64_t tokens, uint64_t threads);

/* Where worker i runs, 0 <= i < workers, and its home tokens. */
void tsgd_engine_place(const struct tsgd_engine *e, uint32_t worker, struct tsgd_placement *out);

/* Rounds planned so far; from any thread. */
uint64_t tsgd_engine_progress(const struct tsgd_engine *e);

/* After the run: the row of token a, exchanged row `row` (0 is x), at the end of its population. */
const float *tsgd_engine_row(const struct tsgd_engine *e, uint32_t a, uint32_t row);

/* After the run: the mean over a population's tokens at its last evaluation. */
const float *tsgd_engine_mean(const struct tsgd_engine *e, uint32_t population);

/* After the run: rounds that a population completed. */
uint64_t tsgd_engine_rounds(const struct tsgd_engine *e, uint32_t population);

/* Whether a population diverged: it then reported no evaluation from that round on. */
bool tsgd_engine_diverged(const struct tsgd_engine *e, uint32_t population);

void tsgd_engine_free(struct tsgd_engine *e);

#endif
