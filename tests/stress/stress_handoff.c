/* tests/stress/stress_handoff.c: the hand-off protocol under fire. More threads than cores, random
 * delays between its steps (in builds with TSGD_JITTER), every topology, sizes, methods, several
 * populations; every run must match the sequential simulator bit for bit, and never hang.
 *     stress_handoff [ROUNDS [SEEDS]]                                                           */
#include "linalg/isa.h"
#include "method/method.h"
#include "sim/graphs.h"
#include "sim/sim.h"
#include "sim/toy.h"
#include "scenario/simclock.h"
#include "scenario/rate.h"
#include "scenario/churn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Schedules beyond the table: a permutation has no diagonal, and changes every round. */
static struct tsgd_mixing permutations(uint32_t k)
{
    struct tsgd_mixing s = {.period = 3, .w = calloc(3, sizeof *s.w)};
    struct tsgd_edges e = TSGD_EDGES_INIT(k);
    for (uint32_t r = 0; r < 3; r++)
        for (uint32_t a = 0; a < k; a++)
            tsgd_edges_weight(&e, r, a, (a + r + 1) % k, 1);
    if (tsgd_edges_finish(&e, s.w, NULL))
        abort();
    tsgd_edges_release(&e);
    return s;
}

static bool fits(size_t topology, uint32_t k)
{
    return topology == tsgd_n_topologies || graph_exists(topology, k);
}

static struct tsgd_mixing mixing_of(size_t topology, uint32_t k)
{
    struct tsgd_mixing s = TSGD_MIXING_INIT;
    if (topology == tsgd_n_topologies)
        return permutations(k);
    if (!graph_build(&s, topology, k, 1))
        abort();
    return s;
}

static uint64_t lcg(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return *s >> 33;
}

static void fill(struct tsgd_population *p, struct tsgd_rate *rate, uint32_t k,
                 const struct tsgd_mixing *mixing, uint64_t rounds, uint64_t *s)
{
    static const uint64_t every[] = {0, 1, 2, 7, 50};
    *rate = (struct tsgd_rate){.eta = 0.1, .warmup = lcg(s) % 3};
    *p = (struct tsgd_population){
        .k = k, .mixing = mixing, .eta = tsgd_rate_step_size(rate),
        .rounds = rounds + lcg(s) % 2, .eval_every = every[lcg(s) % 5],
        .eval_at_start = lcg(s) % 2,
    };
}

static struct tsgd_rule sgd(uint64_t pick)
{
    static const char *const homes[] = {"token", "node", "mixed", "token"};
    struct tsgd_rule l;
    if (tsgd_sgd_rule(&l, homes[pick % 4], pick % 4 == 3 ? 0 : 0.5, pick / 4 % 2, 1e-3, NULL))
        abort();
    return l;
}

/* A method with a rule of its own, or NULL: SGD, also where the method cannot be had with these
 * matrices. Mixes lazily where it would diverge else.                                           */
static const struct tsgd_method *method(uint64_t pick, size_t topology, struct tsgd_mixing *w)
{
    const struct tsgd_method *m = tsgd_methods[pick % tsgd_n_methods];
    if (!m->rule)
        return NULL;
    if ((m->check_mixing || topology == tsgd_n_topologies) && tsgd_mixing_lazy(w, NULL))
        abort();
    bool should = !m->check_mixing || graph_has_spectrum(w);
    if ((tsgd_method_check_mixing(m, w, "", NULL) == TSGD_OK) != should)
        abort();
    return should ? m : NULL;
}

static struct tsgd_rule rule_of(const struct tsgd_method *m, uint64_t pick)
{
    struct tsgd_method_options o = TSGD_METHOD_OPTIONS_INIT;
    struct tsgd_rule l;
    o.momentum = m->needs_momentum ? 0.5 : 0;
    o.nesterov = m->takes_nesterov && pick % 2;
    o.weight_decay = 1e-3;
    if (tsgd_method_rule(&l, m, &o, NULL))
        abort();
    return l;
}

/* Nodes that are away at random, or by a trace, or not at all. */
static struct tsgd_churn churn(uint64_t pick, uint32_t nodes, bool may_isolate)
{
    static const double share[] = {1, 0.95, 0.5, 0.1};
    struct tsgd_churn c = TSGD_CHURN_INIT;
    c.on = pick % 5 > 0;
    c.share = share[pick % 5 % 4];
    c.seed = pick;
    c.isolate = c.on && may_isolate && pick / 5 % 3;
    if (pick % 5 == 4) {                /* node 0 comes, goes and comes again */
        c.interval = calloc(2, sizeof *c.interval);
        c.interval[c.intervals++] = (struct tsgd_interval){0, 3, 9, 1};
        c.interval[c.intervals++] = nodes > 1 ? (struct tsgd_interval){1, 0, 20, 2} :
                                                (struct tsgd_interval){0, 15, 70, 2};
    }
    return c;
}

/* A simulated network, or none. */
static struct tsgd_network network(uint64_t pick)
{
    return (struct tsgd_network){
        .on = pick % 3, .link_cost = &tsgd_link_costs[1 + pick % 2], .share = 0.3, .tau = 5,
        .link_seconds = 1, .bandwidth = 1000, .step_seconds = 0.3, .sigma = 0.5,
        .serial = pick / 6 % 2, .seed = pick,
    };
}

static int one(size_t topology, uint32_t k, uint32_t threads, uint64_t rounds, uint64_t seed)
{
    uint64_t s = seed * 1000003 + topology * 101 + k * 7 + threads;
    struct tsgd_mixing w = mixing_of(topology, k);
    const struct tsgd_method *m = method(lcg(&s), topology, &w);
    bool fixed = m && !m->may_teleport;
    uint64_t mix_every = m && m->every_mix ? 1 : 1 + (seed + 3 * k + threads) % 4;
    if (tsgd_mixing_thin(&w, mix_every, NULL))
        abort();
    uint32_t nodes = k + (uint32_t)(!fixed && lcg(&s) % 4 ? lcg(&s) % 60 : 0);
    size_t dim = (size_t)16 << lcg(&s) % 6;
    struct tsgd_population p;
    struct tsgd_rate rate;
    struct toy toy = toy_make(dim, nodes);
    float *init = toy_init(dim);
    char name[160];
    if (dim > 128 && k > 3)
        rounds = rounds * 128 / dim + 1;
    fill(&p, &rate, k, &w, rounds, &s);
    toy.empty_every = lcg(&s) % 4 ? 0 : 5;
    toy.problem.parts = (uint32_t)(seed + k + threads) % 4;
    bool teleports = nodes > k || (!fixed && lcg(&s) % 2);
    struct tsgd_churn away = churn(lcg(&s), nodes, !teleports && tsgd_mixing_symmetric(&w));
    struct tsgd_network net = network(lcg(&s));
    struct tsgd_engine_config c = {
        .problem = &toy.problem, .kernels = tsgd_isa_table(0),
        .population = &p, .n_populations = 1,
        .teleports = teleports, .presence = tsgd_churn_presence(&away),
        .clock = tsgd_network_clock(&net),
        .rule = m ? rule_of(m, lcg(&s)) : sgd(lcg(&s)),
        .local_steps = m && m->one_step ? 1 : 1 + lcg(&s) % 2, .seed = seed, .threads = threads,
        .eval_tokens = lcg(&s) % 3 == 0, .final_average = lcg(&s) % 3 == 0, .init = init,
    };
    const char *t = topology < tsgd_n_topologies ? tsgd_topologies[topology]->name : "permutations";
    snprintf(name, sizeof name,
             "%s %s/%d k=%u n=%u dim=%zu threads=%u rounds=%llu every=%llu there=%g%s seed=%llu",
             m ? m->name : "sgd", t, (int)mix_every, k, nodes, dim, threads,
             (unsigned long long)p.rounds,
             (unsigned long long)p.eval_every, away.interval ? -1 : away.share,
             away.isolate ? " isolated" : "", (unsigned long long)seed);
    alarm(120);                         /* a lost wake-up is a hang: SIGALRM ends the program */
    int bad = sim_compare(name, &c, (struct sim_end){0});
    tsgd_churn_release(&away);
    tsgd_mixing_release(&w);
    free(init);
    return bad;
}

static bool small_enough(const struct tsgd_eval *e) { return e->test_loss <= 2.5; }

/* Populations of different size, length and topology side by side; with a verdict, too. */
static int many(uint32_t threads, uint64_t rounds, uint64_t seed, bool verdict)
{
    uint64_t s = seed;
    struct tsgd_mixing w[4];
    struct tsgd_population p[4];
    struct tsgd_rate rate[4];
    struct toy toy = toy_make(64, 25);
    float *init = toy_init(64);
    char name[64];
    for (uint32_t q = 0; q < 4; q++) {
        size_t topology;
        do
            topology = lcg(&s) % (tsgd_n_topologies + 1);
        while (!fits(topology, 1u << q));
        w[q] = mixing_of(topology, 1u << q);
        if (tsgd_mixing_thin(&w[q], 1 + (seed + q) % 3, NULL))
            abort();
        fill(&p[q], &rate[q], 1u << q, &w[q], rounds / 4 + lcg(&s) % rounds, &s);
    }
    struct tsgd_churn away = churn(lcg(&s), 25, false);
    toy.problem.parts = (uint32_t)seed % 3;
    struct tsgd_network net = network(lcg(&s));
    struct tsgd_engine_config c = {
        .problem = &toy.problem, .kernels = tsgd_isa_table(0),
        .population = p, .n_populations = 4, .teleports = true,
        .presence = tsgd_churn_presence(&away), .clock = tsgd_network_clock(&net),
        .rule = sgd(lcg(&s)), .local_steps = 1, .seed = seed, .threads = threads, .init = init,
        .final_average = seed % 3 == 0,
    };
    snprintf(name, sizeof name, "populations threads=%u verdict=%d seed=%llu", threads, verdict,
             (unsigned long long)seed);
    alarm(120);
    int bad = sim_compare(name, &c, (struct sim_end){0, verdict ? small_enough : NULL});
    for (uint32_t q = 0; q < 4; q++)
        tsgd_mixing_release(&w[q]);
    tsgd_churn_release(&away);
    free(init);
    return bad;
}

/* A long line with links cut at random: its ends drift apart by more rounds than plans are kept, so
 * only R5 keeps the plan that a slow mix asks about.                                             */
static int far_apart(uint32_t threads, uint64_t rounds, uint64_t seed)
{
    enum { K = 24 };
    struct tsgd_mixing w = TSGD_MIXING_INIT;
    struct toy toy = toy_make(16, K);
    float *init = toy_init(16);
    struct tsgd_churn away = {.on = true, .isolate = true, .share = 0.5, .seed = seed};
    struct tsgd_population p = {.k = K, .mixing = &w, .rounds = 4 * rounds,
                                .eta = tsgd_rate_step_size(&(struct tsgd_rate){.eta = 0.1})};
    struct tsgd_engine_config c = {
        .problem = &toy.problem, .kernels = tsgd_isa_table(0),
        .population = &p, .n_populations = 1,
        .presence = tsgd_churn_presence(&away),
        .rule = sgd(0), .local_steps = 1, .seed = seed, .threads = threads, .init = init,
    };
    if (tsgd_topology_build(&w, "line", K, 1, NULL))
        abort();
    alarm(120);
    int bad = sim_compare("line, isolated", &c, (struct sim_end){0});
    tsgd_mixing_release(&w);
    free(init);
    return bad;
}

int main(int argc, char **argv)
{
    static const uint32_t ks[] = {1, 2, 3, 5, 8, 13, 40}, threads[] = {1, 2, 3, 5, 16};
    uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 150;
    uint64_t seeds = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    int runs = 0, failed = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        for (size_t t = 0; t <= tsgd_n_topologies; t++)
            for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
                for (size_t j = 0; fits(t, ks[i]) && j < sizeof threads / sizeof *threads;
                     j++, runs++)
                    failed += one(t, ks[i], threads[j], ks[i] == 40 ? rounds / 4 + 1 : rounds,
                                  seed);
        for (uint64_t i = 0; i < 8; i++, runs++)
            failed += far_apart(threads[1 + i % 4], rounds, seed * 100 + i);
        for (uint64_t i = 0; i < 12; i++, runs++)
            failed += many(threads[i % 5], rounds, seed * 100 + i, i % 2);
    }
    printf("stress_handoff: %d passed, %d failed\n", runs - failed, failed);
    return failed != 0;
}
