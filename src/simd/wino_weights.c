/* The gradient of the weights of Winograd's convolutions (simd/wino.h):
 *     dw = G^T (sum over columns and samples of (A dy A^T) (B^T x B)) G.
 * For every point that sum is a product of matrices: rows are channels of the input, from V, and
 * the lanes of its columns are channels of the output, from G [point][sample][rows], for which dy
 * is transposed before it is transformed. Blocks:
 *   columns  so many that their V and G stay in the second-level cache; or, where weights are many,
 *            all, so that a block of sums is transformed back as soon as it is complete
 *   rows     channels of the output, whose G is made at a time
 *   depth    channels of the input                                                              */
#include "simd/wino.h"

/* Bytes of sums that are kept while columns pass by; of V that is then best; and of V where the
 * sums are more than that. Blocks of rows and depth.                                            */
enum { SUMS_STAY = 3 << 19, V_STAYS = 1 << 18, V_MOST = 3 << 22, MOST_ROWS = 32, MOST_DEPTH = 64 };

/* Columns of a partial sum. */
enum { PARTIAL = TERMS / VL };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static struct tsgd_wino_blocks blocks(const enum tsgd_form f, const struct tsgd_wino *l)
{
    size_t rows = wino_up(l->out, 16), depth = wino_up(l->in, 16), points = POINTS(f) * POINTS(f);
    size_t sums = points * depth * rows * sizeof(float);
    size_t column = points * depth * VL * sizeof(float);
    size_t fit = (sums <= SUMS_STAY ? V_STAYS : V_MOST) / column / PARTIAL * PARTIAL;
    return (struct tsgd_wino_blocks){
        .columns = least(wino_columns(f, l, VL), fit > PARTIAL ? fit : PARTIAL),
        .rows = least(rows, MOST_ROWS), .depth = least(depth, MOST_DEPTH),
    };
}

/* The scratch: zeros, V, G, transposed pixels, and sums [point][depth][rows], one block or,
 * where the columns come in several blocks, all.                                               */
struct areas {
    size_t v, g, pixels, sums, block, end;
    bool kept;
};

static struct areas areas(const enum tsgd_form f, const struct tsgd_wino *l,
                          struct tsgd_wino_blocks b)
{
    size_t points = POINTS(f) * POINTS(f), rows = wino_up(l->out, 16), depth = wino_up(l->in, 16);
    size_t n = (rows + b.rows - 1) / b.rows * ((depth + b.depth - 1) / b.depth);
    struct areas a = {.v = wino_zeros(l), .kept = b.columns < wino_columns(f, l, VL)};
    a.g = a.v + points * wino_v_point(depth, b.columns);
    a.pixels = a.g + points * wino_apart(b.columns * VL * b.rows);
    a.sums = a.pixels + 16 * VL * VL;
    a.block = points * wino_apart(b.depth * b.rows);
    a.end = a.sums + (a.kept ? n : 1) * a.block;
    return a;
}

/* G of columns first .. first + n - 1, from `some` channels of dy; lanes beyond are zeros. */
INLINE void transform_gradient(const enum tsgd_form f, const struct tsgd_wino *l, const float *dy,
                               size_t rows, size_t some, size_t first, size_t n, float *g,
                               float *pixels)
{
    const size_t points = POINTS(f), across = RESULT(f);
    size_t line = l->w * l->ld, plane = l->h * line, point = wino_apart(n * VL * rows);
    for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < rows; r += VL) {
            struct tsgd_wino_column at = wino_column(f, l, first + t);
            size_t channels = some > r ? some - r : 0;
            for (size_t q = 0; q < across * across; q++) {
                size_t i = at.i + q / across, j = at.j + q % across;
                bool inside = i < l->h && j < l->w;
                transpose_block(dy + r * plane + i * line + j * l->ld + at.lane, plane,
                                inside ? channels : 0, pixels + q * VL * VL, VL);
            }
            for (size_t s = 0; s < VL; s++) {
                float *to = g + (t * VL + s) * rows + r;
                WINO_SQUARE(f, wino_gradient, across, points, (void)0,
                            load(pixels + ((i * across + j) * VL + s) * VL),
                            wino_put(&to, point, o[j]));
            }
        }
}

/* A tile of sums over n columns of V and G, added to if there is more, PARTIAL at a time. */
INLINE void tile(const float *v, size_t v_panel, const float *g, size_t rows, size_t n, float *sums,
                 bool more, const size_t channels, const size_t vectors)
{
    for (size_t end; n > 0; n = end, more = true) {
        vf sum[16][2];
        end = n > PARTIAL ? n - PARTIAL : 0;
UNROLL(16)
        for (size_t i = 0; i < channels; i++)
UNROLL(2)
            for (size_t j = 0; j < vectors; j++)
                sum[i][j] = (vf){0};
        for (size_t t = n, samples; t > end; t -= samples / VL, v += v_panel) {
            samples = t - end > 1 ? 2 * VL : VL;
            for (size_t s = 0; s < samples; s++, g += rows) {
                vf x[2];
UNROLL(2)
                for (size_t j = 0; j < vectors; j++)
                    x[j] = load(g + j * VL);
UNROLL(16)
                for (size_t i = 0; i < channels; i++)
UNROLL(2)
                    for (size_t j = 0; j < vectors; j++)
                        sum[i][j] = madd(all(v[i * 2 * VL + s]), x[j], sum[i][j]);
            }
        }
UNROLL(16)
        for (size_t i = 0; i < channels; i++)
UNROLL(2)
            for (size_t j = 0; j < vectors; j++) {
                float *at = sums + i * rows + j * VL;
                store(at, sum[i][j] + (more ? load(at) : (vf){0}));
            }
    }
}

/* sums [depth][rows] (+)= V G, one point of n columns. Tiles have wino_tile channels of the input;
 * where only one vector is left, 16.                                                            */
static void product(const float *v, size_t v_panel, const float *g, size_t n, size_t depth,
                    size_t rows, float *sums, bool more, struct tsgd_wino_ahead *ahead)
{
    size_t r = 0;
    for (; rows - r >= 2 * VL; r += 2 * VL)
        for (size_t c = 0, high; c < depth; c += high) {
            const float *from = v + c * 2 * VL;
            float *to = sums + c * rows + r;
            high = wino_tile(depth - c);
            wino_ask(ahead, true);
            if (high == ROWS)
                tile(from, v_panel, g + r, rows, n, to, more, ROWS, 2);
            else
                tile(from, v_panel, g + r, rows, n, to, more, REST, 2);
        }
#if defined(__AVX512F__)
    for (size_t c = 0; r < rows && c < depth; c += 16)
        tile(v + c * 2 * VL, v_panel, g + r, rows, n, sums + c * rows + r, more, 16, 1);
#endif
}

/* The taps of VL channels of the output, of one of the input, from sums [point][depth][rows]. */
INLINE void taps(const enum tsgd_form f, const float *sums, size_t point, vf k[9])
{
    const size_t points = POINTS(f);
    const float *p;
    WINO_SQUARE(f, wino_taps_gradient, points, (size_t)3, p = sums; sums = wino_on(sums, point),
                wino_point(&p, points * point), k[3 * i + j] = o[j]);
}

/* dw of `outputs` channels, row floats apart, by `inputs`, from sums [point][depth][rows]. */
INLINE void transform_back(const enum tsgd_form f, const float *sums, size_t depth, size_t rows,
                           size_t inputs, size_t outputs, float *dw, size_t row)
{
    size_t point = wino_apart(depth * rows), c = 0;
    vf k[9 * VL];
    for (; inputs - c >= VL; c += VL)
        for (size_t r = 0; r < outputs; r += VL) {
            for (size_t i = 0; i < VL; i++)
                taps(f, sums + (c + i) * rows + r, point, k + 9 * i);
            wino_store_neighbours(k, dw + r * row + c * 9, row, outputs - r);
        }
    for (; c < inputs; c++)
        for (size_t r = 0; r < outputs; r += VL) {
            taps(f, sums + c * rows + r, point, k);
            wino_store_kernels(k, dw + r * row + c * 9, row, outputs - r);
        }
}

INLINE void run(const enum tsgd_form f, const struct tsgd_wino *l, const float *x, const float *dy,
                float *dw, float *scratch)
{
    struct tsgd_wino_blocks b = blocks(f, l);
    struct areas a = areas(f, l, b);
    size_t points = POINTS(f) * POINTS(f), columns = wino_columns(f, l, VL), n, rows, depth;
    size_t channels = wino_up(l->in, 16), plane = l->h * l->w * l->ld;
    float *v = scratch + a.v, *g = scratch + a.g;
    for (size_t j = 0; j < a.v; j += VL)
        store(scratch + j, (vf){0});
    for (size_t first = 0; first < columns; first += n) {
        float *sums = scratch + a.sums;
        n = least(columns - first, b.columns);
        wino_fill(f, l, x, first, n, channels, v, scratch);
        for (size_t r = 0; r < l->out; r += rows) {
            rows = least(wino_up(l->out - r, 16), b.rows);
            transform_gradient(f, l, dy + r * plane, rows, l->out - r, first, n, g,
                               scratch + a.pixels);
            for (size_t c = 0; c < l->in; c += depth, sums += a.kept ? a.block : 0) {
                depth = least(channels - c, b.depth);
                struct tsgd_wino_ahead ahead =
                    wino_ahead(dw + (r * l->in + c) * 9, l->in * 9, depth * 9,
                               first + n == columns ? rows : 0,
                               points * wino_up(rows, 2 * VL) / (2 * VL) * (depth / ROWS));
                for (size_t p = 0; p < points; p++)
                    product(v + p * wino_v_point(channels, n) + c * 2 * VL, channels * 2 * VL,
                            g + p * wino_apart(n * VL * rows), n, depth, rows,
                            sums + p * wino_apart(depth * rows), first > 0, &ahead);
                if (first + n == columns)
                    transform_back(f, sums, depth, rows, least(l->in - c, depth),
                                   least(l->out - r, rows), dw + (r * l->in + c) * 9, l->in * 9);
            }
        }
    }
}

static struct tsgd_wino whole(const struct tsgd_conv *d)
{
    return (struct tsgd_wino){d->in_c, d->out_c, d->in_h, d->in_w, d->ld};
}

size_t TSGD_FN(wino_weight_scratch)(const struct tsgd_conv *d)
{
    const struct tsgd_wino l = whole(d);
    enum tsgd_form f = wino_form(&l);
    return areas(f, &l, blocks(f, &l)).end;
}

void TSGD_FN(wino_weight_gradient)(const struct tsgd_conv *d, const float *x, const float *dy,
                                   float *dw, float *scratch)
{
    const struct tsgd_wino l = whole(d);
    if (wino_form(&l) == FOUR)
        run(FOUR, &l, x, dy, dw, scratch);
    else
        run(PAIR, &l, x, dy, dw, scratch);
}
