/* run/setup.c: from settings to what a training is made of. */
#include "run/setup.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "run/place.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- settings that need each other, contradict each other, or follow from each other ---- */

static bool has(const struct tsgd_setup *r, enum tsgd_owner owner)
{
    return r->owners >> owner & 1;
}

/* All that is missing, in one sentence. */
static enum tsgd_status check_missing(const struct tsgd_settings *s, bool needs_data,
                                      struct tsgd_error *err)
{
    if (needs_data && !s->data && !s->model)
        return tsgd_fail(err, TSGD_EINVAL, "--data and --model: are missing; say what to learn "
                         "from and what to train, as in --data fashion-mnist --model lenet");
    if (needs_data && !s->data)
        return tsgd_fail(err, TSGD_EINVAL, "--data: is missing; say what to learn from, as in "
                         "--data fashion-mnist");
    if (!s->model)
        return tsgd_fail(err, TSGD_EINVAL, "--model: is missing; say what to train, as in --model "
                         "lenet");
    return TSGD_OK;
}

static unsigned owners_of(const struct tsgd_settings *s, const struct tsgd_task_ops *kind)
{
    const struct { enum tsgd_owner owner; bool present; } found[] = {
        {TSGD_OWNER_RUN, true}, {TSGD_OWNER_METHOD, true},
        {TSGD_OWNER_CHURN, TSGD_HAS(s, availability) || s->availability_trace},
        {TSGD_OWNER_CLOCK, s->link_cost || TSGD_HAS(s, link_seconds) || TSGD_HAS(s, bandwidth) ||
                           s->compute_seconds},
        {TSGD_OWNER_SLOW_LINKS, s->link_cost},
        {TSGD_OWNER_PREFERRED_LINKS, s->link_cost && !strcmp(s->link_cost, "preferred")},
        {TSGD_OWNER_TRACE, s->trace}, {TSGD_OWNER_CHECKPOINT, s->checkpoint},
    };
    unsigned owners = kind->owners;
    for (size_t i = 0; i < sizeof found / sizeof *found; i++)
        owners |= (unsigned)found[i].present << found[i].owner;
    return owners;
}

/* An objective is what "model" names, or there is none. */
static enum tsgd_status check_objective(const struct tsgd_settings *s,
                                        const struct tsgd_model *model, const char *arg,
                                        struct tsgd_error *err)
{
    const char *set = s->objective.size ? s->objective.name : NULL;
    bool wanted = model->kind == TSGD_MODEL_OBJECTIVE;
    if (set && (!wanted || !arg || strcmp(arg, set)))
        return tsgd_fail(err, TSGD_EINVAL, "--model: found '%s', but the objective '%s' was set; "
                         "leave one of them out", s->model, set);
    if (wanted && !set)
        return tsgd_fail(err, TSGD_EINVAL, "--model: found '%s', a function that a program in C "
                         "hands over by tsgd_settings_set_objective, and none was; want another "
                         "model", s->model);
    return TSGD_OK;
}

static enum tsgd_status resolve_model(struct tsgd_setup *r, unsigned command,
                                      struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_model *model = NULL;
    struct tsgd_spec spec;
    if (!r->s->model)
        return check_missing(r->s, true, err);
    TRY(tsgd_model_find(&model, &spec, r->s->model, err));
    TRY(check_objective(r->s, model, spec.arg, err));
    r->kind = tsgd_task_kind(model->kind);
    r->owners = owners_of(r->s, r->kind);
    TRY(tsgd_settings_settle(r->s, r->owners, command, err));
    TRY(check_missing(r->s, has(r, TSGD_OWNER_DATA), err));
    TRY(r->kind->resolve(r->s, err));
    if (command == TSGD_FOR_TUNE && has(r, TSGD_OWNER_DATA) && !TSGD_HAS(r->s, validation))
        TRY(tsgd_settings_give(r->s, &tsgd_setting_rows[TSGD_SET_validation], "0.1",
                               "--validation", err));   /* a default, which follows from nothing */
done:
    return st;
}

/* How many tokens there are, and whether they travel. */
static enum tsgd_status resolve_tokens(struct tsgd_setup *r, struct tsgd_error *err)
{
    const struct tsgd_method *m = r->method;
    struct tsgd_settings *s = r->s;
    bool given = TSGD_GIVEN(s, active), may = m->teleports || m->may_teleport;
    unsigned long long n = s->nodes, k = s->active;
    if (given && may && k > n)
        return tsgd_fail(err, TSGD_EINVAL, "--active: found %llu, want at most --nodes, %llu", k,
                         n);
    if (given && !may && k != n)
        return tsgd_fail(err, TSGD_EINVAL, "--active: found %llu, but with method %s all %llu "
                         "nodes are active; leave it out", k, s->method, n);
    r->teleports = m->teleports || (m->may_teleport && given);
    r->tokens = r->teleports && k < n ? k : n;
    if (m->may_teleport && !given)      /* whether it was given says whether tokens travel */
        return TSGD_FILL(s, active, NULL, err);
    return TSGD_FILL_COUNT(s, active, r->tokens, err);
}

static enum tsgd_status resolve_topology(struct tsgd_setup *r, struct tsgd_error *err)
{
    struct tsgd_settings *s = r->s;
    const char *only = r->method->topology;
    if (s->topology && only && strcmp(s->topology, only))
        return tsgd_fail(err, TSGD_EINVAL, "--topology: found '%s', but method %s always uses %s; "
                         "leave it out", s->topology, s->method, only);
    if (s->lazy && only)
        return tsgd_fail(err, TSGD_EINVAL, "--lazy: method %s always uses topology %s as it is; "
                         "leave it out", s->method, only);
    if (s->topology)
        return TSGD_OK;
    return TSGD_FILL(s, topology, only ? only : "ring", err);
}

static enum tsgd_status resolve_rule(struct tsgd_setup *r, struct tsgd_error *err)
{
    const struct tsgd_settings *s = r->s;
    struct tsgd_method_options o = {
        .momentum = s->momentum, .nesterov = s->nesterov, .momentum_home = s->momentum_home,
        .weight_decay = s->weight_decay, .local_steps = s->local_steps,
        .mix_every = s->mix_every,
        .away = s->availability < 1 || s->availability_trace,   /* NaN: not given */
        .allow_empty = s->allow_empty,
    };
    return tsgd_method_rule(&r->rule, r->method, &o, err);
}

static enum tsgd_status resolve_step_size(struct tsgd_setup *r, struct tsgd_error *err)
{
    struct tsgd_settings *s = r->s;
    struct tsgd_rate rate;
    double lr = s->lr_grid.n ? s->lr_grid.value[0] : s->lr;
    enum tsgd_status st = TSGD_OK;
    if (s->lr_grid.n && TSGD_GIVEN(s, lr))
        TRY(tsgd_fail(err, TSGD_EINVAL, "--lr: cannot go with --lr-grid, which has the step "
                      "sizes"));
    if (s->lr_grid.n)
        TRY(TSGD_FILL(s, lr, NULL, err));
    TRY(tsgd_rate_parse(&rate, s->schedule, lr, s->rounds, s->warmup, err));
done:
    return st;
}

static enum tsgd_status resolve_churn(const struct tsgd_settings *s, struct tsgd_error *err)
{
    if (!TSGD_HAS(s, availability) || !s->availability_trace)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--availability: cannot go with --availability-trace, which "
                     "says when each node is there");
}

static enum tsgd_status resolve_clock(struct tsgd_setup *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = r->s;
    if (!has(r, TSGD_OWNER_CLOCK))
        return TSGD_OK;
    if (!TSGD_HAS(s, link_seconds))     /* a slow link must cost something to be slow */
        TRY(TSGD_FILL(s, link_seconds, s->link_cost && !TSGD_HAS(s, bandwidth) ? "1" : "0", err));
    if (!s->compute_seconds)
        TRY(TSGD_FILL(s, compute_seconds, "0", err));
done:
    return st;
}

static enum tsgd_status resolve_trace(const struct tsgd_setup *r, struct tsgd_error *err)
{
    if (!r->s->trace_layers || r->kind->has_layers)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--trace-layers: model %s has no layers; leave it out",
                     r->s->model);
}

/* A search has no --place: its tokens travel. One rank has nothing to place, so a settings file or
 * a log of several serves a program without a partitioner too.                                  */
static enum tsgd_status resolve_place(const struct tsgd_setup *r, struct tsgd_error *err)
{
    const struct tsgd_transport *t = r->s->transport;
    if (!r->s->place || strcmp(r->s->place, "graph"))
        return TSGD_OK;
    if (r->teleports)
        return tsgd_fail(err, TSGD_EINVAL, "--place: found 'graph', but with method %s tokens "
                         "travel to nodes that are drawn, so no nodes are neighbours for long; "
                         "want block", r->s->method);
    return r->s->ranks > 1 || (t && t->ranks > 1) ? tsgd_place_can(err) : TSGD_OK;
}

static enum tsgd_status check_length(const struct tsgd_settings *s, struct tsgd_error *err)
{
    bool epochs = TSGD_HAS(s, epochs);
    if (epochs && TSGD_GIVEN(s, rounds))
        return tsgd_fail(err, TSGD_EINVAL, "--rounds: cannot go with --epochs, which says how long "
                         "the run is; leave one out");
    if (epochs && s->samples)
        return tsgd_fail(err, TSGD_EINVAL, "--samples: cannot go with --epochs, which says how "
                         "long the run is; leave one out");
    if (TSGD_HAS(s, warmup_epochs) && TSGD_GIVEN(s, warmup))
        return tsgd_fail(err, TSGD_EINVAL, "--warmup: cannot go with --warmup-epochs; leave one "
                         "out");
    return TSGD_OK;
}

static uint64_t samples_a_round(const struct tsgd_setup *r)
{
    return tsgd_mul(tsgd_mul(r->tokens, r->s->batch), r->s->local_steps);
}

/* As many rounds as --samples takes with full batches. A run that would have to be longer than runs
 * can be would end short of what was asked for.                                                 */
static enum tsgd_status check_samples(const struct tsgd_setup *r, uint64_t *rounds,
                                      struct tsgd_error *err)
{
    uint64_t most = (uint64_t)tsgd_setting_rows[TSGD_SET_rounds].most;
    *rounds = (r->s->samples - 1) / samples_a_round(r) + 1;
    if (*rounds <= most)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--samples: found %llu, which is %llu rounds of %llu; want "
                     "at most %llu rounds", (unsigned long long)r->s->samples,
                     (unsigned long long)*rounds, (unsigned long long)samples_a_round(r),
                     (unsigned long long)most);
}

static enum tsgd_status fill_eval_every(struct tsgd_settings *s, uint64_t rounds,
                                        struct tsgd_error *err)
{
    return s->eval_every ? TSGD_OK : TSGD_FILL_COUNT(s, eval_every, (rounds - 1) / 10 + 1, err);
}

static enum tsgd_status resolve_length(struct tsgd_setup *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = r->s;
    uint64_t rounds = s->rounds;
    TRY(check_length(s, err));
    if (s->samples && !TSGD_GIVEN(s, rounds)) {
        TRY(TSGD_FILL(s, rounds, NULL, err));
        TRY(check_samples(r, &rounds, err));
    }
    if (!TSGD_HAS(s, epochs))           /* else see resolve_epochs */
        TRY(fill_eval_every(s, rounds, err));
    if (!s->threads)
        TRY(TSGD_FILL_COUNT(s, threads, tsgd_cpu_count(), err));
done:
    return st;
}

static enum tsgd_gossip gossip_of(const char *text)
{
    return !strcmp(text, "rows") ? TSGD_GOSSIP_ROWS :
           !strcmp(text, "slices") ? TSGD_GOSSIP_SLICES : TSGD_GOSSIP_AUTO;
}

/* Which nodes are here. */
static enum tsgd_status resolve_ranks(struct tsgd_setup *r, struct tsgd_error *err)
{
    const struct tsgd_settings *s = r->s;
    r->ranks = tsgd_one_rank((uint32_t)s->nodes);
    if (!s->transport || s->transport->ranks == 1)
        return TSGD_OK;
    r->ranks.rank = s->transport->rank;
    r->ranks.ranks = s->transport->ranks;
    if (r->ranks.ranks > s->nodes)
        return tsgd_fail(err, TSGD_EINVAL, "--nodes: found %llu, fewer than the %u ranks; want one "
                         "for each rank at least", (unsigned long long)s->nodes, r->ranks.ranks);
    if (r->gossip == TSGD_GOSSIP_SLICES)
        return tsgd_fail(err, TSGD_EINVAL, "--gossip: found slices, which want all tokens in one "
                         "process, but there are %u ranks; want rows or auto", r->ranks.ranks);
    return TSGD_OK;
}

enum tsgd_status tsgd_setup_init(struct tsgd_setup *out, const struct tsgd_settings *settings,
                                 unsigned command, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_setup r = {.s = NULL};
    TRY(tsgd_settings_copy(&r.s, settings, err));
    TRY(resolve_model(&r, command, err));
    TRY(tsgd_method_find(&r.method, r.s->method, err));
    if (command == TSGD_FOR_TUNE) {
        r.teleports = true;
        r.tokens = 1;
    } else {
        TRY(resolve_tokens(&r, err));
    }
    TRY(resolve_topology(&r, err));
    TRY(resolve_rule(&r, err));
    TRY(resolve_churn(r.s, err));
    TRY(resolve_clock(&r, err));
    TRY(resolve_trace(&r, err));
    TRY(resolve_place(&r, err));
    TRY(resolve_length(&r, err));
    TRY(resolve_step_size(&r, err));
    r.gossip = gossip_of(r.s->gossip);
    TRY(resolve_ranks(&r, err));
    tsgd_cpu_name(r.cpu);
    *out = r;
    r.s = NULL;
done:
    tsgd_settings_free(r.s);
    return st;
}

static enum tsgd_status make_churn(struct tsgd_setup *r, const struct tsgd_mixing *mixing,
                                   struct tsgd_error *err)
{
    const struct tsgd_settings *s = r->s;
    struct tsgd_churn_options o = {
        .availability = s->availability, .trace = s->availability_trace,
        .isolate = s->offline && !strcmp(s->offline, "isolate"),
        .nodes = (uint32_t)s->nodes, .rounds = s->rounds, .seed = s->seed,
        .method = s->method, .topology = s->topology,
        .teleports = r->teleports, .mixing = mixing,
    };
    r->churn = (struct tsgd_churn)TSGD_CHURN_INIT;
    return has(r, TSGD_OWNER_CHURN) ? tsgd_churn_make(&r->churn, &o, err) : TSGD_OK;
}

static enum tsgd_status make_network(struct tsgd_setup *r, struct tsgd_error *err)
{
    const struct tsgd_settings *s = r->s;
    struct tsgd_network_options o = {
        .link_cost = s->link_cost, .tau = s->tau, .link_topology = s->link_topology,
        .link_seconds = s->link_seconds,
        .bandwidth = TSGD_HAS(s, bandwidth) ? s->bandwidth : INFINITY,
        .serial = s->port && !strcmp(s->port, "serial"), .compute_seconds = s->compute_seconds,
        .nodes = (uint32_t)s->nodes, .seed = s->seed,
    };
    return has(r, TSGD_OWNER_CLOCK) ? tsgd_network_make(&r->network, &o, err) : TSGD_OK;
}

uint64_t tsgd_setup_init_hash(const struct tsgd_setup *r)
{
    const struct tsgd_task *t = r->task;
    return r->s->init ? tsgd_hash(t->init, t->problem->dim * sizeof *t->init) : 0;
}

static enum tsgd_status check_hash(const char *option, const char *path, uint64_t found,
                                   uint64_t wanted, struct tsgd_error *err)
{
    if (found == wanted)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "%s: '%.200s' has changed since the run that is "
                     "repeated: its hash is %016" PRIx64 ", want %016" PRIx64, option, path, found,
                     wanted);
}

/* Files that an earlier run read too must be as they were. */
static enum tsgd_status check_expected(const struct tsgd_setup *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_expected *e = &r->s->expected;
    struct tsgd_info found = {.split_hash = 0};
    r->kind->describe(r->task, &found);
    if (e->split && r->s->split)
        TRY(check_hash("--split", r->s->split, found.split_hash, e->split_hash, err));
    if (e->init && r->s->init)
        TRY(check_hash("--init", r->s->init, tsgd_setup_init_hash(r), e->init_hash, err));
done:
    return st;
}

/* The rounds that so many passes over the training samples take; `option` asked for them. What is
 * above a whole number by no more than the rounding of the quotient is that number.             */
static enum tsgd_status count_rounds(const struct tsgd_setup *r, const char *option, double passes,
                                     uint64_t *out, struct tsgd_error *err)
{
    const double most = tsgd_setting_rows[TSGD_SET_rounds].most;
    struct tsgd_info found = {.train_samples = 0};
    r->kind->describe(r->task, &found);
    double rounds = passes * (double)found.train_samples / (double)samples_a_round(r);
    if (!(rounds <= most))
        return tsgd_fail(err, TSGD_EINVAL, "--%s: found %g, which is %.6g rounds; want at most "
                         "%.0f rounds", option, passes, rounds, most);
    *out = (uint64_t)ceil(rounds * (1 - 1e-12));
    return TSGD_OK;
}

/* Lengths in epochs, which only the data tell, become rounds. */
static enum tsgd_status resolve_epochs(struct tsgd_setup *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = r->s;
    uint64_t rounds;
    if (TSGD_HAS(s, epochs)) {
        TRY(count_rounds(r, "epochs", s->epochs, &rounds, err));
        TRY(TSGD_FILL_COUNT(s, rounds, rounds, err));
        TRY(fill_eval_every(s, rounds, err));
    }
    if (TSGD_HAS(s, warmup_epochs)) {
        TRY(count_rounds(r, "warmup-epochs", s->warmup_epochs, &rounds, err));
        TRY(TSGD_FILL_COUNT(s, warmup, rounds, err));
    }
done:
    return st;
}

/* Where nothing is said of threads or --pin and there is work for a thread on each CPU, each is
 * kept on its own: else, where another program keeps one CPU busy, the system often leaves that one
 * to it and lets two threads take turns on another. With fewer threads they might take the CPUs of
 * another run that does the same.                                                               */
static enum tsgd_status resolve_pin(struct tsgd_setup *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = r->s;
    uint32_t cpus = tsgd_cpu_count();
    if (s->own_process && cpus > 1 && r->ranks.ranks <= 1 && !TSGD_GIVEN(s, threads) &&
        !TSGD_GIVEN(s, pin) &&
        tsgd_engine_workers(r->task->problem, r->tokens, s->threads) == cpus && tsgd_cpu_may_pin())
        TRY(TSGD_FILL(s, pin, "true", err));
done:
    return st;
}

enum tsgd_status tsgd_setup_make_scene(struct tsgd_setup *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_mixing *mixing = NULL;
    TRY(tsgd_setup_mixing(r, r->tokens, &mixing, err));
    TRY(make_churn(r, mixing, err));
    TRY(make_network(r, err));
done:
    return st;
}

enum tsgd_status tsgd_setup_place(const struct tsgd_setup *r, const struct tsgd_mixing *w,
                                  uint32_t ranks, uint32_t **of, struct tsgd_error *err)
{
    *of = NULL;
    return ranks > 1 && r->s->place && !strcmp(r->s->place, "graph") ?
        tsgd_place_graph(of, w, ranks, err) : TSGD_OK;
}

/* Every rank finds the same table (run/agree.h looks whether it has). */
static enum tsgd_status make_ranks(struct tsgd_setup *r, const struct tsgd_mixing *mixing,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (r->ranks.ranks > 1)
        TRY(tsgd_setup_place(r, mixing, r->ranks.ranks, &r->placed, err));
    r->ranks.of = r->placed;
done:
    return st;
}

enum tsgd_status tsgd_setup_make(struct tsgd_setup *r, struct tsgd_shelf *shelf,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_mixing *mixing = NULL;
    if (!shelf)
        TRY(tsgd_shelf_create(&r->own_shelf, err));
    r->shelf = shelf ? shelf : r->own_shelf;
    TRY(tsgd_setup_mixing(r, r->tokens, &mixing, err));
    TRY(make_ranks(r, mixing, err));
    TRY(tsgd_backend_init(&r->on, r->s->isa, err));
    TRY(TSGD_FILL(r->s, isa, r->on.kernels->isa, err));
    r->on.direct = r->s->conv && !strcmp(r->s->conv, "direct");
    if (r->s->trace) {
        TRY(tsgd_trace_create(&r->trace, r->s->trace_events, r->s->trace_layers, err));
        TRY(tsgd_mem_check(tsgd_trace_bytes(r->trace), "--trace-events", "give fewer", err));
    }
    TRY(r->kind->create(&r->task, r->s, &r->on, r->shelf, &r->ranks, err));
    TRY(check_expected(r, err));
    TRY(resolve_epochs(r, err));
    TRY(resolve_pin(r, err));
    TRY(tsgd_setup_make_scene(r, err));
done:
    return st;
}

/* ---- mixing matrices, by the number of tokens ---- */

struct tsgd_mixing_for {
    uint64_t k;
    struct tsgd_mixing w;
    struct tsgd_mixing_for *next;
};

static enum tsgd_status build_mixing(const struct tsgd_setup *r, uint64_t k,
                                     struct tsgd_mixing *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY((r->s->allow_disconnected ? tsgd_topology_build_parts : tsgd_topology_build)(
        out, r->s->topology, (uint32_t)k, r->s->seed, err));
    if (r->s->lazy)
        TRY(tsgd_mixing_lazy(out, err));
    TRY(tsgd_method_check_mixing(r->method, out, r->s->topology, err));
    TRY(tsgd_mixing_thin(out, r->s->mix_every, err));
    tsgd_method_suit_mixing(r->method, out);
done:
    return st;
}

enum tsgd_status tsgd_setup_mixing(struct tsgd_setup *r, uint64_t k,
                                   const struct tsgd_mixing **out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_mixing_for *m = r->mixing;
    while (m && m->k != k)
        m = m->next;
    if (!m) {
        TRY(TSGD_NEW(&m, 1, "mixing matrices", err));
        m->k = k;
        m->next = r->mixing;
        r->mixing = m;          /* released with the others, also when it is not whole */
        TRY(build_mixing(r, k, &m->w, err));
    }
    *out = &m->w;
done:
    return st;
}

/* ---- the test samples, where evaluations are of others ---- */

enum tsgd_status tsgd_setup_prepare_test(struct tsgd_setup *r, struct tsgd_error *err)
{
    const struct tsgd_problem *p = r->task->test;
    return p ? tsgd_alloc(&r->test_scratch, 1, p->scratch_bytes, "scratch", err) : TSGD_OK;
}

void tsgd_setup_test(const struct tsgd_setup *r, const float *x, struct tsgd_eval *out)
{
    const struct tsgd_problem *p = r->task->test;
    double value[TSGD_MOST_METRICS];
    out->test_loss = out->test_accuracy = out->test_r2 = NAN;
    if (!p)
        return;
    (void)tsgd_problem_measure(p, x, r->test_scratch, value);
    for (uint32_t i = 0; i < p->n_metrics; i++)
        memcpy((char *)out + p->metric[i].at, &value[i], sizeof value[i]);
}

/* ---- all together ---- */

static size_t mixing_bytes(const struct tsgd_setup *r)
{
    size_t bytes = 0;
    for (const struct tsgd_mixing_for *m = r->mixing; m; m = m->next)
        bytes = tsgd_add(bytes, tsgd_mixing_bytes(&m->w));
    return bytes;
}

static void release_mixing(struct tsgd_setup *r)
{
    while (r->mixing) {
        struct tsgd_mixing_for *m = r->mixing;
        r->mixing = m->next;
        tsgd_mixing_release(&m->w);
        free(m);
    }
}

static uint32_t tensors(const struct tsgd_setup *r)
{
    uint32_t n = 0;
    while (r->kind->tensor(r->task, n))
        n++;
    return n;
}

enum tsgd_status tsgd_setup_tensor(const struct tsgd_setup *r, uint64_t i, const char *call,
                                   struct tsgd_tensor_info *out, struct tsgd_error *err)
{
    const struct tsgd_tensor *t = i < UINT32_MAX ? r->kind->tensor(r->task, (uint32_t)i) : NULL;
    if (!t)
        return tsgd_fail(err, TSGD_EINVAL, "%s: found tensor %llu, want 0 to %u", call,
                         (unsigned long long)i, tensors(r) - 1);
    *out = (struct tsgd_tensor_info){.name = t->name, .offset = t->offset, .count = t->count,
                                     .rank = t->rank};
    memcpy(out->shape, t->extent, t->rank * sizeof *t->extent);
    return TSGD_OK;
}

struct tsgd_minimum tsgd_setup_minimum(const struct tsgd_setup *r)
{
    return r->task->minimum ? *r->task->minimum : (struct tsgd_minimum){.value = NAN};
}

void tsgd_setup_describe(const struct tsgd_setup *r, uint64_t tokens, uint64_t engine_bytes,
                         struct tsgd_info *out)
{
    *out = (struct tsgd_info){.memory_bytes = tsgd_add(engine_bytes, mixing_bytes(r))};
    out->resolved = r->s;
    out->parameters = r->task->problem->dim;
    out->tensors = tensors(r);
    out->tokens = tokens;
    out->threads = tsgd_engine_workers(r->task->problem, tokens, r->s->threads);
    out->init_hash = tsgd_setup_init_hash(r);
    out->minimum = tsgd_setup_minimum(r);
    r->kind->describe(r->task, out);
    if (r->test_scratch)
        out->memory_bytes = tsgd_add(out->memory_bytes, r->task->test->scratch_bytes);
    out->cpu = r->cpu;
    out->kernels = tsgd_backend_told(&r->on);
}

enum tsgd_status tsgd_setup_write_split(const struct tsgd_setup *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_outfile f = TSGD_OUTFILE_INIT;
    if (!r->s->save_split || !tsgd_speaks(r->s))
        return TSGD_OK;
    TRY(tsgd_outfile_open(&f, r->s->save_split, "--save-split", err));
    (void)r->kind->write_split(r->task, f.f);   /* commit finds what went wrong, and says it */
    TRY(tsgd_outfile_commit(&f, err));
done:
    tsgd_outfile_abandon(&f);
    return st;
}

enum tsgd_status tsgd_setup_save(const struct tsgd_setup *r, const float *x, const char *path,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_outfile f = TSGD_OUTFILE_INIT;
    TRY(tsgd_outfile_open(&f, path, "--save", err));
    TRY(r->kind->write(r->task, f.f, x, err));
    TRY(tsgd_outfile_commit(&f, err));
done:
    tsgd_outfile_abandon(&f);
    return st;
}

void tsgd_setup_release(struct tsgd_setup *r)
{
    release_mixing(r);
    tsgd_network_release(&r->network);
    tsgd_churn_release(&r->churn);
    tsgd_trace_free(r->trace);
    free(r->test_scratch);
    free(r->placed);
    if (r->task)
        r->kind->free(r->task);     /* borrows texts of the settings, and from the shelf */
    tsgd_shelf_free(r->own_shelf);
    tsgd_settings_free(r->s);
    *r = (struct tsgd_setup){.task = NULL};
}
