/* engine/pulse.h: what all tasks do beside their work: say where the time went, that something is
 * done, that a number is not finite; and random delays, in the variants that look for races.    */
#ifndef TSGD_ENGINE_PULSE_H
#define TSGD_ENGINE_PULSE_H

#include "engine/state.h"

/* The worker's time since the last charge was spent on this. */
void tsgd_charge(struct worker *w, enum spent kind);

/* Wakes up to n sleepers; how many were asleep. */
long tsgd_wake(struct tsgd_engine *e, int n);

/* Wakes one sleeper, unless nobody sleeps or somebody is about to: for speed, not for safety. */
void tsgd_wake_another(struct tsgd_engine *e);

/* A token retired, or an evaluation is done; the last one wakes everybody. */
void tsgd_done_one(struct tsgd_engine *e);

/* A loss of `token` (UINT32_MAX: the evaluation) in this round of p; the smallest place stays. */
void tsgd_diverged_at(struct pop *p, uint64_t round, uint32_t token);

static inline bool tsgd_has_diverged(const struct pop *p)
{
    /* Relaxed: what follows from it does not depend on when it is seen; each caller says why. */
    return atomic_load_explicit(&p->diverged, memory_order_relaxed) != NEVER;
}

/* Relaxed: the planner sees it sooner or later, and nothing else depends on it. */
static inline void tsgd_ask_to_stop(struct tsgd_engine *e)
{
    atomic_store_explicit(&e->stop, true, memory_order_relaxed);
}

#ifdef TSGD_JITTER
void tsgd_jitter(struct worker *w, bool maybe_long);
#else
static inline void tsgd_jitter(struct worker *w, bool maybe_long)
{
    (void)w;
    (void)maybe_long;
}
#endif

#endif
