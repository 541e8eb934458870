/* engine/config.h: what an engine is asked to do. */
#ifndef TSGD_ENGINE_CONFIG_H
#define TSGD_ENGINE_CONFIG_H

#include "base/trace.h"
#include "engine/hooks.h"
#include "engine/rule.h"
#include "model/problem.h"

struct tsgd_engine;

/* Tokens that gossip among themselves, with their own length and step size. */
struct tsgd_population {
    uint32_t k;
    const struct tsgd_mixing *mixing;
    struct tsgd_step_size eta;
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
    struct tsgd_presence presence;
    struct tsgd_clock clock;
    struct tsgd_rule rule;
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
    const struct tsgd_engine *after;    /* go on where this engine ended, which had the same
                                         * configuration but for threads, gossip, pin and lengths, and
                                         * outlives this one; NULL: begin with round 0               */
    /* In round order for a population; by any worker, one at a time for a population. May be NULL.
     * After TSGD_END_HERE the round comes once more if there is a final average, of that.       */
    enum tsgd_verdict (*on_eval)(uint32_t population, const struct tsgd_eval *eval, void *user);
    void *user;
};

/* Tokens of all populations. */
size_t tsgd_config_tokens(const struct tsgd_engine_config *c);

/* Workers that so many threads make for so many tokens: at most one for each part of each step. */
uint32_t tsgd_engine_workers(const struct tsgd_problem *p, uint64_t tokens, uint64_t threads);

/* Whether gossip goes by slices: as config->gossip says, or what should be faster. */
bool tsgd_engine_slices(const struct tsgd_engine_config *config);

#endif
