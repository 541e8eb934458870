#include "engine/engine.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "engine/pulse.h"
#include "linalg/mix.h"

#include <errno.h>
#include <string.h>

static size_t sum_k(const struct tsgd_engine_config *c)
{
    size_t tokens = 0;
    for (uint32_t q = 0; q < c->n_populations; q++)
        tokens += c->population[q].k;
    return tokens;
}

uint32_t tsgd_engine_workers(const struct tsgd_problem *p, uint64_t tokens, uint64_t threads)
{
    uint64_t most = p->parts > 1 ? tokens * p->parts : tokens;
    return (uint32_t)(threads < most ? threads : most);
}

static uint32_t workers(const struct tsgd_engine_config *c)
{
    return tsgd_engine_workers(c->problem, sum_k(c), c->threads);
}

/* What a worker mixes slices in, up to a pair of cache lines. */
static size_t strip_bytes(const struct tsgd_engine_config *c)
{
    size_t floats = tsgd_engine_slices(c) ? tsgd_slices_scratch(c) : 0;
    return tsgd_round_up(floats * sizeof(float), 128);
}

/* Of one worker: the gradient row, the strip, then the problem's scratch. */
static size_t worker_bytes(const struct tsgd_engine_config *c)
{
    size_t grad = tsgd_mul(tsgd_arena_stride(c->problem->dim), sizeof(float));
    size_t all = tsgd_add(tsgd_add(grad, strip_bytes(c)), c->problem->scratch_bytes);
    return all > SIZE_MAX - 4096 ? SIZE_MAX : tsgd_round_up(all, 4096);
}

static size_t node_bytes(const struct tsgd_engine_config *c)
{
    return c->local.node_row ? tsgd_mul(tsgd_mul(c->problem->nodes, sizeof(float)),
                                        tsgd_arena_stride(c->problem->dim)) : 0;
}

/* Blocks that one evaluation of k tokens is measured in; 64 bits, so that too many can be told. */
static uint64_t eval_blocks(const struct tsgd_engine_config *c, uint32_t k)
{
    uint64_t blocks = (uint64_t)c->problem->eval_blocks * (1 + (c->eval_tokens ? k : 0));
    return blocks ? blocks : 1;
}

/* Nodes that a plan may have to draw: when some are away, perhaps all. */
static size_t draws(const struct tsgd_engine_config *c, size_t tokens)
{
    return c->churn && c->churn->on ? c->problem->nodes : tokens;
}

size_t tsgd_engine_bytes(const struct tsgd_engine_config *c)
{
    size_t tokens = sum_k(c), dim = c->problem->dim, nodes = c->problem->nodes;
    size_t bytes = tsgd_arena_bytes(tokens, dim, tsgd_engine_slices(c) ? 1 : 2,
                                    c->local.exchanged, c->local.private_rows);
    bytes = tsgd_add(bytes, tsgd_mul(worker_bytes(c), workers(c)));
    if (c->trace)
        bytes = tsgd_add(bytes, tsgd_mul(tsgd_trace_bytes(c->trace), workers(c)));
    bytes = tsgd_add(bytes, node_bytes(c));
    bytes = tsgd_add(bytes, tsgd_team_bytes(c, tokens));
    /* Means: two buffers of a float, a float and a double; with eval_tokens two copies of all. */
    bytes = tsgd_add(bytes, tsgd_mul(tsgd_mul(dim, 32), c->n_populations));
    if (c->eval_tokens)
        bytes = tsgd_add(bytes, tsgd_mul(tsgd_mul(dim, 8), tokens));
    for (uint32_t q = 0; q < c->n_populations; q++)
        bytes = tsgd_add(bytes, tsgd_mul(eval_blocks(c, c->population[q].k),
                                         sizeof(struct tsgd_measure)));
    bytes = tsgd_add(bytes, tsgd_mul(nodes, 4 * ((size_t)c->n_populations + 1)));
    bytes = tsgd_add(bytes, tsgd_mul(draws(c, tokens), 4));
    if (c->network && c->network->on)
        bytes = tsgd_add(bytes, tsgd_simclock_bytes((uint32_t)tokens, (uint32_t)nodes));
    return tsgd_add(bytes, tsgd_mul(tokens, 64 * SLOTS));
}

static enum tsgd_status init_pop(struct tsgd_engine *e, uint32_t q, uint32_t first,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct pop *p = &e->pop[q];
    size_t dim = e->arena.dim;
    uint64_t blocks = eval_blocks(&e->c, p->c.k);
    if (blocks > UINT32_MAX)
        return tsgd_fail(err, TSGD_ENOMEM, "--eval tokens: %u tokens in %u blocks of test samples "
                         "are too many; use --eval mean", p->c.k, e->c.problem->eval_blocks);
    p->first = first;
    atomic_init(&p->end_round, NEVER);
    atomic_init(&p->diverged, NEVER);
    p->blocks = (uint32_t)blocks;
    TRY(TSGD_NEW(&p->visits, e->c.problem->nodes, "visit counts", err));
    TRY(TSGD_NEW(&p->hash, p->c.k, "evaluation", err));
    TRY(TSGD_NEW(&p->part, p->blocks, "evaluation", err));
    for (int i = 0; i < 2; i++) {
        TRY(TSGD_NEW(&p->ref[i], dim, "mean of the tokens", err));
        TRY(TSGD_NEW(&p->mean[i], dim, "mean of the tokens", err));
        TRY(TSGD_NEW(&p->sum[i], dim, "mean of the tokens", err));
        if (e->c.eval_tokens)
            TRY(TSGD_NEW(&p->copy[i], p->c.k * e->arena.stride, "copies of the tokens", err));
    }
    TRY(TSGD_NEW(&p->gossip, p->c.mixing->period, "mixing schedule", err));
    for (uint32_t r = 0; r < p->c.mixing->period; r++)
        p->gossip[r] = (uint64_t)tsgd_csr_off_diagonal(&p->c.mixing->w[r]) * 4 * dim *
                       e->c.local.exchanged;
    for (uint32_t a = first; a < first + p->c.k; a++)
        e->pop_of[a] = q;
    if (e->sliced)
        tsgd_slices_init(e, p);
done:
    return st;
}

static enum tsgd_status init_plan(struct tsgd_engine *e, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t nodes = e->c.problem->nodes;
    uint64_t row_bytes = 4 * (uint64_t)e->arena.dim;
    for (int i = 0; i < SLOTS; i++) {
        struct slot *s = &e->slot[i];
        TRY(TSGD_NEW(&s->node, e->tokens, "plan", err));
        TRY(TSGD_NEW(&s->visit, e->tokens, "plan", err));
        if (e->c.churn && e->c.churn->isolate)
            TRY(TSGD_NEW(&s->absent, e->tokens, "plan", err));
        TRY(TSGD_NEW(&s->eta, e->c.n_populations, "plan", err));
        TRY(TSGD_NEW(&s->eta_before, e->c.n_populations, "plan", err));
        TRY(TSGD_NEW(&s->eval, e->c.n_populations, "plan", err));
        if (e->c.local.node_row) {
            TRY(TSGD_NEW(&s->after_token, e->tokens, "plan", err));
            TRY(TSGD_NEW(&s->after_phase, e->tokens, "plan", err));
        }
    }
    TRY(TSGD_NEW(&e->undo, draws(&e->c, e->tokens), "plan", err));
    TRY(TSGD_NEW(&e->holder, e->tokens, "plan", err));
    for (uint32_t a = 0; a < e->tokens; a++)
        e->holder[a] = a;
    if (e->c.network && e->c.network->on)
        TRY(tsgd_simclock_create(&e->clock, e->c.network, e->tokens,
                                 (e->c.local.exchanged + e->c.local.private_rows) * row_bytes,
                                 e->c.local.exchanged * row_bytes, nodes, err));
    TRY(TSGD_NEW(&e->order, nodes, "plan", err));
    for (uint32_t i = 0; i < nodes; i++)
        e->order[i] = i;
    if (e->c.local.node_row) {
        e->node_bytes = node_bytes(&e->c);
        TRY(TSGD_NEW(&e->last_token, nodes, "plan", err));
        TRY(TSGD_NEW(&e->last_phase, nodes, "plan", err));
        TRY(tsgd_map((void **)&e->node_row, e->node_bytes, "momentum of the nodes", err));
        for (uint32_t i = 0; i < nodes; i++)
            e->last_token[i] = NOBODY;
    }
done:
    return st;
}

static enum tsgd_status init_workers(struct tsgd_engine *e, const struct tsgd_engine_config *c,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t grad = e->arena.stride * sizeof(float), strip = strip_bytes(c);
    uint32_t n = e->n_workers;
    if (e->c.trace)
        TRY(tsgd_trace_reserve(e->c.trace, n, err));
    e->scratch_bytes = worker_bytes(c);
    TRY(TSGD_NEW(&e->worker, n, "workers", err));
    TRY(tsgd_map(&e->scratch, n * e->scratch_bytes, "scratch of the workers", err));
    for (uint32_t i = 0; i < n; i++) {
        char *scratch = (char *)e->scratch + i * e->scratch_bytes;
        uint32_t lo = (uint32_t)((uint64_t)i * e->tokens / n);
        uint32_t hi = (uint32_t)((i + (uint64_t)1) * e->tokens / n);
        e->worker[i] = (struct worker){
            .e = e, .id = i, .lo = lo, .hi = hi > lo ? hi : lo + 1,
            .cursor = lo, .grad = (float *)scratch, .strip = (float *)(scratch + grad),
            .scratch = scratch + grad + strip,
            .jitter = e->c.seed * 77 + i,
            .track = e->c.trace ? tsgd_trace_track(e->c.trace, i) : NULL,
        };
    }
done:
    return st;
}

static enum tsgd_status place_workers(struct tsgd_engine *e, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_machine m = TSGD_MACHINE_INIT;
    uint32_t *cpu = NULL;
    TRY(tsgd_machine_init(&m, err));
    TRY(TSGD_NEW(&cpu, e->n_workers, "workers", err));
    tsgd_place_workers(&m, e->n_workers, cpu);
    for (uint32_t i = 0; i < e->n_workers; i++)
        e->worker[i].cpu = m.cpu[cpu[i]];
done:
    free(cpu);
    tsgd_machine_release(&m);
    return st;
}

enum tsgd_status tsgd_engine_create(struct tsgd_engine **out,
                                    const struct tsgd_engine_config *config,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_engine *e = NULL;
    size_t tokens = sum_k(config);
    uint32_t first = 0;
    TRY(TSGD_NEW(&e, 1, "engine", err));
    e->c = *config;
    e->c.population = NULL;             /* pop[].c has them from here on */
    e->tokens = (uint32_t)tokens;
    pthread_mutex_init(&e->gate, NULL);
    pthread_cond_init(&e->opened, NULL);
    atomic_init(&e->left, e->tokens);
    e->sliced = tsgd_engine_slices(config);
    e->n_workers = workers(config);
    e->past = tsgd_mix_past(config->problem->dim,
                            tsgd_mul(tsgd_mul(tokens, 8 * (size_t)config->local.exchanged),
                                     config->problem->dim));
    TRY(tsgd_arena_init(&e->arena, tokens, config->problem->dim, e->sliced ? 1 : 2,
                        config->local.exchanged, config->local.private_rows, err));
    for (size_t a = 0; a < tokens; a++)
        atomic_init(&e->arena.seq[a].word, 1);  /* phase 0, busy: its worker has yet to fill the row */
    TRY(TSGD_NEW(&e->pop_of, tokens, "engine", err));
    TRY(TSGD_NEW(&e->pop, config->n_populations, "engine", err));
    for (uint32_t q = 0; q < config->n_populations; q++) {
        e->pop[q].c = config->population[q];
        TRY(init_pop(e, q, first, err));
        first += config->population[q].k;
    }
    TRY(init_plan(e, err));
    TRY(tsgd_team_init(e, err));
    TRY(init_workers(e, config, err));
    if (config->pin)
        TRY(place_workers(e, err));
    *out = e;
    e = NULL;
done:
    tsgd_engine_free(e);
    return st;
}

static void settle(struct tsgd_engine *e, uint64_t ticks, uint64_t ns, struct tsgd_outcome *out)
{
    uint64_t diverged = NEVER;
    uint64_t sum[N_TIMES] = {0}, total = 0, trained = 0, begin = e->worker[0].last, only = 0;
    for (uint32_t q = 0; q < e->c.n_populations; q++) {
        uint64_t key = atomic_load_explicit(&e->pop[q].diverged, memory_order_relaxed);
        diverged = key < diverged ? key : diverged;
    }
    *out = (struct tsgd_outcome){.interrupted = e->interrupted, .diverged = diverged != NEVER};
    if (out->diverged) {
        out->diverged_round = diverged >> 32;
        out->diverged_token = (uint32_t)diverged - 1;
    }
    for (uint32_t i = 0; i < e->n_workers; i++) {
        const struct worker *w = &e->worker[i];
        for (int j = 0; j < N_TIMES; j++)
            sum[j] += w->ticks[j];
        out->steals += w->steals;
        out->sleeps += w->sleeps;
        trained = w->trained_at > trained ? w->trained_at : trained;
    }
    for (uint32_t q = 0; q < e->c.n_populations; q++)
        only += e->pop[q].eval_only;
    only += begin > trained ? begin - trained : 0;      /* `last` of worker 0 is the end by now */
    for (int j = 0; j < N_TIMES; j++)
        total += sum[j];
    for (int j = 0; j < N_TIMES; j++)
        out->share[j] = total ? (double)sum[j] / (double)total : 0;
    out->seconds = (double)ns * 1e-9;
    out->busy_seconds = out->seconds;
    if (ticks > only)
        out->busy_seconds *= (double)(ticks - only) / (double)ticks;
}

/* Lets the threads go on, to work or to end. */
static void open_gate(struct tsgd_engine *e, bool *which)
{
    pthread_mutex_lock(&e->gate);
    *which = true;
    pthread_cond_broadcast(&e->opened);
    pthread_mutex_unlock(&e->gate);
}

static void join_threads(struct tsgd_engine *e)
{
    while (e->threads > 0)
        pthread_join(e->worker[e->threads--].thread, NULL);
}

/* The calling thread goes where worker 0 belongs. */
static enum tsgd_status pin_caller(struct tsgd_engine *e, struct tsgd_cpu_mask *before,
                                   struct tsgd_error *err)
{
    const struct tsgd_cpu *cpu = &e->worker[0].cpu;
    if (!e->c.pin)
        return TSGD_OK;
    if (!tsgd_cpu_mask_take(before))
        return tsgd_fail(err, TSGD_ENOMEM, "--pin: no memory for the CPUs of a thread");
    int why = tsgd_cpu_pin(NULL, cpu->os);
    return why ? tsgd_pin_refused(0, cpu, why, err) : TSGD_OK;
}

static enum tsgd_status start_thread(struct tsgd_engine *e, uint32_t i, struct tsgd_error *err)
{
    const struct tsgd_cpu *cpu = &e->worker[i].cpu;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    int why = e->c.pin ? tsgd_cpu_pin(&attr, cpu->os) : 0;
    if (why == 0)
        why = pthread_create(&e->worker[i].thread, &attr, tsgd_worker, &e->worker[i]);
    pthread_attr_destroy(&attr);
    if (why == EINVAL && e->c.pin)
        return tsgd_pin_refused(i, cpu, why, err);
    if (why)
        return tsgd_fail(err, TSGD_ENOMEM, "--threads: thread %u of %u cannot be started",
                         i + 1, e->n_workers);
    return TSGD_OK;
}

enum tsgd_status tsgd_engine_start(struct tsgd_engine *e, struct tsgd_error *err)
{
    struct tsgd_cpu_mask before = TSGD_CPU_MASK_INIT;
    enum tsgd_status st = pin_caller(e, &before, err);  /* only to see that it can be had */
    tsgd_cpu_mask_restore(&before);
    for (uint32_t i = e->threads + 1; st == TSGD_OK && i < e->n_workers; i++) {
        st = start_thread(e, i, err);
        e->threads = st == TSGD_OK ? i : e->threads;
    }
    return st;
}

enum tsgd_status tsgd_engine_run(struct tsgd_engine *e, struct tsgd_outcome *out,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_cpu_mask before = TSGD_CPU_MASK_INIT;
    TRY(tsgd_engine_start(e, err));
    TRY(pin_caller(e, &before, err));
    uint64_t ticks = tsgd_ticks();
    e->start_ns = tsgd_now_ns();
    open_gate(e, &e->open);
    tsgd_worker(&e->worker[0]);
    join_threads(e);
    settle(e, tsgd_ticks() - ticks, tsgd_now_ns() - e->start_ns, out);
done:
    tsgd_cpu_mask_restore(&before);
    return st;
}

void tsgd_engine_place(const struct tsgd_engine *e, uint32_t worker, struct tsgd_placement *out)
{
    const struct worker *w = &e->worker[worker];
    *out = (struct tsgd_placement){
        .pinned = e->c.pin, .cpu = w->cpu.os, .core = w->cpu.core, .cache = w->cpu.cache,
        .numa = w->cpu.numa, .first_token = w->lo, .tokens = w->hi - w->lo,
    };
}

void tsgd_engine_stop(struct tsgd_engine *e)
{
    tsgd_ask_to_stop(e);
}

uint64_t tsgd_engine_progress(const struct tsgd_engine *e)
{
    uint64_t planned = tsgd_seq_phase(tsgd_seq_load(&e->planned));
    return planned ? planned - 1 : 0;
}

uint64_t tsgd_engine_rounds(const struct tsgd_engine *e, uint32_t population)
{
    const struct pop *p = &e->pop[population];
    uint64_t evals = atomic_load_explicit(&p->evals, memory_order_relaxed);
    return evals ? atomic_load_explicit(&p->record[(evals - 1) % RECORDS].round,
                                        memory_order_relaxed) : 0;
}

const float *tsgd_engine_row(const struct tsgd_engine *e, uint32_t a, uint32_t row)
{
    if (row == 0 && e->c.final_average)
        return tsgd_engine_mean(e, e->pop_of[a]);
    return tsgd_arena_row(&e->arena, tsgd_engine_rounds(e, e->pop_of[a]), row, a);
}

const float *tsgd_engine_mean(const struct tsgd_engine *e, uint32_t population)
{
    const struct pop *p = &e->pop[population];
    uint64_t evals = atomic_load_explicit(&p->evals, memory_order_relaxed);
    return p->mean[(evals - 1) & 1];
}

bool tsgd_engine_diverged(const struct tsgd_engine *e, uint32_t population)
{
    return tsgd_has_diverged(&e->pop[population]);
}

void tsgd_engine_free(struct tsgd_engine *e)
{
    if (!e)
        return;
    open_gate(e, &e->abort);
    join_threads(e);
    for (uint32_t q = 0; e->pop && q < e->c.n_populations; q++) {
        struct pop *p = &e->pop[q];
        free(p->visits);
        free(p->hash);
        free(p->part);
        free(p->gossip);
        for (int i = 0; i < 2; i++) {
            free(p->ref[i]);
            free(p->mean[i]);
            free(p->sum[i]);
            free(p->copy[i]);
        }
    }
    for (int i = 0; i < SLOTS; i++) {
        free(e->slot[i].node);
        free(e->slot[i].visit);
        free(e->slot[i].absent);
        free(e->slot[i].eta);
        free(e->slot[i].eta_before);
        free(e->slot[i].eval);
        free(e->slot[i].after_token);
        free(e->slot[i].after_phase);
    }
    tsgd_team_release(e);
    tsgd_arena_release(&e->arena);
    tsgd_unmap(e->scratch, e->n_workers * e->scratch_bytes);
    tsgd_unmap(e->node_row, e->node_bytes);
    free(e->order);
    free(e->undo);
    free(e->holder);
    tsgd_simclock_free(e->clock);
    free(e->last_token);
    free(e->last_phase);
    free(e->pop_of);
    free(e->pop);
    free(e->worker);
    pthread_cond_destroy(&e->opened);
    pthread_mutex_destroy(&e->gate);
    free(e);
}
