#include "trace_check.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct look {
    const json_t *events;
    double slack;               /* ns that clocks of two processes may differ */
    double counting;            /* the process whose counters came last: it has its name */
    char *why;
    size_t size;
    bool bad;
};

static void complain(struct look *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void complain(struct look *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!l->bad)
        vsnprintf(l->why, l->size, format, args);
    l->bad = true;
    va_end(args);
}

static const char *text(const json_t *e, const char *name)
{
    const char *value = json_string_value(json_object_get(e, name));
    return value ? value : "";
}

static double number(const json_t *e, const char *name)
{
    const json_t *value = json_object_get(e, name);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Times are told in us with three digits: back to whole ns. */
static double ns(const json_t *e, const char *name) { return round(number(e, name) * 1e3); }

static bool is(const json_t *e, const char *ph) { return !strcmp(text(e, "ph"), ph); }

static bool is_flow(const json_t *e) { return is(e, "s") || is(e, "t") || is(e, "f"); }

static bool is_whole(const json_t *e, const char *name)
{
    return json_is_integer(json_object_get(e, name)) && number(e, name) >= 1;
}

/* ---- fields ---- */

/* Fields that an event of this kind must have; it has no others. */
static const struct { const char *ph, *fields; } kinds[] = {
    {"X", "ph name cat pid tid ts dur args "}, {"C", "ph name cat pid tid ts args "},
    {"s", "ph name cat pid tid ts bp id "}, {"t", "ph name cat pid tid ts bp id "},
    {"f", "ph name cat pid tid ts bp id "}, {"M", "ph name pid tid args "},
};

static void look_at_fields(struct look *l, size_t i, const json_t *e)
{
    const char *fields = NULL, *name;
    json_t *value;
    char word[64];
    size_t n = 0, want = 0;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        fields = is(e, kinds[k].ph) ? kinds[k].fields : fields;
    if (!fields) {
        complain(l, "event %zu is of kind '%s'", i, text(e, "ph"));
        return;
    }
    for (const char *c = fields; *c; c++)
        want += *c == ' ';
    json_object_foreach((json_t *)(size_t)e, name, value) {
        snprintf(word, sizeof word, "%s ", name);
        if (!strstr(fields, word))
            complain(l, "event %zu has a field '%s'", i, name);
        n++;
    }
    bool of_process = !strncmp(text(e, "name"), "process_", 8) && is(e, "M");
    if (n + of_process != want)
        complain(l, "event %zu lacks a field: has %zu, wants %zu", i, n, want);
    if (!*text(e, "name") || !is_whole(e, "pid") || (!of_process && !is_whole(e, "tid")))
        complain(l, "event %zu has no name, pid or tid", i);
    if (is(e, "M"))
        return;
    if (!*text(e, "cat") || !(number(e, "ts") >= 0))
        complain(l, "event %zu has no category or time", i);
    if (is(e, "X") && !(number(e, "dur") >= 0))
        complain(l, "event %zu ends before it begins", i);
    if (is_flow(e) && strcmp(text(e, "bp"), "e"))
        complain(l, "event %zu is bound to the next slice", i);
}

/* ---- names ---- */

static size_t names_of(const struct look *l, const char *what, double pid, double tid)
{
    size_t n = 0, i;
    json_t *e;
    json_array_foreach(l->events, i, e)
        n += is(e, "M") && !strcmp(text(e, "name"), what) && number(e, "pid") == pid &&
             (*what == 'p' || number(e, "tid") == tid) &&
             *text(json_object_get(e, "args"), "name");
    return n;
}

static void look_at_names(struct look *l, double pid, double tid)
{
    if (names_of(l, "process_name", pid, tid) != 1 || names_of(l, "thread_name", pid, tid) != 1)
        complain(l, "track %g of process %g is named %zu times, its process %zu times", tid, pid,
                 names_of(l, "thread_name", pid, tid), names_of(l, "process_name", pid, tid));
}

/* ---- slices ---- */

struct slice { double pid, tid, begin, end; const char *name; };
struct slices { struct slice *of; size_t n; };

static int by_track_and_time(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    const double keys[][2] = {{x->pid, y->pid}, {x->tid, y->tid}, {x->begin, y->begin},
                              {y->end, x->end}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i][0] != keys[i][1])
            return keys[i][0] < keys[i][1] ? -1 : 1;
    return 0;
}

static struct slices slices_of(const struct look *l)
{
    struct slices s = {calloc(json_array_size(l->events) + 1, sizeof *s.of), 0};
    size_t i;
    json_t *e;
    json_array_foreach(l->events, i, e)
        if (is(e, "X"))
            s.of[s.n++] = (struct slice){number(e, "pid"), number(e, "tid"), ns(e, "ts"),
                                         ns(e, "ts") + ns(e, "dur"), text(e, "name")};
    qsort(s.of, s.n, sizeof *s.of, by_track_and_time);
    return s;
}

static bool same_track(const struct slice *a, const struct slice *b)
{
    return a->pid == b->pid && a->tid == b->tid;
}

/* Slices that are open, outermost first, and never more than so many. */
enum { DEEPEST = 16 };

static void look_at_slices(struct look *l, const struct slices *s)
{
    const struct slice *open[DEEPEST];
    size_t depth = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct slice *x = &s->of[i];
        if (i == 0 || !same_track(x, x - 1)) {
            look_at_names(l, x->pid, x->tid);
            depth = 0;
        }
        while (depth > 0 && open[depth - 1]->end <= x->begin)
            depth--;
        if (depth > 0 && x->end > open[depth - 1]->end)
            complain(l, "'%s' at %.0f to %.0f of track %g/%g begins in '%s' at %.0f to %.0f and "
                     "ends after it", x->name, x->begin, x->end, x->pid, x->tid,
                     open[depth - 1]->name, open[depth - 1]->begin, open[depth - 1]->end);
        if (depth == DEEPEST) {
            complain(l, "more than %d slices lie within each other", DEEPEST);
            return;
        }
        open[depth++] = x;
    }
}

static bool in_a_slice(const struct slices *s, const json_t *e)
{
    double pid = number(e, "pid"), tid = number(e, "tid"), at = ns(e, "ts");
    for (size_t i = 0; i < s->n; i++) {
        const struct slice *x = &s->of[i];
        if (x->pid == pid && x->tid == tid && x->begin <= at &&
            (at < x->end || at == x->begin))
            return true;
    }
    return false;
}

/* ---- arrows ---- */

struct end { char key[160]; const json_t *e; };

/* Of one arrow, its begin first and its end last. */
static int by_arrow(const void *a, const void *b)
{
    const struct end *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    if (order || x->e == y->e)
        return order;
    int rank_x = is(x->e, "s") ? 0 : is(x->e, "t") ? 1 : 2;
    int rank_y = is(y->e, "s") ? 0 : is(y->e, "t") ? 1 : 2;
    if (rank_x != rank_y)
        return rank_x - rank_y;
    return (ns(x->e, "ts") > ns(y->e, "ts")) - (ns(x->e, "ts") < ns(y->e, "ts"));
}

static void look_at_arrows(struct look *l, const struct slices *s)
{
    struct end *end = calloc(json_array_size(l->events) + 1, sizeof *end);
    size_t n = 0, i;
    json_t *e;
    json_array_foreach(l->events, i, e) {
        if (!is_flow(e))
            continue;
        char *id = json_dumps(json_object_get(e, "id"), JSON_ENCODE_ANY);
        snprintf(end[n].key, sizeof end[n].key, "%.40s %.40s %.60s", text(e, "cat"),
                 text(e, "name"), id ? id : "?");
        free(id);
        end[n++].e = e;
        if (!in_a_slice(s, e))
            complain(l, "an arrow '%s' at %.0f is in no slice of track %g/%g", text(e, "name"),
                     ns(e, "ts"), number(e, "pid"), number(e, "tid"));
    }
    qsort(end, n, sizeof *end, by_arrow);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && !strcmp(end[to].key, end[from].key); to++)
            if (ns(end[to].e, "ts") < ns(end[to - 1].e, "ts") - l->slack)
                complain(l, "arrow %s goes back in time", end[from].key);
        size_t begins = 0, ends = 0;
        for (i = from; i < to; i++) {
            begins += is(end[i].e, "s");
            ends += is(end[i].e, "f");
        }
        if (begins != 1 || ends != 1)
            complain(l, "arrow %s begins %zu times and ends %zu times", end[from].key, begins,
                     ends);
    }
    free(end);
}

/* ---- counters ---- */

static void look_at_counter(struct look *l, const json_t *e)
{
    const char *name;
    json_t *value;
    size_t n = 0;
    json_object_foreach(json_object_get(e, "args"), name, value) {
        n++;
        if (!json_is_number(value) || !isfinite(json_number_value(value)))
            complain(l, "counter '%s' has the value '%s'", text(e, "name"), name);
    }
    if (n != 1)
        complain(l, "counter '%s' has %zu values", text(e, "name"), n);
    if (number(e, "pid") != l->counting && names_of(l, "process_name", number(e, "pid"), 0) != 1)
        complain(l, "counter '%s' is of a process without a name", text(e, "name"));
    l->counting = number(e, "pid");
}

bool trace_is_valid(const json_t *file, char *why, size_t size)
{
    const json_t *other = json_object_get(file, "otherData");
    struct look l = {.events = json_object_get(file, "traceEvents"), .why = why, .size = size};
    double first = INFINITY;
    size_t i;
    json_t *e;
    *why = 0;
    if (!json_is_array(l.events) || !json_is_integer(json_object_get(other, "events")) ||
        !json_is_integer(json_object_get(other, "lost")) || !*text(other, "program") ||
        strcmp(text(file, "displayTimeUnit"), "ns"))
        complain(&l, "the file lacks traceEvents, displayTimeUnit, or one of otherData");
    if (json_is_number(json_object_get(other, "clock_error_ns")))
        l.slack = 2 * number(other, "clock_error_ns");
    json_array_foreach(l.events, i, e) {
        look_at_fields(&l, i, e);
        if (is(e, "C"))
            look_at_counter(&l, e);
        if (!is(e, "M") && ns(e, "ts") < first)
            first = ns(e, "ts");
    }
    if (isfinite(first) && first != 0)
        complain(&l, "the first thing happens at %.0f", first);
    struct slices slices = slices_of(&l);
    look_at_slices(&l, &slices);
    look_at_arrows(&l, &slices);
    free(slices.of);
    return !l.bad;
}

void expect_valid_trace(const json_t *file)
{
    char why[512];
    cr_expect(trace_is_valid(file, why, sizeof why), "%s", why);
}
