/* --config: a settings file, or the log of an earlier run, and how settings become such a file.
 * Settings files, lines `name = value` with the names of the options, are read through inih. The
 * reader below sees each line first, because inih would cut a long one and take an indented one for
 * the rest of the value before it.                                                              */
#include "cli/parse.h"

#include "base/file.h"
#include "base/json.h"
#include "base/lines.h"

#include <ini.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LINE = INI_MAX_LINE - 3 };      /* of a settings file; inih adds a newline and a zero */

struct lines {
    bool sections;                  /* are welcome */
    tsgd_line_fn *each;
    void *user;
    struct tsgd_lines lines;        /* the current one is the one that inih is at */
    enum tsgd_status st;            /* the first failure; nothing is read after it */
    struct tsgd_error *err;
};

/* A heading is told here, for inih, as it is usually built, speaks of a section only with its first
 * setting. One that lacks its ] inih will refuse.                                               */
static enum tsgd_status tell_heading(const struct lines *r, const char *text)
{
    char name[64];
    size_t length = strcspn(text, "]\r\n");
    if (text[length] != ']')
        return TSGD_OK;
    const char *rest = text + length + 1;
    rest += strspn(rest, " \t\r\n");
    if (*rest && *rest != ';' && *rest != '#')
        return tsgd_fail(r->err, TSGD_EFORMAT, "%s:%llu: '%.40s' behind a section's name, want it "
                         "on a line of its own", r->lines.path, r->lines.number, rest);
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    return r->each(r->user, (unsigned)r->lines.number, name, NULL, NULL, r->err);
}

/* inih's reader: one line into `out`; NULL at the end, or to give up. */
static char *next_line(char *out, int room, void *stream)
{
    struct lines *r = stream;
    if (r->st != TSGD_OK)
        return NULL;
    bool found;
    r->st = tsgd_lines_next(&r->lines, &found, r->err);
    if (r->st != TSGD_OK || !found)
        return NULL;
    const char *start = r->lines.text;
    if (r->lines.number == 1 && !strncmp(start, "\xEF\xBB\xBF", 3))
        start += 3;                 /* a byte order mark */
    start += strspn(start, " \t");
    size_t length = strcspn(start, "\r\n"), most = (size_t)room - 2;
    if (*start == '[' && !r->sections)
        r->st = tsgd_fail(r->err, TSGD_EFORMAT, "%s:%llu: a section, want lines 'name = value' "
                          "alone; a file with sections is for 'telesgd sweep'", r->lines.path,
                          r->lines.number);
    else if (length > most)
        r->st = tsgd_fail(r->err, TSGD_EFORMAT, "%s:%llu: a line of %zu characters, at most %zu "
                          "fit", r->lines.path, r->lines.number, length, most);
    else if (*start == '[')
        r->st = tell_heading(r, start + 1);
    if (r->st != TSGD_OK)
        return NULL;
    memcpy(out, start, length);
    memcpy(out + length, "\n", 2);
    return out;
}

/* inih's handler: not 0 means that all is well. */
static int handle(void *user, const char *section, const char *name, const char *value)
{
    struct lines *r = user;
    if (r->st == TSGD_OK)
        r->st = r->each(r->user, (unsigned)r->lines.number, section, name, value, r->err);
    return r->st == TSGD_OK;
}

enum tsgd_status tsgd_config_lines(FILE *f, const char *path, bool sections, tsgd_line_fn *each,
                                   void *user, struct tsgd_error *err)
{
    struct lines r = {.sections = sections, .each = each, .user = user, .err = err,
                      .lines = {.f = f, .path = path, .most = TSGD_LINE_OF_TEXT}};
    int bad = ini_parse_stream(next_line, &r, handle, &r);
    if (r.st == TSGD_OK && bad > 0)
        r.st = tsgd_fail(err, TSGD_EFORMAT, "%s:%d: not a line 'name = value'", path, bad);
    if (r.st == TSGD_OK && bad < 0)
        r.st = tsgd_fail(err, TSGD_ENOMEM, "no memory for '%s'", path);
    tsgd_lines_release(&r.lines);
    return r.st;
}

/* ---- a settings file, or the config line of a log, as --config ---- */

struct reading {
    struct tsgd_settings *settings;
    const char *path;
    const struct tsgd_command *command;
    bool seen[TSGD_SETTINGS];       /* in a line above */
    FILE *f;
    struct tsgd_error *err;
};

static enum tsgd_status set(void *user, unsigned line, const char *section, const char *name,
                            const char *value, struct tsgd_error *err)
{
    struct reading *r = user;
    char where[512];
    const struct tsgd_setting_row *row = tsgd_setting_find(name, r->command->options);
    const char *near = row ? NULL : tsgd_setting_nearest(name, r->command->options);
    (void)section;                  /* there is none */
    snprintf(where, sizeof where, "%s:%u: %s", r->path, line, name);
    if (near)
        return tsgd_fail(err, TSGD_EINVAL, "%s:%u: unknown setting '%s'; did you mean '%s'?",
                         r->path, line, name, near);
    if (!row)
        return tsgd_fail(err, TSGD_EINVAL, "%s:%u: unknown setting '%s'", r->path, line, name);
    if (row == &tsgd_setting_rows[TSGD_SET_config])
        return tsgd_fail(err, TSGD_EINVAL, "%s: a settings file cannot name another", where);
    if (r->seen[row - tsgd_setting_rows])
        return tsgd_fail(err, TSGD_EINVAL, "%s: stands there twice; want one line", where);
    r->seen[row - tsgd_setting_rows] = true;
    return tsgd_settings_give(r->settings, row, value, where, err);
}

/* The text of a JSON value, to be freed; NULL: no memory. */
static char *text_of(const json_t *value)
{
    if (json_is_string(value))
        return strdup(json_string_value(value));
    return tsgd_json_text(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
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

/* The settings may mean the same in another version, so the user is told, not stopped. */
static void tell_version(const struct reading *r, const json_t *line)
{
    struct tsgd_error note;
    const char *version = json_string_value(json_object_get(line, "version"));
    if (version && !strcmp(version, TELESGD_VERSION))
        return;
    (void)tsgd_fail(&note, TSGD_OK, "%s: is a log of telesgd %.40s, and this is %s: the run may "
                    "come out differently", r->path, version ? version : "?", TELESGD_VERSION);
    tsgd_complain(r->command, &note);
}

static bool read_hash(uint64_t *out, const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));
    return text && strlen(text) == 16 && sscanf(text, "%16" SCNx64, out) == 1;
}

static void expect_files(struct tsgd_settings *s, const json_t *line)
{
    struct tsgd_expected *e = &s->expected;
    e->split = s->split && read_hash(&e->split_hash, line, "split_hash");
    e->init = s->init && read_hash(&e->init_hash, line, "init_hash");
}

/* Marks the settings that the log names under `list`; false: it has no such list. */
static bool read_names(const struct reading *r, const json_t *line, const char *list,
                       bool named[TSGD_SETTINGS])
{
    const json_t *names = json_object_get(line, list), *name;
    size_t n;
    json_array_foreach(names, n, name) {
        const char *text = json_string_value(name);
        const struct tsgd_setting_row *row = text ?
            tsgd_setting_find(text, r->command->options) : NULL;
        if (row)
            named[row - tsgd_setting_rows] = true;
    }
    return json_is_array(names);
}

/* A default of then is as one of now: other settings may rule it out, and it follows them where a
 * value that was given would contradict them. Logs of old do not tell what was given.           */
static enum tsgd_status take_all(struct reading *r, const json_t *line, bool derived[TSGD_SETTINGS])
{
    enum tsgd_status st = TSGD_OK;
    const char *missing = NULL;
    bool given[TSGD_SETTINGS] = {false};
    TRY(check_command(r, line));
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        const json_t *value = json_object_get(line, row->shown.name);
        if (!row->shown.changes_result || !(row->commands & r->command->options))
            continue;
        const json_t *asked = json_object_get(json_object_get(line, "asked"), row->shown.name);
        if (value && !json_is_null(value))
            TRY(take(r, row, asked ? asked : value));
        missing = value || missing ? missing : row->shown.name;
    }
    tell_version(r, line);
    if (missing)
        TRY(tsgd_fail(r->err, TSGD_EFORMAT, "%s:1: '%s' is missing; want every setting that the "
                      "result depends on", r->path, missing));
    expect_files(r->settings, line);
    (void)read_names(r, line, "derived", derived);
    if (read_names(r, line, "given", given))
        for (size_t i = 0; i < TSGD_SETTINGS; i++)
            r->settings->given[i] &= given[i] || derived[i];    /* see who reads `derived` */
done:
    return st;
}

static enum tsgd_status read_log(struct reading *r, bool derived[TSGD_SETTINGS])
{
    struct tsgd_json_fault fault;
    struct tsgd_lines l = {.f = r->f, .path = r->path, .most = TSGD_LINE_OF_LOG};
    bool found;
    enum tsgd_status st = TSGD_OK;
    json_t *line = NULL;
    TRY(tsgd_lines_next(&l, &found, r->err));
    line = tsgd_json_read(l.text, l.length, false, &fault);
    if (!line && fault.no_memory)
        TRY(tsgd_fail(r->err, TSGD_ENOMEM, "--config: no memory for '%s'", r->path));
    if (!line)
        TRY(tsgd_fail(r->err, TSGD_EFORMAT, "%s:1: is not JSON: %s", r->path, fault.text));
    TRY(take_all(r, line, derived));
done:
    json_decref(line);
    tsgd_lines_release(&l);
    return st;
}

enum tsgd_status tsgd_config_read(struct tsgd_settings *s, const char *path,
                                  const struct tsgd_command *command, bool derived[TSGD_SETTINGS],
                                  struct tsgd_error *err)
{
    struct reading r = {.settings = s, .path = path, .command = command, .err = err};
    const char *why;
    r.f = tsgd_open_input(path, true, &why);
    if (!r.f)
        return tsgd_fail(err, TSGD_EIO, "--config: cannot read '%s': %s", path, why);
    int first = getc(r.f);
    ungetc(first, r.f);
    enum tsgd_status st = first == '{' ? read_log(&r, derived) :
                          tsgd_config_lines(r.f, path, false, set, &r, err);
    fclose(r.f);
    return st;
}

/* ---- settings as lines ---- */

/* What inih skips at the ends of a value, and what makes a comment of a ; that follows it. */
#define SPACES " \t\n\v\f\r"

static bool is_space(char c) { return c && strchr(SPACES, c); }

/* Why a line with this value would not be read back as it is; NULL: it is. */
static const char *misfit(const char *name, const char *value)
{
    size_t n = strlen(value);
    if (strlen(name) + 3 + n > MOST_LINE)
        return "is too long for a line of a settings file";
    if (strpbrk(value, "\r\n"))
        return "has a line break in it, which a settings file cannot hold";
    if (is_space(value[0]) || is_space(value[n - 1]))
        return "starts or ends with a space, which a settings file cannot hold";
    for (size_t i = 0; i < n; i++)
        if (value[i] == ';' && (i == 0 || is_space(value[i - 1])))
            return "has a ; that would start a comment in a settings file";
    return NULL;
}

/* Not what only a dry run asks. */
static bool is_written(enum tsgd_setting_id id, const struct tsgd_command *command)
{
    return (tsgd_setting_rows[id].commands & command->options) && id != TSGD_SET_config &&
           id != TSGD_SET_dry_run && id != TSGD_SET_ranks && id != TSGD_SET_cores &&
           id != TSGD_SET_json;
}

/* What was given as it was given, although the resolved value may say more: with --normalize data
 * other data give other numbers.                                                                */
static const char *shown(const struct tsgd_settings *s, const struct tsgd_settings *asked,
                         enum tsgd_setting_id id)
{
    return s->text[id] && asked->given[id] ? asked->text[id] : s->text[id];
}

enum tsgd_status tsgd_config_write(FILE *out, const struct tsgd_settings *s,
                                   const struct tsgd_settings *asked,
                                   const struct tsgd_command *command, struct tsgd_error *err)
{
    for (enum tsgd_setting_id i = 0; i < TSGD_SETTINGS; i++) {
        const char *name = tsgd_setting_rows[i].shown.name, *value = shown(s, asked, i);
        const char *why = value && is_written(i, command) ? misfit(name, value) : NULL;
        if (why)
            return tsgd_fail(err, TSGD_EINVAL, "--%s: '%.80s%s' %s, so --dry-run cannot print it",
                             name, value, strlen(value) > 80 ? ".." : "", why);
    }
    for (enum tsgd_setting_id i = 0; i < TSGD_SETTINGS; i++) {
        const char *name = tsgd_setting_rows[i].shown.name, *value = shown(s, asked, i);
        if (is_written(i, command) && !value)
            fprintf(out, "# %s =\n", name);
        else if (is_written(i, command))
            fprintf(out, "%s%s = %s\n", tsgd_settings_derived(s, i) ? "# " : "", name, value);
    }
    return TSGD_OK;
}
