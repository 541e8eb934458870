#include "sim/toy.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

static uint64_t scramble(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint32_t batch_count(const struct tsgd_problem *p, uint32_t node, uint64_t b)
{
    const struct toy *t = (const struct toy *)p;
    if (t->empty_every && node % t->empty_every == 1)
        return 0;
    return 1 + (uint32_t)((node + b) % 3);
}

/* Sample i is in part i, so that later parts are often empty. */
static uint32_t part_count(const struct tsgd_problem *p, uint32_t node, uint64_t b, uint32_t part)
{
    return part < batch_count(p, node, b);
}

static double part_gradient(const struct tsgd_problem *p, uint32_t node, uint64_t b, uint32_t part,
                            const float *x, float *grad, void *scratch)
{
    const struct toy *t = (const struct toy *)p;
    uint64_t key = scramble(scramble(node) ^ b) + part;
    double loss = 0;
    (void)scratch;
    if (t->sleep_ns)
        nanosleep(&(struct timespec){0, t->sleep_ns}, NULL);
    for (size_t j = 0; j < p->dim; j++) {
        uint32_t noise = (uint32_t)((key ^ j * 0x9e3779b97f4a7c15u) * 0xd1342543de82ef95u >> 40);
        grad[j] = x[j] + ((float)noise * 0x1p-24f - 0.5f);
        loss += (double)grad[j] * (double)x[j];
    }
    if (node == t->explode_node && b > 0)
        return INFINITY;
    return loss;
}

static double gradient(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                       float *grad, void *scratch)
{
    return part_gradient(p, node, b, 0, x, grad, scratch);
}

static void evaluate(const struct tsgd_problem *p, uint32_t block, const float *x, void *scratch,
                     struct tsgd_measure *out)
{
    (void)scratch;
    *out = (struct tsgd_measure){.samples = 10};
    for (size_t j = block; j < p->dim; j += p->eval_blocks) {
        out->sum[0] += (double)x[j] * (double)x[j];
        out->sum[1] += x[j] > 0 && j < 10 * p->eval_blocks;
    }
}

static void report(const struct tsgd_problem *p, const struct tsgd_measure *sum, double consensus,
                   double *value)
{
    (void)p, (void)consensus;
    value[0] = sum->sum[0] / (double)sum->samples;
    value[1] = sum->sum[1] / (double)sum->samples;
}

static const struct tsgd_problem_metric metrics[] = {
    {"test_loss", offsetof(struct tsgd_eval, test_loss), offsetof(struct tsgd_eval, test_loss_mean),
     offsetof(struct tsgd_eval, test_loss_worst), false},
    {"test_accuracy", offsetof(struct tsgd_eval, test_accuracy),
     offsetof(struct tsgd_eval, test_accuracy_mean),
     offsetof(struct tsgd_eval, test_accuracy_worst), true},
};

struct toy toy_make(size_t dim, uint32_t nodes)
{
    static const struct tsgd_problem_ops ops = {
        .batch_count = batch_count, .gradient = gradient, .part_count = part_count,
        .part_gradient = part_gradient, .evaluate = evaluate, .report = report,
    };
    return (struct toy){
        .problem = {.ops = &ops, .dim = dim, .nodes = nodes, .eval_blocks = 3, .scratch_bytes = 64,
                    .metric = metrics, .n_metrics = 2},
        .explode_node = UINT32_MAX,
    };
}

float *toy_init(size_t dim)
{
    float *x = malloc(dim * sizeof *x);
    for (size_t j = 0; j < dim; j++)
        x[j] = (float)(j % 17) * 0.125f - 1;
    return x;
}
