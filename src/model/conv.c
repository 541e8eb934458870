/* A convolution with a square kernel, lowered to products. Rows and columns of the input are counted
 * with the padding, which is all zeros.
 *
 * What one tap (c, ky, kx) sees of an input row r is a run of n = out_w * ld floats, contiguous if
 * the stride is 1, since samples are innermost. The runs of the taps are laid out by input row,
 *     runs[r][c][kx][n] = x[c][r][kx, kx + stride, ..][..]
 * and the column matrix of output row i is then runs[i * stride .. i * stride + window - 1], one
 * block whose rows are the taps in the order (ky, c, kx): neighbouring output rows share most of it,
 * so a run is copied once and not `window` times. The weights are put into the same order.
 *
 * The gradient of the input turns this round: the gradient of runs[r] is one product of the weights
 * with the block of those output rows that see r, laid out [i][out_c][n].                       */
#include "model/layer.h"

#include "base/mem.h"
#include "linalg/gemm.h"

#include <string.h>

struct dims {
    size_t in_c, in_h, in_w, out_c, out_h, out_w, window, stride, pad, ld;
    size_t n;                   /* columns of a product */
    size_t taps;                /* rows of runs for one input row: in_c * window */
    size_t rows;                /* output rows lowered at a time */
};

/* Floats of runs that stay in the second-level cache beside their neighbours. */
enum { RUNS = 256 * 1024 / 4 };

static struct dims dims(const struct tsgd_layer *l, size_t ld)
{
    struct dims d = {
        .in_c = l->in.channels, .in_h = l->in.height, .in_w = l->in.width,
        .out_c = l->units, .out_h = l->out.height, .out_w = l->out.width,
        .window = l->window, .stride = l->stride, .pad = l->pad, .ld = ld,
        .n = l->out.width * ld,
        .taps = (size_t)l->in.channels * l->window,
    };
    size_t fit = RUNS / tsgd_mul(d.taps, d.n);
    size_t rows = fit > d.window ? (fit - d.window) / d.stride + 1 : 1;
    size_t parts = (d.out_h + rows - 1) / rows;
    d.rows = (d.out_h + parts - 1) / parts;
    return d;
}

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    uint32_t k = l->window, c = l->in.channels;
    uint32_t height = l->in.height + 2 * l->pad, width = l->in.width + 2 * l->pad;
    if (k == 0 || l->units == 0 || c == 0 || height < k || width < k)
        return tsgd_fail(err, TSGD_EINVAL, "%s: %u kernels of %ux%u do not fit an input of "
                         "%ux%ux%u, padded by %u", l->name, l->units, k, k, c, l->in.height,
                         l->in.width, l->pad);
    if (l->stride == 0)
        l->stride = 1;
    l->out = (struct tsgd_shape){l->units, (height - k) / l->stride + 1,
                                 (width - k) / l->stride + 1};
    tsgd_layer_tensor(l, "weight", 4, (uint32_t[]){l->units, c, k, k});
    if (!l->no_bias)
        tsgd_layer_tensor(l, "bias", 1, &l->units);
    return TSGD_OK;
}

static void init(const struct tsgd_layer *l, float *w, struct tsgd_rng *rng)
{
    size_t fan_in = (size_t)l->in.channels * l->window * l->window;
    tsgd_layer_uniform(w, l->params, fan_in, rng);
}

static size_t weights(const struct dims *d)
{
    return tsgd_round_up(d->out_c * d->window * d->taps, TSGD_LANES);
}

/* Weights in the order of a product, then either runs, or dy by rows and the gradient of the runs
 * of one input row. Enough for every smaller ld too, which may lower more rows at a time.       */
static size_t scratch_floats(const struct tsgd_layer *l, size_t ld)
{
    struct dims d = dims(l, ld);
    size_t row = tsgd_mul(d.taps, d.n), all = tsgd_mul(d.in_h + 2 * d.pad, row);
    size_t least = tsgd_mul(d.window, row), runs = least > RUNS ? least : RUNS;
    size_t back = tsgd_add(tsgd_mul(d.out_h * d.out_c, d.n), row);
    runs = runs < all ? runs : all;
    return tsgd_add(weights(&d), runs > back ? runs : back);
}

/* The output columns *from .. *to - 1 are those where tap column q meets the input, not padding. */
static void reach(const struct dims *d, size_t q, size_t *from, size_t *to)
{
    size_t end = d->pad + d->in_w;
    *from = q < d->pad ? (d->pad - q + d->stride - 1) / d->stride : 0;
    *to = q < end ? (end - q + d->stride - 1) / d->stride : 0;
    *to = *to < d->out_w ? *to : d->out_w;
    *from = *from < *to ? *from : *to;
}

/* One run, row being the input row that it looks at. */
static void lower_run(const struct dims *d, const float *row, size_t q, float *run)
{
    size_t from, to;
    reach(d, q, &from, &to);
    memset(run, 0, from * d->ld * sizeof *run);
    if (d->stride == 1 && from < to)
        memcpy(run + from * d->ld, row + (from + q - d->pad) * d->ld,
               (to - from) * d->ld * sizeof *run);
    else
        for (size_t j = from; j < to; j++)
            memcpy(run + j * d->ld, row + (j * d->stride + q - d->pad) * d->ld,
                   d->ld * sizeof *run);
    memset(run + to * d->ld, 0, (d->out_w - to) * d->ld * sizeof *run);
}

/* runs for the output rows first .. first + rows - 1 */
static void lower(const struct dims *d, const float *x, size_t first, size_t rows, float *runs)
{
    size_t begin = first * d->stride, end = begin + (rows - 1) * d->stride + d->window;
    for (size_t r = begin; r < end; r++)
        for (size_t c = 0; c < d->in_c; c++)
            for (size_t q = 0; q < d->window; q++, runs += d->n)
                if (r < d->pad || r >= d->pad + d->in_h)
                    memset(runs, 0, d->n * sizeof *runs);
                else
                    lower_run(d, x + (c * d->in_h + r - d->pad) * d->in_w * d->ld, q, runs);
}

static void forward(const struct tsgd_layer *l, const float *w, const float *x, float *y,
                    float *keep, float *scratch, size_t ld)
{
    struct dims d = dims(l, ld);
    size_t depth = d.window * d.taps;
    float *order = scratch, *runs = scratch + weights(&d);
    const float *bias = l->no_bias ? NULL : w + d.out_c * depth;
    (void)keep;
    for (size_t o = 0; o < d.out_c; o++)
        for (size_t c = 0; c < d.in_c; c++)
            for (size_t p = 0; p < d.window; p++)
                for (size_t q = 0; q < d.window; q++)
                    order[o * depth + (p * d.in_c + c) * d.window + q] = *w++;
    for (size_t first = 0; first < d.out_h; first += d.rows) {
        size_t rows = d.rows < d.out_h - first ? d.rows : d.out_h - first;
        lower(&d, x, first, rows, runs);
        for (size_t i = 0; i < rows; i++) {
            float *out = y + (first + i) * d.n;
            for (size_t o = 0; bias && o < d.out_c; o++)
                for (size_t j = 0; j < d.n; j++)
                    out[o * d.out_h * d.n + j] = bias[o];
            tsgd_gemm(d.out_c, d.n, depth, (struct tsgd_mat){order, depth, 1},
                      (struct tsgd_mat){runs + i * d.stride * d.taps * d.n, d.n, 1}, bias ? 1 : 0,
                      out, d.out_h * d.n);
        }
    }
}

static void weight_gradient(const struct dims *d, const float *x, const float *dy, float *dw,
                            float *scratch)
{
    size_t depth = d->window * d->taps;
    float *order = scratch, *runs = scratch + weights(d);
    for (size_t first = 0; first < d->out_h; first += d->rows) {
        size_t rows = d->rows < d->out_h - first ? d->rows : d->out_h - first;
        lower(d, x, first, rows, runs);
        for (size_t i = 0; i < rows; i++)
            tsgd_gemm(d->out_c, depth, d->n,
                      (struct tsgd_mat){dy + (first + i) * d->n, d->out_h * d->n, 1},
                      (struct tsgd_mat){runs + i * d->stride * d->taps * d->n, 1, d->n},
                      first + i ? 1 : 0, order, depth);
    }
    for (size_t o = 0; o < d->out_c; o++)
        for (size_t c = 0; c < d->in_c; c++)
            for (size_t p = 0; p < d->window; p++)
                for (size_t q = 0; q < d->window; q++)
                    *dw++ = order[o * depth + (p * d->in_c + c) * d->window + q];
}

static void bias_gradient(const struct dims *d, const float *dy, float *db)
{
    for (size_t o = 0; o < d->out_c; o++)
        db[o] = tsgd_lane_sum(dy + o * d->out_h * d->n, d->out_h * d->n);
}

/* The gradient of one run back to where it was copied from. */
static void fold_run(const struct dims *d, const float *restrict run, size_t q,
                     float *restrict row)
{
    size_t from, to;
    reach(d, q, &from, &to);
    if (d->stride == 1 && from < to)
        for (size_t j = from * d->ld; j < to * d->ld; j++)
            row[j + (q - d->pad) * d->ld] += run[j];
    else
        for (size_t j = from; j < to; j++)
            for (size_t s = 0; s < d->ld; s++)
                row[(j * d->stride + q - d->pad) * d->ld + s] += run[j * d->ld + s];
}

/* Where kernel row p stands among the columns of the product below: the kernel rows that meet the
 * same input row are `stride` apart; they stand side by side, the last one first, since ascending
 * output rows meet descending kernel rows.                                                      */
static size_t place(const struct dims *d, size_t p)
{
    size_t before = 0;
    for (size_t t = 0; t < d->window; t++)
        before += t % d->stride < p % d->stride || (t % d->stride == p % d->stride && t > p);
    return before;
}

static void input_gradient(const struct dims *d, const float *w, const float *dy, float *dx,
                           float *scratch)
{
    size_t last = d->window - 1, depth = d->window * d->out_c, line = d->in_w * d->ld;
    float *order = scratch, *rows = scratch + weights(d), *runs = rows + d->out_h * d->out_c * d->n;
    /* order[c][kx][place of ky][o] */
    for (size_t o = 0; o < d->out_c; o++)
        for (size_t c = 0; c < d->in_c; c++)
            for (size_t p = 0; p < d->window; p++)
                for (size_t q = 0; q < d->window; q++)
                    order[(c * d->window + q) * depth + place(d, p) * d->out_c + o] = *w++;
    for (size_t i = 0; i < d->out_h; i++)
        for (size_t o = 0; o < d->out_c; o++)
            memcpy(rows + (i * d->out_c + o) * d->n, dy + (o * d->out_h + i) * d->n,
                   d->n * sizeof *rows);
    memset(dx, 0, d->in_c * d->in_h * line * sizeof *dx);
    for (size_t r = d->pad; r < d->pad + d->in_h; r++) {
        size_t from = r > last ? (r - last + d->stride - 1) / d->stride : 0, to = r / d->stride;
        to = to < d->out_h ? to : d->out_h - 1;
        if (from > to)
            continue;           /* a stride beyond the window leaves rows that nobody sees */
        tsgd_gemm(d->taps, d->n, (to - from + 1) * d->out_c,
                  (struct tsgd_mat){order + place(d, r - from * d->stride) * d->out_c, depth, 1},
                  (struct tsgd_mat){rows + from * d->out_c * d->n, d->n, 1}, 0, runs, d->n);
        for (size_t t = 0; t < d->taps; t++)
            fold_run(d, runs + t * d->n, t % d->window,
                     dx + (t / d->window * d->in_h + r - d->pad) * line);
    }
}

static void backward(const struct tsgd_layer *l, const float *w, const float *x, const float *y,
                     const float *dy, const float *keep, float *dw, float *dx, float *scratch,
                     size_t ld)
{
    struct dims d = dims(l, ld);
    (void)y, (void)keep;
    weight_gradient(&d, x, dy, dw, scratch);
    if (!l->no_bias)
        bias_gradient(&d, dy, dw + d.out_c * d.window * d.taps);
    if (dx)
        input_gradient(&d, w, dy, dx, scratch);
}

static uint64_t flops(const struct tsgd_layer *l)
{
    uint64_t taps = (uint64_t)l->in.channels * l->window * l->window;
    return 2 * taps * tsgd_shape_size(l->out);
}

const struct tsgd_layer_ops tsgd_layer_conv = {
    .name = "conv",
    .shape = shape,
    .init = init,
    .scratch = scratch_floats,
    .forward = forward,
    .backward = backward,
    .flops = flops,
};
