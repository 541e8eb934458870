/* telesgd compare: runs side by side, from their logs. */
#include "cli/parse.h"

#include "base/mem.h"
#include "cli/human.h"
#include "cli/labels.h"
#include "cli/runlog.h"
#include "cli/table.h"

#include <math.h>
#include <string.h>

enum { FRACTIONS = 5 };

enum unit { COUNT, PERCENT, REAL, BYTES, SECONDS };

/* The columns between the run's name and its file; those of networks, or of quadratics, only when
 * such a run is among them; some only when a log has such a number.                             */
enum kind { EVERY, NETWORK, QUADRATIC, MEASURED };

static const struct {
    const char *heading, *metric;
    enum unit unit;
    enum kind kind;
} column[] = {
    {"rounds", "round", COUNT, EVERY},
    {"gradients", "gradients", COUNT, EVERY},
    {"samples", "samples", COUNT, NETWORK},
    {"accuracy", "test_accuracy", PERCENT, NETWORK},
    {"test loss", "test_loss", REAL, NETWORK},
    {"grad_norm2", "grad_norm2", REAL, QUADRATIC},
    {"of tokens", "grad_norm2_tokens", REAL, QUADRATIC},
    {"consensus", "consensus", REAL, EVERY},
    {"gossiped", "bytes_gossip", BYTES, EVERY},
    {"teleported", "bytes_teleport", BYTES, EVERY},
    {"simulated s", "sim_seconds", SECONDS, MEASURED},
    {"seconds", "wall_seconds", SECONDS, EVERY},
};
enum { COLUMNS = sizeof column / sizeof *column };

/* The second tables: a metric after as many gradients each. */
static const struct course {
    const char *title, *metric, *how;
    enum kind kind;
    enum unit unit;
    bool logarithmic;               /* interpolate the logarithm: it spans orders of magnitude */
} courses[] = {
    {"test accuracy", "test_accuracy", "linearly", NETWORK, PERCENT, false},
    {"grad_norm2", "grad_norm2", "in the logarithm", QUADRATIC, REAL, true},
};

static bool is_diverged(const struct tsgd_runlog *log)
{
    return log->state == TSGD_LOG_DIVERGED;
}

/* The file, what a search cost, and whether the run came to its planned end. */
static void add_file(struct tsgd_table *t, const struct tsgd_runlog *log)
{
    const char *how = tsgd_log_state_name(log->state);
    const json_t *spent = json_object_get(log->summary, "gradients_spent");
    char search[64] = "", text[TSGD_HUMAN];
    if (json_is_integer(spent))
        snprintf(search, sizeof search, " (search, %s gradients in all)",
                 tsgd_human_count((uint64_t)json_integer_value(spent), text));
    if (log->state == TSGD_LOG_DONE)
        tsgd_table_add(t, "%s%s", log->path, search);
    else
        tsgd_table_add(t, "%s%s (%s)", log->path, search, how);
}

/* A cell with a value; `before` stands in front of it. */
static void add_value(struct tsgd_table *t, const char *before, double x, enum unit unit)
{
    char text[TSGD_HUMAN];
    switch (unit) {
    case COUNT: tsgd_table_add(t, "%s%s", before, tsgd_human_count((uint64_t)x, text)); break;
    case PERCENT: tsgd_table_add(t, "%s%.2f %%", before, 100 * x); break;
    case REAL: tsgd_table_add(t, "%s%.4g", before, x); break;
    case BYTES: tsgd_table_add(t, "%s%s", before, tsgd_human_bytes(x, text)); break;
    case SECONDS: tsgd_table_add(t, "%s%.2f", before, x); break;
    }
}

static void add_number(struct tsgd_table *t, const struct tsgd_runlog *log, const char *metric,
                       enum unit unit)
{
    double x = log->end[tsgd_metric_number(metric)];
    if (!isnan(x))
        add_value(t, "", x, unit);
    else
        tsgd_table_add(t, "-");
}

static enum kind kind_of(const struct tsgd_runlog *log)
{
    return tsgd_runlog_has(log, tsgd_metric_number("grad_norm2")) ? QUADRATIC :
           tsgd_runlog_has(log, tsgd_metric_number("test_accuracy")) ? NETWORK : EVERY;
}

static bool has_kind(const struct tsgd_runlog *log, size_t n, enum kind kind)
{
    bool found = false;
    for (size_t i = 0; i < n; i++)
        found |= kind_of(&log[i]) == kind;
    return found;
}

static bool shown_at_all(const struct tsgd_runlog *log, size_t n, size_t c)
{
    bool found = column[c].kind == EVERY || has_kind(log, n, column[c].kind);
    for (size_t i = 0; i < n && column[c].kind == MEASURED; i++)
        found |= !isnan(log[i].end[tsgd_metric_number(column[c].metric)]);
    return found;
}

static enum tsgd_status print_ends(const struct tsgd_runlog *log, char *const *label, size_t n,
                                   struct tsgd_error *err)
{
    size_t shown[COLUMNS], columns = 0;
    for (size_t c = 0; c < COLUMNS; c++)
        if (shown_at_all(log, n, c))
            shown[columns++] = c;
    struct tsgd_table t = TSGD_TABLE_INIT(columns + 2);
    tsgd_table_add(&t, "method, k of n, topology");
    for (size_t c = 0; c < columns; c++)
        tsgd_table_add(&t, "%s", column[shown[c]].heading);
    tsgd_table_add(&t, "log");
    for (size_t i = 0; i < n; i++) {
        tsgd_table_add(&t, "%s", label[i]);
        for (size_t c = 0; c < columns; c++)
            add_number(&t, &log[i], column[shown[c]].metric, column[shown[c]].unit);
        add_file(&t, &log[i]);
    }
    enum tsgd_status st = tsgd_table_print(&t, stdout, err);
    tsgd_table_release(&t);
    return st;
}

/* A place on the course of a run. An evaluation without the metric is none. */
struct point { double gradients, value; };

static bool point_of(struct point *out, const struct tsgd_runlog *log, size_t i,
                     const struct course *c)
{
    out->gradients = tsgd_runlog_value(log, i, tsgd_metric_number("gradients"));
    out->value = tsgd_runlog_value(log, i, tsgd_metric_number(c->metric));
    return !isnan(out->gradients) && !isnan(out->value);
}

/* Between two points, whose values must be above 0 for a logarithm. */
static void add_between(struct tsgd_table *t, struct point a, struct point b, double gradients,
                        const struct course *c)
{
    double share = (gradients - a.gradients) / (b.gradients - a.gradients);
    if (!c->logarithmic)
        add_value(t, "~", a.value + share * (b.value - a.value), c->unit);
    else if (a.value > 0 && b.value > 0)
        add_value(t, "~", exp(log(a.value) + share * (log(b.value) - log(a.value))), c->unit);
    else
        tsgd_table_add(t, "-");
}

/* The metric after so many gradients: as an evaluation found it there, else between the evaluations
 * before and after. Of several evaluations after equally many gradients the last one counts.    */
static void add_after(struct tsgd_table *t, const struct tsgd_runlog *log, double gradients,
                      const struct course *c)
{
    struct point before = {-1, 0}, after = {-1, 0}, p;
    for (size_t i = 0; i < log->n; i++) {
        if (!point_of(&p, log, i, c))
            continue;
        if (p.gradients <= gradients) {
            before = p;
        } else {
            after = p;
            break;
        }
    }
    if (before.gradients == gradients)
        add_value(t, "", before.value, c->unit);
    else if (before.gradients >= 0 && after.gradients >= 0)
        add_between(t, before, after, gradients, c);
    else
        tsgd_table_add(t, "-");
}

/* The gradients at the last point of the course; 0: it has no point. */
static double length_of(const struct tsgd_runlog *log, const struct course *c)
{
    double most = 0;
    struct point p;
    for (size_t i = 0; i < log->n; i++)
        if (point_of(&p, log, i, c))
            most = p.gradients;
    return most;
}

/* How far the table goes: the shortest course of those that are long enough for one; 0: none is. A
 * run that diverged makes it no shorter unless all did.                                         */
static double common_length(const struct tsgd_runlog *log, size_t n, const struct course *c,
                            bool diverged)
{
    double least = 0;
    for (size_t i = 0; i < n; i++) {
        double length = length_of(&log[i], c);
        if (is_diverged(&log[i]) == diverged && length >= FRACTIONS)
            least = least == 0 || length < least ? length : least;
    }
    return least;
}

static enum tsgd_status print_course(const struct tsgd_runlog *log, char *const *label, size_t n,
                                     const struct course *c, struct tsgd_error *err)
{
    struct tsgd_table t = TSGD_TABLE_INIT(FRACTIONS + 2);
    char text[TSGD_HUMAN];
    double after[FRACTIONS], length = common_length(log, n, c, false);
    if (length == 0)
        length = common_length(log, n, c, true);
    if (length == 0)
        return TSGD_OK;
    tsgd_table_add(&t, "gradients");
    for (int f = 0; f < FRACTIONS; f++) {
        after[f] = floor(length * (f + 1) / FRACTIONS);
        tsgd_table_add(&t, "%s", tsgd_human_count((uint64_t)after[f], text));
    }
    tsgd_table_add(&t, "log");
    for (size_t i = 0; i < n; i++) {
        if (kind_of(&log[i]) != c->kind && kind_of(&log[i]) != EVERY)
            continue;
        tsgd_table_add(&t, "%s", label[i]);
        for (int f = 0; f < FRACTIONS; f++)
            add_after(&t, &log[i], after[f], c);
        add_file(&t, &log[i]);
    }
    printf("\n%s after as many gradients (~: between two evaluations, interpolated %s)\n",
           c->title, c->how);
    enum tsgd_status st = tsgd_table_print(&t, stdout, err);
    tsgd_table_release(&t);
    return st;
}

static enum tsgd_exit run(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_error err;
    struct tsgd_logset set = TSGD_LOGSET_INIT;
    char **label = NULL;
    TRY(tsgd_logset_read(&set, self, cli->operand, cli->n_operands, TSGD_EVERY_METRIC, &err));
    if (set.n == 0)
        goto done;
    TRY(TSGD_NEW(&label, set.n, "names of runs", &err));
    TRY(tsgd_labels_create(label, set.log, set.n, &err));
    TRY(print_ends(set.log, label, set.n, &err));
    for (size_t c = 0; c < sizeof courses / sizeof *courses && set.n > 1; c++)
        TRY(print_course(set.log, label, set.n, &courses[c], &err));
done:
    if (st != TSGD_OK)
        tsgd_complain(self, &err);
    for (size_t i = 0; label && i < set.n; i++)
        free(label[i]);
    free(label);
    bool lacking = st != TSGD_OK || set.unreadable > 0;
    tsgd_logset_release(&set);
    return lacking ? TSGD_EXIT_USAGE : TSGD_EXIT_DONE;
}

static const char about[] =
    "Prints a table of the runs whose logs ('telesgd train --log LOG') are given: how far they "
    "came, how good they are, what they sent. A run is named by method, k of n, topology, and "
    "every other setting of the result in which it differs from another run; equal names are "
    "numbered. Of a search ('telesgd tune --log LOG') it shows the chosen k and step size; the "
    "seconds alone are those of the whole search.\n"
    "With several logs a second table shows the test accuracy (quadratics: grad_norm2) of each "
    "after the same numbers of gradients, as far as the shortest run came (one that diverged is "
    "not waited for):\n"
    "= 75.84 %\tan evaluation was made after exactly so many gradients\n"
    "= ~75.84 %\tinterpolated between the evaluations just before and just after: the accuracy "
    "linearly, grad_norm2 linearly in its logarithm\n"
    "= -\tbefore the first evaluation or after the last, or between two of which one found "
    "grad_norm2 = 0\n"
    "A search measures test accuracy only at its end.\n";

const struct tsgd_command tsgd_command_compare = {
    .name = "compare",
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .usage = "LOG...",
    .summary = "runs side by side, from their logs",
    .about = about,
    .run = run,
};
