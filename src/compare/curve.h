/* compare/curve.h: a metric of a run over what the run has spent, and of many runs at a common
 * place. One thread.                                                                            */
#ifndef TSGD_COMPARE_CURVE_H
#define TSGD_COMPARE_CURVE_H

#include "log/runlog.h"

enum tsgd_unit { TSGD_COUNT, TSGD_PERCENT, TSGD_REAL, TSGD_BYTES, TSGD_SECONDS };

/* What runs are laid out over. */
struct tsgd_xaxis {
    const char *name;           /* as --x has it */
    const char *title;          /* "bytes sent" */
    enum tsgd_unit unit;
    const char *metric[2];      /* their sum; the second may be NULL */
};

/* By name, which must be known; NULL: gradients. */
const struct tsgd_xaxis *tsgd_xaxis_find(const char *name);

/* A metric, and how people look at it. */
struct tsgd_measure {
    size_t metric;
    const char *name;
    char title[64];             /* "test accuracy" */
    enum tsgd_unit unit;
    bool more_is_better;
    bool logarithmic;           /* it spans orders of magnitude: interpolated in its logarithm */
};
struct tsgd_measure tsgd_measure_of(size_t metric);

/* The metrics, as bits for tsgd_runlog_read. */
uint64_t tsgd_xaxis_metrics(const struct tsgd_xaxis *axis);

/* ---- of one run ---- */

/* Points with rising x. An evaluation without the metric is none; of several at one x the last one
 * counts.                                                                                       */
struct tsgd_curve {
    size_t n;
    double *x, *y;
};
#define TSGD_CURVE_INIT {.n = 0}

/* TSGD_ENOMEM. */
enum tsgd_status tsgd_curve_create(struct tsgd_curve *out, const struct tsgd_runlog *log,
                                   const struct tsgd_xaxis *axis,
                                   const struct tsgd_measure *measure, struct tsgd_error *err);
void tsgd_curve_release(struct tsgd_curve *c);

/* The value at x: of the point there, else interpolated between the points before and after, and
 * then *between becomes true. NaN: there are not both, or no logarithm.                         */
double tsgd_curve_at(const struct tsgd_curve *c, double x, bool logarithmic, bool *between);

/* Where a run first is at least as good as a target. */
struct tsgd_crossing {
    enum { TSGD_NEVER, TSGD_AT_POINT, TSGD_BETWEEN_POINTS, TSGD_NOT_AFTER } how;
    double x;                   /* TSGD_NOT_AFTER: it was there by x, the first evaluation, or the
                                 * first with a value of 0, which has no logarithm */
};
struct tsgd_crossing tsgd_curve_reaches(const struct tsgd_curve *c, double target,
                                        const struct tsgd_measure *measure);

/* ---- of many ---- */

/* Mean and sample standard deviation (n - 1). */
struct tsgd_stat {
    size_t n;
    double mean;                /* NaN: nothing, or not of all */
    double sd;                  /* NaN below two */
    double least, most;
    bool between;               /* one of the values was interpolated */
};

/* A value that is NaN makes the mean NaN. */
struct tsgd_stat tsgd_stat_of(const double *value, size_t n);

/* At x, of the n curves whose numbers are in which[]. room: for n numbers. */
struct tsgd_stat tsgd_curves_at(const struct tsgd_curve *c, const size_t *which, size_t n, double x,
                                bool logarithmic, double *room);

/* Mean and band over runs, to be drawn: points where at least one of them was evaluated and all of
 * them can be told, thinned out to at most so many.                                             */
struct tsgd_series {
    size_t n;
    double *x, *mean, *low, *high;      /* low and high: one standard deviation from the mean */
    bool has_band;
};
#define TSGD_SERIES_INIT {.n = 0}

/* On a logarithmic scale a band must not reach 0: it ends at the lowest run. TSGD_ENOMEM. */
enum tsgd_status tsgd_series_create(struct tsgd_series *out, const struct tsgd_curve *c,
                                    const size_t *which, size_t n, size_t most,
                                    const struct tsgd_measure *measure, struct tsgd_error *err);
void tsgd_series_release(struct tsgd_series *s);

#endif
