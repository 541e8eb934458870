/* One gradient step of each model on one thread, and LeNet's layers one by one; batch 32, random
 * samples of 1x28x28, ten classes.                                                              */
#include "bench.h"

#include "base/mem.h"
#include "linalg/gemm.h"
#include "linalg/isa.h"
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 32, CLASSES = 10 };

struct step {
    struct tsgd_net net;
    float *w, *grad, *scratch, *input;
    uint8_t labels[BATCH];
    double loss;
};

static bool made(enum tsgd_status st, const struct tsgd_error *err)
{
    if (st != TSGD_OK)
        fprintf(stderr, "bench_step: %s\n", err->text);
    return st == TSGD_OK;
}

static float *floats(size_t n)
{
    struct tsgd_error err;
    float *p = NULL;
    if (!made(TSGD_NEW(&p, n, "benchmark", &err), &err))
        exit(1);
    return p;
}

static void randomise(float *p, size_t n, uint32_t stream)
{
    struct tsgd_rng rng = tsgd_rng(0, TSGD_RNG_TEST, stream, 0);
    for (size_t j = 0; j < n; j++)
        p[j] = (float)tsgd_rng_unit(&rng);
}

static size_t input_size(const struct step *s)
{
    return tsgd_shape_size(s->net.in) * tsgd_net_ld(BATCH);
}

static bool step_init(struct step *s, const char *model)
{
    struct tsgd_error err;
    if (!made(tsgd_model_build(&s->net, model, (struct tsgd_shape){1, 28, 28}, CLASSES, &err),
              &err))
        return false;
    s->w = floats(s->net.dim);
    s->grad = floats(s->net.dim);
    s->scratch = floats(tsgd_net_scratch(&s->net, BATCH, true));
    s->input = floats(input_size(s));
    tsgd_net_random(&s->net, 0, s->w);
    randomise(s->input, input_size(s), 1);
    for (int i = 0; i < BATCH; i++)
        s->labels[i] = (uint8_t)(i % CLASSES);
    return true;
}

static void step_release(struct step *s)
{
    free(s->w);
    free(s->grad);
    free(s->scratch);
    free(s->input);
    tsgd_net_release(&s->net);
}

static void step(void *arg)
{
    struct step *s = arg;
    memcpy(s->scratch, s->input, input_size(s) * sizeof(float));
    s->loss = tsgd_net_gradient(&s->net, s->w, s->labels, BATCH, s->grad, s->scratch);
}

/* Along the gradient the loss must change at the rate of the gradient's length. */
static bool gradient_is_right(struct step *s)
{
    size_t dim = s->net.dim;
    float *w = s->w, *moved = floats(dim), *slope = floats(dim);
    double length = 0, loss[2];
    step(s);
    memcpy(slope, s->grad, dim * sizeof *slope);
    for (size_t j = 0; j < dim; j++)
        length += (double)slope[j] * (double)slope[j];
    length = sqrt(length);
    s->w = moved;
    for (int side = 0; side < 2; side++) {
        for (size_t j = 0; j < dim; j++)
            moved[j] = w[j] + (float)((side ? 0.005 : -0.005) / length) * slope[j];
        step(s);
        loss[side] = s->loss / BATCH;
    }
    s->w = w;
    free(moved);
    free(slope);
    return fabs((loss[1] - loss[0]) / 0.01 - length) < 0.02 * length;
}

static bool bench_model(const char *model)
{
    struct step s;
    if (!step_init(&s, model))
        return false;
    bool ok = gradient_is_right(&s);
    ok = bench_print("step", bench_run(step, &s), (double)s.net.step_flops * BATCH, ok,
                     "model=%s dim=%zu batch=%d blis=%s", model, s.net.dim, BATCH,
                     tsgd_gemm_kernels());
    step_release(&s);
    return ok;
}

struct part {
    const struct tsgd_layer *l;
    const float *w;
    float *x, *y, *dy, *keep, *grad, *dx, *scratch;
};

static void forward(void *arg)
{
    struct part *p = arg;
    p->l->ops->forward(p->l, p->w, p->x, p->y, p->keep, p->scratch, tsgd_net_ld(BATCH));
}

static void backward(void *arg)
{
    struct part *p = arg;
    p->l->ops->backward(p->l, p->w, p->x, p->y, p->dy, p->keep, p->grad, p->dx, p->scratch,
                        tsgd_net_ld(BATCH));
}

static bool bench_layers(const char *model)
{
    struct step s;
    size_t ld = tsgd_net_ld(BATCH);
    bool ok = true;
    if (!step_init(&s, model))
        return false;
    float *x = floats(input_size(&s));
    memcpy(x, s.input, input_size(&s) * sizeof *x);
    for (uint32_t i = 0; i < s.net.n_layers; i++) {
        const struct tsgd_layer *l = &s.net.layer[i];
        size_t in = tsgd_shape_size(l->in) * ld, out = tsgd_shape_size(l->out) * ld;
        size_t own = l->ops->scratch ? l->ops->scratch(l, ld) : 0;
        struct part p = {
            .l = l, .w = s.w + l->offset, .x = x, .y = floats(out), .dy = floats(out),
            .keep = floats(l->keep * ld), .grad = s.grad, .dx = l->offset ? floats(in) : NULL,
            .scratch = floats(own),
        };
        double flops = l->ops->flops ? (double)l->ops->flops(l) * BATCH : 0;
        randomise(p.dy, out, i);
        struct bench_time t = bench_run(forward, &p);
        ok &= bench_print("layer", t, flops, isfinite(tsgd_lane_sum(p.y, out)),
                          "model=%s layer=%u kind=%s pass=forward", model, i, l->ops->name);
        t = bench_run(backward, &p);
        ok &= bench_print("layer", t, p.dx ? 2 * flops : flops,
                          !p.dx || isfinite(tsgd_lane_sum(p.dx, in)),
                          "model=%s layer=%u kind=%s pass=backward", model, i, l->ops->name);
        free(x);
        x = p.y;
        free(p.dy);
        free(p.keep);
        free(p.dx);
        free(p.scratch);
    }
    free(x);
    step_release(&s);
    return ok;
}

int main(void)
{
    struct tsgd_error err;
    if (!made(tsgd_isa_init(NULL, &err), &err) || !made(tsgd_gemm_init(&err), &err))
        return 1;
    bool ok = bench_model("lenet");
    ok &= bench_model("mlp");
    ok &= bench_model("logistic");
    ok &= bench_layers("lenet");
    return ok ? 0 : 1;
}
