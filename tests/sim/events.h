/* tests/sim/events.h: the simulated clock a second way: a discrete-event simulation of messages,
 * ports and processors, forward in time, over what the tokens did. It shares with scenario/simclock
 * the random streams, nothing else.                                                             */
#ifndef SIM_EVENTS_H
#define SIM_EVENTS_H

#include "engine/engine.h"

/* What a token did in a round. */
struct events_visit {
    bool gone;                  /* its population had ended */
    bool rests, cut;            /* it sat out; its links were cut */
    uint32_t node, gradients;
};

/* visit[rounds][tokens]; when each token's mix of each round ended, as large; freed by the
 * caller.                                                                                       */
double *events_run(const struct tsgd_engine_config *c, const struct events_visit *visit,
                   size_t rounds);

#endif
