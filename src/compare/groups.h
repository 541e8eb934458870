/* compare/groups.h: runs that differ in nothing but their seed, taken together.
 *
 * Without --by a group has one run of each seed, and its runs agree in every setting of the result
 * but those of when and on what machine it is measured; a split seed that follows the seed differs
 * with it. A second run of a seed opens another group. With --by runs that agree in the settings
 * named are together, whatever else they differ in.
 * A mean is over the runs that are counted: those that came to their end if there are any, else
 * those that were stopped or are going on, else those that diverged. The others are told of.    */
#ifndef TSGD_COMPARE_GROUPS_H
#define TSGD_COMPARE_GROUPS_H

#include "log/runlog.h"

struct tsgd_group {
    char *name;                 /* as compare/labels.h has it */
    char *legend;               /* only what tells it from the others */
    char **value;               /* [fields], as texts; "": none */
    size_t *run;                /* [n]: numbers of logs; those that are counted come first */
    size_t n, counted;
    size_t seeds;               /* different ones of the counted */
};

struct tsgd_groups {
    size_t n;
    struct tsgd_group *group;
    char *title;                /* what all have in common; "" for nothing */
    char *mixed;                /* settings beside the seed in which runs of a group differ; "" */
    size_t left_out;            /* groups that were not the best of theirs */
    size_t fields;              /* what the names are made of, for tables that programs read: */
    const char **field;         /* their names */
    const char *best_by;        /* the metric by which the best were chosen; NULL: none were */
};
#define TSGD_GROUPS_INIT {.n = 0}

/* How well a run did, for tables and for choosing. 0: it came to its end; 1: it was stopped or is
 * going on; 2: it diverged.                                                                     */
int tsgd_log_rank(const struct tsgd_runlog *log);

/* by, best: names with commas between them, or NULL. Of groups that differ only in settings of
 * `best`, the one with the best mean metric at the end stays: of the validation samples, or the
 * grad_norm2 of quadratics, never of test samples; a group with fewer diverged runs wins.
 * TSGD_EINVAL: a name is unknown, or groups have no metric to choose by; TSGD_ENOMEM. Release it
 * either way.                                                                                   */
enum tsgd_status tsgd_groups_create(struct tsgd_groups *out, const struct tsgd_runlog *log,
                                    size_t n, const char *by, const char *best,
                                    struct tsgd_error *err);
void tsgd_groups_release(struct tsgd_groups *g);

#endif
