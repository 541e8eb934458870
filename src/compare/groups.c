#include "compare/groups.h"

#include "base/mem.h"
#include "base/memstream.h"
#include "compare/labels.h"
#include "run/metrics.h"

#include <math.h>
#include <string.h>

/* Settings of the result in which the runs of a group may differ: when a run is measured, and on
 * what machine.                                                                                 */
static const unsigned char free_fields[] = {
    TSGD_SET_seed, TSGD_SET_eval_every, TSGD_SET_eval_at_start, TSGD_SET_eval, TSGD_SET_data_dir,
    TSGD_SET_isa,
};

/* How runs are brought together. */
struct making {
    struct tsgd_values values;
    bool by[TSGD_FIELDS], best[TSGD_FIELDS];
    bool key[TSGD_FIELDS];      /* groups differ in one of these */
    bool chosen[TSGD_FIELDS];   /* rivals differ only in these: best, and what follows from it */
    bool strict;                /* with --by: a field that is not there is a value of its own */
};

int tsgd_log_rank(const struct tsgd_runlog *log)
{
    switch (log->state) {
    case TSGD_LOG_DONE:
    case TSGD_LOG_NOTHING_CHOSEN: return 0;
    case TSGD_LOG_DIVERGED: return 2;
    case TSGD_LOG_INTERRUPTED:
    case TSGD_LOG_RUNNING:
    case TSGD_LOG_CUT:
    case TSGD_LOG_UNFINISHED: break;
    }
    return 1;
}

static bool differ(const struct making *m, size_t a, size_t b, size_t field)
{
    return m->strict ? tsgd_value_id(&m->values, a, field) != tsgd_value_id(&m->values, b, field) :
           tsgd_values_differ(&m->values, a, b, field);
}

/* Whether two runs agree in the key, but for the fields in `except`, which may be NULL. */
static bool agree(const struct making *m, size_t a, size_t b, const bool *except)
{
    bool found = false;
    for (size_t f = 0; f < TSGD_FIELDS && !found; f++)
        found = m->key[f] && !(except && except[f]) && differ(m, a, b, f);
    return !found;
}

static bool same_seed(const struct making *m, size_t a, size_t b)
{
    return tsgd_value_id(&m->values, a, TSGD_SET_seed) ==
           tsgd_value_id(&m->values, b, TSGD_SET_seed);
}

/* That a run agrees with one of the group is not enough: the next may have what that one lacks. */
static bool belongs(const struct making *m, const struct tsgd_group *g, size_t run)
{
    bool fits = true;
    for (size_t i = 0; i < g->n && fits; i++)
        fits = agree(m, g->run[i], run, NULL) && (m->strict || !same_seed(m, g->run[i], run));
    return fits;
}

static enum tsgd_status add_run(struct tsgd_groups *g, const struct making *m, size_t run,
                                struct tsgd_error *err)
{
    size_t i = 0;
    while (i < g->n && !belongs(m, &g->group[i], run))
        i++;
    if (i == g->n) {
        struct tsgd_group *more = realloc(g->group, (i + 1) * sizeof *more);
        if (!more)
            return tsgd_fail(err, TSGD_ENOMEM, "no memory for groups of runs");
        g->group = more;
        g->group[g->n++] = (struct tsgd_group){.name = NULL};
    }
    struct tsgd_group *to = &g->group[i];
    size_t *more = realloc(to->run, (to->n + 1) * sizeof *more);
    if (!more)
        return tsgd_fail(err, TSGD_ENOMEM, "no memory for groups of runs");
    to->run = more;
    to->run[to->n++] = run;
    return TSGD_OK;
}

/* Brings the counted runs to the front, and counts their seeds. The order stays otherwise. */
static void count(struct tsgd_group *g, const struct making *m)
{
    const struct tsgd_runlog *log = m->values.log;
    int least = 2;
    for (size_t i = 0; i < g->n; i++)
        least = tsgd_log_rank(&log[g->run[i]]) < least ? tsgd_log_rank(&log[g->run[i]]) : least;
    for (size_t i = 0; i < g->n; i++) {
        size_t run = g->run[i];
        if (tsgd_log_rank(&log[run]) != least)
            continue;
        memmove(&g->run[g->counted + 1], &g->run[g->counted], (i - g->counted) * sizeof run);
        g->run[g->counted++] = run;
    }
    for (size_t i = 0; i < g->counted; i++) {
        bool again = false;
        for (size_t j = 0; j < i; j++)
            again |= same_seed(m, g->run[i], g->run[j]);
        g->seeds += !again;
    }
}

static void release_group(struct tsgd_group *g, size_t fields)
{
    for (size_t i = 0; g->value && i < fields; i++)
        free(g->value[i]);
    free(g->value);
    free(g->name);
    free(g->legend);
    free(g->run);
}

/* ---- the best of groups that differ in some settings alone ---- */

/* In the order in which they are taken, where every run of the groups has one. */
static const struct measure {
    const char *name;
    bool more_is_better;
} measures[] = {
    {"validation_loss_mean", false}, {"validation_loss", false}, {"validation_accuracy_mean", true},
    {"validation_accuracy", true}, {"validation_r2", true}, {"grad_norm2", false},
};
enum { MEASURES = sizeof measures / sizeof *measures };

/* The number of a metric, which this version may not have: then there are as many. */
static size_t number_of(const char *name)
{
    size_t metric = 0;
    while (metric < tsgd_n_metrics && strcmp(tsgd_metrics[metric].name, name))
        metric++;
    return metric;
}

/* The mean over the counted runs at their ends; NaN: one has no such number. */
static double mean_end(const struct tsgd_group *g, const struct tsgd_runlog *log, const char *name)
{
    size_t metric = number_of(name);
    double sum = 0;
    for (size_t i = 0; i < g->counted; i++)
        sum += log[g->run[i]].end[metric];
    return sum / (double)g->counted;
}

static size_t diverged_runs(const struct tsgd_group *g, const struct tsgd_runlog *log)
{
    size_t found = 0;
    for (size_t i = 0; i < g->n; i++)
        found += log[g->run[i]].state == TSGD_LOG_DIVERGED;
    return found;
}

/* A group whose runs all diverged is judged by no metric. */
static bool is_judged(const struct tsgd_group *g, const struct tsgd_runlog *log)
{
    return tsgd_log_rank(&log[g->run[0]]) < 2;
}

/* The groups that compete with group number i: same[], which is [g->n]; how many they are. */
static size_t rivals(bool *same, const struct tsgd_groups *g, const struct making *m, size_t i)
{
    size_t n = 0;
    for (size_t j = 0; j < g->n; j++) {
        same[j] = agree(m, g->group[i].run[0], g->group[j].run[0], m->chosen);
        n += same[j];
    }
    return n;
}

static const struct measure *measure_for(const struct tsgd_groups *g, const struct making *m,
                                         const bool *same)
{
    for (size_t k = 0; k < MEASURES; k++) {
        bool all = number_of(measures[k].name) < tsgd_n_metrics;
        for (size_t j = 0; j < g->n && all; j++)
            if (same[j] && is_judged(&g->group[j], m->values.log))
                all = !isnan(mean_end(&g->group[j], m->values.log, measures[k].name));
        if (all)
            return &measures[k];
    }
    return NULL;
}

/* Whether group a is better than b. */
static bool is_better(const struct tsgd_group *a, const struct tsgd_group *b,
                      const struct tsgd_runlog *log, const struct measure *by)
{
    size_t lost_a = diverged_runs(a, log), lost_b = diverged_runs(b, log);
    bool judged_a = is_judged(a, log), judged_b = is_judged(b, log);
    double x = mean_end(a, log, by->name), y = mean_end(b, log, by->name);
    if (judged_a != judged_b)
        return judged_a;
    if (lost_a != lost_b)
        return lost_a < lost_b;
    return by->more_is_better ? x > y : x < y;
}

static enum tsgd_status choose(struct tsgd_groups *g, const struct making *m,
                               struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_runlog *log = m->values.log;
    bool *same = NULL, *wins = NULL;
    size_t kept = 0;
    TRY(TSGD_NEW(&same, g->n, "groups of runs", err));
    TRY(TSGD_NEW(&wins, g->n, "groups of runs", err));
    for (size_t i = 0; i < g->n; i++) {
        const struct measure *by;
        wins[i] = true;
        if (rivals(same, g, m, i) == 1)
            continue;
        if (!(by = measure_for(g, m, same)))
            TRY(tsgd_fail(err, TSGD_EINVAL, "--best: '%s' has no validation metric to choose by, "
                          "and is not chosen by its test metrics; want logs of 'telesgd train "
                          "--validation'", log[g->group[i].run[0]].path));
        for (size_t j = 0; j < g->n; j++)
            if (same[j] && j != i && (is_better(&g->group[j], &g->group[i], log, by) ||
                                      (j < i && !is_better(&g->group[i], &g->group[j], log, by))))
                wins[i] = false;
        g->best_by = by->name;
    }
    for (size_t i = 0; i < g->n; i++) {
        if (wins[i])
            g->group[kept++] = g->group[i];
        else
            release_group(&g->group[i], 0);
    }
    g->left_out = g->n - kept;
    g->n = kept;
done:
    free(same);
    free(wins);
    return st;
}

/* ---- names ---- */

static bool is_mixed(const struct tsgd_groups *g, const struct making *m, size_t field)
{
    for (size_t i = 0; i < g->n; i++)
        for (size_t j = 1; j < g->group[i].n; j++)
            if (tsgd_values_differ(&m->values, g->group[i].run[0], g->group[i].run[j], field))
                return true;
    return false;
}

/* The settings that are mixed in a group, with commas between them. */
static enum tsgd_status tell_mixed(struct tsgd_groups *g, const struct making *m,
                                   struct tsgd_error *err)
{
    size_t bytes;
    FILE *f = open_memstream(&g->mixed, &bytes);
    for (size_t i = 0; f && i < TSGD_FIELDS; i++)
        if (!m->key[i] && tsgd_field_counts(i) &&
            !memchr(free_fields, (int)i, sizeof free_fields) && is_mixed(g, m, i))
            fprintf(f, "%s%s", ftell(f) > 0 ? ", " : "", tsgd_field_name(i));
    if (tsgd_memstream_close(f, &g->mixed))
        return TSGD_OK;
    return tsgd_fail(err, TSGD_ENOMEM, "no memory for names of settings");
}

/* Of a field: whether names have it, also in their beginning. */
static bool is_told(const struct making *m, const struct tsgd_labels *how, size_t field)
{
    bool found = !m->strict && (field == TSGD_SET_method || field == TSGD_SET_nodes ||
                                field == TSGD_FIELD_TOKENS || field == TSGD_SET_topology);
    for (size_t i = 0; i < how->n && !found; i++)
        found = tsgd_labels_say(&m->values, how, i, field);
    return found;
}

/* The fields that names are made of, and each group's values. */
static enum tsgd_status tell_fields(struct tsgd_groups *g, const struct making *m,
                                    const struct tsgd_labels *how, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t fields = 0;
    TRY(TSGD_NEW(&g->field, TSGD_FIELDS, "names of settings", err));
    for (size_t i = 0; i < g->n; i++)
        TRY(TSGD_NEW(&g->group[i].value, TSGD_FIELDS, "settings of groups", err));
    g->fields = TSGD_FIELDS;            /* until it is known, for a release: the others are NULL */
    for (size_t f = 0; f < TSGD_FIELDS; f++) {
        if (!is_told(m, how, f))
            continue;
        for (size_t i = 0; i < g->n; i++) {
            char room[TSGD_VALUE_ROOM];
            const char *text = tsgd_value_text(&m->values, how->run[i], f, room);
            if (!(g->group[i].value[fields] = strdup(text)))
                TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for settings of groups"));
        }
        g->field[fields++] = tsgd_field_name(f);
    }
    g->fields = fields;
done:
    return st;
}

static enum tsgd_status name_groups(struct tsgd_groups *g, const struct making *m,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_labels how = {.n = g->n, .form = m->strict ? TSGD_LABEL_SAID : TSGD_LABEL_FULL};
    char **label = NULL;
    size_t *run = NULL;
    TRY(TSGD_NEW(&label, g->n, "names of groups", err));
    TRY(TSGD_NEW(&run, g->n, "names of groups", err));
    for (size_t i = 0; i < g->n; i++)
        run[i] = g->group[i].run[0];
    how.run = run;
    how.unsaid[TSGD_SET_seed] = true;
    memcpy(how.said, m->strict ? m->key : m->best, sizeof how.said);
    if (!m->strict)             /* "dsgd, 8 of 100, ring" says them */
        how.said[TSGD_SET_method] = how.said[TSGD_SET_nodes] = how.said[TSGD_SET_active] =
            how.said[TSGD_FIELD_TOKENS] = how.said[TSGD_SET_topology] = false;
    TRY(tsgd_labels_create(label, &m->values, &how, err));
    for (size_t i = 0; i < g->n; i++)
        g->group[i].name = label[i];
    TRY(tell_fields(g, m, &how, err));
    if (!m->strict && g->n > 1)
        how.form = TSGD_LABEL_DIFFERENT;
    TRY(tsgd_labels_create(label, &m->values, &how, err));
    for (size_t i = 0; i < g->n; i++)
        g->group[i].legend = label[i];
    TRY(tsgd_labels_common(&g->title, &m->values, run, g->n, err));
    TRY(tell_mixed(g, m, err));
done:
    free(label);
    free(run);
    return st;
}

enum tsgd_status tsgd_groups_create(struct tsgd_groups *out, const struct tsgd_runlog *log,
                                    size_t n, const char *by, const char *best,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct making m = {.strict = by != NULL};
    *out = (struct tsgd_groups)TSGD_GROUPS_INIT;
    TRY(tsgd_fields_parse(m.by, by, "--by", err));
    TRY(tsgd_fields_parse(m.best, best, "--best", err));
    for (size_t f = 0; f < TSGD_FIELDS; f++)
        m.key[f] = m.strict ? m.by[f] || m.best[f] :
                   tsgd_field_counts(f) && !memchr(free_fields, (int)f, sizeof free_fields);
    for (size_t f = 0; f < TSGD_FIELDS; f++)
        if (m.best[f] && !m.key[f])
            TRY(tsgd_fail(err, TSGD_EINVAL, "--best: runs of a row may differ in '%s', and their "
                          "mean is shown; want settings in which rows differ", tsgd_field_name(f)));
    memcpy(m.chosen, m.best, sizeof m.chosen);
    if (m.best[TSGD_SET_active])
        m.chosen[TSGD_FIELD_TOKENS] = true;
    TRY(tsgd_values_create(&m.values, log, n, err));
    for (size_t i = 0; i < n; i++)
        TRY(add_run(out, &m, i, err));
    for (size_t i = 0; i < out->n; i++)
        count(&out->group[i], &m);
    if (best)
        TRY(choose(out, &m, err));
    TRY(name_groups(out, &m, err));
done:
    tsgd_values_release(&m.values);
    return st;
}

void tsgd_groups_release(struct tsgd_groups *g)
{
    for (size_t i = 0; i < g->n; i++)
        release_group(&g->group[i], g->fields);
    free(g->group);
    free(g->field);
    free(g->title);
    free(g->mixed);
    *g = (struct tsgd_groups)TSGD_GROUPS_INIT;
}
