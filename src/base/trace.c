#include "base/trace.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

struct tsgd_trace {
    struct tsgd_track *track;
    size_t tracks, room;
    bool inner;
    uint32_t passes;
    uint64_t ticks, ns;         /* the same moment on both clocks */
};

_Thread_local struct tsgd_track *tsgd_trace_inner;

enum tsgd_status tsgd_trace_create(struct tsgd_trace **out, size_t room, bool inner,
                                   struct tsgd_error *err)
{
    struct tsgd_trace *t;
    enum tsgd_status st = TSGD_NEW(&t, 1, "trace", err);
    if (st != TSGD_OK)
        return st;
    *t = (struct tsgd_trace){.room = room, .inner = inner,
                             .ticks = tsgd_ticks(), .ns = tsgd_now_ns()};
    *out = t;
    return TSGD_OK;
}

void tsgd_trace_free(struct tsgd_trace *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->tracks; i++)
        tsgd_unmap(t->track[i].event, tsgd_trace_bytes(t));
    free(t->track);
    free(t);
}

size_t tsgd_trace_bytes(const struct tsgd_trace *t)
{
    return tsgd_mul(t->room, sizeof(struct tsgd_trace_event));
}

enum tsgd_status tsgd_trace_reserve(struct tsgd_trace *t, size_t tracks, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_track *track = NULL;
    if (tracks > t->tracks) {
        TRY(TSGD_NEW(&track, tracks, "trace", err));
        if (t->tracks)
            memcpy(track, t->track, t->tracks * sizeof *track);
        free(t->track);
        t->track = track;
    }
    while (t->tracks < tracks) {
        void *event;
        TRY(tsgd_map(&event, tsgd_trace_bytes(t), "events of the trace", err));
        t->track[t->tracks++] = (struct tsgd_track){.event = event, .room = t->room};
    }
    for (size_t i = 0; i < t->tracks; i++)
        t->track[i].pass = t->passes;
    t->passes++;
done:
    return st;
}

struct tsgd_track *tsgd_trace_track(struct tsgd_trace *t, size_t i) { return &t->track[i]; }

bool tsgd_trace_is_inner(const struct tsgd_trace *t) { return t->inner; }

void tsgd_track_touch(struct tsgd_track *t)
{
    memset(t->event + t->n, 0, (t->room - t->n) * sizeof *t->event);
}

/* ---- writing ---- */

/* From ticks to nanoseconds since the first event. */
struct scale {
    uint64_t first;
    double ns;                  /* of a tick */
};

static uint64_t at(const struct scale *s, uint64_t ticks)
{
    return (uint64_t)((double)(ticks - s->first) * s->ns);
}

/* Where each flow begins and ends, by the first tick of its slices. */
struct flow {
    uint64_t first, last;       /* equal: one slice, and no arrow */
};

struct flows {
    struct flow *flow;          /* [passes][per_pass] */
    uint32_t per_pass;
};

static struct flow *flow_of(const struct flows *f, const struct tsgd_trace_event *e)
{
    return e->kind->flows ? &f->flow[(size_t)e->pass * f->per_pass + e->number[0]] : NULL;
}

static enum tsgd_status find_flows(const struct tsgd_trace *t, struct flows *out,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    for (size_t i = 0; i < t->tracks; i++)
        for (size_t j = 0; j < t->track[i].n; j++) {
            const struct tsgd_trace_event *e = &t->track[i].event[j];
            if (e->kind->flows && e->number[0] >= out->per_pass)
                out->per_pass = e->number[0] + 1;
        }
    if (out->per_pass == 0)
        return TSGD_OK;
    TRY(TSGD_NEW(&out->flow, tsgd_mul(t->passes, out->per_pass), "flows of the trace", err));
    for (size_t i = 0; i < t->tracks; i++)
        for (size_t j = 0; j < t->track[i].n; j++) {
            const struct tsgd_trace_event *e = &t->track[i].event[j];
            struct flow *f = flow_of(out, e);
            if (!f)
                continue;
            if (f->first == 0 || e->begin < f->first)
                f->first = e->begin;
            if (e->begin > f->last)
                f->last = e->begin;
        }
done:
    return st;
}

static void put_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(f, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(f, "\\u%04x", *text);
        else
            fputc(*text, f);
    fputc('"', f);
}

/* Begins an event of phase `ph` in track i at ns; the caller closes it. */
static void put_head(FILE *f, const char *ph, const char *name, const char *category, size_t i,
                     uint64_t ns)
{
    fprintf(f, ",\n{\"ph\":\"%s\",\"name\":", ph);
    put_text(f, name);
    fprintf(f, ",\"cat\":\"%s\",\"pid\":1,\"tid\":%zu,\"ts\":%" PRIu64 ".%03u", category, i + 1,
            ns / 1000, (unsigned)(ns % 1000));
}

static void put_slice(FILE *f, const struct tsgd_trace_event *e, size_t i, const struct scale *s)
{
    uint64_t begin = at(s, e->begin), ns = at(s, e->end) - begin;
    const char *comma = "";
    put_head(f, "X", e->kind->name ? e->kind->name : e->text, e->kind->category, i, begin);
    fprintf(f, ",\"dur\":%" PRIu64 ".%03u,\"args\":{", ns / 1000, (unsigned)(ns % 1000));
    for (int j = 0; j < 3; j++)
        if (e->kind->number[j] && e->number[j] != TSGD_TRACE_NONE) {
            fprintf(f, "%s\"%s\":%" PRIu32, comma, e->kind->number[j], e->number[j]);
            comma = ",";
        }
    if (e->kind->name && e->text) {
        fprintf(f, "%s\"note\":", comma);
        put_text(f, e->text);
    }
    fprintf(f, "}}");
}

/* An arrow's end is bound to the slice around its time (bp e), which has just been written. */
static void put_flow(FILE *f, const struct tsgd_trace_event *e, size_t i, const struct scale *s,
                     const struct flow *flow)
{
    if (!flow || flow->first == flow->last)
        return;
    put_head(f, e->begin == flow->first ? "s" : e->begin == flow->last ? "f" : "t",
             e->kind->number[0], e->kind->number[0], i, at(s, e->begin));
    fprintf(f, ",\"bp\":\"e\",\"id\":%" PRIu64 "}", (uint64_t)e->pass << 32 | e->number[0]);
}

static struct scale scale_of(const struct tsgd_trace *t)
{
    struct scale s = {.first = UINT64_MAX};
    uint64_t ticks = tsgd_ticks() - t->ticks;
    s.ns = (double)tsgd_ns_since(t->ns) / (double)(ticks ? ticks : 1);
    for (size_t i = 0; i < t->tracks; i++)
        for (size_t j = 0; j < t->track[i].n; j++)
            if (t->track[i].event[j].begin < s.first)
                s.first = t->track[i].event[j].begin;
    return s;
}

enum tsgd_status tsgd_trace_write(const struct tsgd_trace *t, FILE *f, struct tsgd_traced *out,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct flows flows = {NULL, 0};
    struct scale s = scale_of(t);
    *out = (struct tsgd_traced){0, 0};
    TRY(find_flows(t, &flows, err));
    for (size_t i = 0; i < t->tracks; i++) {
        out->events += t->track[i].n;
        out->lost += t->track[i].lost;
    }
    fprintf(f, TSGD_TRACE_HEADER " %s\","
            "\"events\":%" PRIu64 ",\"lost\":%" PRIu64 "},\n\"traceEvents\":[\n"
            "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"args\":{\"name\":\"telesgd\"}}",
            TELESGD_VERSION, out->events, out->lost);
    for (size_t i = 0; i < t->tracks; i++) {
        fprintf(f, ",\n{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":1,\"tid\":%zu,"
                "\"args\":{\"name\":\"worker %zu\"}},\n", i + 1, i);
        fprintf(f, "{\"ph\":\"M\",\"name\":\"thread_sort_index\",\"pid\":1,\"tid\":%zu,"
                "\"args\":{\"sort_index\":%zu}}", i + 1, i);
        for (size_t j = 0; j < t->track[i].n; j++) {
            const struct tsgd_trace_event *e = &t->track[i].event[j];
            put_slice(f, e, i, &s);
            put_flow(f, e, i, &s, flow_of(&flows, e));
        }
    }
    fprintf(f, "\n]}\n");
done:
    free(flows.flow);
    return st;
}
