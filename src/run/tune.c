/* run/tune.c: the search for k (Takezawa & Stich, ICLR 2025, Algorithm 2), and for the step size.
 * Candidates are populations; a pass is a job that trains as many of them as the nodes have room
 * for, on disjoint sets of active nodes.                                                        */
#include "base/clock.h"
#include "base/mem.h"
#include "run/agree.h"
#include "run/job.h"
#include "run/life.h"
#include "run/trace.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define MOST_K 32               /* powers of two below 2^32 */

/* A job, and whom it trains. */
struct pass {
    struct tsgd_tune *t;
    struct tsgd_job job;
    struct tsgd_candidate **candidate;      /* [job.n] */
};

/* What the passes that are over have found, for checkpoints: it changes between passes alone. */
struct found {
    uint64_t rounds, gradients; /* of those passes */
    uint64_t chosen;            /* 1 + the candidate's number; 0: none */
    double seconds;
    struct tsgd_eval *last;     /* [candidates], like the next two */
    double *score;
    uint64_t *diverged;
};
enum { FOUND = 9 };             /* tensors of it, with the best parameters; the last is there for
                                 * objectives alone */

struct tsgd_tune {
    struct tsgd_setup setup;
    struct tsgd_info info;
    struct tsgd_life life;
    struct tsgd_candidate *candidate;
    struct pass *pass;          /* [passes], room for one a candidate */
    size_t candidates, passes;
    const struct tsgd_candidate *chosen;
    float *best;                /* the chosen one's parameters */
    struct found found;
    struct tsgd_sealed_tensor stored[FOUND];
    struct tsgd_keeper keeper;
    struct tsgd_resume resume;
    size_t first_pass;          /* 0, unless it resumes */

    /* of the training under way */
    uint64_t rounds_before;     /* of the passes that are over */
    _Atomic uint64_t rounds;    /* relaxed, as it is for show */
    _Atomic bool stopped;       /* relaxed, as in tsgd_engine_stop */
    tsgd_tune_fn *on_eval;
    void *user;
    tsgd_stall_fn *on_stall;
    void *stall_user;
    pthread_mutex_t telling;    /* populations finish evaluations side by side; on_eval is called by
                                 * one at a time. Evaluations only: no step waits for it         */
};

static enum tsgd_status check(const struct tsgd_setup *r, struct tsgd_error *err)
{
    const struct tsgd_settings *s = r->s;
    if (!strcmp(s->momentum_home, "node") && s->momentum > 0)
        return tsgd_fail(err, TSGD_EINVAL, "--momentum-home: found node, but the candidates of a "
                         "search would share the nodes' momentum; leave it out");
    if (s->objective.size && !s->objective.n_metrics)
        return tsgd_fail(err, TSGD_EINVAL, "objective: '%s' has no metrics, and a search judges by "
                         "the first one; give it evaluate and metrics", s->objective.name);
    if (!r->method->teleports && !r->method->may_teleport)
        return tsgd_fail(err, TSGD_EINVAL, "--method: found %s, where all nodes are active; a "
                         "search for k wants one that teleports", s->method);
    return TSGD_OK;
}

static enum tsgd_status init_candidates(struct tsgd_tune *t, const double *lr, size_t n_lr,
                                        struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t powers = 0, c = 0;
    while (powers < MOST_K && (uint64_t)1 << powers <= t->setup.s->nodes)
        powers++;
    t->candidates = powers * n_lr;
    TRY(TSGD_NEW(&t->candidate, t->candidates, "candidates", err));
    TRY(TSGD_NEW(&t->pass, t->candidates, "candidates", err));
    for (size_t i = 0; i < powers; i++)
        for (size_t j = 0; j < n_lr; j++)
            t->candidate[c++] = (struct tsgd_candidate){.active = (uint64_t)1 << i, .lr = lr[j],
                                                        .score = NAN};
done:
    return st;
}

/* Puts each candidate into the first pass that has room. With one step size in ascending order,
 * which gives the paper's passes: all powers but perhaps the largest, then that one; with several
 * in descending order, which needs fewer.                                                       */
static enum tsgd_status pack(struct tsgd_tune *t, size_t n_lr, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t *room = NULL;
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
done:
    free(room);
    return st;
}

static enum tsgd_verdict judge(uint32_t population, const struct tsgd_eval *eval, void *user);

static void stalled(const char *text, void *user)
{
    const struct tsgd_tune *t = ((struct pass *)user)->t;
    if (t->on_stall)
        t->on_stall(text, t->stall_user);
}

/* The job of pass number `number`, counted from 1. */
static enum tsgd_status init_pass(struct tsgd_tune *t, size_t number, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct pass *p = &t->pass[number - 1];
    struct tsgd_member *member = NULL;
    uint32_t n = 0;
    p->t = t;
    TRY(TSGD_NEW(&p->candidate, t->candidates, "candidates", err));
    TRY(TSGD_NEW(&member, t->candidates, "candidates", err));
    for (size_t i = 0; i < t->candidates; i++) {
        struct tsgd_candidate *c = &t->candidate[i];
        if (c->pass != number)
            continue;
        member[n] = (struct tsgd_member){c->active, c->lr};
        p->candidate[n++] = c;
    }
    TRY(tsgd_job_init(&p->job, &t->setup, member, n,
                      &(struct tsgd_audience){
                          .judge = judge, .stalled = stalled, .user = p, .independent = true,
                          .stop = &t->stopped,
                          .keeper = t->setup.s->checkpoint ? &t->keeper : NULL,
                          .resume = number == t->resume.pass ? &t->resume : NULL,
                      }, err));
done:
    free(member);
    return st;
}

/* ---- what checkpoints hold of the passes that are over ---- */

static void store(struct tsgd_tune *t, size_t i, const char *name, const char *dtype, void *data,
                  uint64_t rows, uint64_t columns, size_t bytes)
{
    t->stored[i] = (struct tsgd_sealed_tensor){
        .dtype = dtype, .rank = columns ? 2 : 1, .extent = {rows, columns}, .data = data,
        .blocks = 1, .block_bytes = bytes, .stride_bytes = bytes,
    };
    snprintf(t->stored[i].name, sizeof t->stored[i].name, "telesgd.search.%s", name);
}

/* The numbers from .. to - 1 (bytes) of all candidates' last evaluations, a row for each. */
static void store_evals(struct tsgd_tune *t, size_t i, const char *name, const char *dtype,
                        size_t from, size_t to)
{
    store(t, i, name, dtype, (char *)t->found.last + from, t->candidates, (to - from) / 8,
          to - from);
    t->stored[i].blocks = t->candidates;
    t->stored[i].stride_bytes = sizeof *t->found.last;
}

static enum tsgd_status init_found(struct tsgd_tune *t, const struct tsgd_settings *asked,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct found *f = &t->found;
    size_t c = t->candidates, dim = t->setup.task->problem->dim;
    TRY(TSGD_NEW(&f->last, c, "candidates", err));
    TRY(TSGD_NEW(&f->score, c, "candidates", err));
    TRY(TSGD_NEW(&f->diverged, c, "candidates", err));
    for (size_t i = 0; i < c; i++)      /* what is not stored of them */
        for (size_t m = 0; m < TSGD_MOST_METRICS; m++)
            f->last[i].metric[m] = f->last[i].metric_mean[m] = f->last[i].metric_worst[m] = NAN;
    store(t, 0, "rounds", "I64", &f->rounds, 1, 0, sizeof f->rounds);
    store(t, 1, "gradients", "I64", &f->gradients, 1, 0, sizeof f->gradients);
    store(t, 2, "chosen", "I64", &f->chosen, 1, 0, sizeof f->chosen);
    store(t, 3, "seconds", "F64", &f->seconds, 1, 0, sizeof f->seconds);
    store_evals(t, 4, "last", "I64", 0, offsetof(struct tsgd_eval, metric));
    store(t, 5, "score", "F64", f->score, c, 0, c * sizeof *f->score);
    store(t, 6, "diverged", "I64", f->diverged, c, 0, c * sizeof *f->diverged);
    store(t, 7, "best", "F32", t->best, dim, 0, dim * sizeof *t->best);
    store_evals(t, 8, "metric", "F64", offsetof(struct tsgd_eval, metric),
                offsetof(struct tsgd_eval, bytes_between_ranks));
    TRY(tsgd_keeper_init(&t->keeper, &t->setup, "tune", asked, err));
    t->keeper.extra = t->stored;
    t->keeper.n_extra = t->setup.s->objective.size ? FOUND : FOUND - 1;
    t->first_pass = t->resume.path ? (size_t)t->resume.pass - 1 : 0;
    t->keeper.pass = t->first_pass + 1;
done:
    return st;
}

/* After a pass: what no later one finds again. */
static void remember(struct tsgd_tune *t, const struct tsgd_tuning *so_far, double seconds)
{
    struct found *f = &t->found;
    f->rounds = t->rounds_before;
    f->gradients = so_far->gradients_spent;
    f->chosen = t->chosen ? (uint64_t)(t->chosen - t->candidate) + 1 : 0;
    f->seconds = seconds;
    for (size_t i = 0; i < t->candidates; i++) {
        f->last[i] = t->candidate[i].last;
        f->score[i] = t->candidate[i].score;
        f->diverged[i] = t->candidate[i].diverged;
    }
    t->keeper.pass++;
}

/* The other way round, from a checkpoint of the pass that is the first one now. */
static enum tsgd_status recall(struct tsgd_tune *t, struct tsgd_error *err)
{
    const struct found *f = &t->found;
    if (f->chosen > t->candidates)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: has chosen candidate %llu, want at most %zu",
                         t->resume.path, (unsigned long long)f->chosen, t->candidates);
    t->rounds_before = f->rounds;
    t->chosen = f->chosen ? &t->candidate[f->chosen - 1] : NULL;
    for (size_t i = 0; i < t->candidates; i++) {
        struct tsgd_candidate *c = &t->candidate[i];
        if (c->pass > t->first_pass)
            continue;
        c->last = f->last[i];
        c->score = f->score[i];
        c->diverged = f->diverged[i] != 0;
    }
    return TSGD_OK;
}

static enum tsgd_status check_resumed(const struct tsgd_tune *t, struct tsgd_error *err)
{
    enum tsgd_status st = tsgd_resume_check(&t->resume, &t->setup, err);
    if (st == TSGD_OK && t->resume.pass > t->passes)
        st = tsgd_fail(err, TSGD_EFORMAT, "%s: is of pass %llu, want at most %zu", t->resume.path,
                       (unsigned long long)t->resume.pass, t->passes);
    return st;
}

/* Every pass must fit; the largest one is what the search takes. The largest graph is built first,
 * because it is the one that memory may not suffice for.                                        */
static enum tsgd_status init_passes(struct tsgd_tune *t, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t most_tokens = 0, most_bytes = 0, most_active = 1;
    const struct tsgd_mixing *largest;
    for (size_t i = 0; i < t->candidates; i++)
        most_active = t->candidate[i].active > most_active ? t->candidate[i].active : most_active;
    TRY(tsgd_setup_mixing(&t->setup, most_active, &largest, err));
    for (size_t i = 0; i < t->passes; i++) {
        TRY(init_pass(t, i + 1, err));
        const struct tsgd_job *j = &t->pass[i].job;
        most_tokens = j->tokens > most_tokens ? j->tokens : most_tokens;
        most_bytes = tsgd_job_bytes(j) > most_bytes ? tsgd_job_bytes(j) : most_bytes;
    }
    TRY(tsgd_setup_prepare_test(&t->setup, err));
    tsgd_setup_describe(&t->setup, most_tokens, most_bytes, &t->info);
    t->info.resumed_round = t->resume.round;
    t->info.resumed_pass = t->resume.pass;
done:
    return st;
}

/* All but the first pass's engine. *out is freed by the caller also on error. */
static enum tsgd_status plan(struct tsgd_tune **out, const struct tsgd_settings *settings,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_tune *t = NULL;
    struct tsgd_settings *whole = NULL;
    TRY(TSGD_NEW(&t, 1, "search", err));
    *out = t;
    tsgd_life_create(&t->life);
    pthread_mutex_init(&t->telling, NULL);
    TRY(tsgd_resume_settings(&whole, &t->resume, settings, "tune", err));
    TRY(tsgd_setup_init(&t->setup, whole, TSGD_FOR_TUNE, err));
    TRY(check(&t->setup, err));
    const struct tsgd_settings *s = t->setup.s;
    const double *lr = s->lr_grid.n ? s->lr_grid.value : &s->lr;
    size_t n_lr = s->lr_grid.n ? s->lr_grid.n : 1;
    TRY(init_candidates(t, lr, n_lr, err));
    TRY(tsgd_setup_make(&t->setup, NULL, err));
    TRY(TSGD_NEW(&t->best, t->setup.task->problem->dim, "the best parameters", err));
    TRY(pack(t, n_lr, err));
    if (s->resume)
        TRY(check_resumed(t, err));
    TRY(init_found(t, whole, err));
    TRY(init_passes(t, err));
    TRY(tsgd_keeper_check(s, err));
done:
    tsgd_settings_free(whole);
    return st;
}

/* What cannot run is told before it begins. */
static enum tsgd_status start_first(struct tsgd_tune *t, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_job_start(&t->pass[t->first_pass].job, err));
    t->info.minimum = tsgd_setup_minimum(&t->setup);
    if (t->setup.s->resume)
        TRY(recall(t, err));
done:
    return st;
}

enum tsgd_status tsgd_tune_create(struct tsgd_tune **out, const struct tsgd_settings *settings,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_tune *t = NULL;
    TRY(tsgd_given(out, "out", __func__, err));
    *out = NULL;
    TRY(tsgd_given(settings, "settings", __func__, err));
    TRY(tsgd_agree(settings->transport, plan(&t, settings, err), err));
    TRY(tsgd_agree_setup(&t->setup, &t->info, &t->resume, err));
    TRY(tsgd_agree(settings->transport, start_first(t, err), err));
    *out = t;
    t = NULL;
done:
    tsgd_tune_free(t);
    return st;
}

static enum tsgd_verdict judge(uint32_t population, const struct tsgd_eval *eval, void *user)
{
    struct pass *p = user;
    struct tsgd_tune *t = p->t;
    struct tsgd_candidate *c = p->candidate[population];
    double score;
    memcpy(&score, (const char *)eval + t->setup.task->problem->metric[0].at, sizeof score);
    c->last = *eval;
    c->score = score;
    atomic_store_explicit(&t->rounds, t->rounds_before + eval->round, memory_order_relaxed);
    pthread_mutex_lock(&t->telling);
    bool stop = t->on_eval && t->on_eval(c, &c->last, t->user);
    pthread_mutex_unlock(&t->telling);
    return stop ? TSGD_STOP_SOON : TSGD_GO_ON;
}

/* .. than the chosen one's. */
static bool better(const struct tsgd_tune *t, double score)
{
    bool more = t->setup.task->problem->metric[0].more_is_better;
    return more ? score > t->chosen->score : score < t->chosen->score;
}

/* Evaluations are told to rank 0 alone; the others choose by what it has been told. */
static void share(const struct tsgd_tune *t, struct tsgd_candidate *c)
{
    struct tsgd_transport *ranks = t->setup.s->transport;
    if (ranks && ranks->ranks > 1)
        ranks->ops->broadcast(ranks, c, sizeof *c, 0);
}

static void choose(struct tsgd_tune *t, const struct pass *p)
{
    for (uint32_t q = 0; q < p->job.n; q++) {
        struct tsgd_candidate *c = p->candidate[q];
        c->diverged = tsgd_engine_diverged(p->job.engine, q);
        share(t, c);
        if (c->diverged || isnan(c->score) || (t->chosen && !better(t, c->score)))
            continue;
        t->chosen = c;
        memcpy(t->best, tsgd_engine_mean(p->job.engine, q), t->info.parameters * sizeof *t->best);
    }
}

static enum tsgd_status run_pass(struct tsgd_tune *t, struct pass *p, struct tsgd_tuning *out,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_outcome o;
    if (!p->job.engine)                 /* the first pass's is started already */
        TRY(tsgd_agree(t->setup.s->transport, tsgd_job_start(&p->job, err), err));
    TRY(tsgd_job_run(&p->job, &o, err));
    choose(t, p);
    t->rounds_before += tsgd_engine_rounds(p->job.engine, 0);
    out->interrupted = o.interrupted;
    out->passes++;
    out->rounds_spent = t->rounds_before;
    for (uint32_t q = 0; q < p->job.n; q++)
        out->gradients_spent += p->candidate[q]->last.gradients;
done:
    tsgd_job_end(&p->job);
    return st;
}

static enum tsgd_status run(struct tsgd_tune *t, struct tsgd_tuning *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t start = tsgd_now_ns();
    *out = (struct tsgd_tuning){.rounds_grid = t->candidates * t->setup.s->rounds,
                                .test_loss = NAN, .test_accuracy = NAN, .test_r2 = NAN};
    struct tsgd_eval test;
    double before = t->found.seconds + t->resume.seconds;
    out->passes = t->first_pass;
    out->rounds_spent = t->found.rounds;
    out->gradients_spent = t->found.gradients;
    for (size_t i = t->first_pass; i < t->passes && !out->interrupted; i++) {
        TRY(run_pass(t, &t->pass[i], out, err));
        remember(t, out, before + (double)tsgd_ns_since(start) * 1e-9);
    }
    if (t->chosen) {    /* on the test samples, which nothing has looked at so far */
        tsgd_setup_test(&t->setup, t->best, &test);
        out->test_loss = test.test_loss;
        out->test_accuracy = test.test_accuracy;
        out->test_r2 = test.test_r2;
    }
    out->chosen = t->chosen;
    out->wall_seconds = before + (double)tsgd_ns_since(start) * 1e-9;
    if (!t->chosen && !out->interrupted)
        st = tsgd_fail(err, TSGD_EDIVERGED, "every candidate diverged: the losses are not finite; "
                       "try a smaller --lr or a --warmup");
done:
    return st;
}

enum tsgd_status tsgd_tune_run(struct tsgd_tune *t, tsgd_tune_fn *on_eval, void *user,
                               struct tsgd_tuning *out, struct tsgd_error *err)
{
    struct tsgd_tuning ignored;
    enum tsgd_status st = tsgd_given(t, "t", __func__, err);
    if (st == TSGD_OK)
        st = tsgd_life_begin(&t->life, __func__, err);
    if (st != TSGD_OK)
        return st;
    t->on_eval = on_eval;
    t->user = user;
    st = run(t, out ? out : &ignored, err);
    tsgd_life_end(&t->life, st == TSGD_OK && t->chosen);
    return st;
}

const struct tsgd_candidate *tsgd_tune_candidates(const struct tsgd_tune *t, size_t *n)
{
    if (n)
        *n = t ? t->candidates : 0;
    return t ? t->candidate : NULL;
}

const struct tsgd_info *tsgd_tune_info(const struct tsgd_tune *t) { return t ? &t->info : NULL; }

enum tsgd_status tsgd_tune_tensor(const struct tsgd_tune *t, uint64_t i,
                                  struct tsgd_tensor_info *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_given(t, "t", __func__, err));
    TRY(tsgd_given(out, "out", __func__, err));
    TRY(tsgd_setup_tensor(&t->setup, i, __func__, out, err));
done:
    return st;
}

const float *tsgd_tune_mean(const struct tsgd_tune *t)
{
    return t && tsgd_life_has_result(&t->life) ? t->best : NULL;
}

void tsgd_tune_on_stall(struct tsgd_tune *t, tsgd_stall_fn *on_stall, void *user)
{
    if (!t || !tsgd_life_is_new(&t->life))
        return;
    t->on_stall = on_stall;
    t->stall_user = user;
}

void tsgd_tune_on_checkpoint(struct tsgd_tune *t, tsgd_checkpoint_fn *tell, void *user)
{
    if (!t || !tsgd_life_is_new(&t->life))
        return;
    t->keeper.tell = tell;
    t->keeper.user = user;
}

void tsgd_tune_checkpoint(struct tsgd_tune *t)
{
    if (t)
        atomic_store_explicit(&t->keeper.ask, true, memory_order_relaxed);
}

void tsgd_tune_stop(struct tsgd_tune *t)
{
    if (t)
        atomic_store_explicit(&t->stopped, true, memory_order_relaxed);
}

uint64_t tsgd_tune_progress(const struct tsgd_tune *t)
{
    return t ? atomic_load_explicit(&t->rounds, memory_order_relaxed) : 0;
}

enum tsgd_status tsgd_tune_save(const struct tsgd_tune *t, const char *path, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_given(t, "t", __func__, err));
    TRY(tsgd_given(path, "path", __func__, err));
    TRY(tsgd_life_ended(&t->life, true, __func__, err));
    TRY(tsgd_setup_save(&t->setup, t->best, path, err));
done:
    return st;
}

enum tsgd_status tsgd_tune_save_trace(const struct tsgd_tune *t, struct tsgd_traced *out,
                                      struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_given(t, "t", __func__, err));
    TRY(tsgd_life_ended(&t->life, false, __func__, err));
    TRY(tsgd_trace_save(&t->setup, out, err));
done:
    return st;
}

void tsgd_tune_free(struct tsgd_tune *t)
{
    if (!t || tsgd_life_is_training(&t->life))
        return;
    for (size_t i = 0; i < t->passes; i++) {
        tsgd_job_release(&t->pass[i].job);
        free(t->pass[i].candidate);
    }
    tsgd_setup_release(&t->setup);
    pthread_mutex_destroy(&t->telling);
    free(t->candidate);
    free(t->pass);
    free(t->best);
    free(t->found.last);
    free(t->found.score);
    free(t->found.diverged);
    tsgd_resume_close(&t->resume);
    tsgd_keeper_release(&t->keeper);
    free(t);
}
