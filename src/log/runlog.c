#include "log/runlog.h"

#include "base/file.h"
#include "base/json.h"
#include "base/lines.h"
#include "log/logfile.h"
#include "run/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of a search: whose evaluation it is, and of what parameters. */
struct tag {
    double population;
    uint64_t hash;
};

/* A log while it is read. */
struct reading {
    struct tsgd_runlog log;
    struct tag *tag;                /* [room], beside log.row; NULL: it is no search so far */
    size_t room;                    /* evaluations that there is room for */
    json_t *last;                   /* the last evaluation's line */
};

size_t tsgd_metric_number(const char *name)
{
    size_t m = 0;
    while (m < tsgd_n_metrics && strcmp(tsgd_metrics[m].name, name))
        m++;
    assert(m < tsgd_n_metrics);
    return m;
}

const char *tsgd_log_state_name(enum tsgd_log_state state)
{
    static const char *const name[] = {
        [TSGD_LOG_DONE] = "done",
        [TSGD_LOG_INTERRUPTED] = "interrupted",
        [TSGD_LOG_DIVERGED] = "diverged",
        [TSGD_LOG_NOTHING_CHOSEN] = "nothing chosen",
        [TSGD_LOG_RUNNING] = "running",
        [TSGD_LOG_CUT] = "cut",
        [TSGD_LOG_UNFINISHED] = "unfinished",
    };
    return name[state];
}

double tsgd_runlog_value(const struct tsgd_runlog *log, size_t i, size_t metric)
{
    int column = log->column[metric];
    return column < 0 ? NAN : log->row[i * log->width + (size_t)column];
}

bool tsgd_runlog_has(const struct tsgd_runlog *log, size_t metric)
{
    bool found = !isnan(log->end[metric]);
    for (size_t i = 0; i < log->n && !found && log->column[metric] >= 0; i++)
        found = !isnan(tsgd_runlog_value(log, i, metric));
    return found;
}

/* A metric of a line; NaN: it is not there, or is none that the program could have written. */
static double metric_of(const json_t *line, size_t m)
{
    const json_t *value = json_object_get(line, tsgd_metrics[m].name);
    bool counts = tsgd_metrics[m].type == TSGD_METRIC_U64;
    double x = json_is_number(value) ? json_number_value(value) : NAN;
    return isfinite(x) && (!counts || (x >= 0 && x <= 1e18)) ? x : NAN;
}

/* ---- lines ---- */

static enum tsgd_status no_memory(const struct reading *r, size_t number, struct tsgd_error *err)
{
    return tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for line %zu", r->log.path, number);
}

/* Room for one more evaluation, and for its tag if it has one. */
static bool make_room(struct reading *r, bool tagged)
{
    size_t room = r->room ? 2 * r->room : 16;
    if (tagged && !r->tag && !(r->tag = calloc(r->room ? r->room : 1, sizeof *r->tag)))
        return false;
    if (r->log.n < r->room)
        return true;
    size_t width = r->log.width ? r->log.width : 1;     /* realloc to nothing would free */
    double *row = realloc(r->log.row, room * width * sizeof *row);
    if (row)
        r->log.row = row;
    struct tag *tag = r->tag ? realloc(r->tag, room * sizeof *tag) : NULL;
    if (tag)
        r->tag = tag;
    if (!row || (r->tag && !tag))
        return false;
    r->room = room;
    return true;
}

static enum tsgd_status take_eval(struct reading *r, json_t *line, size_t number,
                                  struct tsgd_error *err)
{
    struct tsgd_runlog *log = &r->log;
    const json_t *population = json_object_get(line, "population");
    const char *hash = json_string_value(json_object_get(line, "state_hash"));
    if (!make_room(r, population != NULL))
        return no_memory(r, number, err);
    for (size_t m = 0; m < tsgd_n_metrics; m++)
        if (log->column[m] >= 0)
            log->row[log->n * log->width + (size_t)log->column[m]] = metric_of(line, m);
    if (r->tag)
        r->tag[log->n] = (struct tag){json_number_value(population),
                                      hash ? strtoull(hash, NULL, 16) : 0};
    log->n++;
    json_decref(r->last);
    r->last = json_incref(line);
    return TSGD_OK;
}

/* Puts one line where it belongs; takes over `line`. */
static enum tsgd_status sort_in(struct reading *r, json_t *line, size_t number,
                                struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_runlog *log = &r->log;
    const char *type = json_string_value(json_object_get(line, "type"));
    if (!type)
        st = tsgd_fail(err, TSGD_EFORMAT, "%s: line %zu is not an object with a type", log->path,
                       number);
    else if (!strcmp(type, "config") && log->config)
        st = tsgd_fail(err, TSGD_EFORMAT, "%s: line %zu is a second config line; want one run",
                       log->path, number);
    else if (!strcmp(type, "config"))
        log->config = json_incref(line);
    else if (!log->config)
        st = tsgd_fail(err, TSGD_EFORMAT, "%s: line %zu is of type '%.40s'; want a config line "
                       "first", log->path, number, type);
    else if (!strcmp(type, "eval"))
        st = take_eval(r, line, number, err);
    else if (!strcmp(type, "summary") && !log->summary)
        log->summary = json_incref(line);
    log->is_search |= json_object_get(line, "population") || json_object_get(line, "rounds_grid");
    json_decref(line);
    return st;
}

/* All lines. *cut: the last one lacks its end, and was left out. It may be of zero bytes: power was
 * lost while it was written.                                                                    */
static enum tsgd_status read_lines(struct reading *r, FILE *f, bool *cut, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_runlog *log = &r->log;
    struct tsgd_lines l = {.f = f, .path = log->path, .most = TSGD_LINE_OF_LOG, .zeros = true};
    *cut = false;
    for (;;) {
        struct tsgd_json_fault fault;
        bool found;
        TRY(tsgd_lines_next(&l, &found, err));
        if (!found)
            break;
        json_t *line = tsgd_json_read(l.text, l.length, false, &fault);
        size_t number = (size_t)l.number;
        *cut = !line && l.text[l.length - 1] != '\n' && log->config && !log->summary &&
               !fault.no_memory;
        if (*cut)
            break;
        if (!line && fault.no_memory)
            st = no_memory(r, number, err);
        else if (!line)
            st = tsgd_fail(err, TSGD_EFORMAT, "%s: line %zu is not JSON: %s", log->path, number,
                           fault.text);
        else
            st = sort_in(r, line, number, err);
        if (st != TSGD_OK)
            goto done;
    }
    if (!log->config)
        st = tsgd_fail(err, TSGD_EFORMAT, "%s: is empty; want a log with a config line", log->path);
done:
    tsgd_lines_release(&l);
    return st;
}

/* ---- the end ---- */

/* Sets a field of the config line to the summary's, or to null. */
static bool take_over(const struct tsgd_runlog *log, const char *name, const char *from)
{
    json_t *value = json_object_get(log->summary, from);
    return json_object_set_new(log->config, name, value ? json_incref(value) : json_null()) == 0;
}

/* Leaves of the log of a search what concerns the chosen population: the one whose last evaluation
 * the summary repeats.                                                                          */
static enum tsgd_status keep_chosen(struct reading *r, struct tsgd_error *err)
{
    struct tsgd_runlog *log = &r->log;
    const char *hash = json_string_value(json_object_get(log->summary, "state_hash"));
    double chosen = NAN;
    size_t kept = 0, row = log->width * sizeof *log->row;
    for (size_t i = 0; i < log->n && hash && r->tag; i++)
        if (r->tag[i].hash == strtoull(hash, NULL, 16))
            chosen = r->tag[i].population;
    for (size_t i = 0; i < log->n && r->tag; i++)
        if (r->tag[i].population == chosen)     /* false for NaN */
            memmove(log->row + kept++ * log->width, log->row + i * log->width, row);
    log->n = kept;
    if (!take_over(log, "tokens", "chosen_active") || !take_over(log, "lr", "chosen_lr"))
        return tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for the log", log->path);
    return TSGD_OK;
}

static void take_end(struct tsgd_runlog *log, const json_t *last)
{
    for (size_t m = 0; m < tsgd_n_metrics; m++) {
        log->end[m] = metric_of(log->summary ? log->summary : last, m);
        if (log->n == 0 || !log->summary || log->column[m] < 0)
            continue;
        double *at = &log->row[(log->n - 1) * log->width + (size_t)log->column[m]];
        if (isnan(*at))
            *at = log->end[m];
    }
}

static enum tsgd_log_state state_of(const struct tsgd_runlog *log, bool locked, bool cut)
{
    if (!log->summary)
        return locked ? TSGD_LOG_RUNNING : cut ? TSGD_LOG_CUT : TSGD_LOG_UNFINISHED;
    if (json_is_true(json_object_get(log->summary, "diverged")))
        return TSGD_LOG_DIVERGED;
    if (json_is_true(json_object_get(log->summary, "interrupted")))
        return TSGD_LOG_INTERRUPTED;
    return log->is_search && !json_object_get(log->summary, "chosen_active") ?
           TSGD_LOG_NOTHING_CHOSEN : TSGD_LOG_DONE;
}

static void choose_columns(struct tsgd_runlog *log, uint64_t wanted)
{
    assert(tsgd_n_metrics <= TSGD_LOG_METRICS);
    for (size_t m = 0; m < TSGD_LOG_METRICS; m++) {
        bool kept = m < tsgd_n_metrics && (wanted >> m & 1) &&
                    tsgd_metrics[m].type != TSGD_METRIC_HASH;
        log->column[m] = -1;
        if (kept)
            log->column[m] = (short)log->width++;
        log->end[m] = NAN;
    }
}

enum tsgd_status tsgd_runlog_read(struct tsgd_runlog *out, const char *path, uint64_t wanted,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct reading r = {.log = {.path = strdup(path)}};
    bool locked, cut;
    const char *why;
    FILE *f = tsgd_open_input(path, true, &why);
    if (!f)
        TRY(tsgd_fail(err, TSGD_EIO, "cannot read '%s': %s", path, why));
    if (!r.log.path)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for the name of '%s'", path));
    choose_columns(&r.log, wanted);
    /* Asked before the file is read: a run that ends meanwhile writes its summary first. */
    locked = tsgd_log_is_written(fileno(f));
    TRY(read_lines(&r, f, &cut, err));
    if (r.log.is_search)
        TRY(keep_chosen(&r, err));
    take_end(&r.log, r.log.is_search ? NULL : r.last);
    r.log.state = state_of(&r.log, locked, cut);
    *out = r.log;
    r.log = (struct tsgd_runlog){.path = NULL};
done:
    if (f)
        fclose(f);
    json_decref(r.last);
    free(r.tag);
    tsgd_runlog_release(&r.log);
    return st;
}

void tsgd_runlog_release(struct tsgd_runlog *log)
{
    json_decref(log->config);
    json_decref(log->summary);
    free(log->row);
    free(log->path);
    *log = (struct tsgd_runlog){.path = NULL};
}
