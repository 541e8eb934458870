/* Direct convolutions, forward and the gradient of the input, which is one too: from the output back,
 * with the weights' roles exchanged. A tile of output channels and of vectors of samples stays in
 * the registers while all input channels and taps pass by. Neither pass has a tap that meets only
 * padding: the taps of a pixel are listed for its row and its column.                            */
#include "simd/simd.h"

/* What a tap adds to an address in the source and in the weights. */
struct tap {
    size_t x, w;
};

/* A run of tiles with the same taps, for a few rows of the result: rows of the result are channels. */
struct run {
    const struct tap *taps;
    size_t n_taps;
    size_t depth;               /* channels that are summed over */
    const float *w;             /* + row * w_row + channel * w_depth + tap */
    size_t w_row, w_depth;
    const float *bias;          /* of each row, or NULL */
    const float *x;             /* + channel * x_depth + tap + x_at[vector] + tile * x_step */
    size_t x_depth, x_at[4], x_step;
    float *y;                   /* + row * y_row + y_at[vector] + tile * y_step */
    size_t y_row, y_at[4], y_step;
    size_t tiles;
    bool relu;
    uint16_t *won;              /* of a pooled run: + row * won_row + tile * won_step */
    size_t won_row, won_step;
};

INLINE void correlate(const struct run *r, const float *x, const int rows, const int vectors,
                      vf sum[])
{
    const struct tap *end = r->taps + r->n_taps;
    const float *at[4];
    size_t w_row = r->w_row;
UNROLL(4)
    for (int v = 0; v < vectors; v++)
        at[v] = x + r->x_at[v];
UNROLL(24)
    for (int m = 0; m < rows; m++)
UNROLL(4)
        for (int v = 0; v < vectors; v++)
            sum[m * vectors + v] = all(r->bias ? r->bias[m] : 0);
    const float *w = r->w;
    for (size_t c = 0; c < r->depth; c++) {
UNROLL(1)
        for (const struct tap *t = r->taps; t < end; t++) {
            const float *wt = w + t->w;
            vf xv[4];
UNROLL(4)
            for (int v = 0; v < vectors; v++)
                xv[v] = load(at[v] + t->x);
UNROLL(24)
            for (int m = 0; m < rows; m++) {
                vf wm = all(wt[(size_t)m * w_row]);
UNROLL(4)
                for (int v = 0; v < vectors; v++)
                    sum[m * vectors + v] = madd(xv[v], wm, sum[m * vectors + v]);
            }
        }
        w += r->w_depth;
UNROLL(4)
        for (int v = 0; v < vectors; v++)
            at[v] += r->x_depth;
    }
}

INLINE void plain_tiles(const struct run *r, const int rows, const int vectors)
{
    const float *x = r->x;
    float *y = r->y;
    for (size_t i = 0; i < r->tiles; i++, x += r->x_step, y += r->y_step) {
        vf sum[SUMS];
        correlate(r, x, rows, vectors, sum);
UNROLL(24)
        for (int m = 0; m < rows; m++)
UNROLL(4)
            for (int v = 0; v < vectors; v++) {
                vf s = sum[m * vectors + v];
                store(y + (size_t)m * r->y_row + r->y_at[v], r->relu ? larger((vf){0}, s) : s);
            }
    }
}

/* The four vectors are the pixels of a square. */
INLINE void pooled_tiles(const struct run *r, const int rows)
{
    const float *x = r->x;
    float *y = r->y;
    uint16_t *won = r->won;
    for (size_t i = 0; i < r->tiles; i++, x += r->x_step, y += r->y_step, won += r->won_step) {
        vf sum[SUMS];
        correlate(r, x, rows, 4, sum);
UNROLL(24)
        for (int m = 0; m < rows; m++) {
            vf *s = sum + 4 * m, top = larger(s[1], s[0]), low = larger(s[3], s[2]);
            vf best = larger(low, top);
            uint16_t *bits = won + (size_t)m * r->won_row;
            bits[0] = mask_bits(greater(s[1], s[0]));
            bits[1] = mask_bits(greater(s[3], s[2]));
            bits[2] = mask_bits(greater(low, top));
            bits[3] = mask_bits(greater(best, (vf){0}));
            store(y + (size_t)m * r->y_row, larger((vf){0}, best));
        }
    }
}

#define PLAIN(rows, vectors)                                                                     \
    static void plain_##vectors##_##rows(const struct run *r) { plain_tiles(r, rows, vectors); }
#define POOLED(rows)                                                                             \
    static void pooled_##rows(const struct run *r) { pooled_tiles(r, rows); }
typedef void run_fn(const struct run *r);

#if defined(__AVX512F__) || defined(__aarch64__)
#define ROWS_1(X) X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(9, 1) \
    X(10, 1) X(11, 1) X(12, 1)
#define ROWS_2(X) X(1, 2) X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2) X(7, 2) X(8, 2) X(9, 2) \
    X(10, 2) X(11, 2) X(12, 2)
#define ROWS_3(X) X(1, 3) X(2, 3) X(3, 3) X(4, 3) X(5, 3) X(6, 3) X(7, 3) X(8, 3)
#define ROWS_4(X) X(1, 4) X(2, 4) X(3, 4) X(4, 4) X(5, 4) X(6, 4)
#define ROWS_POOLED(X) X(1) X(2) X(3) X(4) X(5) X(6)
enum { MOST_1 = 12, MOST_2 = 12, MOST_3 = 8, MOST_4 = 6 };
#else
#define ROWS_1(X) X(1, 1) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1)
#define ROWS_2(X) X(1, 2) X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2)
#define ROWS_3(X) X(1, 3) X(2, 3) X(3, 3) X(4, 3)
#define ROWS_4(X) X(1, 4) X(2, 4) X(3, 4)
#define ROWS_POOLED(X) X(1) X(2) X(3)
enum { MOST_1 = 6, MOST_2 = 6, MOST_3 = 4, MOST_4 = 3 };
#endif

ROWS_1(PLAIN) ROWS_2(PLAIN) ROWS_3(PLAIN) ROWS_4(PLAIN) ROWS_POOLED(POOLED)

#define PLAIN_ENTRY(rows, vectors) [rows] = plain_##vectors##_##rows,
#define POOLED_ENTRY(rows) [rows] = pooled_##rows,
static run_fn *const plain_1[] = {ROWS_1(PLAIN_ENTRY)}, *const plain_2[] = {ROWS_2(PLAIN_ENTRY)},
                     *const plain_3[] = {ROWS_3(PLAIN_ENTRY)},
                     *const plain_4[] = {ROWS_4(PLAIN_ENTRY)};
static run_fn *const pooled[] = {ROWS_POOLED(POOLED_ENTRY)};
static run_fn *const *const plain[] = {NULL, plain_1, plain_2, plain_3, plain_4};
static const size_t most[] = {0, MOST_1, MOST_2, MOST_3, MOST_4};

/* All `rows` rows of a run, in tiles as equal as can be. */
static void run_rows(const struct run *whole, size_t rows, run_fn *const *fn, size_t at_most)
{
    struct run r = *whole;
    for (size_t parts = (rows + at_most - 1) / at_most; parts > 0; parts--) {
        size_t n = (rows + parts - 1) / parts;
        fn[n](&r);
        rows -= n;
        r.w += n * r.w_row;
        r.bias += r.bias ? n : 0;
        r.y += n * r.y_row;
        r.won += r.won ? n * r.won_row : 0;
    }
}

/* One axis of a pass: where the taps of a pixel of the result lie in the source. Forward they are
 * stride * pixel - pad + tap; backward (pixel + pad - tap) / stride, where that is whole.        */
struct axis {
    size_t source, result;      /* pixels */
    size_t window, stride, pad;
    bool back;
};

struct reach {
    size_t n;
    size_t tap[TSGD_MAX_WINDOW], pixel[TSGD_MAX_WINDOW];
};

static void reach(const struct axis *a, size_t at, struct reach *out)
{
    out->n = 0;
    for (size_t k = 0; k < a->window; k++) {
        size_t p;
        if (a->back) {
            if (at + a->pad < k || (at + a->pad - k) % a->stride)
                continue;
            p = (at + a->pad - k) / a->stride;
        } else {
            if (at * a->stride + k < a->pad)
                continue;
            p = at * a->stride + k - a->pad;
        }
        if (p >= a->source)
            continue;
        out->tap[out->n] = k;
        out->pixel[out->n++] = p;
    }
}

static bool same_taps(const struct reach *a, const struct reach *b)
{
    return a->n == b->n && (a->n == 0 || a->tap[0] == b->tap[0]);
}

/* Source [depth][..][ld], result [rows][..][ld]. */
struct pass {
    struct axis across, down;
    size_t ld, depth, rows;
};

/* Pixels of one row of the result that follow one another, there and in the source: one run of
 * vectors.                                                                                      */
static void run_line(struct run *r, size_t rows, size_t vectors)
{
    r->x_step = r->y_step = 4 * VL;
    for (size_t i = 0; i < 4; i++)
        r->x_at[i] = r->y_at[i] = i * VL;
    if (vectors >= 4) {
        r->tiles = vectors / 4;
        run_rows(r, rows, plain[4], most[4]);
        r->x += r->tiles * r->x_step;
        r->y += r->tiles * r->y_step;
    }
    if (vectors % 4) {
        r->tiles = 1;
        run_rows(r, rows, plain[vectors % 4], most[vectors % 4]);
    }
}

/* `count` pixels of one row of the result, `far` floats apart there and `near` in the source. */
static void run_pixels(struct run *r, size_t rows, size_t lanes, size_t count, size_t near,
                       size_t far)
{
    r->x_step = near;
    r->y_step = far;
    r->tiles = count;
    for (size_t v = 0, n; v < lanes; v += n) {
        n = lanes - v < 4 ? lanes - v : 4;
        for (size_t i = 0; i < n; i++)
            r->x_at[i] = r->y_at[i] = (v + i) * VL;
        run_rows(r, rows, plain[n], most[n]);
    }
}

static void run_pass(const struct pass *p, const float *w, size_t w_row, size_t w_depth,
                     const float *bias, const float *x, float *y, bool relu)
{
    size_t x_plane = p->down.source * p->across.source * p->ld;
    size_t y_plane = p->down.result * p->across.result * p->ld;
    size_t every = p->across.back ? p->across.stride : 1;
    size_t near = p->across.back ? 1 : p->across.stride;
    struct tap taps[TSGD_MAX_WINDOW * TSGD_MAX_WINDOW];
    for (size_t i = 0; i < p->down.result; i++) {
        struct reach rows, columns, next;
        reach(&p->down, i, &rows);
        for (size_t phase = 0; phase < every; phase++)
            for (size_t j = phase, end; j < p->across.result; j = end) {
                size_t n = 0;
                reach(&p->across, j, &columns);
                for (end = j + every; end < p->across.result; end += every) {
                    reach(&p->across, end, &next);
                    if (!same_taps(&columns, &next))
                        break;
                }
                for (size_t a = 0; a < rows.n; a++)
                    for (size_t b = 0; b < columns.n; b++)
                        taps[n++] = (struct tap){
                            (rows.pixel[a] * p->across.source + columns.pixel[b]) * p->ld,
                            rows.tap[a] * p->across.window + columns.tap[b],
                        };
                struct run r = {
                    .taps = taps, .n_taps = n, .depth = n ? p->depth : 0,
                    .w = w, .w_row = w_row, .w_depth = w_depth, .bias = bias,
                    .x = x, .x_depth = x_plane,
                    .y = y + (i * p->across.result + j) * p->ld, .y_row = y_plane, .relu = relu,
                };
                size_t count = (end - j + every - 1) / every, lanes = p->ld / VL;
                if (p->across.stride == 1)
                    run_line(&r, p->rows, count * lanes);
                else
                    run_pixels(&r, p->rows, lanes, count, near * p->ld, every * p->ld);
            }
    }
}

void TSGD_FN(conv_forward)(const struct tsgd_conv *d, const float *w, const float *bias,
                           const float *x, float *y, bool relu)
{
    const struct pass p = {
        .across = {d->in_w, d->out_w, d->window, d->stride, d->pad, false},
        .down = {d->in_h, d->out_h, d->window, d->stride, d->pad, false},
        .ld = d->ld, .depth = d->in_c, .rows = d->out_c,
    };
    size_t area = d->window * d->window;
    run_pass(&p, w, d->in_c * area, area, bias, x, y, relu);
}

void TSGD_FN(conv_input_gradient)(const struct tsgd_conv *d, const float *w, const float *dy,
                                  float *dx)
{
    const struct pass p = {
        .across = {d->out_w, d->in_w, d->window, d->stride, d->pad, true},
        .down = {d->out_h, d->in_h, d->window, d->stride, d->pad, true},
        .ld = d->ld, .depth = d->out_c, .rows = d->in_c,
    };
    size_t area = d->window * d->window;
    run_pass(&p, w, area, d->in_c * area, NULL, dy, dx, false);
}

void TSGD_FN(conv_relu_pool)(const struct tsgd_conv *d, const float *w, const float *bias,
                             const float *x, float *y, uint16_t *won)
{
    size_t ld = d->ld, lanes = ld / VL, line = d->in_w * ld, area = d->window * d->window;
    size_t high = d->out_h / 2, wide = d->out_w / 2;
    struct tap taps[TSGD_MAX_WINDOW * TSGD_MAX_WINDOW];
    for (size_t k = 0; k < area; k++)
        taps[k] = (struct tap){k / d->window * line + k % d->window * ld, k};
    for (size_t i = 0; i < high; i++)
        for (size_t v = 0; v < lanes; v++) {
            struct run r = {
                .taps = taps, .n_taps = area, .depth = d->in_c,
                .w = w, .w_row = d->in_c * area, .w_depth = area, .bias = bias,
                .x = x + 2 * i * d->stride * line + v * VL, .x_depth = d->in_h * line,
                .x_at = {0, d->stride * ld, d->stride * line, d->stride * (line + ld)},
                .x_step = 2 * d->stride * ld,
                .y = y + i * wide * ld + v * VL, .y_row = high * wide * ld, .y_step = ld,
                .tiles = wide,
                .won = won + (i * wide * lanes + v) * 4, .won_row = high * wide * lanes * 4,
                .won_step = lanes * 4,
            };
            run_rows(&r, d->out_c, pooled, MOST_4);
        }
}

void TSGD_FN(conv_unpool)(const struct tsgd_conv *d, const float *dp, const uint16_t *won,
                          float *dy)
{
    size_t ld = d->ld, line = d->out_w * ld, wide = d->out_w / 2, high = d->out_h / 2;
    const vf zero = {0};
    for (size_t c = 0; c < d->out_c; c++, dy += d->out_h * line) {
        for (size_t i = 0; i < high; i++) {
            float *row = dy + 2 * i * line;
            for (size_t j = 0; j < wide; j++, row += 2 * ld)
                for (size_t v = 0; v < ld; v += VL, won += 4, dp += VL) {
                    vf g = choose(mask_of(won[3]), load(dp), zero);
                    vm low = mask_of(won[2]), right = mask_of(won[0]), right_low = mask_of(won[1]);
                    vf above = choose(low, zero, g), below = choose(low, g, zero);
                    store(row + v, choose(right, zero, above));
                    store(row + ld + v, choose(right, above, zero));
                    store(row + line + v, choose(right_low, zero, below));
                    store(row + line + ld + v, choose(right_low, below, zero));
                }
            for (size_t v = 0; d->out_w % 2 && v < ld; v += VL) {
                store(row + v, zero);
                store(row + line + v, zero);
            }
        }
        for (size_t v = 0; d->out_h % 2 && v < line; v += VL)
            store(dy + 2 * high * line + v, zero);
    }
}
