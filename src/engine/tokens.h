/* engine/tokens.h: the two tasks of a token, mix and step. A worker goes on from one to the other
 * without giving the token back whenever the step is ready: its row is still in the core's cache.
 * Threads: the state of a token belongs to whoever has claimed its word (engine/seq.h).         */
#ifndef TSGD_ENGINE_TOKENS_H
#define TSGD_ENGINE_TOKENS_H

#include "engine/teams.h"

/* The parts that a token's tasks need; borrowed. */
struct tokens {
    struct state *s;
    struct planner *planner;
    const struct evaluation *evaluation;
    const struct visits *visits;
    struct teams *teams;
};

/* Mix of round t-1, which leads to 2t (R1, R2); run requires a claim. In a round in which tokens
 * rest it is ready at once, also with slices, and touches no row but for what the rule has follow
 * gossip.                                                                                       */
bool tsgd_mix_ready(const struct tokens *k, uint32_t a, uint64_t t);
bool tsgd_mix_waits(const struct tokens *k, uint32_t a, uint64_t t, struct waits *waits);
void tsgd_mix_run(const struct tokens *k, struct worker *w, uint32_t a, uint64_t t);

/* Of the messages that this mix, or the step, has to wait for, the way of the one that was complete
 * last: half-steps that come, and what is sent from the place that is written. 0 and 0: there was
 * none. Only when tokens are spread; requires a claim.                                          */
struct tsgd_way tsgd_mix_way(const struct tokens *k, uint32_t a, uint64_t t);
struct tsgd_way tsgd_step_way(const struct tokens *k, uint32_t a, uint64_t t);

/* Step of round t, which leads to 2t+1 (R3, R4); run requires a claim. */
bool tsgd_step_ready(const struct tokens *k, uint32_t a, uint64_t t);
bool tsgd_step_waits(const struct tokens *k, uint32_t a, uint64_t t, struct waits *waits);
void tsgd_step_run(const struct tokens *k, struct worker *w, uint32_t a, uint64_t t);

#endif
