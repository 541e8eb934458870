/* The gradient of a convolution's weights: for every output channel o, input channel c and tap, the
 * sum over pixels and samples of dy[o] times x[c], shifted by the tap. A tile of output channels by
 * (channel, tap) pairs stays in the registers while the pixels pass by; its lanes are added up at
 * the end. Pixels whose tap meets padding are left out.                                          */
#include "simd/simd.h"

enum { PAIRS = 4, ROWS = SUMS / PAIRS };

/* Pixels that a tap meets: count output rows from `first` on, and so for columns. */
struct span {
    size_t first, count;
};

static struct span span(size_t tap, size_t in, size_t out, const struct tsgd_conv *d)
{
    size_t from = tap < d->pad ? (d->pad - tap + d->stride - 1) / d->stride : 0;
    size_t end = in + d->pad > tap ? (in + d->pad - tap + d->stride - 1) / d->stride : 0;
    end = end < out ? end : out;
    return (struct span){from, end > from ? end - from : 0};
}

/* A tile's sums over `lines` rows of `runs` runs of `vectors` vectors. */
struct tile {
    const float *g, *x;
    size_t g_row;               /* from one output channel to the next */
    size_t x_at[PAIRS];
    size_t lines, runs, vectors;
    size_t g_line, x_line, g_run, x_run;
    float *dw;                  /* + row * dw_row + dw_at[pair] */
    size_t dw_row, dw_at[PAIRS];
};

INLINE void tile(const struct tile *t, const int rows, const int pairs)
{
    vf sum[SUMS], part[VL];
    float total[(SUMS + VL - 1) / VL * VL];
    const float *g_line = t->g, *x_line = t->x;
UNROLL(24)
    for (int i = 0; i < rows * pairs; i++)
        sum[i] = (vf){0};
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
UNROLL(6)
    for (int i = 0; i < rows * pairs; i += VL) {
UNROLL(16)
        for (int l = 0; l < VL; l++)
            part[l] = i + l < rows * pairs ? sum[i + l] : (vf){0};
        storeu(total + i, add_lanes(part));
    }
    for (int m = 0; m < rows; m++)
        for (int q = 0; q < pairs; q++)
            t->dw[(size_t)m * t->dw_row + t->dw_at[q]] = total[m * pairs + q];
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

/* Pair number i among those whose tap is `tap`, or, when all taps meet all pixels, among all. */
static void place(const struct tsgd_conv *d, bool all_taps, size_t tap, size_t i, size_t *x_at,
                  size_t *dw_at)
{
    size_t area = d->window * d->window, c = all_taps ? i / area : i;
    tap = all_taps ? i % area : tap;
    *x_at = ((c * d->in_h + tap / d->window) * d->in_w + tap % d->window) * d->ld;
    *dw_at = c * area + tap;
}

static void pairs_of(const struct tsgd_conv *d, bool all_taps, size_t tap, const float *x,
                     const float *dy, size_t rows, float *dw)
{
    size_t area = d->window * d->window, ld = d->ld;
    size_t p = all_taps ? 0 : tap / d->window, q = all_taps ? 0 : tap % d->window;
    struct span down = span(p, d->in_h, d->out_h, d), across = span(q, d->in_w, d->out_w, d);
    if (all_taps) {
        down = (struct span){0, d->out_h};
        across = (struct span){0, d->out_w};
    }
    size_t line = d->in_w * ld;
    struct tile t = {
        .g = dy + (down.first * d->out_w + across.first) * ld, .g_row = d->out_h * d->out_w * ld,
        /* The tap's own offset comes with the pair; what is left of it here is the padding. */
        .x = x + (down.first * d->stride * d->in_w + across.first * d->stride) * ld -
             (d->pad * line + d->pad * ld),
        .lines = down.count, .g_line = d->out_w * ld, .x_line = d->stride * line,
        .runs = d->stride == 1 ? 1 : across.count,
        .vectors = (d->stride == 1 ? across.count : 1) * ld / VL,
        .g_run = ld, .x_run = d->stride * ld,
        .dw = dw, .dw_row = d->in_c * area,
    };
    size_t pairs = all_taps ? d->in_c * area : d->in_c;
    for (size_t i = 0, n; i < pairs; i += n) {
        n = pairs - i < PAIRS ? pairs - i : PAIRS;
        for (size_t k = 0; k < n; k++)
            place(d, all_taps, tap, i + k, &t.x_at[k], &t.dw_at[k]);
        tiles[rows][n](&t);
    }
}

static float add_up(const float *p, size_t n)
{
    vf sum[4] = {{0}}, part[VL] = {{0}};
    for (size_t j = 0; j < n; j += VL)
        sum[j / VL % 4] += load(p + j);
    part[0] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    return add_lanes(part)[0];
}

void TSGD_FN(conv_weight_gradient)(const struct tsgd_conv *d, const float *x, const float *dy,
                                   float *dw, float *dbias)
{
    size_t plane = d->out_h * d->out_w * d->ld, area = d->window * d->window;
    for (size_t o = 0, left = d->out_c, n; left > 0; o += n, left -= n) {
        size_t parts = (left + ROWS - 1) / ROWS;
        n = (left + parts - 1) / parts;
        const float *g = dy + o * plane;
        float *w = dw + o * d->in_c * area;
        for (size_t tap = 0; tap < (d->pad ? area : 1); tap++)
            pairs_of(d, d->pad == 0, tap, x, g, n, w);
    }
    for (size_t o = 0; dbias && o < d->out_c; o++)
        dbias[o] = add_up(dy + o * plane, plane);
}
