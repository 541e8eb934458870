/* engine/watch.h: who looks on while tasks run: the trace, and whatever attaches to a probe. A task
 * is announced when it begins; the next charge (engine/pulse.h) ends it, and its slice is what was
 * charged. A task that is not announced is traced all the same, without its numbers. Without a
 * trace each announcement costs one branch.                                                     */
#ifndef TSGD_ENGINE_WATCH_H
#define TSGD_ENGINE_WATCH_H

#include "base/probe.h"
#include "engine/pulse.h"

extern const struct tsgd_trace_kind tsgd_watch_step, tsgd_watch_mix, tsgd_watch_slice, tsgd_watch_plan;
extern const struct tsgd_trace_kind tsgd_watch_part, tsgd_watch_update;    /* of a shared step */
extern const struct tsgd_trace_kind tsgd_watch_fold, tsgd_watch_block, tsgd_watch_report;

/* The task that begins now; `number` as the kind names them. */
void tsgd_watch_task(struct worker *w, const struct tsgd_trace_kind *kind, uint32_t first,
                     uint64_t second, uint32_t third);

/* For tsgd_charge: the time since w->last was spent on `spent`. */
void tsgd_watch_charge(struct worker *w, enum spent spent, uint64_t now);

static inline bool tsgd_is_traced(const struct worker *w)
{
    return __builtin_expect(w->track != NULL, 0);
}

static inline void tsgd_announce(struct worker *w, const struct tsgd_trace_kind *kind,
                                 uint32_t first, uint64_t second, uint32_t third)
{
    if (tsgd_is_traced(w))
        tsgd_watch_task(w, kind, first, second, third);
}

/* A charge for the trace alone: the accounts do not tell this task from what is around it. */
static inline void tsgd_cut(struct worker *w)
{
    if (tsgd_is_traced(w))
        tsgd_charge(w, OTHER_TIME);
}

#endif
