/* Winograd's convolutions and the direct ones against a naive one in double, and whether networks
 * use the one where they should.                                                                */
#include "sim/settings.h"
#include "telesgd.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* Those of VGG-11 and ResNet-20 with stride 1, sizes that tiles do not divide, numbers of channels
 * that vectors do not, and images of one tile and less. Channels are fewer where all is slow.   */
static const struct shape {
    size_t in, out, h, w, batch;
} shapes[] = {
    {64, 128, 16, 16, 32}, {128, 256, 8, 8, 32}, {256, 256, 8, 8, 32}, {256, 512, 4, 4, 32},
    {512, 512, 4, 4, 32}, {512, 512, 2, 2, 32}, {16, 16, 32, 32, 32}, {32, 32, 16, 16, 32},
    {64, 64, 8, 8, 32}, {64, 64, 8, 8, 3}, {512, 512, 2, 2, 1}, {512, 512, 4, 4, 3},
    {16, 16, 5, 5, 1}, {20, 17, 5, 5, 3}, {33, 50, 7, 7, 32}, {16, 31, 7, 7, 1},
    {24, 40, 6, 10, 3}, {48, 16, 6, 10, 32}, {17, 23, 2, 2, 3}, {70, 90, 2, 2, 32},
    {16, 16, 3, 3, 5}, {19, 16, 1, 9, 17}, {65, 66, 9, 4, 40}, {3, 5, 13, 11, 48},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

struct fixture {
    struct tsgd_conv d;
    size_t batch, weights, in, out;         /* in, out: features */
    float *w, *bias, *x, *dy;               /* x, dy: lanes beyond the batch hold 7, and 0 */
    double *y2, *dx2, *dw2;
};

/* y2, dx2 [features][ld] and dw2, from the definition. */
static void naive(struct fixture *f)
{
    const struct tsgd_conv *d = &f->d;
    for (size_t o = 0; o < d->out_c; o++) {
        for (size_t j = 0; j < d->out_h * d->out_w * d->ld; j++)
            f->y2[o * d->out_h * d->out_w * d->ld + j] = (double)f->bias[o];
        for (size_t c = 0; c < d->in_c; c++)
            for (size_t p = 0; p < 3; p++)
                for (size_t q = 0; q < 3; q++)
                    for (size_t i = 0; i < d->out_h; i++)
                        for (size_t j = 0; j < d->out_w; j++) {
                            size_t k = (o * d->in_c + c) * 9 + p * 3 + q;
                            size_t row = i + p - 1, column = j + q - 1;
                            size_t to = ((o * d->out_h + i) * d->out_w + j) * d->ld;
                            size_t from = ((c * d->in_h + row) * d->in_w + column) * d->ld;
                            if (row >= d->in_h || column >= d->in_w)
                                continue;
                            double w = (double)f->w[k], sum = 0;
                            for (size_t s = 0; s < f->batch; s++) {
                                double x = (double)f->x[from + s], g = (double)f->dy[to + s];
                                f->y2[to + s] += w * x;
                                f->dx2[from + s] += w * g;
                                sum += g * x;
                            }
                            f->dw2[k] += sum;
                        }
    }
}

static void setup(struct fixture *f, size_t row)
{
    struct shape s = shapes[row];
    size_t fewer = TWIN_SLOW && s.in >= 64 ? s.in / 32 : 1, ld = tsgd_net_ld(s.batch);
    struct tsgd_rng rng = tsgd_rng(5, TSGD_RNG_TEST, (uint32_t)row, 0);
    s.in /= fewer;
    s.out /= fewer;
    *f = (struct fixture){
        .d = {s.in, s.h, s.w, s.out, s.h, s.w, 3, 1, 1, ld},
        .batch = s.batch, .weights = s.in * s.out * 9, .in = s.in * s.h * s.w,
        .out = s.out * s.h * s.w,
    };
    float *x = twin_floats(s.batch * f->in), *dy = twin_floats(s.batch * f->out);
    f->w = twin_floats(f->weights);
    f->bias = twin_floats(s.out);
    f->x = twin_floats(f->in * ld);
    f->dy = twin_floats(f->out * ld);
    f->y2 = twin_doubles(f->out * ld);
    f->dx2 = twin_doubles(f->in * ld);
    f->dw2 = twin_doubles(f->weights);
    twin_random(&rng, f->w, f->weights);
    twin_random(&rng, f->bias, s.out);
    twin_random(&rng, x, s.batch * f->in);
    twin_random(&rng, dy, s.batch * f->out);
    twin_lanes(x, s.batch, f->in, ld, 7, f->x);
    twin_lanes(dy, s.batch, f->out, ld, 0, f->dy);
    naive(f);
}

/* The largest error among the samples of every feature, in units of the root mean square. */
static double error(const float *got, const double *want, size_t features, size_t ld, size_t batch)
{
    double most = 0, square = 0;
    for (size_t j = 0; j < features; j++)
        for (size_t s = 0; s < batch; s++) {
            double off = fabs((double)got[j * ld + s] - want[j * ld + s]);
            most = off > most || isnan(off) ? off : most;
            square += want[j * ld + s] * want[j * ld + s];
        }
    return most / sqrt(square / (double)(features * batch));
}

/* What a pass of each kind gave. */
struct passes {
    float *y, *dx, *dw, *scratch;
};

/* The scratch holds NaN before each pass, and what follows it must be there still. */
static void spoil(float *scratch, size_t n)
{
    for (size_t j = 0; j < n; j++)
        scratch[j] = NAN;
    scratch[n] = 3;
}

static struct passes run(const struct fixture *f, const struct tsgd_kernels *k, bool direct)
{
    const struct tsgd_conv *d = &f->d;
    size_t one = (direct ? k->conv_scratch : k->wino_scratch)(d);
    size_t other = (direct ? k->conv_weight_scratch : k->wino_weight_scratch)(d);
    struct passes p = {
        twin_floats(f->out * d->ld), twin_floats(f->in * d->ld), twin_floats(f->weights + 1),
        twin_floats((one > other ? one : other) + 1)
    };
    p.dw[f->weights] = 3;
    spoil(p.scratch, one);
    (direct ? k->conv_forward : k->wino_forward)(d, f->w, f->bias, f->x, p.y, p.scratch);
    cr_assert(p.scratch[one] == 3, "forward, after its scratch");
    spoil(p.scratch, one);
    (direct ? k->conv_input_gradient : k->wino_input_gradient)(d, f->w, f->dy, p.dx, p.scratch);
    cr_assert(p.scratch[one] == 3, "input gradient, after its scratch");
    spoil(p.scratch, other);
    if (direct)
        k->conv_weight_gradient(d, f->x, f->dy, p.dw, NULL, p.scratch);
    else
        k->wino_weight_gradient(d, f->x, f->dy, p.dw, p.scratch);
    cr_assert(p.scratch[other] == 3, "weight gradient, after its scratch");
    cr_assert(p.dw[f->weights] == 3, "after dw");
    return p;
}

ParameterizedTestParameters(wino, errors_stay_below_a_ten_thousandth)
{
    return twin_rows(SHAPES);
}

ParameterizedTest(size_t *row, wino, errors_stay_below_a_ten_thousandth, .timeout = 120)
{
    const struct tsgd_kernels *k;
    struct fixture f;
    setup(&f, *row);
    const struct tsgd_conv *d = &f.d;
    for (size_t isa = 0; (k = tsgd_isa_table(isa)) != NULL; isa++)
        for (int direct = 0; direct < 2; direct++) {
            struct passes p = run(&f, k, direct);
            double most = direct ? 5e-5 : 1e-4;
            double y = error(p.y, f.y2, f.out, d->ld, f.batch);
            double dx = error(p.dx, f.dx2, f.in, d->ld, f.batch);
            double dw = error(p.dw, f.dw2, f.weights, 1, 1);
            cr_expect(y < most && dx < most && dw < most, "%zu to %zu channels of %zux%zu, batch "
                      "%zu, %s, %s: forward %g, input gradient %g, weight gradient %g of the rms",
                      d->in_c, d->out_c, d->in_h, d->in_w, f.batch, k->isa,
                      direct ? "direct" : "Winograd", y, dx, dw);
        }
}

/* Where multiply-adds are rounded once. */
ParameterizedTestParameters(wino, bits_are_the_same_on_every_instruction_set)
{
    return twin_rows(SHAPES);
}

ParameterizedTest(size_t *row, wino, bits_are_the_same_on_every_instruction_set, .timeout = 120)
{
    const struct tsgd_kernels *k;
    struct fixture f;
    struct passes first = {.y = NULL};
    setup(&f, *row);
    for (size_t isa = 0; (k = tsgd_isa_table(isa)) != NULL; isa++) {
        struct passes p;
        if (!k->fused)
            continue;
        p = run(&f, k, false);
        if (!first.y)
            first = p;
        cr_expect(!memcmp(p.y, first.y, f.out * f.d.ld * sizeof *p.y), "%s: forward", k->isa);
        cr_expect(!memcmp(p.dx, first.dx, f.in * f.d.ld * sizeof *p.dx), "%s: input gradient",
                  k->isa);
        cr_expect(!memcmp(p.dw, first.dw, f.weights * sizeof *p.dw), "%s: weight gradient", k->isa);
    }
}

/* Whether a layer of a network gives other bits than the direct kernels. */
static bool differs(const struct shape *s, uint32_t window, uint32_t stride, uint32_t pad)
{
    struct tsgd_layer l = {
        .ops = &tsgd_layer_conv, .name = "conv", .units = (uint32_t)s->out, .window = window,
        .stride = stride, .pad = pad,
        .in = {(uint32_t)s->in, (uint32_t)s->h, (uint32_t)s->w},
    };
    struct tsgd_rng rng = tsgd_rng(6, TSGD_RNG_TEST, 0, 0);
    size_t ld = tsgd_net_ld(s->batch), n, in;
    float *y[2];
    cr_assert(l.ops->shape(&l, NULL) == TSGD_OK);
    n = tsgd_shape_size(l.out) * ld;
    in = tsgd_shape_size(l.in) * ld;
    float *w = twin_floats(l.params), *x = twin_floats(in);
    twin_random(&rng, w, l.params);
    twin_random(&rng, x, in);
    for (int direct = 0; direct < 2; direct++) {
        struct tsgd_backend on = twin_on(NULL);
        on.direct = direct;
        y[direct] = twin_floats(n);
        l.ops->forward(&l, &(struct tsgd_layer_call){
            .on = &on, .ld = ld, .w = w, .x = x, .y = y[direct],
            .scratch = twin_floats(l.ops->scratch(&l, &on, ld)),
        });
    }
    return memcmp(y[0], y[1], n * sizeof(float)) != 0;
}

Test(wino, serves_layers_of_3x3_kernels_with_many_channels_and_pixels, .timeout = 60)
{
    cr_expect(differs(&(struct shape){16, 16, 4, 4, 16}, 3, 1, 1));
    cr_expect(differs(&(struct shape){16, 20, 2, 2, 16}, 3, 1, 1));
    cr_expect(differs(&(struct shape){16, 16, 7, 6, 16}, 3, 1, 1));
}

Test(wino, leaves_all_other_layers_to_the_direct_kernels, .timeout = 60)
{
    cr_expect(!differs(&(struct shape){16, 16, 8, 8, 16}, 3, 2, 1), "stride 2");
    cr_expect(!differs(&(struct shape){16, 16, 8, 8, 16}, 3, 1, 0), "no padding");
    cr_expect(!differs(&(struct shape){16, 16, 8, 8, 16}, 5, 1, 1), "5x5 kernels");
    cr_expect(!differs(&(struct shape){3, 64, 8, 8, 16}, 3, 1, 1), "3 channels");
    cr_expect(!differs(&(struct shape){64, 15, 8, 8, 16}, 3, 1, 1), "to 15 channels");
    cr_expect(!differs(&(struct shape){16, 16, 5, 5, 16}, 3, 1, 1), "5x5 pixels");
    cr_expect(!differs(&(struct shape){16, 16, 1, 16, 16}, 3, 1, 1), "a row of pixels");
}

/* Of ResNet-20 on images of 8x8, 4x4 and 2x2. */
static uint64_t trained(const char *conv, int parts, int threads, double *accuracy)
{
    struct tsgd_error err;
    struct tsgd_run *run;
    struct tsgd_summary end;
    const struct tsgd_settings *s = settings_of("model=resnet20 data=digits nodes=4 active=2 "
                                                "rounds=%d lr=0.1 conv=%s step-parts=%d threads=%d",
                                                TWIN_SLOW ? 2 : 20, conv, parts, threads);
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_train(run, NULL, NULL, &end, &err) == TSGD_OK, "%s", err.text);
    tsgd_run_free(run);
    *accuracy = end.last.test_accuracy;
    return end.last.state_hash;
}

Test(wino, the_setting_keeps_the_direct_kernels, .timeout = 240)
{
    double with, without;
    cr_expect(trained("auto", 1, 1, &with) != trained("direct", 1, 1, &without));
    cr_expect(fabs(with - without) < 0.05, "accuracy %g, directly %g", with, without);
}

Test(wino, threads_that_share_a_step_change_no_bit, .timeout = 240)
{
    double same;
    for (int parts = 1; parts <= 2; parts++)
        cr_expect(trained("auto", parts, 1, &same) == trained("auto", parts, 4, &same), "%d parts",
                  parts);
}

/* Scratch for some lanes serves fewer. */
Test(wino, scratch_is_enough_for_smaller_batches)
{
    const struct tsgd_kernels *k;
    for (size_t isa = 0; (k = tsgd_isa_table(isa)) != NULL; isa++)
        for (size_t i = 0; i < SHAPES; i++) {
            size_t most[2] = {0};
            for (size_t ld = 16; ld <= 512; ld += 16) {
                const struct shape *s = &shapes[i];
                struct tsgd_conv d = {s->in, s->h, s->w, s->out, s->h, s->w, 3, 1, 1, ld};
                size_t n[2] = {k->wino_scratch(&d), k->wino_weight_scratch(&d)};
                cr_assert(n[0] >= most[0] && n[1] >= most[1], "%s, %zu lanes", k->isa, ld);
                most[0] = n[0];
                most[1] = n[1];
            }
        }
}
