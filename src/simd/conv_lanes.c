/* The gradient of the weights of a convolution with few output channels: lanes are samples. A tile
 * of output channels by (input channel, tap) pairs stays in registers while the pixels pass by, and
 * its lanes are added up at the end.                                                             */
#include "simd/conv.h"

enum { PAIRS = TSGD_LANE_PAIRS, ROWS = SUMS / PAIRS };

/* A tile's sums over `lines` rows of `runs` runs of `vectors` times 16 samples. */
struct tile {
    const float *g, *x;
    size_t g_row;               /* from one output channel to the next */
    size_t x_at[PAIRS];
    size_t lines, runs, vectors;
    size_t g_line, x_line, g_run, x_run;
    float *sum;                 /* [rows * pairs][16], added to */
};

/* Of lanes first .. first + VL - 1 of every 16. */
INLINE void tile(const struct tile *t, const int rows, const int pairs, const int first)
{
    vf sum[SUMS];
    const float *g_line = t->g + first, *x_line = t->x + first;
UNROLL(24)
    for (int i = 0; i < rows * pairs; i++)
        sum[i] = load(t->sum + i * 16 + first);
    for (size_t i = 0; i < t->lines; i++, g_line += t->g_line, x_line += t->x_line) {
        const float *g_run = g_line, *x_run = x_line;
        for (size_t j = 0; j < t->runs; j++, g_run += t->g_run, x_run += t->x_run) {
            const float *g = g_run, *x[PAIRS];
UNROLL(4)
            for (int q = 0; q < pairs; q++)
                x[q] = x_run + t->x_at[q];
UNROLL(1)
            for (size_t v = 0; v < t->vectors * 16; v += 16) {
                vf xv[PAIRS], gv[ROWS];
                /* The longer side of a tile comes one by one: sixteen registers hold no more. */
UNROLL(6)
                for (int m = 0; rows < pairs && m < rows; m++)
                    gv[m] = held(load(g + (size_t)m * t->g_row + v));
UNROLL(4)
                for (int q = 0; q < pairs; q++) {
                    xv[q] = held(load(x[q] + v));
UNROLL(6)
                    for (int m = 0; rows < pairs && m < rows; m++)
                        sum[m * pairs + q] = madd(gv[m], xv[q], sum[m * pairs + q]);
                }
UNROLL(6)
                for (int m = 0; rows >= pairs && m < rows; m++) {
                    gv[m] = held(load(g + (size_t)m * t->g_row + v));
UNROLL(4)
                    for (int q = 0; q < pairs; q++)
                        sum[m * pairs + q] = madd(gv[m], xv[q], sum[m * pairs + q]);
                }
            }
        }
    }
UNROLL(24)
    for (int i = 0; i < rows * pairs; i++)
        store(t->sum + i * 16 + first, sum[i]);
}

#define TILE(rows, pairs)                                                                        \
    static void tile_##rows##_##pairs(const struct tile *t)                                     \
    {                                                                                            \
UNROLL(1)                                                                                        \
        for (int first = 0; first < 16; first += VL)                                             \
            tile(t, rows, pairs, first);                                                         \
    }
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

/* The lanes of n sums of 16, added up, into totals[n]. */
static void add_all(const float *sum, size_t n, float *totals)
{
    for (size_t i = 0; i < n; i += VL) {
        vf lanes[VL], all_of;
UNROLL(16)
        for (size_t l = 0; l < VL; l++) {
            vf part[PARTS];
UNROLL(4)
            for (size_t h = 0; h < PARTS; h++)
                part[h] = i + l < n ? load(sum + (i + l) * 16 + h * VL) : (vf){0};
            lanes[l] = add_parts(part);
        }
        all_of = add_lanes(lanes);
        for (size_t l = 0; l < VL && i + l < n; l++)
            totals[i + l] = all_of[l];
    }
}

/* PAIRS input channels are worked on together, with all their taps, so that a tile finds in the
 * first-level cache what an earlier one has loaded. A block is as many output rows as stay
 * there.                                                                                        */
enum { BLOCK = TSGD_LANE_BLOCK };

/* What all tiles of a call share. */
struct call {
    const struct tsgd_conv *d;
    struct tsgd_span down[TSGD_MAX_WINDOW], across[TSGD_MAX_WINDOW];    /* of each tap */
    size_t line, in_plane, out_plane, area;
    const float *dy;
    const uint16_t *won;        /* not NULL: dy is the pooled gradient */
    float *dbias;               /* then received here */
    float *sum, *unpooled;
};

/* The first pair of a tile; the others are those that follow: further channels of the same tap when
 * there is padding, else further taps, then channels.                                           */
struct pair {
    size_t channel, p, q;
};

static struct pair after(struct pair i, const struct call *k, size_t channels)
{
    size_t window = k->d->window;
    if (k->d->pad) {
        if (++i.channel < channels)
            return i;
        i.channel = 0;
    }
    if (++i.q < window)
        return i;
    i.q = 0;
    if (++i.p < window)
        return i;
    i.p = 0;
    i.channel++;
    return i;
}

/* Adds output rows from .. to - 1 of `rows` output channels to the sums of the n pairs from *at on,
 * and moves *at behind them. g: row `from` of the first one's gradient.                         */
static void add_tile(const struct call *k, const float *x, const float *g, size_t g_row,
                     size_t rows, size_t channels, struct pair *at, size_t n, size_t from,
                     size_t to, float *sum)
{
    const struct tsgd_conv *d = k->d;
    struct tsgd_span down = k->down[at->p], across = k->across[at->q];
    size_t begin = down.first > from ? down.first : from, top, left;
    size_t end = down.first + down.count < to ? down.first + down.count : to;
    top = begin * d->stride + at->p - d->pad;
    left = across.first * d->stride + at->q - d->pad;
    struct tile t = {
        .g = g + ((begin - from) * d->out_w + across.first) * d->ld, .g_row = g_row,
        .x = x + top * k->line + left * d->ld, .lines = end - begin,
        .g_line = d->out_w * d->ld, .x_line = d->stride * k->line,
        .runs = d->stride == 1 ? 1 : across.count,
        .vectors = (d->stride == 1 ? across.count : 1) * d->ld / 16,
        .g_run = d->ld, .x_run = d->stride * d->ld, .sum = sum,
    };
    struct pair first = *at;
    for (size_t i = 0; i < n; i++, *at = after(*at, k, channels))
        t.x_at[i] = at->channel * k->in_plane + (at->p - first.p) * k->line +
                    (at->q - first.q) * d->ld;
    if (begin < end && across.count > 0)
        tiles[rows][n](&t);
}

/* Output rows from .. to - 1 of channels o .. o + rows - 1 of the gradient, unpooled. */
static void unpool(const struct call *k, size_t o, size_t rows, size_t from, size_t to,
                   vf bias[][PARTS])
{
    const struct tsgd_conv *d = k->d;
    size_t line = d->out_w * d->ld;
    for (size_t m = 0; m < rows; m++) {
        float *dy = k->unpooled + m * (to - from) * line;
        for (size_t i = from; i < to; i += 2, dy += 2 * line)
            if (i + 1 < d->out_h)
                tsgd_unpool_row(d, k->dy, k->won, o + m, i / 2, dy, bias[m]);
            else
                for (size_t v = 0; v < line; v += VL)
                    store(dy + v, (vf){0});
    }
}

/* How many of the pairs that are left the next tile has: with padding those of one tap, else as
 * many as the other tiles, as nearly as can be.                                                 */
static size_t of_tile(const struct call *k, size_t channels, size_t left)
{
    size_t tiles_left = (left + PAIRS - 1) / PAIRS;
    return k->d->pad ? channels : (left + tiles_left - 1) / tiles_left;
}

/* All taps of input channels c .. c + channels - 1 and output channels o .. o + rows - 1. */
static void add_channels(const struct call *k, const float *x, size_t o, size_t rows, size_t c,
                         size_t channels, float *dw)
{
    const struct tsgd_conv *d = k->d;
    size_t count = channels * k->area, lines = BLOCK / (d->out_w * d->ld / 16), n;
    size_t dw_row = d->in_c * k->area, line = d->out_w * d->ld;
    float totals[PAIRS * ROWS + VL];
    vf bias[ROWS][PARTS] = {{{0}}};
    struct pair at;
    x += c * k->in_plane;
    dw += o * dw_row + c * k->area;
    for (size_t i = 0; i < rows * count * 16; i += VL)
        store(k->sum + i, (vf){0});
    lines = k->won ? (lines + 2) / 2 * 2 : lines ? lines : 1;
    for (size_t from = 0; from < d->out_h; from += lines) {
        size_t to = from + lines < d->out_h ? from + lines : d->out_h;
        const float *g = k->won ? k->unpooled : k->dy + o * k->out_plane + from * line;
        size_t g_row = k->won ? (to - from) * line : k->out_plane;
        if (k->won)
            unpool(k, o, rows, from, to, bias);
        at = (struct pair){0, 0, 0};
        for (size_t i = 0; i < count; i += n) {
            n = of_tile(k, channels, count - i);
            add_tile(k, x, g, g_row, rows, channels, &at, n, from, to, k->sum + i * rows * 16);
        }
    }
    at = (struct pair){0, 0, 0};
    for (size_t i = 0; i < count; i += n) {
        n = of_tile(k, channels, count - i);
        add_all(k->sum + i * rows * 16, rows * n, totals);
        for (size_t j = 0; j < n; j++, at = after(at, k, channels))
            for (size_t m = 0; m < rows; m++)
                dw[m * dw_row + at.channel * k->area + at.p * d->window + at.q] = totals[m * n + j];
    }
    for (size_t m = 0; k->won && c == 0 && m < rows; m++)
        k->dbias[o + m] = total(bias[m]);
}

void TSGD_FN(conv_lane_gradient)(const struct tsgd_conv *d, const float *x, const float *dy,
                                 const uint16_t *won, float *dw, float *dbias, float *scratch)
{
    struct call k = {
        .d = d, .line = d->in_w * d->ld, .in_plane = d->in_h * d->in_w * d->ld,
        .out_plane = d->out_h * d->out_w * d->ld, .area = d->window * d->window,
        .dy = dy, .won = won, .dbias = dbias, .sum = scratch,
        .unpooled = scratch + SUMS * 16 * d->window * d->window,
    };
    for (size_t i = 0; i < d->window; i++) {
        k.down[i] = tsgd_span(i, d->in_h, d->out_h, d);
        k.across[i] = tsgd_span(i, d->in_w, d->out_w, d);
    }
    for (size_t o = 0, left = d->out_c, n; left > 0; o += n, left -= n) {
        size_t parts = (left + ROWS - 1) / ROWS;
        n = (left + parts - 1) / parts;
        for (size_t c = 0; c < d->in_c; c += PAIRS)
            add_channels(&k, x, o, n, c, PAIRS < d->in_c - c ? PAIRS : d->in_c - c, dw);
    }
}
