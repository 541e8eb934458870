#include "command/session.h"

#include "base/file.h"
#include "cli/signals.h"
#include "command/outputs.h"
#include "command/report.h"
#include "log/logresume.h"
#include "run/agree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *tsgd_session_progress(const struct tsgd_session *s)
{
    return tsgd_speaks(s->asked) ? s->asked->progress : "off";
}

bool tsgd_session_tells(const struct tsgd_session *s)
{
    return strcmp(tsgd_session_progress(s), "off");
}

bool tsgd_session_logs_to_stdout(const struct tsgd_session *s)
{
    return s->asked->log && !strcmp(s->asked->log, "-");
}

static enum tsgd_status check_outputs(const struct tsgd_settings *asked,
                                      const struct tsgd_command *self, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_outputs_check_names(asked, err));
    if (asked->log)
        TRY(tsgd_log_check(asked, self, err));
    if (asked->dry_run)
        return TSGD_OK;
    TRY(tsgd_outputs_check_replaced(asked, err));
    TRY(tsgd_outputs_probe(asked, err));
done:
    return st;
}

/* The first rank alone writes these files, so one that only another rank was asked for would never
 * be written: all ranks must have been asked for the same.                                      */
static enum tsgd_status agree_on_outputs(const struct tsgd_settings *asked, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_agree_first(asked->transport, "--log", asked->log, err));
    TRY(tsgd_agree_first(asked->transport, "--save", asked->save, err));
    TRY(tsgd_agree_first(asked->transport, "--save-split", asked->save_split, err));
done:
    return st;
}

enum tsgd_status tsgd_session_init(struct tsgd_session *out, const struct tsgd_command *self,
                                   const struct tsgd_cli *cli, struct tsgd_error *err)
{
    const struct tsgd_settings *asked = cli->settings;
    const char *split = tsgd_speaks(asked) ? asked->save_split : NULL;
    *out = (struct tsgd_session){
        .self = self, .world = cli->world, .asked = asked, .log = TSGD_LOG_INIT,
        .split_is_new = split && access(split, F_OK) != 0,
    };
    enum tsgd_status st = agree_on_outputs(asked, err);
    if (st != TSGD_OK)
        return st;
    st = tsgd_speaks(asked) ? check_outputs(asked, self, err) : TSGD_OK;
    return tsgd_agree(asked->transport, st, err);
}

/* Where the closing report goes; NULL: nowhere, for both streams are spoken for. */
static FILE *report_stream(const struct tsgd_session *s)
{
    if (!tsgd_session_logs_to_stdout(s))
        return stdout;
    return tsgd_session_tells(s) ? stderr : NULL;
}

void tsgd_session_stops(struct tsgd_session *s)
{
    atomic_store_explicit(&s->stops, true, memory_order_relaxed);
}

/* That a log could not be written is told at the end, once, and not with each checkpoint. */
bool tsgd_session_checkpoint(struct tsgd_session *s, const struct tsgd_checkpoint *c,
                             struct tsgd_error *tell)
{
    bool stops = atomic_load_explicit(&s->stops, memory_order_relaxed);
    tell->text[0] = 0;
    if (tsgd_missed_note(&s->missed, c) && !s->log.failure)
        tsgd_missed_say(&s->missed, !stops, tell);
    return c->stage != TSGD_CHECKPOINT_TAKEN || tsgd_log_sync(&s->log);
}

/* What went wrong at the end. It is told after the report, above which it would be overlooked. */
struct failures {
    struct tsgd_error of[5];    /* [n + 1]; the next one is filled in by who fails */
    size_t n;
};

/* Whether it went well; else keeps its error. */
static bool went(struct failures *f, enum tsgd_status st)
{
    f->n += st != TSGD_OK;
    return st == TSGD_OK;
}

static struct tsgd_error *next(struct failures *f) { return &f->of[f->n]; }

/* After the training, whose status is st. A training that diverged leaves its log and its trace;
 * one that could not run leaves nothing more than what its log has. One that was stopped because
 * its log could not be written has no result: what it came to replaces no file. Of one that came
 * to its end the result is told, whatever could not be written.                                 */
static enum tsgd_exit finish(struct tsgd_session *s, const struct tsgd_trainee *t,
                             enum tsgd_status st, bool interrupted)
{
    const struct tsgd_settings *asked = s->asked;
    struct tsgd_traced traced;
    struct failures f = {.n = 0};
    bool diverged = st == TSGD_EDIVERGED, ended = st == TSGD_OK || diverged;
    bool cut = s->log.failure != 0, whole = st == TSGD_OK && !cut, traces = false;
    bool result = whole && (!t->has_result || t->has_result(t->what));
    bool speaks = tsgd_speaks(asked);
    FILE *out = whole && speaks ? report_stream(s) : NULL;
    enum tsgd_exit code = TSGD_EXIT_FAILED;
    if (ended) {
        code = diverged ? TSGD_EXIT_DIVERGED : interrupted ? TSGD_EXIT_INTERRUPTED : TSGD_EXIT_DONE;
        t->log(t->what, diverged);
    }
    if (result && asked->save && speaks && went(&f, t->save(t->what, asked->save, next(&f))))
        s->saved = asked->save;
    if (ended && asked->trace)          /* of all ranks, together */
        traces = went(&f, t->save_trace(t->what, &traced, next(&f)));
    if (went(&f, tsgd_log_close(&s->log, next(&f))) && !tsgd_session_logs_to_stdout(s))
        s->logged = asked->log;
    if (out) {
        went(&f, t->report(t->what, out, next(&f)));
        if (traces)
            tsgd_report_trace(out, asked->trace, &traced);
    }
    if (ended && s->missed.last && !cut)
        tsgd_missed_say(&s->missed, false, &f.of[f.n++]);
    if (out && f.n)
        fflush(out);                    /* so that it comes first where both go to one place */
    for (size_t i = 0; i < f.n; i++)
        tsgd_complain(s->self, &f.of[i]);
    return f.n || s->missed.last ? TSGD_EXIT_FAILED : code;
}

/* The file, not a link that leads to it. */
static void remove_split(const char *path)
{
    struct stat s;
    char *file = tsgd_follow_links(path);
    if (file)
        unlink(file);
    else if (lstat(path, &s) == 0 && S_ISREG(s.st_mode))
        unlink(path);                   /* no memory to follow links */
    free(file);
}

static enum tsgd_status begin_log(struct tsgd_session *s, const struct tsgd_trainee *t,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (!s->asked->log || !tsgd_speaks(s->asked))
        return TSGD_OK;
    TRY(tsgd_log_open(&s->log, s->asked->log, err));
    TRY(tsgd_log_go_on(&s->log, t->info, s->asked, s->self, err));
done:
    return st;
}

/* Whoever sees the log's first line may interrupt, so signals are caught before it is written. */
enum tsgd_exit tsgd_session_run(struct tsgd_session *s, const struct tsgd_trainee *t)
{
    enum tsgd_status st = TSGD_OK;
    enum tsgd_exit code = TSGD_EXIT_USAGE;
    struct tsgd_error err;
    bool interrupted = false;
    tsgd_signals_catch(t->stop, t->ask_checkpoint, t->what);
    if (s->world && s->world->begins)
        s->world->begins(t->info->resolved->checkpoint, t->info->resolved->resume != NULL);
    st = tsgd_agree(s->asked->transport, begin_log(s, t, &err), &err);
    if (st == TSGD_OK) {
        st = t->train(t->what, &interrupted, &err);
        if (st != TSGD_OK)
            tsgd_complain(s->self, &err);
        code = finish(s, t, st, interrupted);
    } else {                            /* leaves no file that was not there */
        if (s->log.emptied || (s->asked->save_split && !s->split_is_new))
            code = TSGD_EXIT_FAILED;    /* a file is not what it was */
        tsgd_log_abandon(&s->log);
        if (s->split_is_new)
            remove_split(s->asked->save_split);
        tsgd_complain(s->self, &err);
    }
    if (s->asked->transport)    /* mpirun would kill ranks that still write if another was killed */
        tsgd_signals_ignore();
    else
        tsgd_signals_release();
    return code;
}
