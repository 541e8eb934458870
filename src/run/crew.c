#include "run/crew.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "engine/loop.h"
#include "run/costs.h"
#include "run/handoff.h"
#include "run/rehearsal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const char *const tsgd_crew_causes[TSGD_CAUSES] = {
    [TSGD_CAUSE_GOSSIP] = "gossip", [TSGD_CAUSE_FETCHES] = "fetches",
    [TSGD_CAUSE_HAND_OVERS] = "hand_overs", [TSGD_CAUSE_WAKES] = "wakes_one_by_one",
    [TSGD_CAUSE_PLANS] = "plans", [TSGD_CAUSE_MEMORY] = "memory",
};

/* ---- what a waiting worker costs ---- */

/* As a worker of engine/loop.h waits before it steals, and before it sleeps. */
static void pauses(void *n)
{
    for (int i = 0; i < *(int *)n; i++)
        tsgd_pause();
}

static enum tsgd_status time_waits(struct tsgd_crew_costs *c, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_timing hand, wake;
    int before_stealing = STEAL_AFTER, before_sleeping = SLEEP_AFTER;
    if (tsgd_cpu_count() < 2)           /* nobody to hand anything to */
        return TSGD_OK;
    c->steal = tsgd_time_calls(pauses, &before_stealing, 0.005).median * 1e-9;
    c->patience = tsgd_time_calls(pauses, &before_sleeping, 0.01).median * 1e-9;
    TRY(tsgd_hand_off(&hand, true, 0.05, err));
    TRY(tsgd_wake_up(&wake, 0.05, err));
    c->hand = hand.least * 1e-9;        /* who else runs here keeps two threads from meeting */
    c->wake = wake.median * 1e-9;       /* the least is of one that was still falling asleep */
done:
    return st;
}

/* ---- what goes to memory ---- */

/* A step reads x forward and backward, writes a gradient, and the rule reads three rows and writes
 * two; what is written is read first. None of it where a worker's rows stay in its share of the
 * last cache: eight cores share 32 MiB of it in many servers.                                   */
static void set_bytes(struct tsgd_crew_costs *c, const struct tsgd_costs *b, uint32_t homes)
{
    enum { CACHE = 4 << 20, ROWS_OF_A_TOKEN = 4 };
    double row = (double)(b->dim * sizeof(float));
    if (row * ROWS_OF_A_TOKEN * homes <= CACHE)
        return;
    c->step_bytes = 9 * row;
    c->read_bytes = row + 2 * row / fmax(1, tsgd_cost_rows_read(b->job->config.population->mixing));
    c->mix_bytes = 2 * row * (double)b->job->tokens;
}

static enum tsgd_status set_costs(struct tsgd_crew_costs *c, struct tsgd_costs *b, uint32_t workers,
                                  bool slices, double step, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_job *j = b->job;
    const double steps = (double)j->setup->s->local_steps;
    const uint32_t parts = j->config.problem->parts;
    struct tsgd_rehearsal r;
    if (isnan(step))
        TRY(tsgd_costs_find_source(b, err));
    TRY(tsgd_rehearse(&r, b, workers, slices, isnan(step), err));
    c->step = isnan(step) ? (r.gradient + r.update) * steps : step;
    c->parts = parts > 1 ? parts : 1;
    if (c->parts > 1) {
        c->update = isnan(step) ? r.update * steps : 0;
        c->step -= c->update;
        c->ranges = (uint32_t)((b->dim + 16383) / 16384);
    }
    c->read = r.read;
    c->slices = r.slices;
    c->mix = r.mix;
    c->fetch = r.fetch;
    c->step_fetch = r.step_fetch;
    c->plan = tsgd_cost_seconds(b, tsgd_cost_plan);
    TRY(time_waits(c, err));
    c->bandwidth = TSGD_HAS(j->setup->s, memory_bandwidth) ? j->setup->s->memory_bandwidth : 0;
    set_bytes(c, b, tsgd_home_tokens((uint32_t)j->tokens, workers));
done:
    return st;
}

/* ---- what follows ---- */

/* The more tokens, the more a round takes to simulate, and the fewer rounds say as much. */
enum { MOST_TOKENS = 1 << 17, MANY_TOKENS = 1 << 13 };

/* So many that the simulations take seconds; with MOST_TOKENS, most of a minute. */
static uint64_t rounds_for(const struct tsgd_crewsim *c)
{
    double k = c->tokens, looks = (c->cost.slices ? c->cost.slices : k) + k;
    double least = k < MANY_TOKENS ? 24 : 8;
    looks += c->cost.parts > 1 ? k * (c->cost.parts + c->cost.ranges) : 0;
    double rounds = 3e7 / looks / (k + c->workers);
    return (uint64_t)fmin(fmax(rounds, least), 800);
}

static struct tsgd_crew_costs leave_out(struct tsgd_crew_costs c, enum tsgd_crew_cause cause)
{
    switch (cause) {
    case TSGD_CAUSE_FETCHES:
        c.fetch = c.step_fetch = 0;
        break;
    case TSGD_CAUSE_HAND_OVERS:
        c.hand = c.wake = c.steal = 0;
        c.patience = INFINITY;
        break;
    case TSGD_CAUSE_WAKES:
        c.at_once = UINT32_MAX;
        break;
    case TSGD_CAUSE_PLANS:
        c.plan = 0;
        break;
    case TSGD_CAUSE_MEMORY:
        c.bandwidth = 0;
        break;
    default:
        break;
    }
    return c;
}

static enum tsgd_status without(const struct tsgd_crewsim *sim, enum tsgd_crew_cause cause,
                                double *seconds, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_crewsim c = *sim;
    struct tsgd_crew_times t;
    struct tsgd_mixing alone = TSGD_MIXING_INIT;
    c.cost = leave_out(c.cost, cause);
    if (cause == TSGD_CAUSE_GOSSIP) {
        TRY(tsgd_topology_build(&alone, "alone", c.tokens, 0, err));
        c.mixing = &alone;
        c.cost.slices = 0;
    }
    TRY(tsgd_crewsim_run(&c, &t, err));
    *seconds = t.seconds;
done:
    tsgd_mixing_release(&alone);
    return st;
}

/* As the run would choose on a machine with a core for each worker. */
static bool by_slices(const struct tsgd_job *j, uint32_t workers)
{
    struct tsgd_engine_config c = j->config;
    c.threads = workers;
    return tsgd_engine_slices(&c);
}

static struct tsgd_crewsim simulation(const struct tsgd_job *j, uint32_t workers)
{
    const struct tsgd_engine_config *c = &j->config;
    const struct tsgd_network *n = &j->setup->network;
    return (struct tsgd_crewsim){
        .tokens = (uint32_t)j->tokens, .nodes = c->problem->nodes, .workers = workers,
        .teleports = c->teleports, .seed = c->seed, .presence = c->presence,
        .mixing = c->population->mixing, .stragglers = n->on && n->sigma > 0 ? n : NULL,
    };
}

static enum tsgd_status foretell(struct tsgd_crew_forecast *f, struct tsgd_costs *b,
                                 uint32_t workers, double step, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_crewsim sim = simulation(b->job, workers);
    f->workers = workers;
    f->slices = by_slices(b->job, workers);
    TRY(set_costs(&sim.cost, b, workers, f->slices, step, err));
    f->cost = sim.cost;
    f->rounds = sim.rounds = rounds_for(&sim);
    TRY(tsgd_crewsim_run(&sim, &f->times, err));
    for (enum tsgd_crew_cause i = 0; i < TSGD_CAUSES; i++)
        TRY(without(&sim, i, &f->without[i], err));
done:
    return st;
}

enum tsgd_status tsgd_crew_forecast(struct tsgd_crew_forecast *out, const struct tsgd_job *job,
                                    uint64_t threads, double step, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_crew_forecast f = {.workers = 0}, one = {.workers = 0};
    struct tsgd_costs b;
    uint32_t workers = tsgd_engine_workers(job->config.problem, job->tokens, threads);
    if (job->tokens > MOST_TOKENS)
        return tsgd_fail(err, TSGD_EINVAL, "--ranks 1: %" PRIu64 " tokens take too long to "
                         "simulate; want at most %d, as by --active", (uint64_t)job->tokens,
                         MOST_TOKENS);
    TRY(tsgd_costs_init(&b, job, err));
    TRY(foretell(&f, &b, workers, step, err));
    f.one_thread = f.times.seconds;
    if (workers > 1) {
        TRY(foretell(&one, &b, 1, step, err));
        f.one_thread = one.times.seconds;
    }
    *out = f;
done:
    tsgd_costs_release(&b);
    return st;
}
