/* Networks with shortcuts: what a later layer joins must survive until then, forwards and
 * backwards, whatever lies between.                                                              */
#include "twin.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { CLASSES = 5, FEATURES = 2 * 7 * 6, MOST = 33 };

static const struct tsgd_shape input = {2, 7, 6};

#define CONV(label, n) {.ops = &tsgd_layer_conv, .name = label, .units = n, .window = 3, .pad = 1}
#define NORM(label) {.ops = &tsgd_layer_groupnorm, .name = label, .groups = 2}
#define RELU {.ops = &tsgd_layer_relu}
#define GELU {.ops = &tsgd_layer_gelu}
#define ADD(back) {.ops = &tsgd_layer_add, .skip = back}
#define FC {.ops = &tsgd_layer_dense, .name = "fc", .units = CLASSES}

/* Two blocks, the second of which halves the pixels and doubles the channels. */
static const struct tsgd_layer blocks[] = {
    CONV("conv1", 4), NORM("gn1"), RELU,
    CONV("a1", 4), NORM("g1"), RELU, CONV("a2", 4), NORM("g2"), ADD(5), RELU,
    {.ops = &tsgd_layer_conv, .name = "b1", .units = 8, .window = 3, .pad = 1, .stride = 2},
    NORM("g3"), RELU, CONV("b2", 8), NORM("g4"), ADD(5), RELU,
    {.ops = &tsgd_layer_avgpool}, FC,
};

/* Shortcuts within, across and right after one another, two from the same place, and from where a
 * layer that works in place follows.                                                            */
static const struct tsgd_layer tangle[] = {
    CONV("c0", 4), RELU, CONV("c2", 4), ADD(2), ADD(3), RELU, ADD(1), CONV("c7", 4), ADD(6),
    CONV("c9", 4), ADD(2), FC,
};

/* From the input of the net, where nothing below has parameters, and past the first that has. */
static const struct tsgd_layer bottom[] = {RELU, ADD(1), CONV("c2", 2), ADD(3), RELU, ADD(1), FC};

/* GELU writes over its input unless a later layer joins that, or the one before reads it again. */
static const struct tsgd_layer smooth[] = {
    CONV("c0", 4), {.ops = &tsgd_layer_layernorm, .name = "ln1"}, GELU,
    {.ops = &tsgd_layer_dwconv, .name = "d3", .window = 3, .pad = 1}, GELU, CONV("c5", 4), ADD(4),
    GELU, ADD(1), {.ops = &tsgd_layer_maxpool, .window = 2}, GELU,
    {.ops = &tsgd_layer_avgpool, .window = 2},
    {.ops = &tsgd_layer_dense, .name = "f12", .units = 6}, GELU,
    {.ops = &tsgd_layer_layernorm, .name = "ln14"}, FC,
};

static const struct {
    const struct tsgd_layer *layers;
    uint32_t n;
} nets[] = {
    {blocks, sizeof blocks / sizeof *blocks},
    {tangle, sizeof tangle / sizeof *tangle},
    {bottom, sizeof bottom / sizeof *bottom},
    {smooth, sizeof smooth / sizeof *smooth},
};
enum { NETS = sizeof nets / sizeof *nets };

static const size_t batches[] = {1, 5, 16, 17, MOST};

struct fixture {
    struct tsgd_net net;
    size_t batch;
    uint16_t labels[MOST];
    float *w, *grad, x[MOST * FEATURES];
};

static void setup(struct fixture *f, size_t which, size_t batch)
{
    struct tsgd_rng rng = tsgd_rng(15, TSGD_RNG_TEST, (uint32_t)which, (uint32_t)batch);
    struct tsgd_error err;
    cr_assert(tsgd_net_init(&f->net, nets[which].layers, nets[which].n, input, CLASSES, &err) ==
              TSGD_OK, "%s", err.text);
    f->net.on = twin_on(NULL);
    f->batch = batch;
    f->w = twin_floats(f->net.dim);
    f->grad = twin_floats(f->net.dim);
    twin_random(&rng, f->w, f->net.dim);
    for (size_t j = 0; j < f->net.dim; j++)
        f->w[j] *= 0.25f;               /* so that the sums of many paths stay small */
    twin_random(&rng, f->x, batch * FEATURES);
    for (size_t s = 0; s < batch; s++)
        f->labels[s] = (uint16_t)tsgd_rng_below(&rng, CLASSES);
}

static void teardown(struct fixture *f)
{
    free(f->w), free(f->grad);
    tsgd_net_release(&f->net);
}

/* Scratch: the input in front, NaN in all that a net has to write first, and canaries behind. */
enum { CANARIES = 64 };
static const float canary = 12345;

static float *scratch_for(const struct fixture *f, bool gradient)
{
    size_t n = tsgd_net_scratch(&f->net, f->batch, gradient), ld = tsgd_net_ld(f->batch);
    float *scratch = twin_floats(n + CANARIES);
    for (size_t j = 0; j < n; j++)
        scratch[j] = NAN;
    for (size_t j = n; j < n + CANARIES; j++)
        scratch[j] = canary;
    twin_lanes(f->x, f->batch, FEATURES, ld, 0, scratch);
    return scratch;
}

static void check_canaries(const struct fixture *f, bool gradient, const float *scratch)
{
    size_t n = tsgd_net_scratch(&f->net, f->batch, gradient);
    for (size_t j = n; j < n + CANARIES; j++)
        cr_assert(scratch[j] == canary, "%zu floats past the scratch", j - n);
}

static double gradient(struct fixture *f)
{
    float *scratch = scratch_for(f, true);
    double loss = tsgd_net_gradient(&f->net, f->w, tsgd_labelled(f->labels), f->batch, f->grad,
                                    scratch);
    check_canaries(f, true, scratch);
    free(scratch);
    return loss;
}

ParameterizedTestParameters(shortcuts, gradients_agree_with_central_differences)
{
    return twin_rows(NETS * 5);
}

/* All parameters for a batch of one, then ever fewer of them. */
ParameterizedTest(size_t *row, shortcuts, gradients_agree_with_central_differences, .timeout = 120)
{
    struct fixture f;
    const double h = 1e-6;
    setup(&f, *row % NETS, batches[*row / NETS]);
    double *w2 = twin_doubles(f.net.dim), *x2 = twin_doubles(f.batch * FEATURES);
    double loss = gradient(&f), most = 0;
    twin_widen(f.w, f.net.dim, w2);
    twin_widen(f.x, f.batch * FEATURES, x2);
    double want = (double)f.batch * twin_loss(&f.net, w2, x2, f.labels, f.batch);
    cr_assert(fabs(loss - want) < 1e-5 * want, "loss %.9g, want %.9g", loss, want);
    for (size_t j = 0; j < f.net.dim; j++)
        most = fmax(most, fabs((double)f.grad[j]));
    for (size_t j = 0; j < f.net.dim; j += f.batch * (TWIN_SLOW ? 8 : 1)) {
        double was = w2[j], rise;
        w2[j] = was + h;
        rise = twin_loss(&f.net, w2, x2, f.labels, f.batch);
        w2[j] = was - h;
        rise -= twin_loss(&f.net, w2, x2, f.labels, f.batch);
        w2[j] = was;
        cr_assert(fabs((double)f.grad[j] - rise / (2 * h)) < 1e-5 * (1 + most),
                  "net %zu parameter %zu: %.9g, want %.9g", *row % NETS, j, (double)f.grad[j],
                  rise / (2 * h));
    }
    free(w2), free(x2);
    teardown(&f);
}

ParameterizedTestParameters(shortcuts, evaluation_finds_the_loss_of_the_gradient)
{
    return twin_rows(NETS * 5);
}

ParameterizedTest(size_t *row, shortcuts, evaluation_finds_the_loss_of_the_gradient, .timeout = 60)
{
    struct fixture f;
    uint32_t correct;
    setup(&f, *row % NETS, batches[*row / NETS]);
    float *scratch = scratch_for(&f, false);
    double a = gradient(&f);
    double b = tsgd_net_evaluate(&f.net, f.w, tsgd_labelled(f.labels), f.batch, scratch, &correct);
    cr_assert(a == b, "net %zu: %.17g and %.17g", *row % NETS, a, b);
    check_canaries(&f, false, scratch);
    free(scratch);
    teardown(&f);
}

/* Of the widest activation: one that is read, one that is written, and one for the shortcut. */
Test(shortcuts, blocks_work_in_three_areas_and_copy_nothing)
{
    struct fixture f;
    const size_t wide = 4 * 7 * 6;
    setup(&f, 0, 1);
    const struct tsgd_place *p = f.net.place, *top = p + f.net.n_layers - 1;
    cr_assert(f.net.eval_keep == 3 * wide, "%zu", f.net.eval_keep);
    cr_assert(f.net.gradient_floats == top->keep + 3 * wide, "%zu, %zu", f.net.gradient_floats,
              top->keep);
    size_t adds = 0;
    for (uint32_t i = 0; i < f.net.n_layers; i++)
        if (f.net.layer[i].ops == &tsgd_layer_add) {
            cr_assert(p[i].x == p[i].y && p[i].dx == p[i].dy, "layer %u", i);
            adds++;
        }
    cr_assert(adds >= 2);
    teardown(&f);
}

ParameterizedTestParameters(shortcuts, from_nowhere_are_refused)
{
    return twin_rows(3);
}

ParameterizedTest(size_t *row, shortcuts, from_nowhere_are_refused)
{
    static const uint32_t skips[] = {0, 2, UINT32_MAX};
    const struct tsgd_layer layers[] = {RELU, ADD(skips[*row]), FC};
    struct tsgd_net net = TSGD_NET_INIT;
    struct tsgd_error err;
    cr_assert(tsgd_net_init(&net, layers, 3, input, CLASSES, &err) == TSGD_EINVAL);
    cr_assert(strstr(err.text, "layer 1, add") && strstr(err.text, "want 1 to 1"), "%s", err.text);
    cr_assert(!net.layer);
}
