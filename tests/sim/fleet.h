/* tests/sim/fleet.h: rounds over ranks a second and a third way. fleet_seconds simulates them
 * without lists or heaps: at every instant it looks at all tokens, workers and messages anew.
 * fleet_formula knows no events at all: round by round it adds up when tokens are there, as if each
 * rank took its tokens in the order in which they come to it, and finished a round's before the
 * next one's. Both share the draws of holders (engine/holders.h) with scenario/ranksim, and nothing
 * else; neither plans.                                                                          */
#ifndef SIM_FLEET_H
#define SIM_FLEET_H

#include "scenario/ranksim.h"

/* Mean seconds of a round over the last three quarters of them. */
double fleet_seconds(const struct tsgd_ranksim *c);
double fleet_formula(const struct tsgd_ranksim *c);

/* What no schedule can beat, a round: the busiest rank's work and messages over all rounds, the
 * cores', and the steps and mixes of token 0 one after the other.                               */
double fleet_least(const struct tsgd_ranksim *c);

#endif
