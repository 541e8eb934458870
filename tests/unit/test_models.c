/* Whole models against their twins in double, and what the table says of them. Inputs are random,
 * since equal pixels would tie in the pooling windows and have no derivative.                   */
#include "sim/ref.h"
#include "model/model.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { BATCH = 3, LD = 16, CLASSES = 10 };

static struct tsgd_net build(const char *model, struct tsgd_shape in)
{
    return twin_model(model, in, CLASSES);
}

struct fixture {
    struct tsgd_net net;
    float *w, *grad;
    double *w2, *x2, loss;
    uint16_t labels[BATCH];
};

static void setup(struct fixture *f, const char *model, struct tsgd_shape in, uint32_t stream)
{
    struct tsgd_rng rng = tsgd_rng(10, TSGD_RNG_TEST, stream, 0);
    size_t features = tsgd_shape_size(in);
    f->net = build(model, in);
    float *x = twin_floats(BATCH * features);
    float *scratch = twin_floats(tsgd_net_scratch(&f->net, BATCH, true));
    f->w = twin_floats(f->net.dim);
    f->grad = twin_floats(f->net.dim);
    f->w2 = twin_doubles(f->net.dim);
    f->x2 = twin_doubles(BATCH * features);
    tsgd_net_random(&f->net, 3, f->w);
    twin_random(&rng, x, BATCH * features);
    twin_widen(f->w, f->net.dim, f->w2);
    twin_widen(x, BATCH * features, f->x2);
    for (int s = 0; s < BATCH; s++)
        f->labels[s] = (uint16_t)tsgd_rng_below(&rng, CLASSES);
    twin_lanes(x, BATCH, features, LD, 0, scratch);
    f->loss = tsgd_net_gradient(&f->net, f->w, tsgd_labelled(f->labels), BATCH, f->grad, scratch);
    free(x);
    free(scratch);
}

static void teardown(struct fixture *f)
{
    free(f->w), free(f->grad), free(f->w2), free(f->x2);
    tsgd_net_release(&f->net);
}

static double loss_at(struct fixture *f, size_t j, double moved)
{
    double was = f->w2[j];
    f->w2[j] += moved;
    double loss = twin_loss(&f->net, f->w2, f->x2, f->labels, BATCH);
    f->w2[j] = was;
    return loss;
}

static const struct {
    const char *model;
    struct tsgd_shape in;
} cases[] = {
    {"logistic", {1, 28, 28}}, {"mlp", {1, 28, 28}}, {"mlp:7", {3, 5, 4}}, {"mlp:9,1,8", {2, 3, 4}},
    {"lenet", {1, 28, 28}}, {"lenet", {3, 32, 32}}, {"lenet", {2, 16, 19}},
    {"resnet20", {3, 8, 8}}, {"resnet20", {1, 9, 11}},
    {"net:conv 4 3 pad 3 stride 2; relu; maxpool 3; dense", {2, 9, 8}},
    {"net:conv 4 1 pad 2; groupnorm 2; residual { conv 4 5 pad 2; residual { relu } }; dense",
     {1, 6, 7}},
    {"net:residual { residual { conv 2 3 pad 1 }; relu }; dense 12; residual { relu; dense 14 };"
     "groupnorm 7; conv 6 1; residual { maxpool 1; groupnorm 1 }; dense", {2, 6, 6}},
};

ParameterizedTestParameters(models, gradients_agree_with_central_differences)
{
    return twin_rows(sizeof cases / sizeof *cases);
}

/* Some coordinates of every tensor. The kinks of ReLU and pooling that a step of 1e-6 happens to
 * cross are few, and each moves the loss little.                                                */
ParameterizedTest(size_t *row, models, gradients_agree_with_central_differences, .timeout = 300)
{
    struct fixture f;
    const struct tsgd_tensor *tensors[64];
    const double h = 1e-6;
    setup(&f, cases[*row].model, cases[*row].in, (uint32_t)*row);
    struct tsgd_rng rng = tsgd_rng(11, TSGD_RNG_TEST, (uint32_t)*row, 0);
    uint32_t n = tsgd_net_tensors(&f.net, tensors, 64);
    int looks = TWIN_SLOW ? 3 : n > 32 ? 4 : 12;
    cr_assert(n <= 64);
    for (uint32_t i = 0; i < n; i++) {
        double most = 0;
        for (size_t j = 0; j < tensors[i]->count; j++)
            most = fmax(most, fabs((double)f.grad[tensors[i]->offset + j]));
        for (int look = 0; look < looks; look++) {
            size_t j = tsgd_rng_below(&rng, (uint32_t)tensors[i]->count);
            double got = (double)f.grad[tensors[i]->offset + j];
            double want = (loss_at(&f, tensors[i]->offset + j, h) -
                           loss_at(&f, tensors[i]->offset + j, -h)) / (2 * h);
            cr_assert(fabs(got - want) <= 1e-4 * most + 1e-7, "%s %s[%zu]: %.9g, want %.9g",
                      cases[*row].model, tensors[i]->name, j, got, want);
        }
    }
    teardown(&f);
}

ParameterizedTestParameters(models, losses_agree_with_double)
{
    return twin_rows(sizeof cases / sizeof *cases);
}

ParameterizedTest(size_t *row, models, losses_agree_with_double, .timeout = 120)
{
    struct fixture f;
    setup(&f, cases[*row].model, cases[*row].in, (uint32_t)*row);
    double want = BATCH * twin_loss(&f.net, f.w2, f.x2, f.labels, BATCH);
    cr_assert(fabs(f.loss - want) < 1e-5 * want, "%s: %.9g, want %.9g", cases[*row].model, f.loss,
              want);
    teardown(&f);
}

/* Of softmax regression in closed form: (softmax(z)[c] - [c = label]) x, averaged. */
Test(models, logistic_s_gradient_is_the_closed_form, .timeout = 60)
{
    enum { IN = 784 };
    struct fixture f;
    setup(&f, "logistic", (struct tsgd_shape){1, 28, 28}, 0);
    double *want = twin_doubles(f.net.dim), loss = 0;
    for (int s = 0; s < BATCH; s++) {
        double z[CLASSES], sum = 0;
        const double *x = f.x2 + s * IN;
        for (int c = 0; c < CLASSES; c++) {
            z[c] = f.w2[CLASSES * IN + c];
            for (int i = 0; i < IN; i++)
                z[c] += f.w2[c * IN + i] * x[i];
            sum += exp(z[c]);
        }
        loss += log(sum) - z[f.labels[s]];
        for (int c = 0; c < CLASSES; c++) {
            double d = (exp(z[c]) / sum - (c == f.labels[s])) / BATCH;
            for (int i = 0; i < IN; i++)
                want[c * IN + i] += d * x[i];
            want[CLASSES * IN + c] += d;
        }
    }
    cr_assert(fabs(f.loss - loss) < 1e-6 * loss, "%.9g, want %.9g", f.loss, loss);
    for (size_t j = 0; j < f.net.dim; j++)
        cr_assert(fabs((double)f.grad[j] - want[j]) < 1e-6, "parameter %zu: %.9g, want %.9g", j,
                  (double)f.grad[j], want[j]);
    free(want);
    teardown(&f);
}

Test(models, lenet_has_44470_parameters_in_pytorch_s_order)
{
    static const char *const names[] = {
        "conv1.weight", "conv1.bias", "gn1.weight", "gn1.bias", "conv2.weight", "conv2.bias",
        "gn2.weight", "gn2.bias", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "fc3.weight",
        "fc3.bias",
    };
    const struct tsgd_tensor *t[14];
    struct tsgd_net net = build("lenet", (struct tsgd_shape){1, 28, 28});
    cr_assert(net.dim == 44470, "%zu", net.dim);
    cr_assert(tsgd_net_tensors(&net, t, 14) == 14);
    for (int i = 0; i < 14; i++)
        cr_assert(!strcmp(t[i]->name, names[i]), "%s, want %s", t[i]->name, names[i]);
    tsgd_net_release(&net);
}

static void rectify(double *x, size_t n)
{
    for (size_t j = 0; j < n; j++)
        x[j] = x[j] > 0 ? x[j] : 0;
}

/* Spelled out, since the twin above takes the list of layers from the model itself. */
Test(models, lenet_is_the_chain_that_its_description_says, .timeout = 60)
{
    struct fixture f;
    setup(&f, "lenet", (struct tsgd_shape){1, 28, 28}, 0);
    const double *w = f.w2;
    double a[6 * 24 * 24], b[6 * 24 * 24], loss = 0;
    for (int s = 0; s < BATCH; s++) {
        tsgd_ref_conv((struct tsgd_ref_shape){1, 28, 28}, 6, 5, 0, 1, w, w + 150, f.x2 + s * 784,
                      a);
        rectify(a, 6 * 24 * 24);
        tsgd_ref_maxpool((struct tsgd_ref_shape){6, 24, 24}, 2, a, b);
        tsgd_ref_groupnorm((struct tsgd_ref_shape){6, 12, 12}, 2, w + 156, w + 162, b, a);
        tsgd_ref_conv((struct tsgd_ref_shape){6, 12, 12}, 16, 5, 0, 1, w + 168, w + 2568, a, b);
        rectify(b, 16 * 8 * 8);
        tsgd_ref_maxpool((struct tsgd_ref_shape){16, 8, 8}, 2, b, a);
        tsgd_ref_groupnorm((struct tsgd_ref_shape){16, 4, 4}, 4, w + 2584, w + 2600, a, b);
        tsgd_ref_dense(256, 120, w + 2616, w + 33336, b, a);
        rectify(a, 120);
        tsgd_ref_dense(120, 84, w + 33456, w + 43536, a, b);
        rectify(b, 84);
        tsgd_ref_dense(84, 10, w + 43620, w + 44460, b, a);
        loss += tsgd_ref_cross_entropy(10, a, f.labels[s]);
    }
    cr_assert(fabs(f.loss - loss) < 1e-6 * loss, "%.9g, want %.9g", f.loss, loss);
    teardown(&f);
}

/* By hand: 2 * (2 * 6 * 25 * 576 + 3 * 16 * 150 * 64 + 3 * (256 * 120 + 120 * 84 + 84 * 10)). */
Test(models, a_lenet_sample_takes_1517040_operations)
{
    struct tsgd_net net = build("lenet", (struct tsgd_shape){1, 28, 28});
    cr_assert(net.step_flops == 1517040, "%llu", (unsigned long long)net.step_flops);
    tsgd_net_release(&net);
}

/* By hand: 2 * (2 * 784 * 256 + 3 * 256 * 128 + 3 * 128 * 10). */
Test(models, an_mlp_sample_takes_1007104_operations)
{
    struct tsgd_net net = build("mlp", (struct tsgd_shape){1, 28, 28});
    cr_assert(net.step_flops == 1007104, "%llu", (unsigned long long)net.step_flops);
    tsgd_net_release(&net);
}

static const struct {
    const char *model, *says;
    struct tsgd_shape in;
} wrong[] = {
    {"mlp:0", "width 0", {1, 28, 28}},
    {"mlp:8,0", "layer 2", {1, 28, 28}},
    {"mlp:a", "'a'", {1, 28, 28}},
    {"mlp:", "''", {1, 28, 28}},
    {"mlp:3,", "'3,'", {1, 28, 28}},
    {"mlp:1000001", "1000001", {1, 28, 28}},
    {"mlp:1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "16", {1, 28, 28}},
    {"lenet:5", "':5'", {1, 28, 28}},
    {"lenet", "15x28", {1, 15, 28}},
    {"vgg11:8", "':8'", {3, 32, 32}},
    {"vgg11", "31x32", {3, 31, 32}},
    {"vgg11", "32x31", {3, 32, 31}},
    {"resnet20:1", "':1'", {3, 32, 32}},
    {"resnet20", "7x32", {3, 7, 32}},
    {"resnet20", "32x7", {3, 32, 7}},
    {"lenet", "28x15", {1, 28, 15}},
    {"logistic:1", "':1'", {1, 28, 28}},
    {"lenett", "'lenet'", {1, 28, 28}},
    {"", "--model", {1, 28, 28}},
    {"net:dense 7; relu", "line 1, column 10: the last layer gives 7 numbers", {1, 28, 28}},
};

ParameterizedTestParameters(models, what_cannot_be_built_is_refused)
{
    return twin_rows(sizeof wrong / sizeof *wrong);
}

ParameterizedTest(size_t *row, models, what_cannot_be_built_is_refused)
{
    struct tsgd_net net = TSGD_NET_INIT;
    struct tsgd_error err;
    struct tsgd_backend on = twin_on(NULL);
    cr_assert(tsgd_model_build(&net, wrong[*row].model, wrong[*row].in, CLASSES, &on, &err) ==
              TSGD_EINVAL);
    cr_assert(strstr(err.text, wrong[*row].says), "%s", err.text);
    cr_assert(!net.layer);
}
