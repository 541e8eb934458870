#include "run/trace.h"

#include "base/file.h"
#include "base/mem.h"
#include "run/agree.h"
#include "transport/await.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20, MOST_NAME = 96 };

/* ---- one process ---- */

static enum tsgd_status save_alone(const struct tsgd_trace *t, const struct tsgd_settings *s,
                                   struct tsgd_traced *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_outfile f = TSGD_OUTFILE_INIT;
    TRY(tsgd_outfile_open(&f, s->trace, "--trace", err));
    TRY(tsgd_trace_write(t, f.f, out, err));
    TRY(tsgd_outfile_commit(&f, err));
done:
    tsgd_outfile_abandon(&f);
    return st;
}

/* ---- what they measured becomes one ---- */

/* all: [ranks] */
static void merge_numbers(struct tsgd_transport *t, struct tsgd_trace_view *v,
                          struct tsgd_trace_view *all)
{
    t->ops->gather(t, v, sizeof *v, all);
    v->events = v->lost = 0;
    for (uint32_t i = 0; i < t->ranks; i++) {
        v->first = all[i].first < v->first ? all[i].first : v->first;
        v->whole = all[i].whole < v->whole ? all[i].whole : v->whole;
        v->flows = all[i].flows > v->flows ? all[i].flows : v->flows;
        v->places = all[i].places > v->places ? all[i].places : v->places;
        v->events += all[i].events;
        v->lost += all[i].lost;
        v->error = all[i].error > v->error ? all[i].error : v->error;
    }
}

static void widen(struct tsgd_trace_flow *flow, const struct tsgd_trace_flow *by, size_t flows)
{
    for (size_t i = 0; i < flows; i++) {
        flow[i].before = by[i].before > flow[i].before ? by[i].before : flow[i].before;
        flow[i].last = by[i].last > flow[i].last ? by[i].last : flow[i].last;
    }
}

/* room: for the flows of another rank. */
static void merge_flows(struct tsgd_transport *t, struct tsgd_trace_view *v,
                        struct tsgd_trace_flow *room)
{
    size_t flows = (size_t)v->passes * v->flows, bytes = flows * sizeof *v->flow;
    if (t->rank != 0) {
        tsgd_await_send(t, 0, v->flow, bytes);
        tsgd_await_receive(t, 0, v->flow, bytes);
        return;
    }
    assert(room);
    for (uint32_t rank = 1; rank < t->ranks; rank++) {
        tsgd_await_receive(t, rank, room, bytes);
        widen(v->flow, room, flows);
    }
    for (uint32_t rank = 1; rank < t->ranks; rank++)
        tsgd_await_send(t, rank, v->flow, bytes);
}

/* ---- the events of other ranks: a length of at most PIECE, so many bytes, ..; 0 ends them ---- */

static ssize_t send_piece(void *transport, const char *text, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        uint64_t length = bytes - at < PIECE ? bytes - at : PIECE;
        tsgd_await_send(transport, 0, &length, sizeof length);
        tsgd_await_send(transport, 0, text + at, length);
        at += length;
    }
    return (ssize_t)bytes;
}

/* A stream whose writes go to rank 0. NULL: no memory. */
static FILE *open_to_first(struct tsgd_transport *t, char *buffer)
{
    FILE *f = fopencookie(t, "w", (cookie_io_functions_t){.write = send_piece});
    if (f)
        setvbuf(f, buffer, _IOFBF, PIECE);
    return f;
}

static void close_to_first(struct tsgd_transport *t, FILE *f)
{
    uint64_t end = 0;
    fclose(f);
    tsgd_await_send(t, 0, &end, sizeof end);
}

static void write_other(struct tsgd_transport *t, uint32_t rank, char *buffer, FILE *f)
{
    for (uint64_t length;;) {
        tsgd_await_receive(t, rank, &length, sizeof length);
        if (length == 0)
            return;
        tsgd_await_receive(t, rank, buffer, length);
        fwrite(buffer, 1, length, f);   /* commit finds what went wrong */
    }
}

/* What all have: flows merged, a buffer, and rank 0 the file or another one the stream to it. */
static enum tsgd_status put_all(const struct tsgd_trace *trace, struct tsgd_transport *t,
                                struct tsgd_trace_view *v, FILE *f, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_trace_flow *room = NULL;
    char *buffer = NULL;
    FILE *to_first = NULL;
    st = tsgd_trace_find_flows(trace, v, err);
    if (st == TSGD_OK && t->rank == 0)
        st = TSGD_NEW(&room, (size_t)v->passes * v->flows + 1, "flows of the trace", err);
    if (st == TSGD_OK)
        st = TSGD_NEW(&buffer, PIECE, "events of the trace", err);
    if (st == TSGD_OK && t->rank != 0 && !(to_first = open_to_first(t, buffer)))
        st = tsgd_fail(err, TSGD_ENOMEM, "--trace: no memory to tell the events");
    TRY(tsgd_agree(t, st, err));
    merge_flows(t, v, room);
    if (t->rank == 0)
        tsgd_trace_begin(f, v);
    tsgd_trace_put(trace, v, t->rank == 0 ? f : to_first);
    for (uint32_t rank = 1; t->rank == 0 && rank < t->ranks; rank++)
        write_other(t, rank, buffer, f);
    if (t->rank == 0)
        tsgd_trace_end(f);
done:
    if (to_first && st == TSGD_OK)
        close_to_first(t, to_first);
    else if (to_first)
        fclose(to_first);               /* into which nothing was written */
    free(buffer);
    free(room);
    return st;
}

static enum tsgd_status save_together(const struct tsgd_trace *trace,
                                      const struct tsgd_settings *s, struct tsgd_traced *out,
                                      struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_transport *t = s->transport;
    struct tsgd_outfile f = TSGD_OUTFILE_INIT;
    char host[64] = "", name[MOST_NAME];
    (void)gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "rank %u (%s)", t->rank, host);
    struct tsgd_trace_view v = {.process = t->rank, .processes = t->ranks, .name = name};
    struct tsgd_trace_view *all = NULL;
    st = TSGD_NEW(&all, t->ranks, "traces of the ranks", err);
    if (st == TSGD_OK && t->rank == 0)
        st = tsgd_outfile_open(&f, s->trace, "--trace", err);
    TRY(tsgd_agree(t, st, err));
    tsgd_trace_measure(trace, &v);
    merge_numbers(t, &v, all);
    *out = (struct tsgd_traced){v.events, v.lost};
    TRY(put_all(trace, t, &v, f.f, err));
    if (t->rank == 0)
        st = tsgd_outfile_commit(&f, err);
    TRY(tsgd_agree(t, st, err));
done:
    tsgd_outfile_abandon(&f);
    tsgd_trace_view_release(&v);
    free(all);
    return st;
}

enum tsgd_status tsgd_trace_save(const struct tsgd_setup *r, struct tsgd_traced *out,
                                 struct tsgd_error *err)
{
    struct tsgd_traced traced;
    if (!r->trace)
        return tsgd_fail(err, TSGD_EINVAL, "--trace: is not set, so nothing was recorded; set it "
                         "before create");
    out = out ? out : &traced;
    return r->ranks.ranks > 1 ? save_together(r->trace, r->s, out, err) :
                                save_alone(r->trace, r->s, out, err);
}
