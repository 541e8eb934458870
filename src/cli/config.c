/* --config: a settings file, or the log of an earlier run, and how settings become such a file.
 * Settings files, lines `name = value` with the names of the options, are read through inih. The
 * reader below sees each line first, because inih would cut a long one and take an indented one for
 * the rest of the value before it.                                                              */
#include "cli/parse.h"

#include <errno.h>
#include <ini.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LINE = INI_MAX_LINE - 3 };      /* of a settings file; inih adds a newline and a zero */

struct reading {
    struct tsgd_settings *settings;
    const char *path;
    const struct tsgd_command *command;
    FILE *f;
    char *line;
    size_t room;
    unsigned number;                /* of the line that inih is at, from 1 */
    enum tsgd_status st;            /* the first failure; nothing is read after it */
    struct tsgd_error *err;
};

/* inih's reader: one line into `out`; NULL at the end, or to give up. */
static char *next_line(char *out, int room, void *stream)
{
    struct reading *r = stream;
    if (r->st != TSGD_OK)
        return NULL;
    ssize_t n = getline(&r->line, &r->room, r->f);
    if (n < 0) {
        if (ferror(r->f))
            r->st = tsgd_fail(r->err, TSGD_EIO, "--config: cannot read '%s': %s", r->path,
                              strerror(errno));
        return NULL;
    }
    r->number++;
    const char *start = r->line;
    if (r->number == 1 && !strncmp(start, "\xEF\xBB\xBF", 3))
        start += 3;                 /* a byte order mark */
    start += strspn(start, " \t");
    size_t length = strcspn(start, "\r\n"), most = (size_t)room - 2;
    if (strlen(r->line) != (size_t)n)
        r->st = tsgd_fail(r->err, TSGD_EFORMAT, "%s:%u: a zero byte, want text", r->path,
                          r->number);
    else if (*start == '[')
        r->st = tsgd_fail(r->err, TSGD_EFORMAT, "%s:%u: a section, want lines 'name = value' alone",
                          r->path, r->number);
    else if (length > most)
        r->st = tsgd_fail(r->err, TSGD_EFORMAT, "%s:%u: a line of %zu characters, at most %zu fit",
                          r->path, r->number, length, most);
    if (r->st != TSGD_OK)
        return NULL;
    memcpy(out, start, length);
    memcpy(out + length, "\n", 2);
    return out;
}

static enum tsgd_status set(struct reading *r, const char *name, const char *value)
{
    char where[512];
    const struct tsgd_setting_row *row = tsgd_setting_find(name, r->command->options);
    const char *near = row ? NULL : tsgd_setting_nearest(name, r->command->options);
    snprintf(where, sizeof where, "%s:%u: %s", r->path, r->number, name);
    if (near)
        return tsgd_fail(r->err, TSGD_EINVAL, "%s:%u: unknown setting '%s'; did you mean '%s'?",
                         r->path, r->number, name, near);
    if (!row)
        return tsgd_fail(r->err, TSGD_EINVAL, "%s:%u: unknown setting '%s'", r->path, r->number,
                         name);
    if (row == &tsgd_setting_rows[TSGD_SET_config])
        return tsgd_fail(r->err, TSGD_EINVAL, "%s: a settings file cannot name another", where);
    return tsgd_settings_give(r->settings, row, value, where, r->err);
}

/* inih's handler: not 0 means that all is well. */
static int handle(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;
    (void)section;
    if (r->st == TSGD_OK)
        r->st = set(r, name, value);
    return r->st == TSGD_OK;
}

static enum tsgd_status read_lines(struct reading *r)
{
    int bad = ini_parse_stream(next_line, r, handle, r);
    if (r->st == TSGD_OK && bad > 0)
        r->st = tsgd_fail(r->err, TSGD_EFORMAT, "%s:%d: not a line 'name = value'", r->path, bad);
    if (r->st == TSGD_OK && bad < 0)
        r->st = tsgd_fail(r->err, TSGD_ENOMEM, "--config: no memory for '%s'", r->path);
    return r->st;
}

/* ---- the config line of a log ---- */

/* The text of a JSON value, to be freed; NULL: no memory. */
static char *text_of(const json_t *value)
{
    if (json_is_string(value))
        return strdup(json_string_value(value));
    return json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
}

static enum tsgd_status take(struct reading *r, const struct tsgd_setting_row *row,
                             const json_t *value)
{
    char where[512];
    char *text = text_of(value);
    if (!text)
        return tsgd_fail(r->err, TSGD_ENOMEM, "--config: no memory for '%s'", r->path);
    snprintf(where, sizeof where, "%s:1: %s", r->path, row->shown.name);
    enum tsgd_status st = tsgd_settings_give(r->settings, row, text, where, r->err);
    free(text);
    return st;
}

static enum tsgd_status check_command(const struct reading *r, const json_t *line)
{
    const char *type = json_string_value(json_object_get(line, "type"));
    const char *name = json_string_value(json_object_get(line, "command"));
    if (!type || strcmp(type, "config"))
        return tsgd_fail(r->err, TSGD_EFORMAT, "%s:1: not the config line of a log", r->path);
    if (name && !strcmp(name, r->command->name))
        return TSGD_OK;
    return tsgd_fail(r->err, TSGD_EINVAL, "%s: is a log of 'telesgd %.40s'; want one of 'telesgd "
                     "%s'", r->path, name ? name : "?", r->command->name);
}

static enum tsgd_status take_all(struct reading *r, const json_t *line, bool derived[TSGD_SETTINGS])
{
    enum tsgd_status st = TSGD_OK;
    const json_t *name;
    size_t n;
    TRY(check_command(r, line));
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        const json_t *value = json_object_get(line, row->shown.name);
        if (row->shown.changes_result && (row->commands & r->command->options) && value &&
            !json_is_null(value))
            TRY(take(r, row, value));
    }
    json_array_foreach(json_object_get(line, "derived"), n, name) {
        const char *text = json_string_value(name);
        const struct tsgd_setting_row *row = text ?
            tsgd_setting_find(text, r->command->options) : NULL;
        if (row)
            derived[row - tsgd_setting_rows] = true;
    }
done:
    return st;
}

static enum tsgd_status read_log(struct reading *r, bool derived[TSGD_SETTINGS])
{
    json_error_t why;
    ssize_t n = getline(&r->line, &r->room, r->f);
    if (n < 0)
        return tsgd_fail(r->err, TSGD_EIO, "--config: cannot read '%s': %s", r->path,
                         strerror(errno));
    json_t *line = json_loadb(r->line, (size_t)n, 0, &why);
    if (!line)
        return tsgd_fail(r->err, TSGD_EFORMAT, "%s:1: is not JSON: %s", r->path, why.text);
    enum tsgd_status st = take_all(r, line, derived);
    json_decref(line);
    return st;
}

enum tsgd_status tsgd_config_read(struct tsgd_settings *s, const char *path,
                                  const struct tsgd_command *command, bool derived[TSGD_SETTINGS],
                                  struct tsgd_error *err)
{
    struct reading r = {.settings = s, .path = path, .command = command, .err = err};
    r.f = fopen(path, "r");
    if (!r.f)
        return tsgd_fail(err, TSGD_EIO, "--config: cannot read '%s': %s", path, strerror(errno));
    int first = getc(r.f);
    ungetc(first, r.f);
    enum tsgd_status st = first == '{' ? read_log(&r, derived) : read_lines(&r);
    free(r.line);
    fclose(r.f);
    return st;
}

/* ---- settings as lines ---- */

/* Whether a line with this value is read back as it is. */
static bool fits(const char *name, const char *value)
{
    const char *comment = strpbrk(value, ";");
    bool cut = comment && (comment == value || comment[-1] == ' ' || comment[-1] == '\t');
    return strlen(name) + 3 + strlen(value) <= MOST_LINE && !cut && *value != ' ' &&
           value[strlen(value) - 1] != ' ' && !strpbrk(value, "\r\n\t");
}

void tsgd_config_write(FILE *out, const struct tsgd_settings *s, const struct tsgd_settings *asked,
                       const struct tsgd_command *command)
{
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting *row = &tsgd_setting_rows[i].shown;
        const char *value = s->text[i];
        if (!(tsgd_setting_rows[i].commands & command->options) || i == TSGD_SET_config ||
            i == TSGD_SET_dry_run)
            continue;
        if (value && !fits(row->name, value))
            value = asked->text[i];
        if (!value)
            fprintf(out, "# %s =\n", row->name);
        else if (fits(row->name, value))
            fprintf(out, "%s = %s\n", row->name, value);
        else
            fprintf(out, "# %s: the value does not fit in a settings file\n", row->name);
    }
}
