#include "cli/labels.h"

#include "base/mem.h"
#include "run/settings.h"

#include <stdio.h>
#include <string.h>

/* Settings of the result in which two runs may differ without a word: */
static const char *const unsaid[] = {
    /* they stand in every name, */
    "method", "nodes", "active", "topology",
    /* they say how long a run is and when it is measured, which the columns show, */
    "rounds", "epochs", "samples", "until", "eval-every", "eval-at-start", "eval",
    /* or they concern the machine. */
    "data-dir", "isa",
};

enum { SHOWN = 40 };                /* characters that a number may take */

/* The value as a label shows it: numbers into room, texts where they are. "": none. */
static const char *text_of(const json_t *value, char room[SHOWN])
{
    if (json_is_string(value))
        return json_string_value(value);
    *room = 0;
    if (json_is_integer(value))
        snprintf(room, SHOWN, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(room, SHOWN, "%.9g", json_real_value(value));
    else if (json_is_true(value))
        snprintf(room, SHOWN, "true");
    return room;
}

static bool equal(const json_t *a, const json_t *b)
{
    char room[2][SHOWN];
    return !strcmp(text_of(a, room[0]), text_of(b, room[1]));
}

static bool is_unsaid(const struct tsgd_runlog *log, const char *name, const json_t *value)
{
    const struct tsgd_setting_row *row = tsgd_setting_find(name, ~0u);
    if (!row || !row->shown.changes_result)
        return true;
    for (size_t i = 0; i < sizeof unsaid / sizeof *unsaid; i++)
        if (!strcmp(name, unsaid[i]))
            return true;
    return !strcmp(name, "split-seed") && equal(value, json_object_get(log->config, "seed"));
}

static bool has_data(const struct tsgd_runlog *log)
{
    return json_is_string(json_object_get(log->config, "data"));
}

/* A field that the other log lacks tells nothing: other commands and versions have other fields.
 * Nor does null against a value when one run has data and the other has none, for the field
 * may not apply to it.                                                                          */
static bool differs(const struct tsgd_runlog *a, const struct tsgd_runlog *b, const char *name)
{
    const json_t *x = json_object_get(a->config, name), *y = json_object_get(b->config, name);
    if (!y || equal(x, y))
        return false;
    return (!json_is_null(x) && !json_is_null(y)) ||
           has_data(a) == has_data(b);
}

static bool tells_apart(const struct tsgd_runlog *log, size_t n, size_t i, const char *name)
{
    bool found = log[i].is_search && !strcmp(name, "lr");
    for (size_t j = 0; j < n && !found; j++)
        found = differs(&log[i], &log[j], name);
    return found;
}

/* A word of the config line; "?" when it is not there. */
static const char *word(const struct tsgd_runlog *log, const char *name, char room[SHOWN])
{
    const char *text = text_of(json_object_get(log->config, name), room);
    return *text ? text : "?";
}

static void write_label(FILE *to, const struct tsgd_runlog *log, size_t n, size_t i)
{
    char room[4][SHOWN];
    const char *name, *k = json_object_get(log[i].config, "tokens") ? "tokens" : "nodes";
    const json_t *value;
    fprintf(to, "%s, %s of %s, %s", word(&log[i], "method", room[0]), word(&log[i], k, room[1]),
            word(&log[i], "nodes", room[2]), word(&log[i], "topology", room[3]));
    json_object_foreach(log[i].config, name, value) {
        const char *text = text_of(value, room[0]);
        if (!*text || is_unsaid(&log[i], name, value) || !tells_apart(log, n, i, name))
            continue;
        if (json_is_true(value))
            fprintf(to, ", %s", name);
        else
            fprintf(to, ", %s %s", name, text);
    }
}

/* The how-manieth of several equal labels this is, from 1; 0: there is no other. */
static size_t place_among_equals(char *const *label, size_t n, size_t i)
{
    size_t equals = 0, place = 0;
    for (size_t j = 0; j < n; j++) {
        equals += !strcmp(label[j], label[i]);
        place = j == i ? equals : place;
    }
    return equals > 1 ? place : 0;
}

static enum tsgd_status create_all(char **label, const struct tsgd_runlog *log, size_t n,
                                   const size_t *place, struct tsgd_error *err)
{
    for (size_t i = 0; i < n; i++) {
        size_t bytes;
        free(label[i]);
        label[i] = NULL;
        FILE *f = open_memstream(&label[i], &bytes);
        if (f) {
            write_label(f, log, n, i);
            if (place[i] > 0)
                fprintf(f, " #%zu", place[i]);
        }
        bool written = f && !ferror(f);
        if ((f && fclose(f) != 0) || !written)
            return tsgd_fail(err, TSGD_ENOMEM, "no memory for the name of '%s'", log[i].path);
    }
    return TSGD_OK;
}

enum tsgd_status tsgd_labels_create(char **label, const struct tsgd_runlog *log, size_t n,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t *place = NULL;
    memset(label, 0, n * sizeof *label);
    TRY(TSGD_NEW(&place, n, "names of runs", err));
    TRY(create_all(label, log, n, place, err));
    for (size_t i = 0; i < n; i++)
        place[i] = place_among_equals(label, n, i);
    TRY(create_all(label, log, n, place, err));
done:
    for (size_t i = 0; i < n && st != TSGD_OK; i++) {
        free(label[i]);
        label[i] = NULL;
    }
    free(place);
    return st;
}
