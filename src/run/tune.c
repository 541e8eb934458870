/* run/tune.c: the search for k (Takezawa & Stich, ICLR 2025, Algorithm 2), and for the step size.
 * Candidates are populations; a pass is an engine that trains as many of them as the nodes have room
 * for, on disjoint sets of active nodes.                                                        */
#include "base/clock.h"
#include "base/mem.h"
#include "run/setup.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define MOST_K 32               /* powers of two below 2^32 */

struct tsgd_tune {
    struct tsgd_setup setup;
    struct tsgd_info info;
    struct tsgd_schedule mixing[MOST_K];    /* of k = 2^i */
    struct tsgd_candidate *candidate;
    struct tsgd_population *population;     /* [candidates] of a pass, in the order of `member` */
    struct tsgd_rate *rate;                 /* [candidates] theirs */
    size_t *member;                         /* [candidates] pass after pass */
    size_t candidates, passes, powers;
    const struct tsgd_candidate *chosen;
    float *best;                            /* the chosen one's parameters */

    /* of the pass under way */
    const size_t *running;
    uint64_t rounds_before;     /* of the passes that are over */
    _Atomic uint64_t rounds;    /* relaxed, as it is for show */
    _Atomic bool stopped;       /* relaxed, as in tsgd_engine_stop */
    tsgd_tune_fn *on_eval;
    void *user;
    pthread_mutex_t telling;    /* populations finish evaluations side by side; on_eval is called by
                                 * one at a time. Evaluations only: no step waits for it         */
};

static enum tsgd_status check(const struct tsgd_setup *r, struct tsgd_error *err)
{
    const struct tsgd_settings *s = r->s;
    if (!strcmp(s->momentum_home, "node") && s->momentum > 0)
        return tsgd_fail(err, TSGD_EINVAL, "--momentum-home: found node, but the candidates of a "
                         "search would share the nodes' momentum; leave it out");
    if (!r->method->teleports && !r->method->may_teleport)
        return tsgd_fail(err, TSGD_EINVAL, "--method: found %s, where all nodes are active; a "
                         "search for k wants one that teleports", s->method);
    return TSGD_OK;
}

static enum tsgd_status init_candidates(struct tsgd_tune *t, const double *lr, size_t n_lr,
                                        struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t n = t->setup.s->nodes;
    size_t c = 0;
    while (t->powers < MOST_K && (uint64_t)1 << t->powers <= n)
        t->powers++;
    t->candidates = t->powers * n_lr;
    TRY(TSGD_NEW(&t->candidate, t->candidates, "candidates", err));
    TRY(TSGD_NEW(&t->population, t->candidates, "candidates", err));
    TRY(TSGD_NEW(&t->rate, t->candidates, "candidates", err));
    TRY(TSGD_NEW(&t->member, t->candidates, "candidates", err));
    for (size_t i = 0; i < t->powers; i++) {
        TRY(tsgd_setup_mixing(&t->setup, (uint64_t)1 << i, &t->mixing[i], err));
        for (size_t j = 0; j < n_lr; j++)
            t->candidate[c++] = (struct tsgd_candidate){.active = (uint64_t)1 << i, .lr = lr[j],
                                                        .score = NAN};
    }
done:
    return st;
}

/* Puts each candidate into the first pass that has room. With one step size in ascending order, which
 * gives the paper's passes: all powers but perhaps the largest, then that one; with several in
 * descending order, which needs fewer.                                                          */
static enum tsgd_status pack(struct tsgd_tune *t, size_t n_lr, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t *room = NULL;
    size_t used = 0;
    TRY(TSGD_NEW(&room, t->candidates, "candidates", err));
    for (size_t i = 0; i < t->candidates; i++) {
        struct tsgd_candidate *c = &t->candidate[n_lr == 1 ? i : t->candidates - 1 - i];
        size_t pass = 0;
        while (pass < t->passes && room[pass] < c->active)
            pass++;
        if (pass == t->passes)
            room[t->passes++] = t->setup.s->nodes;
        room[pass] -= c->active;
        c->pass = pass + 1;
    }
    for (size_t pass = 1; pass <= t->passes; pass++)
        for (size_t i = 0; i < t->candidates; i++)
            if (t->candidate[i].pass == pass)
                t->member[used++] = i;
done:
    free(room);
    return st;
}

/* The populations of the pass whose members begin at member[first]; how many. */
static enum tsgd_status fill_pass(struct tsgd_tune *t, size_t first, uint32_t *count,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t pass = t->candidate[t->member[first]].pass;
    *count = 0;
    for (size_t i = first; i < t->candidates && t->candidate[t->member[i]].pass == pass; i++) {
        const struct tsgd_candidate *c = &t->candidate[t->member[i]];
        TRY(tsgd_setup_population(&t->setup, c->active, c->lr,
                                  &t->mixing[__builtin_ctzll(c->active)], &t->rate[*count],
                                  &t->population[*count], err));
        (*count)++;
    }
done:
    return st;
}

static struct tsgd_engine_config config(const struct tsgd_tune *t, uint32_t count)
{
    struct tsgd_engine_config c = tsgd_setup_config(&t->setup, t->population, count);
    c.independent = true;
    c.stop = &t->stopped;
    return c;
}

/* Every pass must fit; the largest one is what the search takes. */
static enum tsgd_status check_passes(struct tsgd_tune *t, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t most_tokens = 0, most_bytes = 0;
    uint32_t count;
    for (size_t first = 0; first < t->candidates; first += count) {
        uint64_t tokens = 0;
        TRY(fill_pass(t, first, &count, err));
        struct tsgd_engine_config c = config(t, count);
        TRY(tsgd_setup_fits(&c, err));
        for (uint32_t q = 0; q < count; q++)
            tokens += t->population[q].k;
        most_tokens = tokens > most_tokens ? tokens : most_tokens;
        most_bytes = tsgd_engine_bytes(&c) > most_bytes ? tsgd_engine_bytes(&c) : most_bytes;
    }
    for (size_t i = 0; i < t->powers; i++)
        most_bytes = tsgd_add(most_bytes, tsgd_schedule_bytes(&t->mixing[i]));
    tsgd_setup_describe(&t->setup, most_tokens, most_bytes, &t->info);
done:
    return st;
}

enum tsgd_status tsgd_tune_create(struct tsgd_tune **out, const struct tsgd_settings *settings,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_tune *t = NULL;
    const struct tsgd_settings *s = NULL;
    *out = NULL;
    TRY(TSGD_NEW(&t, 1, "search", err));
    pthread_mutex_init(&t->telling, NULL);
    TRY(tsgd_setup_init(&t->setup, settings, TSGD_FOR_TUNE, err));
    TRY(check(&t->setup, err));
    s = t->setup.s;
    const double *lr = s->lr_grid.n ? s->lr_grid.value : &s->lr;
    size_t n_lr = s->lr_grid.n ? s->lr_grid.n : 1;
    TRY(init_candidates(t, lr, n_lr, err));
    TRY(tsgd_setup_make(&t->setup, &t->mixing[0], err));
    TRY(TSGD_NEW(&t->best, t->setup.task->problem->dim, "the best parameters", err));
    TRY(pack(t, n_lr, err));
    TRY(check_passes(t, err));
    *out = t;
    t = NULL;
done:
    tsgd_tune_free(t);
    return st;
}

/* The engine measures on what the task holds out: the test samples of a run, validation samples here. */
static struct tsgd_eval on_validation(const struct tsgd_tune *t, const struct tsgd_eval *eval)
{
    struct tsgd_eval e = *eval;
    if (t->setup.kind->has_samples) {
        e.validation_loss = e.test_loss;
        e.validation_accuracy = e.test_accuracy;
        e.test_loss = e.test_accuracy = NAN;
    }
    return e;
}

static enum tsgd_verdict judge(uint32_t population, const struct tsgd_eval *eval, void *user)
{
    struct tsgd_tune *t = user;
    struct tsgd_candidate *c = &t->candidate[t->running[population]];
    c->last = on_validation(t, eval);
    atomic_store_explicit(&t->rounds, t->rounds_before + eval->round, memory_order_relaxed);
    c->score = t->setup.kind->has_samples ? c->last.validation_loss : c->last.grad_norm2;
    pthread_mutex_lock(&t->telling);
    bool stop = t->on_eval && t->on_eval(c, &c->last, t->user);
    pthread_mutex_unlock(&t->telling);
    return stop ? TSGD_STOP_SOON : TSGD_GO_ON;
}

static void choose(struct tsgd_tune *t, const struct tsgd_engine *e, size_t first, uint32_t count)
{
    for (uint32_t q = 0; q < count; q++) {
        struct tsgd_candidate *c = &t->candidate[t->member[first + q]];
        c->diverged = tsgd_engine_diverged(e, q);
        if (c->diverged || isnan(c->score) || (t->chosen && !(c->score < t->chosen->score)))
            continue;
        t->chosen = c;
        memcpy(t->best, tsgd_engine_mean(e, q), t->info.parameters * sizeof *t->best);
    }
}

static enum tsgd_status run_pass(struct tsgd_tune *t, size_t first, uint32_t *count,
                                 bool *interrupted, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_engine *e = NULL;
    struct tsgd_outcome o;
    TRY(fill_pass(t, first, count, err));
    struct tsgd_engine_config c = config(t, *count);
    c.on_eval = judge;
    c.user = t;
    t->running = t->member + first;
    TRY(tsgd_engine_create(&e, &c, err));
    TRY(tsgd_engine_run(e, &o, err));
    *interrupted = o.interrupted;
    choose(t, e, first, *count);
    t->rounds_before += tsgd_engine_rounds(e, 0);
done:
    tsgd_engine_free(e);
    return st;
}

/* The winner on the test samples, which nothing has looked at so far. */
static enum tsgd_status test(const struct tsgd_tune *t, struct tsgd_tuning *out,
                             struct tsgd_error *err)
{
    const struct tsgd_problem *p = t->setup.task->test;
    double value[TSGD_MOST_METRICS];
    uint64_t samples;
    out->test_loss = out->test_accuracy = NAN;
    if (!p || !t->chosen)
        return TSGD_OK;
    enum tsgd_status st = tsgd_problem_measure(p, t->best, value, &samples, err);
    if (st != TSGD_OK)
        return st;
    out->test_loss = value[0];
    out->test_accuracy = value[1];
    return TSGD_OK;
}

enum tsgd_status tsgd_tune_run(struct tsgd_tune *t, tsgd_tune_fn *on_eval, void *user,
                               struct tsgd_tuning *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t start = tsgd_now_ns();
    uint32_t count;
    t->on_eval = on_eval;
    t->user = user;
    *out = (struct tsgd_tuning){.rounds_grid = t->candidates * t->setup.s->rounds};
    for (size_t first = 0; first < t->candidates && !out->interrupted; first += count) {
        TRY(run_pass(t, first, &count, &out->interrupted, err));
        out->passes++;
        out->rounds_spent = t->rounds_before;
        for (uint32_t q = 0; q < count; q++)
            out->gradients_spent += t->candidate[t->member[first + q]].last.gradients;
    }
    TRY(test(t, out, err));
    out->chosen = t->chosen;
    out->wall_seconds = (double)(tsgd_now_ns() - start) * 1e-9;
    if (!t->chosen && !out->interrupted)
        st = tsgd_fail(err, TSGD_EDIVERGED, "every candidate diverged: the losses are not finite; try "
                       "a smaller --lr or a --warmup");
done:
    return st;
}

const struct tsgd_candidate *tsgd_tune_candidates(const struct tsgd_tune *t, size_t *n)
{
    *n = t->candidates;
    return t->candidate;
}

const struct tsgd_info *tsgd_tune_info(const struct tsgd_tune *t) { return &t->info; }

void tsgd_tune_stop(struct tsgd_tune *t)
{
    atomic_store_explicit(&t->stopped, true, memory_order_relaxed);
}

uint64_t tsgd_tune_progress(const struct tsgd_tune *t)
{
    return atomic_load_explicit(&t->rounds, memory_order_relaxed);
}

enum tsgd_status tsgd_tune_save(const struct tsgd_tune *t, const char *path, struct tsgd_error *err)
{
    return tsgd_setup_save(&t->setup, t->best, path, err);
}

enum tsgd_status tsgd_tune_save_trace(const struct tsgd_tune *t, struct tsgd_traced *out,
                                      struct tsgd_error *err)
{
    return tsgd_setup_save_trace(&t->setup, out, err);
}

void tsgd_tune_free(struct tsgd_tune *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->powers; i++)
        tsgd_schedule_release(&t->mixing[i]);
    tsgd_setup_release(&t->setup);
    pthread_mutex_destroy(&t->telling);
    free(t->candidate);
    free(t->population);
    free(t->rate);
    free(t->member);
    free(t->best);
    free(t);
}
