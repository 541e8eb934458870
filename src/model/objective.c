#include "model/objective.h"

#include "base/mem.h"
#include "model/model.h"
#include "model/random.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* ---- what a caller hands over ---- */

enum {
    MOST_NAME = 30,             /* of an objective; see TSGD_OBJECTIVE_TEXT */
    MOST_TENSOR_NAME = 40,      /* and of what it has; files hold them */
    MOST_TENSORS = 4096,
    MOST_BLOCKS = 1 << 16,
};
static const size_t MOST_DIM = 1 << 30;

/* The first version's; there is no padding at its end, where a later member could hide. */
static const size_t OLDEST = offsetof(struct tsgd_objective, n_tensors) + sizeof (uint32_t);
_Static_assert(sizeof (struct tsgd_objective) ==
               offsetof(struct tsgd_objective, n_tensors) + sizeof (uint32_t), "no padding");

static enum tsgd_status check_name(const char *what, const char *text, size_t most,
                                   struct tsgd_error *err)
{
    if (tsgd_is_name(text, most))
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "objective: %s is '%.60s', want 1 to %zu letters, digits, "
                     "'_', '-' or '.'", what, text ? text : "", most);
}

/* Bytes beyond what this version knows must be 0, which asks for nothing. */
static enum tsgd_status check_size(const struct tsgd_objective *from, struct tsgd_error *err)
{
    const unsigned char *bytes = (const unsigned char *)from;
    if (from->size < OLDEST)
        return tsgd_fail(err, TSGD_EINVAL, "objective: size is %zu, want at least %zu; set it to "
                         "sizeof (struct tsgd_objective)", from->size, OLDEST);
    for (size_t i = sizeof *from; i < from->size; i++)
        if (bytes[i])
            return tsgd_fail(err, TSGD_EINVAL, "objective: size is %zu, and what stands beyond the "
                             "%zu bytes that telesgd %s knows asks for something; want a newer "
                             "library", from->size, sizeof *from, TELESGD_VERSION);
    return TSGD_OK;
}

static enum tsgd_status check_metrics(const struct tsgd_objective *o, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (o->n_metrics && !o->evaluate)
        TRY(tsgd_fail(err, TSGD_EINVAL, "objective: it has %u metrics, and no evaluate to measure "
                      "them", o->n_metrics));
    if (o->evaluate && (o->n_metrics < 1 || o->n_metrics > TSGD_MOST_METRICS || !o->metrics))
        TRY(tsgd_fail(err, TSGD_EINVAL, "objective: it has evaluate, and %u metrics; want 1 to %d",
                      o->metrics ? o->n_metrics : 0, TSGD_MOST_METRICS));
    if (o->blocks && !o->evaluate)
        TRY(tsgd_fail(err, TSGD_EINVAL, "objective: it has %u blocks, and no evaluate to measure "
                      "them", o->blocks));
    if (o->blocks > MOST_BLOCKS)
        TRY(tsgd_fail(err, TSGD_EINVAL, "objective: it has %u blocks, want at most %d", o->blocks,
                      MOST_BLOCKS));
    for (uint32_t i = 0; i < o->n_metrics; i++) {
        TRY(check_name("a metric's name", o->metrics[i].name, MOST_TENSOR_NAME, err));
        for (uint32_t j = 0; j < i; j++)
            if (!strcmp(o->metrics[i].name, o->metrics[j].name))
                TRY(tsgd_fail(err, TSGD_EINVAL, "objective: it has two metrics '%s'",
                              o->metrics[i].name));
    }
done:
    return st;
}

/* Floats of a tensor; SIZE_MAX: more than can be counted. */
static size_t floats(const struct tsgd_objective_tensor *t)
{
    size_t count = 1;
    for (uint32_t i = 0; i < t->rank; i++)
        count = tsgd_mul(count, t->extent[i]);
    return count;
}

static enum tsgd_status check_tensors(const struct tsgd_objective *o, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t sum = 0;
    if (!o->tensors != !o->n_tensors || o->n_tensors > MOST_TENSORS)
        TRY(tsgd_fail(err, TSGD_EINVAL, "objective: n_tensors is %u and tensors is %s, want 1 to "
                      "%d of them, or neither", o->n_tensors, o->tensors ? "set" : "NULL",
                      MOST_TENSORS));
    for (uint32_t i = 0; i < o->n_tensors; i++) {
        const struct tsgd_objective_tensor *t = &o->tensors[i];
        TRY(check_name("a tensor's name", t->name, MOST_TENSOR_NAME, err));
        if (t->rank > 4 || floats(t) == 0)
            TRY(tsgd_fail(err, TSGD_EINVAL, "objective: tensor '%s' has rank %u and %zu floats, "
                          "want a rank of 0 to 4 and no extent of 0", t->name, t->rank,
                          t->rank > 4 ? 0 : floats(t)));
        for (uint32_t j = 0; j < i; j++)
            if (!strcmp(t->name, o->tensors[j].name))
                TRY(tsgd_fail(err, TSGD_EINVAL, "objective: it has two tensors '%s'", t->name));
        sum = tsgd_add(sum, floats(t));
    }
    if (o->n_tensors && sum != o->dim)
        TRY(tsgd_fail(err, TSGD_EINVAL, "objective: its tensors have %zu floats, want dim, %zu",
                      sum, o->dim));
done:
    return st;
}

enum tsgd_status tsgd_objective_take(struct tsgd_objective *out, const struct tsgd_objective *from,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_objective o = {.size = 0};
    TRY(check_size(from, err));
    memcpy(&o, from, from->size < sizeof o ? from->size : sizeof o);
    o.size = sizeof o;
    TRY(check_name("its name", o.name, MOST_NAME, err));
    if (o.dim < 1 || o.dim > MOST_DIM)
        TRY(tsgd_fail(err, TSGD_EINVAL, "objective: dim is %zu, want 1 to %zu", o.dim, MOST_DIM));
    if (!o.gradient)
        TRY(tsgd_fail(err, TSGD_EINVAL, "objective: gradient is NULL, want a function"));
    TRY(check_metrics(&o, err));
    TRY(check_tensors(&o, err));
    *out = o;
done:
    return st;
}

int tsgd_objective_metric_find(const struct tsgd_objective *o, const char *name)
{
    for (uint32_t i = 0; i < o->n_metrics; i++)
        if (!strcmp(o->metrics[i].name, name))
            return (int)i;
    return -1;
}

void tsgd_objective_tensor_at(const struct tsgd_objective *o, uint32_t i, size_t offset,
                              struct tsgd_tensor *out)
{
    const struct tsgd_objective_tensor whole = {"x", 1, {(uint32_t)o->dim}};
    const struct tsgd_objective_tensor *t = o->tensors ? &o->tensors[i] : &whole;
    *out = (struct tsgd_tensor){.rank = t->rank, .offset = offset, .count = floats(t)};
    memcpy(out->extent, t->extent, t->rank * sizeof *t->extent);
    snprintf(out->name, sizeof out->name, "%s", t->name);
}

/* ---- the problem ---- */

static uint32_t batch_count(const struct tsgd_problem *p, uint32_t node, uint64_t b)
{
    const struct tsgd_objective *o = &((const struct tsgd_own_problem *)p)->objective;
    return o->samples ? o->samples(node, b, o->user) : 1;
}

/* Callbacks may not rely on what another call left in the scratch, so there is none where none was
 * asked for, though the engine's pointer would lead somewhere.                                  */
static void *scratch_of(const struct tsgd_objective *o, void *scratch)
{
    return o->scratch_bytes ? scratch : NULL;
}

static double gradient(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                       float *grad, void *scratch)
{
    const struct tsgd_own_problem *own = (const struct tsgd_own_problem *)p;
    const struct tsgd_objective *o = &own->objective;
    struct tsgd_random random;
    struct tsgd_call call = {.node = node, .visit = b, .random = &random,
                             .scratch = scratch_of(o, scratch)};
    tsgd_random_start(&random, own->kernels, own->seed, TSGD_RNG_NOISE, node, b);
    memset(grad, 0, p->dim * sizeof *grad);
    return o->gradient(&call, x, grad, o->user) * batch_count(p, node, b);
}

static void evaluate(const struct tsgd_problem *p, uint32_t block, const float *x, void *scratch,
                     struct tsgd_measure *out)
{
    const struct tsgd_own_problem *own = (const struct tsgd_own_problem *)p;
    const struct tsgd_objective *o = &own->objective;
    struct tsgd_random random;
    struct tsgd_call call = {.block = block, .random = &random,
                             .scratch = scratch_of(o, scratch)};
    tsgd_random_start(&random, own->kernels, own->seed, TSGD_RNG_MEASURE, block, 0);
    *out = (struct tsgd_measure){0};
    o->evaluate(&call, x, out->sum, o->user);
}

static void report(const struct tsgd_problem *p, const struct tsgd_measure *sum, double consensus,
                   double *value)
{
    (void)consensus;
    memcpy(value, sum->sum, p->n_metrics * sizeof *value);
}

static const struct tsgd_problem_ops ops = {
    .batch_count = batch_count,
    .gradient = gradient,
    .evaluate = evaluate,
    .report = report,
};

void tsgd_own_problem_init(struct tsgd_own_problem *out, const struct tsgd_objective *o,
                           uint32_t nodes, const struct tsgd_kernels *kernels, uint64_t seed)
{
    *out = (struct tsgd_own_problem){
        .problem = {.ops = &ops, .dim = o->dim, .nodes = nodes,
                    .eval_blocks = !o->evaluate ? 0 : o->blocks ? o->blocks : 1,
                    .scratch_bytes = o->scratch_bytes, .metric = out->metric,
                    .n_metrics = o->n_metrics},
        .objective = *o,
        .kernels = kernels,
        .seed = seed,
    };
    for (uint32_t i = 0; i < o->n_metrics; i++) {
        size_t at = i * sizeof (double);
        out->metric[i] = (struct tsgd_problem_metric){
            .name = o->metrics[i].name, .at = offsetof(struct tsgd_eval, metric) + at,
            .tokens_mean = offsetof(struct tsgd_eval, metric_mean) + at,
            .tokens_worst = offsetof(struct tsgd_eval, metric_worst) + at,
            .more_is_better = o->metrics[i].more_is_better,
        };
    }
}

void tsgd_own_problem_start(const struct tsgd_own_problem *p, float *x)
{
    const struct tsgd_objective *o = &p->objective;
    struct tsgd_random random;
    tsgd_random_start(&random, p->kernels, p->seed, TSGD_RNG_INIT, 0, 0);
    if (o->init)
        o->init(&random, x, o->user);
}

const struct tsgd_model tsgd_model_objective = {
    .name = "objective",
    .usage = "objective:NAME",
    .summary = "a function of a program in C, which hands it over by tsgd_settings_set_objective; "
               "not for the command line",
    .kind = TSGD_MODEL_OBJECTIVE,
};
