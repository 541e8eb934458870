#include "engine/engine.h"

#include "engine/loop.h"
#include "engine/parts.h"

#include <assert.h>
#include <string.h>

/* ---- create, count, free ---- */

/* The parts in the order in which they need each other. */
static enum tsgd_status init(struct tsgd_engine *e, const struct tsgd_engine_config *c,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct state *after = c->after ? &c->after->state : NULL;
    e->state.first_round = c->after ? tsgd_engine_rounds(c->after, 0) : 0;
    TRY(tsgd_state_init(&e->state, c, err));
    TRY(tsgd_evaluation_init(&e->evaluation, &e->state, err));
    TRY(tsgd_planner_init(&e->planner, &e->state, &e->evaluation, err));
    TRY(tsgd_visits_init(&e->visits, &e->state, &e->planner, err));
    TRY(tsgd_teams_init(&e->teams, &e->state, &e->visits, err));
    TRY(tsgd_slices_init(&e->slices, &e->state, &e->planner, &e->visits, err));
    e->tokens = (struct tokens){&e->state, &e->planner, &e->evaluation, &e->visits, &e->teams};
    TRY(tsgd_start_init(&e->start, &e->state, after, err));
    TRY(tsgd_threads_init(&e->threads, &e->state, e, tsgd_slices_strip(&e->state), err));
done:
    return st;
}

/* Every part's holding, for those who count or add up. */
enum { HOLDINGS = 8 };
static void holdings(struct tsgd_engine *e, struct tsgd_holding *out[HOLDINGS])
{
    struct tsgd_holding *all[HOLDINGS] = {
        &e->state.holding, &e->evaluation.holding, &e->planner.holding, &e->visits.holding,
        &e->teams.holding, &e->slices.holding, &e->start.holding, &e->threads.holding,
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
    tsgd_threads_release(&e->threads);  /* first: threads may look at everything else */
    tsgd_start_release(&e->start);
    tsgd_slices_release(&e->slices);
    tsgd_teams_release(&e->teams);
    tsgd_visits_release(&e->visits);
    tsgd_planner_release(&e->planner);
    tsgd_evaluation_release(&e->evaluation);
    tsgd_state_release(&e->state);
    free(e);
}

/* ---- going on where another engine ended ---- */

/* What a stopped run must remember, part by part, but for the tokens' rows (engine/start.h). */
static void memory(struct tsgd_engine *e, tsgd_memory_fn *each, void *user)
{
    tsgd_planner_memory(&e->planner, each, user);
    tsgd_evaluation_memory(&e->evaluation, each, user);
    tsgd_visits_memory(&e->visits, each, user);
}

/* Pieces of memory, at most so many for an engine of q populations. */
#define PIECES(q) (16 + 8 * (size_t)(q))

struct pieces {
    size_t n, room;
    struct piece {
        const char *name;
        const void *data;
        size_t bytes;
    } *piece;
};

static void collect(void *user, const char *name, void *data, size_t bytes)
{
    struct pieces *p = user;
    assert(p->n < p->room);
    p->piece[p->n++] = (struct piece){name, data, bytes};
}

/* Takes the next of the pieces that were collected; n counts those that were taken. */
static void apply(void *user, const char *name, void *data, size_t bytes)
{
    struct pieces *p = user;
    const struct piece *from = &p->piece[p->n++];
    assert(!strcmp(from->name, name) && from->bytes == bytes);
    memcpy(data, from->data, bytes);
}

static enum tsgd_status go_on(struct tsgd_engine *e, struct tsgd_error *err)
{
    struct pieces pieces = {.room = PIECES(e->state.c.n_populations)};
    enum tsgd_status st = TSGD_NEW(&pieces.piece, pieces.room, "engine", err);
    if (st != TSGD_OK)
        return st;
    /* collect only looks. */
    memory((struct tsgd_engine *)e->state.c.after, collect, &pieces);
    pieces.n = 0;
    memory(e, apply, &pieces);
    free(pieces.piece);
    return TSGD_OK;
}

enum tsgd_status tsgd_engine_create(struct tsgd_engine **out,
                                    const struct tsgd_engine_config *config,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_engine *e = NULL;
    TRY(TSGD_NEW(&e, 1, "engine", err));
    TRY(init(e, config, err));
    if (config->after)
        TRY(go_on(e, err));
    *out = e;
    e = NULL;
done:
    tsgd_engine_free(e);
    return st;
}

/* ---- run ---- */

static void divide(const uint64_t ticks[N_TIMES], double share[N_TIMES])
{
    uint64_t total = 0;
    for (int j = 0; j < N_TIMES; j++)
        total += ticks[j];
    for (int j = 0; j < N_TIMES; j++)
        share[j] = total ? (double)ticks[j] / (double)total : 0;
}

/* What became of the run, which has ended. */
static void settle(const struct tsgd_engine *e, uint64_t ticks, uint64_t ns,
                   struct tsgd_outcome *out)
{
    const struct worker *worker = e->threads.worker;
    uint64_t diverged = NEVER;
    uint64_t sum[N_TIMES] = {0}, trained = 0, end = worker[0].ended_at, only = 0;
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
        for (int j = 0; j < N_TIMES; j++)
            sum[j] += w->ticks[j];
        out->steals += w->steals;
        out->sleeps += w->sleeps;
        trained = w->trained_at > trained ? w->trained_at : trained;
    }
    only += end > trained ? end - trained : 0;
    divide(sum, out->share);
    out->seconds = (double)ns * 1e-9;
    out->busy_seconds = out->seconds;
    if (ticks > only)
        out->busy_seconds *= (double)(ticks - only) / (double)ticks;
}

enum tsgd_status tsgd_engine_start(struct tsgd_engine *e, struct tsgd_error *err)
{
    return tsgd_threads_start(&e->threads, tsgd_loop, err);
}

enum tsgd_status tsgd_engine_run(struct tsgd_engine *e, struct tsgd_outcome *out,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_engine_start(e, err));
    uint64_t ticks = tsgd_ticks();
    e->state.start_ns = tsgd_now_ns();
    TRY(tsgd_threads_run(&e->threads, tsgd_loop, err));
    settle(e, tsgd_ticks() - ticks, tsgd_now_ns() - e->state.start_ns, out);
done:
    return st;
}

void tsgd_engine_stop(struct tsgd_engine *e)
{
    /* Relaxed: the planner sees it sooner or later, and nothing else depends on it. */
    atomic_store_explicit(&e->state.stop, true, memory_order_relaxed);
}

/* ---- what is to be known ---- */

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

void tsgd_engine_shares(const struct tsgd_engine *e, uint32_t worker, double share[5])
{
    divide(e->threads.worker[worker].ticks, share);
}

uint64_t tsgd_engine_progress(const struct tsgd_engine *e)
{
    uint64_t planned = tsgd_seq_phase(tsgd_seq_load(&e->planner.planned));
    return planned ? planned - 1 : 0;
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

const float *tsgd_engine_mean(const struct tsgd_engine *e, uint32_t population)
{
    return tsgd_evaluation_mean(&e->evaluation, population);
}

bool tsgd_engine_diverged(const struct tsgd_engine *e, uint32_t population)
{
    return tsgd_pop_diverged(&e->state.pop[population]);
}
