/* engine/tracing.h: what a trace tells beyond what workers recorded, found when they have ended:
 * the arrows of the algorithm, and counters that follow from the slices.
 *
 *     step        from a token's step to the mix of its half-step
 *     gossip      from the step of each token that a mix reads to that mix; by slices, from every
 *                 token's step to the first slice of the round
 *     teleport    from a token's mix, or the last slice of its round, to its next step, where that
 *                 is with another node; `stay` where it is with the same
 * Over ranks a half-step that came from another one begins where it was received; an arrow of the
 * mail (engine/mail.c) leads there. Where one end was not recorded there is no arrow.
 *
 *     tokens ready        tokens whose next task no worker has taken though all that it reads is
 *                         there: for a mix the half-steps (R1), for a step the mixed row and the
 *                         plan. That others have still to read what it will write (R2, R3) does not
 *                         count
 *     sleepers            workers that sleep
 * Threads: one, after the run.                                                                  */
#ifndef TSGD_ENGINE_TRACING_H
#define TSGD_ENGINE_TRACING_H

#include "engine/state.h"

/* Of a mix that reads more tokens than so many, those have arrows that came last. */
enum { TSGD_MOST_GOSSIP_ARROWS = 16 };

/* Adds to s->c.trace what is found in its last pass. TSGD_ENOMEM. */
enum tsgd_status tsgd_tracing_settle(const struct state *s, struct tsgd_error *err);

#endif
