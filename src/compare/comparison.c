#include "compare/comparison.h"

#include "base/mem.h"
#include "compare/values.h"
#include "run/metrics.h"

#include <math.h>
#include <string.h>

/* Metrics of which some are shown when none is asked for. */
static const char *const usual[] = {"test_accuracy", "validation_accuracy", "test_r2",
                                    "validation_r2", "grad_norm2"};
enum { USUAL = sizeof usual / sizeof *usual };

/* One of these tells a run that learns from data. */
static const char *const learnt[] = {"test_loss", "validation_loss", "test_accuracy",
                                     "validation_accuracy"};
enum { LEARNT = sizeof learnt / sizeof *learnt };

static void release_curves(struct tsgd_comparison *c)
{
    for (size_t i = 0; c->curve && i < c->set.n; i++)
        tsgd_curve_release(&c->curve[i]);
}

enum tsgd_status tsgd_comparison_curves(struct tsgd_comparison *c, const struct tsgd_measure *m,
                                        struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    release_curves(c);
    for (size_t i = 0; i < c->set.n; i++)
        TRY(tsgd_curve_create(&c->curve[i], &c->set.log[i], c->axis, m, err));
done:
    return st;
}

bool tsgd_comparison_shows(const struct tsgd_comparison *c, size_t group,
                           const struct tsgd_measure *m)
{
    const struct tsgd_group *g = &c->groups.group[group];
    bool found = c->s->metric || (!c->network[group] && !c->quadratic[group]);
    for (size_t i = 0; i < g->n && !found; i++)
        found = tsgd_runlog_has(&c->set.log[g->run[i]], m->metric);
    return found;
}

/* ---- making it ---- */

/* The metrics that --metric names; each once. */
static enum tsgd_status parse_metrics(struct tsgd_comparison *c, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char *copy = NULL, *rest, *name;
    bool known[TSGD_LOG_METRICS] = {false};
    if (!c->s->metric)
        return TSGD_OK;
    if (!(copy = rest = strdup(c->s->metric)))
        TRY(tsgd_fail(err, TSGD_ENOMEM, "--metric: no memory for the names"));
    while ((name = strsep(&rest, ","))) {
        const struct tsgd_metric *found;
        TRY(tsgd_metric_find(&found, name, "--metric", err));
        if (!known[found - tsgd_metrics])
            c->measure[c->n_measures++] = tsgd_measure_of((size_t)(found - tsgd_metrics));
        known[found - tsgd_metrics] = true;
    }
done:
    free(copy);
    return st;
}

/* What the evaluations are asked for. */
static uint64_t wanted(const struct tsgd_comparison *c)
{
    uint64_t bits = tsgd_xaxis_metrics(c->axis);
    for (size_t i = 0; i < c->n_measures; i++)
        bits |= UINT64_C(1) << c->measure[i].metric;
    for (size_t i = 0; i < USUAL; i++)
        bits |= UINT64_C(1) << tsgd_metric_number(usual[i]);
    return bits;
}

/* The usual metrics, where a log has one. Runs with validation measure test samples once, at their
 * ends: they have no curve but that of the validation.                                          */
static void choose_measures(struct tsgd_comparison *c)
{
    bool found[USUAL] = {false};
    for (size_t i = 0; i < c->set.n; i++) {
        bool has[USUAL];
        for (size_t k = 0; k < USUAL; k++)
            has[k] = tsgd_runlog_has(&c->set.log[i], tsgd_metric_number(usual[k]));
        has[0] &= !has[1];
        for (size_t k = 0; k < USUAL; k++)
            found[k] |= has[k];
    }
    for (size_t k = 0; k < USUAL && !c->s->metric; k++)
        if (found[k])
            c->measure[c->n_measures++] = tsgd_measure_of(tsgd_metric_number(usual[k]));
}

static enum tsgd_status tell_kinds(struct tsgd_comparison *c, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(TSGD_NEW(&c->quadratic, c->groups.n, "groups of runs", err));
    TRY(TSGD_NEW(&c->network, c->groups.n, "groups of runs", err));
    for (size_t g = 0; g < c->groups.n; g++)
        for (size_t i = 0; i < c->groups.group[g].n; i++) {
            const struct tsgd_runlog *log = &c->set.log[c->groups.group[g].run[i]];
            c->quadratic[g] |= tsgd_runlog_has(log, tsgd_metric_number("grad_norm2"));
            for (size_t k = 0; k < LEARNT; k++)
                c->network[g] |= tsgd_runlog_has(log, tsgd_metric_number(learnt[k]));
        }
done:
    return st;
}

/* An axis that was asked for and that no log has would leave its tables and pictures empty. */
static enum tsgd_status check_axis(const struct tsgd_comparison *c, struct tsgd_error *err)
{
    bool found = !TSGD_GIVEN(c->s, x) || c->n_measures == 0;
    for (size_t i = 0; i < c->set.n && !found; i++)
        found = tsgd_runlog_has(&c->set.log[i], tsgd_metric_number(c->axis->metric[0]));
    return found ? TSGD_OK :
           tsgd_fail(err, TSGD_EINVAL, "--x: no log has %s", c->axis->name);
}

enum tsgd_status tsgd_comparison_create(struct tsgd_comparison *out,
                                        const struct tsgd_command *command,
                                        const struct tsgd_cli *cli, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_comparison *c = out;
    const struct tsgd_settings *s = cli->settings;
    bool named[TSGD_FIELDS];
    *c = (struct tsgd_comparison){.s = s, .axis = tsgd_xaxis_find(s->x)};
    c->form = s->csv ? TSGD_SHEET_CSV : s->latex ? TSGD_SHEET_LATEX : TSGD_SHEET_TEXT;
    /* Before logs are read, which may take long. */
    TRY(tsgd_fields_parse(named, s->by, "--by", err));
    TRY(tsgd_fields_parse(named, s->best, "--best", err));
    TRY(parse_metrics(c, err));
    TRY(tsgd_logset_read(&c->set, command, cli->operand, cli->n_operands, wanted(c), err));
    if (c->set.n == 0)
        return TSGD_OK;
    TRY(TSGD_NEW(&c->curve, c->set.n, "curves", err));
    TRY(TSGD_NEW(&c->room, c->set.n, "curves", err));
    TRY(tsgd_groups_create(&c->groups, c->set.log, c->set.n, s->by, s->best, err));
    TRY(tell_kinds(c, err));
    choose_measures(c);
    TRY(check_axis(c, err));
    if (TSGD_HAS(s, target) && c->n_measures != 1)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--target: found %zu metrics, want one: --metric NAME",
                      c->n_measures));
done:
    return st;
}

void tsgd_comparison_release(struct tsgd_comparison *c)
{
    release_curves(c);
    free(c->curve);
    free(c->room);
    free(c->quadratic);
    free(c->network);
    tsgd_groups_release(&c->groups);
    tsgd_logset_release(&c->set);
}
