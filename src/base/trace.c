#include "base/trace.h"

#include "base/hash.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

struct tsgd_trace {
    struct tsgd_track *track;
    size_t tracks, room;
    bool inner;
    uint32_t passes;
    uint64_t ticks, ns;         /* the same moment on both clocks */
    int64_t ahead;
    uint64_t error;
    struct link {
        const char *name;
        const struct tsgd_trace_event *from, *to;
    } *link;
    size_t links, link_room;
    struct tsgd_trace_event *sample;    /* of counters */
    size_t samples, sample_room;
    enum tsgd_status status;    /* not TSGD_OK: it cannot be written, and why says why */
    struct tsgd_error why;
};

_Thread_local struct tsgd_track *tsgd_trace_inner;

/* The same moment by ticks and in ns: of some tries the one in which least passed between the two,
 * for the system may take the CPU away there.                                                   */
static void look_at_clocks(uint64_t *ticks, uint64_t *ns)
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 8; i++) {
        uint64_t before = tsgd_ticks(), now = tsgd_now_ns(), took = tsgd_ticks() - before;
        if (took >= least)
            continue;
        least = took;
        *ticks = before + took / 2;
        *ns = now;
    }
}

enum tsgd_status tsgd_trace_create(struct tsgd_trace **out, size_t room, bool inner,
                                   struct tsgd_error *err)
{
    struct tsgd_trace *t;
    enum tsgd_status st = TSGD_NEW(&t, 1, "trace", err);
    if (st != TSGD_OK)
        return st;
    *t = (struct tsgd_trace){.room = room, .inner = inner};
    look_at_clocks(&t->ticks, &t->ns);
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
    free(t->link);
    free(t->sample);
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
        t->track[t->tracks++] = (struct tsgd_track){.event = event, .room = t->room,
                                                      .whole = UINT64_MAX};
    }
    for (size_t i = 0; i < t->tracks; i++)
        t->track[i].pass = t->passes;
    t->passes++;
done:
    return st;
}

struct tsgd_track *tsgd_trace_track(struct tsgd_trace *t, size_t i) { return &t->track[i]; }

size_t tsgd_trace_tracks(const struct tsgd_trace *t) { return t->tracks; }

bool tsgd_trace_is_inner(const struct tsgd_trace *t) { return t->inner; }

void tsgd_trace_set_clock(struct tsgd_trace *t, int64_t ahead, uint64_t error)
{
    t->ahead = ahead;
    t->error = error;
}

void tsgd_track_touch(struct tsgd_track *t)
{
    memset(t->event + t->n, 0, (t->room - t->n) * sizeof *t->event);
}

void tsgd_track_lose(struct tsgd_track *t, const struct tsgd_trace_event *event)
{
    uint64_t round = (uint64_t)t->pass << 32 | event->number[1];
    t->lost++;
    if (event->kind->arrow >= TSGD_TRACE_SENT && round < t->whole)
        t->whole = round;
}

enum tsgd_status tsgd_trace_link(struct tsgd_trace *t, const char *name,
                                 const struct tsgd_trace_event *from,
                                 const struct tsgd_trace_event *to, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_grow((void **)&t->link, &t->link_room, t->links + 1, sizeof *t->link,
                  "arrows of the trace", "give fewer --trace-events", err));
    t->link[t->links++] = (struct link){name, from, to};
done:
    return st;
}

enum tsgd_status tsgd_trace_sample(struct tsgd_trace *t, const struct tsgd_trace_kind *counter,
                                   uint64_t ticks, double amount, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_grow((void **)&t->sample, &t->sample_room, t->samples + 1, sizeof *t->sample,
                  "counters of the trace", "give fewer --trace-events", err));
    t->sample[t->samples++] = (struct tsgd_trace_event){
        .begin = ticks, .amount = amount, .kind = counter, .number = {TSGD_TRACE_NONE}};
done:
    return st;
}

void tsgd_trace_fail(struct tsgd_trace *t, enum tsgd_status status, const struct tsgd_error *why)
{
    t->status = status;
    t->why = *why;
}

/* ---- measuring ---- */

/* What is shown at a place, and by which track it was recorded. */
struct tsgd_trace_stay {
    const struct tsgd_trace_event *e;
    size_t track;
};

static struct tsgd_trace_scale scale_of(const struct tsgd_trace *t)
{
    uint64_t ticks = t->ticks, ns = t->ns;
    look_at_clocks(&ticks, &ns);
    return (struct tsgd_trace_scale){t->ticks, t->ns - (uint64_t)t->ahead,
                                     ticks > t->ticks && ns > t->ns ?
                                     (double)(ns - t->ns) / (double)(ticks - t->ticks) : 1};
}

static uint64_t at(const struct tsgd_trace_scale *s, uint64_t ticks)
{
    return s->ns + (uint64_t)((double)(ticks - s->ticks) * s->tick);
}

/* Whether it is shown at a place too. */
static bool is_placed(const struct tsgd_trace_event *e)
{
    return e->kind->arrow == TSGD_TRACE_FLOWS && e->number[2] != TSGD_TRACE_NONE;
}

static struct tsgd_trace_flow *flow_of(const struct tsgd_trace_view *v,
                                       const struct tsgd_trace_event *e)
{
    return is_placed(e) ? &v->flow[(size_t)e->pass * v->flows + e->number[0]] : NULL;
}

void tsgd_trace_measure(const struct tsgd_trace *t, struct tsgd_trace_view *v)
{
    uint64_t first = UINT64_MAX;
    v->scale = scale_of(t);
    v->first = v->whole = UINT64_MAX;
    v->events = v->lost = 0;
    v->flows = v->places = 0;
    v->passes = t->passes;
    v->error = t->error;
    for (size_t i = 0; i < t->tracks; i++) {
        const struct tsgd_track *track = &t->track[i];
        v->events += track->n;
        v->lost += track->lost;
        v->whole = track->whole < v->whole ? track->whole : v->whole;
        for (size_t j = 0; j < track->n; j++) {
            const struct tsgd_trace_event *e = &track->event[j];
            first = e->begin < first ? e->begin : first;
            if (is_placed(e) && e->number[0] >= v->flows)
                v->flows = e->number[0] + 1;
            if (is_placed(e) && e->number[2] >= v->places)
                v->places = e->number[2] + 1;
        }
    }
    if (v->events)
        v->first = at(&v->scale, first);
}

enum tsgd_status tsgd_trace_find_flows(const struct tsgd_trace *t, struct tsgd_trace_view *v,
                                       struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t stays = 0;
    if (t->status != TSGD_OK)
        return tsgd_fail(err, t->status, "%s", t->why.text);
    if (v->flows == 0)
        return TSGD_OK;
    TRY(TSGD_NEW(&v->flow, tsgd_mul(v->passes, v->flows), "flows of the trace", err));
    for (size_t i = 0; i < t->tracks; i++)
        for (size_t j = 0; j < t->track[i].n; j++) {
            const struct tsgd_trace_event *e = &t->track[i].event[j];
            struct tsgd_trace_flow *f = flow_of(v, e);
            if (!f)
                continue;
            stays++;
            uint64_t ns = at(&v->scale, e->begin);
            f->before = UINT64_MAX - ns > f->before ? UINT64_MAX - ns : f->before;
            f->last = ns > f->last ? ns : f->last;
        }
    TRY(TSGD_NEW(&v->stay, stays + 1, "places of the trace", err));
done:
    return st;
}

void tsgd_trace_view_release(struct tsgd_trace_view *v)
{
    free(v->flow);
    free(v->stay);
    v->flow = NULL;
    v->stay = NULL;
}

/* ---- writing ---- */

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

/* A file under way: whose events come, and in which track of which process. */
struct page {
    FILE *f;
    const struct tsgd_trace_view *v;
    uint32_t process;
    size_t track;
};

/* Begins an event of phase `ph` at ns; the caller closes it. */
static void put_head(const struct page *p, const char *ph, const char *name, const char *category,
                     uint64_t ns)
{
    ns -= p->v->first;
    fprintf(p->f, ",\n{\"ph\":\"%s\",\"name\":", ph);
    put_text(p->f, name);
    fprintf(p->f, ",\"cat\":\"%s\",\"pid\":%" PRIu32 ",\"tid\":%zu,\"ts\":%" PRIu64 ".%03u",
            category, p->process + 1, p->track + 1, ns / 1000, (unsigned)(ns % 1000));
}

/* Goes on with the length of a slice, and with what stands before its arguments. */
static void put_length(const struct page *p, const struct tsgd_trace_event *e)
{
    uint64_t ns = at(&p->v->scale, e->end) - at(&p->v->scale, e->begin);
    fprintf(p->f, ",\"dur\":%" PRIu64 ".%03u,\"args\":{", ns / 1000, (unsigned)(ns % 1000));
}

static void put_slice(const struct page *p, const struct tsgd_trace_event *e)
{
    const char *comma = "";
    put_head(p, "X", e->kind->name ? e->kind->name : e->text, e->kind->category,
             at(&p->v->scale, e->begin));
    put_length(p, e);
    for (int j = 0; j < 3; j++)
        if (e->kind->number[j] && e->number[j] != TSGD_TRACE_NONE) {
            fprintf(p->f, "%s\"%s\":%" PRIu32, comma, e->kind->number[j], e->number[j]);
            comma = ",";
        }
    if (e->kind->name && e->text) {
        fprintf(p->f, "%s\"note\":", comma);
        put_text(p->f, e->text);
    }
    fprintf(p->f, "}}");
}

/* Its only argument is the value; viewers call the counter by both names. */
static void put_counter(const struct page *p, const struct tsgd_trace_event *e)
{
    put_head(p, "C", e->kind->name, e->kind->category, at(&p->v->scale, e->begin));
    if (e->number[0] == TSGD_TRACE_NONE)
        fprintf(p->f, ",\"args\":{\"%s\":%.9g}}", e->kind->name, e->amount);
    else
        fprintf(p->f, ",\"args\":{\"%s %" PRIu32 "\":%.9g}}", e->kind->number[0], e->number[0],
                e->amount);
}

/* An arrow's end is bound to the slice around its time (bp e), which has just been written. */
static void put_flow(const struct page *p, const struct tsgd_trace_event *e)
{
    const struct tsgd_trace_flow *flow = flow_of(p->v, e);
    uint64_t ns = at(&p->v->scale, e->begin);
    if (UINT64_MAX - flow->before == flow->last)
        return;
    put_head(p, UINT64_MAX - ns == flow->before ? "s" : ns == flow->last ? "f" : "t",
             e->kind->number[0], e->kind->number[0], ns);
    fprintf(p->f, ",\"bp\":\"e\",\"id\":%" PRIu64 "}", (uint64_t)e->pass << 32 | e->number[0]);
}

/* Both ends of a message find the same number for its arrow. */
static uint64_t arrow_of(const struct page *p, const struct tsgd_trace_event *e)
{
    bool sent = e->kind->arrow == TSGD_TRACE_SENT;
    uint32_t what[] = {e->pass, e->number[0], e->number[1], sent ? p->v->process : e->number[2],
                       sent ? e->number[2] : p->v->process};
    return tsgd_hash(what, sizeof what) ^ tsgd_hash(e->kind->category, strlen(e->kind->category));
}

/* From the begin of the slice that sends to that of the one that receives. Of a round in which
 * somebody's track was full there are none.                                                     */
static void put_arrow(const struct page *p, const struct tsgd_trace_event *e)
{
    bool sent = e->kind->arrow == TSGD_TRACE_SENT;
    if (e->kind->arrow < TSGD_TRACE_SENT ||
        ((uint64_t)e->pass << 32 | e->number[1]) >= p->v->whole)
        return;
    put_head(p, sent ? "s" : "f", e->kind->category, e->kind->category,
             at(&p->v->scale, e->begin));
    fprintf(p->f, ",\"bp\":\"e\",\"id\":\"%016" PRIx64 "\"}", arrow_of(p, e));
}

/* Names a thread, or the process; `place` orders them. */
static void put_name(const struct page *p, const char *what, const char *name, size_t place)
{
    fprintf(p->f, "{\"ph\":\"M\",\"name\":\"%s_name\",\"pid\":%" PRIu32, what,
            p->process + 1);
    if (*what == 't')
        fprintf(p->f, ",\"tid\":%zu", p->track + 1);
    fprintf(p->f, ",\"args\":{\"name\":");
    put_text(p->f, name);
    fprintf(p->f, "}},\n{\"ph\":\"M\",\"name\":\"%s_sort_index\",\"pid\":%" PRIu32, what,
            p->process + 1);
    if (*what == 't')
        fprintf(p->f, ",\"tid\":%zu", p->track + 1);
    fprintf(p->f, ",\"args\":{\"sort_index\":%zu}}", place);
}

/* ---- places ---- */

static int by_place(const void *a, const void *b)
{
    const struct tsgd_trace_stay *x = a, *y = b;
    if (x->e->number[2] != y->e->number[2])
        return x->e->number[2] < y->e->number[2] ? -1 : 1;
    return (x->e->begin > y->e->begin) - (x->e->begin < y->e->begin);
}

/* Slices of one track must not overlap. Those of a place may, because nobody waits for what is
 * there in one round before what comes in the next: then they take turns on a few tracks.       */
enum { LANES = 16 };

/* All that is at one place; in the order of time. */
static void put_place(struct page *p, const struct tsgd_trace_stay *stay, size_t n)
{
    const struct tsgd_trace_kind *kind = stay->e->kind;
    uint32_t place = stay->e->number[2], used = 0;
    uint64_t end[LANES] = {0};
    char name[64];
    for (size_t i = 0; i < n; i++) {
        const struct tsgd_trace_event *e = stay[i].e;
        uint32_t lane = 0;
        while (lane < LANES - 1 && end[lane] > e->begin)
            lane++;
        end[lane] = e->end;
        p->track = (size_t)lane * p->v->places + place;
        for (; used <= lane; used++) {
            snprintf(name, sizeof name, used ? "%s %" PRIu32 ", at the same time" : "%s %" PRIu32,
                     kind->number[2], place);
            fputs(",\n", p->f);
            put_name(p, "thread", name, (size_t)place * LANES + used);
        }
        snprintf(name, sizeof name, "%s %" PRIu32, kind->number[0], e->number[0]);
        put_head(p, "X", name, kind->number[2], at(&p->v->scale, e->begin));
        put_length(p, e);
        fprintf(p->f, "\"%s\":%" PRIu32 ",\"%s\":%" PRIu32 ",\"process\":%" PRIu32
                ",\"track\":%zu}}", kind->number[0], e->number[0], kind->number[1], e->number[1],
                p->v->process + 1, stay[i].track + 1);
        put_flow(p, e);
    }
}

/* v->stay has room for all. */
static void put_places(const struct tsgd_trace *t, const struct tsgd_trace_view *v, FILE *f)
{
    struct page p = {.f = f, .v = v, .process = v->processes};
    size_t n = 0;
    for (size_t i = 0; i < t->tracks; i++)
        for (size_t j = 0; j < t->track[i].n; j++)
            if (is_placed(&t->track[i].event[j]))
                v->stay[n++] = (struct tsgd_trace_stay){&t->track[i].event[j], i};
    if (n)
        qsort(v->stay, n, sizeof *v->stay, by_place);
    if (v->places && v->process == 0) {
        fputs(",\n", f);
        put_name(&p, "process", "nodes", v->processes);
    }
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from; to < n && v->stay[to].e->number[2] == v->stay[from].e->number[2]; to++)
            ;
        put_place(&p, v->stay + from, to - from);
    }
}

/* ---- arrows found afterwards ---- */

static size_t track_of(const struct tsgd_trace *t, const struct tsgd_trace_event *e)
{
    size_t i = 0;
    while (e < t->track[i].event || e >= t->track[i].event + t->track[i].n)
        i++;
    return i;
}

static void put_links(const struct tsgd_trace *t, const struct tsgd_trace_view *v, FILE *f)
{
    struct page p = {.f = f, .v = v, .process = v->process};
    for (size_t i = 0; i < t->links; i++)
        for (int end = 0; end < 2; end++) {
            const struct tsgd_trace_event *e = end ? t->link[i].to : t->link[i].from;
            p.track = track_of(t, e);
            put_head(&p, end ? "f" : "s", t->link[i].name, t->link[i].name,
                     at(&v->scale, e->begin));
            fprintf(f, ",\"bp\":\"e\",\"id\":\"%" PRIx64 "\"}", (uint64_t)v->process << 40 | i);
        }
}

void tsgd_trace_begin(FILE *f, const struct tsgd_trace_view *v)
{
    fprintf(f, TSGD_TRACE_HEADER " %s\",\"events\":%" PRIu64 ",\"lost\":%" PRIu64, TELESGD_VERSION,
            v->events, v->lost);
    if (v->error)
        fprintf(f, ",\"clock_error_ns\":%" PRIu64, v->error);
    fprintf(f, "},\n\"traceEvents\":[\n");
}

void tsgd_trace_put(const struct tsgd_trace *t, const struct tsgd_trace_view *v, FILE *f)
{
    char name[32];
    struct page p = {.f = f, .v = v, .process = v->process};
    if (v->process)
        fputs(",\n", f);
    put_name(&p, "process", v->name, v->process);
    for (; p.track < t->tracks; p.track++) {
        snprintf(name, sizeof name, "worker %zu", p.track);
        fputs(",\n", f);
        put_name(&p, "thread", t->track[p.track].name ? t->track[p.track].name : name, p.track);
        for (size_t j = 0; j < t->track[p.track].n; j++) {
            const struct tsgd_trace_event *e = &t->track[p.track].event[j];
            if (e->kind->arrow == TSGD_TRACE_COUNTER) {
                put_counter(&p, e);
                continue;
            }
            put_slice(&p, e);
            put_arrow(&p, e);
        }
    }
    p.track = 0;
    for (size_t i = 0; i < t->samples; i++)
        put_counter(&p, &t->sample[i]);
    put_links(t, v, f);
    put_places(t, v, f);
}

void tsgd_trace_end(FILE *f) { fprintf(f, "\n]}\n"); }

enum tsgd_status tsgd_trace_write(const struct tsgd_trace *t, FILE *f, struct tsgd_traced *out,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_trace_view v = {.processes = 1, .name = "telesgd"};
    tsgd_trace_measure(t, &v);
    *out = (struct tsgd_traced){v.events, v.lost};
    TRY(tsgd_trace_find_flows(t, &v, err));
    tsgd_trace_begin(f, &v);
    tsgd_trace_put(t, &v, f);
    tsgd_trace_end(f);
done:
    tsgd_trace_view_release(&v);
    return st;
}
