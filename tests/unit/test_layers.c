/* Every layer of the table, over random shapes and batches, against naive double. */
#include "twin.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TRIALS = TWIN_SLOW ? 5 : 30 };

static const size_t batches[] = {1, 5, 16, 17, 32};

/* What all fixtures compute with, from instruction set i on; false after the last. */
static struct tsgd_backend on;

static bool use(size_t i)
{
    const struct tsgd_kernels *k = tsgd_isa_table(i);
    if (k)
        on = twin_on(k->isa);
    return k;
}

#define EACH_ISA for (size_t isa = 0; use(isa); isa++)

/* A layer with its inputs, weights and output gradient; x, from and dy [batch][features] and,
 * spread out into lanes, lx, lfrom and ldy.                                                     */
struct fixture {
    struct tsgd_layer l;
    size_t batch, ld, in, from, out, terms;
    float *w, *x, *dy, *lx, *lfrom, *ly, *ldx, *ldfrom, *ldy, *dw, *keep, *scratch;
    double *w2, *x2, *from2, *y2;
};

static uint32_t between(struct tsgd_rng *rng, uint32_t from, uint32_t to)
{
    return from + tsgd_rng_below(rng, to - from + 1);
}

static bool convolves(const struct tsgd_layer_ops *ops)
{
    return ops == &tsgd_layer_conv || ops == &tsgd_layer_dwconv;
}

/* Settings that suit the kind; `terms` is how many terms the longest sum of a pass has. A
 * convolution tries every window with every padding and stride, and every fifth trial is so large
 * that it works in several parts.                                                               */
static void settle(struct fixture *f, const struct tsgd_layer_ops *ops, size_t trial,
                   struct tsgd_rng *rng)
{
    bool large = convolves(ops) && trial % 5 == 4;
    struct tsgd_layer *l = &f->l;
    *l = (struct tsgd_layer){.ops = ops, .name = "test"};
    l->window = between(rng, 1, 3);
    l->groups = between(rng, 1, 3);
    l->units = between(rng, 1, 9);
    if (ops == &tsgd_layer_avgpool && trial % 3 == 0)
        l->window = 0;
    if (convolves(ops)) {
        l->window = 1 + (uint32_t)trial % 5;
        l->pad = (uint32_t)trial % 3;
        l->stride = (uint32_t)trial % 2 ? 2 : 0;
        l->no_bias = trial / 2 % 2;
    }
    l->pool = ops->takes_pool && l->pad == 0 && trial % 4 == 3;
    l->relu = l->pool || (ops->takes_relu && trial % 2);
    l->in.channels = between(rng, 1, 4) * (ops == &tsgd_layer_groupnorm ? l->groups : 1);
    l->in.height = l->window + between(rng, 2, 8);
    l->in.width = l->window + between(rng, 2, 8);
    if (large)
        l->in = (struct tsgd_shape){4, 20, 19};
    if (ops->join) {
        bool halves = trial % 3;
        l->from = (struct tsgd_shape){
            l->in.channels,
            (1 + halves) * l->in.height - (uint32_t)trial % 3 / 2,
            (1 + halves) * l->in.width - (uint32_t)trial / 3 % 2 * halves,
        };
        l->in.channels += 2 * between(rng, 0, 2);
    }
    cr_assert(l->ops->shape(l, NULL) == TSGD_OK);
    f->in = tsgd_shape_size(l->in);
    f->from = tsgd_shape_size(l->from);
    f->out = tsgd_shape_size(l->out);
    f->batch = large ? 32 : batches[trial / 6 % 5];
    f->ld = tsgd_net_ld(f->batch);
    f->terms = f->batch * (f->out > f->in ? f->out : f->in);
}

static void setup(struct fixture *f, size_t row, float past)
{
    struct tsgd_rng rng = tsgd_rng(4, TSGD_RNG_TEST, (uint32_t)row, 0);
    settle(f, tsgd_layers[row % tsgd_n_layers], row / tsgd_n_layers, &rng);
    f->w = twin_floats(f->l.params);
    f->dw = twin_floats(f->l.params);
    f->x = twin_floats(f->batch * f->in);
    f->dy = twin_floats(f->batch * f->out);
    float *from = twin_floats(f->batch * f->from);
    f->lx = twin_floats(f->ld * f->in);
    f->lfrom = twin_floats(f->ld * f->from);
    f->ldfrom = twin_floats(f->ld * f->from);
    f->ly = twin_floats(f->ld * f->out);
    f->ldx = twin_floats(f->ld * f->in);
    f->ldy = twin_floats(f->ld * f->out);
    f->keep = twin_floats(f->ld * f->l.keep);
    f->scratch = twin_floats(f->l.ops->scratch ? f->l.ops->scratch(&f->l, &on, f->ld) : 0);
    f->w2 = twin_doubles(f->l.params);
    f->x2 = twin_doubles(f->batch * f->in);
    f->from2 = twin_doubles(f->batch * f->from);
    f->y2 = twin_doubles(f->out);
    twin_random(&rng, f->w, f->l.params);
    twin_random(&rng, f->x, f->batch * f->in);
    twin_random(&rng, f->dy, f->batch * f->out);
    twin_lanes(f->x, f->batch, f->in, f->ld, past, f->lx);
    twin_lanes(f->dy, f->batch, f->out, f->ld, 0, f->ldy);
    twin_widen(f->w, f->l.params, f->w2);
    twin_widen(f->x, f->batch * f->in, f->x2);
    twin_random(&rng, from, f->batch * f->from);
    twin_lanes(from, f->batch, f->from, f->ld, past, f->lfrom);
    twin_widen(from, f->batch * f->from, f->from2);
    free(from);
}

static void teardown(struct fixture *f)
{
    free(f->w), free(f->dw), free(f->x), free(f->dy), free(f->lx), free(f->ly), free(f->ldx);
    free(f->ldy), free(f->keep), free(f->scratch), free(f->w2), free(f->x2), free(f->y2);
    free(f->lfrom), free(f->ldfrom), free(f->from2);
}

static struct tsgd_layer_call call(const struct fixture *f)
{
    return (struct tsgd_layer_call){
        .on = &on, .ld = f->ld, .w = f->w, .x = f->lx, .y = f->ly, .keep = f->keep, .dy = f->ldy,
        .dw = f->dw, .dx = f->ldx, .scratch = f->scratch,
    };
}

static void forward_to(struct fixture *f, float *ly)
{
    struct tsgd_layer_call c = call(f);
    c.y = ly;
    f->l.ops->forward(&f->l, &c);
    if (f->l.ops->join)
        f->l.ops->join(&f->l, on.kernels, f->lfrom, ly, f->ld);
}

static void forward(struct fixture *f)
{
    forward_to(f, f->ly);
}

static void backward(struct fixture *f)
{
    struct tsgd_layer_call c = call(f);
    f->l.ops->backward(&f->l, &c);
    if (f->l.ops->join)
        f->l.ops->join_back(&f->l, on.kernels, f->ldy, f->ldfrom, f->ld);
}

/* Sample s through the twin, into y2. */
static void twin(struct fixture *f, size_t s)
{
    twin_layer(&f->l, f->w2, f->x2 + s * f->in, f->from2 + s * f->from, f->y2);
}

/* What sums of rounded terms of about this size may be off, as a random walk. */
static double tolerance(const struct fixture *f, double size)
{
    return 4 * (4 + sqrt((double)f->terms)) * FLT_EPSILON * (1 + size);
}

static size_t all_rows(void)
{
    return TRIALS * tsgd_n_layers;
}

ParameterizedTestParameters(layers, forward_agrees_with_naive_double)
{
    return twin_rows(all_rows());
}

ParameterizedTest(size_t *row, layers, forward_agrees_with_naive_double, .timeout = 120)
{
    EACH_ISA {
        struct fixture f;
        setup(&f, *row, 0);
        forward(&f);
        for (size_t s = 0; s < f.batch; s++) {
            twin(&f, s);
            for (size_t j = 0; j < f.out; j++) {
                double y = (double)f.ly[j * f.ld + s];
                cr_assert(fabs(y - f.y2[j]) <= tolerance(&f, fabs(f.y2[j])), "%s sample %zu output "
                          "%zu: %.9g, want %.9g", f.l.ops->name, s, j, y, f.y2[j]);
            }
        }
        teardown(&f);
    }
}

/* The sum of dy * y over one sample. */
static double weighed(struct fixture *f, size_t s)
{
    double sum = 0;
    twin(f, s);
    for (size_t j = 0; j < f->out; j++)
        sum += (double)f->dy[s * f->out + j] * f->y2[j];
    return sum;
}

static const double h = 1e-6;

/* The derivative of weighed(), summed over the samples from..to-1, by *at. */
static double slope(struct fixture *f, double *at, size_t from, size_t to)
{
    double was = *at, sum = 0;
    for (size_t s = from; s < to; s++) {
        *at = was + h;
        sum += weighed(f, s);
        *at = was - h;
        sum -= weighed(f, s);
    }
    *at = was;
    return sum / (2 * h);
}

/* At most 40 of n, spread over all. */
static size_t stride(size_t n)
{
    return n / 40 + 1;
}

ParameterizedTestParameters(layers, weight_gradient_agrees_with_central_differences)
{
    return twin_rows(all_rows());
}

ParameterizedTest(size_t *row, layers, weight_gradient_agrees_with_central_differences,
                  .timeout = 120)
{
    EACH_ISA {
        struct fixture f;
        setup(&f, *row, 0);
        memset(f.dw, 0xff, f.l.params * sizeof *f.dw);      /* NaN: it must be overwritten */
        forward(&f);
        backward(&f);
        for (uint32_t i = 0; i < f.l.n_tensors; i++)
            for (size_t j = 0; j < f.l.tensors[i].count; j += stride(f.l.tensors[i].count)) {
                size_t at = f.l.tensors[i].offset + j;
                double want = slope(&f, &f.w2[at], 0, f.batch), dw = (double)f.dw[at];
                cr_assert(fabs(dw - want) <= tolerance(&f, fabs(want)), "%s: %s at %zu: %.9g, want "
                          "%.9g", f.l.ops->name, f.l.tensors[i].name, j, dw, want);
            }
        teardown(&f);
    }
}

ParameterizedTestParameters(layers, input_gradient_agrees_with_central_differences)
{
    return twin_rows(all_rows());
}

ParameterizedTest(size_t *row, layers, input_gradient_agrees_with_central_differences,
                  .timeout = 120)
{
    EACH_ISA {
        struct fixture f;
        setup(&f, *row, 0);
        memset(f.ldx, 0xff, f.ld * f.in * sizeof *f.ldx);
        forward(&f);
        backward(&f);
        for (size_t s = 0; s < f.batch; s += 1 + f.batch / 3)
            for (size_t j = 0; j < f.in; j += stride(f.in)) {
                double want = slope(&f, &f.x2[s * f.in + j], s, s + 1);
                double dx = (double)f.ldx[j * f.ld + s];
                cr_assert(fabs(dx - want) <= tolerance(&f, fabs(want)), "%s sample %zu input %zu "
                          "of %zu: %.9g, want %.9g", f.l.ops->name, s, j, f.in, dx, want);
            }
        teardown(&f);
    }
}

/* A trial of the only layer that joins. */
static size_t joining_row(size_t trial)
{
    size_t i = 0;
    while (!tsgd_layers[i]->join)
        i++;
    return trial * tsgd_n_layers + i;
}

ParameterizedTestParameters(layers, gradient_of_what_is_joined_agrees_with_central_differences)
{
    return twin_rows(TRIALS);
}

/* Upon what is there already: other layers pass gradients to the same activation. */
ParameterizedTest(size_t *trial, layers, gradient_of_what_is_joined_agrees_with_central_differences,
                  .timeout = 120)
{
    EACH_ISA {
        struct fixture f;
        setup(&f, joining_row(*trial), 0);
        for (size_t j = 0; j < f.from * f.ld; j++)
            f.ldfrom[j] = 0.5f;
        forward(&f);
        backward(&f);
        for (size_t s = 0; s < f.batch; s += 1 + f.batch / 3)
            for (size_t j = 0; j < f.from; j += stride(f.from)) {
                double want = 0.5 + slope(&f, &f.from2[s * f.from + j], s, s + 1);
                double d = (double)f.ldfrom[j * f.ld + s];
                cr_assert(fabs(d - want) <= tolerance(&f, fabs(want)), "%s sample %zu number %zu "
                          "of %zu: %.9g, want %.9g", f.l.ops->name, s, j, f.from, d, want);
            }
        teardown(&f);
    }
}

ParameterizedTestParameters(layers, lanes_past_the_batch_add_nothing)
{
    return twin_rows(all_rows());
}

ParameterizedTest(size_t *row, layers, lanes_past_the_batch_add_nothing, .timeout = 120)
{
    EACH_ISA {
        struct fixture clean, dirty;
        setup(&clean, *row, 0);
        setup(&dirty, *row, -731.25f);
        forward(&clean);
        backward(&clean);
        forward(&dirty);
        backward(&dirty);
        for (size_t j = 0; j < clean.l.params; j++)
            cr_assert(clean.dw[j] == dirty.dw[j], "%s parameter %zu: %.9g, want %.9g",
                      clean.l.ops->name, j, (double)dirty.dw[j], (double)clean.dw[j]);
        for (size_t j = 0; j < clean.in * clean.ld; j++)
            if (j % clean.ld >= clean.batch)
                cr_assert(dirty.ldx[j] == 0, "%s: lane %zu has a gradient", clean.l.ops->name,
                          j % clean.ld);
        teardown(&clean);
        teardown(&dirty);
    }
}

ParameterizedTestParameters(layers, no_input_gradient_changes_no_weight_gradient)
{
    return twin_rows(all_rows());
}

ParameterizedTest(size_t *row, layers, no_input_gradient_changes_no_weight_gradient,
                  .timeout = 120)
{
    EACH_ISA {
        struct fixture f;
        setup(&f, *row, 0);
        float *dw = twin_floats(f.l.params);
        forward(&f);
        backward(&f);
        struct tsgd_layer_call c = call(&f);
        c.dw = dw;
        c.dx = NULL;
        f.l.ops->backward(&f.l, &c);
        cr_assert(!memcmp(dw, f.dw, f.l.params * sizeof *dw), "%s", f.l.ops->name);
        free(dw);
        teardown(&f);
    }
}

ParameterizedTestParameters(layers, working_in_place_changes_no_bit)
{
    return twin_rows(all_rows());
}

ParameterizedTest(size_t *row, layers, working_in_place_changes_no_bit, .timeout = 120)
{
    EACH_ISA {
        struct fixture f;
        setup(&f, *row, 0);
        const struct tsgd_layer_ops *ops = f.l.ops;
        forward(&f);
        backward(&f);
        if (ops->in_place) {
            forward_to(&f, f.lx);
            cr_assert(!memcmp(f.lx, f.ly, f.ld * f.in * sizeof *f.lx), "%s forward", ops->name);
        }
        if (tsgd_layer_back_in_place(&f.l)) {
            struct tsgd_layer_call c = call(&f);
            c.y = ops->in_place ? f.lx : f.ly;
            c.dx = f.ldy;
            ops->backward(&f.l, &c);
            cr_assert(!memcmp(f.ldy, f.ldx, f.ld * f.in * sizeof *f.ldx), "%s backward", ops->name);
        }
        teardown(&f);
    }
}

Test(layers, the_first_of_equal_maxima_gets_the_gradient)
{
    struct tsgd_layer l = {.ops = &tsgd_layer_maxpool, .window = 2, .in = {1, 2, 2}};
    _Alignas(64) float x[4 * 16] = {0}, y[16], dy[16], dx[4 * 16];
    cr_assert(l.ops->shape(&l, NULL) == TSGD_OK);
    x[1 * 16] = x[2 * 16] = 5;
    for (int s = 0; s < 16; s++)
        dy[s] = 3;
    struct tsgd_backend widest = twin_on(NULL);
    struct tsgd_layer_call c = {.on = &widest, .ld = 16, .x = x, .y = y, .dy = dy, .dx = dx};
    l.ops->forward(&l, &c);
    l.ops->backward(&l, &c);
    cr_assert(dx[0] == 0 && dx[16] == 3 && dx[32] == 0 && dx[48] == 0, "sample 0");
    cr_assert(dx[1] == 3 && dx[17] == 0 && dx[33] == 0 && dx[49] == 0, "sample 1");
}

/* A run that has diverged must not look healthy again behind the next layer. */
ParameterizedTestParameters(layers, a_nan_survives)
{
    return twin_rows(all_rows());
}

ParameterizedTest(size_t *row, layers, a_nan_survives, .timeout = 120)
{
    EACH_ISA {
        struct fixture f;
        bool found = false;
        setup(&f, *row, 0);
        /* the last pixel of the pad-th window, which somebody sees in every layer */
        size_t pixel = f.l.window ? f.l.window - 1 : 0;
        pixel += f.l.stride ? f.l.pad * (f.l.stride - 1) : 0;
        f.lx[pixel * (f.l.in.width + 1) * f.ld] = NAN;
        forward(&f);
        for (size_t j = 0; j < f.out; j++)
            found = found || isnan(f.ly[j * f.ld]);
        cr_assert(found, "%s", f.l.ops->name);
        teardown(&f);
    }
}

/* A convolution lowers more rows at a time the smaller the batch is. */
Test(layers, scratch_is_enough_for_smaller_batches)
{
    struct tsgd_layer l = {.ops = &tsgd_layer_conv, .name = "conv", .units = 16, .window = 5,
                           .in = {6, 12, 12}};
    size_t most = 0;
    cr_assert(use(0) && l.ops->shape(&l, NULL) == TSGD_OK);
    for (size_t ld = 16; ld <= 1024; ld += 16) {
        size_t n = l.ops->scratch(&l, &on, ld);
        cr_assert(n >= most, "%zu lanes need %zu, fewer %zu", ld, n, most);
        most = n;
    }
}

Test(layers, a_kernel_larger_than_its_input_is_refused)
{
    struct tsgd_error err;
    struct tsgd_layer l = {.ops = &tsgd_layer_conv, .name = "conv7", .units = 1, .window = 5,
                           .in = {1, 5, 4}};
    cr_assert(l.ops->shape(&l, &err) == TSGD_EINVAL);
    cr_assert(strstr(err.text, "conv7") && strstr(err.text, "1x5x4"), "%s", err.text);
}

Test(layers, a_pooling_window_larger_than_its_input_is_refused)
{
    struct tsgd_error err;
    struct tsgd_layer l = {.ops = &tsgd_layer_maxpool, .window = 3, .in = {1, 2, 3}};
    cr_assert(l.ops->shape(&l, &err) == TSGD_EINVAL);
    cr_assert(strstr(err.text, "2x3"), "%s", err.text);
}

Test(layers, an_averaging_window_larger_than_its_input_is_refused)
{
    struct tsgd_error err;
    struct tsgd_layer l = {.ops = &tsgd_layer_avgpool, .window = 3, .in = {1, 2, 3}};
    cr_assert(l.ops->shape(&l, &err) == TSGD_EINVAL);
    cr_assert(strstr(err.text, "window 3") && strstr(err.text, "2x3"), "%s", err.text);
}

Test(layers, a_depthwise_kernel_larger_than_its_input_is_refused)
{
    struct tsgd_error err;
    struct tsgd_layer l = {.ops = &tsgd_layer_dwconv, .name = "dw", .window = 5, .in = {3, 5, 4}};
    cr_assert(l.ops->shape(&l, &err) == TSGD_EINVAL);
    cr_assert(strstr(err.text, "dw") && strstr(err.text, "3x5x4"), "%s", err.text);
}

Test(layers, a_normalisation_of_nothing_is_refused)
{
    struct tsgd_error err;
    struct tsgd_layer l = {.ops = &tsgd_layer_layernorm, .name = "ln", .in = {3, 0, 4}};
    cr_assert(l.ops->shape(&l, &err) == TSGD_EINVAL);
    cr_assert(strstr(err.text, "ln") && strstr(err.text, "3x0x4"), "%s", err.text);
}

/* As torch.nn.LayerNorm has it: [C, H, W] for pictures, [C] behind a dense layer. */
Test(layers, a_layer_normalisation_has_a_weight_for_every_feature)
{
    struct tsgd_layer l = {.ops = &tsgd_layer_layernorm, .name = "ln", .in = {3, 2, 4}};
    cr_assert(l.ops->shape(&l, NULL) == TSGD_OK && l.n_tensors == 2 && l.params == 48);
    cr_assert(l.tensors[0].rank == 3 && l.tensors[0].extent[0] == 3 &&
              l.tensors[0].extent[1] == 2 && l.tensors[0].extent[2] == 4);
    struct tsgd_layer flat = {.ops = &tsgd_layer_layernorm, .name = "ln", .in = {7, 1, 1}};
    cr_assert(flat.ops->shape(&flat, NULL) == TSGD_OK && flat.params == 14);
    cr_assert(flat.tensors[1].rank == 1 && flat.tensors[1].extent[0] == 7);
}

Test(layers, channels_that_make_no_equal_groups_are_refused)
{
    struct tsgd_error err;
    struct tsgd_layer l = {.ops = &tsgd_layer_groupnorm, .name = "gn", .groups = 4,
                           .in = {6, 2, 2}};
    cr_assert(l.ops->shape(&l, &err) == TSGD_EINVAL);
    cr_assert(strstr(err.text, "6 channels"), "%s", err.text);
}

Test(layers, a_dense_layer_without_outputs_is_refused)
{
    struct tsgd_layer l = {.ops = &tsgd_layer_dense, .name = "fc", .in = {6, 2, 2}};
    cr_assert(l.ops->shape(&l, NULL) == TSGD_EINVAL);
}

static const struct {
    struct tsgd_shape in, from;
} apart[] = {
    {{2, 4, 4}, {2, 4, 8}}, {{2, 4, 4}, {2, 5, 8}}, {{2, 4, 4}, {2, 9, 8}}, {{2, 4, 4}, {4, 8, 8}},
    {{3, 4, 4}, {2, 8, 8}}, {{2, 4, 4}, {2, 2, 2}},
};

ParameterizedTestParameters(layers, shapes_that_cannot_be_added_are_refused)
{
    return twin_rows(sizeof apart / sizeof *apart);
}

ParameterizedTest(size_t *row, layers, shapes_that_cannot_be_added_are_refused)
{
    struct tsgd_error err;
    struct tsgd_shape f = apart[*row].from;
    struct tsgd_layer l = {.ops = &tsgd_layer_add, .skip = 1, .in = apart[*row].in, .from = f};
    char text[32];
    cr_assert(l.ops->shape(&l, &err) == TSGD_EINVAL, "%zu", *row);
    snprintf(text, sizeof text, "%ux%ux%u, cannot", f.channels, f.height, f.width);
    cr_assert(strstr(err.text, text), "%s", err.text);
}
