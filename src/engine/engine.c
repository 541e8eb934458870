#include "engine/engine.h"

#include "engine/loop.h"
#include "engine/stall.h"
#include "engine/tracing.h"

#include <assert.h>
#include <string.h>

/* ---- create, count, free ---- */

static void look(void *engine)
{
    struct tsgd_engine *e = engine;
    tsgd_mail_look(&e->mail, &e->writer);
}

/* The parts in the order in which they need each other. */
static enum tsgd_status init(struct tsgd_engine *e, const struct tsgd_engine_config *c,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_state_init(&e->state, c, err));
    TRY(tsgd_evaluation_init(&e->evaluation, &e->state, err));
    TRY(tsgd_checkpoint_init(&e->checkpoint, &e->state, &e->evaluation, err));
    TRY(tsgd_planner_init(&e->planner, &e->state, &e->evaluation, &e->checkpoint, err));
    TRY(tsgd_mail_init(&e->mail, &e->state, &e->planner, &e->evaluation, err));
    e->writer.e = e;
    e->checkpoint.stream.look = look;
    e->checkpoint.stream.network = e;
    TRY(tsgd_checkpoint_reserve(&e->checkpoint, tsgd_planner_memory, &e->planner, err));
    TRY(tsgd_visits_init(&e->visits, &e->state, &e->planner, err));
    e->checkpoint.node_row = e->checkpoint.shot.node ? e->visits.node_row : NULL;
    TRY(tsgd_teams_init(&e->teams, &e->state, &e->visits, err));
    TRY(tsgd_slices_init(&e->slices, &e->state, &e->planner, &e->visits, err));
    e->tokens = (struct tokens){&e->state, &e->planner, &e->evaluation, &e->visits, &e->teams};
    TRY(tsgd_start_init(&e->start, &e->state, c->resumes ? &e->checkpoint.shot : NULL, err));
    TRY(tsgd_threads_init(&e->threads, &e->state, e, tsgd_slices_strip(&e->state), err));
    if (!e->threads.holding.counts)
        e->writer.track = tsgd_threads_writer_track(&e->state);
    TRY(tsgd_watchdog_init(&e->watchdog, &e->state, e->threads.worker, e, err));
    TRY(tsgd_account_init(&e->account, &e->state, err));
done:
    return st;
}

/* Every part's holding, for those who count or add up. */
enum { HOLDINGS = 12 };
static void holdings(struct tsgd_engine *e, struct tsgd_holding *out[HOLDINGS])
{
    struct tsgd_holding *all[HOLDINGS] = {
        &e->state.holding, &e->evaluation.holding, &e->checkpoint.holding, &e->planner.holding,
        &e->visits.holding, &e->teams.holding, &e->slices.holding, &e->start.holding,
        &e->threads.holding, &e->watchdog.holding, &e->mail.holding, &e->account.holding,
    };
    memcpy(out, all, sizeof all);
}

size_t tsgd_engine_bytes(const struct tsgd_engine_config *c)
{
    struct tsgd_engine e = {0};
    struct tsgd_holding *all[HOLDINGS];
    size_t bytes = 0;
    holdings(&e, all);
    for (int i = 0; i < HOLDINGS; i++)
        all[i]->counts = true;
    enum tsgd_status st = init(&e, c, NULL);
    for (int i = 0; i < HOLDINGS; i++)
        bytes = tsgd_add(bytes, all[i]->bytes);
    return st == TSGD_OK ? bytes : SIZE_MAX;
}

void tsgd_engine_free(struct tsgd_engine *e)
{
    if (!e)
        return;
    tsgd_watchdog_release(&e->watchdog);
    tsgd_threads_release(&e->threads);  /* these two first: threads may look at everything else */
    tsgd_account_release(&e->account);
    tsgd_checkpoint_release(&e->checkpoint);
    tsgd_start_release(&e->start);
    tsgd_slices_release(&e->slices);
    tsgd_teams_release(&e->teams);
    tsgd_visits_release(&e->visits);
    tsgd_mail_release(&e->mail);
    tsgd_planner_release(&e->planner);
    tsgd_evaluation_release(&e->evaluation);
    tsgd_state_release(&e->state);
    free(e);
}

enum tsgd_status tsgd_engine_create(struct tsgd_engine **out,
                                    const struct tsgd_engine_config *config,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_engine *e = NULL;
    TRY(TSGD_NEW(&e, 1, "engine", err));
    TRY(init(e, config, err));
    *out = e;
    e = NULL;
done:
    tsgd_engine_free(e);
    return st;
}

/* ---- going on from a snapshot ---- */

struct tsgd_snapshot *tsgd_engine_snapshot(struct tsgd_engine *e) { return &e->checkpoint.shot; }

/* Takes the next of the pieces. */
static void apply(void *user, const struct tsgd_piece *piece)
{
    const struct tsgd_piece **from = user;
    assert(!strcmp((*from)->name, piece->name) && (*from)->count == piece->count);
    memcpy(piece->data, (*from)->data, tsgd_piece_bytes(piece));
    ++*from;
}

bool tsgd_engine_resume(struct tsgd_engine *e)
{
    const struct tsgd_snapshot *from = &e->checkpoint.shot;
    const struct tsgd_piece *piece = from->piece;
    tsgd_planner_memory(&e->planner, apply, &piece);
    for (uint32_t q = 0; q < from->populations; q++)
        atomic_init(&e->state.pop[q].diverged, from->diverged[q]);
    if (!tsgd_planner_resumed(&e->planner))
        return false;
    tsgd_planner_begin(&e->planner);
    for (uint32_t a = 0; a < from->tokens && from->at; a++)     /* where else does not matter */
        from->at[a] = e->state.starts_here[a] ? from->ranks.rank : from->ranks.ranks;
    return true;
}

static void fill_nodes(struct tsgd_engine *e)
{
    const struct tsgd_snapshot *from = &e->checkpoint.shot;
    for (uint32_t i = 0; from->node && i < from->nodes; i++)
        if (tsgd_snapshot_has_node(from, i))
            memcpy(e->visits.node_row + i * from->stride, from->node + i * from->stride,
                   from->dim * sizeof(float));
}

/* ---- run ---- */

static void divide(const double *ns, double *share, int n)
{
    double total = 0;
    for (int j = 0; j < n; j++)
        total += ns[j];
    for (int j = 0; j < n; j++)
        share[j] = total > 0 ? ns[j] / total : 0;
}

/* What the workers of all ranks have spent. */
static void add_up(const struct account *a, struct tsgd_outcome *out)
{
    double ns[N_TIMES] = {0}, presence[N_PRESENCES] = {0};
    for (uint32_t i = 0; i < a->workers; i++) {
        for (int j = 0; j < N_TIMES; j++)
            ns[j] += a->worker[i].ns[j];
        for (int j = 0; j < N_PRESENCES; j++)
            presence[j] += a->worker[i].presence[j];
        out->steals += a->worker[i].steals;
        out->sleeps += a->worker[i].sleeps;
    }
    divide(ns, out->share, N_TIMES);
    divide(presence, out->presence, N_PRESENCES);
}

/* What became of the run, which has ended. */
static void settle(const struct tsgd_engine *e, uint64_t ticks, uint64_t ns,
                   struct tsgd_outcome *out)
{
    const struct worker *worker = e->threads.worker;
    uint64_t diverged = NEVER;
    uint64_t trained = 0, end = tsgd_ended_at(&worker[0]), only = 0;
    for (uint32_t q = 0; q < e->state.c.n_populations; q++) {
        uint64_t key = atomic_load_explicit(&e->state.pop[q].diverged, memory_order_relaxed);
        diverged = key < diverged ? key : diverged;
        only += e->evaluation.pop[q].eval_only;
    }
    *out = (struct tsgd_outcome){.interrupted = e->planner.interrupted,
                                 .diverged = diverged != NEVER};
    if (out->diverged) {
        out->diverged_round = diverged >> 32;
        out->diverged_token = (uint32_t)diverged - 1;
    }
    for (uint32_t i = 0; i < e->state.workers; i++) {
        const struct worker *w = &worker[i];
        trained = w->trained_at > trained ? w->trained_at : trained;
    }
    only += end > trained ? end - trained : 0;
    add_up(&e->account, out);
    out->seconds = (double)ns * 1e-9;
    out->busy_seconds = out->seconds;
    if (ticks > only)
        out->busy_seconds *= (double)(ticks - only) / (double)ticks;
}

/* The run has succeeded, whatever becomes of its trace. */
static void trace(const struct tsgd_engine *e)
{
    struct tsgd_error why;
    enum tsgd_status st = tsgd_tracing_settle(&e->state, &why);
    if (st != TSGD_OK)
        tsgd_trace_fail(e->state.c.trace, st, &why);
}

enum tsgd_status tsgd_engine_start(struct tsgd_engine *e, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_checkpoint_start(&e->checkpoint, err));
    TRY(tsgd_threads_start(&e->threads, tsgd_loop, err));
    TRY(tsgd_watchdog_start(&e->watchdog, &tsgd_stall, err));
done:
    return st;
}

enum tsgd_status tsgd_engine_run(struct tsgd_engine *e, struct tsgd_outcome *out,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_engine_start(e, err));
    TRY(tsgd_account_begin(&e->account, &e->state, err));
    uint64_t ticks = tsgd_ticks(), start = tsgd_now_ns();
    e->state.start_ns = start;
    if (e->state.c.resumes)
        fill_nodes(e);
    if (e->state.c.resumes)
        e->state.start_ns -= (uint64_t)(e->checkpoint.shot.seconds * 1e9);
    tsgd_planner_begin(&e->planner);
    tsgd_mail_begin(&e->mail);
    tsgd_checkpoint_begin(&e->checkpoint);
    tsgd_watchdog_begin(&e->watchdog);
    st = tsgd_threads_run(&e->threads, tsgd_loop, err);
    if (st == TSGD_OK) {
        uint64_t took_ticks = tsgd_ticks() - ticks, took_ns = tsgd_ns_since(start);
        tsgd_checkpoint_end(&e->checkpoint);
        tsgd_mail_end(&e->mail);
        tsgd_account_settle(&e->account, &e->state, e->threads.worker,
                            (double)took_ns / (double)(took_ticks ? took_ticks : 1));
        settle(e, took_ticks, took_ns, out);
        if (e->state.c.trace)
            trace(e);
    }
    tsgd_watchdog_end(&e->watchdog);
done:
    return st;
}

void tsgd_engine_stop(struct tsgd_engine *e)
{
    /* Relaxed: the planner sees it sooner or later, and nothing else depends on it. */
    atomic_store_explicit(&e->state.stop, true, memory_order_relaxed);
}

/* ---- what is to be known ---- */

uint64_t tsgd_engine_checkpoints(const struct tsgd_engine *e, struct tsgd_error *last)
{
    *last = e->checkpoint.err;
    last->status = e->checkpoint.status;
    return e->checkpoint.written;
}

void tsgd_engine_place(const struct tsgd_engine *e, uint32_t worker, struct tsgd_placement *out)
{
    const struct worker *w = &e->threads.worker[worker];
    *out = (struct tsgd_placement){.first_token = w->lo, .tokens = w->hi - w->lo};
    if (e->threads.cpu) {
        const struct tsgd_cpu *cpu = &e->threads.cpu[worker];
        out->pinned = true;
        out->cpu = cpu->os;
        out->core = cpu->core;
        out->cache = cpu->cache;
        out->numa = cpu->numa;
    }
}

void tsgd_engine_shares(const struct tsgd_engine *e, uint32_t worker, double share[TSGD_SHARES],
                        double presence[TSGD_PRESENCES])
{
    divide(e->account.worker[worker].ns, share, N_TIMES);
    divide(e->account.worker[worker].presence, presence, N_PRESENCES);
}

uint32_t tsgd_engine_all_workers(const struct tsgd_engine *e)
{
    return e->account.workers;
}

uint64_t tsgd_engine_progress(const struct tsgd_engine *e)
{
    uint64_t planned = tsgd_seq_phase(tsgd_seq_load(&e->planner.planned));
    return planned ? planned - 1 : 0;
}

uint64_t tsgd_engine_samples(const struct tsgd_engine *e, uint32_t population)
{
    return e->planner.pop[population].samples;
}

uint64_t tsgd_engine_rounds(const struct tsgd_engine *e, uint32_t population)
{
    return tsgd_evaluation_round(&e->evaluation, population);
}

const float *tsgd_engine_row(const struct tsgd_engine *e, uint32_t a, uint32_t row)
{
    uint32_t q = e->state.pop_of[a];
    if (row == 0 && e->state.c.final_average)
        return tsgd_engine_mean(e, q);
    return tsgd_state_row(&e->state, tsgd_engine_rounds(e, q), row, a);
}

bool tsgd_engine_has_row(const struct tsgd_engine *e, uint32_t a)
{
    return tsgd_seq_reached(&e->state.arena.seq[a], TSGD_SEQ_RETIRED);
}

const float *tsgd_engine_mean(const struct tsgd_engine *e, uint32_t population)
{
    return tsgd_evaluation_mean(&e->evaluation, population);
}

bool tsgd_engine_diverged(const struct tsgd_engine *e, uint32_t population)
{
    return tsgd_pop_diverged(&e->state.pop[population]);
}
