/* engine/worker.h: a worker, what it has to itself, and the account of its time.
 *
 * What a worker does is an activity: how the account calls it, and how the trace shows it. One is
 * begun with its numbers and ended; its time is the time since the worker last ended something, so
 * what lies between two activities is counted too. An activity that is ended without having been
 * begun is traced all the same, without its numbers. Without a trace each begin costs one branch.
 *
 * In the variants that look for races, workers also loiter at random between their steps.
 * Threads: everything here belongs to the worker's own thread, but for `doing` and `ended_at`,
 * which the watchdog reads. They are relaxed: it only compares and shows them.                  */
#ifndef TSGD_ENGINE_WORKER_H
#define TSGD_ENGINE_WORKER_H

#include "base/clock.h"
#include "base/trace.h"
#include "engine/turn.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

/* What the account tells apart. */
enum spent { STEP_TIME, MIX_TIME, EVAL_TIME, MESSAGE_TIME, WAIT_TIME, OTHER_TIME, N_TIMES };

/* What the watchdog tells apart. */
enum does {
    DOES_NOTHING,               /* it has not begun, or it has ended */
    DOES_FILL, DOES_LOOK, DOES_SLEEP,
    DOES_STEP, DOES_PART, DOES_UPDATE, DOES_COPY, DOES_MIX,     /* of a token */
    DOES_SLICE, DOES_FOLD, DOES_BLOCK, DOES_REPORT, DOES_PLAN
};

struct activity {
    struct tsgd_trace_kind trace;
    enum spent spent;
    enum does does;
};

/* Numbers of the trace, in their order: token or population, round, and what the name says. */
extern const struct activity tsgd_activity_step;        /* node */
extern const struct activity tsgd_activity_part;        /* a part of a shared step's minibatch */
extern const struct activity tsgd_activity_update;      /* a range of its update */
extern const struct activity tsgd_activity_mix;         /* node */
extern const struct activity tsgd_activity_slice;       /* slice */
extern const struct activity tsgd_activity_fold;        /* token */
extern const struct activity tsgd_activity_block;       /* block */
extern const struct activity tsgd_activity_report;
extern const struct activity tsgd_activity_copy;        /* token; for a checkpoint */
extern const struct activity tsgd_activity_plan;
extern const struct activity tsgd_activity_messages;    /* posting them, taking them over */
extern const struct activity tsgd_activity_wait;
extern const struct activity tsgd_activity_left;        /* the core, to another program (turn.h) */
extern const struct activity tsgd_activity_other;       /* planning, claiming, looking for work */

extern const struct tsgd_trace_kind tsgd_kind_sleep;    /* within a wait */
extern const struct tsgd_trace_kind tsgd_counter_gossip, tsgd_counter_consensus;

struct tsgd_engine;

struct worker {
    alignas(128) struct tsgd_engine *e;
    uint32_t id;
    uint32_t lo, hi;            /* home tokens; one, shared, if workers outnumber tokens */
    uint32_t cursor;            /* the home token to look at first */
    uint32_t behind;            /* the token that last kept it from planning (R5) */
    float *grad;                /* a row for a gradient */
    float *strip;               /* where slices are mixed; only with those */
    void *scratch;              /* the problem's */
    _Atomic uint64_t doing;     /* does << 60 | third number << 32 | first number: its activity;
                                 * TSGD_DOES_MANY in place of a third number that has no room */
    _Atomic uint64_t ended_at;  /* ticks when the last activity ended */
    uint64_t ticks[N_TIMES];
    uint64_t asleep;            /* ticks in which it slept: part of its waits */
    uint64_t cpu_ns;            /* that the system gave its thread, from its begin to its end */
    uint64_t idle_since;        /* ns, when it began to wait; when tokens are spread over ranks */
    uint32_t looks;             /* that find no task before it naps; when tokens are spread */
    uint64_t trained_at;        /* ticks when the last step or mix ended */
    uint64_t steals, sleeps;
    struct turn turn;           /* of several workers, where tokens are not spread over ranks */
    bool counts_as_sharing;     /* in the state's number of those that share their cores */
    struct tsgd_track *track;   /* NULL: no trace */
    struct tsgd_trace_event event;      /* of the activity that was begun; kind NULL: none */
    uint64_t slept;             /* sleeps that the trace has shown */
    uint64_t jitter;            /* state of the random delays */
};

static inline bool tsgd_is_traced(const struct worker *w)
{
    return __builtin_expect(w->track != NULL, 0);
}

/* A counter of the trace has this value from now on, for one population of several. */
void tsgd_worker_count(struct worker *w, const struct tsgd_trace_kind *counter, uint32_t population,
                       double amount);

/* Ends a sleep within a wait. */
void tsgd_worker_slept(struct worker *w, uint64_t since);

/* The branches of tsgd_begin and tsgd_end that are taken with a trace. */
void tsgd_worker_announce(struct worker *w, const struct activity *a, uint32_t first,
                          uint64_t second, uint32_t third);
void tsgd_worker_record(struct worker *w, const struct activity *a, uint64_t now);

#define TSGD_DOES_MANY 0xfffffffu

/* What the worker is at from now on, for the watchdog. */
static inline void tsgd_does(struct worker *w, enum does does, uint32_t first, uint32_t third)
{
    uint64_t shown = third < TSGD_DOES_MANY ? third : TSGD_DOES_MANY;
    atomic_store_explicit(&w->doing, (uint64_t)does << 60 | shown << 32 | first,
                          memory_order_relaxed);
}

/* TSGD_TRACE_NONE in place of a number that does not apply. */
static inline void tsgd_begin(struct worker *w, const struct activity *a, uint32_t first,
                              uint64_t second, uint32_t third)
{
    tsgd_does(w, a->does, first, third);
    if (tsgd_is_traced(w))
        tsgd_worker_announce(w, a, first, second, third);
}

static inline uint64_t tsgd_ended_at(const struct worker *w)
{
    return atomic_load_explicit(&w->ended_at, memory_order_relaxed);
}

/* The worker's time since the last end was spent on this. */
static inline void tsgd_end(struct worker *w, const struct activity *a)
{
    uint64_t now = tsgd_ticks();
    w->ticks[a->spent] += now - tsgd_ended_at(w);
    if (a->spent == STEP_TIME || a->spent == MIX_TIME)
        w->trained_at = now;            /* if for the last time: only evaluation is left */
    if (tsgd_is_traced(w))
        tsgd_worker_record(w, a, now);
    atomic_store_explicit(&w->ended_at, now, memory_order_relaxed);
}

/* Ends what lies before or after an activity that the account too calls other, such as planning, so
 * that the trace shows the two apart.                                                           */
static inline void tsgd_end_other(struct worker *w)
{
    if (tsgd_is_traced(w))
        tsgd_end(w, &tsgd_activity_other);
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
