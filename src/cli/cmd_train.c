/* telesgd train: checks, trains, reports. Nothing is written before all is known to be right. */
#include "cli/parse.h"

#include "cli/logfile.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/signals.h"

#include <string.h>
#include <unistd.h>

static void stop(void *run) { tsgd_run_stop(run); }

struct watch {
    struct tsgd_log log;
    struct tsgd_progress progress;
    uint64_t evaluations;
};

static bool on_eval(const struct tsgd_eval *e, void *user)
{
    struct watch *w = user;
    w->evaluations++;
    tsgd_log_eval(&w->log, e);
    tsgd_progress_eval(&w->progress, e);
    return w->log.failure != 0;     /* what the user asked for cannot be had any more */
}

static bool log_is_stdout(const struct tsgd_settings *asked)
{
    return asked->log && !strcmp(asked->log, "-");
}

/* Where the closing report goes; NULL: nowhere, for both streams are spoken for. */
static FILE *report_stream(const struct tsgd_settings *asked)
{
    if (!log_is_stdout(asked))
        return stdout;
    return strcmp(asked->progress, "off") ? stderr : NULL;
}

/* After the training: what was asked to be kept is kept, then all is told. */
static enum tsgd_exit finish(const struct tsgd_command *self, const struct tsgd_settings *asked,
                             struct tsgd_run *run, struct watch *w, const struct tsgd_summary *s)
{
    enum tsgd_exit code = s->interrupted ? TSGD_EXIT_INTERRUPTED : TSGD_EXIT_DONE;
    struct tsgd_error err;
    FILE *out = report_stream(asked);
    struct tsgd_traced traced;
    tsgd_log_summary(&w->log, s, w->evaluations > 0, false);
    if (asked->save && tsgd_run_save(run, asked->save, &err)) {
        tsgd_complain(self, &err);
        code = TSGD_EXIT_FAILED;
    }
    if (asked->trace && tsgd_run_save_trace(run, &traced, &err)) {
        tsgd_complain(self, &err);
        code = TSGD_EXIT_FAILED;
    }
    if (tsgd_log_close(&w->log, &err)) {
        tsgd_complain(self, &err);
        code = TSGD_EXIT_FAILED;
    }
    if (out && code != TSGD_EXIT_FAILED)
        tsgd_report_end(out, asked, tsgd_run_info(run), s, w->evaluations > 0);
    if (out && code != TSGD_EXIT_FAILED && asked->trace)
        tsgd_report_trace(out, asked->trace, &traced);
    return code;
}

static enum tsgd_exit train(const struct tsgd_command *self, const struct tsgd_settings *asked,
                            struct tsgd_run *run, struct watch *w)
{
    struct tsgd_summary summary = {0};
    struct tsgd_traced traced;
    struct tsgd_error err;
    tsgd_progress_start(&w->progress, asked->progress,
                        log_is_stdout(asked) && isatty(STDOUT_FILENO), run);
    enum tsgd_status st = tsgd_run_train(run, on_eval, w, &summary, &err);
    tsgd_progress_stop(&w->progress);
    if (st == TSGD_OK)
        return finish(self, asked, run, w, &summary);
    tsgd_complain(self, &err);
    if (st == TSGD_EDIVERGED)
        tsgd_log_summary(&w->log, &summary, w->evaluations > 0, true);
    if (st == TSGD_EDIVERGED && asked->trace && tsgd_run_save_trace(run, &traced, &err)) {
        tsgd_complain(self, &err);
        st = TSGD_EIO;
    }
    if (tsgd_log_close(&w->log, &err)) {
        tsgd_complain(self, &err);
        return TSGD_EXIT_FAILED;
    }
    return st == TSGD_EDIVERGED ? TSGD_EXIT_DIVERGED : TSGD_EXIT_FAILED;
}

/* Opens the log and trains; a start that fails leaves no files that were not there. */
static enum tsgd_exit start(const struct tsgd_command *self, const struct tsgd_settings *asked,
                            struct tsgd_run *run, bool split_is_new)
{
    struct watch w = {.log = TSGD_LOG_INIT};
    struct tsgd_error err;
    enum tsgd_status st = asked->log ? tsgd_log_open(&w.log, asked->log, &err) : TSGD_OK;
    if (st == TSGD_OK)
        st = tsgd_log_begin(&w.log, tsgd_run_info(run), self, &err);
    if (st == TSGD_OK)
        return train(self, asked, run, &w);
    tsgd_log_abandon(&w.log);
    if (split_is_new)
        unlink(asked->save_split);
    tsgd_complain(self, &err);
    return TSGD_EXIT_USAGE;
}

/* Threads that no token has work for are not started; that is told, unless nothing is to be. */
static void tell_idle_threads(const struct tsgd_settings *asked, const struct tsgd_info *info)
{
    if (info->threads < info->resolved->threads && strcmp(asked->progress, "off"))
        fprintf(stderr, "telesgd: %llu of %llu threads are used, for %llu token%s%s\n",
                (unsigned long long)info->threads, (unsigned long long)info->resolved->threads,
                (unsigned long long)info->tokens, info->tokens == 1 ? "" : "s",
                info->resolved->data ? "; --step-parts lets more of them share a token's step" :
                                       "");
}

static enum tsgd_status check_outputs(const struct tsgd_settings *asked, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_outputs_check_names(asked, err));
    if (asked->dry_run)
        return TSGD_OK;
    TRY(tsgd_outputs_check_replaced(asked, err));
    TRY(tsgd_outputs_probe(asked, err));
done:
    return st;
}

/* Creates a run that writes nothing, and tells what it would do. */
static enum tsgd_status dry_run(const struct tsgd_command *self, const struct tsgd_settings *asked,
                                struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = NULL, *shown = NULL;
    struct tsgd_run *run = NULL;
    TRY(tsgd_settings_copy(&s, asked, err));
    TRY(TSGD_FILL(s, save_split, NULL, err));
    TRY(tsgd_run_create(&run, s, err));
    TRY(tsgd_settings_copy(&shown, tsgd_run_info(run)->resolved, err));
    TRY(TSGD_FILL(shown, save_split, asked->save_split, err));
    tsgd_config_write(stdout, shown, asked, self);
    tsgd_report_plan(stdout, run);
    if (asked->show_placement)
        tsgd_report_placement(stdout, "# ", run);
done:
    tsgd_run_free(run);
    tsgd_settings_free(shown);
    tsgd_settings_free(s);
    return st;
}

enum tsgd_exit tsgd_cmd_train(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    const struct tsgd_settings *asked = cli->settings;
    struct tsgd_run *run = NULL;
    struct tsgd_error err;
    bool split_is_new = asked->save_split && access(asked->save_split, F_OK) != 0;
    enum tsgd_exit code = TSGD_EXIT_DONE;
    enum tsgd_status st = check_outputs(asked, &err);
    if (st == TSGD_OK)
        st = asked->dry_run ? dry_run(self, asked, &err) : tsgd_run_create(&run, asked, &err);
    if (st != TSGD_OK) {
        tsgd_complain(self, &err);
        return TSGD_EXIT_USAGE;
    }
    if (run) {
        if (strcmp(asked->progress, "off"))
            tsgd_report_defaults(stderr, asked, tsgd_run_info(run));
        tell_idle_threads(asked, tsgd_run_info(run));
        if (asked->show_placement)
            tsgd_report_placement(stderr, "", run);
        tsgd_signals_catch(stop, run);
        code = start(self, asked, run, split_is_new);
        tsgd_signals_release();
    }
    tsgd_run_free(run);
    return code;
}
