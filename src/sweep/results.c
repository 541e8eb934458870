#include "sweep/results.h"

#include "base/file.h"
#include "base/format.h"
#include "base/json.h"
#include "compare/sheet.h"
#include "log/logfile.h"
#include "log/runlog.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The columns that are not settings, by their names: those of summaries, in the order in which they
 * come up, or of evaluations.                                                                   */
struct columns {
    char **name;
    size_t n;
    struct tsgd_holding holding;
};

/* ---- comma-separated values ---- */

/* Nine digits, as measurements have in the log; settings may need more. */
static void put_real(FILE *f, double x)
{
    char text[40];
    double back = NAN;
    for (int digits = 9; digits <= 17 && back != x; digits++) {
        tsgd_format(text, sizeof text, "%.*g", digits, x);
        back = tsgd_strtod(text, NULL);
    }
    fputs(text, f);
}

static void put_value(FILE *f, const json_t *value)
{
    if (json_is_string(value))
        tsgd_put_csv(f, json_string_value(value));
    else if (json_is_integer(value))
        fprintf(f, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        put_real(f, json_real_value(value));
    else if (json_is_boolean(value))
        fputs(json_is_true(value) ? "true" : "false", f);
}

/* A number that a setting has too is told from it: samples is the setting, samples_used how many
 * there were.                                                                                   */
static void put_heading(FILE *f, const char *name)
{
    bool both = tsgd_setting_find(name, TSGD_FOR_TRAIN) != NULL;
    fprintf(f, ",%s%s", name, both ? "_used" : "");
}

static void put_settings_heading(FILE *f, const struct tsgd_grid *g)
{
    fputs("run", f);
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        if (g->differs[i])
            fprintf(f, ",%s", tsgd_setting_rows[i].shown.name);
}

static void put_settings(FILE *f, const struct tsgd_grid *g, const struct tsgd_entry *e,
                         const json_t *config)
{
    tsgd_put_csv(f, e->from->name);
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        if (g->differs[i]) {
            fputc(',', f);
            put_value(f, json_object_get(config, tsgd_setting_rows[i].shown.name));
        }
}

/* ---- the runs whose logs are read ---- */

static bool has_log(const struct tsgd_entry *e)
{
    return e->state == TSGD_STATE_DONE || e->state == TSGD_STATE_DIVERGED;
}

static bool belongs(const struct tsgd_entry *e, bool candidates)
{
    return (e->from->choice != TSGD_REPORTED) == candidates && has_log(e);
}

/* Tables of the reported runs, or of the candidates, and what their rows are made of. */
struct writing {
    const struct tsgd_sweep *s;
    bool candidates;
    FILE *results, *curves;
    struct columns columns;     /* of the results */
    bool has[TSGD_LOG_METRICS]; /* of the curves */
};

/* Calls `each` with one log after the other. */
static enum tsgd_status for_logs(struct writing *w,
                                 enum tsgd_status (*each)(struct writing *w,
                                                          const struct tsgd_entry *e,
                                                          const struct tsgd_runlog *log,
                                                          struct tsgd_error *err),
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    for (size_t i = 0; i < w->s->grid->n_runs && st == TSGD_OK; i++) {
        const struct tsgd_entry *e = &w->s->entry[i];
        struct tsgd_runlog log;
        if (!belongs(e, w->candidates))
            continue;
        st = tsgd_runlog_read(&log, e->path, TSGD_EVERY_METRIC, err);
        if (st != TSGD_OK)
            break;
        st = each(w, e, &log, err);
        tsgd_runlog_release(&log);
    }
    return st;
}

static enum tsgd_status add_column(struct columns *c, const char *name, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char **more = NULL;
    for (size_t i = 0; i < c->n; i++)
        if (!strcmp(c->name[i], name))
            return TSGD_OK;
    TRY(TSGD_HOLD(&c->holding, &more, c->n + 1, "columns", err));
    if (c->n)
        memcpy(more, c->name, c->n * sizeof *more);
    c->name = more;
    TRY(TSGD_HOLD(&c->holding, &more[c->n], strlen(name) + 1, "columns", err));
    strcpy(more[c->n++], name);
done:
    return st;
}

static enum tsgd_status find_columns(struct writing *w, const struct tsgd_entry *e,
                                     const struct tsgd_runlog *log, struct tsgd_error *err)
{
    const char *name;
    const json_t *value;
    enum tsgd_status st = TSGD_OK;
    (void)e;
    json_object_foreach(log->summary, name, value)
        if (strcmp(name, "type") && !json_is_array(value) && !json_is_object(value))
            TRY(add_column(&w->columns, name, err));
    for (size_t m = 0; m < tsgd_n_metrics; m++)
        for (size_t i = 0; i < log->n && !w->has[m]; i++)
            w->has[m] = !isnan(tsgd_runlog_value(log, i, m));
done:
    return st;
}

static void write_headings(const struct writing *w)
{
    put_settings_heading(w->results, w->s->grid);
    fputs(",state,log", w->results);
    for (size_t i = 0; i < w->columns.n; i++)
        put_heading(w->results, w->columns.name[i]);
    fputc('\n', w->results);
    put_settings_heading(w->curves, w->s->grid);
    for (size_t m = 0; m < tsgd_n_metrics; m++)
        if (w->has[m])
            put_heading(w->curves, tsgd_metrics[m].name);
    fputc('\n', w->curves);
}

static void write_result(const struct writing *w, const struct tsgd_entry *e,
                         const struct tsgd_runlog *log)
{
    put_settings(w->results, w->s->grid, e, log->config);
    fprintf(w->results, ",%s,", tsgd_state_name[e->state]);
    tsgd_put_csv(w->results, strrchr(e->path, '/') + 1);
    for (size_t i = 0; i < w->columns.n; i++) {
        fputc(',', w->results);
        put_value(w->results, json_object_get(log->summary, w->columns.name[i]));
    }
    fputc('\n', w->results);
}

static void write_evaluation(const struct writing *w, const struct tsgd_entry *e,
                             const struct tsgd_runlog *log, size_t i)
{
    put_settings(w->curves, w->s->grid, e, log->config);
    for (size_t m = 0; m < tsgd_n_metrics; m++) {
        double x = tsgd_runlog_value(log, i, m);
        if (!w->has[m])
            continue;
        fputc(',', w->curves);
        if (!isnan(x) && tsgd_metrics[m].type == TSGD_METRIC_U64)
            fprintf(w->curves, "%.0f", x);
        else if (!isnan(x))
            put_real(w->curves, x);
    }
    fputc('\n', w->curves);
}

static enum tsgd_status write_rows(struct writing *w, const struct tsgd_entry *e,
                                   const struct tsgd_runlog *log, struct tsgd_error *err)
{
    (void)err;
    write_result(w, e, log);
    for (size_t i = 0; i < log->n; i++)
        write_evaluation(w, e, log, i);
    return TSGD_OK;
}

/* ---- sweep.json ---- */

/* Adds a member, which it takes over; false: no memory. */
static bool set(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

/* The settings as they were given, those that differ between the runs or the others. */
static bool add_settings(json_t *to, const struct tsgd_grid *g, const struct tsgd_settings *s,
                         bool differ)
{
    bool ok = true;
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        if (s->given[i] && g->differs[i] == differ)
            ok &= set(to, tsgd_setting_rows[i].shown.name, json_string(s->text[i]));
    return ok;
}

static json_t *run_object(const struct tsgd_sweep *s, const struct tsgd_entry *e)
{
    json_t *run = json_object(), *settings = json_object();
    bool ok = run && settings && add_settings(settings, s->grid, e->from->settings, true);
    ok = ok && set(run, "run", json_string(e->from->name));
    ok = ok && set(run, "state", json_string(tsgd_state_name[e->state]));
    ok = ok && set(run, "log", json_string(e->path + strlen(s->folder) + 1));
    ok = ok && set(run, "cell", json_integer((json_int_t)e->from->cell));
    ok = ok && json_object_set(run, "settings", settings) == 0;
    json_decref(settings);
    if (ok)
        return run;
    json_decref(run);
    return NULL;
}

/* What a cell has chosen; null: nothing so far. */
static json_t *chosen(const struct tsgd_cell *c)
{
    json_t *values = json_object();
    bool ok = values != NULL;
    if (c->chosen == SIZE_MAX) {
        json_decref(values);
        return json_null();
    }
    for (size_t i = 0; ok && i < c->n_tuned; i++)
        ok = set(values, c->tuned[i]->row->shown.name,
                 json_string(tsgd_grid_choice(c, c->chosen, i)));
    if (ok)
        return values;
    json_decref(values);
    return NULL;
}

static json_t *sweep_object(const struct tsgd_sweep *s)
{
    const struct tsgd_grid *g = s->grid;
    json_t *o = json_object(), *common = json_object(), *runs = json_array(), *cells = json_array();
    bool ok = o && common && runs && cells;
    ok = ok && add_settings(common, g, g->run[g->n_runs - 1].settings, false);
    for (size_t i = 0; ok && i < g->n_cells; i++) {
        json_t *cell = json_pack("{s:s, s:o?}", "cell", g->cell[i].name, "chosen",
                                 chosen(&g->cell[i]));
        ok = json_array_append_new(cells, cell) == 0;
    }
    for (size_t i = 0; ok && i < g->n_runs; i++)
        ok = json_array_append_new(runs, run_object(s, &s->entry[i])) == 0;
    ok = ok && set(o, "type", json_string("sweep")) &&
         set(o, "version", json_string(TELESGD_VERSION)) &&
         set(o, "file", tsgd_log_text(g->path)) &&
         json_object_set(o, "settings", common) == 0 &&
         (!g->by || set(o, "by", json_string(g->by->name))) &&
         json_object_set(o, "cells", cells) == 0 &&
         json_object_set(o, "runs", runs) == 0;
    json_decref(common);
    json_decref(cells);
    json_decref(runs);
    if (ok)
        return o;
    json_decref(o);
    return NULL;
}

/* ---- all of them ---- */

/* Of a file in the sweep's folder, to be freed. */
static enum tsgd_status make_path(char **out, const struct tsgd_sweep *s, const char *name,
                                  struct tsgd_error *err)
{
    size_t bytes = strlen(s->folder) + strlen(name) + 2;
    enum tsgd_status st = TSGD_NEW(out, bytes, "the name of a file", err);
    if (st == TSGD_OK)
        snprintf(*out, bytes, "%s/%s", s->folder, name);
    return st;
}

enum tsgd_status tsgd_results_check(const struct tsgd_sweep *s, struct tsgd_error *err)
{
    static const struct {
        const char *name, *start;
    } file[] = {
        {"results.csv", "run,"}, {"curves.csv", "run,"}, {"sweep.json", "{\n \"type\": \"sweep\""},
        {"tune/results.csv", "run,"}, {"tune/curves.csv", "run,"},
    };
    enum tsgd_status st = TSGD_OK;
    char *path = NULL;
    for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
        free(path);
        path = NULL;
        TRY(make_path(&path, s, file[i].name, err));
        if (tsgd_is_foreign(path, file[i].start))
            TRY(tsgd_fail(err, TSGD_EINVAL, "--output: '%.200s' is there, and is of no sweep of "
                          "telesgd; give another folder, or remove the file", path));
    }
done:
    free(path);
    return st;
}

static enum tsgd_status open_file(struct tsgd_outfile *out, const struct tsgd_sweep *s,
                                  const char *name, struct tsgd_error *err)
{
    char *path = NULL;
    enum tsgd_status st = make_path(&path, s, name, err);
    if (st == TSGD_OK)
        st = tsgd_outfile_open(out, path, "--output", err);
    free(path);
    return st;
}

/* Both tables at once, so that a log is read twice: for the columns, and for the rows. */
static enum tsgd_status write_tables(const struct tsgd_sweep *s, bool candidates,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_outfile results = TSGD_OUTFILE_INIT, curves = TSGD_OUTFILE_INIT;
    struct writing w = {.s = s, .candidates = candidates, .columns.holding = TSGD_HOLDING_INIT};
    TRY(open_file(&results, s, candidates ? "tune/results.csv" : "results.csv", err));
    TRY(open_file(&curves, s, candidates ? "tune/curves.csv" : "curves.csv", err));
    w.results = results.f;
    w.curves = curves.f;
    TRY(for_logs(&w, find_columns, err));
    write_headings(&w);
    TRY(for_logs(&w, write_rows, err));
    TRY(tsgd_outfile_commit(&results, err));
    TRY(tsgd_outfile_commit(&curves, err));
done:
    tsgd_outfile_abandon(&results);
    tsgd_outfile_abandon(&curves);
    tsgd_holding_release(&w.columns.holding);
    return st;
}

static enum tsgd_status write_json(const struct tsgd_sweep *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_outfile f = TSGD_OUTFILE_INIT;
    json_t *o = sweep_object(s);
    char *text = tsgd_json_text(o, JSON_INDENT(1));
    if (!text)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for sweep.json"));
    TRY(open_file(&f, s, "sweep.json", err));
    fprintf(f.f, "%s\n", text);
    TRY(tsgd_outfile_commit(&f, err));      /* tells of writes that failed */
done:
    tsgd_outfile_abandon(&f);
    free(text);
    json_decref(o);
    return st;
}

enum tsgd_status tsgd_results_write(const struct tsgd_sweep *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(write_tables(s, false, err));
    if (tsgd_grid_tunes(s->grid))
        TRY(write_tables(s, true, err));
    TRY(write_json(s, err));
done:
    return st;
}
