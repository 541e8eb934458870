/* Nodes that come and go: the draw, the trace, and what becomes of tokens without a node. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linalg/isa.h"
#include "method/sgd.h"
#include "scenario/churn.h"
#include "sim/graphs.h"
#include "sim/sim.h"
#include "sim/toy.h"
#include "scenario/rate.h"

static const struct tsgd_churn sometimes = {.on = true, .share = 0.3, .seed = 4};

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, (void (*)(struct criterion_test_params *))cr_free);
}

/* ---- the draw ---- */

/* Beyond 5 standard deviations with probability 6e-7, and the seed is fixed. */
static void expect_share(double hits, double total, double share, const char *what)
{
    cr_expect(fabs(hits - share * total) < 5 * sqrt(total * share * (1 - share)),
              "%s: %.0f of %.0f, want a share of %g", what, hits, total, share);
}

Test(churn, a_node_is_there_as_often_as_asked)
{
    for (uint32_t node = 0; node < 5; node++) {
        double hits = 0;
        for (uint64_t t = 0; t < 20000; t++)
            hits += tsgd_churn_there(&sometimes, node * 1000003, t);
        expect_share(hits, 20000, 0.3, "rounds");
    }
}

Test(churn, as_many_nodes_are_there_in_a_round_as_asked)
{
    double hits = 0;
    for (uint32_t node = 0; node < 20000; node++)
        hits += tsgd_churn_there(&sometimes, node, 77);
    expect_share(hits, 20000, 0.3, "nodes");
}

Test(churn, rounds_and_nodes_are_independent)
{
    double rounds = 0, nodes = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        rounds += tsgd_churn_there(&sometimes, 3, i) && tsgd_churn_there(&sometimes, 3, i + 1);
        nodes += tsgd_churn_there(&sometimes, i, 3) && tsgd_churn_there(&sometimes, i + 1, 3);
    }
    cr_expect(fabs(rounds / 20000 - 0.09) < 0.015 && fabs(nodes / 20000 - 0.09) < 0.015, "%g %g",
              rounds, nodes);
}

Test(churn, a_share_of_one_is_always_and_no_churn_too)
{
    struct tsgd_churn all = {.on = true, .share = 1}, off = TSGD_CHURN_INIT;
    for (uint32_t i = 0; i < 10000; i++)
        cr_assert(tsgd_churn_there(&all, i % 7, i) && tsgd_churn_there(&off, i % 7, i));
}

/* ---- the trace ---- */

static enum tsgd_status read_trace(struct tsgd_churn *c, const char *text, struct tsgd_error *err)
{
    char path[] = "/tmp/telesgd-trace-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
    enum tsgd_status st = tsgd_churn_read(c, path, 10, err);
    unlink(path);
    return st;
}

Test(churn, a_trace_says_when_its_nodes_are_there)
{
    struct tsgd_churn c;
    const char *text = "# node from to\n\n4 7 9\n2 0 3\n 4\t2 5 # again\n9 3 3\n2 3 4\n";
    cr_assert(read_trace(&c, text, NULL) == TSGD_OK);
    for (uint64_t t = 0; t < 12; t++) {
        cr_expect(tsgd_churn_there(&c, 4, t) == ((t >= 2 && t < 5) || t == 7 || t == 8), "4 in %d",
                  (int)t);
        cr_expect(tsgd_churn_there(&c, 2, t) == (t < 4), "2 in %d", (int)t);
        cr_expect(!tsgd_churn_there(&c, 9, t), "an empty interval: 9 is never there");
        for (uint32_t node = 0; node < 9; node++)
            cr_expect(node == 2 || node == 4 || tsgd_churn_there(&c, node, t), "not named: %u",
                      node);
    }
    tsgd_churn_release(&c);
}

static const struct {
    const char *text, *sentence;
} bad_trace[] = {
    {"1 2\n", "line 1: found 2 fields, want three: node from to"},
    {"# x\n1 2 3 4\n", "line 2: found 4 fields"},
    {"1 -2 3\n", "line 1: '-2' is not a whole number"},
    {"1 2 3.5\n", "line 1: '3.5' is not a whole number"},
    {"1 0 5\n10 2 3\n", "line 2: found node 10, want 0 to 9"},
    {"1 5 4\n", "line 1: found from 5 to 4, want from at most to"},
    {"1 0 5\n2 0 5\n1 4 9\n", "line 3: node 1 from 4 to 9 overlaps line 1, from 0 to 5"},
    {"1 4 9\n1 0 5\n", "line 2: node 1 from 0 to 5 overlaps line 1, from 4 to 9"},
    {"1 4 9\n1 4 9\n", "line 2: node 1 from 4 to 9 overlaps line 1"},
};

ParameterizedTestParameters(churn, a_bad_trace_is_refused_by_line)
{
    return rows(sizeof bad_trace / sizeof *bad_trace);
}
ParameterizedTest(size_t *row, churn, a_bad_trace_is_refused_by_line)
{
    struct tsgd_churn c;
    struct tsgd_error err = {TSGD_OK, ""};
    cr_expect(read_trace(&c, bad_trace[*row].text, &err) == TSGD_EFORMAT);
    cr_expect(strstr(err.text, bad_trace[*row].sentence) && strstr(err.text, "/tmp/telesgd-trace-"),
              "wants '%s', says: %s", bad_trace[*row].sentence, err.text);
}

Test(churn, a_trace_that_is_not_there_or_a_folder_is_an_io_error)
{
    struct tsgd_churn c;
    struct tsgd_error err;
    cr_expect(tsgd_churn_read(&c, "/nonexistent/trace", 5, &err) == TSGD_EIO);
    cr_expect(strstr(err.text, "--availability-trace: cannot open '/nonexistent/trace'"));
    cr_expect(tsgd_churn_read(&c, "/tmp", 5, &err) == TSGD_EIO);
}

/* ---- the engine ---- */

struct setup {
    struct tsgd_mixing mixing;
    struct tsgd_population p;
    struct tsgd_rate rate;
    struct toy toy;
    struct tsgd_churn churn;
    struct tsgd_engine_config c;
    float *init;
};

static void set_up(struct setup *s, const char *topology, uint32_t k, uint32_t nodes)
{
    *s = (struct setup){.toy = toy_make(70, nodes), .init = toy_init(70), .rate = {.eta = 0.1}};
    cr_assert(tsgd_topology_build(&s->mixing, topology, k, 1, NULL) == TSGD_OK);
    s->churn = (struct tsgd_churn){.on = true, .share = 0.6, .seed = 9};
    s->p = (struct tsgd_population){.k = k, .mixing = &s->mixing,
                                    .eta = tsgd_rate_step_size(&s->rate), .rounds = 60,
                                    .eval_every = 7, .eval_at_start = true};
    s->c = (struct tsgd_engine_config){
        .problem = &s->toy.problem, .kernels = tsgd_isa_table(0),
        .population = &s->p, .n_populations = 1, .teleports = true,
        .presence = tsgd_churn_presence(&s->churn), .local_steps = 1, .seed = 9, .threads = 3,
        .init = s->init,
    };
    cr_assert(tsgd_sgd_rule(&s->c.rule, "node", 0.9, false, 1e-4, NULL) == TSGD_OK);
}

static void tear_down(struct setup *s)
{
    tsgd_churn_release(&s->churn);
    tsgd_mixing_release(&s->mixing);
    free(s->init);
}

static struct sim_log *engine_log(const struct setup *s)
{
    struct sim_log *log = calloc(1, sizeof *log);
    struct tsgd_outcome o;
    sim_engine(&s->c, (struct sim_end){0}, log, &o);
    return log;
}

static void drop(struct sim_log *log)
{
    sim_log_release(log);
    free(log);
}

ParameterizedTestParameters(churn, every_topology_matches_the_simulator_for_any_share)
{
    return rows(tsgd_n_topologies);
}
ParameterizedTest(size_t *row, churn, every_topology_matches_the_simulator_for_any_share,
                  .timeout = 120)
{
    static const double shares[] = {1, 0.9, 0.5, 0.05};
    const char *name = tsgd_topologies[*row]->example;
    if (!graph_exists(*row, 8))
        return;
    for (int i = 0; i < 16; i++) {
        struct setup s;
        set_up(&s, name, 8, i & 4 ? 8 : 12);
        s.churn.share = shares[i % 4];
        s.c.teleports = s.toy.problem.nodes > 8 || i & 8;
        s.churn.isolate = !s.c.teleports && i < 8 && tsgd_mixing_symmetric(&s.mixing);
        s.c.presence = tsgd_churn_presence(&s.churn);
        cr_expect(sim_compare(name, &s.c, (struct sim_end){0}) == 0, "%s case %d", name, i);
        tear_down(&s);
    }
}

Test(churn, a_share_of_one_gives_the_bits_of_a_run_without_churn, .timeout = 60)
{
    struct setup s;
    char what[512] = "";
    set_up(&s, "ring", 5, 9);
    s.churn.share = 1;
    struct sim_log *a = engine_log(&s);
    s.c.presence = (struct tsgd_presence){NULL, NULL, false};
    struct sim_log *b = engine_log(&s);
    cr_expect(!sim_differ(&s.c, a, b, what, sizeof what), "%s", what);
    drop(a);
    drop(b);
    tear_down(&s);
}

Test(churn, when_nobody_is_there_tokens_gossip_and_nothing_else_happens, .timeout = 60)
{
    struct setup s;
    set_up(&s, "complete", 4, 6);
    s.churn.share = -1;
    struct sim_log *got = engine_log(&s);
    const struct tsgd_eval *e = &got->eval[got->n - 1];
    cr_expect(e->gradients == 0 && e->samples == 0 && e->bytes_teleport == 0);
    cr_expect(e->bytes_gossip == 60ull * 12 * 4 * 70);
    cr_expect(memcmp(got->x, s.init, 70 * sizeof(float)) == 0, "all rows were equal");
    drop(got);
    tear_down(&s);
}

/* Three of five nodes are ever there, for four tokens: token 3 never steps, and nobody mixes. */
Test(churn, the_highest_token_sits_out_when_too_few_are_there, .timeout = 60)
{
    struct setup s;
    set_up(&s, "alone", 4, 5);
    s.churn.interval = calloc(2, sizeof *s.churn.interval);
    s.churn.interval[s.churn.intervals++] = (struct tsgd_interval){1, 0, 0, 1};
    s.churn.interval[s.churn.intervals++] = (struct tsgd_interval){3, 100, 200, 2};
    struct sim_log *got = engine_log(&s);
    cr_expect(got->eval[got->n - 1].gradients == 3 * 60);
    cr_expect(memcmp(got->x + 3 * 70, s.init, 70 * sizeof(float)) == 0);
    for (int a = 0; a < 3; a++)
        cr_expect(memcmp(got->x + a * 70, s.init, 70 * sizeof(float)) != 0, "token %d", a);
    drop(got);
    tear_down(&s);
}

static double push(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                   float *grad, void *scratch)
{
    (void)x, (void)scratch;
    for (size_t j = 0; j < p->dim; j++)
        grad[j] = b == 0 ? (float)node - 3.5f : 0;
    return 0;
}

/* Each node's first step pushes its token; the pushes cancel in sum. */
Test(churn, isolation_preserves_the_mean_of_the_tokens, .timeout = 60)
{
    for (size_t row = 0; row < tsgd_n_topologies; row++) {
        struct setup s;
        struct tsgd_problem_ops ops;
        struct tsgd_mixing w = TSGD_MIXING_INIT;
        bool fits = graph_build(&w, row, 8, 1) && tsgd_mixing_symmetric(&w);
        tsgd_mixing_release(&w);
        if (!fits)
            continue;
        set_up(&s, tsgd_topologies[row]->example, 8, 8);
        ops = *s.toy.problem.ops;
        ops.gradient = push;
        s.toy.problem.ops = &ops;
        s.c.teleports = false;
        s.churn.isolate = true;
        s.c.presence = tsgd_churn_presence(&s.churn);
        cr_assert(tsgd_sgd_rule(&s.c.rule, "token", 0, false, 0, NULL) == TSGD_OK);
        struct sim_log *got = engine_log(&s);
        for (int j = 0; j < 70; j++) {
            double mean = 0;
            for (int a = 0; a < 8; a++)
                mean += (double)got->x[a * 70 + j] / 8;
            cr_expect(fabs(mean - (double)s.init[j]) < 1e-5, "%s, coordinate %d: %g, was %g",
                      tsgd_topologies[row]->name, j, mean, (double)s.init[j]);
        }
        drop(got);
        tear_down(&s);
    }
}

/* Of tokens 0-1-2 on a complete graph, node 2 is away in round 0: the others mix without it. */
Test(churn, an_isolated_row_neither_reads_nor_is_read, .timeout = 60)
{
    struct setup s;
    struct tsgd_problem_ops ops;
    set_up(&s, "complete", 3, 3);
    ops = *s.toy.problem.ops;
    ops.gradient = push;
    s.toy.problem.ops = &ops;
    s.p.rounds = 1;
    s.c.teleports = false;
    s.churn.isolate = true;
    s.c.presence = tsgd_churn_presence(&s.churn);
    s.churn.interval = calloc(1, sizeof *s.churn.interval);
    s.churn.interval[s.churn.intervals++] = (struct tsgd_interval){2, 1, 9, 1};
    cr_assert(tsgd_sgd_rule(&s.c.rule, "token", 0, false, 0, NULL) == TSGD_OK);
    struct sim_log *got = engine_log(&s);
    for (int j = 0; j < 70; j++) {      /* steps of 0.35 and 0.25; 2/3 and 1/3 of them are kept */
        cr_expect(fabsf(got->x[j] - s.init[j] - (0.35f * 2 + 0.25f) / 3) < 1e-6f);
        cr_expect(fabsf(got->x[70 + j] - s.init[j] - (0.35f + 0.25f * 2) / 3) < 1e-6f);
        cr_expect(got->x[140 + j] == s.init[j]);
    }
    cr_expect(got->eval[got->n - 1].bytes_gossip == 2 * 4 * 70, "one link, both ways");
    drop(got);
    tear_down(&s);
}

static _Atomic uint32_t visits[6];

static double count_visits(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                           float *grad, void *scratch)
{
    (void)b, (void)x, (void)scratch;
    visits[node]++;
    memset(grad, 0, p->dim * sizeof *grad);
    return 0;
}

/* Of m nodes that are there each is chosen with probability min(2, m) / m. */
Test(churn, holders_are_uniform_over_the_nodes_that_are_there, .timeout = 60)
{
    struct setup s;
    struct tsgd_problem_ops ops;
    double mean[6] = {0}, variance[6] = {0}, total = 0;
    set_up(&s, "alone", 2, 6);
    ops = *s.toy.problem.ops;
    ops.gradient = count_visits;
    s.toy.problem.ops = &ops;
    s.p.rounds = 5000;
    s.churn.share = 0.5;
    for (uint64_t t = 0; t < 5000; t++) {
        double m = 0;
        for (uint32_t i = 0; i < 6; i++)
            m += tsgd_churn_there(&s.churn, i, t);
        double chance = m > 2 ? 2 / m : 1;
        for (uint32_t i = 0; i < 6; i++)
            if (tsgd_churn_there(&s.churn, i, t)) {
                mean[i] += chance;
                variance[i] += chance * (1 - chance);
            }
        total += m > 2 ? 2 : m;
    }
    struct sim_log *got = engine_log(&s);
    for (uint32_t i = 0; i < 6; i++)
        cr_expect(fabs(visits[i] - mean[i]) < 5 * sqrt(variance[i]), "node %u: %u visits, want %g",
                  i, visits[i], mean[i]);
    cr_expect((double)got->eval[got->n - 1].gradients == total);
    drop(got);
    tear_down(&s);
}
