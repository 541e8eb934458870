/* Convolutions: forward, the gradients of input, weights and biases, those with pooling, and
 * depthwise ones.                                                                                */
#include "sim/guard.h"
#include "sim/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__aarch64__)
enum { SLOW = 1 };              /* the last being emulated */
#else
enum { SLOW = 0 };
#endif

/* Shapes for which the kernels go other ways than for small ones: in_c, in_h, in_w, out_c, window,
 * stride, pad, ld.                                                                              */
static const struct tsgd_conv special[] = {
#define SHAPE(c, h, w, o, k, s, p, l) {.in_c = c, .in_h = h, .in_w = w, .out_c = o, .window = k, \
                                       .stride = s, .pad = p, .ld = l},
    /* more than 32 runs of pixels with taps of their own */
    SHAPE(1, 3, 48, 2, 15, 1, 14, 16)
    SHAPE(1, 15, 50, 1, 15, 2, 14, 16)
    SHAPE(2, 15, 64, 1, 15, 3, 14, 16)
    /* planes that compete, in the weight gradient */
    SHAPE(5, 8, 8, 17, 3, 1, 1, 16)
    SHAPE(23, 8, 8, 9, 2, 2, 0, 32)
    SHAPE(13, 4, 16, 33, 5, 1, 2, 16)
    SHAPE(9, 8, 8, 8, 5, 1, 4, 48)
    SHAPE(6, 16, 16, 65, 1, 3, 0, 16)
    SHAPE(17, 32, 8, 12, 7, 3, 6, 16)
    /* a source whose rows are copied apart: forward, backward */
    SHAPE(17, 16, 16, 2, 3, 1, 1, 64)
    SHAPE(2, 16, 16, 17, 3, 1, 1, 64)
    SHAPE(20, 32, 32, 3, 2, 2, 0, 16)
    /* many weights, chunk by chunk */
    SHAPE(128, 2, 2, 129, 3, 1, 1, 16)
    SHAPE(130, 3, 2, 128, 3, 2, 1, 16)
    /* many weights, row by row: forward, backward, and backward with rows copied apart */
    SHAPE(128, 12, 12, 121, 3, 3, 1, 16)
    SHAPE(65, 3, 3, 2048, 1, 1, 0, 16)
    SHAPE(65, 8, 8, 257, 3, 1, 1, 16)
#undef SHAPE
};
enum { N_SPECIAL = sizeof special / sizeof *special, FEW_SPECIAL = N_SPECIAL - 3,
       BUDGET = SLOW ? 1000000 : 4000000, TRIALS = SLOW ? 150 : 500 };

static size_t extent(size_t in, const struct tsgd_conv *d)
{
    return in + 2 * d->pad < d->window ? 0 : (in + 2 * d->pad - d->window) / d->stride + 1;
}

static void fit(struct tsgd_conv *d)
{
    d->out_h = extent(d->in_h, d);
    d->out_w = extent(d->in_w, d);
}

static struct tsgd_conv draw(uint32_t *r)
{
    static const size_t windows[] = {1, 2, 3, 5, 7};
    struct tsgd_conv d;
    size_t cost;
    do {
        d.window = windows[kernels_draw(r, 5)];
        d.stride = 1 + kernels_draw(r, 3);
        d.pad = kernels_draw(r, 2) ? kernels_draw(r, (uint32_t)d.window) : 0;
        d.in_c = 1 + kernels_draw(r, kernels_draw(r, 2) ? 40 : 7);
        d.out_c = 1 + kernels_draw(r, 70);
        d.in_h = 1 + kernels_draw(r, 12);
        d.in_w = 1 + kernels_draw(r, 12);
        d.ld = 16 * (1 + kernels_draw(r, kernels_draw(r, 2) ? 17 : 3));
        fit(&d);
        cost = d.in_c * d.out_c * d.window * d.window * d.out_h * d.out_w * d.ld;
    } while (cost == 0 || cost > BUDGET);
    return d;
}

/* Arguments and right answers; p: of the pooled form. */
struct trial {
    struct tsgd_conv d;
    bool depthwise;             /* out_c = in_c, and each channel of y sees its own of x */
    size_t n_x, n_w, n_y, n_p;
    float *x, *w, *bias, *dy, *dp;
    float *y, *dx, *dw, *dbias, *p_y, *p_dy, *p_dw, *p_dbias;
};

/* Calls f for every tap of every pixel that meets the input, not padding: where ld numbers of y and
 * of x stand, and the weight.                                                                    */
static void each_tap(const struct tsgd_conv *d, struct trial *t,
                     void (*f)(struct trial *t, size_t y, size_t x, size_t w))
{
    for (size_t o = 0; o < d->out_c; o++)
        for (size_t i = 0; i < d->out_h; i++)
            for (size_t j = 0; j < d->out_w; j++)
                for (size_t c = t->depthwise ? o : 0; c < (t->depthwise ? o + 1 : d->in_c); c++)
                    for (size_t p = 0; p < d->window; p++)
                        for (size_t q = 0; q < d->window; q++) {
                            size_t row = i * d->stride + p, column = j * d->stride + q;
                            if (row < d->pad || row - d->pad >= d->in_h || column < d->pad ||
                                column - d->pad >= d->in_w)
                                continue;
                            f(t, ((o * d->out_h + i) * d->out_w + j) * d->ld,
                              ((c * d->in_h + row - d->pad) * d->in_w + column - d->pad) * d->ld,
                              ((t->depthwise ? o : o * d->in_c + c) * d->window + p) * d->window +
                              q);
                        }
}

static void add_forward(struct trial *t, size_t y, size_t x, size_t w)
{
    for (size_t s = 0; s < t->d.ld; s++)
        t->y[y + s] += t->w[w] * t->x[x + s];
}

static void add_input(struct trial *t, size_t y, size_t x, size_t w)
{
    for (size_t s = 0; s < t->d.ld; s++)
        t->dx[x + s] += t->w[w] * t->dy[y + s];
}

static float dot(const float *a, const float *b, size_t n)
{
    int32_t sum = 0;            /* whose additions the compiler may reorder */
    for (size_t s = 0; s < n; s++)
        sum += (int32_t)(a[s] * b[s]);
    return (float)sum;
}

static void add_weights(struct trial *t, size_t y, size_t x, size_t w)
{
    t->dw[w] += dot(t->dy + y, t->x + x, t->d.ld);
}

static void add_pooled_weights(struct trial *t, size_t y, size_t x, size_t w)
{
    t->p_dw[w] += dot(t->p_dy + y, t->x + x, t->d.ld);
}

static void add_biases(const struct tsgd_conv *d, const float *dy, float *dbias)
{
    size_t plane = d->out_h * d->out_w * d->ld;
    for (size_t at = 0; at < d->out_c * plane; at++)
        dbias[at / plane] += dy[at];
}

/* ReLU, then the largest of every square; its gradient goes to the first of equals. */
static void pool(struct trial *t)
{
    const struct tsgd_conv *d = &t->d;
    size_t high = d->out_h / 2, wide = d->out_w / 2;
    for (size_t at = 0; at < t->n_p; at++) {
        size_t s = at % d->ld, j = at / d->ld % wide, i = at / d->ld / wide % high;
        size_t o = at / d->ld / wide / high, best = 0;
        for (size_t k = 0; k < 4; k++) {
            size_t y = ((o * d->out_h + 2 * i + k / 2) * d->out_w + 2 * j + k % 2) * d->ld + s;
            if (k == 0 || t->y[y] > t->y[best])
                best = y;
        }
        t->p_y[at] = t->y[best] > 0 ? t->y[best] : 0;
        if (t->y[best] > 0)
            t->p_dy[best] = t->dp[at];
    }
}

/* Also with more padding than a kernel is wide, and with more runs of taps of their own than a
 * convolution lists at a time.                                                                   */
static struct tsgd_conv draw_depthwise(uint32_t number, uint32_t *r)
{
    struct tsgd_conv d = number < 3 ? special[number] : draw(r);
    d.out_c = d.in_c;
    d.pad += kernels_draw(r, 2) ? kernels_draw(r, 3) : 0;
    return d;
}

static void setup(struct trial *t, uint32_t number, bool depthwise)
{
    uint32_t r = kernels_seed(number);
    struct tsgd_conv *d = &t->d;
    t->depthwise = depthwise;
    t->d = depthwise ? draw_depthwise(number, &r) : number < N_SPECIAL ? special[number] : draw(&r);
    fit(d);
    t->n_x = d->in_c * d->in_h * d->in_w * d->ld;
    t->n_w = d->out_c * (depthwise ? 1 : d->in_c) * d->window * d->window;
    t->n_y = d->out_c * d->out_h * d->out_w * d->ld;
    t->n_p = d->pad || depthwise ? 0 : d->out_c * (d->out_h / 2) * (d->out_w / 2) * d->ld;
    t->x = kernels_integers(&r, t->n_x);
    t->w = kernels_integers(&r, t->n_w);
    t->bias = kernels_draw(&r, 2) || t->n_p ? kernels_integers(&r, d->out_c) : NULL;
    t->dy = kernels_integers(&r, t->n_y);
    t->dp = kernels_integers(&r, t->n_p);
    t->y = kernels_zeros(t->n_y, sizeof(float));
    t->dx = kernels_zeros(t->n_x, sizeof(float));
    t->dw = kernels_zeros(t->n_w, sizeof(float));
    t->dbias = kernels_zeros(d->out_c, sizeof(float));
    t->p_y = kernels_zeros(t->n_p, sizeof(float));
    t->p_dy = kernels_zeros(t->n_y, sizeof(float));
    t->p_dw = kernels_zeros(t->n_w, sizeof(float));
    t->p_dbias = kernels_zeros(d->out_c, sizeof(float));
    for (size_t at = 0; t->bias && at < t->n_y; at++)
        t->y[at] = t->bias[at / (t->n_y / d->out_c)];
    each_tap(d, t, add_forward);
    each_tap(d, t, add_input);
    each_tap(d, t, add_weights);
    add_biases(d, t->dy, t->dbias);
    if (t->n_p) {
        pool(t);
        each_tap(d, t, add_pooled_weights);
        add_biases(d, t->p_dy, t->p_dbias);
    }
}

static void teardown(struct trial *t)
{
    free(t->x), free(t->w), free(t->bias), free(t->dy), free(t->dp), free(t->y), free(t->dx);
    free(t->dw), free(t->dbias), free(t->p_y), free(t->p_dy), free(t->p_dw), free(t->p_dbias);
}

static void *outputs(struct guard *g, size_t floats, size_t align)
{
    return guard_new(g, floats * sizeof(float), align);
}

/* The kernels without pooling. */
static bool plain(const struct tsgd_kernels *k, const struct trial *t, struct guard *g, char *text)
{
    const struct tsgd_conv *d = &t->d;
    float *x = guard_copy(g, t->x, t->n_x * sizeof(float), 64);
    float *w = guard_copy(g, t->w, t->n_w * sizeof(float), 4);
    float *bias = guard_copy(g, t->bias, d->out_c * sizeof(float), 4);
    float *dy = guard_copy(g, t->dy, t->n_y * sizeof(float), 64);
    float *y = outputs(g, t->n_y, 64), *dx = outputs(g, t->n_x, 64), *dw = outputs(g, t->n_w, 4);
    float *dbias = t->bias ? outputs(g, d->out_c, 4) : NULL;
    size_t scratch = k->conv_scratch(d), weight_scratch = k->conv_weight_scratch(d);
    if (t->depthwise) {
        k->dwconv_forward(d, w, bias, x, y);
        k->dwconv_input_gradient(d, w, dy, dx);
        k->dwconv_weight_gradient(d, x, dy, dw, dbias, outputs(g, k->dwconv_scratch(d), 64));
    } else {
        k->conv_forward(d, w, bias, x, y, outputs(g, scratch, 64));
        k->conv_input_gradient(d, w, dy, dx, outputs(g, scratch, 64));
        k->conv_weight_gradient(d, x, dy, dw, dbias, outputs(g, weight_scratch, 64));
    }
    return kernels_equal("y", y, t->y, t->n_y, text) &&
           kernels_equal("dx", dx, t->dx, t->n_x, text) &&
           kernels_equal("dw", dw, t->dw, t->n_w, text) &&
           (!dbias || kernels_equal("dbias", dbias, t->dbias, d->out_c, text));
}

/* The gradient of the input from the pooled one must be that of the whole one, bit for bit. */
static bool pooled_input(const struct tsgd_kernels *k, const struct trial *t, struct guard *g,
                         const float *dp, const uint16_t *won, const float *dy, char *text)
{
    const struct tsgd_conv *d = &t->d;
    float *w = guard_copy(g, t->w, t->n_w * sizeof(float), 4);
    float *dx = outputs(g, t->n_x, 64), *same = outputs(g, t->n_x, 64);
    size_t scratch = k->conv_scratch(d);
    if (!k->conv_pooled_input_gradient(d, w, dp, won, dx, outputs(g, t->n_y + scratch, 64)))
        return true;
    k->conv_input_gradient(d, w, dy, same, outputs(g, scratch, 64));
    if (memcmp(dx, same, t->n_x * sizeof *dx) == 0)
        return true;
    snprintf(text, KERNELS_TEXT, "pooled dx differs from the one of the unpooled gradient");
    return false;
}

static bool pooled(const struct tsgd_kernels *k, const struct trial *t, struct guard *g, char *text)
{
    const struct tsgd_conv *d = &t->d;
    float *x = guard_copy(g, t->x, t->n_x * sizeof(float), 64);
    float *w = guard_copy(g, t->w, t->n_w * sizeof(float), 4);
    float *bias = guard_copy(g, t->bias, d->out_c * sizeof(float), 4);
    float *dp = guard_copy(g, t->dp, t->n_p * sizeof(float), 64);
    float *y = outputs(g, t->n_p, 64), *dy = outputs(g, t->n_y, 64), *dw = outputs(g, t->n_w, 4);
    float *dbias = outputs(g, d->out_c, 4), *dbias_too = outputs(g, d->out_c, 4);
    uint16_t *won = guard_new(g, t->n_p * sizeof *won, 64);
    size_t scratch = k->conv_weight_scratch(d);
    k->conv_relu_pool(d, w, bias, x, y, won);
    k->conv_unpool(d, dp, won, dy, dbias);
    bool done = k->conv_pooled_gradient(d, x, dp, won, dw, dbias_too, outputs(g, scratch, 64));
    return kernels_equal("pooled y", y, t->p_y, t->n_p, text) &&
           kernels_equal("unpooled dy", dy, t->p_dy, t->n_y, text) &&
           kernels_equal("pooled dbias", dbias, t->p_dbias, d->out_c, text) &&
           (!done || (kernels_equal("pooled dw", dw, t->p_dw, t->n_w, text) &&
                      kernels_equal("its dbias", dbias_too, t->p_dbias, d->out_c, text))) &&
           pooled_input(k, t, g, dp, won, dy, text);
}

static bool everywhere(uint32_t number, bool depthwise, char text[KERNELS_TEXT])
{
    struct trial t;
    const struct tsgd_kernels *k;
    bool good = true;
    setup(&t, number, depthwise);
    for (size_t i = 0; good && (k = tsgd_isa_table(i)); i++)
        for (int end = 0; good && end < 2; end++) {
            struct guard g = {.at_end = end}, h = {.at_end = end};
            good = plain(k, &t, &g, text) && (t.n_p == 0 || pooled(k, &t, &h, text));
            bool inside = guard_release(&g);
            inside &= guard_release(&h);
            if (!inside && good) {
                snprintf(text, KERNELS_TEXT, "written outside an array");
                good = false;
            }
            if (!good)
                snprintf(text + strlen(text), KERNELS_TEXT - strlen(text), "; %s, %zux%zux%zu to "
                         "%zu by %zux%zu, stride %zu, pad %zu, ld %zu", k->isa, t.d.in_c, t.d.in_h,
                         t.d.in_w, t.d.out_c, t.d.window, t.d.window, t.d.stride, t.d.pad, t.d.ld);
        }
    teardown(&t);
    return good;
}

static bool conv(uint32_t number, char text[KERNELS_TEXT])
{
    bool skip = SLOW && number >= FEW_SPECIAL && number < N_SPECIAL;
    return skip || everywhere(number, false, text);
}

static bool dwconv(uint32_t number, char text[KERNELS_TEXT])
{
    return everywhere(number, true, text);
}

const struct kernels_check kernels_conv[] = {
    {"conv", N_SPECIAL + TRIALS, conv}, {"dwconv", TRIALS / 2, dwconv}, {0},
};
