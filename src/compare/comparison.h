/* compare/comparison.h: what `telesgd compare` shows: logs in groups, and the metrics of their
 * curves. One thread.                                                                           */
#ifndef TSGD_COMPARE_COMPARISON_H
#define TSGD_COMPARE_COMPARISON_H

#include "cli/parse.h"
#include "compare/curve.h"
#include "compare/groups.h"
#include "compare/sheet.h"

/* What was asked for, and what there is. The settings stay the caller's. */
struct tsgd_comparison {
    const struct tsgd_settings *s;
    enum tsgd_sheet_form form;
    struct tsgd_logset set;
    struct tsgd_groups groups;
    bool *quadratic, *network;      /* [groups.n]: what a run of the group is known to be */
    const struct tsgd_xaxis *axis;
    size_t n_measures;
    struct tsgd_measure measure[TSGD_LOG_METRICS];
    struct tsgd_curve *curve;       /* [set.n], of the measure that is shown */
    double *room;                   /* [set.n] */
    size_t sheets;                  /* printed so far */
};

/* Reads the logs, groups the runs, and chooses the metrics that were not asked for. What cannot be
 * read is told of (log/runlog.h); without a log there are no groups. Release it either way.
 * TSGD_EINVAL: an unknown name in --by, --best or --metric, nothing to choose the best by, or a
 * target for several metrics; TSGD_ENOMEM.                                                      */
enum tsgd_status tsgd_comparison_create(struct tsgd_comparison *out,
                                        const struct tsgd_command *command,
                                        const struct tsgd_cli *cli, struct tsgd_error *err);
void tsgd_comparison_release(struct tsgd_comparison *c);

/* Makes c->curve the curves of this metric. TSGD_ENOMEM. */
enum tsgd_status tsgd_comparison_curves(struct tsgd_comparison *c, const struct tsgd_measure *m,
                                        struct tsgd_error *err);

/* Whether a group has a place where this metric is shown: runs of networks have none among what
 * only quadratics have, nor the other way round.                                                */
bool tsgd_comparison_shows(const struct tsgd_comparison *c, size_t group,
                           const struct tsgd_measure *m);

/* Prints the tables that were asked for (compare/comparison_tables.c). TSGD_EINVAL: no log has the
 * metric; TSGD_ENOMEM.                                                                          */
enum tsgd_status tsgd_comparison_print(struct tsgd_comparison *c, struct tsgd_error *err);

/* Prints and writes the pictures that were asked for (compare/comparison_plot.c). Errors as those
 * of tsgd_plot_write.                                                                           */
enum tsgd_status tsgd_comparison_draw(struct tsgd_comparison *c, struct tsgd_error *err);

#endif
