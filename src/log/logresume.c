#include "log/logresume.h"

#include "base/file.h"
#include "base/json.h"
#include "base/lines.h"
#include "log/logcheck.h"
#include "run/settings.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* A log that is read, and copied as far as it stays. */
struct copying {
    const struct tsgd_info *info;
    const char *path;
    FILE *to;
    uint64_t evaluations;       /* that stay */
};

static uint64_t count_of(const json_t *line, const char *name, uint64_t otherwise)
{
    const json_t *value = json_object_get(line, name);
    return json_is_integer(value) && json_integer_value(value) >= 0 ?
        (uint64_t)json_integer_value(value) : otherwise;
}

/* Whether an evaluation was told before the checkpoint was taken, in a run that is not stopped. A
 * stopped run evaluates its last round in any case; that line goes, unless it was due.          */
static bool stays(const struct copying *c, const json_t *line)
{
    const struct tsgd_info *info = c->info;
    uint64_t round = count_of(line, "round", UINT64_MAX), pass = count_of(line, "pass", 1);
    if (pass != info->resumed_pass)
        return pass < info->resumed_pass;
    return round < info->resumed_round ||
           (round == info->resumed_round && round % info->resolved->eval_every == 0);
}

/* Only lines that end, and are a log's; what a killed run or a loss of power has left of others
 * goes.                                                                                         */
static enum tsgd_status copy_line(struct copying *c, const struct tsgd_lines *l,
                                  struct tsgd_error *err)
{
    bool whole = l->length > 0 && l->text[l->length - 1] == '\n';
    struct tsgd_json_fault fault = {.no_memory = false};
    json_t *line = whole ? tsgd_json_read(l->text, l->length, false, &fault) : NULL;
    if (fault.no_memory)
        return tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for line %llu", c->path, l->number);
    const char *type = json_string_value(json_object_get(line, "type"));
    bool is_eval = type && !strcmp(type, "eval") && stays(c, line);
    if (is_eval || (type && !strcmp(type, "config")))
        fwrite(l->text, 1, l->length, c->to);
    c->evaluations += is_eval;
    json_decref(line);
    return TSGD_OK;
}

/* Evaluations of a run up to the checkpoint. Those of a search are not counted: candidates that
 * have diverged have fewer.                                                                     */
static enum tsgd_status check_count(const struct copying *c, const struct tsgd_command *command,
                                    struct tsgd_error *err)
{
    const struct tsgd_settings *s = c->info->resolved;
    uint64_t want = s->eval_at_start + c->info->resumed_round / s->eval_every;
    if (!(command->options & TSGD_FOR_TRAIN) || c->evaluations == want)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--log: '%s' has %llu evaluations up to round %llu, where "
                     "the checkpoint is, want %llu; give another name", c->path,
                     (unsigned long long)c->evaluations,
                     (unsigned long long)c->info->resumed_round, (unsigned long long)want);
}

static enum tsgd_status copy(struct copying *c, const struct tsgd_command *command, FILE *from,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_lines l = {.f = from, .path = c->path, .most = TSGD_LINE_OF_LOG, .zeros = true};
    bool found = true;
    while (found) {
        TRY(tsgd_lines_next(&l, &found, err));
        if (found)
            TRY(copy_line(c, &l, err));
    }
    TRY(check_count(c, command, err));
done:
    tsgd_lines_release(&l);
    return st;
}

/* The config line must be that of this run. */
static enum tsgd_status check_run(const char *path, const struct tsgd_info *info,
                                  const struct tsgd_settings *asked,
                                  const struct tsgd_command *command, struct tsgd_error *err)
{
    json_t *config = tsgd_log_config(info, asked, command);
    enum tsgd_status st = config ?
        tsgd_log_compare(path, config, "give another name", err) :
        tsgd_fail(err, TSGD_ENOMEM, "--log: no memory for a line of the log");
    json_decref(config);
    return st;
}

enum tsgd_status tsgd_log_go_on(struct tsgd_log *log, const struct tsgd_info *info,
                                const struct tsgd_settings *asked,
                                const struct tsgd_command *command, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const char *why, *path = log->path;
    struct tsgd_outfile out = TSGD_OUTFILE_INIT;
    struct tsgd_log again = TSGD_LOG_INIT;
    FILE *from = NULL;
    struct stat s = {.st_size = 0};
    const struct tsgd_transport *t = info->resolved->transport;
    log->spread = t && t->ranks > 1;
    if (log->f && log->f != stdout && fstat(fileno(log->f), &s) != 0)
        TRY(tsgd_fail(err, TSGD_EIO, "--log: cannot write '%s': %s", path, strerror(errno)));
    if (!info->resumed_round || s.st_size == 0 || !S_ISREG(s.st_mode))
        return tsgd_log_begin(log, info, asked, command, err);
    TRY(check_run(path, info, asked, command, err));
    from = tsgd_open_input(path, false, &why);
    if (!from)
        TRY(tsgd_fail(err, TSGD_EIO, "--log: cannot read '%s': %s", path, why));
    TRY(tsgd_outfile_open(&out, path, "--log", err));
    TRY(copy(&(struct copying){.info = info, .path = path, .to = out.f}, command, from, err));
    TRY(tsgd_outfile_commit(&out, err));
    log->emptied = true;
    TRY(tsgd_log_open(&again, path, err));      /* the new file, in place of the old one */
    fclose(log->f);
    again.spread = log->spread;
    *log = again;
    log->emptied = true;
    if (fseek(log->f, 0, SEEK_END) != 0)
        TRY(tsgd_fail(err, TSGD_EIO, "--log: cannot write '%s': %s", path, strerror(errno)));
done:
    if (from)
        fclose(from);
    tsgd_outfile_abandon(&out);
    return st;
}
