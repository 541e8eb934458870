/* Who holds which token, read off a problem that notes which row asked at which node. The row's
 * only coordinate counts the rounds, and its address says which token it is.                    */
#include <criterion/criterion.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/isa.h"
#include "sim/sim.h"
#include "sim/toy.h"
#include "method/sgd.h"
#include "scenario/rate.h"

enum { ROUNDS = 8000, NODES = 9, K = 4, STRIDE = 16 };

static struct { const float *x; uint32_t node; } seen[ROUNDS][NODES];
static _Atomic uint32_t n_seen[ROUNDS];
static uint32_t holder[ROUNDS][NODES];

static double note(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                   float *grad, void *scratch)
{
    (void)p;
    (void)b;
    (void)scratch;
    uint32_t t = (uint32_t)x[0], i = atomic_fetch_add(&n_seen[t], 1);
    seen[t][i].x = x;
    seen[t][i].node = node;
    grad[0] = -1;                       /* with step size 1: one more round */
    return 0;
}

static void record(uint64_t seed, uint32_t k, uint32_t threads)
{
    struct tsgd_mixing alone = TSGD_MIXING_INIT;
    struct toy toy = toy_make(1, NODES);
    struct tsgd_problem_ops ops = *toy.problem.ops;
    float x0 = 0;
    const float *first = NULL;
    struct sim_log *log = calloc(1, sizeof *log);
    struct tsgd_outcome o;
    ops.gradient = note;
    toy.problem.ops = &ops;
    memset(n_seen, 0, sizeof n_seen);
    cr_assert(tsgd_topology_build(&alone, "alone", k, 0, NULL) == TSGD_OK);
    struct tsgd_population all = {
        .k = k, .mixing = &alone, .eta = tsgd_rate_step_size(&(struct tsgd_rate){.eta = 1}),
        .rounds = ROUNDS,
    };
    struct tsgd_engine_config c = {
        .problem = &toy.problem, .kernels = tsgd_isa_table(0),
        .population = &all, .n_populations = 1, .teleports = true,
        .local_steps = 1, .seed = seed, .threads = threads, .init = &x0,
    };
    cr_assert(tsgd_sgd_rule(&c.rule, "token", 0, false, 0, NULL) == TSGD_OK);
    sim_engine(&c, (struct sim_end){0}, log, &o);
    for (uint32_t i = 0; i < k; i++)
        first = i == 0 || seen[0][i].x < first ? seen[0][i].x : first;
    for (uint32_t t = 0; t < ROUNDS; t++) {
        cr_assert(n_seen[t] == k, "round %u: %u steps", t, n_seen[t]);
        for (uint32_t i = 0; i < k; i++)
            holder[t][(size_t)(seen[t][i].x - first) / STRIDE % k] = seen[t][i].node;
    }
    sim_log_release(log);
    free(log);
    tsgd_mixing_release(&alone);
}

/* Chi-square of counts against equal expectation; beyond mean + 5 deviations with probability of
 * less than 1e-4, and the seeds are fixed.                                                      */
static void expect_uniform(const uint32_t *count, size_t cells, double total, const char *what)
{
    double expected = total / (double)cells, chi = 0, freedom = (double)cells - 1;
    for (size_t i = 0; i < cells; i++)
        chi += (count[i] - expected) * (count[i] - expected) / expected;
    cr_expect(fabs(chi - freedom) < 5 * sqrt(2 * freedom), "%s: chi-square %.1f for %.0f degrees",
              what, chi, freedom);
}

Test(holders, are_distinct_within_a_round, .timeout = 60)
{
    record(1, K, 3);
    for (uint32_t t = 0; t < ROUNDS; t++)
        for (uint32_t a = 0; a < K; a++)
            for (uint32_t b = 0; b < a; b++)
                cr_assert(holder[t][a] != holder[t][b], "round %u", t);
}

Test(holders, are_uniform_over_nodes_for_every_token, .timeout = 60)
{
    for (uint64_t seed = 0; seed < 3; seed++) {
        record(seed, K, 2);
        for (uint32_t a = 0; a < K; a++) {
            uint32_t count[NODES] = {0};
            for (uint32_t t = 0; t < ROUNDS; t++)
                count[holder[t][a]]++;
            expect_uniform(count, NODES, ROUNDS, "nodes");
        }
    }
}

Test(holders, are_uniform_over_ordered_pairs, .timeout = 60)
{
    record(4, K, 2);
    for (uint32_t a = 0; a < K; a++)
        for (uint32_t b = 0; b < K; b++) {
            uint32_t count[NODES * (NODES - 1)] = {0};
            if (a == b)
                continue;
            for (uint32_t t = 0; t < ROUNDS; t++) {
                uint32_t i = holder[t][a], j = holder[t][b];
                count[i * (NODES - 1) + (j > i ? j - 1 : j)]++;
            }
            expect_uniform(count, NODES * (NODES - 1), ROUNDS, "ordered pairs");
        }
}

/* If the draw of a round depended on earlier ones, pairs of successive holders would show it. */
Test(holders, of_successive_rounds_are_independent, .timeout = 60)
{
    uint32_t count[NODES * NODES] = {0};
    record(5, K, 2);
    for (uint32_t t = 1; t < ROUNDS; t++)
        count[holder[t - 1][2] * NODES + holder[t][2]]++;
    expect_uniform(count, NODES * NODES, ROUNDS - 1, "successive holders");
}

Test(holders, with_k_equal_n_are_a_permutation_of_all_nodes, .timeout = 60)
{
    record(6, NODES, 2);
    uint32_t moved = 0;
    for (uint32_t t = 0; t < ROUNDS; t++) {
        uint32_t mask = 0;
        for (uint32_t a = 0; a < NODES; a++) {
            mask |= 1u << holder[t][a];
            moved += holder[t][a] != a;
        }
        cr_assert(mask == (1u << NODES) - 1);
    }
    cr_expect(moved > ROUNDS * (NODES - 2), "they travel");
}

Test(holders, do_not_depend_on_threads, .timeout = 60)
{
    static uint32_t one[ROUNDS][NODES];
    record(7, K, 1);
    memcpy(one, holder, sizeof one);
    record(7, K, 4);
    cr_expect(memcmp(one, holder, sizeof one) == 0);
    record(8, K, 4);
    cr_expect(memcmp(one, holder, sizeof one) != 0, "another seed, other holders");
}
