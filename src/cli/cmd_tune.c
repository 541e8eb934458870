/* telesgd tune: the search for k, within 2 T rounds. */
#include "cli/parse.h"

#include "base/mem.h"
#include "cli/human.h"
#include "cli/logfile.h"
#include "cli/outputs.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "cli/table.h"

#include <math.h>
#include <string.h>

enum { POINTS = 5 };

/* A candidate's scores, at its evaluations. */
struct curve {
    size_t n, room;
    struct point { uint64_t round; double score; } *point;
};

struct watch {
    struct tsgd_log log;
    const struct tsgd_candidate *candidate;
    struct curve *curve;            /* [candidates] */
    uint64_t rounds;
    bool networks, tell;
};

static const char *measure_of(const struct watch *w)
{
    return w->networks ? "validation loss" : "grad_norm2";
}

static bool on_eval(const struct tsgd_candidate *c, const struct tsgd_eval *e, void *user)
{
    struct watch *w = user;
    struct curve *curve = &w->curve[c - w->candidate];
    if (curve->n == curve->room) {
        size_t room = curve->room ? 2 * curve->room : 16;
        void *p = realloc(curve->point, room * sizeof *curve->point);
        if (p) {                        /* else the curve lacks its end, and nothing worse */
            curve->point = p;
            curve->room = room;
        }
    }
    if (curve->n < curve->room)
        curve->point[curve->n++] = (struct point){e->round, c->score};
    tsgd_log_candidate(&w->log, c, (uint64_t)(c - w->candidate));
    if (w->tell)
        fprintf(stderr, "pass %llu  k=%llu  step size %g  round %llu/%llu  %s %.4g\n",
                (unsigned long long)c->pass, (unsigned long long)c->active, c->lr,
                (unsigned long long)e->round, (unsigned long long)w->rounds, measure_of(w),
                c->score);
    return w->log.failure != 0;
}

/* Each candidate's score after up to POINTS rounds, evenly spread over the evaluations. */
static enum tsgd_status print_curves(FILE *out, const struct watch *w, size_t n,
                                     const struct tsgd_tuning *t, struct tsgd_error *err)
{
    const struct curve *longest = &w->curve[0];
    for (size_t i = 0; i < n; i++)
        longest = w->curve[i].n > longest->n ? &w->curve[i] : longest;
    size_t points = longest->n < POINTS ? longest->n : POINTS;
    struct tsgd_table table = TSGD_TABLE_INIT(points + 4);
    fprintf(out, "\n%s after as many rounds\n", measure_of(w));
    tsgd_table_add(&table, "candidate");
    tsgd_table_add(&table, "pass");
    tsgd_table_add(&table, "step size");
    for (size_t p = 1; p <= points; p++)
        tsgd_table_add(&table, "%llu",
                       (unsigned long long)longest->point[p * longest->n / points - 1].round);
    tsgd_table_add(&table, "%s", "");
    for (size_t i = 0; i < n; i++) {
        const struct tsgd_candidate *c = &w->candidate[i];
        tsgd_table_add(&table, "k=%llu", (unsigned long long)c->active);
        tsgd_table_add(&table, "%llu", (unsigned long long)c->pass);
        tsgd_table_add(&table, "%g", c->lr);
        for (size_t p = 1; p <= points; p++) {
            size_t at = p * longest->n / points - 1;
            if (at < w->curve[i].n)
                tsgd_table_add(&table, "%.4g", w->curve[i].point[at].score);
            else
                tsgd_table_add(&table, "-");
        }
        tsgd_table_add(&table, "%s", c == t->chosen ? "chosen" : c->diverged ? "diverged" : "");
    }
    enum tsgd_status st = tsgd_table_print(&table, out, err);
    tsgd_table_release(&table);
    return st;
}

static void print_end(FILE *out, const struct watch *w, size_t n, const struct tsgd_cli *cli,
                      const struct tsgd_tuning *t)
{
    char spent[TSGD_HUMAN], grid[TSGD_HUMAN], gradients[TSGD_HUMAN], time[TSGD_HUMAN];
    struct tsgd_error err;
    if (print_curves(out, w, n, t, &err))
        fprintf(out, "%s\n", err.text);
    if (t->interrupted)
        fprintf(out, "\ninterrupted before its end\n");
    if (t->chosen) {
        fprintf(out, "\nchosen          k = %llu, step size %g\n",
                (unsigned long long)t->chosen->active, t->chosen->lr);
        fprintf(out, "%-15s %.6g\n", measure_of(w), t->chosen->score);
    }
    if (t->test_accuracy == t->test_accuracy)
        fprintf(out, "test accuracy   %.2f %%\ntest loss       %.6g\n", 100 * t->test_accuracy,
                t->test_loss);
    fprintf(out, "spent           %s rounds in %llu passes, %s gradients, %s\n",
            tsgd_human_count(t->rounds_spent, spent), (unsigned long long)t->passes,
            tsgd_human_count(t->gradients_spent, gradients),
            tsgd_human_time(t->wall_seconds, time));
    fprintf(out, "a grid search   takes %s rounds, one candidate after the other\n",
            tsgd_human_count(t->rounds_grid, grid));
    if (t->chosen && cli->settings->save)
        fprintf(out, "written         %s\n", cli->settings->save);
}

static enum tsgd_exit search(const struct tsgd_command *self, const struct tsgd_cli *cli,
                             struct tsgd_tune *tune, struct watch *w, size_t n)
{
    struct tsgd_tuning end;
    struct tsgd_traced traced;
    struct tsgd_error err;
    enum tsgd_exit code = TSGD_EXIT_DONE;
    bool log_is_stdout = cli->settings->log && !strcmp(cli->settings->log, "-");
    enum tsgd_status st = tsgd_tune_run(tune, on_eval, w, &end, &err);
    if (st == TSGD_OK || st == TSGD_EDIVERGED)
        tsgd_log_tuning(&w->log, &end);
    if (st != TSGD_OK) {
        tsgd_complain(self, &err);
        code = st == TSGD_EDIVERGED ? TSGD_EXIT_DIVERGED : TSGD_EXIT_FAILED;
    } else if (end.interrupted) {
        code = TSGD_EXIT_INTERRUPTED;
    }
    const char *save = end.chosen ? cli->settings->save : NULL;
    if (st == TSGD_OK && save && tsgd_tune_save(tune, save, &err)) {
        tsgd_complain(self, &err);
        code = TSGD_EXIT_FAILED;
    }
    bool trace = cli->settings->trace && (st == TSGD_OK || st == TSGD_EDIVERGED);
    if (trace && tsgd_tune_save_trace(tune, &traced, &err)) {
        tsgd_complain(self, &err);
        code = TSGD_EXIT_FAILED;
    }
    if (tsgd_log_close(&w->log, &err)) {
        tsgd_complain(self, &err);
        code = TSGD_EXIT_FAILED;
    }
    if (st == TSGD_OK && code != TSGD_EXIT_FAILED && (!log_is_stdout || w->tell))
        print_end(log_is_stdout ? stderr : stdout, w, n, cli, &end);
    if (trace && st == TSGD_OK && code != TSGD_EXIT_FAILED && (!log_is_stdout || w->tell))
        tsgd_report_trace(log_is_stdout ? stderr : stdout, cli->settings->trace, &traced);
    return code;
}

static void stop(void *tune) { tsgd_tune_stop(tune); }

static enum tsgd_status open_log(struct watch *w, const struct tsgd_command *self,
                                 const struct tsgd_cli *cli, const struct tsgd_tune *tune,
                                 struct tsgd_error *err)
{
    const char *log = cli->settings->log;
    enum tsgd_status st = log ? tsgd_log_open(&w->log, log, err) : TSGD_OK;
    if (st == TSGD_OK)
        st = tsgd_log_begin(&w->log, tsgd_tune_info(tune), self, err);
    return st;
}

enum tsgd_exit tsgd_cmd_tune(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    enum tsgd_status st = TSGD_OK;
    enum tsgd_exit code = TSGD_EXIT_USAGE;
    struct watch w = {.log = TSGD_LOG_INIT};
    struct tsgd_tune *tune = NULL;
    struct tsgd_error err;
    size_t n = 0;
    w.tell = strcmp(cli->settings->progress, "off");
    TRY(tsgd_outputs_check_names(cli->settings, &err));
    TRY(tsgd_outputs_check_replaced(cli->settings, &err));
    TRY(tsgd_outputs_probe(cli->settings, &err));
    TRY(tsgd_tune_create(&tune, cli->settings, &err));
    w.rounds = tsgd_tune_info(tune)->resolved->rounds;
    if (w.tell)
        tsgd_report_defaults(stderr, cli->settings, tsgd_tune_info(tune));
    w.candidate = tsgd_tune_candidates(tune, &n);
    w.networks = tsgd_tune_info(tune)->train_samples > 0;
    TRY(TSGD_NEW(&w.curve, n, "curves", &err));
    st = open_log(&w, self, cli, tune, &err);
    if (st != TSGD_OK) {
        tsgd_log_abandon(&w.log);
        goto done;
    }
    tsgd_signals_catch(stop, tune);
    code = search(self, cli, tune, &w, n);
    tsgd_signals_release();
done:
    if (st != TSGD_OK)
        tsgd_complain(self, &err);
    for (size_t i = 0; w.curve && i < n; i++)
        free(w.curve[i].point);
    free(w.curve);
    tsgd_tune_free(tune);
    return code;
}
