#include "model/quadratic.h"

#include "base/mem.h"
#include "base/text.h"
#include "linalg/vec.h"
#include "model/model.h"

#include <math.h>
#include <string.h>

/* ---- what the nodes differ in ---- */

static double rising(double i, double n) { return i / sqrt(n); }
static double spread(double i, double n) { return sqrt(n > 1 ? 0.5 + (i - 1) / (n - 1) : 0.5); }
static double equal(double i, double n) { return (void)i, (void)n, 1; }

static double by_node(double i, double dim) { return (void)dim, 1 / i; }
static double by_dim(double i, double dim) { return (void)i, 1 / sqrt(dim); }

static const struct tsgd_conditioning conditionings[] = {
    {"koloskova", rising, by_node},
    {"spread", spread, by_dim},
    {"uniform", equal, by_dim},
};
enum { N_CONDITIONINGS = sizeof conditionings / sizeof *conditionings };

enum tsgd_status tsgd_conditioning_find(const struct tsgd_conditioning **out, const char *name,
                                        struct tsgd_error *err)
{
    const char *names[N_CONDITIONINGS];
    for (size_t i = 0; i < N_CONDITIONINGS; i++) {
        names[i] = conditionings[i].name;
        if (!strcmp(name, names[i])) {
            *out = &conditionings[i];
            return TSGD_OK;
        }
    }
    return tsgd_unknown_name("--conditioning", name, names, N_CONDITIONINGS, err);
}

float tsgd_quadratic_node(const struct tsgd_quadratic *q, uint32_t node, float *b)
{
    double i = (double)node + 1;
    size_t dim = q->problem.dim;
    float s = (float)(q->zeta * q->conditioning->deviation(i, (double)dim));
    tsgd_rng_normals(q->kernels, q->seed, TSGD_RNG_TARGET, node, 0, b, dim);
    for (size_t j = 0; j < dim; j++)
        b[j] *= s;
    return (float)q->conditioning->a(i, q->problem.nodes);
}

/* ---- the problem ---- */

enum { LANES = 16 };

/* Each gradient counts as one sample. */
static uint32_t batch_count(const struct tsgd_problem *p, uint32_t node, uint64_t b)
{
    (void)p, (void)node, (void)b;
    return 1;
}

/* grad = a (a x - b) + s grad, where grad held standard normals; returns the sum of (a x - b)^2, in
 * lanes that are added up in order.                                                             */
static double residual(float *restrict grad, const float *restrict x, const float *restrict b,
                       size_t dim, float a, float s)
{
    double lane[LANES] = {0}, sum = 0;
    size_t j = 0;
    for (; j + LANES <= dim; j += LANES)
        for (size_t i = 0; i < LANES; i++) {
            float r = a * x[j + i] - b[j + i];
            grad[j + i] = a * r + s * grad[j + i];
            lane[i] += (double)r * (double)r;
        }
    for (int i = 0; j < dim; j++, i++) {
        float r = a * x[j] - b[j];
        grad[j] = a * r + s * grad[j];
        lane[i] += (double)r * (double)r;
    }
    for (int i = 0; i < LANES; i++)
        sum += lane[i];
    return sum;
}

static double gradient(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                       float *grad, void *scratch)
{
    const struct tsgd_quadratic *q = (const struct tsgd_quadratic *)p;
    float *target = scratch, a = tsgd_quadratic_node(q, node, target);
    if (q->noise > 0)
        tsgd_rng_normals(q->kernels, q->seed, TSGD_RNG_NOISE, node, b, grad, p->dim);
    else
        memset(grad, 0, p->dim * sizeof *grad);
    return 0.5 * residual(grad, x, target, p->dim, a, q->noise);
}

static void evaluate(const struct tsgd_problem *p, uint32_t block, const float *x, void *scratch,
                     struct tsgd_measure *out)
{
    const struct tsgd_quadratic *q = (const struct tsgd_quadratic *)p;
    (void)block, (void)scratch;
    *out = (struct tsgd_measure){0};
    for (size_t j = 0; j < p->dim; j++) {
        double d = (double)x[j] - q->optimum[j];
        out->sum[0] += d * d;
    }
}

static const struct tsgd_problem_metric metrics[] = {
    {"grad_norm2", offsetof(struct tsgd_eval, grad_norm2), 0, 0, false},
    {"grad_norm2_tokens", offsetof(struct tsgd_eval, grad_norm2_tokens), 0, 0, false},
    {"distance2", offsetof(struct tsgd_eval, distance2), 0, 0, false},
};

/* f is c/2 ||x - x*||^2 and a constant, so ||grad f||^2 = c^2 ||x - x*||^2; and the mean over
 * the tokens of ||x_a - x*||^2 is that of their mean and the consensus distance, so no token need
 * be measured on its own.                                                                       */
static void report(const struct tsgd_problem *p, const struct tsgd_measure *sum, double consensus,
                   double *value)
{
    double c = ((const struct tsgd_quadratic *)p)->curvature, distance2 = sum->sum[0];
    value[0] = c * c * distance2;
    value[1] = c * c * (distance2 + consensus);
    value[2] = distance2;
}

static const struct tsgd_problem_ops ops = {
    .batch_count = batch_count,
    .gradient = gradient,
    .evaluate = evaluate,
    .report = report,
};

enum tsgd_status tsgd_quadratic_init(struct tsgd_quadratic *out, const struct tsgd_kernels *kernels,
                                     const struct tsgd_conditioning *conditioning, uint32_t nodes,
                                     size_t dim, double zeta2, double sigma2, uint64_t seed,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_quadratic q = {
        .problem = {.ops = &ops, .dim = dim, .nodes = nodes, .eval_blocks = 1,
                    .scratch_bytes = tsgd_mul(dim, sizeof(float)), .metric = metrics,
                    .n_metrics = sizeof metrics / sizeof *metrics},
        .kernels = kernels,
        .conditioning = conditioning,
        .seed = seed,
        .zeta = sqrt(zeta2),
        .noise = (float)sqrt(sigma2 / (double)dim),
    };
    TRY(TSGD_NEW(&q.optimum, dim, "optimum", err));
    *out = q;
done:
    return st;
}

enum tsgd_status tsgd_quadratic_solve(struct tsgd_quadratic *q, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t nodes = q->problem.nodes;
    size_t dim = q->problem.dim;
    float *b = NULL;
    double squares = 0;
    if (q->curvature > 0)
        return TSGD_OK;
    TRY(TSGD_NEW(&b, dim, "optimum", err));
    for (uint32_t node = 0; node < nodes; node++) {
        double a = (double)tsgd_quadratic_node(q, node, b);
        squares += a * a;
        for (size_t j = 0; j < dim; j++)
            q->optimum[j] += a * (double)b[j];
    }
    for (size_t j = 0; j < dim; j++)
        q->optimum[j] /= squares;
    q->curvature = squares / nodes;
done:
    free(b);
    return st;
}

void tsgd_quadratic_release(struct tsgd_quadratic *q)
{
    free(q->optimum);
    q->optimum = NULL;
}

const struct tsgd_model tsgd_model_quadratic = {
    .name = "quadratic",
    .usage = "quadratic",
    .summary = "node i minimises 1/2 |a_i x - b_i|^2 under noise: no data, an optimum that is "
               "known, exact gradient norms; --dim, --zeta2, --sigma2, --conditioning",
    .kind = TSGD_MODEL_QUADRATIC,
};
