#include "cli/runlog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Puts one line where it belongs; takes over `line`. */
static enum tsgd_status sort_in(struct tsgd_runlog *log, json_t *line, size_t number,
                                struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
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
    else if (!strcmp(type, "eval") && json_array_append(log->evals, line) != 0)
        st = tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for line %zu", log->path, number);
    else if (!strcmp(type, "summary") && !log->summary)
        log->summary = json_incref(line);
    log->is_search |= json_object_get(line, "population") || json_object_get(line, "rounds_grid");
    json_decref(line);
    return st;
}

/* The population whose last evaluation the summary of a search repeats; NULL: none was chosen. */
static const json_t *chosen_population(const struct tsgd_runlog *log)
{
    const json_t *population = NULL, *hash = json_object_get(log->summary, "state_hash"), *eval;
    size_t i;
    json_array_foreach(log->evals, i, eval)
        if (json_equal(json_object_get(eval, "state_hash"), hash))
            population = json_object_get(eval, "population");
    return population;
}

/* Sets a field of the config line to the summary's, or to null. */
static bool take_over(const struct tsgd_runlog *log, const char *name, const char *from)
{
    json_t *value = json_object_get(log->summary, from);
    return json_object_set_new(log->config, name, value ? json_incref(value) : json_null()) == 0;
}

/* Leaves of the log of a search what concerns the chosen population. */
static enum tsgd_status keep_chosen(struct tsgd_runlog *log, struct tsgd_error *err)
{
    const json_t *population = chosen_population(log);
    json_t *evals = json_array(), *eval;
    size_t i;
    bool kept = evals != NULL;
    json_array_foreach(log->evals, i, eval)
        if (json_equal(json_object_get(eval, "population"), population))
            kept &= json_array_append(evals, eval) == 0;
    if (population)
        kept &= json_array_append(evals, log->summary) == 0;
    json_decref(log->evals);
    log->evals = evals;
    kept &= take_over(log, "tokens", "chosen_active") && take_over(log, "lr", "chosen_lr");
    return kept ? TSGD_OK : tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for the log", log->path);
}

/* The next line into *text of *room bytes, its length into *length: negative at the end. */
static enum tsgd_status next_line(FILE *f, const char *path, char **text, size_t *room,
                                  ssize_t *length, struct tsgd_error *err)
{
    errno = 0;
    *length = getline(text, room, f);
    if (*length >= 0 || (feof(f) && !ferror(f)))
        return TSGD_OK;
    return tsgd_fail(err, errno == ENOMEM ? TSGD_ENOMEM : TSGD_EIO, "cannot read '%s': %s", path,
                     strerror(errno));
}

enum tsgd_status tsgd_runlog_read(struct tsgd_runlog *out, const char *path,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_runlog log = {.path = path, .evals = json_array()};
    char *text = NULL;
    size_t room = 0, number = 0;
    ssize_t n;
    FILE *f = fopen(path, "r");
    if (!f) {
        st = tsgd_fail(err, TSGD_EIO, "cannot read '%s': %s", path, strerror(errno));
        goto done;
    }
    for (;;) {
        json_error_t why;
        TRY(next_line(f, path, &text, &room, &n, err));
        if (n < 0)
            break;
        json_t *line = json_loadb(text, (size_t)n, 0, &why);
        number++;
        /* A run that was killed may leave a line without its end. */
        if (!line && text[n - 1] != '\n' && log.config && !log.summary &&
            json_error_code(&why) != json_error_out_of_memory)
            break;
        if (!line && json_error_code(&why) == json_error_out_of_memory)
            st = tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for line %zu", path, number);
        else if (!line)
            st = tsgd_fail(err, TSGD_EFORMAT, "%s: line %zu is not JSON: %s", path, number,
                           why.text);
        else
            st = sort_in(&log, line, number, err);
        if (st != TSGD_OK)
            goto done;
    }
    if (!log.config) {
        st = tsgd_fail(err, TSGD_EFORMAT, "%s: is empty; want a log with a config line", path);
        goto done;
    }
    if (log.is_search)
        TRY(keep_chosen(&log, err));
    *out = log;
    log = (struct tsgd_runlog){.path = NULL};
done:
    if (f)
        fclose(f);
    free(text);
    tsgd_runlog_release(&log);
    return st;
}

void tsgd_runlog_release(struct tsgd_runlog *log)
{
    json_decref(log->config);
    json_decref(log->evals);
    json_decref(log->summary);
    *log = (struct tsgd_runlog){.path = NULL};
}

const json_t *tsgd_runlog_end(const struct tsgd_runlog *log)
{
    size_t n = json_array_size(log->evals);
    if (log->summary)
        return log->summary;
    return n ? json_array_get(log->evals, n - 1) : NULL;
}

bool tsgd_runlog_is_quadratic(const struct tsgd_runlog *log)
{
    const char *model = json_string_value(json_object_get(log->config, "model"));
    return model && !strcmp(model, "quadratic");
}

bool tsgd_runlog_number(const json_t *line, const char *name, double *out)
{
    const json_t *value = json_object_get(line, name);
    if (!json_is_number(value))
        return false;
    *out = json_number_value(value);
    return true;
}
