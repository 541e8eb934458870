/* tests/sim/crew.h: rounds in one process a second and a third way. crew_seconds has no events and
 * no lists: at every instant it looks at all workers and tokens anew, by the rules of engine/seq.h
 * and engine/loop.h; it knows no hand-over, sleep or plan, and gossip by rows alone. crew_recursion
 * knows no workers: each token has one of its own, and its times follow from those of the tokens
 * that it reads. Both share the draws of holders with scenario/crewsim, and nothing else.       */
#ifndef SIM_CREW_H
#define SIM_CREW_H

#include "scenario/crewsim.h"

/* Mean seconds of a round over the last three quarters of them. */
double crew_seconds(const struct tsgd_crewsim *c);
double crew_recursion(const struct tsgd_crewsim *c);

#endif
