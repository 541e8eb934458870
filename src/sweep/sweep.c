#include "sweep/sweep.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "cli/human.h"
#include "cli/missed.h"
#include "cli/terminal.h"
#include "compare/curve.h"
#include "log/logcheck.h"
#include "log/logfile.h"
#include "log/logresume.h"
#include "run/interval.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_TOLD = 20, LINE = 256 };

const char *const tsgd_state_name[TSGD_STATES] = {
    "waiting", "running", "done", "diverged", "failed",
};

void tsgd_sweep_stop(void *sweep)
{
    atomic_store_explicit(&((struct tsgd_sweep *)sweep)->stop, true, memory_order_relaxed);
}

static bool stopped(const struct tsgd_sweep *s)
{
    return atomic_load_explicit(&s->stop, memory_order_relaxed);
}

static bool is_candidate(const struct tsgd_entry *e) { return e->from->choice != TSGD_REPORTED; }

static const struct tsgd_cell *cell_of(const struct tsgd_sweep *s, const struct tsgd_entry *e)
{
    return &s->grid->cell[e->from->cell];
}

/* Whether the settings are complete. */
static bool is_ready(const struct tsgd_sweep *s, const struct tsgd_entry *e)
{
    const struct tsgd_cell *c = cell_of(s, e);
    return is_candidate(e) || !c->choices || c->chosen != SIZE_MAX;
}

static bool has_ended(const struct tsgd_entry *e)
{
    return e->state != TSGD_STATE_WAITING && e->state != TSGD_STATE_RUNNING;
}

size_t tsgd_sweep_count(const struct tsgd_sweep *s, enum tsgd_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < s->grid->n_runs; i++)
        n += s->entry[i].state == state;
    return n;
}

/* ---- what candidates are judged by ---- */

/* The metric that candidates are judged by. */
static const char *judge(const struct tsgd_sweep *s, bool validates)
{
    return s->grid->by ? s->grid->by->name : validates ? "validation_loss" : "grad_norm2";
}

/* A number of the summary as a score. A condition that was not reached is worse than any round in
 * which one was.                                                                                */
static double score_of(const struct tsgd_sweep *s, const json_t *summary)
{
    const char *name = judge(s, json_object_get(summary, "validation_loss") != NULL);
    const json_t *value = json_object_get(summary, name);
    struct tsgd_measure m = tsgd_measure_of(tsgd_metric_number(name));
    bool spent = m.unit != TSGD_PERCENT && m.unit != TSGD_REAL;
    bool missed = spent && json_is_false(json_object_get(summary, "reached"));
    if (!json_is_number(value) || missed || json_is_true(json_object_get(summary, "diverged")))
        return INFINITY;
    return m.more_is_better && !spent ? -json_number_value(value) : json_number_value(value);
}

/* Whether all candidates of a cell have ended. */
static bool can_choose(const struct tsgd_sweep *s, const struct tsgd_cell *c)
{
    const struct tsgd_entry *e = s->entry + c->first_run, *end = e + c->n_runs;
    while (e < end && is_candidate(e) && has_ended(e))
        e++;
    return e < end && !is_candidate(e);
}

/* The choice with the least mean over the seeds, of equals the first one; SIZE_MAX: there is none.
 * The candidates of a choice stand together.                                                    */
static size_t best_choice(const struct tsgd_sweep *s, const struct tsgd_cell *c)
{
    const struct tsgd_entry *e = s->entry + c->first_run;
    size_t best = SIZE_MAX;
    double least = INFINITY;
    for (size_t i = 0; i < c->choices; i++) {
        double sum = 0;
        size_t n = 0;
        for (; e->from->choice == i; e++, n++)
            sum += e->score;
        if (sum / (double)n < least) {
            least = sum / (double)n;
            best = i;
        }
    }
    return best;
}

static bool has_failures(const struct tsgd_sweep *s, const struct tsgd_cell *c)
{
    bool found = false;
    for (size_t i = c->first_run; i < c->first_run + c->n_runs; i++)
        found |= s->entry[i].state == TSGD_STATE_FAILED;
    return found;
}

/* A cell that found no choice takes its reported runs with it. */
static void give_up(struct tsgd_sweep *s, const struct tsgd_cell *c)
{
    for (size_t i = c->first_run; i < c->first_run + c->n_runs; i++)
        if (!is_candidate(&s->entry[i]))
            s->entry[i].state = TSGD_STATE_FAILED;
}

/* Makes the cell's choice, once all its candidates have ended. If one of them failed there is none:
 * once it is made it might be the best one, when runs of another choice are there already.      */
static enum tsgd_status choose(struct tsgd_sweep *s, size_t cell, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_cell *c = &s->grid->cell[cell];
    const char *separator = *c->name ? ": " : "";
    if (!can_choose(s, c))
        return TSGD_OK;
    size_t best = best_choice(s, c);
    if (has_failures(s, c))
        st = tsgd_fail(err, TSGD_EIO, "%s%snothing is chosen, for a candidate failed; its runs are "
                       "left out, and the same command goes on", c->name, separator);
    else if (best == SIZE_MAX)
        st = tsgd_fail(err, TSGD_EDIVERGED, "%s%snothing could be chosen: every candidate "
                       "diverged, missed its --until or has no %s; its runs are left out", c->name,
                       separator,
                       judge(s, !isnan(s->entry[c->first_run].from->settings->validation)));
    else
        st = tsgd_grid_choose(s->grid, cell, best, err);
    if (st != TSGD_OK)
        give_up(s, c);
    return st;
}

/* ---- planning ---- */

static enum tsgd_status make_path(struct tsgd_sweep *s, struct tsgd_entry *e,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t bytes = strlen(s->folder) + strlen(e->from->name) + 16;
    const char *inner = is_candidate(e) ? "tune/" : "";
    TRY(TSGD_HOLD(&s->holding, &e->path, bytes, "names of logs", err));
    TRY(TSGD_HOLD(&s->holding, &e->checkpoint, bytes, "names of checkpoints", err));
    snprintf(e->path, bytes, "%s/%s%s.jsonl", s->folder, inner, e->from->name);
    snprintf(e->checkpoint, bytes, "%s/%s%s.ckpt", s->folder, inner, e->from->name);
done:
    return st;
}

/* Where the run keeps its checkpoint, and how often. */
static enum tsgd_status keep(struct tsgd_settings *settings, const struct tsgd_sweep *s,
                             const struct tsgd_entry *e, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (!s->checkpoint_every)
        return TSGD_OK;
    TRY(TSGD_FILL(settings, checkpoint, e->checkpoint, err));
    TRY(TSGD_FILL(settings, checkpoint_every, s->checkpoint_every, err));
done:
    return st;
}

/* The settings that a run is planned with: what is still to be chosen is taken from the first
 * choice, of which it has at least the size.                                                    */
static enum tsgd_status complete(struct tsgd_settings **out, const struct tsgd_sweep *s,
                                 const struct tsgd_entry *e, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_cell *c = cell_of(s, e);
    TRY(tsgd_settings_copy(out, e->from->settings, err));
    TRY(keep(*out, s, e, err));
    for (size_t i = 0; !is_ready(s, e) && i < c->n_tuned; i++)
        TRY(tsgd_settings_give(*out, c->tuned[i]->row, tsgd_grid_choice(c, 0, i),
                               c->tuned[i]->row->shown.name, err));
done:
    return st;
}

/* How much work a run is: floating-point operations, or for what has no layers the parameters that
 * it goes through.                                                                              */
static double cost_of(const struct tsgd_info *info, double gradients)
{
    double step = info->step_flops ? (double)info->step_flops : 10 * (double)info->parameters;
    return gradients * (step + 10 * (double)info->parameters);
}

/* Runs with a step of the same kind need be timed once. */
static bool same_step(const struct tsgd_entry *a, const struct tsgd_entry *b)
{
    static const enum tsgd_setting_id what[] = {
        TSGD_SET_data, TSGD_SET_model, TSGD_SET_batch, TSGD_SET_dim, TSGD_SET_isa,
        TSGD_SET_step_parts, TSGD_SET_augment,
    };
    for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
        const char *x = a->from->settings->text[what[i]], *y = b->from->settings->text[what[i]];
        if (x != y && (!x || !y || strcmp(x, y)))
            return false;
    }
    return true;
}

static void time_step(struct tsgd_sweep *s, struct tsgd_entry *e, struct tsgd_run *run)
{
    for (const struct tsgd_entry *before = s->entry; before < e && e->step_seconds == 0; before++)
        if (same_step(before, e))
            e->step_seconds = before->step_seconds;
    if (e->step_seconds == 0)
        e->step_seconds = tsgd_run_step_seconds(run);
}

/* Takes over what a log from before says. */
static void settle(const struct tsgd_sweep *s, struct tsgd_entry *e, const json_t *summary)
{
    bool diverged = json_is_true(json_object_get(summary, "diverged"));
    e->state = diverged ? TSGD_STATE_DIVERGED : TSGD_STATE_DONE;
    e->score = score_of(s, summary);
}

/* Whether the run's log is there and whole. */
static enum tsgd_status look(struct tsgd_sweep *s, struct tsgd_entry *e, const struct tsgd_run *run,
                             const struct tsgd_settings *asked, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    json_t *summary = NULL;
    json_t *config = tsgd_log_config(tsgd_run_info(run), asked, &tsgd_command_train);
    if (!config)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for the config line of '%s'", e->path));
    TRY(tsgd_log_look(e->path, config, &summary, err));
    if (summary) {
        settle(s, e, summary);
        e->found = true;
    }
done:
    json_decref(config);
    json_decref(summary);
    return st;
}

/* Whether a candidate will measure what choices are judged by. */
static enum tsgd_status check_by(const struct tsgd_sweep *s, const struct tsgd_entry *e,
                                 const struct tsgd_settings *resolved, struct tsgd_error *err)
{
    const struct tsgd_metric *by = s->grid->by;
    const char *wants = by && is_candidate(e) ? tsgd_metric_wants(by, resolved, false) : NULL;
    if (!wants)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "by: %s asks for %s", by->name, wants);
}

static enum tsgd_status plan(struct tsgd_sweep *s, struct tsgd_entry *e, bool times,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *settings = NULL;
    struct tsgd_run *run = NULL;
    TRY(complete(&settings, s, e, err));
    TRY(tsgd_log_check(settings, &tsgd_command_train, err));
    if (!settings->threads)
        TRY(TSGD_FILL_COUNT(settings, threads, 1, err));
    TRY(tsgd_run_plan(&run, settings, s->shelf, &s->stop, err));
    const struct tsgd_info *info = tsgd_run_info(run);
    TRY(check_by(s, e, info->resolved, err));
    e->tokens = info->tokens;
    e->rounds = tsgd_expected_rounds(info);
    e->gradients = tsgd_mul(tsgd_mul(e->rounds, e->tokens), info->resolved->local_steps);
    e->bytes = tsgd_run_own_bytes(run);
    e->cost = cost_of(info, (double)e->gradients);
    if (times)
        time_step(s, e, run);
    if (is_ready(s, e))
        TRY(look(s, e, run, settings, err));
done:
    tsgd_run_free(run);
    tsgd_settings_free(settings);
    return st;
}

/* Candidates first; then the large ones. */
static int by_size(const void *a, const void *b)
{
    const struct tsgd_entry *const *x = a, *const *y = b;
    int order = is_candidate(*y) - is_candidate(*x);
    order = order ? order : ((*x)->cost < (*y)->cost) - ((*x)->cost > (*y)->cost);
    return order ? order : (*x > *y) - (*x < *y);
}

static int descending(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x < y) - (x > y);
}

/* The data, and as many of the largest runs as there are jobs. */
size_t tsgd_sweep_bytes(const struct tsgd_sweep *s)
{
    size_t n = s->grid->n_runs, bytes = tsgd_shelf_bytes(s->shelf);
    size_t *own = NULL;
    if (TSGD_NEW(&own, n, "sizes of runs", NULL) != TSGD_OK)
        return SIZE_MAX;
    for (size_t i = 0; i < n; i++)
        own[i] = s->entry[i].bytes;
    qsort(own, n, sizeof *own, descending);
    for (size_t i = 0; i < n && i < s->jobs; i++)
        bytes = tsgd_add(bytes, own[i]);
    free(own);
    return bytes;
}

static enum tsgd_status plan_all(struct tsgd_sweep *s, bool times, const struct tsgd_command *self,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t n = s->grid->n_runs, wrong = 0;
    struct tsgd_error one, told = {.status = TSGD_OK};
    for (size_t i = 0; i < n; i++) {
        struct tsgd_entry *e = &s->entry[i];
        const struct tsgd_cell *c = cell_of(s, e);
        size_t best = !is_ready(s, e) && can_choose(s, c) ? best_choice(s, c) : SIZE_MAX;
        if (best != SIZE_MAX)
            TRY(tsgd_grid_choose(s->grid, e->from->cell, best, err));
        st = plan(s, e, times, &one);
        if (st == TSGD_OK)
            continue;
        if (st == TSGD_ENOMEM)
            return tsgd_fail(err, st, "%s: %s", e->from->name, one.text);
        if (wrong++ < MOST_TOLD) {
            (void)tsgd_fail(&told, TSGD_OK, "%s: %s", e->from->name, one.text);
            tsgd_complain(self, &told);
        }
    }
    st = wrong == 0 ? TSGD_OK :
        tsgd_fail(err, TSGD_EINVAL, "%.200s: %zu of %zu runs cannot be made%s; nothing was trained",
                  s->grid->path, wrong, n, wrong > MOST_TOLD ? " (the first are told above)" : "");
done:
    return st;
}

enum tsgd_status tsgd_sweep_init(struct tsgd_sweep *out, struct tsgd_grid *grid,
                                 const struct tsgd_settings *asked,
                                 const struct tsgd_command *self, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_sweep *s = out;
    uint64_t rounds, ns, cpus = tsgd_cpu_count();
    *s = (struct tsgd_sweep){.grid = grid, .folder = asked->output,
                             .jobs = asked->jobs ? asked->jobs : cpus, .cpus = cpus,
                             .holding = TSGD_HOLDING_INIT};
    if (strcmp(asked->checkpoint_every, "never"))
        s->checkpoint_every = asked->checkpoint_every;
    pthread_mutex_init(&s->lock, NULL);
    tsgd_terminal_wake_init(&s->changed);
    TRY(tsgd_interval_parse(asked->checkpoint_every, &rounds, &ns, err));
    TRY(tsgd_shelf_create(&s->shelf, err));
    TRY(TSGD_HOLD(&s->holding, &s->entry, grid->n_runs, "runs", err));
    TRY(TSGD_HOLD(&s->holding, &s->order, grid->n_runs, "runs", err));
    for (size_t i = 0; i < grid->n_runs; i++) {
        s->entry[i] = (struct tsgd_entry){.from = &grid->run[i], .score = NAN};
        s->order[i] = &s->entry[i];
        TRY(make_path(s, &s->entry[i], err));
    }
    TRY(plan_all(s, asked->dry_run, self, err));
    qsort(s->order, grid->n_runs, sizeof *s->order, by_size);
    TRY(tsgd_mem_check(tsgd_sweep_bytes(s), "--jobs", "run fewer at a time", err));
done:
    return st;
}

void tsgd_sweep_release(struct tsgd_sweep *s)
{
    tsgd_shelf_free(s->shelf);
    tsgd_holding_release(&s->holding);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
}

double tsgd_sweep_seconds(const struct tsgd_sweep *s)
{
    double sum = 0, most = (double)(s->jobs < s->cpus ? s->jobs : s->cpus);
    for (size_t i = 0; i < s->grid->n_runs; i++)
        if (!has_ended(&s->entry[i]))
            sum += s->entry[i].step_seconds * (double)s->entry[i].gradients;
    return sum / most;
}

/* ---- what is told meanwhile ---- */

static double cost_left(const struct tsgd_sweep *s)
{
    double left = 0;
    for (size_t i = 0; i < s->grid->n_runs; i++) {
        const struct tsgd_entry *e = &s->entry[i];
        double share = e->run && e->rounds ?
            (double)tsgd_run_progress(e->run) / (double)e->rounds : 0;
        if (!has_ended(e))
            left += e->cost * (share < 1 ? 1 - share : 0);
    }
    return left;
}

static double cost_of_all(const struct tsgd_sweep *s)
{
    double all = 0;
    for (size_t i = 0; i < s->grid->n_runs; i++)
        all += s->entry[i].cost;
    return all;
}

/* "12 done, 2 running, 1 failed of 32  1:20 min left" */
static void describe(const struct tsgd_sweep *s, char line[LINE])
{
    char left[TSGD_HUMAN];
    size_t done = tsgd_sweep_count(s, TSGD_STATE_DONE);
    size_t diverged = tsgd_sweep_count(s, TSGD_STATE_DIVERGED);
    size_t failed = tsgd_sweep_count(s, TSGD_STATE_FAILED);
    double seconds = (double)tsgd_ns_since(s->start_ns) * 1e-9, to_do = cost_left(s);
    double made = cost_of_all(s) - s->cost_found - to_do;
    int n = snprintf(line, LINE, "%zu of %zu done, %zu running", done + diverged, s->grid->n_runs,
                     tsgd_sweep_count(s, TSGD_STATE_RUNNING));
    if (diverged)
        n += snprintf(line + n, LINE - (size_t)n, ", %zu diverged", diverged);
    if (failed)
        n += snprintf(line + n, LINE - (size_t)n, ", %zu failed", failed);
    if (made > 0 && seconds > 1 && to_do > 0)
        snprintf(line + n, LINE - (size_t)n, ", %s left",
                 tsgd_human_time(to_do / made * seconds, left));
}

static void draw(const struct tsgd_sweep *s)
{
    char line[LINE];
    if (!s->live)
        return;
    describe(s, line);
    tsgd_terminal_draw(line);
}

/* The lasting line of a run that has ended. */
static void tell(const struct tsgd_sweep *s, const struct tsgd_entry *e, const json_t *summary)
{
    static const struct { const char *name, *format; double factor; } shown[] = {
        {"validation_accuracy", "  validation accuracy %.2f %%", 100},
        {"test_accuracy", "  accuracy %.2f %%", 100},
        {"validation_r2", "  validation R2 %.4f", 1},
        {"test_r2", "  R2 %.4f", 1},
        {"grad_norm2", "  grad_norm2 %.4g", 1},
        {"suboptimality", "  f - f* %.4g", 1},
    };
    char state[LINE], time[TSGD_HUMAN];
    if (s->quiet)
        return;
    describe(s, state);
    if (s->live)
        tsgd_terminal_clear();
    tsgd_human_print(stderr, e->from->name);
    fprintf(stderr, "%s", e->state == TSGD_STATE_DIVERGED ? "  diverged" : "");
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        const json_t *value = json_object_get(summary, shown[i].name);
        if (json_is_number(value) && e->state != TSGD_STATE_DIVERGED)
            fprintf(stderr, shown[i].format, shown[i].factor * json_number_value(value));
    }
    fprintf(stderr, "  %s",
            tsgd_human_time(json_number_value(json_object_get(summary, "wall_seconds")), time));
    fprintf(stderr, s->live ? "\n" : "  (%s)\n", state);
    draw(s);
}

static void complain(const struct tsgd_sweep *s, const struct tsgd_command *self,
                     const char *name, const struct tsgd_error *err)
{
    struct tsgd_error told;
    (void)tsgd_fail(&told, TSGD_OK, "%s%s%s", name, *name ? ": " : "", err->text);
    if (s->live)
        tsgd_terminal_clear();
    tsgd_complain(self, &told);
}

/* ---- training ---- */

struct watched_run {
    struct tsgd_sweep *s;
    const struct tsgd_entry *e;
};

struct training {
    struct watched_run of;
    struct tsgd_missed missed;
    struct tsgd_log log;
    uint64_t evaluations;
};

static bool on_eval(const struct tsgd_eval *e, void *user)
{
    struct training *t = user;
    t->evaluations++;
    tsgd_log_eval(&t->log, e);
    return t->log.failure != 0;
}

/* Tells something of a run while others go on. */
static void warn(const struct watched_run *r, const char *text)
{
    pthread_mutex_lock(&r->s->lock);
    if (r->s->live)
        tsgd_terminal_clear();
    tsgd_warn(r->e->from->name, text);
    draw(r->s);
    pthread_mutex_unlock(&r->s->lock);
}

static void on_stall(const char *text, void *user) { warn(user, text); }

/* A checkpoint that could not be written is told, and the run goes on: its log is what counts. */
static bool on_checkpoint(const struct tsgd_checkpoint *c, void *user)
{
    struct training *t = user;
    struct tsgd_error tell;
    if (tsgd_missed_note(&t->missed, c)) {
        tsgd_missed_say(&t->missed, true, &tell);
        warn(&t->of, tell.text);
    }
    return c->stage != TSGD_CHECKPOINT_TAKEN || tsgd_log_sync(&t->log);
}

/* Trains a run that is planned and started, into its log. */
static enum tsgd_status train(struct tsgd_sweep *s, struct tsgd_run *run,
                              const struct tsgd_entry *e,
                              const struct tsgd_settings *asked, bool *interrupted,
                              struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK, closed;
    struct training t = {.of = {s, e}, .log = TSGD_LOG_INIT};
    struct tsgd_summary end;
    TRY(tsgd_log_open(&t.log, e->path, err));
    st = tsgd_log_go_on(&t.log, tsgd_run_info(run), asked, &tsgd_command_train, err);
    if (st != TSGD_OK) {
        tsgd_log_abandon(&t.log);
        return st;
    }
    tsgd_run_on_stall(run, on_stall, &t.of);
    tsgd_run_on_checkpoint(run, on_checkpoint, &t);
    st = tsgd_run_train(run, on_eval, &t, &end, err);
    if (st == TSGD_OK || st == TSGD_EDIVERGED) {
        tsgd_log_summary(&t.log, run, &end, t.evaluations > 0, st == TSGD_EDIVERGED);
        *interrupted = st == TSGD_OK && end.interrupted;
        st = TSGD_OK;
    }
    (void)tsgd_log_sync(&t.log);        /* before the checkpoint goes */
    closed = tsgd_log_close(&t.log, st == TSGD_OK ? err : NULL);
    st = st == TSGD_OK ? closed : st;
done:
    return st;
}

/* Without its log the start of the run would be missing. */
static bool can_resume(const struct tsgd_sweep *s, const struct tsgd_entry *e)
{
    return s->checkpoint_every && access(e->checkpoint, F_OK) == 0 && access(e->path, F_OK) == 0;
}

/* All of one run. What a run was chosen by, and what is told of it, is read from its log, so that
 * it does not matter when it was trained.                                                       */
static enum tsgd_status run_one(struct tsgd_sweep *s, struct tsgd_entry *e, uint64_t threads,
                                bool *interrupted, json_t **summary, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *settings = NULL;
    struct tsgd_run *run = NULL;
    json_t *config = NULL;
    TRY(tsgd_settings_copy(&settings, e->from->settings, err));
    TRY(keep(settings, s, e, err));
    if (can_resume(s, e))
        TRY(TSGD_FILL(settings, resume, e->checkpoint, err));
    if (!settings->threads)
        TRY(TSGD_FILL_COUNT(settings, threads, threads, err));
    TRY(tsgd_run_plan(&run, settings, s->shelf, &s->stop, err));
    config = tsgd_log_config(tsgd_run_info(run), settings, &tsgd_command_train);
    if (!config)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for the config line"));
    TRY(tsgd_log_look(e->path, config, summary, err));
    if (*summary) {
        e->found = true;
        unlink(e->checkpoint);
        goto done;
    }
    TRY(tsgd_run_start(run, err));
    pthread_mutex_lock(&s->lock);
    e->run = run;
    pthread_mutex_unlock(&s->lock);
    st = train(s, run, e, settings, interrupted, err);
    pthread_mutex_lock(&s->lock);
    e->run = NULL;
    pthread_mutex_unlock(&s->lock);
    if (st == TSGD_OK && !*interrupted) {
        TRY(tsgd_log_look(e->path, config, summary, err));
        unlink(e->checkpoint);          /* if there is one */
    }
done:
    json_decref(config);
    tsgd_run_free(run);
    tsgd_settings_free(settings);
    return st;
}

/* The next run that can be trained; NULL: none now. *waiting: runs that nobody has taken. */
static struct tsgd_entry *next(const struct tsgd_sweep *s, size_t *waiting)
{
    struct tsgd_entry *first = NULL;
    *waiting = 0;
    for (size_t i = 0; i < s->grid->n_runs; i++) {
        struct tsgd_entry *e = s->order[i];
        if (e->state != TSGD_STATE_WAITING)
            continue;
        ++*waiting;
        if (!first && is_ready(s, e))
            first = e;
    }
    return first;
}

/* As many as each job has of the CPUs. When fewer runs are left than jobs, this one among them, the
 * CPUs of the jobs that will have none are its own too.                                         */
static uint64_t deal(const struct tsgd_sweep *s, size_t waiting)
{
    uint64_t sharers = waiting < s->jobs ? waiting : s->jobs;
    return s->cpus > sharers ? s->cpus / sharers : 1;
}

struct job {
    struct tsgd_sweep *s;
    const struct tsgd_command *self;
};

/* After a run, with the lock held. */
static void end_run(const struct job *j, struct tsgd_entry *e, enum tsgd_status st,
                    bool interrupted, const json_t *summary, const struct tsgd_error *err)
{
    struct tsgd_sweep *s = j->s;
    struct tsgd_error why;
    if (st != TSGD_OK) {
        e->state = TSGD_STATE_FAILED;
        complain(s, j->self, e->from->name, err);
    } else if (interrupted) {
        e->state = TSGD_STATE_WAITING;
    } else {
        settle(s, e, summary);
        if (!e->found)
            tell(s, e, summary);
    }
    if (is_candidate(e) && has_ended(e) && choose(s, e->from->cell, &why) != TSGD_OK)
        complain(s, j->self, "", &why);
}

static void *work(void *arg)
{
    struct job *j = arg;
    struct tsgd_sweep *s = j->s;
    size_t waiting;
    pthread_mutex_lock(&s->lock);
    while (!stopped(s)) {
        struct tsgd_entry *e = next(s, &waiting);
        struct tsgd_error err;
        json_t *summary = NULL;
        bool interrupted = false;
        if (!e && !waiting)
            break;
        if (!e) {                       /* the candidates that it waits for are being trained */
            pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        e->state = TSGD_STATE_RUNNING;
        uint64_t threads = deal(s, waiting);
        pthread_mutex_unlock(&s->lock);
        enum tsgd_status st = run_one(s, e, threads, &interrupted, &summary, &err);
        pthread_mutex_lock(&s->lock);
        end_run(j, e, st, interrupted, summary, &err);
        json_decref(summary);
        pthread_cond_broadcast(&s->changed);
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static bool is_over(const struct tsgd_sweep *s)
{
    size_t running = tsgd_sweep_count(s, TSGD_STATE_RUNNING);
    return running == 0 && (stopped(s) || tsgd_sweep_count(s, TSGD_STATE_WAITING) == 0);
}

/* Draws the line while the others work. */
static void watch(struct tsgd_sweep *s)
{
    pthread_mutex_lock(&s->lock);
    while (!is_over(s)) {
        draw(s);
        tsgd_terminal_rest(&s->changed, &s->lock);
    }
    if (s->live)
        tsgd_terminal_clear();
    pthread_mutex_unlock(&s->lock);
}

/* Choices that logs from before have made already. */
static void choose_from_logs(struct tsgd_sweep *s, const struct tsgd_command *self)
{
    struct tsgd_error err;
    for (size_t c = 0; c < s->grid->n_cells; c++)
        if (s->grid->cell[c].choices && choose(s, c, &err) != TSGD_OK)
            complain(s, self, "", &err);
    for (size_t i = 0; i < s->grid->n_runs; i++)
        s->cost_found += has_ended(&s->entry[i]) ? s->entry[i].cost : 0;
}

/* What a sweep has left that was killed when a log had its end and before its checkpoint went. */
static void remove_checkpoints(const struct tsgd_sweep *s)
{
    for (size_t i = 0; i < s->grid->n_runs; i++)
        if (has_ended(&s->entry[i]))
            unlink(s->entry[i].checkpoint);
}

enum tsgd_status tsgd_sweep_run(struct tsgd_sweep *s, const struct tsgd_command *self,
                                struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct job job = {s, self};
    pthread_t *thread = NULL;
    size_t started = 0, left;
    choose_from_logs(s, self);
    remove_checkpoints(s);
    left = tsgd_sweep_count(s, TSGD_STATE_WAITING);
    s->start_ns = tsgd_now_ns();
    TRY(TSGD_NEW(&thread, s->jobs, "jobs", err));
    while (started < s->jobs && started < left &&
           pthread_create(&thread[started], NULL, work, &job) == 0)
        started++;
    if (left && !started)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "--jobs: no thread could be started"));
    if (started)
        watch(s);
    for (size_t i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
done:
    free(thread);
    return st;
}
