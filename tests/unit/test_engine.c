/* The engine against the sequential simulator and the identities of the method, on a problem whose
 * every bit matters.                                                                            */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "linalg/isa.h"
#include "linalg/vec.h"
#include "method/method.h"
#include "scenario/churn.h"
#include "sim/graphs.h"
#include "sim/sim.h"
#include "sim/toy.h"
#include "scenario/rate.h"
#include "scenario/simclock.h"

/* One population on the toy problem, ready to be changed before it runs. */
struct setup {
    struct tsgd_mixing mixing;
    struct tsgd_population p;
    struct tsgd_rate rate;
    struct toy toy;
    struct tsgd_engine_config c;
    float *init;
};

static void set_up(struct setup *s, const char *topology, uint32_t k, uint32_t nodes)
{
    *s = (struct setup){.toy = toy_make(50, nodes), .init = toy_init(50), .rate = {.eta = 0.1}};
    cr_assert(tsgd_topology_build(&s->mixing, topology, k, 1, NULL) == TSGD_OK);
    s->p = (struct tsgd_population){.k = k, .mixing = &s->mixing,
                                    .eta = tsgd_rate_step_size(&s->rate), .rounds = 60,
                                    .eval_every = 7, .eval_at_start = true};
    s->c = (struct tsgd_engine_config){
        .problem = &s->toy.problem, .kernels = tsgd_isa_table(0),
        .population = &s->p, .n_populations = 1, .teleports = true,
        .local_steps = 1, .seed = 9, .threads = 2, .init = s->init,
    };
    cr_assert(tsgd_sgd_rule(&s->c.rule, "token", 0.9, false, 1e-4, NULL) == TSGD_OK);
}

static void tear_down(struct setup *s)
{
    tsgd_mixing_release(&s->mixing);
    free(s->init);
}

static struct sim_log *engine_log(const struct tsgd_engine_config *c, struct tsgd_outcome *o)
{
    struct sim_log *log = calloc(c->n_populations, sizeof *log);
    struct tsgd_outcome ignored;
    sim_engine(c, (struct sim_end){0}, log, o ? o : &ignored);
    return log;
}

static void drop(struct sim_log *log)
{
    sim_log_release(log);
    free(log);
}

static void expect_same(const struct tsgd_engine_config *c, const struct sim_log *a,
                        const struct sim_log *b, const char *name)
{
    char what[512] = "";
    cr_expect(!sim_differ(c, a, b, what, sizeof what), "%s: %s", name, what);
}

static void free_row(struct criterion_test_params *p) { cr_free(p->params); }

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, free_row);
}

ParameterizedTestParameters(engine, every_topology_and_k_matches_the_simulator_for_any_threads)
{
    return rows(tsgd_n_topologies);
}
ParameterizedTest(size_t *row, engine, every_topology_and_k_matches_the_simulator_for_any_threads,
                  .timeout = 300)
{
    static const uint32_t ks[] = {1, 2, 3, 5, 8, 13}, threads[] = {1, 2, 3, 8};
    for (size_t i = 0; i < 6; i++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            struct setup s;
            const char *topology = tsgd_topologies[*row]->example;
            if (!graph_exists(*row, ks[i]))
                continue;
            set_up(&s, topology, ks[i], 30);
            s.c.seed = seed;
            for (size_t j = 0; j < 4; j++) {
                s.c.threads = threads[j];
                cr_expect(sim_compare(topology, &s.c, (struct sim_end){0}) == 0,
                          "%s k=%u threads=%u", topology, ks[i], threads[j]);
            }
            tear_down(&s);
        }
}

/* More threads than tokens, short batches (later parts are then empty), local steps, every rule. */
Test(engine, shared_steps_match_the_simulator_for_any_threads, .timeout = 300)
{
    static const char *const homes[] = {"token", "node", "mixed"};
    static const uint32_t threads[] = {1, 2, 3, 7, 16}, dims[] = {50, 16384, 40000};
    for (size_t i = 0; i < 45; i++) {
        struct setup s;
        size_t dim = dims[i % 3];
        set_up(&s, i % 2 ? "ring" : "onepeer-exp", 1 + (uint32_t)i % 4, 11);
        free(s.init);
        s.init = toy_init(dim);
        s.c.init = s.init;
        s.toy.problem.dim = dim;
        s.toy.problem.parts = 2 + (uint32_t)i % 3;
        s.toy.empty_every = i % 5 ? 0 : 3;
        s.c.local_steps = 1 + (uint32_t)i % 3;
        s.c.threads = threads[i % 5];
        s.p.rounds = dim > 50 ? 12 : 60;
        cr_assert(tsgd_sgd_rule(&s.c.rule, homes[i / 3 % 3], 0.7, i % 2, 0.01, NULL) == TSGD_OK);
        cr_expect(sim_compare(homes[i / 3 % 3], &s.c, (struct sim_end){0}) == 0, "case %zu", i);
        tear_down(&s);
    }
}

static _Atomic int at_work, most_at_work;

static double counted(const struct tsgd_problem *p, uint32_t node, uint64_t b, uint32_t part,
                      const float *x, float *grad, void *scratch)
{
    int now = ++at_work;
    most_at_work = now > most_at_work ? now : most_at_work;
    double loss = toy_make(p->dim, p->nodes).problem.ops->part_gradient(p, node, b, part, x, grad,
                                                                        scratch);
    at_work--;
    return loss;
}

Test(engine, workers_share_the_step_of_one_token, .timeout = 60)
{
    struct setup s;
    set_up(&s, "ring", 1, 8);
    struct tsgd_problem_ops ops = *s.toy.problem.ops;
    ops.part_gradient = counted;
    s.toy.problem.ops = &ops;
    s.toy.problem.parts = 3;
    s.toy.sleep_ns = 200000;            /* needs no core, so that somebody has time for the next */
    s.c.threads = 3;
    drop(engine_log(&s.c, NULL));
    cr_expect(most_at_work > 1 && most_at_work <= 3, "%d", (int)most_at_work);
    tear_down(&s);
}

Test(engine, shared_steps_are_counted_in_workers_and_memory)
{
    struct setup s;
    set_up(&s, "ring", 2, 8);
    s.c.threads = 6;
    size_t whole = tsgd_engine_bytes(&s.c);
    cr_expect(tsgd_engine_workers(&s.toy.problem, 2, 100) == 2);
    s.toy.problem.parts = 3;
    cr_expect(tsgd_engine_workers(&s.toy.problem, 2, 100) == 6);
    cr_expect(tsgd_engine_workers(&s.toy.problem, 2, 4) == 4);
    cr_expect(tsgd_engine_bytes(&s.c) > whole + 4 * s.toy.problem.scratch_bytes +
              2 * 3 * 50 * sizeof(float));
    tear_down(&s);
}

static _Atomic int at_once;

static double step(const struct tsgd_problem *p, uint32_t node, uint64_t b,
                   const struct tsgd_update *u, float *grad, void *scratch)
{
    double loss = p->ops->gradient(p, node, b, u->x, grad, scratch);
    tsgd_sgd(tsgd_isa_table(0), u, grad, p->dim);
    at_once++;
    return loss;
}

/* In the second half of the cases the problem takes the steps. */
Test(engine, every_momentum_home_matches_the_simulator, .timeout = 120)
{
    static const char *const homes[] = {"token", "node", "mixed"};
    for (int i = 0; i < 24; i++) {
        struct setup s;
        set_up(&s, "exp", 5, 11);
        struct tsgd_problem_ops ops = *s.toy.problem.ops;
        ops.step = i < 12 ? NULL : step;
        s.toy.problem.ops = &ops;
        at_once = 0;
        cr_assert(tsgd_sgd_rule(&s.c.rule, homes[i % 3], i % 12 < 3 ? 0 : 0.7, i / 3 % 2, 0.01,
                                NULL) == TSGD_OK);
        s.c.local_steps = 1 + (uint32_t)i % 12 / 6;
        s.c.eval_tokens = i % 2;
        cr_expect(sim_compare(homes[i % 3], &s.c, (struct sim_end){0}) == 0, "case %d", i);
        cr_expect((at_once > 0) == (i >= 12), "case %d: %d steps", i, (int)at_once);
        tear_down(&s);
    }
}

/* Methods with a rule of their own, with every topology (also those that the settings refuse: the
 * bits must agree all the same, as long as the numbers stay finite).                            */
ParameterizedTestParameters(engine, every_method_matches_the_simulator_for_any_threads)
{
    return rows(tsgd_n_methods * tsgd_n_topologies);
}
ParameterizedTest(size_t *row, engine, every_method_matches_the_simulator_for_any_threads,
                  .timeout = 300)
{
    static const uint32_t threads[] = {1, 2, 3, 8};
    const struct tsgd_method *m = tsgd_methods[*row / tsgd_n_topologies];
    size_t graph = *row % tsgd_n_topologies;
    const char *topology = tsgd_topologies[graph]->example;
    for (size_t i = 0; i < 24; i++) {
        uint32_t k = i % 3 == 0 ? 2 : graph_exists(graph, 7) ? 7 : 8;
        if (!graph_exists(graph, k))
            continue;
        struct setup s;
        struct tsgd_method_options like = TSGD_METHOD_OPTIONS_INIT;
        like.momentum = m->rule && !m->needs_momentum ? 0 : 0.7;
        like.nesterov = i % 2 && (!m->rule || m->takes_nesterov);
        like.weight_decay = 0.01;
        bool teleports = m->teleports || (m->may_teleport && i % 4 < 2);
        set_up(&s, topology, k, teleports ? 20 : k);
        cr_assert(tsgd_method_rule(&s.c.rule, m, &like, NULL) == TSGD_OK);
        s.c.teleports = teleports;
        s.c.local_steps = m->one_step ? 1 : 1 + (uint32_t)i / 4 % 3;
        s.c.threads = threads[i % 4];
        s.c.final_average = i / 8 % 2;
        s.c.eval_tokens = i / 16 % 2;
        s.rate = (struct tsgd_rate){.kind = TSGD_RATE_COSINE, .eta = 0.05, .rounds = 60,
                                      .warmup = i % 5};
        s.toy.empty_every = i % 6 == 5 ? 3 : 0;
        cr_expect(sim_compare(m->name, &s.c, (struct sim_end){0}) == 0, "%s %s case %zu", m->name,
                  topology, i);
        tear_down(&s);
    }
}

ParameterizedTestParameters(engine, rare_gossip_matches_the_simulator)
{
    return rows(tsgd_n_topologies);
}
ParameterizedTest(size_t *row, engine, rare_gossip_matches_the_simulator, .timeout = 300)
{
    static const char *const methods[] = {"teleport", "qg-dsgdm", "gt", "momentum-tracking"};
    static const uint64_t every[] = {2, 3, 7, 60, 61};
    for (size_t i = 0; i < 40; i++) {
        const char *topology = tsgd_topologies[*row]->example;
        uint32_t k = i % 2 ? 5 : 8;
        const struct tsgd_method *m = NULL;
        struct tsgd_method_options like = TSGD_METHOD_OPTIONS_INIT;
        struct setup s;
        if (!graph_exists(*row, k))
            continue;
        cr_assert(tsgd_method_find(&m, methods[i % 4], NULL) == TSGD_OK);
        like.mix_every = every[i % 5];
        like.momentum = i % 4 == 2 ? 0 : 0.6;
        like.momentum_home = i % 8 == 4 ? "mixed" : "token";
        set_up(&s, topology, k, i % 4 < 2 ? 20 : k);
        cr_assert(tsgd_method_rule(&s.c.rule, m, &like, NULL) == TSGD_OK);
        tsgd_method_suit_mixing(m, &s.mixing);
        cr_assert(tsgd_mixing_thin(&s.mixing, like.mix_every, NULL) == TSGD_OK);
        s.c.teleports = i % 4 < 2;
        s.c.local_steps = m->one_step ? 1 : 1 + (uint32_t)i / 4 % 2;
        s.c.threads = 1 + (uint32_t)i % 3;
        s.c.final_average = i / 8 % 2;
        s.toy.empty_every = i % 6 == 5 ? 3 : 0;
        cr_expect(sim_compare(m->name, &s.c, (struct sim_end){0}) == 0, "%s %s every %d, case %zu",
                  m->name, topology, (int)like.mix_every, i);
        tear_down(&s);
    }
}

/* Tokens that first mix after the end are alone to the end; a round earlier they are not. */
Test(engine, gossip_after_the_end_is_none, .timeout = 60)
{
    for (int slices = 0; slices < 2; slices++) {
        struct setup s, alone;
        set_up(&s, "ring", 6, 15);
        set_up(&alone, "alone", 6, 15);
        s.c.gossip = alone.c.gossip = slices ? TSGD_GOSSIP_SLICES : TSGD_GOSSIP_ROWS;
        cr_assert(tsgd_mixing_thin(&s.mixing, 61, NULL) == TSGD_OK);
        struct sim_log *got = engine_log(&s.c, NULL), *want = engine_log(&alone.c, NULL);
        expect_same(&s.c, want, got, "no gossip");
        cr_expect(got->eval[got->n - 1].bytes_gossip == 0);
        drop(got);
        s.mixing.every = 60;
        got = engine_log(&s.c, NULL);
        cr_expect(memcmp(got->x, want->x, 6 * 50 * sizeof(float)) != 0);
        cr_expect(got->eval[got->n - 1].bytes_gossip == 6 * 2 * 4 * 50);
        drop(got);
        drop(want);
        tear_down(&s);
        tear_down(&alone);
    }
}

static bool near_the_end(const struct tsgd_eval *e) { return e->round >= 21; }

Test(engine, a_final_average_makes_every_token_the_mean, .timeout = 60)
{
    for (int i = 0; i < 8; i++) {       /* ended by its length, or by a verdict */
        struct setup s;
        struct tsgd_outcome o;
        struct sim_end end = {0, i % 2 ? near_the_end : NULL};
        struct sim_log *log = calloc(1, sizeof *log), *plain = calloc(1, sizeof *plain);
        set_up(&s, "ring", 5, 11);
        s.c.eval_tokens = i / 2 % 2;
        s.c.threads = 1 + (uint32_t)i / 2;
        sim_engine(&s.c, end, plain, &o);
        s.c.final_average = true;
        cr_expect(sim_compare("final average", &s.c, end) == 0, "case %d", i);
        sim_engine(&s.c, end, log, &o);
        struct tsgd_eval *last = &log->eval[log->n - 1], *other = &plain->eval[plain->n - 1];
        cr_expect(last->round == other->round && last->round == (i % 2 ? 21 : 60));
        cr_expect(last->consensus == 0 && other->consensus > 0);
        cr_expect(last->test_loss == other->test_loss, "the mean stays where it was");
        cr_expect(last->bytes_gossip == other->bytes_gossip + 2 * (5 - 1) * 4 * 50);
        for (int a = 1; a < 5; a++)
            cr_expect(memcmp(log->x, log->x + a * 50, 50 * sizeof(float)) == 0, "token %d", a);
        drop(plain);
        drop(log);
        tear_down(&s);
    }
}

Test(engine, fixed_holders_with_k_equal_n_is_dsgd_bit_for_bit, .timeout = 60)
{
    struct setup s;
    struct sim_log *want, got = {0};
    set_up(&s, "ring", 7, 7);
    s.c.teleports = false;
    want = calloc(1, sizeof *want);
    sim_run(&s.c, (struct sim_end){0}, want);
    struct tsgd_outcome o;
    sim_engine(&s.c, (struct sim_end){0}, &got, &o);
    expect_same(&s.c, want, &got, "dsgd");
    cr_expect(got.eval[got.n - 1].bytes_teleport == 0, "nothing travels");
    sim_log_release(&got);
    drop(want);
    tear_down(&s);
}

/* Sequential SGD over the nodes that the plan names, without tokens, gossip or parity. */
Test(engine, one_token_is_sequential_sgd_bit_for_bit, .timeout = 60)
{
    struct setup s;
    set_up(&s, "ring", 1, 9);
    struct sim_log *got = engine_log(&s.c, NULL);
    const struct tsgd_problem *p = &s.toy.problem;
    float x[50], m[50] = {0}, g[50];
    uint32_t visits[9] = {0};
    memcpy(x, s.init, sizeof x);
    for (uint32_t t = 0; t < 60; t++) {
        struct tsgd_rng rng = tsgd_rng(s.c.seed, TSGD_RNG_HOLDERS, t, 0);
        uint32_t node = tsgd_rng_below(&rng, 9);
        p->ops->gradient(p, node, visits[node]++, x, g, NULL);
        for (int j = 0; j < 50; j++) {
            m[j] = 0.9f * m[j] + (g[j] + 1e-4f * x[j]);
            x[j] -= tsgd_rate_at(&s.rate, t) * m[j];
        }
    }
    cr_expect(memcmp(x, got->x, sizeof x) == 0);
    drop(got);
    tear_down(&s);
}

Test(engine, the_complete_graph_leaves_every_token_at_the_mean, .timeout = 60)
{
    struct setup s;
    set_up(&s, "complete", 12, 30);
    struct sim_log *got = engine_log(&s.c, NULL);
    for (uint32_t i = 0; i < got->n; i++)
        cr_expect(got->eval[i].consensus < 1e-10, "round %llu: %g",
                  (unsigned long long)got->eval[i].round, got->eval[i].consensus);
    drop(got);
    tear_down(&s);
}

static double no_gradient(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                          float *grad, void *scratch)
{
    (void)scratch;
    for (size_t j = 0; j < p->dim; j++)         /* pushes tokens apart; the sum stays */
        grad[j] = b == 0 ? (float)(node % 2 ? 1 : -1) * (float)(j + 1) : 0 * x[j];
    return 0;
}

Test(engine, gossip_preserves_the_mean_of_the_tokens, .timeout = 60)
{
    for (size_t row = 0; row < tsgd_n_topologies; row++) {
        struct setup s;
        struct tsgd_problem_ops ops;
        if (!graph_exists(row, 10))
            continue;
        set_up(&s, tsgd_topologies[row]->example, 10, 10);
        ops = *s.toy.problem.ops;
        ops.gradient = no_gradient;
        s.toy.problem.ops = &ops;
        s.c.teleports = false;
        cr_assert(tsgd_sgd_rule(&s.c.rule, "token", 0, false, 0, NULL) == TSGD_OK);
        struct sim_log *got = engine_log(&s.c, NULL);
        for (int j = 0; j < 50; j++) {
            double mean = 0;
            for (int a = 0; a < 10; a++)
                mean += (double)got->x[a * 50 + j] / 10;
            cr_expect(fabs(mean - (double)s.init[j]) < 2e-5, "%s, coordinate %d: %g, was %g",
                      tsgd_topologies[row]->name, j, mean, (double)s.init[j]);
        }
        if (strcmp(tsgd_topologies[row]->name, "alone"))
            cr_expect(got->eval[got->n - 1].consensus < 20, "the steps had made it 400: %g",
                      got->eval[got->n - 1].consensus);
        drop(got);
        tear_down(&s);
    }
}

Test(engine, nodes_without_data_take_no_step_and_their_tokens_still_gossip, .timeout = 60)
{
    struct setup s;
    set_up(&s, "ring", 5, 10);
    s.toy.empty_every = 3;
    cr_expect(sim_compare("empty nodes", &s.c, (struct sim_end){0}) == 0);
    struct sim_log *got = engine_log(&s.c, NULL);
    cr_expect(got->eval[got->n - 1].gradients < 5 * 60);
    drop(got);
    tear_down(&s);
}

static bool below(const struct tsgd_eval *e) { return e->round > 0 && e->test_loss <= 0.1; }

Test(engine, a_verdict_ends_the_run_at_its_evaluation_for_any_threads, .timeout = 60)
{
    for (uint32_t threads = 1; threads <= 8; threads *= 2) {
        struct setup s;
        set_up(&s, "onepeer-exp", 6, 20);
        s.c.threads = threads;
        s.p.eval_every = 3;
        struct sim_log log = {0};
        struct tsgd_outcome o;
        cr_expect(sim_compare("verdict", &s.c, (struct sim_end){0, below}) == 0);
        sim_engine(&s.c, (struct sim_end){0, below}, &log, &o);
        cr_expect(log.eval[log.n - 1].test_loss <= 0.1 && log.eval[log.n - 1].round < 60);
        cr_expect(log.eval[log.n - 2].test_loss > 0.1);
        sim_log_release(&log);
        tear_down(&s);
    }
}

Test(engine, samples_end_a_run_after_the_round_that_reaches_them, .timeout = 60)
{
    struct setup s;
    set_up(&s, "ring", 3, 10);
    s.p.samples = 100;
    cr_expect(sim_compare("samples", &s.c, (struct sim_end){0}) == 0);
    struct sim_log *got = engine_log(&s.c, NULL);
    const struct tsgd_eval *e = &got->eval[got->n - 1];
    cr_expect(e->samples >= 100 && e->samples < 100 + 9 && e->round < 60, "%llu samples",
              (unsigned long long)e->samples);
    drop(got);
    tear_down(&s);
}

Test(engine, divergence_is_reported_at_the_smallest_round_and_token_for_any_threads, .timeout = 60)
{
    uint64_t round = 0;
    uint32_t token = 0, evals = 0;
    for (uint32_t threads = 1; threads <= 8; threads++) {
        struct setup s;
        struct tsgd_outcome o;
        set_up(&s, "exp", 8, 16);
        s.c.threads = threads;
        s.toy.explode_node = 5;
        s.p.eval_every = 1;
        struct sim_log *got = engine_log(&s.c, &o);
        cr_expect(o.diverged);
        if (threads == 1) {
            round = o.diverged_round;
            token = o.diverged_token;
            evals = got->n;
        }
        cr_expect(o.diverged_round == round && o.diverged_token == token && got->n == evals,
                  "threads=%u: round %llu token %u, %u evaluations", threads,
                  (unsigned long long)o.diverged_round, o.diverged_token, got->n);
        cr_expect(got->eval[got->n - 1].round <= round);
        drop(got);
        tear_down(&s);
    }
}

Test(engine, a_stop_before_the_start_leaves_x0, .timeout = 60)
{
    struct setup s;
    struct tsgd_engine *e;
    struct tsgd_outcome o;
    set_up(&s, "ring", 4, 8);
    cr_assert(tsgd_engine_create(&e, &s.c, NULL) == TSGD_OK);
    tsgd_engine_stop(e);
    cr_assert(tsgd_engine_run(e, &o, NULL) == TSGD_OK);
    cr_expect(o.interrupted);
    cr_expect(tsgd_engine_rounds(e, 0) == 0);
    cr_expect(memcmp(tsgd_engine_row(e, 3, 0), s.init, 50 * sizeof(float)) == 0);
    tsgd_engine_free(e);
    tear_down(&s);
}

Test(engine, shares_of_time_sum_to_one_and_memory_does_not_grow_with_n, .timeout = 60)
{
    struct setup s, big;
    struct tsgd_outcome o;
    set_up(&s, "ring", 4, 8);
    set_up(&big, "ring", 4, 1000008);
    drop(engine_log(&s.c, &o));
    cr_expect(fabs(o.share[0] + o.share[1] + o.share[2] + o.share[3] + o.share[4] + o.share[5] -
                   1) < 1e-9);
    cr_expect(tsgd_engine_bytes(&big.c) - tsgd_engine_bytes(&s.c) == 8 * 1000000,
              "a few bytes a node, whatever the model");
    tear_down(&s);
    tear_down(&big);
}

Test(engine, tokens_measured_one_by_one_are_counted_in_memory, .timeout = 60)
{
    struct setup s;
    set_up(&s, "ring", 4, 8);
    s.c.eval_tokens = true;
    size_t few = tsgd_engine_bytes(&s.c);
    s.toy.problem.eval_blocks += 1000;
    cr_expect(tsgd_engine_bytes(&s.c) - few == 1000 * (1 + 4) * sizeof(struct tsgd_measure));
    tear_down(&s);
}

Test(engine, more_blocks_of_evaluation_than_can_be_numbered_are_refused, .timeout = 60)
{
    struct setup s;
    struct tsgd_engine *e = NULL;
    struct tsgd_error err;
    set_up(&s, "ring", 4, 8);
    s.c.eval_tokens = true;
    s.toy.problem.eval_blocks = UINT32_MAX / 5 + 1;     /* times 5 is 4 */
    cr_expect(tsgd_engine_create(&e, &s.c, &err) == TSGD_ENOMEM);
    cr_expect(strstr(err.text, "--eval tokens") != NULL, "%s", err.text);
    tsgd_engine_free(e);
    tear_down(&s);
}

Test(engine, threads_that_were_started_for_nothing_end_with_their_engine, .timeout = 60)
{
    struct setup s;
    struct tsgd_engine *e;
    set_up(&s, "ring", 6, 8);
    s.c.threads = 6;
    cr_assert(tsgd_engine_create(&e, &s.c, NULL) == TSGD_OK);
    cr_assert(tsgd_engine_start(e, NULL) == TSGD_OK);
    tsgd_engine_free(e);
    tear_down(&s);
}

/* Long enough for several slices a round, and so for workers that meet in one. */
Test(engine, long_rows_in_many_slices_match_the_simulator, .timeout = 120)
{
    static const char *const topologies[] = {"ring", "exp", "complete", "onepeer-exp"};
    for (int i = 0; i < 4; i++) {
        struct setup s;
        set_up(&s, topologies[i], 8, 20);
        free(s.init);
        s.toy = toy_make(20000, 20);
        s.init = toy_init(20000);
        s.c.init = s.init;
        s.p.rounds = 12;
        s.c.threads = 2 + (uint32_t)i % 2;
        cr_expect(sim_compare(topologies[i], &s.c, (struct sim_end){0}) == 0);
        tear_down(&s);
    }
}

Test(engine, slices_take_half_the_memory_for_rows_and_are_chosen_where_nobody_waits, .timeout = 60)
{
    static const struct {
        const char *topology;
        uint32_t k, threads;
        bool slices, small;             /* small: where rows stay in any cache */
    } cases[] = {
        {"ring", 5, 1, true, true}, {"ring", 8, 2, true, false}, {"ring", 5, 2, false, false},
        {"complete", 5, 2, true, true}, {"alone", 8, 2, false, false}, {"ring", 1, 2, true, true},
        {"alone", 8, 1, false, false}, {"exp", 7, 3, false, false}, {"ring", 7, 3, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct setup s;
        set_up(&s, cases[i].topology, cases[i].k, 30);
        s.toy.problem.dim = 1000000;
        s.c.threads = cases[i].threads;
        cr_expect(tsgd_engine_slices(&s.c) == cases[i].slices, "%s k=%u threads=%u",
                  cases[i].topology, cases[i].k, cases[i].threads);
        s.toy.problem.dim = 1000;
        cr_expect(tsgd_engine_slices(&s.c) == cases[i].small, "%s k=%u threads=%u, short rows",
                  cases[i].topology, cases[i].k, cases[i].threads);
        s.toy.problem.dim = 1000000;
        s.c.gossip = TSGD_GOSSIP_ROWS;
        size_t rows = tsgd_engine_bytes(&s.c);
        s.c.gossip = TSGD_GOSSIP_SLICES;
        size_t less = rows - tsgd_engine_bytes(&s.c), half = cases[i].k * 4000000;
        cr_expect(less > half - half / 10 && less <= half, "%zu bytes less, want %zu", less, half);
        tear_down(&s);
    }
}

static void create_with(const struct tsgd_rule *rows)
{
    struct setup s;
    struct tsgd_engine *e;
    set_up(&s, "ring", 4, 8);
    memcpy(s.c.rule.exchanged, rows->exchanged, sizeof rows->exchanged);
    memcpy(s.c.rule.own, rows->own, sizeof rows->own);
    cr_assert(tsgd_engine_create(&e, &s.c, NULL) == TSGD_OK);
    tsgd_engine_free(e);
    tear_down(&s);
}

Test(engine, a_rule_may_have_as_many_rows_as_there_is_room_for, .timeout = 60)
{
    const struct tsgd_rule all = {.exchanged = {"x", "a", "b", "c"}, .own = {"d", "e", "f", "g"}};
    cr_assert(TSGD_MAX_ROWS == 4 && tsgd_rule_exchanged(&all) == 4 && tsgd_rule_own(&all) == 4);
    create_with(&all);
}

/* A rule is part of the program, so one without parameters is a bug. */
Test(engine, a_rule_without_a_row_ends_the_program, .signal = SIGABRT, .timeout = 60)
{
    create_with(&(struct tsgd_rule){.own = {"m"}});
}
