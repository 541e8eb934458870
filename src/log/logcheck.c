#include "log/logcheck.h"

#include "base/file.h"
#include "base/json.h"
#include "base/lines.h"
#include "log/logfile.h"
#include "log/runlog.h"
#include "run/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A value as a sentence shows it. */
static void show(const json_t *value, char *text, size_t size)
{
    char *dump = value ? tsgd_json_text(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)) : NULL;
    snprintf(text, size, "%.60s", json_is_string(value) ? json_string_value(value) :
                                  !value || json_is_null(value) ? "none" :
                                  dump ? dump : "(no memory to show it)");
    free(dump);
}

static enum tsgd_status check_field(const char *path, const char *name, const json_t *there,
                                    const json_t *want, const char *remedy,
                                    struct tsgd_error *err)
{
    const json_t *a = json_object_get(there, name), *b = json_object_get(want, name);
    char found[64], wanted[64];
    if ((!a && !b) || json_equal(a, b))
        return TSGD_OK;
    if (!strcmp(name, tsgd_setting_rows[TSGD_SET_isa].shown.name) &&
        tsgd_settings_alike(TSGD_SET_isa, json_string_value(a), json_string_value(b)))
        return TSGD_OK;
    show(a, found, sizeof found);
    show(b, wanted, sizeof wanted);
    return tsgd_fail(err, TSGD_EINVAL, "%.200s: is of a run with %s %s, want %s; %s, or "
                     "remove the file", path, name, found, wanted, remedy);
}

/* All that the result depends on. */
static enum tsgd_status check_config(const char *path, const json_t *there, const json_t *want,
                                     const char *remedy, struct tsgd_error *err)
{
    static const char *const others[] = {"command", "version", "split_hash", "init_hash"};
    enum tsgd_status st = TSGD_OK;
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        if (tsgd_setting_rows[i].shown.changes_result)
            TRY(check_field(path, tsgd_setting_rows[i].shown.name, there, want, remedy,
                            err));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        TRY(check_field(path, others[i], there, want, remedy, err));
done:
    return st;
}

enum tsgd_status tsgd_log_compare(const char *path, const json_t *config, const char *remedy,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const char *why;
    bool found;
    json_t *line = NULL;
    struct tsgd_json_fault fault = {.no_memory = false};
    struct tsgd_lines l = {.path = path, .most = TSGD_LINE_OF_LOG, .zeros = true};
    l.f = tsgd_open_input(path, false, &why);
    if (!l.f)
        TRY(tsgd_fail(err, TSGD_EIO, "cannot read '%.200s': %s", path, why));
    TRY(tsgd_lines_next(&l, &found, err));
    line = found ? tsgd_json_read(l.text, l.length, false, &fault) : NULL;
    if (fault.no_memory)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "%.200s: no memory for its first line", path));
    const char *type = json_string_value(json_object_get(line, "type"));
    if (!type || strcmp(type, "config"))
        TRY(tsgd_fail(err, TSGD_EINVAL, "%.200s: is not a log of telesgd; %s, or remove the file",
                      path, remedy));
    TRY(check_config(path, line, config, remedy, err));
done:
    json_decref(line);
    tsgd_lines_release(&l);
    if (l.f)
        fclose(l.f);
    return st;
}

/* Whether there is a whole first line. What a killed run has left of one must be its start. */
static enum tsgd_status read_start(const char *path, bool *whole, struct tsgd_error *err)
{
    char text[sizeof TSGD_LOG_HEADER - 1];
    size_t n = 0;
    int c = 0;
    const char *why;
    FILE *f = tsgd_open_input(path, false, &why);
    *whole = false;
    if (!f && (errno == ENOENT || errno == ENOTDIR))
        return TSGD_OK;
    if (!f)
        return tsgd_fail(err, TSGD_EIO, "cannot read '%.200s': %s", path, why);
    n = fread(text, 1, sizeof text, f);
    if (ferror(f)) {
        int error = errno;
        fclose(f);
        return tsgd_fail(err, TSGD_EIO, "cannot read '%.200s': %s", path, strerror(error));
    }
    bool ours = !memcmp(text, TSGD_LOG_HEADER, n);
    while (ours && n == sizeof text && c != EOF && c != '\n')
        c = getc(f);
    fclose(f);
    *whole = c == '\n';
    return ours ? TSGD_OK :
        tsgd_fail(err, TSGD_EINVAL, "%.200s: is not a log of telesgd; give another folder, or "
                  "remove the file", path);
}

enum tsgd_status tsgd_log_look(const char *path, const json_t *config, json_t **summary,
                               struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_runlog log = {.path = NULL};
    bool whole;
    *summary = NULL;
    TRY(read_start(path, &whole, err));
    if (!whole)
        return TSGD_OK;
    TRY(tsgd_runlog_read(&log, path, 0, err));
    TRY(check_config(path, log.config, config, "give another folder", err));
    if (log.state == TSGD_LOG_RUNNING)
        TRY(tsgd_fail(err, TSGD_EINVAL, "%.200s: is being written by another run; await its end",
                      path));
    if (log.state == TSGD_LOG_DONE || log.state == TSGD_LOG_DIVERGED)
        *summary = json_incref(log.summary);
done:
    tsgd_runlog_release(&log);
    return st;
}
