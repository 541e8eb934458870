#include "sim/bowl.h"

#include "base/rng.h"

#include <math.h>

static uint32_t batch_count(const struct tsgd_problem *p, uint32_t node, uint64_t b)
{
    (void)p;
    (void)node;
    (void)b;
    return 1;
}

static double gradient(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                       float *grad, void *scratch)
{
    const struct bowl *bowl = (const struct bowl *)p;
    double loss = 0;
    (void)b;
    (void)scratch;
    for (uint32_t j = 0; j < BOWL_DIM; j++) {
        float rest = bowl->a[node] * x[j] - bowl->b[node][j];
        grad[j] = bowl->a[node] * rest;
        loss += 0.5 * (double)rest * (double)rest;
    }
    return loss;
}

struct bowl bowl_make(uint32_t nodes)
{
    static const struct tsgd_problem_ops ops = {.batch_count = batch_count, .gradient = gradient};
    struct bowl b = {
        .problem = {.ops = &ops, .dim = BOWL_DIM, .nodes = nodes, .scratch_bytes = 64},
    };
    for (uint32_t i = 0; i < nodes; i++) {
        struct tsgd_rng rng = tsgd_rng(1, TSGD_RNG_TEST, i, 0);
        b.a[i] = (float)sqrt(0.5 + (double)i / (nodes - 1));
        for (uint32_t j = 0; j < BOWL_DIM; j++)
            b.b[i][j] = (float)tsgd_rng_normal(&rng);
    }
    return b;
}

double bowl_gradient(const struct bowl *b, uint32_t node, uint32_t j, double x)
{
    return (double)b->a[node] * ((double)b->a[node] * x - (double)b->b[node][j]);
}

double bowl_optimum(const struct bowl *b, uint32_t j)
{
    double slope = 0, pull = 0;
    for (uint32_t i = 0; i < b->problem.nodes; i++) {
        slope += (double)b->a[i] * (double)b->a[i];
        pull += (double)b->a[i] * (double)b->b[i][j];
    }
    return pull / slope;
}
