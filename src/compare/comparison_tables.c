/* The tables of telesgd compare. */
#include "compare/comparison.h"

#include "base/memstream.h"
#include "cli/human.h"

#include <math.h>
#include <stdlib.h>

enum { FRACTIONS = 5 };

/* The columns between a group's name and its logs: the first ones always, those of networks or of
 * quadratics only where a run is one, and the others where a log has such a number.             */
enum kind { EVERY, NETWORK, QUADRATIC, MEASURED };

static const struct {
    const char *heading, *metric;
    enum kind kind;
} column[] = {
    {"rounds", "round", EVERY},
    {"gradients", "gradients", EVERY},
    {"samples", "samples", NETWORK},
    {"accuracy", "test_accuracy", MEASURED},
    {"of tokens", "test_accuracy_mean", MEASURED},
    {"R2", "test_r2", MEASURED},
    {"of tokens", "test_r2_mean", MEASURED},
    {"test loss", "test_loss", NETWORK},
    {"validation loss", "validation_loss", MEASURED},
    {"grad_norm2", "grad_norm2", QUADRATIC},
    {"of tokens", "grad_norm2_tokens", QUADRATIC},
    {"suboptimality", "suboptimality", MEASURED},
    {"consensus", "consensus", EVERY},
    {"gossiped", "bytes_gossip", EVERY},
    {"teleported", "bytes_teleport", EVERY},
    {"simulated s", "sim_seconds", MEASURED},
    {"seconds", "wall_seconds", EVERY},
};
enum { COLUMNS = sizeof column / sizeof *column };

static const struct tsgd_runlog *first_log(const struct tsgd_comparison *c, size_t group)
{
    return &c->set.log[c->groups.group[group].run[0]];
}

/* ---- the names and logs of groups ---- */

/* A log's file, what a search cost, and whether the run came to its planned end. */
static void write_log(FILE *to, const struct tsgd_runlog *log)
{
    const json_t *spent = json_object_get(log->summary, "gradients_spent");
    char text[TSGD_HUMAN];
    fputs(log->path, to);
    if (json_is_integer(spent) && json_integer_value(spent) >= 0)
        fprintf(to, " (search, %s gradients in all)",
                tsgd_human_count((uint64_t)json_integer_value(spent), text));
    if (log->state != TSGD_LOG_DONE)
        fprintf(to, " (%s)", tsgd_log_state_name(log->state));
}

/* "1 diverged, 2 running" of the runs from..to-1 of a group. */
static size_t write_states(FILE *to, const struct tsgd_comparison *c, const struct tsgd_group *g,
                           size_t from, size_t end, const char *before)
{
    size_t kinds = 0;
    for (enum tsgd_log_state s = TSGD_LOG_INTERRUPTED; s <= TSGD_LOG_UNFINISHED; s++) {
        size_t n = 0;
        for (size_t i = from; i < end; i++)
            n += c->set.log[g->run[i]].state == s;
        if (n > 0)
            fprintf(to, "%s%zu %s", kinds++ ? ", " : before, n, tsgd_log_state_name(s));
    }
    return kinds;
}

/* "3 logs", "2 of 3 logs (left out: 1 diverged)". */
static void write_group(FILE *to, const struct tsgd_comparison *c, const struct tsgd_group *g)
{
    if (g->counted < g->n)
        fprintf(to, "%zu of ", g->counted);
    fprintf(to, "%zu logs", g->n);
    if (write_states(to, c, g, 0, g->counted, " ("))
        fputc(')', to);
    if (write_states(to, c, g, g->counted, g->n, " (left out: "))
        fputc(')', to);
}

/* In a paper nobody wants names of files, but has to be told what is not as it should be. */
static bool tells_logs(const struct tsgd_comparison *c)
{
    bool found = c->form != TSGD_SHEET_LATEX;
    for (size_t i = 0; i < c->set.n; i++)
        found |= c->set.log[i].state != TSGD_LOG_DONE;
    return found;
}

static void add_logs(struct tsgd_sheet *sheet, const struct tsgd_comparison *c, size_t group)
{
    const struct tsgd_group *g = &c->groups.group[group];
    char *text = NULL;
    size_t bytes;
    if (!tells_logs(c))
        return;
    FILE *f = open_memstream(&text, &bytes);
    if (f && g->n > 1)
        write_group(f, c, g);
    else if (f && c->form != TSGD_SHEET_LATEX)
        write_log(f, first_log(c, group));
    else if (f && first_log(c, group)->state != TSGD_LOG_DONE)
        fputs(tsgd_log_state_name(first_log(c, group)->state), f);
    sheet->failed |= !tsgd_memstream_close(f, &text);
    tsgd_sheet_text(sheet, "%s", text ? text : "");
    free(text);
}

/* The last column. */
static void end_columns(struct tsgd_sheet *sheet, const struct tsgd_comparison *c)
{
    if (tells_logs(c))
        tsgd_sheet_texts(sheet, "log", c->form == TSGD_SHEET_LATEX ? "remarks" : "log");
}

static bool has_seeds(const struct tsgd_comparison *c)
{
    bool found = false;
    for (size_t g = 0; g < c->groups.n; g++)
        found |= c->groups.group[g].n > 1;
    return found;
}

/* The CSV column of a number: one with the name of a setting is told from it, as in the results of
 * a sweep.                                                                                      */
static const char *key_of(const char *name, char room[64])
{
    snprintf(room, 64, "%s%s", name, tsgd_setting_find(name, TSGD_FOR_TRAIN) ? "_used" : "");
    return room;
}

/* The columns that every sheet begins with. */
static void begin_sheet(struct tsgd_sheet *sheet, const struct tsgd_comparison *c,
                        const char *heading)
{
    *sheet = (struct tsgd_sheet)TSGD_SHEET_INIT;
    tsgd_sheet_texts(sheet, "group", heading);
    for (size_t f = 0; f < c->groups.fields && c->form == TSGD_SHEET_CSV; f++)
        tsgd_sheet_texts(sheet, c->groups.field[f], "");
    if (has_seeds(c) || c->form == TSGD_SHEET_CSV)
        tsgd_sheet_texts(sheet, "seeds", "seeds");
}

static void begin_row(struct tsgd_sheet *sheet, const struct tsgd_comparison *c, size_t group)
{
    tsgd_sheet_text(sheet, "%s", c->groups.group[group].name);
    for (size_t f = 0; f < c->groups.fields && c->form == TSGD_SHEET_CSV; f++)
        tsgd_sheet_text(sheet, "%s", c->groups.group[group].value[f]);
    if (has_seeds(c) || c->form == TSGD_SHEET_CSV)
        tsgd_sheet_text(sheet, "%zu", c->groups.group[group].seeds);
}

static enum tsgd_status print_sheet(struct tsgd_comparison *c, struct tsgd_sheet *sheet,
                                    bool headings, struct tsgd_error *err)
{
    enum tsgd_status st = tsgd_sheet_print(sheet, c->form, headings, stdout, err);
    tsgd_sheet_release(sheet);
    c->sheets++;
    return st;
}

/* ---- how they ended ---- */

static struct tsgd_stat end_of(const struct tsgd_comparison *c, size_t group, size_t metric)
{
    const struct tsgd_group *g = &c->groups.group[group];
    for (size_t i = 0; i < g->counted; i++)
        c->room[i] = c->set.log[g->run[i]].end[metric];
    return tsgd_stat_of(c->room, g->counted);
}

static bool shown_at_all(const struct tsgd_comparison *c, size_t i)
{
    bool found = column[i].kind == EVERY;
    for (size_t g = 0; g < c->groups.n; g++) {
        found |= column[i].kind == NETWORK && c->network[g];
        found |= column[i].kind == QUADRATIC && c->quadratic[g];
    }
    for (size_t l = 0; l < c->set.n && column[i].kind == MEASURED; l++)
        found |= !isnan(c->set.log[l].end[tsgd_metric_number(column[i].metric)]);
    return found;
}

static enum tsgd_status print_ends(struct tsgd_comparison *c, struct tsgd_error *err)
{
    struct tsgd_sheet sheet;
    char key[64];
    begin_sheet(&sheet, c, c->s->by ? c->s->by : "method, k of n, topology");
    for (size_t i = 0; i < COLUMNS; i++)
        if (shown_at_all(c, i))
            tsgd_sheet_numbers(&sheet, key_of(column[i].metric, key),
                               tsgd_measure_of(tsgd_metric_number(column[i].metric)).unit,
                               column[i].heading);
    end_columns(&sheet, c);
    for (size_t g = 0; g < c->groups.n; g++) {
        begin_row(&sheet, c, g);
        for (size_t i = 0; i < COLUMNS; i++)
            if (shown_at_all(c, i))
                tsgd_sheet_stat(&sheet, end_of(c, g, tsgd_metric_number(column[i].metric)), "");
        add_logs(&sheet, c, g);
    }
    return print_sheet(c, &sheet, true, err);
}

/* ---- a metric over what was spent ---- */

/* How far a table can go: as far as the shortest of the runs that are counted and that have such a
 * rank, if their axis is long enough for a table; 0: there is none.                             */
static double common_length(const struct tsgd_comparison *c, int rank)
{
    double enough = c->axis->unit == TSGD_COUNT ? FRACTIONS : 0, least = 0;
    for (size_t g = 0; g < c->groups.n; g++)
        for (size_t i = 0; i < c->groups.group[g].counted; i++) {
            size_t run = c->groups.group[g].run[i];
            const struct tsgd_curve *curve = &c->curve[run];
            double length = curve->n > 0 ? curve->x[curve->n - 1] : 0;
            if (tsgd_log_rank(&c->set.log[run]) == rank && length > 0 && length >= enough)
                least = least == 0 || length < least ? length : least;
        }
    return least;
}

/* The places of a table: fractions of the length that all runs have that came to their end; else
 * those that were stopped; else those that diverged. False: there is none.                      */
static bool choose_places(const struct tsgd_comparison *c, double at[FRACTIONS])
{
    double length = 0;
    for (int rank = 0; rank < 3 && length == 0; rank++)
        length = common_length(c, rank);
    for (int f = 0; f < FRACTIONS; f++) {
        at[f] = f + 1 == FRACTIONS ? length : length * (f + 1) / FRACTIONS;
        if (c->axis->unit == TSGD_COUNT || c->axis->unit == TSGD_BYTES)
            at[f] = floor(at[f]);
    }
    return length > 0;
}

static struct tsgd_stat stat_at(const struct tsgd_comparison *c, size_t group,
                                const struct tsgd_measure *m, double x)
{
    const struct tsgd_group *g = &c->groups.group[group];
    return tsgd_curves_at(c->curve, g->run, g->counted, x, m->logarithmic, c->room);
}

static enum tsgd_status print_course(struct tsgd_comparison *c, const struct tsgd_measure *m,
                                     const double at[FRACTIONS], struct tsgd_error *err)
{
    struct tsgd_sheet sheet;
    begin_sheet(&sheet, c, c->axis->title);
    for (int f = 0; f < FRACTIONS; f++) {
        char text[TSGD_HUMAN];
        tsgd_sheet_numbers(&sheet, "", m->unit, tsgd_unit_text(at[f], c->axis->unit, text));
    }
    end_columns(&sheet, c);
    for (size_t g = 0; g < c->groups.n; g++) {
        if (!tsgd_comparison_shows(c, g, m))
            continue;
        begin_row(&sheet, c, g);
        for (int f = 0; f < FRACTIONS; f++) {
            struct tsgd_stat stat = stat_at(c, g, m, at[f]);
            tsgd_sheet_stat(&sheet, stat, stat.between ? "~" : "");
        }
        add_logs(&sheet, c, g);
    }
    if (c->form == TSGD_SHEET_LATEX)
        printf("%% %s after as many %s\n", m->title, c->axis->title);
    else
        printf("%s%s after as many %s (~: between two evaluations, interpolated %s)\n",
               c->sheets ? "\n" : "", m->title, c->axis->title,
               m->logarithmic ? "in the logarithm" : "linearly");
    return print_sheet(c, &sheet, true, err);
}

/* One row a place, so that programs need not know the places. */
static enum tsgd_status print_long_course(struct tsgd_comparison *c, const struct tsgd_measure *m,
                                          const double at[FRACTIONS], struct tsgd_error *err)
{
    struct tsgd_sheet sheet;
    char key[64];
    begin_sheet(&sheet, c, "");
    tsgd_sheet_texts(&sheet, "metric", "");
    tsgd_sheet_texts(&sheet, key_of(c->axis->name, key), "");
    tsgd_sheet_texts(&sheet, "interpolated", "");
    tsgd_sheet_numbers(&sheet, "value", m->unit, "");
    for (size_t g = 0; g < c->groups.n; g++)
        for (int f = 0; f < FRACTIONS && tsgd_comparison_shows(c, g, m); f++) {
            struct tsgd_stat stat = stat_at(c, g, m, at[f]);
            begin_row(&sheet, c, g);
            tsgd_sheet_text(&sheet, "%s", m->name);
            tsgd_sheet_text(&sheet, "%.10g", at[f]);
            tsgd_sheet_text(&sheet, "%d", stat.between);
            tsgd_sheet_stat(&sheet, stat, "");
        }
    return print_sheet(c, &sheet, c->sheets == 0, err);
}

static enum tsgd_status print_courses(struct tsgd_comparison *c, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    double at[FRACTIONS];
    for (size_t i = 0; i < c->n_measures; i++) {
        TRY(tsgd_comparison_curves(c, &c->measure[i], err));
        if (choose_places(c, at))
            TRY((c->form == TSGD_SHEET_CSV ? print_long_course : print_course)(
                c, &c->measure[i], at, err));
        else if (c->s->metric)
            TRY(tsgd_fail(err, TSGD_EINVAL, "--metric: no log has evaluations with %s over %s",
                          c->measure[i].name, c->axis->name));
    }
done:
    return st;
}

/* ---- what it takes to reach a target ---- */

/* Where the runs of a group, counted or not, reach the target: the statistics of those that do, and
 * the sign for them.                                                                            */
static struct tsgd_stat crossings(const struct tsgd_comparison *c, size_t group,
                                  const struct tsgd_measure *m, const char **sign)
{
    const struct tsgd_group *g = &c->groups.group[group];
    size_t n = 0;
    *sign = "";
    for (size_t i = 0; i < g->n; i++) {
        struct tsgd_crossing at = tsgd_curve_reaches(&c->curve[g->run[i]], c->s->target, m);
        if (at.how == TSGD_NEVER)
            continue;
        c->room[n++] = at.x;
        if (at.how == TSGD_NOT_AFTER)
            *sign = "<=";
        else if (at.how == TSGD_BETWEEN_POINTS && !**sign)
            *sign = "~";
    }
    return tsgd_stat_of(c->room, n);
}

static enum tsgd_status print_target(struct tsgd_comparison *c, struct tsgd_error *err)
{
    struct tsgd_sheet sheet;
    char key[64];
    const struct tsgd_measure *m = &c->measure[0];
    enum tsgd_unit unit = c->axis->unit;
    enum tsgd_status st = tsgd_comparison_curves(c, m, err);
    if (st != TSGD_OK)
        return st;
    begin_sheet(&sheet, c, m->title);
    tsgd_sheet_texts(&sheet, "reached", "reached");
    if (c->form == TSGD_SHEET_CSV)      /* elsewhere it stands before the number */
        tsgd_sheet_texts(&sheet, "sign", "sign");
    tsgd_sheet_numbers(&sheet, key_of(c->axis->name, key), unit, c->axis->title);
    if (has_seeds(c)) {
        tsgd_sheet_numbers(&sheet, "least", unit, "least");
        tsgd_sheet_numbers(&sheet, "most", unit, "most");
    }
    end_columns(&sheet, c);
    for (size_t g = 0; g < c->groups.n; g++) {
        const char *sign;
        size_t all = c->groups.group[g].n;
        struct tsgd_stat stat = crossings(c, g, m, &sign);
        if (!tsgd_comparison_shows(c, g, m))
            continue;
        begin_row(&sheet, c, g);
        tsgd_sheet_text(&sheet, "%zu of %zu", stat.n, all);
        if (c->form == TSGD_SHEET_CSV)
            tsgd_sheet_text(&sheet, "%s", stat.n > 0 ? sign : "");
        if (stat.n > 0 && stat.n < all)
            tsgd_sheet_text(&sheet, c->form == TSGD_SHEET_CSV ? "" : "not by all");
        else
            tsgd_sheet_stat(&sheet, stat, sign);
        if (has_seeds(c)) {
            double least = stat.n > 0 ? stat.least : NAN, most = stat.n > 0 ? stat.most : NAN;
            tsgd_sheet_stat(&sheet, tsgd_stat_of(&least, 1), sign);
            tsgd_sheet_stat(&sheet, tsgd_stat_of(&most, 1), sign);
        }
        add_logs(&sheet, c, g);
    }
    if (c->form == TSGD_SHEET_LATEX)
        printf("%% %s until %s is %s %g\n", c->axis->title, m->title,
               m->more_is_better ? "at least" : "at most", c->s->target);
    else if (c->form == TSGD_SHEET_TEXT)
        printf("%s%s until %s is %s %g (~: between two evaluations, interpolated %s; <=: by the "
               "first)\n", c->sheets ? "\n" : "", c->axis->title, m->title,
               m->more_is_better ? "at least" : "at most", c->s->target,
               m->logarithmic ? "in the logarithm" : "linearly");
    return print_sheet(c, &sheet, true, err);
}

/* ---- all together ---- */

static void tell_more(const struct tsgd_comparison *c)
{
    const struct tsgd_groups *g = &c->groups;
    if (c->form != TSGD_SHEET_TEXT)
        return;
    if (has_seeds(c))
        puts("\nmean +- standard deviation (n - 1) over runs of different seeds");
    if (*g->mixed)
        printf("runs of a row differ in %s too, not in the seed alone\n", g->mixed);
    if (g->best_by)
        printf("best %s by the mean %s; %zu other%s left out\n", c->s->best, g->best_by,
               g->left_out, g->left_out == 1 ? "" : "s");
}

enum tsgd_status tsgd_comparison_print(struct tsgd_comparison *c, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_settings *s = c->s;
    bool courses = s->metric || TSGD_GIVEN(s, x), target = TSGD_HAS(s, target);
    bool text = c->form == TSGD_SHEET_TEXT;
    if (text || (!courses && !target))
        TRY(print_ends(c, err));
    if (text ? courses || c->set.n > 1 : courses && !target)
        TRY(print_courses(c, err));
    if (target)
        TRY(print_target(c, err));
    tell_more(c);
done:
    return st;
}
