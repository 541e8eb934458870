/* vgg11 and resnet20: spelled out in double, counted by hand, and trained for a few rounds, as is a
 * network of the layers that they do not have.                                                  */
#include "model/model.h"
#include "sim/ref.h"
#include "sim/settings.h"
#include "telesgd.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 2, LD = 16, CLASSES = 10, PIXELS = 32, FEATURES = 3 * PIXELS * PIXELS };

static const struct tsgd_shape input = {3, PIXELS, PIXELS};

static struct tsgd_net build(const char *model) { return twin_model(model, input, CLASSES); }

struct fixture {
    struct tsgd_net net;
    float *w, *grad;
    double *w2, *x2, loss;
    uint16_t labels[BATCH];
};

/* Parameters that tell weights of a normalisation from one another, which all begin as 1 and 0. */
static void setup(struct fixture *f, const char *model)
{
    struct tsgd_rng rng = tsgd_rng(16, TSGD_RNG_TEST, 0, 0);
    f->net = build(model);
    float *x = twin_floats(BATCH * FEATURES), *moved = twin_floats(f->net.dim);
    float *scratch = twin_floats(tsgd_net_scratch(&f->net, BATCH, true));
    f->w = twin_floats(f->net.dim);
    f->grad = twin_floats(f->net.dim);
    f->w2 = twin_doubles(f->net.dim);
    f->x2 = twin_doubles(BATCH * FEATURES);
    tsgd_net_random(&f->net, 3, f->w);
    twin_random(&rng, moved, f->net.dim);
    for (size_t j = 0; j < f->net.dim; j++)
        f->w[j] *= 1 + moved[j] / 2;
    twin_random(&rng, x, BATCH * FEATURES);
    twin_widen(f->w, f->net.dim, f->w2);
    twin_widen(x, BATCH * FEATURES, f->x2);
    for (int s = 0; s < BATCH; s++)
        f->labels[s] = (uint16_t)tsgd_rng_below(&rng, CLASSES);
    twin_lanes(x, BATCH, FEATURES, LD, 0, scratch);
    f->loss = tsgd_net_gradient(&f->net, f->w, tsgd_labelled(f->labels), BATCH, f->grad, scratch);
    free(x), free(moved), free(scratch);
}

static void teardown(struct fixture *f)
{
    free(f->w), free(f->grad), free(f->w2), free(f->x2);
    tsgd_net_release(&f->net);
}

static const char *const models[] = {"vgg11", "resnet20"};

ParameterizedTestParameters(vision, the_slope_of_the_loss_follows_the_gradient)
{
    return twin_rows(2);
}

/* All tensors at once, each along its own gradient: the slope must be the sum of their lengths. A
 * wrong gradient of one tensor of 59 is 1 per cent off if it is of average length.              */
ParameterizedTest(size_t *row, vision, the_slope_of_the_loss_follows_the_gradient, .timeout = 300)
{
    struct fixture f;
    const struct tsgd_tensor *t[64];
    const double h = 1e-6;
    double want = 0, loss[2];
    setup(&f, models[*row]);
    double *moved = twin_doubles(f.net.dim), *along = twin_doubles(f.net.dim);
    uint32_t n = tsgd_net_tensors(&f.net, t, 64);
    for (uint32_t i = 0; i < n; i++) {
        double length = 0;
        for (size_t j = t[i]->offset; j < t[i]->offset + t[i]->count; j++)
            length += (double)f.grad[j] * (double)f.grad[j];
        for (size_t j = t[i]->offset; j < t[i]->offset + t[i]->count; j++)
            along[j] = (double)f.grad[j] / sqrt(length);
        cr_assert(length > 0, "%s", t[i]->name);
        want += sqrt(length);
    }
    for (int side = 0; side < 2; side++) {
        for (size_t j = 0; j < f.net.dim; j++)
            moved[j] = f.w2[j] + (side ? h : -h) * along[j];
        loss[side] = twin_loss(&f.net, moved, f.x2, f.labels, BATCH);
    }
    double slope = (loss[1] - loss[0]) / (2 * h);
    cr_assert(fabs(slope - want) < 1e-4 * want, "%s: slope %.9g, want %.9g", models[*row], slope,
              want);
    free(moved), free(along);
    teardown(&f);
}

static void rectify(double *x, size_t n)
{
    for (size_t j = 0; j < n; j++)
        x[j] = x[j] > 0 ? x[j] : 0;
}

/* A convolution of 3x3, GroupNorm(8), and ReLU if `relu`: from x to y, through t; moves *w on. */
static void unit(struct tsgd_ref_shape in, size_t out, size_t stride, bool bias, bool relu,
                 const double **w, const double *x, double *t, double *y)
{
    size_t weights = out * in.channels * 9, biases = bias ? out : 0;
    struct tsgd_ref_shape to = {out, (in.height - 1) / stride + 1, (in.width - 1) / stride + 1};
    tsgd_ref_conv(in, out, 3, 1, stride, *w, bias ? *w + weights : NULL, x, t);
    *w += weights + biases;
    tsgd_ref_groupnorm(to, 8, *w, *w + out, t, y);
    *w += 2 * out;
    if (relu)
        rectify(y, to.channels * to.height * to.width);
}

/* Spelled out, since twin_loss takes the list of layers from the model itself. */
Test(vision, vgg11_is_the_chain_that_its_description_says, .timeout = 300)
{
    static const size_t widths[] = {64, 128, 256, 256, 512, 512, 512, 512};
    static const bool pooled[] = {1, 1, 0, 1, 0, 1, 0, 1};
    struct fixture f;
    setup(&f, "vgg11");
    double *a = twin_doubles(64 * 1024), *b = twin_doubles(64 * 1024), loss = 0;
    for (int s = 0; s < BATCH; s++) {
        struct tsgd_ref_shape at = {3, PIXELS, PIXELS};
        const double *w = f.w2;
        memcpy(a, f.x2 + s * FEATURES, FEATURES * sizeof *a);
        for (int i = 0; i < 8; i++) {
            unit(at, widths[i], 1, true, true, &w, a, b, a);
            at.channels = widths[i];
            if (pooled[i]) {
                tsgd_ref_maxpool(at, 2, a, b);
                at.height /= 2;
                at.width /= 2;
                memcpy(a, b, at.channels * at.height * at.width * sizeof *a);
            }
        }
        tsgd_ref_dense(512, CLASSES, w, w + 512 * CLASSES, a, b);
        cr_assert(w + 513 * CLASSES == f.w2 + f.net.dim);
        loss += tsgd_ref_cross_entropy(CLASSES, b, f.labels[s]);
    }
    cr_assert(fabs(f.loss - loss) < 1e-5 * loss, "%.9g, want %.9g", f.loss, loss);
    free(a), free(b);
    teardown(&f);
}

Test(vision, resnet20_is_the_network_that_its_description_says, .timeout = 300)
{
    struct fixture f;
    setup(&f, "resnet20");
    double *x = twin_doubles(16 * 1024), *t = twin_doubles(16 * 1024), *y = twin_doubles(16 * 1024);
    double *z = twin_doubles(16 * 1024), logits[CLASSES], loss = 0;
    for (int s = 0; s < BATCH; s++) {
        struct tsgd_ref_shape at = {3, PIXELS, PIXELS};
        const double *w = f.w2;
        unit(at, 16, 1, false, true, &w, f.x2 + s * FEATURES, t, x);
        at.channels = 16;
        for (int i = 0; i < 9; i++) {
            size_t stride = i == 3 || i == 6 ? 2 : 1;
            struct tsgd_ref_shape to = {at.channels * stride, at.height / stride,
                                        at.width / stride};
            unit(at, to.channels, stride, false, true, &w, x, t, y);
            unit(to, to.channels, 1, false, false, &w, y, t, z);
            tsgd_ref_add(to, at, z, x, y);
            at = to;
            rectify(y, at.channels * at.height * at.width);
            memcpy(x, y, at.channels * at.height * at.width * sizeof *x);
        }
        tsgd_ref_avgpool(at, 0, x, y);
        tsgd_ref_dense(64, CLASSES, w, w + 64 * CLASSES, y, logits);
        cr_assert(w + 65 * CLASSES == f.w2 + f.net.dim);
        loss += tsgd_ref_cross_entropy(CLASSES, logits, f.labels[s]);
    }
    cr_assert(fabs(f.loss - loss) < 1e-5 * loss, "%.9g, want %.9g", f.loss, loss);
    free(x), free(t), free(y), free(z);
    teardown(&f);
}

static const struct tsgd_tensor *tensor(const struct tsgd_net *net, const char *name)
{
    const struct tsgd_tensor *t[64];
    uint32_t n = tsgd_net_tensors(net, t, 64);
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(t[i]->name, name))
            return t[i];
    cr_assert_fail("no tensor %s", name);
    return NULL;
}

static void check_tensor(const struct tsgd_net *net, const char *name, uint32_t rank, uint32_t a,
                         uint32_t b, uint32_t side)
{
    const struct tsgd_tensor *t = tensor(net, name);
    const uint32_t want[4] = {a, b, side, side};
    cr_assert(t->rank == rank && !memcmp(t->extent, want, rank * sizeof *want), "%s", name);
}

Test(vision, vgg11_has_9231114_parameters_under_pytorch_s_names)
{
    struct tsgd_net net = build("vgg11");
    cr_assert(net.dim == 9231114, "%zu", net.dim);
    cr_assert(tsgd_net_tensors(&net, NULL, 0) == 34);
    check_tensor(&net, "conv1.weight", 4, 64, 3, 3);
    check_tensor(&net, "gn1.bias", 1, 64, 0, 0);
    check_tensor(&net, "conv8.weight", 4, 512, 512, 3);
    check_tensor(&net, "conv8.bias", 1, 512, 0, 0);
    check_tensor(&net, "fc.weight", 2, CLASSES, 512, 0);
    tsgd_net_release(&net);
}

Test(vision, resnet20_has_269722_parameters_under_pytorch_s_names)
{
    struct tsgd_net net = build("resnet20");
    cr_assert(net.dim == 269722, "%zu", net.dim);
    cr_assert(tsgd_net_tensors(&net, NULL, 0) == 59);
    check_tensor(&net, "conv1.weight", 4, 16, 3, 3);
    check_tensor(&net, "gn1.weight", 1, 16, 0, 0);
    check_tensor(&net, "layer1.0.conv1.weight", 4, 16, 16, 3);
    check_tensor(&net, "layer2.0.conv1.weight", 4, 32, 16, 3);
    check_tensor(&net, "layer3.2.conv2.weight", 4, 64, 64, 3);
    check_tensor(&net, "layer3.2.gn2.bias", 1, 64, 0, 0);
    check_tensor(&net, "fc.bias", 1, CLASSES, 0, 0);
    tsgd_net_release(&net);
}

/* By hand: conv1 is counted twice, as nothing needs its input's gradient, all else three times. */
Test(vision, a_sample_takes_as_many_operations_as_counted_by_hand)
{
    struct tsgd_net vgg = build("vgg11"), resnet = build("resnet20");
    uint64_t first = 3 * 64 * 9 * 1024, rest = 0;
    rest += 9 * 256 * (64 * 128) + 9 * 64 * (128 * 256 + 256 * 256);
    rest += 9 * 16 * (256 * 512 + 512 * 512) + 9 * 4 * (2 * 512 * 512) + 512 * CLASSES;
    cr_assert(vgg.step_flops == 2 * (2 * first + 3 * rest));
    cr_assert(fabs((double)vgg.step_flops * 32 / 29.2e9 - 1) < 0.002);
    first = 3 * 16 * 9 * 1024;
    rest = 6 * (16 * 16 * 9 * 1024) + (16 * 32 + 5 * 32 * 32) * 9 * 256;
    rest += (32 * 64 + 5 * 64 * 64) * 9 * 64 + 64 * CLASSES;
    cr_assert(resnet.step_flops == 2 * (2 * first + 3 * rest));
    cr_assert(fabs((double)resnet.step_flops * 32 / 7.76e9 - 1) < 0.002);
    tsgd_net_release(&vgg);
    tsgd_net_release(&resnet);
}

static void put_number(FILE *f, uint32_t n)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        fputc((int)(n >> shift & 255), f);
}

static FILE *create(const char *folder, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    cr_assert(f, "%s", path);
    return f;
}

/* Two classes, of grey pictures that are brighter on the left or on the right. */
static void write_part(const char *folder, const char *part, uint32_t count, uint32_t side)
{
    char name[64];
    struct tsgd_rng rng = tsgd_rng(17, TSGD_RNG_TEST, count, side);
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", part);
    FILE *images = create(folder, name);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", part);
    FILE *labels = create(folder, name);
    put_number(images, 0x803), put_number(images, count);
    put_number(images, side), put_number(images, side);
    put_number(labels, 0x801), put_number(labels, count);
    for (uint32_t i = 0; i < count; i++) {
        fputc((int)(i % 2), labels);
        for (uint32_t j = 0; j < side * side; j++) {
            bool left = j % side < side / 2, bright = left == i % 2;
            fputc((int)(tsgd_rng_below(&rng, 128) + 127 * bright), images);
        }
    }
    cr_assert(fclose(images) == 0 && fclose(labels) == 0);
}

static void remove_parts(const char *folder)
{
    static const char *const names[] = {"train-images-idx3", "train-labels-idx1",
                                        "t10k-images-idx3", "t10k-labels-idx1"};
    char path[128];
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s-ubyte", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

enum { ROUNDS = 6 };

struct curve {
    uint32_t n;
    struct tsgd_eval eval[ROUNDS];
};

static bool keep(const struct tsgd_eval *eval, void *user)
{
    struct curve *c = user;
    c->eval[c->n] = *eval;
    c->eval[c->n++].wall_seconds = 0;
    return false;
}

static struct curve train(const struct tsgd_settings *s)
{
    struct curve c = {0};
    struct tsgd_run *run;
    struct tsgd_error err;
    struct tsgd_summary end;
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_train(run, keep, &c, &end, &err) == TSGD_OK, "%s", err.text);
    tsgd_run_free(run);
    return c;
}

static const struct {
    const char *model;
    uint32_t side;
    double lr;
} trained[] = {
    {"vgg11", 32, 0.001}, {"resnet20", 13, 0.005},
    {"net:conv\t6\t3;layernorm;gelu;dwconv\t3\tpad\t1;gelu;avgpool\t2;dense\t8;layernorm;dense",
     13, 0.02},
};

ParameterizedTestParameters(vision, training_lowers_the_loss_with_the_same_bits_for_any_threads)
{
    return twin_rows(sizeof trained / sizeof *trained);
}

ParameterizedTest(size_t *row, vision, training_lowers_the_loss_with_the_same_bits_for_any_threads,
                  .timeout = 300)
{
    char folder[] = "/tmp/telesgd-test-XXXXXX";
    const char *model = trained[*row].model;
    cr_assert(mkdtemp(folder));
    write_part(folder, "train", 40, trained[*row].side);
    write_part(folder, "t10k", 8, trained[*row].side);
    struct tsgd_settings *s = settings_of("data=idx:%s model=%s nodes=5 active=2 batch=8 lr=%g "
                                          "rounds=%d eval-every=1 threads=1", folder, model,
                                          trained[*row].lr, ROUNDS);
    struct curve one = train(s);
    cr_assert(one.n == ROUNDS);
    cr_assert(one.eval[ROUNDS - 1].train_loss < 0.8 * one.eval[0].train_loss, "%s: %g to %g",
              model, one.eval[0].train_loss, one.eval[ROUNDS - 1].train_loss);
    cr_assert(isfinite(one.eval[ROUNDS - 1].test_loss));
    for (int threads = 2; threads <= 3; threads++) {
        struct curve other = train(settings_with(s, "threads=%d", threads));
        cr_assert(!memcmp(&one, &other, sizeof one), "%s, %d threads", model, threads);
    }
    remove_parts(folder);
}
