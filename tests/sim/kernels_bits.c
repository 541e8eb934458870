/* One function for each row of simd/list.h, bits_NAME: without it a new kernel does not compile
 * here.                                                                                         */
#include "sim/kernels.h"

#include "linalg/mix.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One trial of one kernel: what it draws, the arrays it has, and the digest of what came out. */
struct call {
    const struct tsgd_kernels *k;
    uint32_t trial;
    uint64_t digest;
    void *array[24];
    size_t n;
};

/* A number below `below` for one letter and index of a trial: not of a sequence, because compilers
 * call the arguments of a call, and what fills a struct, in different orders.                   */
static uint32_t drawn(uint32_t trial, char letter, uint32_t i, uint32_t below)
{
    uint32_t x = trial * 0x9e3779b1u + (uint32_t)letter * 0x85ebca77u + i * 0xc2b2ae3du;
    for (int round = 0; round < 3; round++) {
        x = (x ^ x >> 16) * 0x7feb352du;
        x = (x ^ x >> 15) * 0x846ca68bu;
    }
    return (uint32_t)((uint64_t)(x ^ x >> 16) * below >> 32);
}

static uint32_t draw(const struct call *c, char letter, uint32_t below)
{
    return drawn(c->trial, letter, UINT32_MAX, below);
}

/* An array on a cache line, of which every byte is 0x55. */
static void *room(struct call *c, size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);
    assert(c->n < sizeof c->array / sizeof *c->array);
    if (!p)
        abort();
    memset(p, 0x55, (bytes + 127) / 64 * 64);
    return c->array[c->n++] = p;
}

static float *floats(struct call *c, size_t n) { return room(c, n * sizeof(float)); }
static double *doubles(struct call *c, size_t n) { return room(c, n * sizeof(double)); }

/* Numbers whose sums are rounded: in [-1, 1), of different sizes. */
static float *noise(struct call *c, char letter, size_t n)
{
    float *x = floats(c, n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t word = drawn(c->trial, letter, i, UINT32_MAX);
        x[i] = (float)((int32_t)(word >> 8) - (1 << 23)) * 0x1p-23f * (word & 3 ? 1 : 1e-3f);
    }
    return x;
}

static double *wide_noise(struct call *c, char letter, size_t n)
{
    double *x = doubles(c, n);
    for (uint32_t i = 0; i < n; i++)
        x[i] = ((double)drawn(c->trial, letter, 2 * i, UINT32_MAX) - 0x1p31) * 0x1p-31 +
               (double)drawn(c->trial, letter, 2 * i + 1, UINT32_MAX) * 0x1p-64;
    return x;
}

/* FNV-1a of the bytes of n numbers. */
static void look(struct call *c, const void *p, size_t bytes)
{
    const unsigned char *byte = p;
    for (size_t i = 0; i < bytes; i++)
        c->digest = (c->digest ^ byte[i]) * 0x100000001b3u;
}

static void look_floats(struct call *c, const float *x, size_t n) { look(c, x, n * sizeof *x); }
static void look_doubles(struct call *c, const double *x, size_t n) { look(c, x, n * sizeof *x); }
static void look_double(struct call *c, double x) { look(c, &x, sizeof x); }

static size_t lanes(struct call *c) { return 16 * (1 + draw(c, 'l', 5)); }

/* What such a kernel returns is a size, which is the instruction set's own. */
#define A_SIZE(name) static void bits_##name(struct call *c) { (void)c; }
A_SIZE(conv_scratch) A_SIZE(conv_weight_scratch) A_SIZE(dwconv_scratch) A_SIZE(gemm_panel)
A_SIZE(wino_scratch) A_SIZE(wino_weight_scratch)

/* ---- rows of parameters ---- */

static void bits_sgd(struct call *c)
{
    size_t n = 1 + draw(c, 'n', 300);
    float *x = noise(c, 'x', n), *m = noise(c, 'm', n), *g = noise(c, 'g', n);
    bool momentum = draw(c, 'o', 3);
    c->k->sgd(&(struct tsgd_update){x, momentum ? m : NULL, 0.05f, 0.9f, 0.001f,
                                    momentum && draw(c, 'a', 2)}, g, n);
    look_floats(c, x, n);
    look_floats(c, m, n);
}

static void bits_weigh(struct call *c)
{
    size_t n = 1 + draw(c, 'n', 300);
    float *sum = noise(c, 's', n);
    c->k->weigh(sum, noise(c, 'a', n), n, 0.3f, draw(c, 'b', 2));
    look_floats(c, sum, n);
}

static void bits_fold(struct call *c)
{
    size_t n = 1 + draw(c, 'n', 300);
    double *sum = wide_noise(c, 's', n);
    float *x = noise(c, 'x', n);
    look_double(c, c->k->fold(sum, x, noise(c, 'a', n), n));
    look_doubles(c, sum, n);
}

static void bits_fold_finish(struct call *c)
{
    size_t n = 1 + draw(c, 'n', 300);
    double *sum = wide_noise(c, 's', n);
    float *mean = floats(c, n);
    look_double(c, c->k->fold_finish(mean, sum, noise(c, 'a', n), n, 7));
    look_floats(c, mean, n);
}

static void bits_normals(struct call *c)
{
    size_t n = 1 + draw(c, 'n', 2000);
    float *out = floats(c, n);
    c->k->normals(draw(c, 'a', 1u << 31), 3, draw(c, 'b', 1u << 31), 9, draw(c, 'c', 1000), out, n);
    look_floats(c, out, n);
}

static void bits_decode(struct call *c)
{
    size_t n = 64 + draw(c, 'n', 200), ld = lanes(c);
    const struct tsgd_line line = {-0.25f, 0x1.01p-8f, 0x1.01p-17f, 0.2860406f, 2.832f};
    uint8_t *bytes = room(c, 16 * n);
    const uint8_t *from[16];
    float *x = floats(c, n * ld);
    for (size_t i = 0; i < 16 * n; i++)
        bytes[i] = (uint8_t)drawn(c->trial, 'b', (uint32_t)i, 256);
    for (size_t s = 0; s < 16; s++)
        from[s] = bytes + s * n;
    c->k->decode(from, n, &line, ld, x);
    look_floats(c, x, n * ld);
}

/* ---- gossip ---- */

enum { MOST_ROWS = 24 };

struct links {
    uint32_t ptr[MOST_ROWS + 1], col[MOST_ROWS * MOST_ROWS];
    float val[MOST_ROWS * MOST_ROWS];
    bool absent[MOST_ROWS];
};

static struct tsgd_mix matrix(struct call *c, struct links *l, size_t stride)
{
    struct tsgd_mix d = {.k = 1 + draw(c, 'k', MOST_ROWS), .ptr = l->ptr, .col = l->col,
                         .val = l->val, .stride = stride, .uniform = draw(c, 'u', 4) == 0};
    uint32_t n = 0, most = 1 + draw(c, 'm', d.k);
    d.absent = !d.uniform && draw(c, 'a', 3) == 0 ? l->absent : NULL;
    for (uint32_t a = 0; a < d.k; a++) {
        l->absent[a] = drawn(c->trial, 'b', a, 4) == 0;
        l->ptr[a] = n;
        for (uint32_t b = 0; b < d.k; b++)
            if (b == a || d.uniform || drawn(c->trial, 'c', a * d.k + b, d.k) < most) {
                l->col[n] = b;
                l->val[n] = d.uniform ? 1 / (float)d.k :
                            (float)(1 + drawn(c->trial, 'd', n, 99)) / 777;
                n++;
            }
    }
    l->ptr[d.k] = n;
    return d;
}

static void bits_mix_row(struct call *c)
{
    struct links l;
    size_t n = 16 * (1 + draw(c, 'n', 40));
    struct tsgd_mix d = matrix(c, &l, n);
    float *rows = noise(c, 'r', d.k * n), *out = floats(c, n);
    c->k->mix_row(&d, draw(c, 'a', d.k), rows, n, out, draw(c, 'b', 2));
    look_floats(c, out, n);
}

/* A ring or a line in every second trial, which have a way of their own. */
static void bits_mix_all(struct call *c)
{
    struct tsgd_entry entry[MOST_ROWS * MOST_ROWS];
    struct tsgd_csr w = TSGD_CSR_INIT;
    struct tsgd_holding holding = TSGD_HOLDING_INIT;
    struct tsgd_mix_plan plan;
    struct links l;
    size_t n = 16 * (1 + draw(c, 'n', 40)), stride = n + 16 * draw(c, 'p', 3), count = 0;
    struct tsgd_mix d = matrix(c, &l, stride);
    bool chain = d.k > 2 && draw(c, 'h', 2);
    for (uint32_t a = 0; a < d.k; a++)
        for (uint32_t i = l.ptr[a]; i < l.ptr[a + 1] && !chain; i++)
            entry[count++] = (struct tsgd_entry){a, l.col[i], l.val[i]};
    for (uint32_t a = 0; a < d.k && chain; a++) {
        uint32_t next = (a + 1) % d.k;
        entry[count++] = (struct tsgd_entry){a, a, 0.5f};
        if (next == 0 && draw(c, 'z', 2))
            break;
        entry[count++] = (struct tsgd_entry){a, next, (float)(1 + drawn(c->trial, 'f', a, 9)) / 40};
        entry[count++] = (struct tsgd_entry){next, a, (float)(1 + drawn(c->trial, 'g', a, 9)) / 40};
    }
    if (tsgd_csr_build(&w, d.k, entry, count, NULL) ||
        tsgd_mix_plan_init(&plan, &w, &holding, NULL))
        abort();
    float *rows = noise(c, 'r', d.k * stride), *scratch = floats(c, tsgd_mix_scratch(d.k));
    tsgd_mix_all(c->k, &plan, d.absent, rows, stride, 0, n, scratch);
    look_floats(c, rows, d.k * stride);
    tsgd_holding_release(&holding);
    tsgd_csr_release(&w);
}

/* ---- convolutions ---- */

static struct tsgd_conv fitted(struct tsgd_conv d)
{
    d.out_h = d.in_h + 2 * d.pad < d.window ? 0 : (d.in_h + 2 * d.pad - d.window) / d.stride + 1;
    d.out_w = d.in_w + 2 * d.pad < d.window ? 0 : (d.in_w + 2 * d.pad - d.window) / d.stride + 1;
    return d;
}

/* Layers of the networks first, then any. pooled: without padding, and with a square of output. */
static struct tsgd_conv shape(struct call *c, bool pooled)
{
    static const struct tsgd_conv known[] = {
#define SHAPE(i, h, w, o, k, s, p, l) {.in_c = i, .in_h = h, .in_w = w, .out_c = o, .window = k, \
                                       .stride = s, .pad = p, .ld = l},
        SHAPE(1, 14, 14, 6, 5, 1, 0, 32) SHAPE(6, 9, 9, 16, 5, 1, 0, 32)
        SHAPE(3, 8, 8, 16, 3, 1, 1, 32) SHAPE(16, 6, 6, 32, 3, 2, 1, 16)
        SHAPE(64, 2, 2, 128, 3, 1, 1, 16) SHAPE(130, 3, 3, 20, 3, 1, 1, 16)
#undef SHAPE
    };
    enum { N = sizeof known / sizeof *known, BUDGET = 600000 };
    static const size_t windows[] = {1, 2, 3, 5, 7};
    struct tsgd_conv d;
    size_t cost;
    uint32_t t = c->trial;
    if (t < N && !(pooled && known[t].pad))
        return fitted(known[t]);
    do {
        t += 1000;              /* another trial's numbers */
        d = (struct tsgd_conv){
            .window = windows[drawn(t, 'w', 0, 5)], .stride = 1 + drawn(t, 's', 0, 2),
            .in_c = 1 + drawn(t, 'i', 0, drawn(t, 'f', 0, 2) ? 40 : 7),
            .out_c = 1 + drawn(t, 'o', 0, drawn(t, 'g', 0, 2) ? 60 : 9),
            .in_h = 1 + drawn(t, 'y', 0, 12), .in_w = 1 + drawn(t, 'x', 0, 12),
            .ld = 16 * (1 + drawn(t, 'l', 0, 5)),
        };
        d.pad = pooled || drawn(t, 'q', 0, 2) ? 0 : drawn(t, 'p', 0, (uint32_t)d.window);
        d = fitted(d);
        cost = d.in_c * d.out_c * d.window * d.window * d.out_h * d.out_w * d.ld;
    } while (cost == 0 || cost > BUDGET || (pooled && (d.out_h < 2 || d.out_w < 2)));
    return d;
}

static size_t inputs(const struct tsgd_conv *d) { return d->in_c * d->in_h * d->in_w * d->ld; }
static size_t outputs(const struct tsgd_conv *d) { return d->out_c * d->out_h * d->out_w * d->ld; }

static size_t squares(const struct tsgd_conv *d)
{
    return d->out_c * (d->out_h / 2) * (d->out_w / 2) * d->ld;
}

static size_t weights(const struct tsgd_conv *d)
{
    return d->out_c * d->in_c * d->window * d->window;
}

static void bits_conv_forward(struct call *c)
{
    struct tsgd_conv d = shape(c, false);
    float *w = noise(c, 'w', weights(&d)), *bias = noise(c, 'b', d.out_c);
    float *x = noise(c, 'x', inputs(&d));
    float *y = floats(c, outputs(&d)), *scratch = floats(c, c->k->conv_scratch(&d));
    c->k->conv_forward(&d, w, draw(c, 'a', 2) ? bias : NULL, x, y, scratch);
    look_floats(c, y, outputs(&d));
}

static void bits_conv_input_gradient(struct call *c)
{
    struct tsgd_conv d = shape(c, false);
    float *w = noise(c, 'w', weights(&d)), *dy = noise(c, 'd', outputs(&d));
    float *dx = floats(c, inputs(&d));
    c->k->conv_input_gradient(&d, w, dy, dx, floats(c, c->k->conv_scratch(&d)));
    look_floats(c, dx, inputs(&d));
}

static void bits_conv_weight_gradient(struct call *c)
{
    struct tsgd_conv d = shape(c, false);
    float *x = noise(c, 'x', inputs(&d)), *dy = noise(c, 'd', outputs(&d));
    float *dw = floats(c, weights(&d));
    float *dbias = floats(c, d.out_c), *scratch = floats(c, c->k->conv_weight_scratch(&d));
    c->k->conv_weight_gradient(&d, x, dy, dw, dbias, scratch);
    look_floats(c, dw, weights(&d));
    look_floats(c, dbias, d.out_c);
}

/* Images of every size from a pixel up, and layers of the networks. */
static struct tsgd_conv small_window(struct call *c)
{
    static const uint16_t known[][4] = {{64, 4, 4, 64}, {32, 8, 8, 48}, {100, 2, 2, 70},
                                        {16, 12, 12, 16}};
    enum { N = sizeof known / sizeof *known };
    const uint16_t drew[4] = {(uint16_t)(1 + draw(c, 'i', 70)), (uint16_t)(1 + draw(c, 'y', 9)),
                              (uint16_t)(1 + draw(c, 'x', 9)), (uint16_t)(1 + draw(c, 'o', 40))};
    const uint16_t *s = c->trial < N ? known[c->trial] : drew;
    return fitted((struct tsgd_conv){.in_c = s[0], .in_h = s[1], .in_w = s[2], .out_c = s[3],
                                     .window = 3, .stride = 1, .pad = 1,
                                     .ld = 16 * (1 + draw(c, 'l', 3))});
}

static void bits_wino_forward(struct call *c)
{
    struct tsgd_conv d = small_window(c);
    float *w = noise(c, 'w', weights(&d)), *bias = noise(c, 'b', d.out_c);
    float *x = noise(c, 'x', inputs(&d)), *y = floats(c, outputs(&d));
    c->k->wino_forward(&d, w, draw(c, 'a', 2) ? bias : NULL, x, y,
                       floats(c, c->k->wino_scratch(&d)));
    look_floats(c, y, outputs(&d));
}

static void bits_wino_input_gradient(struct call *c)
{
    struct tsgd_conv d = small_window(c);
    float *w = noise(c, 'w', weights(&d)), *dy = noise(c, 'd', outputs(&d));
    float *dx = floats(c, inputs(&d));
    c->k->wino_input_gradient(&d, w, dy, dx, floats(c, c->k->wino_scratch(&d)));
    look_floats(c, dx, inputs(&d));
}

static void bits_wino_weight_gradient(struct call *c)
{
    struct tsgd_conv d = small_window(c);
    float *x = noise(c, 'x', inputs(&d)), *dy = noise(c, 'd', outputs(&d));
    float *dw = floats(c, weights(&d));
    c->k->wino_weight_gradient(&d, x, dy, dw, floats(c, c->k->wino_weight_scratch(&d)));
    look_floats(c, dw, weights(&d));
}

/* Which pixels won is written in a form of the instruction set's own: what conv_unpool makes of it
 * is looked at instead.                                                                         */
static uint16_t *pool(struct call *c, const struct tsgd_conv *d, const float *x, float *y)
{
    uint16_t *won = room(c, squares(d) * sizeof *won);
    float *w = noise(c, 'w', weights(d));
    c->k->conv_relu_pool(d, w, noise(c, 'a', d->out_c), x, y, won);
    return won;
}

static void bits_conv_relu_pool(struct call *c)
{
    struct tsgd_conv d = shape(c, true);
    float *y = floats(c, squares(&d));
    pool(c, &d, noise(c, 'a', inputs(&d)), y);
    look_floats(c, y, squares(&d));
}

static void bits_conv_unpool(struct call *c)
{
    struct tsgd_conv d = shape(c, true);
    float *y = floats(c, squares(&d)), *dp = noise(c, 'd', squares(&d));
    float *dy = floats(c, outputs(&d));
    float *dbias = floats(c, d.out_c);
    const uint16_t *won = pool(c, &d, noise(c, 'w', inputs(&d)), y);
    c->k->conv_unpool(&d, dp, won, dy, dbias);
    look_floats(c, dy, outputs(&d));
    look_floats(c, dbias, d.out_c);
}

/* Where an instruction set leaves it to the two other kernels, they must give the same. */
static void bits_conv_pooled_gradient(struct call *c)
{
    struct tsgd_conv d = shape(c, true);
    float *x = noise(c, 'x', inputs(&d)), *y = floats(c, squares(&d));
    float *dp = noise(c, 'd', squares(&d));
    float *dw = floats(c, weights(&d)), *dbias = floats(c, d.out_c);
    float *scratch = floats(c, c->k->conv_weight_scratch(&d));
    const uint16_t *won = pool(c, &d, x, y);
    if (!c->k->conv_pooled_gradient(&d, x, dp, won, dw, dbias, scratch)) {
        float *dy = floats(c, outputs(&d));
        c->k->conv_unpool(&d, dp, won, dy, dbias);
        c->k->conv_weight_gradient(&d, x, dy, dw, NULL, scratch);
    }
    look_floats(c, dw, weights(&d));
    look_floats(c, dbias, d.out_c);
}

static void bits_conv_pooled_input_gradient(struct call *c)
{
    struct tsgd_conv d = shape(c, true);
    float *x = noise(c, 'x', inputs(&d)), *y = floats(c, squares(&d));
    float *dp = noise(c, 'd', squares(&d)), *dx = floats(c, inputs(&d));
    float *w = noise(c, 'v', weights(&d)), *dy = floats(c, outputs(&d));
    float *scratch = floats(c, outputs(&d) + c->k->conv_scratch(&d));
    const uint16_t *won = pool(c, &d, x, y);
    if (!c->k->conv_pooled_input_gradient(&d, w, dp, won, dx, scratch)) {
        c->k->conv_unpool(&d, dp, won, dy, NULL);
        c->k->conv_input_gradient(&d, w, dy, dx, scratch);
    }
    look_floats(c, dx, inputs(&d));
}

static struct tsgd_conv depthwise(struct call *c)
{
    struct tsgd_conv d = shape(c, false);
    d.out_c = d.in_c;
    return d;
}

static size_t taps(const struct tsgd_conv *d) { return d->out_c * d->window * d->window; }

static void bits_dwconv_forward(struct call *c)
{
    struct tsgd_conv d = depthwise(c);
    float *w = noise(c, 'w', taps(&d)), *bias = noise(c, 'b', d.out_c);
    float *x = noise(c, 'x', inputs(&d));
    float *y = floats(c, outputs(&d));
    c->k->dwconv_forward(&d, w, bias, x, y);
    look_floats(c, y, outputs(&d));
}

static void bits_dwconv_input_gradient(struct call *c)
{
    struct tsgd_conv d = depthwise(c);
    float *w = noise(c, 'w', taps(&d)), *dy = noise(c, 'd', outputs(&d));
    float *dx = floats(c, inputs(&d));
    c->k->dwconv_input_gradient(&d, w, dy, dx);
    look_floats(c, dx, inputs(&d));
}

static void bits_dwconv_weight_gradient(struct call *c)
{
    struct tsgd_conv d = depthwise(c);
    float *x = noise(c, 'x', inputs(&d)), *dy = noise(c, 'd', outputs(&d));
    float *dw = floats(c, taps(&d));
    float *dbias = floats(c, d.out_c), *scratch = floats(c, c->k->dwconv_scratch(&d));
    c->k->dwconv_weight_gradient(&d, x, dy, dw, dbias, scratch);
    look_floats(c, dw, taps(&d));
    look_floats(c, dbias, d.out_c);
}

/* ---- normalisation ---- */

static size_t features(struct call *c) { return 1 + draw(c, 'a', draw(c, 'b', 2) ? 700 : 40); }

static void bits_layernorm_forward(struct call *c)
{
    size_t n = features(c), ld = lanes(c);
    float *w = noise(c, 'w', n), *b = noise(c, 'c', n), *x = noise(c, 'x', n * ld);
    float *y = floats(c, n * ld);
    float *keep = floats(c, 2 * ld);
    c->k->layernorm_forward(n, ld, w, b, x, y, keep);
    look_floats(c, y, n * ld);
    look_floats(c, keep, 2 * ld);
}

static void bits_layernorm_backward(struct call *c)
{
    size_t n = features(c), ld = lanes(c);
    float *w = noise(c, 'w', n), *x = noise(c, 'x', n * ld), *dy = noise(c, 'd', n * ld);
    float *keep = noise(c, 'k', 2 * ld);
    float *dw = floats(c, n), *db = floats(c, n), *dx = floats(c, n * ld);
    c->k->layernorm_backward(n, ld, w, x, dy, keep, dw, db, dx);
    look_floats(c, dx, n * ld);
    look_floats(c, dw, n);
    look_floats(c, db, n);
}

static struct tsgd_groupnorm grouped(struct call *c)
{
    return (struct tsgd_groupnorm){.groups = 1 + draw(c, 'g', 4), .per = 1 + draw(c, 'p', 4),
                                   .area = 1 + draw(c, 'a', 40), .relu = draw(c, 'r', 2),
                                   .ld = lanes(c)};
}

static void bits_groupnorm_forward(struct call *c)
{
    struct tsgd_groupnorm d = grouped(c);
    size_t channels = d.groups * d.per, n = channels * d.area * d.ld;
    float *w = noise(c, 'w', channels), *b = noise(c, 'b', channels), *x = noise(c, 'x', n);
    float *y = floats(c, n);
    float *keep = floats(c, 2 * d.groups * d.ld);
    c->k->groupnorm_forward(&d, w, b, x, y, keep);
    look_floats(c, y, n);
    look_floats(c, keep, 2 * d.groups * d.ld);
}

static void bits_groupnorm_backward(struct call *c)
{
    struct tsgd_groupnorm d = grouped(c);
    size_t channels = d.groups * d.per, n = channels * d.area * d.ld;
    float *w = noise(c, 'w', channels), *b = noise(c, 'b', channels), *x = noise(c, 'x', n);
    float *dy = noise(c, 'd', n);
    float *keep = noise(c, 'k', 2 * d.groups * d.ld), *dx = floats(c, n);
    float *dw = floats(c, channels), *db = floats(c, channels);
    c->k->groupnorm_backward(&d, w, b, x, dy, keep, dw, db, dx);
    look_floats(c, dx, n);
    look_floats(c, dw, channels);
    look_floats(c, db, channels);
}

/* A group normalisation with 2x2 pooling behind it, after its forward pass. */
struct squared {
    struct tsgd_groupnorm d;
    size_t channels, pixels, n; /* floats of x and of y */
    float *w, *x, *y, *keep;
    uint16_t *won;
};

static struct squared squared(struct call *c)
{
    struct squared p = {.d = grouped(c)};
    size_t width = 1 + draw(c, 'j', 9), height = 1 + draw(c, 'i', 9);
    p.d.width = width;
    p.d.area = height * width;
    p.channels = p.d.groups * p.d.per;
    p.pixels = p.channels * p.d.area * p.d.ld;
    p.n = p.channels * (height / 2) * (width / 2) * p.d.ld;
    p.w = noise(c, 'w', p.channels);
    p.x = noise(c, 'x', p.pixels);
    p.y = floats(c, p.n);
    p.keep = floats(c, 2 * p.d.groups * p.d.ld);
    p.won = room(c, p.n * sizeof *p.won);
    c->k->groupnorm_relu_pool(&p.d, p.w, noise(c, 'b', p.channels), p.x, p.y, p.keep, p.won);
    return p;
}

static void bits_groupnorm_relu_pool(struct call *c)
{
    struct squared p = squared(c);
    look_floats(c, p.y, p.n);
    look_floats(c, p.keep, 2 * p.d.groups * p.d.ld);
}

static void bits_groupnorm_unpool(struct call *c)
{
    struct squared p = squared(c);
    float *dx = floats(c, p.pixels), *dw = floats(c, p.channels), *db = floats(c, p.channels);
    c->k->groupnorm_unpool(&p.d, p.w, p.x, noise(c, 'd', p.n), p.keep, p.won, dw, db, dx);
    look_floats(c, dx, p.pixels);
    look_floats(c, dw, p.channels);
    look_floats(c, db, p.channels);
}

/* ---- element by element ---- */

static void bits_relu(struct call *c)
{
    size_t n = lanes(c);
    float *y = floats(c, n);
    c->k->relu(noise(c, 'a', n), y, n);
    look_floats(c, y, n);
}

static void bits_relu_gradient(struct call *c)
{
    size_t n = lanes(c);
    float *y = noise(c, 'y', n), *dx = floats(c, n);
    c->k->relu_gradient(y, noise(c, 'a', n), dx, n);
    look_floats(c, dx, n);
}

static void bits_gelu(struct call *c)
{
    size_t n = 16 * lanes(c);
    float *x = noise(c, 'x', n), *y = floats(c, n), *slope = floats(c, n);
    for (size_t i = 0; i < n; i++)
        x[i] *= (float)(1 + c->trial);
    c->k->gelu(x, y, slope, n);
    look_floats(c, y, n);
    look_floats(c, slope, n);
}

static void bits_gelu_gradient(struct call *c)
{
    size_t n = lanes(c);
    float *slope = noise(c, 's', n), *dx = floats(c, n);
    c->k->gelu_gradient(slope, noise(c, 'a', n), dx, n);
    look_floats(c, dx, n);
}

static void bits_add(struct call *c)
{
    size_t n = lanes(c);
    float *sum = noise(c, 's', n);
    c->k->add(noise(c, 'a', n), sum, n);
    look_floats(c, sum, n);
}

/* ---- pooling ---- */

static struct tsgd_pool window(struct call *c, bool all)
{
    struct tsgd_pool d = {.channels = 1 + draw(c, 'c', 4), .window = draw(c, 'w', 4) + !all,
                          .ld = lanes(c)};
    d.height = d.window + 1 + draw(c, 'a', 8);
    d.width = d.window + 1 + draw(c, 'b', 8);
    return d;
}

static size_t pixels(const struct tsgd_pool *d)
{
    return d->channels * d->height * d->width * d->ld;
}

static size_t pooled(const struct tsgd_pool *d)
{
    return d->window ? d->channels * (d->height / d->window) * (d->width / d->window) * d->ld :
           d->channels * d->ld;
}

static void bits_maxpool(struct call *c)
{
    struct tsgd_pool d = window(c, false);
    float *y = floats(c, pooled(&d));
    c->k->maxpool(&d, noise(c, 'a', pixels(&d)), y);
    look_floats(c, y, pooled(&d));
}

static void bits_maxpool_gradient(struct call *c)
{
    struct tsgd_pool d = window(c, false);
    float *x = noise(c, 'x', pixels(&d)), *y = floats(c, pooled(&d)), *dx = floats(c, pixels(&d));
    c->k->maxpool(&d, x, y);
    c->k->maxpool_gradient(&d, x, y, noise(c, 'a', pooled(&d)), dx);
    look_floats(c, dx, pixels(&d));
}

static void bits_avgpool(struct call *c)
{
    struct tsgd_pool d = window(c, true);
    float *y = floats(c, pooled(&d));
    c->k->avgpool(&d, noise(c, 'a', pixels(&d)), y);
    look_floats(c, y, pooled(&d));
}

static void bits_avgpool_gradient(struct call *c)
{
    struct tsgd_pool d = window(c, true);
    float *dx = floats(c, pixels(&d));
    c->k->avgpool_gradient(&d, noise(c, 'a', pooled(&d)), dx);
    look_floats(c, dx, pixels(&d));
}

/* ---- dense layers ---- */

static void bits_add_bias(struct call *c)
{
    size_t rows = 1 + draw(c, 'r', 70), ld = lanes(c);
    float *y = noise(c, 'y', rows * ld);
    c->k->add_bias(y, noise(c, 'a', rows), rows, ld, draw(c, 'b', 2));
    look_floats(c, y, rows * ld);
}

static void bits_bias_gradient(struct call *c)
{
    size_t rows = 1 + draw(c, 'r', 70), ld = lanes(c), n = rows * ld;
    float *y = noise(c, 'y', n), *dy = noise(c, 'd', n), *masked = floats(c, n);
    float *dbias = floats(c, rows);
    bool behind = draw(c, 'b', 2);
    c->k->bias_gradient(behind ? y : NULL, dy, rows, ld, behind ? masked : NULL, dbias);
    look_floats(c, masked, n);
    look_floats(c, dbias, rows);
}

static void bits_transpose(struct call *c)
{
    size_t rows = 1 + draw(c, 'r', 100), ld = lanes(c), row = (rows + 15) / 16 * 16;
    float *t = floats(c, ld * row);
    c->k->transpose(noise(c, 'a', rows * ld), rows, ld, t, row);
    for (size_t s = 0; s < ld; s++)
        look_floats(c, t + s * row, rows);
}

/* ---- losses ---- */

static void bits_cross_entropy(struct call *c)
{
    size_t classes = 2 + draw(c, 'c', 15), batch = 1 + draw(c, 'b', 100);
    size_t ld = (batch + 15) / 16 * 16;
    float *z = noise(c, 'z', classes * ld), *d = floats(c, classes * ld);
    uint16_t *labels = room(c, batch * sizeof *labels);
    uint32_t correct;
    for (size_t i = 0; i < classes * ld; i++)
        z[i] *= 12;
    for (size_t s = 0; s < batch; s++)
        labels[s] = (uint16_t)drawn(c->trial, 'a', (uint32_t)s, (uint32_t)classes);
    look_double(c, c->k->cross_entropy(z, labels, classes, batch, ld, d, &correct));
    look_floats(c, d, classes * ld);
    look(c, &correct, sizeof correct);
}

static void bits_squared_error(struct call *c)
{
    size_t outs = 1 + draw(c, 'o', 7), batch = 1 + draw(c, 'b', 100), ld = (batch + 15) / 16 * 16;
    float *z = noise(c, 'z', outs * ld), *t = noise(c, 't', outs * ld), *d = floats(c, outs * ld);
    look_double(c, c->k->squared_error(z, t, outs, batch, ld, d));
    look_floats(c, d, outs * ld);
}

static void bits_scores(struct call *c)
{
    size_t outs = 1 + draw(c, 'o', 12), n = 1 + draw(c, 'n', 30);
    double *w = wide_noise(c, 'w', outs * n), *bias = wide_noise(c, 'b', outs);
    double *z = doubles(c, outs * 64);
    c->k->scores(w, bias, outs, n, noise(c, 'a', n * 64), z);
    look_doubles(c, z, outs * 64);
}

static void bits_score_sums(struct call *c)
{
    size_t outs = 1 + draw(c, 'o', 12), n = 1 + draw(c, 'n', 30);
    double *z = wide_noise(c, 'z', outs * 64), *sums = wide_noise(c, 's', outs * n);
    double *bias = wide_noise(c, 'b', outs);
    float *x = noise(c, 'x', n * 64);
    c->k->score_sums(z, outs, n, x, draw(c, 'a', 2), sums, bias);
    look_doubles(c, sums, outs * n);
    look_doubles(c, bias, outs);
}

/* ---- products ---- */

static void bits_gemm(struct call *c)
{
    static const float factors[] = {1, -2, 0};
    struct tsgd_product p = {.m = 1 + draw(c, 'm', 40), .n = 1 + draw(c, 'n', 100),
                             .k = 1 + draw(c, 'k', draw(c, 'a', 4) ? 50 : 1300)};
    bool a_rows = draw(c, 'r', 2), b_rows = draw(c, 'b', 2);
    p.a = (struct tsgd_mat){noise(c, 'c', p.m * p.k), a_rows ? p.k : 1, a_rows ? 1 : p.m};
    p.b = (struct tsgd_mat){noise(c, 'd', p.k * p.n), b_rows ? p.n : 1, b_rows ? 1 : p.k};
    p.beta = factors[draw(c, 'e', 3)];
    p.c = noise(c, 'f', p.m * p.n);
    p.rsc = p.n;
    c->k->gemm(&p, floats(c, c->k->gemm_panel()));
    look_floats(c, p.c, p.m * p.n);
}

static void bits_gemm_update(struct call *c)
{
    struct tsgd_product p = {.m = 1 + draw(c, 'm', 40), .n = 1 + draw(c, 'n', 100),
                             .k = 1 + draw(c, 'k', draw(c, 'a', 4) ? 50 : 1300)};
    p.a = (struct tsgd_mat){noise(c, 'c', p.m * p.k), p.k, 1};
    p.b = (struct tsgd_mat){noise(c, 'd', p.k * p.n), p.n, 1};
    p.c = noise(c, 'f', p.m * p.n);
    p.rsc = p.n;
    float *x = noise(c, 'x', p.m * p.n), *m = noise(c, 'y', p.m * p.n);
    bool momentum = draw(c, 'o', 3);
    const struct tsgd_update u = {x, momentum ? m : NULL, 0.05f, 0.9f, 0.001f,
                                  momentum && draw(c, 'e', 2)};
    c->k->gemm_update(&p, &u, floats(c, c->k->gemm_panel()));
    look_floats(c, x, p.m * p.n);
    look_floats(c, m, p.m * p.n);
}

/* Of a size that is a tile's on every instruction set; rows of B are padded as the widest needs. */
static void bits_gemm_tile(struct call *c)
{
    enum { PADDED = 32 };
    struct tsgd_product p = {.m = 1 + draw(c, 'm', 4), .n = 1 + draw(c, 'n', 8), 
                             .k = 1 + draw(c, 'k', 300), .beta = draw(c, 'b', 2) ? 1 : 0};
    p.a = (struct tsgd_mat){noise(c, 'a', p.m * p.k), 1, p.m};
    p.b = (struct tsgd_mat){noise(c, 'c', p.k * PADDED), PADDED, 1};
    p.c = noise(c, 'd', p.m * p.n);
    p.rsc = p.n;
    c->k->gemm_tile(&p);
    look_floats(c, p.c, p.m * p.n);
}

static void bits_gemm_pack(struct call *c)
{
    size_t width = 1 + draw(c, 'w', 50), n = 1 + draw(c, 'n', (uint32_t)width);
    size_t deep = 1 + draw(c, 'd', 70);
    bool rows = draw(c, 'r', 2);
    float *from = noise(c, 'f', deep * n), *to = floats(c, deep * width);
    c->k->gemm_pack(width, n, deep,
                    (struct tsgd_mat){from, rows ? n : 1, rows ? 1 : deep}, to);
    look_floats(c, to, deep * width);
}

/* ---- the table ---- */

static const struct {
    const char *name;
    void (*run)(struct call *c);
} every[] = {
#define KERNEL(result, name, arguments) {#name, bits_##name},
#include "simd/list.h"
#undef KERNEL
};
enum { N = sizeof every / sizeof *every, TRIALS = 64 };

/* What `make bits-update` writes. */
static const struct {
    const char *name;
    uint64_t digest;
} golden[] = {
#define BITS(name, digest) {#name, digest},
#include "sim/kernels_bits.h"
#undef BITS
};
enum { N_GOLDEN = sizeof golden / sizeof *golden };

const char *kernels_bits_name(size_t i) { return i < N ? every[i].name : NULL; }

uint64_t kernels_bits(const struct tsgd_kernels *k, size_t i)
{
    struct call c = {.k = k, .digest = 0xcbf29ce484222325u};
    for (; c.trial < TRIALS; c.trial++) {
        every[i].run(&c);
        while (c.n > 0)
            free(c.array[--c.n]);
    }
    return c.digest;
}

bool kernels_bits_hold(const struct tsgd_kernels *k, size_t i, char text[KERNELS_TEXT])
{
    uint64_t got = kernels_bits(k, i);
    for (size_t j = 0; j < N_GOLDEN; j++)
        if (!strcmp(golden[j].name, every[i].name)) {
            snprintf(text, KERNELS_TEXT, "%s, %s: the digest of its results is %016llx, want "
                     "%016llx", every[i].name, k->isa, (unsigned long long)got,
                     (unsigned long long)golden[j].digest);
            return got == golden[j].digest;
        }
    snprintf(text, KERNELS_TEXT, "%s has no row in tests/sim/kernels_bits.h; 'make bits-update' "
             "writes it", every[i].name);
    return false;
}
