/* run/metrics.h: the numbers of an evaluation by name, for logs and for --until. */
#ifndef TSGD_RUN_METRICS_H
#define TSGD_RUN_METRICS_H

#include "base/status.h"
#include "run/settings.h"

enum tsgd_metric_type { TSGD_METRIC_U64, TSGD_METRIC_REAL, TSGD_METRIC_HASH };

/* A field of struct tsgd_eval, in the order of the log. */
struct tsgd_metric {
    const char *name;
    enum tsgd_metric_type type;
    size_t offset;
    unsigned needs;             /* see tsgd_metric_wants */
};
extern const struct tsgd_metric tsgd_metrics[];
extern const size_t tsgd_n_metrics;

/* Value of a metric that is a number; NaN when it does not apply. */
double tsgd_metric_value(const struct tsgd_metric *m, const struct tsgd_eval *e);

/* The metric of this name that is a number. TSGD_EINVAL: there is none (suggests the nearest);
 * `where` starts the sentence.                                                                  */
enum tsgd_status tsgd_metric_find(const struct tsgd_metric **out, const char *name,
                                  const char *where, struct tsgd_error *err);

/* What settings would give the evaluations of a run this metric, as a line of a settings file or as
 * an option; NULL: it has it. `s` are resolved.                                                 */
const char *tsgd_metric_wants(const struct tsgd_metric *m, const struct tsgd_settings *s,
                              bool as_option);

/* "test_accuracy>=0.8": when to stop. */
struct tsgd_until {
    struct tsgd_metric metric;  /* its name is not kept */
    bool at_least;
    double value;
};

/* The --until of resolved settings. A metric of the objective comes before one of struct tsgd_eval
 * with its name. TSGD_EINVAL: no such metric (suggests the nearest), one that this run does not
 * have (says what gives it), no comparison, no number.                                          */
enum tsgd_status tsgd_until_parse(struct tsgd_until *out, const struct tsgd_settings *s,
                                  struct tsgd_error *err);

/* False when the metric does not apply. */
bool tsgd_until_met(const struct tsgd_until *u, const struct tsgd_eval *e);

#endif
