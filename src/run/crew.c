#include "run/crew.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "engine/loop.h"
#include "linalg/mix.h"
#include "linalg/vec.h"
#include "run/costs.h"
#include "run/handoff.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const char *const tsgd_crew_causes[TSGD_CAUSES] = {
    [TSGD_CAUSE_GOSSIP] = "gossip", [TSGD_CAUSE_FETCHES] = "fetches",
    [TSGD_CAUSE_HAND_OVERS] = "hand_overs", [TSGD_CAUSE_WAKES] = "wakes_one_by_one",
    [TSGD_CAUSE_PLANS] = "plans", [TSGD_CAUSE_MEMORY] = "memory",
};

/* ---- rounds of one worker, timed task by task ---- */

/* Bytes of rows at most; more home tokens than fit are timed as if they were so many. */
#define ROOM ((size_t)1 << 30)

/* For so long, but a round at least. */
#define SECONDS 0.2

/* A worker's home tokens, and beside them those that it reads. */
struct homes {
    struct tsgd_costs *b;
    uint32_t tokens, rows;      /* that step; that are mixed with */
    bool slices;
    struct tsgd_csr w;          /* each row reads as many others as a token does */
    float *x[2];                /* [exchanged][rows][stride]: gossip by rows goes from one to the
                                 * other */
    float *own;                 /* [own][tokens][stride] */
    float *parts;               /* [parts][stride] gradients; NULL: steps are not shared */
    float *node;
    double *mixes, *gradients, *updates;    /* [VISITS] seconds that each took */
    struct tsgd_holding holding;
};
enum { VISITS = 4096 };

static uint32_t parts_of(const struct tsgd_job *j)
{
    return j->config.problem->parts > 1 ? j->config.problem->parts : 1;
}

/* n rows, each of which reads the `degree` - 1 behind it too. */
static enum tsgd_status make_circle(struct tsgd_csr *out, uint32_t n, uint32_t degree,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_entry *e = NULL;
    TRY(TSGD_NEW(&e, (size_t)n * degree, "the forecast", err));
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t i = 0; i < degree; i++)
            e[a * degree + i] = (struct tsgd_entry){a, (a + i) % n, 1 / (float)degree};
    TRY(tsgd_csr_build(out, n, e, (size_t)n * degree, err));
    out->uniform &= degree == n;
done:
    free(e);
    return st;
}

static enum tsgd_status homes_init(struct homes *h, struct tsgd_costs *b, uint32_t tokens,
                                   bool slices, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_job *j = b->job;
    uint32_t e = tsgd_rule_exchanged(&j->config.rule), own = tsgd_rule_own(&j->config.rule);
    uint32_t degree = (uint32_t)ceil(tsgd_cost_rows_read(j->config.population->mixing));
    size_t row = b->stride * sizeof(float);
    size_t fit = ROOM / row / (2 * e + own + (parts_of(j) > 1 ? parts_of(j) : 0)) + 1;
    *h = (struct homes){.b = b, .slices = slices};
    h->tokens = tokens < fit ? tokens : (uint32_t)fit;
    degree = degree < 2 ? 2 : degree < 17 ? degree : 17;        /* a row more costs as much */
    h->rows = h->tokens < degree ? degree : h->tokens;
    TRY(make_circle(&h->w, h->rows, degree, err));
    TRY(TSGD_HOLD(&h->holding, &h->mixes, VISITS, "the forecast", err));
    TRY(TSGD_HOLD(&h->holding, &h->gradients, VISITS, "the forecast", err));
    TRY(TSGD_HOLD(&h->holding, &h->updates, VISITS, "the forecast", err));
    for (int side = 0; side < 2; side++)
        TRY(tsgd_hold_map(&h->holding, (void **)&h->x[side], e * h->rows * row, "the forecast",
                          err));
    if (own)
        TRY(tsgd_hold_map(&h->holding, (void **)&h->own, own * h->tokens * row, "the forecast",
                          err));
    if (parts_of(j) > 1)
        TRY(tsgd_hold_map(&h->holding, (void **)&h->parts, parts_of(j) * row, "the forecast",
                          err));
    if (j->config.rule.node)
        TRY(tsgd_hold_map(&h->holding, (void **)&h->node, row, "the forecast", err));
    for (int side = 0; side < 2; side++)
        for (uint32_t a = 0; a < h->rows; a++)
            memcpy(h->x[side] + a * b->stride, j->config.init, b->dim * sizeof(float));
done:
    return st;
}

static void homes_release(struct homes *h)
{
    tsgd_csr_release(&h->w);
    tsgd_holding_release(&h->holding);
}

static void mix(struct homes *h, uint32_t a, int side)
{
    const struct tsgd_costs *b = h->b;
    uint32_t e = tsgd_rule_exchanged(&b->rule);
    bool bypass = tsgd_mix_bypass(b->dim, b->job->tokens * b->stride * sizeof(float));
    for (uint32_t i = 0; i < e; i++) {
        size_t row = i * h->rows * b->stride;
        tsgd_mix_row(b->job->config.kernels, &h->w, a, NULL, h->x[!side] + row, b->stride, b->dim,
                     bypass, h->x[side] + row + a * b->stride);
    }
}

static struct tsgd_rows rows_of(const struct homes *h, uint32_t a, int side)
{
    struct tsgd_rows rows = {.node = h->node};
    size_t stride = h->b->stride;
    for (uint32_t i = 0; i < tsgd_rule_exchanged(&h->b->rule); i++)
        rows.exchanged[i] = h->x[side] + (i * h->rows + a) * stride;
    for (uint32_t i = 0; i < tsgd_rule_own(&h->b->rule); i++)
        rows.own[i] = h->own + (i * h->tokens + a) * stride;
    return rows;
}

static void gradient(struct homes *h, const struct tsgd_rows *rows)
{
    struct tsgd_costs *b = h->b;
    const struct tsgd_problem *p = b->job->config.problem;
    uint64_t batch = b->calls++;
    if (!h->parts) {
        p->ops->gradient(p, b->source, batch, rows->exchanged[0], b->grad, b->scratch);
        return;
    }
    for (uint32_t q = 0; q < p->parts; q++)
        if (p->ops->part_count(p, b->source, batch, q))
            p->ops->part_gradient(p, b->source, batch, q, rows->exchanged[0],
                                  h->parts + q * b->stride, b->scratch);
}

/* The step size is 0, so that x stays as it is however long this takes. */
static void update(struct homes *h, const struct tsgd_rows *rows)
{
    struct tsgd_costs *b = h->b;
    const struct tsgd_step step = {.count = 1};
    uint32_t parts = parts_of(b->job);
    for (uint32_t q = 0; h->parts && q < parts; q++)
        tsgd_weigh(b->job->config.kernels, b->grad, h->parts + q * b->stride, b->dim,
                   1 / (float)parts, q > 0);
    b->rule.step(&b->rule, rows, b->grad, b->dim, &step);
}

/* CPU time of the tasks of one visit. */
struct visit_times { double mix, gradient, update; };

static double since(uint64_t *start)
{
    uint64_t before = *start;
    *start = tsgd_thread_cpu_ns();
    return (double)(*start - before) * 1e-9;
}

static void visit(struct homes *h, uint32_t a, int side, bool steps, struct visit_times *out)
{
    struct tsgd_rows rows = rows_of(h, a, side);
    uint64_t start = tsgd_thread_cpu_ns();
    if (!h->slices)
        mix(h, a, side);
    out->mix = since(&start);
    if (steps)
        gradient(h, &rows);
    out->gradient = since(&start);
    if (steps)
        update(h, &rows);
    out->update = since(&start);
}


/* The mean without what was interrupted: the last minibatch of an epoch may be a short one, and
 * counts as often as it comes.                                                                  */
static double mean(double *x, size_t n)
{
    struct tsgd_timing t = tsgd_timing_of(x, n);        /* sorts */
    double sum = 0;
    size_t kept = 0;
    for (; kept < n && x[kept] <= 3 * t.median; kept++)
        sum += x[kept];
    return kept ? sum / (double)kept : 0;
}

/* The means over visits of all home tokens in turn, so that their rows are where so many leave
 * them.                                                                                         */
static void time_visits(struct homes *h, bool steps, struct visit_times *out)
{
    uint64_t start = tsgd_thread_cpu_ns();
    struct visit_times t;
    size_t n = 0;
    int side = 0;
    for (uint32_t a = 0; a < h->tokens; a++)            /* warm up */
        visit(h, a, side, steps && a < 2, &t);
    while (n < VISITS && (n < 3 || (double)(tsgd_thread_cpu_ns() - start) < SECONDS * 1e9)) {
        side = !side && !h->slices;
        for (uint32_t a = 0; a < h->tokens && n < VISITS; a++, n++) {
            visit(h, a, side, steps, &t);
            h->mixes[n] = t.mix;
            h->gradients[n] = t.gradient;
            h->updates[n] = t.update;
        }
    }
    *out = (struct visit_times){mean(h->mixes, n), mean(h->gradients, n), mean(h->updates, n)};
}

/* ---- slices ---- */

/* Slices of as many rows and floats as the run's, one after the other through as much memory as all
 * of its rows take, or the ROOM's quarter.                                                      */
struct slicing {
    const struct tsgd_kernels *kernels;
    struct tsgd_mix_plan plan;
    float *x, *strip;
    size_t floats, places, next;
};

static void slice(void *slicing)
{
    struct slicing *s = slicing;
    float *rows = s->x + s->next++ % s->places * s->plan.k * s->floats;
    tsgd_mix_all(s->kernels, &s->plan, NULL, rows, s->floats, 0, s->floats, s->strip);
}

/* Seconds to mix all rows. *slices: how many there are. */
static enum tsgd_status time_slices(const struct tsgd_costs *b, uint32_t workers, uint32_t *slices,
                                    double *seconds, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_job *j = b->job;
    struct tsgd_holding h = TSGD_HOLDING_INIT;
    uint32_t k = (uint32_t)j->tokens, e = tsgd_rule_exchanged(&b->rule);
    size_t floats = tsgd_engine_slice_floats(b->dim, (size_t)k * e, workers), most;
    struct slicing s = {.kernels = j->config.kernels};
    *slices = (uint32_t)((b->dim - 1) / floats + 1);
    most = ROOM / 4 / sizeof(float) / k / 16 * 16;
    s.floats = floats < most ? tsgd_round_up(floats, 16) : most;
    s.places = b->stride / s.floats < most / s.floats ? b->stride / s.floats : most / s.floats;
    s.places = s.places ? s.places : 1;
    TRY(tsgd_mix_plan_init(&s.plan, &j->config.population->mixing->w[0], &h, err));
    TRY(tsgd_hold_map(&h, (void **)&s.x, s.places * k * s.floats * sizeof(float), "the forecast",
                      err));
    TRY(tsgd_hold_map(&h, (void **)&s.strip, tsgd_mix_scratch(k) * sizeof(float), "the forecast",
                      err));
    for (size_t i = 0; i < s.places * k * s.floats; i++)
        s.x[i] = (float)(i % 1000);
    slice(&s);
    *seconds = e * tsgd_time_calls(slice, &s, 0.2).median * 1e-9 * (double)b->dim /
               (double)s.floats;
done:
    tsgd_holding_release(&h);
    return st;
}

/* ---- what a waiting worker costs ---- */

/* As a worker of engine/loop.h waits before it steals, and before it sleeps. */
static void pauses(void *n)
{
    for (int i = 0; i < *(int *)n; i++)
        tsgd_pause();
}

static enum tsgd_status time_waits(struct tsgd_crew_costs *c, size_t dim, struct tsgd_error *err)
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
    TRY(tsgd_fetch(&c->fetch, dim, 0.15, err));
    c->hand = hand.least * 1e-9;        /* who else runs here keeps two threads from meeting */
    c->wake = wake.least * 1e-9;
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
    uint32_t k = (uint32_t)j->tokens, homes = workers < k ? (k + workers - 1) / workers : 1;
    struct homes h = {.b = b};
    struct visit_times t;
    TRY(homes_init(&h, b, homes, slices, err));
    if (isnan(step))
        TRY(tsgd_costs_find_source(b, err));
    time_visits(&h, isnan(step), &t);
    c->step = isnan(step) ? (t.gradient + t.update) * (double)j->setup->s->local_steps : step;
    c->parts = parts_of(j);
    if (c->parts > 1) {
        c->update = isnan(step) ? t.update * (double)j->setup->s->local_steps : 0;
        c->step -= c->update;
        c->ranges = (uint32_t)((b->dim + 16383) / 16384);
    }
    c->read = slices ? 0 : t.mix / (h.w.ptr[1] - h.w.ptr[0]);
    c->plan = tsgd_cost_seconds(b, tsgd_cost_plan);
    if (slices)
        TRY(time_slices(b, workers, &c->slices, &c->mix, err));
    TRY(time_waits(c, b->dim, err));
    c->bandwidth = TSGD_HAS(j->setup->s, memory_bandwidth) ? j->setup->s->memory_bandwidth : 0;
    set_bytes(c, b, homes);
done:
    homes_release(&h);
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
        c.fetch = 0;
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
