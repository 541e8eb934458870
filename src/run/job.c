#include "run/job.h"

#include "base/mem.h"
#include "run/interval.h"

#include <string.h>

/* Makes the population of member q: its matrices, step sizes and length. */
static enum tsgd_status make(struct tsgd_job *j, uint32_t q, struct tsgd_setup *setup,
                             const struct tsgd_member *member, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_settings *s = setup->s;
    struct tsgd_population *p = &j->population[q];
    *p = (struct tsgd_population){
        .k = (uint32_t)member->k,
        .rounds = s->rounds ? s->rounds : UINT32_MAX - 16,
        .samples = s->samples,
        .eval_every = s->eval_every,
        .eval_at_start = s->eval_at_start,
    };
    TRY(tsgd_setup_mixing(setup, member->k, &p->mixing, err));
    TRY(tsgd_rate_parse(&j->rate[q], s->schedule, member->lr, s->rounds, s->warmup, err));
    p->eta = tsgd_rate_step_size(&j->rate[q]);
    j->tokens += member->k;
done:
    return st;
}

static enum tsgd_status set_checkpoints(struct tsgd_job *j, struct tsgd_error *err)
{
    struct tsgd_checkpoints *c = &j->config.checkpoints;
    j->config.resumes = j->resume != NULL;
    j->config.first_round = j->resume ? j->resume->round : 0;
    if (!j->keeper)
        return TSGD_OK;
    c->write = tsgd_keeper_write;
    c->user = j->keeper;
    c->ask = &j->keeper->ask;
    return tsgd_interval_parse(j->setup->s->checkpoint_every, &c->every_rounds, &c->every_ns, err);
}

static struct tsgd_engine_config configure(const struct tsgd_job *j,
                                           const struct tsgd_audience *audience)
{
    const struct tsgd_setup *r = j->setup;
    const struct tsgd_settings *s = r->s;
    return (struct tsgd_engine_config){
        .problem = r->task->problem, .kernels = r->on.kernels,
        .population = j->population, .n_populations = j->n,
        .teleports = r->teleports, .ranks = r->ranks,
        .transport = r->ranks.ranks > 1 ? s->transport : NULL,
        .presence = tsgd_churn_presence(&r->churn),
        .clock = tsgd_network_clock(&r->network), .rule = r->rule, .gossip = r->gossip,
        .local_steps = (uint32_t)s->local_steps, .seed = s->seed,
        .threads = (uint32_t)s->threads, .pin = s->pin,
        .eval_tokens = s->eval && !strcmp(s->eval, "tokens"), .final_average = s->final_average,
        .independent = audience->independent, .awaits_verdict = audience->awaits_verdict,
        .stop = audience->stop, .trace = r->trace, .init = r->task->init,
        .stall_seconds = s->stall_seconds, .on_eval = audience->judge,
        .on_stall = audience->stalled, .user = audience->user,
    };
}

/* What helps where memory is short. A node takes two numbers, whatever is trained. */
static const char *remedy(const struct tsgd_job *j)
{
    const struct tsgd_setup *r = j->setup;
    if (r->rule.node)
        return "use --momentum-home token, which does not grow with n";
    if (tsgd_mul(r->s->nodes, 2 * sizeof(uint32_t)) > tsgd_job_bytes(j) / 2)
        return "use fewer --nodes";
    return "use fewer active nodes (--active), a smaller model or a smaller --batch";
}

enum tsgd_status tsgd_job_init(struct tsgd_job *out, struct tsgd_setup *setup,
                               const struct tsgd_member *member, uint32_t n,
                               const struct tsgd_audience *audience, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    *out = (struct tsgd_job){.setup = setup, .n = n, .keeper = audience->keeper,
                             .resume = audience->resume};
    TRY(TSGD_NEW(&out->population, n, "populations", err));
    TRY(TSGD_NEW(&out->rate, n, "populations", err));
    for (uint32_t q = 0; q < n; q++)
        TRY(make(out, q, setup, &member[q], err));
    out->config = configure(out, audience);
    TRY(set_checkpoints(out, err));
    if (!setup->s->dry_run || !setup->s->ranks)     /* else it is planned for other machines */
        TRY(tsgd_mem_check(tsgd_job_bytes(out), "training", remedy(out), err));
done:
    return st;
}

void tsgd_job_release(struct tsgd_job *j)
{
    tsgd_job_end(j);
    free(j->population);
    free(j->rate);
    *j = (struct tsgd_job){.setup = NULL};
}

size_t tsgd_job_bytes(const struct tsgd_job *j) { return tsgd_engine_bytes(&j->config); }

static enum tsgd_status fill(struct tsgd_job *j, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_resume *r = j->resume;
    const struct tsgd_contents *c = &j->keeper->contents;
    TRY(tsgd_resume_read(r, c, tsgd_engine_snapshot(j->engine), err));
    if (!tsgd_engine_resume(j->engine))
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: holds numbers that no run could have", r->path));
    TRY(tsgd_resume_read_rows(r, c, err));
done:
    return st;
}

enum tsgd_status tsgd_job_start(struct tsgd_job *j, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_setup *r = j->setup;
    if (r->kind->prepare)
        TRY(r->kind->prepare(r->task, err));
    TRY(tsgd_engine_create(&j->engine, &j->config, err));
    if (j->keeper)
        TRY(tsgd_keeper_list(j->keeper, tsgd_engine_snapshot(j->engine), err));
    if (j->resume)
        TRY(fill(j, err));
    TRY(tsgd_engine_start(j->engine, err));
done:
    return st;
}

enum tsgd_status tsgd_job_run(struct tsgd_job *j, struct tsgd_outcome *out, struct tsgd_error *err)
{
    return tsgd_engine_run(j->engine, out, err);
}

void tsgd_job_end(struct tsgd_job *j)
{
    tsgd_engine_free(j->engine);
    j->engine = NULL;
}
