/* The gradient of the weights of a convolution with few output channels: lanes are samples. A tile
 * of output channels by (input channel, tap) pairs stays in registers while the pixels pass by, and
 * its lanes are added up at the end.                                                             */
#include "simd/conv.h"

enum { PAIRS = TSGD_LANE_PAIRS, ROWS = SUMS / PAIRS };

/* A tile's sums over `lines` rows of `runs` runs of `vectors` vectors. */
struct tile {
    const float *g, *x;
    size_t g_row;               /* from one output channel to the next */
    size_t x_at[PAIRS];
    size_t lines, runs, vectors;
    size_t g_line, x_line, g_run, x_run;
    float *sum;                 /* [rows * pairs][VL], added to */
};

INLINE void tile(const struct tile *t, const int rows, const int pairs)
{
    vf sum[SUMS];
    const float *g_line = t->g, *x_line = t->x;
UNROLL(24)
    for (int i = 0; i < rows * pairs; i++)
        sum[i] = load(t->sum + i * VL);
    for (size_t i = 0; i < t->lines; i++, g_line += t->g_line, x_line += t->x_line) {
        const float *g_run = g_line, *x_run = x_line;
        for (size_t j = 0; j < t->runs; j++, g_run += t->g_run, x_run += t->x_run) {
            const float *g = g_run, *x[PAIRS];
UNROLL(4)
            for (int q = 0; q < pairs; q++)
                x[q] = x_run + t->x_at[q];
UNROLL(1)
            for (size_t v = 0; v < t->vectors * VL; v += VL) {
                vf xv[PAIRS];
UNROLL(4)
                for (int q = 0; q < pairs; q++)
                    xv[q] = load(x[q] + v);
UNROLL(12)
                for (int m = 0; m < rows; m++) {
                    vf gm = load(g + (size_t)m * t->g_row + v);
UNROLL(4)
                    for (int q = 0; q < pairs; q++)
                        sum[m * pairs + q] = madd(gm, xv[q], sum[m * pairs + q]);
                }
            }
        }
    }
UNROLL(24)
    for (int i = 0; i < rows * pairs; i++)
        store(t->sum + i * VL, sum[i]);
}

#define TILE(rows, pairs)                                                                        \
    static void tile_##rows##_##pairs(const struct tile *t) { tile(t, rows, pairs); }
#define TILES(rows) TILE(rows, 1) TILE(rows, 2) TILE(rows, 3) TILE(rows, 4)
#define ENTRY(rows)                                                                              \
    [rows] = {NULL, tile_##rows##_1, tile_##rows##_2, tile_##rows##_3, tile_##rows##_4},
TILES(1) TILES(2) TILES(3)
#if defined(__AVX512F__) || defined(__aarch64__)
TILES(4) TILES(5) TILES(6)
static void (*const tiles[ROWS + 1][PAIRS + 1])(const struct tile *) = {
    ENTRY(1) ENTRY(2) ENTRY(3) ENTRY(4) ENTRY(5) ENTRY(6)
};
#else
static void (*const tiles[ROWS + 1][PAIRS + 1])(const struct tile *) = {
    ENTRY(1) ENTRY(2) ENTRY(3)
};
#endif

/* The lanes of n vectors, added up, into total[n]. */
static void add_all(const float *sum, size_t n, float *total)
{
    for (size_t i = 0; i < n; i += VL) {
        vf part[VL], all_of;
UNROLL(16)
        for (size_t l = 0; l < VL; l++)
            part[l] = i + l < n ? load(sum + (i + l) * VL) : (vf){0};
        all_of = add_lanes(part);
        for (size_t l = 0; l < VL && i + l < n; l++)
            total[i + l] = all_of[l];
    }
}

/* Channels PAIRS at a time are looked at together, with all their taps: what one tile of theirs has
 * brought into the first-level cache, the others find there. A block is so many output rows as may
 * stay there.                                                                                   */
enum { BLOCK = 64, MOST_TAPS = TSGD_MAX_WINDOW * TSGD_MAX_WINDOW };

struct pair {
    size_t channel, tap;
};

/* Output rows from .. to - 1 of `rows` output channels, and the pairs of one tile, all of the same
 * tap or all without padding.                                                                    */
static void add_tile(const struct tsgd_conv *d, const float *x, const float *dy, size_t rows,
                     const struct pair *pair, size_t n, size_t from, size_t to, float *sum)
{
    size_t line = d->in_w * d->ld, p = pair->tap / d->window, q = pair->tap % d->window;
    struct tsgd_span down = tsgd_span(p, d->in_h, d->out_h, d), across = tsgd_span(q, d->in_w, d->out_w, d);
    size_t begin = down.first > from ? down.first : from;
    size_t end = down.first + down.count < to ? down.first + down.count : to;
    if (begin >= end || across.count == 0)
        return;
    /* The first pair's own place, not before x whatever the padding is. */
    size_t top = begin * d->stride + p - d->pad, left = across.first * d->stride + q - d->pad;
    struct tile t = {
        .g = dy + (begin * d->out_w + across.first) * d->ld, .g_row = d->out_h * d->out_w * d->ld,
        .x = x + top * line + left * d->ld,
        .lines = end - begin, .g_line = d->out_w * d->ld, .x_line = d->stride * line,
        .runs = d->stride == 1 ? 1 : across.count,
        .vectors = (d->stride == 1 ? across.count : 1) * d->ld / VL,
        .g_run = d->ld, .x_run = d->stride * d->ld, .sum = sum,
    };
    for (size_t i = 0; i < n; i++)
        t.x_at[i] = pair[i].channel * d->in_h * line +
                    (pair[i].tap / d->window - p) * line + (pair[i].tap % d->window - q) * d->ld;
    tiles[rows][n](&t);
}

/* All taps of `channels` input channels, dw [rows][..] with dw_row from one row to the next. */
static void add_channels(const struct tsgd_conv *d, const float *x, const float *dy, size_t rows,
                         size_t channels, float *dw, size_t dw_row, float *sum)
{
    size_t area = d->window * d->window, count = channels * area, lanes = d->ld / VL, n;
    size_t lines = BLOCK / (d->out_w * lanes);
    float total[PAIRS * ROWS + VL];
    struct pair pair[PAIRS * MOST_TAPS];
    for (size_t i = 0; i < count; i++)      /* by tap, so that a tile's pairs have one */
        pair[i] = d->pad ? (struct pair){i % channels, i / channels} :
                           (struct pair){i / area, i % area};
    size_t step = d->pad ? channels : PAIRS;
    for (size_t i = 0; i < rows * count * VL; i += VL)
        store(sum + i, (vf){0});
    lines = lines ? lines : 1;
    for (size_t from = 0; from < d->out_h; from += lines)
        for (size_t i = 0; i < count; i += n) {
            size_t to = from + lines < d->out_h ? from + lines : d->out_h;
            n = step < count - i ? step : count - i;
            add_tile(d, x, dy, rows, pair + i, n, from, to, sum + i * rows * VL);
        }
    for (size_t i = 0; i < count; i += n) {
        n = step < count - i ? step : count - i;
        add_all(sum + i * rows * VL, rows * n, total);
        for (size_t m = 0; m < rows; m++)
            for (size_t k = 0; k < n; k++)
                dw[m * dw_row + pair[i + k].channel * area + pair[i + k].tap] = total[m * n + k];
    }
}

void TSGD_FN(conv_lane_gradient)(const struct tsgd_conv *d, const float *x, const float *dy,
                                 float *dw, float *scratch)
{
    size_t plane = d->out_h * d->out_w * d->ld, area = d->window * d->window;
    for (size_t o = 0, left = d->out_c, n; left > 0; o += n, left -= n) {
        size_t parts = (left + ROWS - 1) / ROWS;
        n = (left + parts - 1) / parts;
        for (size_t c = 0; c < d->in_c; c += PAIRS)
            add_channels(d, x + c * d->in_h * d->in_w * d->ld, dy + o * plane, n,
                         PAIRS < d->in_c - c ? PAIRS : d->in_c - c, dw + (o * d->in_c + c) * area,
                         d->in_c * area, scratch);
    }
}
