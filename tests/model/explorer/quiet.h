/* tests/model/explorer/quiet.h: the engine without what workers note of their own activity, for the
 * account, the trace and the watchdog: relaxed, and no part of the protocol.                     */
#ifndef EXPLORER_QUIET_H
#define EXPLORER_QUIET_H

#include "engine/worker.h"

#define tsgd_begin(w, what, first, second, third) ((void)(w))
#define tsgd_end(w, what) ((void)(w))
#define tsgd_end_other(w) ((void)(w))
#define tsgd_worker_count(w, counter, population, amount) ((void)(w))

#endif
