/* One step of each model on one thread, from bytes to new parameters, and the layers of LeNet and
 * of a network of the other kinds one by one; batch 32, ten classes.                            */
#include "bench.h"

#include "base/mem.h"
#include "data/source.h"
#include "linalg/vec.h"
#include "model/model.h"
#include "model/supervised.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 32, CLASSES = 10, SAMPLES = 2000 };

static struct tsgd_backend on;          /* what everything is computed with */

/* A model, its data in one shard, and a row that is trained: the whole of a token's step. */
struct step {
    struct tsgd_net net;
    struct tsgd_dataset data;
    struct tsgd_split split;
    struct tsgd_supervised supervised;
    float *w, *momentum, *grad, *scratch;
    uint64_t batch;
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

/* Mapped as the engine maps its rows and its workers' scratch. */
static float *mapped(size_t n)
{
    struct tsgd_error err;
    void *p;
    if (!made(tsgd_map(&p, n * sizeof(float), "benchmark", &err), &err))
        exit(1);
    return p;
}

static void randomise(float *p, size_t n, uint32_t stream)
{
    struct tsgd_rng rng = tsgd_rng(0, TSGD_RNG_TEST, stream, 0);
    for (size_t j = 0; j < n; j++)
        p[j] = (float)tsgd_rng_unit(&rng);
}

/* LeNet without group normalisation, which no row of the table is. */
static enum tsgd_status plain_lenet(struct tsgd_net *out, struct tsgd_shape in,
                                    struct tsgd_error *err)
{
    static const struct tsgd_layer layers[] = {
        {.ops = &tsgd_layer_conv, .name = "conv1", .units = 6, .window = 5},
        {.ops = &tsgd_layer_relu},
        {.ops = &tsgd_layer_maxpool, .window = 2},
        {.ops = &tsgd_layer_conv, .name = "conv2", .units = 16, .window = 5},
        {.ops = &tsgd_layer_relu},
        {.ops = &tsgd_layer_maxpool, .window = 2},
        {.ops = &tsgd_layer_dense, .name = "fc1", .units = 120},
        {.ops = &tsgd_layer_relu},
        {.ops = &tsgd_layer_dense, .name = "fc2", .units = 84},
        {.ops = &tsgd_layer_relu},
        {.ops = &tsgd_layer_dense, .name = "fc3", .units = CLASSES},
    };
    return tsgd_net_init(out, layers, sizeof layers / sizeof *layers, in, CLASSES, err);
}

static bool step_init(struct step *s, const char *model, const char *shape)
{
    struct tsgd_error err;
    char data[64];
    struct tsgd_batcher batcher = {.size = BATCH};
    *s = (struct step){.net = TSGD_NET_INIT};
    snprintf(data, sizeof data, "blobs:%d,%s,%d", SAMPLES, shape, CLASSES);
    if (!made(tsgd_dataset_load(&s->data, data, NULL, &err), &err) ||
        !made(tsgd_split_draw(&s->split, "iid", 1, &s->data.train, CLASSES, 0, false, 0, &err),
              &err) ||
        !made(strcmp(model, "lenet-without-groupnorm") ?
              tsgd_model_build(&s->net, model, s->data.shape, CLASSES, &on, &err) :
              plain_lenet(&s->net, s->data.shape, &err), &err))
        return false;
    s->net.on = on;
    tsgd_supervised_init(&s->supervised, &s->net, &s->data, &s->split, batcher, NULL, 0);
    s->w = mapped(s->net.dim);
    s->momentum = mapped(s->net.dim);
    s->grad = mapped(s->net.dim);
    s->scratch = mapped(s->supervised.problem.scratch_bytes / sizeof(float) + 1);
    tsgd_net_random(&s->net, 0, s->w);
    return true;
}

static void step_release(struct step *s)
{
    tsgd_unmap(s->w, s->net.dim * sizeof(float));
    tsgd_unmap(s->momentum, s->net.dim * sizeof(float));
    tsgd_unmap(s->grad, s->net.dim * sizeof(float));
    tsgd_unmap(s->scratch, s->supervised.problem.scratch_bytes / sizeof(float) * sizeof(float) +
                               sizeof(float));
    tsgd_net_release(&s->net);
    tsgd_split_release(&s->split);
    tsgd_dataset_release(&s->data);
}

static void gradient(struct step *s, uint64_t batch)
{
    const struct tsgd_problem *p = &s->supervised.problem;
    s->loss = p->ops->gradient(p, 0, batch, s->w, s->grad, s->scratch);
}

/* Gather, forward, backward, SGD with momentum. */
static void step(void *arg)
{
    struct step *s = arg;
    const struct tsgd_problem *p = &s->supervised.problem;
    const struct tsgd_update u = {s->w, s->momentum, 0.001f, 0.9f, 0, false};
    s->loss = p->ops->step(p, 0, s->batch++, &u, s->grad, s->scratch);
}

/* Along the gradient the loss must change at the rate of the gradient's length. */
static bool gradient_is_right(struct step *s)
{
    size_t dim = s->net.dim;
    float *w = s->w, *moved = floats(dim), *slope = floats(dim);
    double length = 0, loss[2];
    gradient(s, 0);
    memcpy(slope, s->grad, dim * sizeof *slope);
    for (size_t j = 0; j < dim; j++)
        length += (double)slope[j] * (double)slope[j];
    length = sqrt(length);
    s->w = moved;
    for (int side = 0; side < 2; side++) {
        for (size_t j = 0; j < dim; j++)
            moved[j] = w[j] + (float)((side ? 0.002 : -0.002) / length) * slope[j];
        gradient(s, 0);
        loss[side] = s->loss / BATCH;
    }
    s->w = w;
    free(moved);
    free(slope);
    return fabs((loss[1] - loss[0]) / 0.004 - length) < 0.05 * length;
}

/* direct: without Winograd's algorithm; its FLOPs are counted as those of direct convolutions. */
static bool bench_model(const char *model, const char *shape, bool direct)
{
    struct step s;
    on.direct = direct;
    bool ok = step_init(&s, model, shape);
    on.direct = false;
    if (ok) {
        ok = gradient_is_right(&s);
        ok = bench_print("step", bench_run(step, &s), (double)s.net.step_flops * BATCH, ok,
                         "model=%s input=%s dim=%zu batch=%d isa=%s blis=%s%s", model, shape,
                         s.net.dim, BATCH, on.kernels->isa, tsgd_backend_name(&on),
                         direct ? " conv=direct" : "");
    }
    step_release(&s);
    return ok;
}

struct part {
    const struct tsgd_layer *l;
    float *x, *dy;
    struct tsgd_layer_call call;
};

static void forward(void *arg)
{
    struct part *p = arg;
    p->l->ops->forward(p->l, &p->call);
}

static void backward(void *arg)
{
    struct part *p = arg;
    p->l->ops->backward(p->l, &p->call);
}

static bool all_finite(const float *p, size_t n)
{
    bool ok = true;
    for (size_t j = 0; j < n; j++)
        ok &= isfinite(p[j]);
    return ok;
}

/* A line of a layer's pass. Of one that multiplies nothing, of_scale compares it with an x *= a of
 * numbers in memory, which reads and writes as many floats as the pass has to.                  */
static bool print_pass(const char *model, uint32_t i, const struct tsgd_layer *l, const char *pass,
                       struct bench_time t, double flops, size_t floats, bool ok)
{
    if (flops > 0)
        return bench_print("layer", t, flops, ok, "model=%s layer=%u kind=%s pass=%s", model, i,
                           l->ops->name, pass);
    return bench_print("layer", t, 0, ok, "model=%s layer=%u kind=%s pass=%s of_scale=%.2f", model,
                       i, l->ops->name, pass,
                       bench_scale(floats / 2 * sizeof(float)).median / t.median);
}

/* Each layer's passes, on an activation of random numbers. */
static bool bench_layers(const char *model, const char *name, const char *shape)
{
    struct step s;
    size_t ld = tsgd_net_ld(BATCH);
    bool ok = true;
    if (!step_init(&s, model, shape))
        return false;
    for (uint32_t i = 0; i < s.net.n_layers; i++) {
        const struct tsgd_layer *l = &s.net.layer[i];
        size_t in = tsgd_shape_size(l->in) * ld, out = tsgd_shape_size(l->out) * ld;
        size_t own = l->ops->scratch ? l->ops->scratch(l, &on, ld) : 0;
        struct part p = {.l = l, .x = floats(in), .dy = floats(out)};
        struct tsgd_layer_call *c = &p.call;
        *c = (struct tsgd_layer_call){
            .on = &on, .ld = ld, .w = s.w + l->offset, .x = p.x, .y = floats(out),
            .keep = floats(l->keep * ld), .dy = p.dy, .dw = s.grad,
            .dx = l->offset ? floats(in) : NULL, .scratch = floats(own),
        };
        double flops = l->ops->flops ? (double)l->ops->flops(l) * BATCH : 0;
        randomise(p.x, in, 2 * i);
        randomise(p.dy, out, 2 * i + 1);
        struct bench_time t = bench_run(forward, &p);
        ok &= print_pass(name, i, l, "forward", t, flops, in + out, all_finite(c->y, out));
        t = bench_run(backward, &p);
        ok &= print_pass(name, i, l, "backward", t, c->dx ? 2 * flops : flops, in + out,
                         !c->dx || all_finite(c->dx, in));
        free(p.x), free(p.dy), free(c->y), free(c->keep), free(c->dx), free(c->scratch);
    }
    step_release(&s);
    return ok;
}

int main(int argc, char **argv)
{
    static const struct { const char *model, *shape; bool direct; } models[] = {
        {"lenet", "1x28x28", false}, {"lenet-without-groupnorm", "1x28x28", false},
        {"mlp", "1x28x28", false}, {"logistic", "1x28x28", false},
        {"vgg11", "3x32x32", false}, {"vgg11", "3x32x32", true},
        {"resnet20", "3x32x32", false}, {"resnet20", "3x32x32", true},
    };
    struct tsgd_error err;
    bool ok = true;
    bench_arguments(argc, argv, 1, "[ISA]", "A step of each model on one thread, and layers one "
                    "by one, on the widest instruction set or on ISA.");
    if (!made(tsgd_backend_init(&on, argc > 1 ? argv[1] : NULL, &err), &err))
        return 1;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        ok &= bench_model(models[i].model, models[i].shape, models[i].direct);
    ok &= bench_layers("lenet", "lenet", "1x28x28");
    ok &= bench_layers("net:conv 16 3 pad 1; layernorm; gelu; dwconv 3 pad 1; avgpool 2; dwconv 3 "
                       "pad 1 stride 2; conv 64 1; dwconv 3 pad 1; dense", "other", "1x28x28");
    return ok ? 0 : 1;
}
