/* The gradient of a convolution's weights, as products: for every tap
 *     dw[o][c][tap] = sum over pixels and samples s of dy[o][s] x[c][s shifted by the tap].
 * dy is transposed once, to vectors of VL output channels for one sample of one pixel, so that
 * lanes are never added up. A tile of input channels by vectors of output channels stays in
 * registers while the samples pass by; pixels whose tap meets padding are left out.             */
#include "simd/conv.h"

/* A tile's sums: `outer` by `inner` places in x by `vectors` vectors of output channels. */
struct tile {
    const float *x;             /* + outer * x_outer + inner * x_inner + sample */
    size_t x_outer, x_inner;
    const float *g;             /* + vector * g_vector + sample * VL */
    size_t g_vector;
    size_t samples, runs, lines;    /* in a run one after another, runs in a line, lines */
    size_t x_run, g_run, x_line, g_line;
    float *sum;                 /* + outer * sum_outer + inner * sum_inner + vector * VL */
    size_t sum_outer, sum_inner;
};

/* Sums of a tile, at most. With AVX-512 a multiply-add takes x from memory and needs no register
 * for it. The more sums a vector of dy meets, the fewer loads there are beside theirs: a processor
 * that does two multiply-adds at once does no more than two loads meanwhile.                    */
#if defined(__AVX512F__)
#define MORE_5(X) X(5, 5, 1) X(6, 5, 1)
enum { TALLEST = 30 };
#else
#define MORE_5(X)
enum { TALLEST = SUMS };
#endif

INLINE void tile(const struct tile *t, const int outer, const int inner, const int vectors)
{
    vf sum[TALLEST];
    size_t x_outer = t->x_outer, x_inner = t->x_inner;
#define EACH_SUM(statement)                                                                      \
    UNROLL(16)                                                                                   \
    for (int a = 0; a < outer; a++)                                                              \
        UNROLL(8)                                                                                \
        for (int b = 0; b < inner; b++)                                                          \
            UNROLL(4)                                                                            \
            for (int v = 0; v < vectors; v++) {                                                  \
                float *at = t->sum + (size_t)a * t->sum_outer + (size_t)b * t->sum_inner + v * VL; \
                int i = (a * inner + b) * vectors + v;                                           \
                statement;                                                                       \
            }
    EACH_SUM(sum[i] = load(at))
    const float *x_line = t->x, *g_line = t->g;
    for (size_t l = 0; l < t->lines; l++, x_line += t->x_line, g_line += t->g_line) {
        const float *x_run = x_line, *g_run = g_line;
        for (size_t r = 0; r < t->runs; r++, x_run += t->x_run, g_run += t->g_run) {
            const float *g = g_run, *end = x_run + t->samples;
UNROLL(1)
            for (const float *x = x_run; x < end; x++, g += VL) {
                vf gv[4];
UNROLL(4)
                for (int v = 0; v < vectors; v++)
                    gv[v] = load(g + (size_t)v * t->g_vector);
UNROLL(16)
                for (int a = 0; a < outer; a++) {
                    const float *xa = x + (size_t)a * x_outer;
                    if (inner > 1)
                        computed(&xa);
UNROLL(8)
                    for (int b = 0; b < inner; b++) {
                        vf xs = all(xa[(size_t)b * x_inner]);
UNROLL(4)
                        for (int v = 0; v < vectors; v++) {
                            int i = (a * inner + b) * vectors + v;
                            sum[i] = madd(gv[v], xs, sum[i]);
                        }
                    }
                }
            }
        }
    }
    EACH_SUM(store(at, sum[i]))
}

#define TILE(outer, inner, vectors)                                                              \
    static void tile_##outer##_##inner##_##vectors(const struct tile *t)                        \
    {                                                                                            \
        tile(t, outer, inner, vectors);                                                          \
    }
#define ENTRY(outer, inner, vectors) [outer] = tile_##outer##_##inner##_##vectors,
typedef void tile_fn(const struct tile *t);

/* Sums beside each other: channels, or channels by the taps of a row of 5x5 kernels. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define ONE(X) X(1, 1, 1) X(2, 1, 1) X(3, 1, 1) X(4, 1, 1) X(5, 1, 1) X(6, 1, 1) X(7, 1, 1) \
    X(8, 1, 1) X(9, 1, 1) X(10, 1, 1) X(11, 1, 1) X(12, 1, 1) X(13, 1, 1) X(14, 1, 1) X(15, 1, 1) \
    X(16, 1, 1)
#define TWO(X) X(1, 1, 2) X(2, 1, 2) X(3, 1, 2) X(4, 1, 2) X(5, 1, 2) X(6, 1, 2) X(7, 1, 2) \
    X(8, 1, 2) X(9, 1, 2) X(10, 1, 2) X(11, 1, 2) X(12, 1, 2)
#define FOUR(X) X(1, 1, 4) X(2, 1, 4) X(3, 1, 4) X(4, 1, 4) X(5, 1, 4) X(6, 1, 4)
#define ONE_5(X) X(1, 5, 1) X(2, 5, 1) X(3, 5, 1) X(4, 5, 1) MORE_5(X)
#define TWO_5(X) X(1, 5, 2) X(2, 5, 2)
#else
#define ONE(X) X(1, 1, 1) X(2, 1, 1) X(3, 1, 1) X(4, 1, 1) X(5, 1, 1) X(6, 1, 1) X(7, 1, 1) \
    X(8, 1, 1)
#define TWO(X) X(1, 1, 2) X(2, 1, 2) X(3, 1, 2) X(4, 1, 2) X(5, 1, 2) X(6, 1, 2)
#define FOUR(X) X(1, 1, 4) X(2, 1, 4) X(3, 1, 4)
#define ONE_5(X) X(1, 5, 1) X(2, 5, 1)
#define TWO_5(X) X(1, 5, 2)
#endif
ONE(TILE) TWO(TILE) FOUR(TILE) ONE_5(TILE) TWO_5(TILE)
static tile_fn *const one[] = {NULL, ONE(ENTRY)}, *const two[] = {NULL, TWO(ENTRY)},
                      *const four[] = {NULL, FOUR(ENTRY)}, *const one_5[] = {NULL, ONE_5(ENTRY)},
                      *const two_5[] = {NULL, TWO_5(ENTRY)};
#define MOST(table) (sizeof table / sizeof *table - 1)

/* How a call is cut up: `channels` input channels by `inner` taps of a row by `vectors` vectors. */
struct shape {
    tile_fn *const *fn;
    size_t channels, inner, vectors;
};

static struct shape shape(const struct tsgd_conv *d, size_t vectors)
{
    bool five = d->pad == 0 && d->window == 5;
    if (vectors >= 4 && !five && d->in_c <= MOST(four))
        return (struct shape){four, MOST(four), 1, 4};
    if (vectors >= 2)
        return five ? (struct shape){two_5, MOST(two_5), 5, 2} :
                      (struct shape){two, MOST(two), 1, 2};
    return five ? (struct shape){one_5, MOST(one_5), 5, 1} :
                  (struct shape){one, MOST(one), 1, 1};
}

/* t [panels][samples][VL] from dy [channels][samples]; channels after the last are 0. */
static void panels(const float *dy, size_t channels, size_t samples, float *t)
{
    for (size_t o = 0; o < channels; o += VL)
        for (size_t s = 0; s < samples; s += VL, t += VL * VL)
            transpose_block(dy + o * samples + s, samples, channels - o, t, VL);
}

/* dw [channels][row] from sum [n][vectors * VL], whose columns are the channels. */
static void put(const float *sum, size_t n, size_t vectors, size_t channels, float *dw, size_t row)
{
    for (size_t v = 0; v < vectors; v++)
        for (size_t i = 0; i < n; i += VL) {
            size_t some = n - i < VL ? n - i : VL;
            vf x[VL];
UNROLL(16)
            for (size_t k = 0; k < VL; k++)
                x[k] = k < some ? load(sum + ((i + k) * vectors + v) * VL) : (vf){0};
            transpose(x);
            for (size_t o = 0; o < VL && v * VL + o < channels; o++) {
                float *to = dw + (v * VL + o) * row + i;
                if (some == VL) {
                    storeu(to, x[o]);
                } else {
                    for (size_t k = 0; k < some; k++)
                        to[k] = x[o][k];
                }
            }
        }
}

/* Samples in a block: the second-level cache keeps them from one tap to the next. */
enum { BLOCK = 2048 };

/* Input rows of some channels, `plane` floats from one channel to the next. */
struct source {
    const float *x;
    size_t plane, first;        /* first: the number of the row that stands at x */
};

/* Planes whose distance is a multiple of this many floats fall into the same sets of the
 * first-level cache, each of which holds about as many lines as a tile has channels.            */
enum { ALIAS = 1024, FEW = 4 };

static bool collide(const struct tsgd_conv *d)
{
    return d->in_c > FEW && d->in_h * d->in_w * d->ld % ALIAS == 0;
}

static size_t block_lines(const struct tsgd_conv *d)
{
    size_t lines = BLOCK / (d->out_w * d->ld);
    lines = lines ? lines : 1;
    return lines < d->out_h ? lines : d->out_h;
}

/* Floats from one channel to the next where input rows of a block are put apart. */
static size_t apart(const struct tsgd_conv *d)
{
    size_t rows = (block_lines(d) - 1) * d->stride + d->window;
    return (rows < d->in_h ? rows : d->in_h) * d->in_w * d->ld + 5 * VL;
}

/* The input rows that output rows from .. to - 1 of `channels` channels look at. */
static struct source put_apart(const struct tsgd_conv *d, const float *x, size_t channels,
                               size_t from, size_t to, float *copy)
{
    size_t line = d->in_w * d->ld, plane = d->in_h * line, far = apart(d);
    size_t top = from * d->stride, end = (to - 1) * d->stride + d->window;
    top = top > d->pad ? top - d->pad : 0;
    end = end > d->pad ? end - d->pad : 0;
    end = end < d->in_h ? end : d->in_h;
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; top < end && i < (end - top) * line; i += VL)
            store(copy + c * far + i, load(x + c * plane + top * line + i));
    return (struct source){copy, far, top};
}

/* Adds output rows from .. to - 1 for tap (p, q .. q + inner - 1) to a tile's sums. */
static void add_tap(const struct tsgd_conv *d, tile_fn *fn, const struct shape *s,
                    const struct source *in, const float *g, size_t p, size_t q, size_t from,
                    size_t to, float *sum)
{
    size_t line = d->in_w * d->ld, area = d->window * d->window, sums = s->vectors * VL;
    struct tsgd_span down = tsgd_span(p, d->in_h, d->out_h, d);
    struct tsgd_span across = tsgd_span(q, d->in_w, d->out_w, d);
    size_t begin = down.first > from ? down.first : from;
    size_t end = down.first + down.count < to ? down.first + down.count : to;
    if (begin >= end || across.count == 0)
        return;
    bool whole = d->stride == 1;
    const struct tile t = {
        .x = in->x + (begin * d->stride + p - d->pad - in->first) * line +
             (across.first * d->stride + q - d->pad) * d->ld,
        .x_outer = in->plane, .x_inner = d->ld,
        .g = g + (begin * d->out_w + across.first) * d->ld * VL,
        .g_vector = d->out_h * d->out_w * d->ld * VL,
        .lines = end - begin, .runs = whole ? 1 : across.count,
        .samples = (whole ? across.count : 1) * d->ld,
        .x_run = d->stride * d->ld, .g_run = d->ld * VL,
        .x_line = d->stride * line, .g_line = d->out_w * d->ld * VL,
        .sum = sum + (p * d->window + q) * sums, .sum_outer = area * sums, .sum_inner = sums,
    };
    fn(&t);
}

/* Enough for every smaller ld too, although that may have longer blocks. */
size_t TSGD_FN(conv_weight_scratch)(const struct tsgd_conv *d)
{
    size_t wide = (d->out_c + VL - 1) / VL * VL;
    size_t block = BLOCK / d->out_w > d->ld ? BLOCK / d->out_w : d->ld;
    size_t rows = d->stride * block + d->window * d->ld, most = d->in_h * d->ld;
    size_t channels = d->in_c > FEW ? d->in_c < MOST(one) ? d->in_c : MOST(one) : 0;
    if (tsgd_few_channels(d))
        return tsgd_lane_scratch(d);
    return wide * d->out_h * d->out_w * d->ld + SUMS * VL * d->window * d->window +
           channels * ((rows < most ? rows : most) * d->in_w + 5 * VL);
}

static void products(const struct tsgd_conv *d, const float *x, const float *dy, float *dw,
                     float *scratch)
{
    size_t samples = d->out_h * d->out_w * d->ld, area = d->window * d->window;
    size_t all_vectors = (d->out_c + VL - 1) / VL, in_plane = d->in_h * d->in_w * d->ld;
    size_t lines = block_lines(d);
    bool copy = collide(d);
    float *g = scratch, *sum = g + all_vectors * VL * samples, *copied = sum + SUMS * VL * area;
    panels(dy, d->out_c, samples, g);
    for (size_t v = 0; v < all_vectors;) {
        struct shape s = shape(d, all_vectors - v);
        size_t left = d->in_c, c = 0, o = v * VL;
        for (size_t parts = (left + s.channels - 1) / s.channels; parts > 0; parts--) {
            size_t n = (left + parts - 1) / parts;
            for (size_t i = 0; i < n * area * s.vectors * VL; i += VL)
                store(sum + i, (vf){0});
            for (size_t from = 0; from < d->out_h; from += lines) {
                size_t to = from + lines < d->out_h ? from + lines : d->out_h;
                struct source in = {x + c * in_plane, in_plane, 0};
                if (copy)
                    in = put_apart(d, in.x, n, from, to, copied);
                for (size_t p = 0; p < d->window; p++)
                    for (size_t q = 0; q < d->window; q += s.inner)
                        add_tap(d, s.fn[n], &s, &in, g + o * samples, p, q, from, to, sum);
            }
            put(sum, n * area, s.vectors, d->out_c - o, dw + (o * d->in_c + c) * area,
                d->in_c * area);
            left -= n;
            c += n;
        }
        v += s.vectors;
    }
}

static float add_up(const float *p, size_t n)
{
    vf sum[4][PARTS] = {{{0}}};
    for (size_t j = 0; j < n; j += 16)
        for (size_t h = 0; h < PARTS; h++)
            sum[j / 16 % 4][h] += load(p + j + h * VL);
    for (size_t h = 0; h < PARTS; h++)
        sum[0][h] = (sum[0][h] + sum[1][h]) + (sum[2][h] + sum[3][h]);
    return total(sum[0]);
}

void TSGD_FN(conv_weight_gradient)(const struct tsgd_conv *d, const float *x, const float *dy,
                                   float *dw, float *dbias, float *scratch)
{
    size_t plane = d->out_h * d->out_w * d->ld;
    if (tsgd_few_channels(d))
        TSGD_FN(conv_lane_gradient)(d, x, dy, NULL, dw, NULL, scratch);
    else
        products(d, x, dy, dw, scratch);
    for (size_t o = 0; dbias && o < d->out_c; o++)
        dbias[o] = add_up(dy + o * plane, plane);
}

bool TSGD_FN(conv_pooled_gradient)(const struct tsgd_conv *d, const float *x, const float *dp,
                                   const uint16_t *won, float *dw, float *dbias, float *scratch)
{
    if (!tsgd_few_channels(d) || d->in_c > TSGD_LANE_PAIRS)
        return false;
    TSGD_FN(conv_lane_gradient)(d, x, dp, won, dw, dbias, scratch);
    return true;
}
