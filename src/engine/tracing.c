#include "engine/tracing.h"

#include "base/mem.h"
#include "engine/worker.h"

/* ---- what was recorded, to be looked up ---- */

/* Of a token in a round, but for SLICE, of a population in a round, and PLAN, of a round. Their
 * order is that in which things come to pass.                                                   */
enum what { PLAN, STEP, PART, CAME, MIX, SLICE };

struct seen {
    uint64_t round;
    uint32_t id;                /* of the token or the population */
    enum what what;
    const struct tsgd_trace_event *e;
};

/* From `ready` on a task could run, and at `begin` it did. */
struct span {
    uint64_t from, to;          /* ticks */
    uint32_t tokens;
};

struct tracing {
    const struct state *s;
    struct tsgd_trace *trace;
    struct seen *seen;          /* sorted */
    size_t n;
    struct span *ready, *asleep;
    size_t n_ready, room_ready, n_asleep, room_asleep;
    const struct tsgd_trace_event **read;       /* [tokens] */
};

static bool is_what(const struct tsgd_trace_event *e, enum what *what)
{
    const struct { const struct tsgd_trace_kind *kind; enum what what; } all[] = {
        {&tsgd_activity_plan.trace, PLAN}, {&tsgd_activity_step.trace, STEP},
        {&tsgd_activity_part.trace, PART}, {&tsgd_activity_update.trace, PART},
        {&tsgd_activity_mix.trace, MIX}, {&tsgd_activity_slice.trace, SLICE},
    };
    *what = CAME;
    if (e->kind->arrow == TSGD_TRACE_RECEIVED)
        return true;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (e->kind == all[i].kind) {
            *what = all[i].what;
            return true;
        }
    return false;
}

static int compare(uint64_t a, uint64_t b) { return (a > b) - (a < b); }

static int in_order(const void *a, const void *b)
{
    const struct seen *x = a, *y = b;
    int order = compare(x->round, y->round);
    order = order ? order : compare(x->what == SLICE, y->what == SLICE);
    order = order ? order : compare(x->id, y->id);
    order = order ? order : compare(x->what, y->what);
    return order ? order : compare(x->e->begin, y->e->begin);
}

static int by_time(const void *a, const void *b)
{
    return compare(((const struct span *)a)->from, ((const struct span *)b)->from);
}

static enum tsgd_status add_span(struct span **span, size_t *n, size_t *room, struct span one,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (one.from >= one.to)
        return TSGD_OK;
    TRY(tsgd_grow((void **)span, room, *n + 1, sizeof **span, "counters of the trace",
                  "give fewer --trace-events", err));
    (*span)[(*n)++] = one;
done:
    return st;
}

/* The events of the last pass. */
static enum tsgd_status collect(struct tracing *x, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t n = 0;
    for (size_t i = 0; i < tsgd_trace_tracks(x->trace); i++)
        n += tsgd_trace_track(x->trace, i)->n;
    TRY(TSGD_NEW(&x->seen, n + 1, "arrows of the trace", err));
    TRY(TSGD_NEW(&x->read, x->s->tokens, "arrows of the trace", err));
    for (size_t i = 0; i < tsgd_trace_tracks(x->trace); i++) {
        const struct tsgd_track *track = tsgd_trace_track(x->trace, i);
        for (size_t j = 0; j < track->n; j++) {
            const struct tsgd_trace_event *e = &track->event[j];
            enum what what;
            if (e->pass != track->pass)
                continue;
            if (e->kind == &tsgd_kind_sleep)
                TRY(add_span(&x->asleep, &x->n_asleep, &x->room_asleep,
                             (struct span){e->begin, e->end, 1}, err));
            if (is_what(e, &what))
                x->seen[x->n++] = (struct seen){e->number[1], e->number[0], what, e};
        }
    }
    qsort(x->seen, x->n, sizeof *x->seen, in_order);
done:
    return st;
}

/* The first of its kind; NULL: there is none. Others follow it. */
static const struct seen *find(const struct tracing *x, uint64_t round, uint32_t id, enum what what)
{
    const struct tsgd_trace_event earliest = {.begin = 0};
    const struct seen key = {round, id, what, &earliest};
    size_t lo = 0, hi = x->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (in_order(&x->seen[mid], &key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    const struct seen *found = &x->seen[lo];
    return lo < x->n && found->round == round && found->id == id && found->what == what ? found :
                                                                                          NULL;
}

static const struct tsgd_trace_event *event_of(const struct tracing *x, uint64_t round, uint32_t id,
                                               enum what what)
{
    const struct seen *found = find(x, round, id, what);
    return found ? found->e : NULL;
}

/* When the last one of its kind ended; 0: there is none. */
static uint64_t end_of(const struct tracing *x, uint64_t round, uint32_t id, enum what what,
                       const struct tsgd_trace_event **last)
{
    uint64_t end = 0;
    const struct seen *found = find(x, round, id, what);
    for (; found && found < x->seen + x->n && found->round == round && found->id == id &&
           found->what == what; found++)
        if (found->e->end >= end) {
            end = found->e->end;
            if (last)
                *last = found->e;
        }
    return end;
}

/* ---- half-steps ---- */

/* Where a token's half-step of a round was made, or came from another rank; NULL: not recorded. */
static const struct tsgd_trace_event *half_step(const struct tracing *x, uint64_t t, uint32_t a)
{
    const struct tsgd_trace_event *here = event_of(x, t, a, STEP);
    return here ? here : event_of(x, t, a, CAME);
}

/* When it was there; 0: not recorded. */
static uint64_t half_step_end(const struct tracing *x, uint64_t t, uint32_t a)
{
    uint64_t step = end_of(x, t, a, STEP, NULL), part = end_of(x, t, a, PART, NULL);
    uint64_t came = end_of(x, t, a, CAME, NULL);
    step = part > step ? part : step;
    return came > step ? came : step;
}

/* Whether the token sat the round out, as far as is known here. */
static bool is_absent(const struct tsgd_trace_event *half)
{
    return half->kind == &tsgd_activity_step.trace && half->number[2] == TSGD_TRACE_NONE;
}

/* ---- what is found ---- */

static int latest_first(const void *a, const void *b)
{
    const struct tsgd_trace_event *x = *(const struct tsgd_trace_event *const *)a;
    const struct tsgd_trace_event *y = *(const struct tsgd_trace_event *const *)b;
    int order = compare(y->end, x->end);
    return order ? order : compare(x->number[0], y->number[0]);
}

/* Waits for a task of so many tokens that is ready from this moment on, unless 0: not known. */
static enum tsgd_status waited(struct tracing *x, uint64_t ready,
                               const struct tsgd_trace_event *task, uint32_t tokens,
                               struct tsgd_error *err)
{
    if (ready == 0)
        return TSGD_OK;
    return add_span(&x->ready, &x->n_ready, &x->room_ready,
                    (struct span){ready, task->begin, tokens}, err);
}

static void raise_to(uint64_t *ready, uint64_t end)
{
    *ready = *ready && end ? (end > *ready ? end : *ready) : 0;
}

static enum tsgd_status settle_mix(struct tracing *x, const struct tsgd_trace_event *mix,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t a = mix->number[0], t = mix->number[1], n = 0;
    const struct pop *p = &x->s->pop[x->s->pop_of[a]];
    const struct tsgd_csr *w = tsgd_mixing_at(p->c.mixing, t);
    const struct tsgd_trace_event *own = half_step(x, t, a);
    uint64_t ready = half_step_end(x, t, a);
    bool mixes = own && !is_absent(own) && !tsgd_mixing_rests(p->c.mixing, t);
    if (own)
        TRY(tsgd_trace_link(x->trace, "step", own, mix, err));
    for (uint32_t i = w->ptr[a - p->first]; mixes && i < w->ptr[a - p->first + 1]; i++) {
        uint32_t b = p->first + w->col[i];
        const struct tsgd_trace_event *half = half_step(x, t, b);
        raise_to(&ready, half_step_end(x, t, b));
        if (b != a && half && !is_absent(half))
            x->read[n++] = half;
    }
    qsort(x->read, n, sizeof *x->read, latest_first);
    for (uint32_t i = 0; i < n && i < TSGD_MOST_GOSSIP_ARROWS; i++)
        TRY(tsgd_trace_link(x->trace, "gossip", x->read[i], mix, err));
    TRY(waited(x, ready, mix, 1, err));
done:
    return st;
}

/* The first slice of a round to begin. */
static enum tsgd_status settle_slices(struct tracing *x, const struct tsgd_trace_event *slice,
                                      struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct pop *p = &x->s->pop[slice->number[0]];
    uint32_t t = slice->number[1];
    uint64_t ready = 1;
    for (uint32_t a = p->first; a < p->first + p->c.k; a++) {
        const struct tsgd_trace_event *half = half_step(x, t, a);
        if (half)
            TRY(tsgd_trace_link(x->trace, "gossip", half, slice, err));
        raise_to(&ready, half_step_end(x, t, a));
    }
    TRY(waited(x, ready, slice, p->c.k, err));
done:
    return st;
}

/* What the token did before its step in round t > 0; *end: when it ended. */
static const struct tsgd_trace_event *before_step(const struct tracing *x, uint64_t t, uint32_t a,
                                                  uint64_t *end)
{
    const struct tsgd_trace_event *last = NULL;
    *end = end_of(x, t - 1, a, MIX, &last);
    if (!last && x->s->sliced)
        *end = end_of(x, t - 1, x->s->pop_of[a], SLICE, &last);
    if (last)
        return last;
    *end = half_step_end(x, t - 1, a);
    return half_step(x, t - 1, a);
}

static bool teleported(const struct tracing *x, const struct tsgd_trace_event *step)
{
    uint32_t a = step->number[0], t = step->number[1];
    const struct tsgd_trace_event *before = event_of(x, t - 1, a, STEP);
    if (!before)
        return x->s->is_spread;         /* it was with a node of another rank */
    return before->number[2] != step->number[2] && step->number[2] != TSGD_TRACE_NONE &&
           before->number[2] != TSGD_TRACE_NONE;
}

static enum tsgd_status settle_step(struct tracing *x, const struct tsgd_trace_event *step,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t a = step->number[0], t = step->number[1];
    uint64_t ready = end_of(x, t, TSGD_TRACE_NONE, PLAN, NULL);
    if (x->s->is_spread)                                                        /* M2 */
        raise_to(&ready, end_of(x, t + (uint64_t)1, TSGD_TRACE_NONE, PLAN, NULL));
    if (t > x->s->first_round) {
        uint64_t end;
        const struct tsgd_trace_event *before = before_step(x, t, a, &end);
        if (before)
            TRY(tsgd_trace_link(x->trace, teleported(x, step) ? "teleport" : "stay", before, step,
                                err));
        raise_to(&ready, end);
    }
    TRY(waited(x, ready, step, 1, err));
done:
    return st;
}

static bool is_first_slice(const struct tracing *x, const struct seen *s)
{
    return s->what == SLICE && find(x, s->round, s->id, SLICE) == s;
}

/* ---- counters ---- */

/* How many tokens or workers are in one of these spans, at each moment at which that changes. */
static enum tsgd_status count(struct tracing *x, const struct tsgd_trace_kind *counter,
                              const struct span *span, size_t n, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct span *begin = NULL, *end = NULL;
    uint64_t now = 0;
    TRY(TSGD_NEW(&begin, n + 1, "counters of the trace", err));
    TRY(TSGD_NEW(&end, n + 1, "counters of the trace", err));
    for (size_t i = 0; i < n; i++) {
        begin[i] = span[i];
        end[i] = (struct span){.from = span[i].to, .tokens = span[i].tokens};
    }
    qsort(begin, n, sizeof *begin, by_time);
    qsort(end, n, sizeof *end, by_time);
    for (size_t i = 0, j = 0; j < n;) {
        uint64_t at = i < n && begin[i].from < end[j].from ? begin[i].from : end[j].from;
        for (; i < n && begin[i].from == at; i++)
            now += begin[i].tokens;
        for (; j < n && end[j].from == at; j++)
            now -= end[j].tokens;
        TRY(tsgd_trace_sample(x->trace, counter, at, (double)now, err));
    }
done:
    free(begin);
    free(end);
    return st;
}

enum tsgd_status tsgd_tracing_settle(const struct state *s, struct tsgd_error *err)
{
    static const struct tsgd_trace_kind
        ready = {"tokens ready", "ready", {NULL, NULL, NULL}, TSGD_TRACE_COUNTER},
        sleepers = {"sleepers", "sleep", {NULL, NULL, NULL}, TSGD_TRACE_COUNTER};
    enum tsgd_status st = TSGD_OK;
    struct tracing x = {.s = s, .trace = s->c.trace};
    TRY(collect(&x, err));
    for (size_t i = 0; i < x.n; i++)
        if (x.seen[i].what == STEP)
            TRY(settle_step(&x, x.seen[i].e, err));
        else if (x.seen[i].what == MIX)
            TRY(settle_mix(&x, x.seen[i].e, err));
        else if (is_first_slice(&x, &x.seen[i]))
            TRY(settle_slices(&x, x.seen[i].e, err));
    TRY(count(&x, &ready, x.ready, x.n_ready, err));
    TRY(count(&x, &sleepers, x.asleep, x.n_asleep, err));
done:
    free(x.seen);
    free(x.read);
    free(x.ready);
    free(x.asleep);
    return st;
}
