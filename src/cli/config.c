/* The settings file: lines `name = value` with the names of the options, through inih. The reader
 * below sees each line first, because inih would cut a long one and take an indented one for
 * the rest of the value before it.                                                              */
#include "cli/parse.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct tsgd_settings *settings;
    const char *path;
    unsigned commands;
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
    const struct tsgd_setting_row *row = tsgd_setting_find(name, r->commands);
    const char *near = row ? NULL : tsgd_setting_nearest(name, r->commands);
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

enum tsgd_status tsgd_config_read(struct tsgd_settings *s, const char *path, unsigned commands,
                                  struct tsgd_error *err)
{
    struct reading r = {.settings = s, .path = path, .commands = commands, .err = err};
    r.f = fopen(path, "r");
    if (!r.f)
        return tsgd_fail(err, TSGD_EIO, "--config: cannot read '%s': %s", path, strerror(errno));
    int bad = ini_parse_stream(next_line, &r, handle, &r);
    if (r.st == TSGD_OK && bad > 0)
        r.st = tsgd_fail(err, TSGD_EFORMAT, "%s:%d: not a line 'name = value'", path, bad);
    if (r.st == TSGD_OK && bad < 0)
        r.st = tsgd_fail(err, TSGD_ENOMEM, "--config: no memory for '%s'", path);
    free(r.line);
    fclose(r.f);
    return r.st;
}
