#include "compare/curve.h"

#include "base/elementary.h"
#include "base/mem.h"
#include "run/metrics.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const struct tsgd_xaxis axes[] = {
    {"gradients", "gradients", TSGD_COUNT, {"gradients", NULL}},
    {"rounds", "rounds", TSGD_COUNT, {"round", NULL}},
    {"samples", "samples", TSGD_COUNT, {"samples", NULL}},
    {"bytes", "bytes sent", TSGD_BYTES, {"bytes_gossip", "bytes_teleport"}},
    {"sim_seconds", "simulated seconds", TSGD_SECONDS, {"sim_seconds", NULL}},
    {"wall_seconds", "seconds", TSGD_SECONDS, {"wall_seconds", NULL}},
};

const struct tsgd_xaxis *tsgd_xaxis_find(const char *name)
{
    size_t i = 0;
    while (name && strcmp(axes[i].name, name)) {
        i++;
        assert(i < sizeof axes / sizeof *axes);
    }
    return &axes[i];
}

uint64_t tsgd_xaxis_metrics(const struct tsgd_xaxis *axis)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < 2 && axis->metric[i]; i++)
        bits |= UINT64_C(1) << tsgd_metric_number(axis->metric[i]);
    return bits;
}

static bool begins_with(const char *text, const char *start)
{
    return !strncmp(text, start, strlen(start));
}

struct tsgd_measure tsgd_measure_of(size_t metric)
{
    const char *name = tsgd_metrics[metric].name;
    bool norm = begins_with(name, "grad_norm2") || begins_with(name, "distance2");
    struct tsgd_measure m = {.metric = metric, .name = name, .unit = TSGD_REAL,
                             .logarithmic = norm || begins_with(name, "suboptimality")};
    if (strstr(name, "accuracy"))
        m.unit = TSGD_PERCENT;
    else if (begins_with(name, "bytes"))
        m.unit = TSGD_BYTES;
    else if (strstr(name, "seconds"))
        m.unit = TSGD_SECONDS;
    else if (tsgd_metrics[metric].type == TSGD_METRIC_U64)
        m.unit = TSGD_COUNT;
    m.more_is_better = m.unit != TSGD_REAL || strstr(name, "_r2");
    snprintf(m.title, sizeof m.title, "%s", name);
    for (char *c = m.title; *c && !norm; c++)
        if (*c == '_')
            *c = ' ';
    return m;
}

/* ---- of one run ---- */

static double x_of(const struct tsgd_runlog *log, size_t i, const struct tsgd_xaxis *axis)
{
    double x = 0;
    for (size_t k = 0; k < 2 && axis->metric[k]; k++)
        x += tsgd_runlog_value(log, i, tsgd_metric_number(axis->metric[k]));
    return x;
}

enum tsgd_status tsgd_curve_create(struct tsgd_curve *out, const struct tsgd_runlog *log,
                                   const struct tsgd_xaxis *axis,
                                   const struct tsgd_measure *measure, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_curve c = TSGD_CURVE_INIT;
    TRY(TSGD_NEW(&c.x, log->n, "a curve", err));
    TRY(TSGD_NEW(&c.y, log->n, "a curve", err));
    for (size_t i = 0; i < log->n; i++) {
        double x = x_of(log, i, axis), y = tsgd_runlog_value(log, i, measure->metric);
        if (isnan(x) || isnan(y) || (c.n > 0 && x < c.x[c.n - 1]))
            continue;
        c.n -= c.n > 0 && x == c.x[c.n - 1];
        c.x[c.n] = x;
        c.y[c.n++] = y;
    }
    *out = c;
    c = (struct tsgd_curve)TSGD_CURVE_INIT;
done:
    tsgd_curve_release(&c);
    return st;
}

void tsgd_curve_release(struct tsgd_curve *c)
{
    free(c->x);
    free(c->y);
    *c = (struct tsgd_curve)TSGD_CURVE_INIT;
}

/* The first point at x or after it; c->n: there is none. */
static size_t first_from(const struct tsgd_curve *c, double x)
{
    size_t from = 0, to = c->n;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (c->x[middle] < x)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

double tsgd_curve_at(const struct tsgd_curve *c, double x, bool logarithmic, bool *between)
{
    size_t i = first_from(c, x);
    if (i < c->n && c->x[i] == x)
        return c->y[i];
    if (i == 0 || i == c->n)
        return NAN;
    double share = (x - c->x[i - 1]) / (c->x[i] - c->x[i - 1]), a = c->y[i - 1], b = c->y[i];
    *between = true;
    if (!logarithmic)
        return a + share * (b - a);
    return a > 0 && b > 0 ? tsgd_exp(tsgd_log(a) + share * (tsgd_log(b) - tsgd_log(a))) : NAN;
}

struct tsgd_crossing tsgd_curve_reaches(const struct tsgd_curve *c, double target,
                                        const struct tsgd_measure *measure)
{
    size_t i = 0;
    while (i < c->n && !(measure->more_is_better ? c->y[i] >= target : c->y[i] <= target))
        i++;
    if (i == c->n)
        return (struct tsgd_crossing){TSGD_NEVER, NAN};
    if (c->y[i] == target)
        return (struct tsgd_crossing){TSGD_AT_POINT, c->x[i]};
    if (i == 0 || (measure->logarithmic && c->y[i] <= 0))
        return (struct tsgd_crossing){TSGD_NOT_AFTER, c->x[i]};
    double a = c->y[i - 1], b = c->y[i], at = target;
    if (measure->logarithmic) {
        a = tsgd_log(a);
        b = tsgd_log(b);
        at = tsgd_log(at);
    }
    return (struct tsgd_crossing){TSGD_BETWEEN_POINTS,
                                  c->x[i - 1] + (at - a) / (b - a) * (c->x[i] - c->x[i - 1])};
}

/* ---- of many ---- */

struct tsgd_stat tsgd_stat_of(const double *value, size_t n)
{
    struct tsgd_stat s = {.n = n, .mean = NAN, .sd = NAN, .least = INFINITY, .most = -INFINITY};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += value[i];
        s.least = fmin(s.least, value[i]);
        s.most = fmax(s.most, value[i]);
    }
    if (n > 0)
        s.mean = s.least == s.most && !isnan(sum) ? s.least : sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (value[i] - s.mean) * (value[i] - s.mean);
    if (n > 1)
        s.sd = sqrt(squares / (double)(n - 1));
    return s;
}

struct tsgd_stat tsgd_curves_at(const struct tsgd_curve *c, const size_t *which, size_t n, double x,
                                bool logarithmic, double *room)
{
    bool between = false;
    for (size_t i = 0; i < n; i++)
        room[i] = tsgd_curve_at(&c[which[i]], x, logarithmic, &between);
    struct tsgd_stat s = tsgd_stat_of(room, n);
    s.between = between;
    return s;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* All x of the curves within from..to, each once, in order; how many. */
static size_t merge(double *out, const struct tsgd_curve *c, const size_t *which, size_t n,
                    double from, double to)
{
    size_t all = 0, kept = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < c[which[i]].n; j++)
            if (c[which[i]].x[j] >= from && c[which[i]].x[j] <= to)
                out[all++] = c[which[i]].x[j];
    qsort(out, all, sizeof *out, by_size);
    for (size_t i = 0; i < all; i++)
        if (kept == 0 || out[i] > out[kept - 1])
            out[kept++] = out[i];
    return kept;
}

enum tsgd_status tsgd_series_create(struct tsgd_series *out, const struct tsgd_curve *c,
                                    const size_t *which, size_t n, size_t most,
                                    const struct tsgd_measure *measure, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_series s = {.has_band = n > 1};
    double *all = NULL, *room = NULL, from = -INFINITY, to = INFINITY;
    size_t points = 0;
    for (size_t i = 0; i < n; i++) {
        const struct tsgd_curve *one = &c[which[i]];
        points += one->n;
        from = one->n > 0 ? fmax(from, one->x[0]) : INFINITY;
        to = one->n > 0 ? fmin(to, one->x[one->n - 1]) : -INFINITY;
    }
    TRY(TSGD_NEW(&all, points, "points of a plot", err));
    TRY(TSGD_NEW(&room, n, "points of a plot", err));
    points = merge(all, c, which, n, from, to);
    most = points < most ? points : most;
    TRY(TSGD_NEW(&s.x, most, "points of a plot", err));
    TRY(TSGD_NEW(&s.mean, most, "points of a plot", err));
    TRY(TSGD_NEW(&s.low, most, "points of a plot", err));
    TRY(TSGD_NEW(&s.high, most, "points of a plot", err));
    for (size_t i = 0; i < most; i++) {
        double x = all[most > 1 ? i * (points - 1) / (most - 1) : 0];
        struct tsgd_stat at = tsgd_curves_at(c, which, n, x, measure->logarithmic, room);
        if (isnan(at.mean))
            continue;
        double sd = n > 1 ? at.sd : 0;
        s.x[s.n] = x;
        s.mean[s.n] = at.mean;
        s.low[s.n] = measure->logarithmic ? fmax(at.mean - sd, at.least) : at.mean - sd;
        s.high[s.n++] = at.mean + sd;
    }
    *out = s;
    s = (struct tsgd_series)TSGD_SERIES_INIT;
done:
    free(all);
    free(room);
    tsgd_series_release(&s);
    return st;
}

void tsgd_series_release(struct tsgd_series *s)
{
    free(s->x);
    free(s->mean);
    free(s->low);
    free(s->high);
    *s = (struct tsgd_series)TSGD_SERIES_INIT;
}
