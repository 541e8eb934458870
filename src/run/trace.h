/* run/trace.h: the trace of a run, written where --trace asks for it. Of a run over several ranks
 * rank 0 writes one file, in which each rank is a process and messages are arrows between them. The
 * others send it their events as text, piece by piece, so that it holds no more than one at a time.
 * Threads: one, after the training.                                                             */
#ifndef TSGD_RUN_TRACE_H
#define TSGD_RUN_TRACE_H

#include "run/setup.h"

/* All ranks call it together, and all come back with one status. *out: of all ranks; it may be
 * NULL. TSGD_EINVAL: --trace was not set; TSGD_EIO, TSGD_ENOMEM.                                */
enum tsgd_status tsgd_trace_save(const struct tsgd_setup *setup, struct tsgd_traced *out,
                                 struct tsgd_error *err);

#endif
