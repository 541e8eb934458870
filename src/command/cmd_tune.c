/* telesgd tune: the search for k, within 2 T rounds. */
#include "cli/parse.h"

#include "base/mem.h"
#include "cli/human.h"
#include "cli/table.h"
#include "command/report.h"
#include "command/session.h"

#include <math.h>
#include <string.h>

enum { POINTS = 5 };

/* A candidate's scores, at its evaluations. */
struct curve {
    size_t n, room;
    struct point { uint64_t round; double score; } *point;
};

/* A search, and what is told of it. */
struct search {
    struct tsgd_session session;
    struct tsgd_tune *tune;
    const struct tsgd_candidate *candidate;
    struct curve *curve;            /* [candidates] */
    size_t candidates;
    bool no_memory;                 /* a curve lacks points */
    struct tsgd_tuning end;
};

static const char *measure_of(const struct search *w)
{
    return tsgd_tune_info(w->tune)->train_samples > 0 ? "validation loss" : "grad_norm2";
}

static bool on_eval(const struct tsgd_candidate *c, const struct tsgd_eval *e, void *user)
{
    struct search *w = user;
    struct curve *curve = &w->curve[c - w->candidate];
    if (curve->n == curve->room) {
        size_t room = curve->room ? 2 * curve->room : 16;
        void *p = realloc(curve->point, room * sizeof *curve->point);
        if (p) {
            curve->point = p;
            curve->room = room;
        }
        w->no_memory |= !p;             /* told at the end; the search needs no curves */
    }
    if (curve->n < curve->room)
        curve->point[curve->n++] = (struct point){e->round, c->score};
    tsgd_log_candidate(&w->session.log, c, (uint64_t)(c - w->candidate));
    if (tsgd_session_tells(&w->session))
        fprintf(stderr, "pass %llu  k=%llu  step size %g  round %llu/%llu  %s %.4g\n",
                (unsigned long long)c->pass, (unsigned long long)c->active, c->lr,
                (unsigned long long)e->round,
                (unsigned long long)tsgd_tune_info(w->tune)->resolved->rounds, measure_of(w),
                c->score);
    return w->session.log.failure != 0;
}

/* Each candidate's score after up to POINTS rounds, evenly spread over the evaluations. */
static enum tsgd_status print_curves(FILE *out, const struct search *w, struct tsgd_error *err)
{
    size_t n = w->candidates;
    if (w->no_memory)
        return tsgd_fail(err, TSGD_ENOMEM, "no memory for the curves of the candidates");
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
        tsgd_table_add(&table, "%s", c == w->end.chosen ? "chosen" : c->diverged ? "diverged" : "");
    }
    enum tsgd_status st = tsgd_table_print(&table, out, err);
    tsgd_table_release(&table);
    return st;
}

static enum tsgd_status report(void *what, FILE *out, struct tsgd_error *err)
{
    const struct search *w = what;
    const struct tsgd_tuning *t = &w->end;
    char spent[TSGD_HUMAN], grid[TSGD_HUMAN], gradients[TSGD_HUMAN], time[TSGD_HUMAN];
    enum tsgd_status st = print_curves(out, w, err);
    if (t->interrupted)
        fprintf(out, "\ninterrupted before its end\n");
    if (t->chosen) {
        fprintf(out, "\nchosen          k = %llu, step size %g\n",
                (unsigned long long)t->chosen->active, t->chosen->lr);
        fprintf(out, "%-15s %.6g\n", measure_of(w), t->chosen->score);
    }
    if (t->test_accuracy == t->test_accuracy)
        fprintf(out, "test accuracy   %.2f %%\n", 100 * t->test_accuracy);
    if (t->test_r2 == t->test_r2)
        fprintf(out, "test R2         %.4f\n", t->test_r2);
    if (t->test_loss == t->test_loss)
        fprintf(out, "test loss       %.6g\n", t->test_loss);
    fprintf(out, "spent           %s rounds in %llu pass%s, %s gradients, %s\n",
            tsgd_human_count(t->rounds_spent, spent), (unsigned long long)t->passes,
            t->passes == 1 ? "" : "es", tsgd_human_count(t->gradients_spent, gradients),
            tsgd_human_time(t->wall_seconds, time));
    fprintf(out, "a grid search   takes %s rounds, one candidate after the other\n",
            tsgd_human_count(t->rounds_grid, grid));
    if (w->session.saved) {
        fputs("written         ", out);
        tsgd_human_print(out, w->session.saved);
        fputc('\n', out);
    }
    return st;
}

static void on_stall(const char *text, void *user)
{
    (void)user;
    tsgd_warn("", text);
}

static bool on_checkpoint(const struct tsgd_checkpoint *c, void *user)
{
    struct search *s = user;
    struct tsgd_error tell;
    bool good = tsgd_session_checkpoint(&s->session, c, &tell);
    if (tell.text[0])
        tsgd_warn("", tell.text);
    return good;
}

static void ask_checkpoint(void *what) { tsgd_tune_checkpoint(((struct search *)what)->tune); }

static void stop(void *what)
{
    struct search *s = what;
    tsgd_session_stops(&s->session);
    tsgd_tune_stop(s->tune);
}

static enum tsgd_status train(void *what, bool *interrupted, struct tsgd_error *err)
{
    struct search *w = what;
    tsgd_tune_on_stall(w->tune, on_stall, NULL);
    tsgd_tune_on_checkpoint(w->tune, on_checkpoint, w);
    enum tsgd_status st = tsgd_tune_run(w->tune, on_eval, w, &w->end, err);
    *interrupted = w->end.interrupted;
    return st;
}

static void log_end(void *what, bool diverged)
{
    struct search *w = what;
    (void)diverged;                     /* then nothing is chosen */
    tsgd_log_tuning(&w->session.log, &w->end);
}

static bool has_result(void *what) { return ((struct search *)what)->end.chosen != NULL; }

static enum tsgd_status save(void *what, const char *path, struct tsgd_error *err)
{
    return tsgd_tune_save(((struct search *)what)->tune, path, err);
}

static enum tsgd_status save_trace(void *what, struct tsgd_traced *out, struct tsgd_error *err)
{
    return tsgd_tune_save_trace(((struct search *)what)->tune, out, err);
}

static enum tsgd_exit run(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    enum tsgd_status st = TSGD_OK;
    enum tsgd_exit code = TSGD_EXIT_USAGE;
    struct search w = {.tune = NULL};
    struct tsgd_error err;
    TRY(tsgd_session_init(&w.session, self, cli, &err));
    TRY(tsgd_tune_create(&w.tune, cli->settings, &err));
    w.candidate = tsgd_tune_candidates(w.tune, &w.candidates);
    TRY(TSGD_NEW(&w.curve, w.candidates, "curves", &err));
    if (tsgd_session_tells(&w.session)) {
        tsgd_report_defaults(stderr, cli->settings, tsgd_tune_info(w.tune));
        tsgd_report_minimum(stderr, "telesgd: ", tsgd_tune_info(w.tune));
    }
    code = tsgd_session_run(&w.session, &(struct tsgd_trainee){
        .what = &w, .info = tsgd_tune_info(w.tune), .stop = stop,
        .ask_checkpoint = ask_checkpoint, .train = train, .log = log_end,
        .has_result = has_result, .save = save, .save_trace = save_trace, .report = report,
    });
done:
    if (st != TSGD_OK)
        tsgd_complain(self, &err);
    for (size_t i = 0; w.curve && i < w.candidates; i++)
        free(w.curve[i].point);
    free(w.curve);
    tsgd_tune_free(w.tune);
    return code;
}

static const char about[] =
    "Searches the number of active nodes k (Algorithm 2 of the paper): k = 1, 2, 4, .. train side "
    "by side for --rounds rounds, on disjoint sets of nodes, then the largest power of two alone "
    "if the nodes do not suffice for all at once. The least loss on validation samples wins "
    "(quadratics: the least grad_norm2), and its parameters are trained already. Several step "
    "sizes (--lr-grid) are tried for every k, in as few passes as the nodes have room for.\n";

static const char closing[] =
    "# Examples\n"
    "    telesgd tune --data digits --model mlp:64 --nodes 25 --rounds 300 --save k.safetensors\n"
    "    telesgd tune --model quadratic --nodes 100 --rounds 2000 --lr-grid 0.1,0.01,0.001\n"
    "# Exit codes\n"
    "As of 'telesgd train'; 3: every candidate diverged.\n";

static const struct tsgd_option_help options[] = {
    {"progress", NULL,
     "on the standard error: a line for each evaluation (auto, plain), nothing (off)"},
    {NULL, NULL, NULL},
};

const struct tsgd_command tsgd_command_tune = {
    .name = "tune",
    .options = TSGD_FOR_TUNE,
    .own_help = options,
    .ranks = TSGD_RANKS_ALL,
    .usage = "[OPTION]...",
    .summary = "search for the number of active nodes, and the step size",
    .about = about,
    .closing = closing,
    .run = run,
};
