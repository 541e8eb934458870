/* run/run.c: the public calls that train one population: create, train, save, free. */
#include "run/run.h"

#include "base/clock.h"
#include "base/mem.h"
#include "run/agree.h"
#include "run/forecast.h"
#include "run/job.h"
#include "run/life.h"
#include "run/metrics.h"
#include "run/place.h"
#include "run/trace.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

struct tsgd_run {
    struct tsgd_setup setup;
    struct tsgd_info info;
    struct tsgd_until until;
    struct tsgd_keeper keeper;
    struct tsgd_resume resume;
    struct tsgd_job job;        /* of one population */
    struct tsgd_life life;

    /* of the training under way */
    tsgd_eval_fn *on_eval;
    void *user;
    tsgd_stall_fn *on_stall;
    void *stall_user;
    struct tsgd_eval last;
    bool reached;
    bool held;                  /* `last` meets until, and has not been told: see judge */
    uint64_t samples_before;    /* that a run which resumes had used */
};

/* An evaluation that meets --until ends the run. With a final average it is held back, because the
 * engine then shows that round again as the average makes it, unless it did so at once (the round
 * was the last one anyway); then tsgd_run_train tells it.                                       */
static enum tsgd_verdict judge(uint32_t population, const struct tsgd_eval *eval, void *user)
{
    struct tsgd_run *r = user;
    bool again = r->held, stop = false;
    (void)population;
    r->last = *eval;
    if (r->setup.s->until && !again)
        r->reached |= tsgd_until_met(&r->until, eval);
    r->held = r->reached && r->setup.s->final_average && !again;
    if (r->held)
        return TSGD_END_HERE;
    if (r->on_eval)
        stop = r->on_eval(eval, r->user);
    return r->reached ? TSGD_END_HERE : stop ? TSGD_STOP_SOON : TSGD_GO_ON;
}

static void stalled(const char *text, void *user)
{
    const struct tsgd_run *r = user;
    if (r->on_stall)
        r->on_stall(text, r->stall_user);
}

enum tsgd_status tsgd_run_plan(struct tsgd_run **out, const struct tsgd_settings *settings,
                               struct tsgd_shelf *shelf, const _Atomic bool *stop,
                               struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_run *r = NULL;
    struct tsgd_settings *whole = NULL;
    *out = NULL;
    TRY(TSGD_NEW(&r, 1, "run", err));
    tsgd_life_create(&r->life);
    TRY(tsgd_resume_settings(&whole, &r->resume, settings, "train", err));
    TRY(tsgd_setup_init(&r->setup, whole, TSGD_FOR_TRAIN, err));
    struct tsgd_settings *s = r->setup.s;
    TRY(tsgd_keeper_init(&r->keeper, &r->setup, "train", whole, err));
    if (s->until)
        TRY(tsgd_until_parse(&r->until, s, err));
    TRY(tsgd_setup_make(&r->setup, shelf, err));
    if (s->resume)
        TRY(tsgd_resume_check(&r->resume, &r->setup, err));
    TRY(tsgd_job_init(&r->job, &r->setup, &(struct tsgd_member){r->setup.tokens, s->lr}, 1,
                      &(struct tsgd_audience){
                          .judge = judge, .stalled = stalled, .user = r,
                          .awaits_verdict = s->until != NULL, .stop = stop,
                          .keeper = s->checkpoint ? &r->keeper : NULL,
                          .resume = s->resume ? &r->resume : NULL,
                      }, err));
    if (TSGD_HAS(s, validation))
        TRY(tsgd_setup_prepare_test(&r->setup, err));
    tsgd_setup_describe(&r->setup, r->job.tokens, tsgd_job_bytes(&r->job), &r->info);
    r->info.resumed_round = r->resume.round;
    r->info.resumed_pass = r->resume.pass;
    TRY(TSGD_FILL(s, gossip, tsgd_engine_slices(&r->job.config) ? "slices" : "rows", err));
    *out = r;
    r = NULL;
done:
    tsgd_settings_free(whole);
    tsgd_run_free(r);
    return st;
}

enum tsgd_status tsgd_run_start(struct tsgd_run *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_job_start(&r->job, err));
    r->info.minimum = tsgd_setup_minimum(&r->setup);
    r->samples_before = tsgd_engine_samples(r->job.engine, 0);
    TRY(tsgd_keeper_check(r->setup.s, err));
    TRY(tsgd_setup_write_split(&r->setup, err));
done:
    return st;
}

bool tsgd_run_teleports(const struct tsgd_run *r) { return r->setup.teleports; }

enum tsgd_status tsgd_run_cut(struct tsgd_run *r, uint32_t ranks, struct tsgd_cut *placed,
                              struct tsgd_cut *blocks, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_mixing *mixing = NULL;
    struct tsgd_ranks on = {.ranks = ranks, .nodes = (uint32_t)r->setup.s->nodes};
    uint32_t *of = NULL;
    TRY(tsgd_setup_mixing(&r->setup, r->setup.tokens, &mixing, err));
    TRY(tsgd_place_cut(blocks, mixing, &on, err));
    TRY(tsgd_setup_place(&r->setup, mixing, ranks, &of, err));
    on.of = of;
    TRY(tsgd_place_cut(placed, mixing, &on, err));
done:
    free(of);
    return st;
}

size_t tsgd_run_own_bytes(const struct tsgd_run *r) { return tsgd_job_bytes(&r->job); }

uint64_t tsgd_expected_rounds(const struct tsgd_info *info)
{
    const struct tsgd_settings *s = info->resolved;
    uint64_t rounds = s->rounds;
    if (s->samples > 0) {
        double per_round = (double)info->tokens * (double)s->batch * (double)s->local_steps;
        uint64_t needed = (uint64_t)((double)s->samples / per_round) + 1;
        if ((double)(needed - 1) * per_round >= (double)s->samples)
            needed--;
        if (rounds == 0 || needed < rounds)
            rounds = needed;
    }
    return rounds;
}

enum tsgd_status tsgd_run_create(struct tsgd_run **out, const struct tsgd_settings *settings,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_run *r = NULL;
    TRY(tsgd_given(out, "out", __func__, err));
    *out = NULL;
    TRY(tsgd_given(settings, "settings", __func__, err));
    TRY(tsgd_agree(settings->transport, tsgd_run_plan(&r, settings, NULL, NULL, err), err));
    TRY(tsgd_agree_setup(&r->setup, &r->info, &r->resume, err));
    TRY(tsgd_agree(settings->transport, tsgd_run_start(r, err), err));
    *out = r;
    r = NULL;
done:
    tsgd_run_free(r);
    return st;
}

static enum tsgd_status tell_divergence(const struct tsgd_run *r, const struct tsgd_outcome *o,
                                        struct tsgd_error *err)
{
    const bool targets = r->info.targets > 0;
    const char *try = targets ? "try a smaller --lr, a --warmup, or targets in larger units (they "
                                "are not normalised)" : "try a smaller --lr or a --warmup";
    if (o->diverged_token == UINT32_MAX)
        return tsgd_fail(err, TSGD_EDIVERGED, "the training diverged: the evaluation after round "
                         "%llu is not finite; %s", (unsigned long long)o->diverged_round, try);
    return tsgd_fail(err, TSGD_EDIVERGED, "the training diverged: the loss of token %u in round "
                     "%llu is not finite; %s", o->diverged_token,
                     (unsigned long long)o->diverged_round, try);
}

/* The mean on the test samples: the last evaluation has it, unless that was of held-out ones. */
static void test(const struct tsgd_run *r, const struct tsgd_outcome *o, struct tsgd_summary *out)
{
    struct tsgd_eval e = r->last;       /* of held-out samples it has no test_* */
    if (TSGD_HAS(r->setup.s, validation) && !o->diverged)
        tsgd_setup_test(&r->setup, tsgd_engine_mean(r->job.engine, 0), &e);
    out->test_loss = e.test_loss;
    out->test_accuracy = e.test_accuracy;
    out->test_r2 = e.test_r2;
}

enum tsgd_status tsgd_run_train(struct tsgd_run *r, tsgd_eval_fn *on_eval, void *user,
                                struct tsgd_summary *summary, struct tsgd_error *err)
{
    struct tsgd_outcome o;
    struct tsgd_error last;
    enum tsgd_status st = tsgd_given(r, "run", __func__, err);
    if (st == TSGD_OK)
        st = tsgd_life_begin(&r->life, __func__, err);
    if (st != TSGD_OK)
        return st;
    r->on_eval = on_eval;
    r->user = user;
    st = tsgd_job_run(&r->job, &o, err);
    tsgd_life_end(&r->life, st == TSGD_OK && !o.diverged);
    if (st != TSGD_OK)
        return st;
    if (r->held && on_eval)
        on_eval(&r->last, user);
    if (summary) {
        *summary = (struct tsgd_summary){
            .last = r->last,
            .wall_seconds = r->resume.seconds + o.seconds,
            .samples_per_second = o.busy_seconds > 0 ?
                (double)(r->last.samples - r->samples_before) / o.busy_seconds : NAN,
            .share_step = o.share[0], .share_mix = o.share[1], .share_eval = o.share[2],
            .share_messages = o.share[3], .share_wait = o.share[4], .share_other = o.share[5],
            .share_ran = o.presence[0], .share_slept = o.presence[1], .share_taken = o.presence[2],
            .steals = o.steals, .sleeps = o.sleeps,
            .interrupted = o.interrupted,
            .has_until = r->setup.s->until != NULL, .reached = r->reached,
            .diverged_round = o.diverged_round, .diverged_token = o.diverged_token,
        };
        summary->checkpoints = tsgd_engine_checkpoints(r->job.engine, &last);
        summary->checkpoint_failed = last.status != TSGD_OK;
        test(r, &o, summary);
    }
    return o.diverged ? tell_divergence(r, &o, err) : TSGD_OK;
}

void tsgd_run_on_checkpoint(struct tsgd_run *r, tsgd_checkpoint_fn *tell, void *user)
{
    if (!r || !tsgd_life_is_new(&r->life))
        return;
    r->keeper.tell = tell;
    r->keeper.user = user;
}

void tsgd_run_checkpoint(struct tsgd_run *r)
{
    if (r)
        atomic_store_explicit(&r->keeper.ask, true, memory_order_relaxed);
}

void tsgd_run_on_stall(struct tsgd_run *r, tsgd_stall_fn *on_stall, void *user)
{
    if (!r || !tsgd_life_is_new(&r->life))
        return;
    r->on_stall = on_stall;
    r->stall_user = user;
}

void tsgd_run_stop(struct tsgd_run *r)
{
    if (r)
        tsgd_engine_stop(r->job.engine);
}

uint64_t tsgd_run_progress(const struct tsgd_run *r)
{
    return r ? tsgd_engine_progress(r->job.engine) : 0;
}

static enum tsgd_status check_worker(uint64_t worker, uint64_t workers, const char *call,
                                     struct tsgd_error *err)
{
    if (worker < workers)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "%s: found worker %llu, want 0 to %llu", call,
                     (unsigned long long)worker, (unsigned long long)workers - 1);
}

enum tsgd_status tsgd_run_place(const struct tsgd_run *r, uint64_t worker,
                                struct tsgd_placement *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_given(r, "run", __func__, err));
    TRY(tsgd_given(out, "out", __func__, err));
    TRY(check_worker(worker, r->info.threads, __func__, err));
    tsgd_engine_place(r->job.engine, (uint32_t)worker, out);
done:
    return st;
}

enum tsgd_status tsgd_run_worker_shares(const struct tsgd_run *r, uint64_t worker,
                                        struct tsgd_worker_shares *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    double share[TSGD_SHARES], presence[TSGD_PRESENCES];
    TRY(tsgd_given(r, "run", __func__, err));
    TRY(tsgd_given(out, "out", __func__, err));
    TRY(tsgd_life_ended(&r->life, false, __func__, err));
    TRY(check_worker(worker, tsgd_engine_all_workers(r->job.engine), __func__, err));
    tsgd_engine_shares(r->job.engine, (uint32_t)worker, share, presence);
    *out = (struct tsgd_worker_shares){.step = share[0], .mix = share[1], .eval = share[2],
                                       .messages = share[3], .wait = share[4], .other = share[5],
                                       .ran = presence[0], .slept = presence[1],
                                       .taken = presence[2]};
done:
    return st;
}

const struct tsgd_info *tsgd_run_info(const struct tsgd_run *r) { return r ? &r->info : NULL; }

enum tsgd_status tsgd_run_tensor(const struct tsgd_run *r, uint64_t i, struct tsgd_tensor_info *out,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_given(r, "run", __func__, err));
    TRY(tsgd_given(out, "out", __func__, err));
    TRY(tsgd_setup_tensor(&r->setup, i, __func__, out, err));
done:
    return st;
}

const float *tsgd_run_token(const struct tsgd_run *r, uint64_t a)
{
    if (!r || a >= r->info.tokens || !tsgd_life_has_result(&r->life))
        return NULL;
    return tsgd_engine_row(r->job.engine, (uint32_t)a, 0);
}

const float *tsgd_run_mean(const struct tsgd_run *r)
{
    return r && tsgd_life_has_result(&r->life) ? tsgd_engine_mean(r->job.engine, 0) : NULL;
}

enum tsgd_status tsgd_run_save(const struct tsgd_run *r, const char *path, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_given(r, "run", __func__, err));
    TRY(tsgd_given(path, "path", __func__, err));
    TRY(tsgd_life_ended(&r->life, true, __func__, err));
    TRY(tsgd_setup_save(&r->setup, tsgd_engine_mean(r->job.engine, 0), path, err));
done:
    return st;
}

enum tsgd_status tsgd_run_save_trace(const struct tsgd_run *r, struct tsgd_traced *out,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_given(r, "run", __func__, err));
    TRY(tsgd_life_ended(&r->life, false, __func__, err));
    TRY(tsgd_trace_save(&r->setup, out, err));
done:
    return st;
}

double tsgd_run_step_seconds(struct tsgd_run *r)
{
    const struct tsgd_problem *p = r ? r->setup.task->problem : NULL;
    float *grad = NULL;
    void *scratch = NULL;
    uint64_t steps = 0, start = 0, now = 0;
    uint32_t node = 0;
    if (!r || !tsgd_life_is_new(&r->life))
        return NAN;
    while (!tsgd_is_here(&r->setup.ranks, node) || p->ops->batch_count(p, node, 0) == 0)
        if (++node == p->nodes)
            return NAN;         /* an objective may leave every node without samples */
    if (TSGD_NEW(&grad, p->dim, "gradient", NULL) == TSGD_OK &&
        tsgd_alloc(&scratch, 1, p->scratch_bytes, "scratch", NULL) == TSGD_OK) {
        p->ops->gradient(p, node, 0, r->setup.task->init, grad, scratch);       /* warm up */
        start = now = tsgd_now_ns();
        for (; now - start < 200000000; now = tsgd_now_ns())
            p->ops->gradient(p, node, ++steps, r->setup.task->init, grad, scratch);
    }
    free(grad);
    free(scratch);
    return steps && now > start ? (double)(now - start) * 1e-9 / (double)steps : NAN;
}

enum tsgd_status tsgd_run_exchange(const struct tsgd_run *r, double *out, struct tsgd_error *err)
{
    return tsgd_forecast_exchange(out, &r->job, err);
}

enum tsgd_status tsgd_run_forecast(const struct tsgd_run *r, double message,
                                   struct tsgd_forecast *out, struct tsgd_error *err)
{
    return tsgd_forecast_make(out, &r->job, message, r->info.memory_bytes, err);
}

void tsgd_run_free(struct tsgd_run *r)
{
    if (!r || tsgd_life_is_training(&r->life))
        return;
    tsgd_job_release(&r->job);
    tsgd_resume_close(&r->resume);
    tsgd_keeper_release(&r->keeper);
    tsgd_setup_release(&r->setup);
    free(r);
}
