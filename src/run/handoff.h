/* run/handoff.h: what it costs to hand a token from one worker to another: the time from the
 * store into its word (engine/seq.h) until a worker on another CPU has seen it.                 */
#ifndef TSGD_RUN_HANDOFF_H
#define TSGD_RUN_HANDOFF_H

#include "base/status.h"
#include "base/timing.h"

#include <stdbool.h>

/* Two threads, the calling one and another, each kept on a CPU of its own, hand a token to and fro.
 * claims: each takes it by a compare-and-swap, as workers do; else it is only seen. *out: one way.
 * Afterwards the calling thread may use the same CPUs as before. TSGD_EINVAL: this process may use
 * one CPU alone, or it lost one meanwhile; TSGD_ENOMEM: no thread.                              */
enum tsgd_status tsgd_hand_off(struct tsgd_timing *out, bool claims, double seconds,
                               struct tsgd_error *err);

/* From the call that wakes a sleeping worker (engine/sleep.h) until it runs. Errors as above. */
enum tsgd_status tsgd_wake_up(struct tsgd_timing *out, double seconds, struct tsgd_error *err);

#endif
