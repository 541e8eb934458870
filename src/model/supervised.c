#include "model/supervised.h"

#include "base/mem.h"

#include <assert.h>

/* Test samples that go through the net at once: so few that its activations stay in the cache. Of
 * 16 to 256 this was the fastest for LeNet; the others do not mind.                             */
enum { EVAL_BATCH = 32 };

/* A worker's scratch: the net's own, targets or labels, sample numbers, and what views need. */
struct areas {
    float *net;
    float *targets;             /* [outputs][ld]; NULL where there are labels */
    uint32_t *sample;
    uint16_t *labels;
    struct tsgd_view *view;     /* NULL without augmentation */
    uint8_t *planes;
};

static size_t largest_batch(const struct tsgd_supervised *p)
{
    return p->batcher.size > EVAL_BATCH ? p->batcher.size : EVAL_BATCH;
}

static size_t net_floats(const struct tsgd_supervised *p)
{
    size_t train = tsgd_net_scratch(p->net, p->batcher.size, true);
    size_t eval = tsgd_net_scratch(p->net, EVAL_BATCH, false);
    return train > eval ? train : eval;
}

/* Floats that hold what views need. */
static size_t plane_floats(const struct tsgd_supervised *p)
{
    return (tsgd_decoder_scratch(&p->decoder) + sizeof(float) - 1) / sizeof(float);
}

static size_t target_floats(const struct tsgd_supervised *p)
{
    return p->data->classes ? 0 : tsgd_mul(p->data->outputs, tsgd_net_ld(largest_batch(p)));
}

/* Floats of the first two. */
static size_t floats_before(const struct tsgd_supervised *p)
{
    return tsgd_add(net_floats(p), target_floats(p));
}

static struct areas cut(const struct tsgd_supervised *p, void *scratch)
{
    struct areas a = {.net = scratch};
    float *end = a.net + floats_before(p);
    a.targets = p->data->classes ? NULL : a.net + net_floats(p);
    if (p->batcher.augment) {
        a.planes = (uint8_t *)end;
        end += plane_floats(p);
    }
    a.sample = (uint32_t *)end;
    a.labels = (uint16_t *)(a.sample + largest_batch(p));
    if (p->batcher.augment)
        a.view = (struct tsgd_view *)(a.labels + largest_batch(p));
    return a;
}

/* Targets of the samples, each output a vector of samples, with 0 in the lanes beyond them. */
static void gather_targets(const struct tsgd_supervised *p, const struct tsgd_samples *from,
                           const struct areas *a, uint32_t count)
{
    const uint32_t outputs = p->data->outputs;
    const size_t ld = tsgd_net_ld(count);
    for (uint32_t c = 0; c < outputs; c++)
        for (size_t s = 0; s < ld; s++)
            a->targets[c * ld + s] =
                s < count ? from->targets[(size_t)a->sample[s] * outputs + c] : 0;
}

/* Puts the numbers of a batch into the net's scratch; what they should come out as lies beside. */
static struct tsgd_answers gather(const struct tsgd_supervised *p, const struct tsgd_samples *from,
                                  const struct areas *a, uint32_t count,
                                  const struct tsgd_view *view)
{
    if (a->targets)
        gather_targets(p, from, a, count);
    for (uint32_t s = 0; !a->targets && s < count; s++)
        a->labels[s] = from->labels[a->sample[s]];
    tsgd_decode(&p->decoder, from, a->sample, count, view, a->planes, tsgd_net_ld(count), a->net);
    return (struct tsgd_answers){.labels = a->targets ? NULL : a->labels, .targets = a->targets};
}

static uint32_t batch_count(const struct tsgd_problem *problem, uint32_t node, uint64_t b)
{
    const struct tsgd_supervised *p = (const struct tsgd_supervised *)problem;
    return tsgd_batch_count(&p->batcher, tsgd_split_count(p->split, node), b);
}

/* Samples of a minibatch before part `part` of `parts`: whole groups of lanes, for a group costs
 * the same however few of its lanes are used; the first parts have the larger share.            */
static uint32_t part_start(uint32_t count, uint32_t part, uint32_t parts)
{
    uint64_t groups = (count + TSGD_LANES - 1) / TSGD_LANES;
    uint64_t start = (groups * part + parts - 1) / parts * TSGD_LANES;
    return start < count ? (uint32_t)start : count;
}

static uint32_t part_count(const struct tsgd_problem *problem, uint32_t node, uint64_t b,
                           uint32_t part)
{
    uint32_t count = batch_count(problem, node, b);
    return part_start(count, part + 1, problem->parts) - part_start(count, part, problem->parts);
}

/* u NULL: the gradient at x. Else also the step with it, and x is u->x. */
static double part_of(const struct tsgd_problem *problem, uint32_t node, uint64_t b, uint32_t part,
                      uint32_t parts, const float *x, const struct tsgd_update *u, float *grad,
                      void *scratch)
{
    const struct tsgd_supervised *p = (const struct tsgd_supervised *)problem;
    struct areas a = cut(p, scratch);
    uint32_t shard;
    const uint32_t *index = tsgd_split_shard(p->split, node, &shard);
    uint32_t count = tsgd_batch_positions(&p->batcher, node, shard, b, a.sample);
    uint32_t from = part_start(count, part, parts), to = part_start(count, part + 1, parts);
    for (uint32_t s = from; s < to; s++)
        a.sample[s] = index[a.sample[s]];
    if (a.view)
        tsgd_augment_draw(&p->batcher, node, b, to, a.view);
    a.sample += from;
    struct tsgd_answers want = gather(p, &p->data->train, &a, to - from,
                                      a.view ? a.view + from : NULL);
    if (u)
        return tsgd_net_step(p->net, u, want, to - from, grad, a.net);
    return tsgd_net_gradient(p->net, x, want, to - from, grad, a.net);
}

static double gradient(const struct tsgd_problem *problem, uint32_t node, uint64_t b,
                       const float *x, float *grad, void *scratch)
{
    return part_of(problem, node, b, 0, 1, x, NULL, grad, scratch);
}

static double step(const struct tsgd_problem *problem, uint32_t node, uint64_t b,
                   const struct tsgd_update *u, float *grad, void *scratch)
{
    return part_of(problem, node, b, 0, 1, u->x, u, grad, scratch);
}

static double part_gradient(const struct tsgd_problem *problem, uint32_t node, uint64_t b,
                            uint32_t part, const float *x, float *grad, void *scratch)
{
    return part_of(problem, node, b, part, problem->parts, x, NULL, grad, scratch);
}

/* What an evaluation adds up. */
enum { LOSS, CORRECT, ABOVE, DISTANCE2 };

static uint32_t eval_blocks(const struct tsgd_supervised *p)
{
    return (uint32_t)(((uint64_t)p->measured + TSGD_EVAL_BLOCK - 1) / TSGD_EVAL_BLOCK);
}

/* Of f(x) - f* each block finds its own part, and ||x||^2 - ||x*||^2 is a sum over coordinates, so
 * that no large sums are subtracted. What is left of rounding is below what single precision can
 * tell apart: when x* itself is rounded to it, f rises by about
 *     2^-52 ||x*||^2 * (curvature of f)
 * and no row of floats comes much closer.                                                       */
static void compare(const struct tsgd_supervised *p, uint32_t block, const float *x, void *scratch,
                    struct tsgd_measure *out)
{
    const double *best = p->optimum->x;
    double *at = scratch, norms = 0;
    for (size_t j = 0; j < p->problem.dim; j++)
        at[j] = (double)x[j];
    *out = (struct tsgd_measure){.samples = 0};
    double loss = tsgd_risk_loss(p->risk, block, at, at + tsgd_round_up(p->problem.dim, 16));
    out->sum[ABOVE] = loss - p->optimum->loss[block];
    if (block > 0)
        return;
    for (size_t j = 0; j < p->problem.dim; j++) {
        double way = at[j] - best[j];
        norms += way * (at[j] + best[j]);
        out->sum[DISTANCE2] += way * way;
    }
    out->sum[ABOVE] += p->risk->decay / 2 * norms;
}

static void evaluate(const struct tsgd_problem *problem, uint32_t block, const float *x,
                     void *scratch, struct tsgd_measure *out)
{
    const struct tsgd_supervised *p = (const struct tsgd_supervised *)problem;
    if (block >= eval_blocks(p)) {
        compare(p, block - eval_blocks(p), x, scratch, out);
        return;
    }
    struct areas a = cut(p, scratch);
    const struct tsgd_samples *from = p->held ? &p->data->train : &p->data->test;
    uint32_t first = block * TSGD_EVAL_BLOCK, left = p->measured - first;
    uint32_t end = first + (left < TSGD_EVAL_BLOCK ? left : TSGD_EVAL_BLOCK);
    assert(first >= p->first &&
           end - p->first <= (p->held ? p->n_held : p->data->test.count));
    first -= p->first;
    end -= p->first;
    *out = (struct tsgd_measure){.samples = end - first};
    while (first < end) {
        uint32_t count = end - first < EVAL_BATCH ? end - first : EVAL_BATCH, correct;
        for (uint32_t s = 0; s < count; s++)
            a.sample[s] = p->held ? p->held[first + s] : first + s;
        struct tsgd_answers want = gather(p, from, &a, count, NULL);
        out->sum[LOSS] += tsgd_net_evaluate(p->net, x, want, count, a.net, &correct);
        out->sum[CORRECT] += correct;
        first += count;
    }
}

#define METRIC(name, more_is_better)                                                  \
    {#name, offsetof(struct tsgd_eval, name), offsetof(struct tsgd_eval, name##_mean), \
     offsetof(struct tsgd_eval, name##_worst), more_is_better}

/* Of the tokens themselves, f is told as suboptimality alone. */
#define OF_OPTIMUM                                                     \
    {"objective", offsetof(struct tsgd_eval, objective), 0, 0, false}, \
    METRIC(suboptimality, false),                                      \
    {"distance2", offsetof(struct tsgd_eval, distance2), 0, 0, false}
enum { METRICS = 5, WITHOUT_OPTIMUM = 2 };

/* Of test samples and of held-out ones, with targets and with labels. */
static const struct tsgd_problem_metric metrics[2][2][METRICS] = {
    {{METRIC(test_loss, false), METRIC(test_r2, true), OF_OPTIMUM},
     {METRIC(test_loss, false), METRIC(test_accuracy, true), OF_OPTIMUM}},
    {{METRIC(validation_loss, false), METRIC(validation_r2, true), OF_OPTIMUM},
     {METRIC(validation_loss, false), METRIC(validation_accuracy, true), OF_OPTIMUM}},
};
static void report(const struct tsgd_problem *problem, const struct tsgd_measure *sum,
                   double consensus, double *value)
{
    const struct tsgd_supervised *p = (const struct tsgd_supervised *)problem;
    (void)consensus;
    value[0] = sum->sum[LOSS] / (double)sum->samples;
    if (p->data->classes)
        value[1] = sum->sum[CORRECT] / (double)sum->samples;
    else
        value[1] = p->variance > 0 ? 1 - value[0] / p->variance : 0;
    if (!p->optimum)
        return;
    value[2] = p->optimum->value + sum->sum[ABOVE];
    value[3] = sum->sum[ABOVE];
    value[4] = sum->sum[DISTANCE2];
}

double tsgd_supervised_variance(const struct tsgd_dataset *data, const uint32_t *held,
                                uint32_t n_held)
{
    const float *targets = held ? data->train.targets : data->test.targets;
    uint32_t outputs = data->outputs, count = held ? n_held : data->test.count;
    double sum = 0;
    for (uint32_t c = 0; c < outputs && count > 0; c++) {
        double mean = 0, square = 0;
        for (uint32_t s = 0; s < count; s++)
            mean += (double)targets[(size_t)(held ? held[s] : s) * outputs + c] / count;
        for (uint32_t s = 0; s < count; s++) {
            double off = (double)targets[(size_t)(held ? held[s] : s) * outputs + c] - mean;
            square += off * off / count;
        }
        sum += square / outputs;
    }
    return sum;
}

static const struct tsgd_problem_ops ops = {
    .batch_count = batch_count,
    .gradient = gradient,
    .step = step,
    .part_count = part_count,
    .part_gradient = part_gradient,
    .evaluate = evaluate,
    .report = report,
};

void tsgd_supervised_init(struct tsgd_supervised *out, const struct tsgd_net *net,
                          const struct tsgd_dataset *data, const struct tsgd_split *split,
                          struct tsgd_batcher batcher, const uint32_t *held, uint32_t n_held)
{
    *out = (struct tsgd_supervised){
        .net = net, .data = data, .split = split, .batcher = batcher, .held = held,
        .n_held = n_held, .measured = held ? n_held : data->test.count,
    };
    tsgd_decoder_init(&out->decoder, data, batcher.augment != 0, net->on.kernels);
    size_t each = sizeof(uint32_t) + sizeof(uint16_t);
    size_t bytes = tsgd_mul(floats_before(out), sizeof(float));
    if (batcher.augment) {
        bytes = tsgd_add(bytes, tsgd_mul(plane_floats(out), sizeof(float)));
        each += sizeof(struct tsgd_view);
    }
    out->variance = data->classes ? 0 : tsgd_supervised_variance(data, held, n_held);
    out->problem = (struct tsgd_problem){
        .ops = &ops,
        .dim = net->dim,
        .nodes = split->nodes,
        .parts = 1,
        .eval_blocks = eval_blocks(out),
        .scratch_bytes = tsgd_add(bytes, largest_batch(out) * each),
        .metric = metrics[held != NULL][data->classes != 0],
        .n_metrics = WITHOUT_OPTIMUM,
    };
}

void tsgd_supervised_set_part(struct tsgd_supervised *p, uint32_t first, uint32_t measured,
                              double variance)
{
    p->first = first;
    p->measured = measured;
    p->variance = variance;
    p->problem.eval_blocks = eval_blocks(p);
}

void tsgd_supervised_set_optimum(struct tsgd_supervised *p, const struct tsgd_risk *risk,
                                 const struct tsgd_optimum *optimum)
{
    size_t bytes = tsgd_mul(tsgd_round_up(p->problem.dim, 16), sizeof(double));
    bytes = tsgd_add(bytes, tsgd_risk_scratch(risk));
    p->risk = risk;
    p->optimum = optimum;
    p->problem.eval_blocks += risk->blocks;
    p->problem.n_metrics = METRICS;
    if (p->problem.scratch_bytes < bytes)
        p->problem.scratch_bytes = bytes;
}
