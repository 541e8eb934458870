#include "run/forecast.h"

#include "base/mem.h"
#include "engine/spread.h"
#include "run/agree.h"
#include "run/costs.h"
#include "run/rehearsal.h"
#include "transport/exchange.h"

#include <math.h>

enum tsgd_status tsgd_forecast_check(const struct tsgd_settings *s, struct tsgd_error *err)
{
    if (!s->ranks && s->cores)
        return tsgd_fail(err, TSGD_EINVAL, "--cores: needs --ranks, which share them");
    if (s->ranks != 1 && TSGD_HAS(s, memory_bandwidth))
        return tsgd_fail(err, TSGD_EINVAL, "--memory-bandwidth: needs --ranks 1, whose cores share "
                         "it");
    if (!s->ranks)
        return TSGD_OK;
    if (s->ranks > s->nodes)
        return tsgd_fail(err, TSGD_EINVAL, "--ranks: found %llu, want at most --nodes, %llu: a "
                         "rank has one node or more", (unsigned long long)s->ranks,
                         (unsigned long long)s->nodes);
    if (s->link_cost)
        return tsgd_fail(err, TSGD_EINVAL, "--link-cost: cannot go with --ranks, between which all "
                         "links are alike; leave it out");
    if (TSGD_GIVEN(s, port))
        return tsgd_fail(err, TSGD_EINVAL, "--port: cannot go with --ranks, which send and receive "
                         "one message after the other; leave it out");
    return TSGD_OK;
}

/* ---- what follows ---- */

/* Bytes of a message of so many rows, as long as the engine's: whole cache lines, of which one
 * comes before rows that are mixed.                                                             */
static size_t message_bytes(uint32_t rows, size_t head, size_t dim)
{
    return rows ? (head + rows * tsgd_round_up(dim, TSGD_HEAD_FLOATS)) * sizeof(float) : 0;
}

static size_t mixed_bytes(const struct tsgd_job *j)
{
    return message_bytes(tsgd_rule_exchanged(&j->config.rule), TSGD_HEAD_FLOATS,
                         j->config.problem->dim);
}

static struct tsgd_message_cost message(const struct tsgd_settings *s, size_t bytes,
                                        double byte_seconds)
{
    struct tsgd_message_cost m = {.bytes = bytes};
    if (bytes) {
        m.way = (TSGD_HAS(s, link_seconds) ? s->link_seconds : 0) +
                (TSGD_HAS(s, bandwidth) ? (double)m.bytes / s->bandwidth : 0);
        m.worker = (double)bytes * byte_seconds;
    }
    return m;
}

/* Steps and mixes beside those of another core, which slow each other a little. */
static enum tsgd_status set_costs(struct tsgd_forecast *f, struct tsgd_costs *b,
                                  double exchanged_in, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_settings *s = b->job->setup->s;
    const struct tsgd_rule *rule = &b->job->config.rule;
    size_t bytes = mixed_bytes(b->job);
    double copied = tsgd_cost_seconds(b, tsgd_cost_copy) / (double)(b->dim * sizeof(float));
    double byte = exchanged_in > 0 ? exchanged_in / (double)bytes : copied;
    bool given = TSGD_GIVEN(s, compute_seconds);
    uint32_t workers = f->cores < b->job->tokens ? (uint32_t)f->cores : (uint32_t)b->job->tokens;
    struct tsgd_rehearsal r;
    if (!given)
        TRY(tsgd_costs_find_source(b, err));
    TRY(tsgd_rehearse(&r, b, workers, false, !given, err));
    double step = given ? b->job->setup->network.step_seconds : r.gradient + r.update;
    f->cost = (struct tsgd_rank_costs){
        .step = step * (double)s->local_steps,
        .parts = b->job->config.problem->parts,
        .read = r.read,
        .plan = tsgd_cost_seconds(b, tsgd_cost_plan),
        .row = message(s, bytes, byte),
        .own = message(s, message_bytes(tsgd_rule_own(rule), 0, b->dim), byte),
    };
done:
    return st;
}

/* Rows come to rank 0 one by one, and are summed there as they come; the mean goes to the others
 * one by one; then all workers measure blocks of it. With --eval tokens every token is measured
 * too, where it stands. A rank that measures no block takes it to be as long as a step.          */
static double evaluation_seconds(const struct tsgd_forecast *f, struct tsgd_costs *b)
{
    const struct tsgd_engine_config *c = &b->job->config;
    double k = (double)b->job->tokens, ranks = (double)f->ranks, blocks = c->problem->eval_blocks;
    double row = f->cost.row.way / tsgd_rule_exchanged(&c->rule), fold = f->cost.read;
    double came = k * (ranks - 1) / ranks * (row + f->cost.row.worker), sent = (ranks - 1) * row;
    double block = blocks == 0 || !c->problem->ops->evaluate ? 0 : b->blocks > 0 ?
                   tsgd_cost_seconds(b, tsgd_cost_evaluate) : f->cost.step;
    double measured = ceil(blocks / (double)f->cores) * block;
    if (c->eval_tokens)
        measured += ceil(k * blocks / (double)f->cores) * block;
    return (came > k * fold ? came : k * fold) + sent + measured;
}

/* The rank that keeps the most tokens' rows: where holders are fixed, of those on it, and of whom
 * they read.                                                                                    */
static enum tsgd_status largest_rank(const struct tsgd_ranksim *sim, uint32_t *out,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t *kept = NULL, *mark = NULL;
    const struct tsgd_mixing *m = sim->mixing;
    *out = 0;
    if (sim->teleports)
        return TSGD_OK;
    TRY(TSGD_NEW(&kept, sim->ranks.ranks, "the forecast", err));
    TRY(TSGD_NEW(&mark, sim->ranks.ranks, "the forecast", err));
    for (uint32_t b = 0; b < sim->tokens; b++) {        /* by whom is b read? */
        uint32_t r = tsgd_rank_of(&sim->ranks, b);
        kept[r]++;
        mark[r] = b + 1;
        for (uint32_t i = 0; i < m->period; i++)
            for (uint32_t j = m->w[i].tptr[b]; j < m->w[i].tptr[b + 1]; j++) {
                r = tsgd_rank_of(&sim->ranks, m->w[i].tcol[j]);
                kept[r] += mark[r] != b + 1;
                mark[r] = b + 1;
            }
    }
    for (uint32_t r = 0; r < sim->ranks.ranks; r++)
        *out = kept[r] > kept[*out] ? r : *out;
done:
    free(kept);
    free(mark);
    return st;
}

/* What the largest rank takes: as one process, but with its own engine, and a share of the data. */
static enum tsgd_status set_memory(struct tsgd_forecast *f, const struct tsgd_job *j,
                                   const struct tsgd_ranksim *sim, uint64_t in_one,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_engine_config c = j->config;
    struct tsgd_info data = {.memory_bytes = 0};
    struct tsgd_transport none = {.ranks = (uint32_t)f->ranks};
    double kept = (double)j->config.ranks.ranks / (double)f->ranks;     /* of the data here */
    double bytes;
    j->setup->kind->describe(j->setup->task, &data);
    c.gossip = f->ranks > 1 ? TSGD_GOSSIP_ROWS : c.gossip;
    c.ranks = sim->ranks;
    TRY(largest_rank(sim, &c.ranks.rank, err));
    c.transport = f->ranks > 1 ? &none : NULL;
    bytes = (double)in_one - (double)tsgd_job_bytes(j) + (double)tsgd_engine_bytes(&c);
    if (j->setup->kind->owners >> TSGD_OWNER_DATA & 1)  /* else no node has any of its own */
        bytes += (kept - 1) * (double)(data.memory_bytes - c.problem->dim * sizeof(float));
    f->memory_bytes = (uint64_t)bytes;
done:
    return st;
}

/* Seconds after which a system has noticed that one core is free while workers wait for another. */
#define BALANCED_AFTER 4e-3

/* of: as in struct tsgd_ranks. */
static struct tsgd_ranksim simulation(const struct tsgd_forecast *f, const struct tsgd_job *j,
                                      const uint32_t *of)
{
    const struct tsgd_engine_config *c = &j->config;
    const struct tsgd_network *n = &j->setup->network;
    return (struct tsgd_ranksim){
        .tokens = (uint32_t)j->tokens, .teleports = c->teleports, .seed = c->seed,
        .presence = c->presence, .mixing = c->population->mixing,
        .ranks = {.ranks = (uint32_t)f->ranks, .nodes = c->problem->nodes, .of = of},
        .threads = (uint32_t)f->threads, .cores = f->cores, .stays = BALANCED_AFTER,
        .cost = f->cost, .stragglers = n->on && n->sigma > 0 ? n : NULL,
    };
}

/* So many that the simulation takes seconds; with few tokens a round more of them, so that their
 * mean is exact to about a percent.                                                             */
static uint64_t rounds_for(const struct tsgd_ranksim *sim)
{
    double rounds = 3e7 / tsgd_ranksim_effort(sim);
    return rounds < 16 ? 16 : rounds > 2000 ? 2000 : (uint64_t)rounds;
}

static enum tsgd_status simulate(struct tsgd_forecast *f, const struct tsgd_job *j,
                                 const uint32_t *of, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_ranksim sim = simulation(f, j, of);
    struct tsgd_rank_times t;
    sim.rounds = f->rounds = rounds_for(&sim);
    TRY(tsgd_ranksim_run(&sim, &f->times, err));
    sim.cost.row.way = sim.cost.row.worker = sim.cost.own.way = sim.cost.own.worker = 0;
    TRY(tsgd_ranksim_run(&sim, &t, err));
    f->free_seconds = t.seconds;
    sim.ranks.ranks = 1;
    sim.ranks.of = NULL;
    sim.cores = f->threads < f->cores ? f->threads : f->cores;
    TRY(tsgd_ranksim_run(&sim, &t, err));
    f->one_rank = t.seconds;
    f->one_thread = t.work + f->cost.plan;
done:
    return st;
}

/* One process has a scheduler of its own, which is simulated in more detail. */
static enum tsgd_status ask_crew(struct tsgd_forecast *f, const struct tsgd_job *j,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    bool given = TSGD_GIVEN(j->setup->s, compute_seconds);
    TRY(tsgd_crew_forecast(&f->crew, j, f->threads, given ? f->cost.step : NAN, err));
    f->has_crew = true;
    f->rounds = f->crew.rounds;
    f->times.seconds = f->free_seconds = f->one_rank = f->crew.times.seconds;
    f->times.work = f->crew.times.steps + f->crew.times.mixes;
    f->one_thread = f->crew.one_thread;
done:
    return st;
}

enum tsgd_status tsgd_forecast_exchange(double *out, const struct tsgd_job *j,
                                        struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_transport *t = j->setup->s->transport;
    size_t bytes = mixed_bytes(j);
    char *room = NULL;
    *out = NAN;
    if (!t || t->ranks == 1 || bytes > INT32_MAX)
        return TSGD_OK;
    TRY(tsgd_agree(t, TSGD_NEW(&room, tsgd_exchange_room(bytes), "the forecast", err), err));
    if (t->rank < 2)
        *out = tsgd_exchange_seconds(t, bytes, room);
done:
    free(room);
    return st;
}

/* Rounds are added up, and shares are quotients: what is so long has no sum any more. */
#define LONGEST_ROUND 1e100

static enum tsgd_status check_length(const struct tsgd_forecast *f, struct tsgd_error *err)
{
    if (f->times.seconds <= LONGEST_ROUND && f->evaluation <= LONGEST_ROUND)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--ranks: a round would take more than %g seconds, for a "
                     "step takes %.3g, a message %.3g; want less by --compute-seconds, "
                     "--link-seconds, or a larger --bandwidth or --memory-bandwidth",
                     LONGEST_ROUND, f->cost.step, f->cost.row.way);
}

enum tsgd_status tsgd_forecast_make(struct tsgd_forecast *out, const struct tsgd_job *job,
                                    double message, uint64_t memory_bytes, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_settings *s = job->setup->s;
    struct tsgd_forecast f = {.ranks = s->ranks, .threads = s->threads,
                              .exchanged = message > 0};
    struct tsgd_costs b;
    uint32_t *of = NULL;
    uint64_t all = f.ranks * f.threads;
    f.cores = s->cores && s->cores < all ? s->cores : all;
    TRY(tsgd_costs_init(&b, job, err));
    TRY(set_costs(&f, &b, message, err));
    f.evaluation = evaluation_seconds(&f, &b);
    TRY(tsgd_setup_place(job->setup, job->config.population->mixing, (uint32_t)f.ranks, &of, err));
    TRY(simulate(&f, job, of, err));
    if (f.ranks == 1 && f.cores == f.threads)
        TRY(ask_crew(&f, job, err));
    TRY(check_length(&f, err));
    struct tsgd_ranksim sim = simulation(&f, job, of);
    TRY(set_memory(&f, job, &sim, memory_bytes, err));
    *out = f;
done:
    tsgd_costs_release(&b);
    free(of);
    return st;
}
