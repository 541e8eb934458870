/* engine/stall.h: what everything waits for in a run that stands still, in words: the tokens that
 * are furthest behind, what they and their populations wait for by the readiness checks themselves,
 * and what each worker is at. When the run goes on meanwhile, the words are a little out of date.
 * Threads: the watchdog's.                                                                      */
#ifndef TSGD_ENGINE_STALL_H
#define TSGD_ENGINE_STALL_H

#include "engine/parts.h"

extern const struct tsgd_watch tsgd_stall;

#endif
