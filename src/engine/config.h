/* engine/config.h: what an engine is asked to do. */
#ifndef TSGD_ENGINE_CONFIG_H
#define TSGD_ENGINE_CONFIG_H

#include "base/trace.h"
#include "engine/hooks.h"
#include "engine/rule.h"
#include "model/problem.h"
#include "transport/ranks.h"
#include "transport/transport.h"

struct tsgd_engine;

/* Tokens that gossip among themselves, with their own length and step size. */
struct tsgd_population {
    uint32_t k;
    const struct tsgd_mixing *mixing;
    struct tsgd_step_size eta;
    uint64_t rounds;            /* ends after this many, */
    uint64_t samples;           /* or after the round that uses up so many samples; 0: never */
    uint64_t eval_every;        /* evaluates x^t at multiples of this (0: never), and at the end */
    bool eval_at_start;
};

enum tsgd_verdict {
    TSGD_GO_ON,
    TSGD_STOP_SOON,             /* end after the rounds that are under way */
    TSGD_END_HERE               /* x of this round is the end; only when config.awaits_verdict */
};

/* How rows are mixed; both ways give the same bits. ROWS mixes each token's row as soon as its
 * neighbours' half-steps are there, so that tokens may be rounds apart. SLICES mixes all rows of a
 * population in place, once every token has stepped: half the memory for rows, and the least memory
 * traffic.                                                                                      */
enum tsgd_gossip {
    TSGD_GOSSIP_AUTO,           /* what tsgd_engine_slices says */
    TSGD_GOSSIP_ROWS,
    TSGD_GOSSIP_SLICES
};

/* Checkpoints of a run. write NULL: there are none. */
struct tsgd_checkpoints {
    uint64_t every_rounds;      /* one at multiples of this; 0: not by rounds */
    uint64_t every_ns;          /* one when so much time has passed; 0: not by time */
    /* Called with each, by a thread of its own, while the tokens go on. When it fails, the training
     * goes on.                                                                                  */
    enum tsgd_status (*write)(const struct tsgd_snapshot *x, void *user, struct tsgd_error *err);
    void *user;
    _Atomic bool *ask;          /* true asks for one soon; the engine sets it back. May be NULL */
};

struct tsgd_engine_config {
    const struct tsgd_problem *problem;
    const struct tsgd_kernels *kernels; /* what rows are stepped, mixed and measured with */
    const struct tsgd_population *population;
    uint32_t n_populations;
    bool teleports;             /* holders are drawn anew each round, distinct over all populations;
                                 * else token a stays with node a */
    struct tsgd_ranks ranks;    /* which nodes are here */
    struct tsgd_transport *transport;   /* to the other ranks; NULL: there are none */
    struct tsgd_presence presence;
    struct tsgd_clock clock;
    struct tsgd_rule rule;
    enum tsgd_gossip gossip;
    uint32_t local_steps;
    uint64_t seed;
    uint32_t threads;           /* at most as many as tokens, times problem->parts, are used */
    bool pin;                   /* keep each worker on one CPU (engine/placement.h) */
    uint32_t patience;          /* looks that find no task before a worker sleeps; 0: the number
                                 * that measured best */
    bool eval_tokens;           /* measure every token too, not the mean alone */
    bool final_average;         /* one all-reduce at the end: every x becomes the mean, and the last
                                 * evaluation is of that */
    bool independent;           /* a population that diverges drops out alone; else all end */
    bool awaits_verdict;        /* no token steps past an evaluation before on_eval has judged it */
    const _Atomic bool *stop;   /* true asks for what tsgd_engine_stop does, for whoever cannot
                                 * reach the engine itself; may be NULL */
    struct tsgd_trace *trace;   /* records what workers do; NULL: not */
    const float *init;          /* x^0 of every token, dim floats */
    struct tsgd_checkpoints checkpoints;
    bool resumes;               /* the run goes on from a snapshot of first_round, which the caller
                                 * fills in; see tsgd_engine_snapshot                            */
    uint64_t first_round;       /* 0, unless it resumes */
    double stall_seconds;       /* on_stall is told when nothing has moved for so long, and again
                                 * after twice, four times, .. as long; 0: not */
    /* Told of each evaluation, by any worker: of a population in round order and one call at a
     * time; calls for different populations may overlap. May be NULL. After TSGD_END_HERE, a run
     * with a final average calls it once more for that round, with the evaluation of the
     * average.                                                                                  */
    enum tsgd_verdict (*on_eval)(uint32_t population, const struct tsgd_eval *eval, void *user);
    /* Told what everything waits for, in lines of text, and that a run goes on that it was told of
     * before; by a thread that does nothing else. May be NULL: then there is no such thread.    */
    void (*on_stall)(const char *text, void *user);
    void *user;
};

/* Tokens of all populations. */
size_t tsgd_config_tokens(const struct tsgd_engine_config *c);

/* How many workers so many threads are for so many tokens: at most one for each part of each
 * token's step.                                                                                 */
uint32_t tsgd_engine_workers(const struct tsgd_problem *p, uint64_t tokens, uint64_t threads);

/* Whether gossip goes by slices: as config->gossip says, or what should be faster. */
bool tsgd_engine_slices(const struct tsgd_engine_config *config);

/* Coordinates of a slice (engine/slices.h), of so many rows in all for so many workers. */
size_t tsgd_engine_slice_floats(size_t dim, size_t rows, uint32_t workers);

#endif
