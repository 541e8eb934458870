#include "log/logfile.h"

#include "base/build.h"
#include "base/file.h"
#include "base/json.h"
#include "base/machine.h"
#include "base/text.h"
#include "linalg/isa.h"
#include "run/metrics.h"
#include "run/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Digits of reals: of settings at least, measurements as precise as they are. */
enum { DIGITS_SETTING = 15, DIGITS_METRIC = 9 };

static enum tsgd_status fail(const struct tsgd_log *log, int why, struct tsgd_error *err)
{
    return tsgd_fail(err, TSGD_EIO, "--log: cannot write '%s': %s", log->path, strerror(why));
}

/* False: another run has it. Devices and pipes may be written by many. */
static bool lock(int fd)
{
    struct stat s;
    int why = fstat(fd, &s) == 0 && S_ISREG(s.st_mode) ? tsgd_lock_file(fd) : 0;
    return why != EAGAIN && why != EACCES;
}

bool tsgd_log_is_written(int fd)
{
    struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

enum tsgd_status tsgd_log_open(struct tsgd_log *out, const char *path, struct tsgd_error *err)
{
    struct tsgd_log log = {.path = path};
    if (!strcmp(path, "-")) {
        log.f = stdout;
    } else {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        log.created = fd >= 0;
        if (fd < 0 && errno == EEXIST)
            fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0)
            return fail(&log, errno, err);
        if (!lock(fd)) {
            close(fd);
            return tsgd_fail(err, TSGD_EIO, "--log: '%s' is the log of a run that is going on; "
                             "want another", path);
        }
        log.f = fdopen(fd, "w");        /* does not truncate: only open() would */
        if (!log.f) {
            if (log.created)
                unlink(path);
            close(fd);
            return fail(&log, ENOMEM, err);
        }
    }
    *out = log;
    return TSGD_OK;
}

/* Frees `line`; NULL stands for one that memory was too short for, and then NULL is returned. */
static char *text_of(json_t *line, size_t digits)
{
    char *text = tsgd_json_text(line, JSON_COMPACT | JSON_REAL_PRECISION(digits));
    json_decref(line);
    return text;
}

/* Writes and frees the text of a line, or NULL. */
static void put_text(struct tsgd_log *log, char *text)
{
    errno = 0;
    if (log->failure)
        ;
    else if (!text)
        log->failure = ENOMEM;
    else if (fputs(text, log->f) == EOF || fputc('\n', log->f) == EOF || fflush(log->f) != 0)
        log->failure = errno ? errno : EIO;
    free(text);
}

/* Writes and frees `line`. */
static void put(struct tsgd_log *log, json_t *line, size_t digits)
{
    if (log->f && !log->failure)
        put_text(log, text_of(line, digits));
    else
        json_decref(line);
}

static json_t *hash_text(uint64_t hash)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    return json_string(text);
}

/* Adds a field, and takes `value` over. A field that cannot be added makes the line NULL, which
 * put() reports: no line is written that lacks something.                                       */
static void set(json_t **line, const char *name, json_t *value)
{
    if (json_object_set_new(*line, name, value) == 0)
        return;
    json_decref(*line);
    *line = NULL;
}

/* Adds a real, unless it does not apply or JSON could not hold it. */
static void set_real(json_t **line, const char *name, double value)
{
    if (value - value == 0)
        set(line, name, json_real(value));
}

static void set_count(json_t **line, const char *name, uint64_t value)
{
    set(line, name, json_integer((json_int_t)value));
}

/* A line with its type; NULL: no memory, and what later calls add is ignored. */
static json_t *new_line(const char *type)
{
    json_t *line = json_object();
    set(&line, "type", json_string(type));
    return line;
}

json_t *tsgd_log_text(const char *text)
{
    if (tsgd_is_utf8(text))
        return json_string(text);
    size_t left = strlen(text);
    char *copy = malloc(4 * left + 1), *to = copy;
    for (size_t n; copy && left > 0; left -= n, text += n) {
        n = tsgd_utf8(text, left);
        if (n > 0) {
            memcpy(to, text, n);
            to += n;
        } else {
            to += sprintf(to, "\\x%02x", (unsigned char)*text);
            n = 1;
        }
    }
    if (copy)
        *to = 0;
    json_t *word = copy ? json_string(copy) : NULL;
    free(copy);
    return word;
}

static json_t *setting(const struct tsgd_settings *s, const struct tsgd_setting_row *row)
{
    const void *field = (const char *)s + row->at;
    const char *text = s->text[row - tsgd_setting_rows];
    if (!text)
        return json_null();
    switch (row->type) {
    case TSGD_TYPE_COUNT: return json_integer((json_int_t)*(const uint64_t *)field);
    case TSGD_TYPE_REAL: return json_real(*(const double *)field);
    case TSGD_TYPE_FLAG: return json_boolean(*(const bool *)field);
    case TSGD_TYPE_TEXT:
    case TSGD_TYPE_CHOICE:
    case TSGD_TYPE_LIST: break;
    }
    return row->shown.changes_result ? json_string(text) : tsgd_log_text(text);
}

/* As many digits as the texts of all reals have, so that the line gives every one of them back. */
static size_t digits_of(const struct tsgd_settings *s)
{
    size_t most = DIGITS_SETTING;
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        size_t digits = 0;
        if (tsgd_setting_rows[i].type != TSGD_TYPE_REAL || !s->text[i])
            continue;
        for (const char *c = s->text[i]; *c && *c != 'e'; c++)
            digits += *c >= (digits ? '0' : '1') && *c <= '9';
        most = digits > most ? digits : most;
    }
    return most;
}

/* The names of the settings of the result for which `has` holds. */
static json_t *names_of(const struct tsgd_settings *s, const struct tsgd_command *command,
                        bool (*has)(const struct tsgd_settings *s, enum tsgd_setting_id id))
{
    json_t *names = json_array();
    bool bad = false;
    for (enum tsgd_setting_id i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        if ((row->commands & command->options) && row->shown.changes_result && has(s, i))
            bad |= json_array_append_new(names, json_string(row->shown.name)) != 0;
    }
    if (!bad)
        return names;
    json_decref(names);
    return NULL;
}

static bool is_given(const struct tsgd_settings *s, enum tsgd_setting_id id)
{
    return s->text[id] && s->given[id];
}

/* What was given and resolved to a text that says more, as it was given: with other data,
 * --normalize data stands for other numbers.                                                    */
static json_t *asked_otherwise(const struct tsgd_settings *asked, const struct tsgd_settings *s,
                               const struct tsgd_command *command)
{
    json_t *texts = json_object();
    for (enum tsgd_setting_id i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        if ((row->commands & command->options) && row->shown.changes_result && asked->given[i] &&
            tsgd_settings_ask_again(i) && s->text[i] && strcmp(asked->text[i], s->text[i]))
            set(&texts, row->shown.name, json_string(asked->text[i]));
    }
    return texts;
}

enum tsgd_status tsgd_log_check(const struct tsgd_settings *s, const struct tsgd_command *command,
                                struct tsgd_error *err)
{
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        if ((row->commands & command->options) && row->shown.changes_result && s->text[i] &&
            !tsgd_is_utf8(s->text[i]))
            return tsgd_fail(err, TSGD_EINVAL, "--%s: '%.80s' is not UTF-8, and a log cannot hold "
                             "it; want another name", row->shown.name, s->text[i]);
    }
    return TSGD_OK;
}

/* In UTC, as ISO 8601 writes it: 2026-01-31T23:59:59Z. */
static json_t *now(void)
{
    time_t seconds = time(NULL);
    struct tm utc;
    char text[32] = "";
    if (gmtime_r(&seconds, &utc))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

static json_t *machine(void)
{
    struct tsgd_machine_size size;
    json_t *o = json_object();
    tsgd_machine_measure(&size, "/sys");
    set_count(&o, "cpus", size.cpus);
    set_count(&o, "numa_domains", size.numa_domains);
    set_count(&o, "memory_bytes", size.memory_bytes);
    return o;
}

/* NULL: no memory. */
static json_t *class_names(const struct tsgd_info *info)
{
    json_t *all = json_array();
    for (uint32_t c = 0; c < info->classes; c++)
        if (json_array_append_new(all, tsgd_log_text(info->class_names[c])) != 0) {
            json_decref(all);
            return NULL;
        }
    return all;
}

/* A run that was stopped and gone on with has the log of one that was not. */
static bool is_of_checkpoints(size_t i)
{
    return tsgd_setting_rows[i].owner == TSGD_OWNER_CHECKPOINT || i == TSGD_SET_checkpoint ||
           i == TSGD_SET_resume;
}

/* Whose bits the results have: "common" of every processor with a fused multiply-add, or only of
 * the instruction set or the kernel set of BLIS of this name.                                   */
static json_t *bits_of(const struct tsgd_info *info)
{
    if (strcmp(info->kernels, "own") != 0)
        return json_stringn(info->kernels, strcspn(info->kernels, " "));
    return json_string(tsgd_isa_bits(info->resolved->isa));
}

json_t *tsgd_log_config(const struct tsgd_info *info, const struct tsgd_settings *asked,
                        const struct tsgd_command *command)
{
    const struct tsgd_settings *settings = info->resolved;
    json_t *line = new_line("config");
    set(&line, "version", json_string(TELESGD_VERSION));
    set(&line, "revision", json_string(tsgd_build_revision));
    set(&line, "compiler", json_string(tsgd_build_compiler));
    set(&line, "date", now());
    set(&line, "command", json_string(command->name));
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        if ((row->commands & command->options) && !row->shown.of_program && !is_of_checkpoints(i))
            set(&line, row->shown.name, setting(settings, row));
    }
    set(&line, "given", names_of(settings, command, is_given));
    set(&line, "derived", names_of(settings, command, tsgd_settings_derived));
    set(&line, "asked", asked_otherwise(asked, settings, command));
    if (info->train_samples > 0)
        set(&line, "split_hash", hash_text(info->split_hash));
    if (settings->init)
        set(&line, "init_hash", hash_text(info->init_hash));
    set(&line, "cpu", json_string(info->cpu));
    set(&line, "machine", machine());
    set(&line, "kernels", json_string(info->kernels));
    set(&line, "bits", bits_of(info));
    set_count(&line, "parameters", info->parameters);
    set_count(&line, "tokens", info->tokens);
    set_count(&line, "train_samples", info->train_samples);
    set_count(&line, "test_samples", info->test_samples);
    if (info->class_names)
        set(&line, "class_names", class_names(info));
    set_count(&line, "step_flops", info->step_flops);
    set_count(&line, "memory_bytes", info->memory_bytes);
    set_real(&line, "optimum_value", info->minimum.value);
    if (info->minimum.value == info->minimum.value) {
        set_real(&line, "optimum_gap", info->minimum.gap);
        set_count(&line, "optimum_steps", info->minimum.steps);
        set_count(&line, "optimum_products", info->minimum.products);
        set_real(&line, "optimum_seconds", info->minimum.seconds);
    }
    set_count(&line, "threads", info->threads);      /* in its old place: those that will run */
    if (settings->transport && settings->transport->ranks > 1)
        set_count(&line, "ranks", settings->transport->ranks);
    return line;
}

enum tsgd_status tsgd_log_begin(struct tsgd_log *log, const struct tsgd_info *info,
                                const struct tsgd_settings *asked,
                                const struct tsgd_command *command, struct tsgd_error *err)
{
    struct stat s = {.st_size = 0};
    if (!log->f)
        return TSGD_OK;
    char *text = text_of(tsgd_log_config(info, asked, command), digits_of(info->resolved));
    if (!text || (log->f != stdout && fstat(fileno(log->f), &s) != 0) ||
        (S_ISREG(s.st_mode) && log->f != stdout && ftruncate(fileno(log->f), 0) != 0)) {
        int why = text ? errno : ENOMEM;
        free(text);
        return fail(log, why, err);
    }
    log->emptied = S_ISREG(s.st_mode) && s.st_size > 0;
    put_text(log, text);
    return log->failure ? fail(log, log->failure, err) : TSGD_OK;
}

static void set_metrics(const struct tsgd_log *log, json_t **line, const struct tsgd_eval *e)
{
    for (size_t i = 0; i < tsgd_n_metrics; i++) {
        const struct tsgd_metric *m = &tsgd_metrics[i];
        const void *at = (const char *)e + m->offset;
        if (m->type == TSGD_METRIC_U64)
            set_count(line, m->name, *(const uint64_t *)at);
        else if (m->type == TSGD_METRIC_REAL)
            set_real(line, m->name, *(const double *)at);
        else
            set(line, m->name, hash_text(*(const uint64_t *)at));
    }
    if (log->spread)
        set_count(line, "bytes_between_ranks", e->bytes_between_ranks);
}

void tsgd_log_eval(struct tsgd_log *log, const struct tsgd_eval *e)
{
    if (!log->f)
        return;
    json_t *line = new_line("eval");
    set_metrics(log, &line, e);
    put(log, line, DIGITS_METRIC);
}

void tsgd_log_candidate(struct tsgd_log *log, const struct tsgd_candidate *c, uint64_t population)
{
    if (!log->f)
        return;
    json_t *line = new_line("eval");
    set_count(&line, "population", population);
    set_count(&line, "active", c->active);
    set_count(&line, "pass", c->pass);
    set_metrics(log, &line, &c->last);
    put(log, line, DIGITS_METRIC);
}

void tsgd_log_tuning(struct tsgd_log *log, const struct tsgd_tuning *t)
{
    if (!log->f)
        return;
    json_t *line = new_line("summary");
    if (t->chosen) {
        set_metrics(log, &line, &t->chosen->last);
        set_count(&line, "chosen_active", t->chosen->active);
        set_real(&line, "chosen_lr", t->chosen->lr);
    }
    set_real(&line, "test_loss", t->test_loss);
    set_real(&line, "test_accuracy", t->test_accuracy);
    set_real(&line, "test_r2", t->test_r2);
    set_count(&line, "passes", t->passes);
    set_count(&line, "rounds_spent", t->rounds_spent);
    set_count(&line, "rounds_grid", t->rounds_grid);
    set_count(&line, "gradients_spent", t->gradients_spent);
    set_real(&line, "wall_seconds", t->wall_seconds);
    set(&line, "interrupted", json_boolean(t->interrupted));
    put(log, line, DIGITS_METRIC);
}

/* Shares of each worker's time; of all ranks. */
static json_t *workers(const struct tsgd_log *log, const struct tsgd_run *run)
{
    json_t *all = json_array();
    struct tsgd_worker_shares s;
    for (uint64_t i = 0; tsgd_run_worker_shares(run, i, &s, NULL) == TSGD_OK; i++) {
        json_t *one = json_object();
        set_real(&one, "step", s.step);
        set_real(&one, "mix", s.mix);
        set_real(&one, "eval", s.eval);
        if (log->spread)
            set_real(&one, "messages", s.messages);
        set_real(&one, "wait", s.wait);
        set_real(&one, "other", s.other);
        set_real(&one, "ran", s.ran);
        set_real(&one, "slept", s.slept);
        set_real(&one, "taken", s.taken);
        if (json_array_append_new(all, one) != 0) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

void tsgd_log_summary(struct tsgd_log *log, const struct tsgd_run *run,
                      const struct tsgd_summary *s, bool evaluated, bool diverged)
{
    if (!log->f)
        return;
    json_t *line = new_line("summary");
    if (evaluated) {
        set_metrics(log, &line, &s->last);
        set_real(&line, "test_loss", s->test_loss);      /* also after evaluations of others */
        set_real(&line, "test_accuracy", s->test_accuracy);
        set_real(&line, "test_r2", s->test_r2);
    }
    set_real(&line, "wall_seconds", s->wall_seconds);    /* of the run, in place of the metric */
    set_real(&line, "samples_per_second", s->samples_per_second);
    set_real(&line, "share_step", s->share_step);
    set_real(&line, "share_mix", s->share_mix);
    set_real(&line, "share_eval", s->share_eval);
    if (log->spread)
        set_real(&line, "share_messages", s->share_messages);
    set_real(&line, "share_wait", s->share_wait);
    set_real(&line, "share_other", s->share_other);
    set_real(&line, "share_ran", s->share_ran);
    set_real(&line, "share_slept", s->share_slept);
    set_real(&line, "share_taken", s->share_taken);
    set(&line, "workers", workers(log, run));
    set_count(&line, "steals", s->steals);
    set_count(&line, "sleeps", s->sleeps);
    set(&line, "interrupted", json_boolean(s->interrupted));
    if (s->has_until)
        set(&line, "reached", json_boolean(s->reached));
    if (diverged) {
        set(&line, "diverged", json_true());
        set_count(&line, "diverged_round", s->diverged_round);
        if (s->diverged_token != UINT32_MAX)
            set_count(&line, "diverged_token", s->diverged_token);
    }
    put(log, line, DIGITS_METRIC);
}

/* Lines are flushed one by one. Pipes and devices cannot be synced, and need not be. */
bool tsgd_log_sync(const struct tsgd_log *log)
{
    bool synced = !log->f || fsync(fileno(log->f)) == 0 || errno == EINVAL || errno == EROFS;
    return synced && !atomic_load_explicit(&log->failure, memory_order_relaxed);
}

enum tsgd_status tsgd_log_close(struct tsgd_log *log, struct tsgd_error *err)
{
    struct tsgd_log l = *log;
    *log = (struct tsgd_log)TSGD_LOG_INIT;
    if (l.f && l.f != stdout && fclose(l.f) != 0 && !l.failure)
        l.failure = errno;
    return l.failure ? fail(&l, l.failure, err) : TSGD_OK;
}

void tsgd_log_abandon(struct tsgd_log *log)
{
    if (log->f && log->f != stdout) {
        fclose(log->f);
        if (log->created)
            unlink(log->path);
    }
    *log = (struct tsgd_log)TSGD_LOG_INIT;
}
