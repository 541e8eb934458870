#include "scenario/churn.h"

#include "base/file.h"
#include "base/lines.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"

#include <string.h>

/* ---- asking ---- */

bool tsgd_churn_there(const struct tsgd_churn *c, uint32_t node, uint64_t t)
{
    if (!c->on)
        return true;
    if (!c->interval) {
        struct tsgd_rng rng = tsgd_rng(c->seed, TSGD_RNG_AVAILABLE, (uint32_t)t, node);
        return tsgd_rng_unit(&rng) < c->share;
    }
    size_t lo = 0, hi = c->intervals;  /* those before lo begin by then, those from hi on do not */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct tsgd_interval *s = &c->interval[mid];
        if (s->node < node || (s->node == node && s->from <= t))
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo > 0 && c->interval[lo - 1].node == node)
        return t < c->interval[lo - 1].to;
    return lo == c->intervals || c->interval[lo].node != node;
}

static bool there(const void *churn, uint32_t node, uint64_t t)
{
    return tsgd_churn_there(churn, node, t);
}

struct tsgd_presence tsgd_churn_presence(const struct tsgd_churn *c)
{
    return (struct tsgd_presence){c->on ? there : NULL, c, c->on && c->isolate};
}

/* ---- the trace ---- */

struct reader {
    const char *path;
    uint32_t nodes;
    uint64_t line;
    struct tsgd_interval *interval;
    size_t count, room;
};

static enum tsgd_status add_interval(struct reader *r, struct tsgd_interval interval,
                                     struct tsgd_error *err)
{
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 64;
        struct tsgd_interval *more = room > SIZE_MAX / sizeof *more ? NULL :
                                     realloc(r->interval, room * sizeof *more);
        if (!more)
            return tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for line %llu", r->path,
                             (unsigned long long)r->line);
        r->interval = more;
        r->room = room;
    }
    r->interval[r->count++] = interval;
    return TSGD_OK;
}

static enum tsgd_status read_line(struct reader *r, char *text, struct tsgd_error *err)
{
    unsigned long long line = r->line;
    uint64_t number[3];
    size_t n = 0;
    char *rest;
    text[strcspn(text, "#")] = 0;
    for (char *w = strtok_r(text, " \t\r\n", &rest); w; w = strtok_r(NULL, " \t\r\n", &rest), n++)
        if (n < 3 && !tsgd_parse_u64(w, &number[n]))
            return tsgd_fail(err, TSGD_EFORMAT, "%s: line %llu: '%.80s' is not a whole number",
                             r->path, line, w);
    if (n == 0)
        return TSGD_OK;
    if (n != 3)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: line %llu: found %zu fields, want three: node "
                         "from to", r->path, line, n);
    if (number[0] >= r->nodes)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: line %llu: found node %llu, want 0 to %u", r->path,
                         line, (unsigned long long)number[0], r->nodes - 1);
    if (number[1] > number[2])
        return tsgd_fail(err, TSGD_EFORMAT, "%s: line %llu: found from %llu to %llu, want from at "
                         "most to", r->path, line, (unsigned long long)number[1],
                         (unsigned long long)number[2]);
    return add_interval(r, (struct tsgd_interval){(uint32_t)number[0], number[1], number[2],
                                                  r->line}, err);
}

static enum tsgd_status read_lines(struct reader *r, FILE *f, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_lines l = {.f = f, .path = r->path, .most = TSGD_LINE_OF_TEXT};
    for (;;) {
        bool found;
        TRY(tsgd_lines_next(&l, &found, err));
        if (!found)
            break;
        r->line = l.number;
        TRY(read_line(r, l.text, err));
    }
done:
    tsgd_lines_release(&l);
    return st;
}

static int by_time(const void *a, const void *b)
{
    const struct tsgd_interval *x = a, *y = b;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return x->to < y->to ? -1 : x->to > y->to;
}

static enum tsgd_status check_overlaps(const struct reader *r, struct tsgd_error *err)
{
    for (size_t i = 1; i < r->count; i++) {
        const struct tsgd_interval *a = &r->interval[i - 1], *b = &r->interval[i];
        if (a->node != b->node || a->to <= b->from)
            continue;
        if (a->line > b->line) {        /* blame the line that came second */
            const struct tsgd_interval *c = a;
            a = b;
            b = c;
        }
        return tsgd_fail(err, TSGD_EFORMAT, "%s: line %llu: node %u from %llu to %llu overlaps "
                         "line %llu, from %llu to %llu", r->path, (unsigned long long)b->line,
                         b->node, (unsigned long long)b->from, (unsigned long long)b->to,
                         (unsigned long long)a->line, (unsigned long long)a->from,
                         (unsigned long long)a->to);
    }
    return TSGD_OK;
}

enum tsgd_status tsgd_churn_read(struct tsgd_churn *out, const char *path, uint32_t nodes,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct reader r = {.path = path, .nodes = nodes};
    const char *why;
    FILE *f = tsgd_open_input(path, true, &why);
    if (!f)
        TRY(tsgd_fail(err, TSGD_EIO, "--availability-trace: cannot open '%s': %s", path, why));
    TRY(read_lines(&r, f, err));
    if (r.count)
        qsort(r.interval, r.count, sizeof *r.interval, by_time);
    TRY(check_overlaps(&r, err));
    *out = (struct tsgd_churn){.on = r.count > 0, .interval = r.interval, .intervals = r.count};
    r.interval = NULL;
done:
    if (f)
        fclose(f);
    free(r.interval);
    return st;
}

void tsgd_churn_release(struct tsgd_churn *c)
{
    free(c->interval);
    *c = (struct tsgd_churn)TSGD_CHURN_INIT;
}

/* ---- the options ---- */

static enum tsgd_status check_isolate(const struct tsgd_churn_options *o, struct tsgd_error *err)
{
    if (o->teleports)
        return tsgd_fail(err, TSGD_EINVAL, "--offline isolate: is for methods whose tokens stay "
                         "with their nodes; %s never chooses a node that is away", o->method);
    if (!tsgd_mixing_symmetric(o->mixing))
        return tsgd_fail(err, TSGD_EINVAL, "--offline isolate: needs symmetric weights, so that a "
                         "cut link costs both ends the same; topology %s is directed", o->topology);
    return TSGD_OK;
}

/* A run that only --samples can end must not wait for ever for nodes that never come back. */
static enum tsgd_status check_end(const struct tsgd_churn *c, const struct tsgd_churn_options *o,
                                  struct tsgd_error *err)
{
    uint32_t node = 0;
    if (!c->on || o->rounds)
        return TSGD_OK;
    while (node < o->nodes && !tsgd_churn_there(c, node, UINT32_MAX))
        node++;
    if (node < o->nodes)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "%s: all %u nodes are away in the end, so --samples may "
                     "never be used up; give --rounds too", o->trace, node);
}

enum tsgd_status tsgd_churn_make(struct tsgd_churn *out, const struct tsgd_churn_options *o,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_churn c = TSGD_CHURN_INIT;
    if (o->isolate)
        TRY(check_isolate(o, err));
    if (o->trace) {
        TRY(tsgd_churn_read(&c, o->trace, o->nodes, err));
        TRY(check_end(&c, o, err));
    } else {
        c.on = true;
    }
    c.share = o->trace ? 1 : o->availability;
    c.seed = o->seed;
    c.isolate = o->isolate;
    *out = c;
    c = (struct tsgd_churn)TSGD_CHURN_INIT;
done:
    tsgd_churn_release(&c);
    return st;
}
