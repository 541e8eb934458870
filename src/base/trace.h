/* base/trace.h: what every worker did when, kept in memory while it runs and written afterwards as
 * Chrome trace events, JSON that ui.perfetto.dev and chrome://tracing open. Several processes may
 * tell theirs in one file, on one clock.
 * A trace has a track for each worker, with room for so many events; a full track records no more
 * and counts what it loses, so that the beginning of a run is seen whole. The file has a track for
 * each place too, in a process of their own: what flows is seen to go from place to place there.
 * Ownership: whoever creates a trace frees it. Threads: a track belongs to one thread at a time,
 * everything else is called while none records. Recording never allocates, locks or calls the
 * system.                                                                                       */
#ifndef TSGD_BASE_TRACE_H
#define TSGD_BASE_TRACE_H

#include "base/clock.h"
#include "base/status.h"

#include <stddef.h>
#include <stdio.h>

#define TSGD_TRACE_NONE UINT32_MAX      /* in place of a number that does not apply */

/* What events of one kind have in common; static, for events point to it. */
struct tsgd_trace_kind {
    const char *name;           /* of the slice; NULL: the event's text is */
    const char *category;
    const char *number[3];      /* names of the event's numbers; NULL: not shown */
    enum tsgd_trace_arrow {
        TSGD_TRACE_ALONE,       /* no arrow leads from or to the slice by itself */
        TSGD_TRACE_FLOWS,       /* the first number is something that goes on from slice to slice,
                                 * the third a place at which it is then (none: nowhere). The slice
                                 * is shown on the place's track too, and there an arrow leads from
                                 * each to the next with the same first number */
        TSGD_TRACE_COUNTER,     /* no slice: from `begin` on, a counter has the value `amount`. With
                                 * a first number there is one for each */
        TSGD_TRACE_SENT,        /* numbers: token, round, the process that it goes to, counted from
                                 * 0: an arrow leads to the slice in which it is received there */
        TSGD_TRACE_RECEIVED     /* .., the process that it comes from */
    } arrow;
};

struct tsgd_trace_event {
    uint64_t begin;             /* ticks */
    union {
        uint64_t end;
        double amount;          /* of a counter; finite */
    };
    const struct tsgd_trace_kind *kind;
    const char *text;           /* the slice's name, or else a note; NULL: none. Not copied */
    uint32_t number[3], pass;
};

struct tsgd_track {
    struct tsgd_trace_event *event;
    size_t n, room;
    uint64_t lost;
    const char *name;           /* of the thread; NULL: it is a worker */
    uint64_t whole;             /* pass << 32 | round: earlier ones have lost no message */
    uint32_t pass;
};

struct tsgd_trace;

/* An empty trace, whose tracks will have room for `room` events each; inner: slices within slices
 * are to be recorded too. TSGD_ENOMEM.                                                          */
enum tsgd_status tsgd_trace_create(struct tsgd_trace **out, size_t room, bool inner,
                                   struct tsgd_error *err);
void tsgd_trace_free(struct tsgd_trace *t);

/* Bytes of one track; SIZE_MAX when they cannot be counted. */
size_t tsgd_trace_bytes(const struct tsgd_trace *t);

/* A pass begins: there are at least this many tracks afterwards, and what flows in it has nothing
 * to do with what flowed before. Tracks from before may have moved. TSGD_ENOMEM.                */
enum tsgd_status tsgd_trace_reserve(struct tsgd_trace *t, size_t tracks, struct tsgd_error *err);

struct tsgd_track *tsgd_trace_track(struct tsgd_trace *t, size_t i);
size_t tsgd_trace_tracks(const struct tsgd_trace *t);
bool tsgd_trace_is_inner(const struct tsgd_trace *t);

/* So many ns this process's clock is ahead of the one by which the file will tell times, or up to
 * `error` more or less.                                                                         */
void tsgd_trace_set_clock(struct tsgd_trace *t, int64_t ahead, uint64_t error);

/* Called by the track's thread before it records: the system then places the track's memory near
 * it.                                                                                           */
void tsgd_track_touch(struct tsgd_track *t);

/* There is no room for the event. */
void tsgd_track_lose(struct tsgd_track *t, const struct tsgd_trace_event *event);

static inline void tsgd_track_add(struct tsgd_track *t, const struct tsgd_trace_event *event)
{
    if (__builtin_expect(t->n == t->room, 0)) {
        tsgd_track_lose(t, event);
        return;
    }
    t->event[t->n] = *event;
    t->event[t->n++].pass = t->pass;
}

/* ---- what is found in a pass when it is over ---- */

/* An arrow of this name leads from the begin of a slice to that of another one, both events of the
 * trace. The name is not copied. TSGD_ENOMEM.                                                   */
enum tsgd_status tsgd_trace_link(struct tsgd_trace *t, const char *name,
                                 const struct tsgd_trace_event *from,
                                 const struct tsgd_trace_event *to, struct tsgd_error *err);

/* A counter has this value from so many ticks on; each counter's in order of time. TSGD_ENOMEM. */
enum tsgd_status tsgd_trace_sample(struct tsgd_trace *t, const struct tsgd_trace_kind *counter,
                                   uint64_t ticks, double amount, struct tsgd_error *err);

/* Not all was found. What was recorded stays, but the trace cannot be written: that fails so. */
void tsgd_trace_fail(struct tsgd_trace *t, enum tsgd_status status, const struct tsgd_error *why);

/* The start of a trace file. */
#define TSGD_TRACE_HEADER "{\"displayTimeUnit\":\"ns\",\n\"otherData\":{\"program\":\"telesgd"

/* Writes the JSON object, with each track as thread "worker I"; failed writes are left for the
 * caller to find in `f`. TSGD_ENOMEM.                                                           */
enum tsgd_status tsgd_trace_write(const struct tsgd_trace *t, FILE *f, struct tsgd_traced *out,
                                  struct tsgd_error *err);

/* ---- traces of several processes in one file ---- */

/* Where a flow begins and ends, on the file's clock. Both grow when views are merged. */
struct tsgd_trace_flow {
    uint64_t before;            /* UINT64_MAX less the first slice's ns; 0: there is none */
    uint64_t last;              /* the last slice's ns; the first one's: there is no arrow */
};

/* How a process's trace is shown beside others. Each process measures its own, all merge what they
 * found, and each puts its events: so that every arrow that leaves one arrives in another.      */
struct tsgd_trace_view {
    uint32_t process;           /* its number, from 0 */
    uint32_t processes;         /* of all; the one after the last is that of the places */
    const char *name;           /* of the process */
    /* Measured. */
    struct tsgd_trace_scale {
        uint64_t ticks, ns;     /* the same moment; ns on the file's clock */
        double tick;            /* ns of one */
    } scale;
    uint64_t first;             /* ns of the first event; merged: the least */
    uint64_t whole;             /* as in a track; merged: the least */
    uint64_t events, lost;      /* merged: the sums */
    uint64_t error;             /* ns that this process's clock may be wrong; merged: the most */
    uint32_t flows;             /* of a pass; merged: the most */
    uint32_t places;            /* merged: the most */
    uint32_t passes;
    struct tsgd_trace_flow *flow;       /* [passes][flows]; merged: the most of both fields */
    struct tsgd_trace_stay *stay;       /* room for what is shown at places; not merged */
};

/* Fills in what is measured, but for the pointers. The caller has filled in the fields before. */
void tsgd_trace_measure(const struct tsgd_trace *t, struct tsgd_trace_view *v);

/* Fills in the pointers; v->flows may have been merged since. Release v in any case. TSGD_ENOMEM,
 * or what tsgd_trace_fail was told.                                                             */
enum tsgd_status tsgd_trace_find_flows(const struct tsgd_trace *t, struct tsgd_trace_view *v,
                                       struct tsgd_error *err);
void tsgd_trace_view_release(struct tsgd_trace_view *v);

/* The start of the file, the events of one process, the end. */
void tsgd_trace_begin(FILE *f, const struct tsgd_trace_view *v);
void tsgd_trace_put(const struct tsgd_trace *t, const struct tsgd_trace_view *v, FILE *f);
void tsgd_trace_end(FILE *f);

/* ---- slices within a task, by code that knows no workers ---- */

/* The track of this thread, when it records such slices; else NULL, and they cost one branch. The
 * shared library too reads it without a call: 8 bytes of what a thread sets aside at its start. */
extern _Thread_local struct tsgd_track *tsgd_trace_inner
    __attribute__((visibility("hidden"), tls_model("initial-exec")));

static inline uint64_t tsgd_inner_begin(void)
{
    return __builtin_expect(tsgd_trace_inner != NULL, 0) ? tsgd_ticks() : 0;
}

/* text: the slice's name; it must live as long as the trace. */
static inline void tsgd_inner_end(uint64_t begin, const struct tsgd_trace_kind *kind,
                                  const char *text, uint32_t number)
{
    if (__builtin_expect(tsgd_trace_inner != NULL, 0))
        tsgd_track_add(tsgd_trace_inner, &(struct tsgd_trace_event){
            .begin = begin, .end = tsgd_ticks(), .kind = kind, .text = text,
            .number = {number, TSGD_TRACE_NONE, TSGD_TRACE_NONE}});
}

#endif
