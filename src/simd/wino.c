/* Winograd's convolutions forward, and the gradient of the input, which is one too, with the
 * weights' roles exchanged and their kernels turned round. simd/wino.h says how.
 *
 * For every point the sums over channels are a product of matrices, M = U V: rows are channels of
 * the result, columns those of wino.h. Blocks:
 *   columns  so many that their V stays in the second-level cache; or, where weights are many, all,
 *            and then V is read from the third-level cache while U is made block by block
 *   rows     so many that their M stays in the second-level cache until it is transformed back
 *   depth    TERMS channels of the source: their U stays there too                               */
#include "simd/wino.h"

/* Bytes of transformed weights that are kept while columns pass by; of V that is then best; and of
 * V where the weights are more than that. A block of rows.                                      */
enum { WEIGHTS_STAY = 3 << 19, V_STAYS = 1 << 18, V_MOST = 3 << 22, MOST_ROWS = 32 };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* A function of the channels, and of the columns: never more for fewer of those. */
static struct tsgd_wino_blocks blocks(const enum tsgd_form f, const struct tsgd_wino *l)
{
    size_t rows = wino_up(l->out, 16), points = POINTS(f) * POINTS(f);
    size_t weights = points * l->in * rows * sizeof(float);
    size_t column = points * l->in * VL * sizeof(float);
    size_t fit = (weights <= WEIGHTS_STAY ? V_STAYS : V_MOST) / column / 2 * 2;
    return (struct tsgd_wino_blocks){
        .columns = least(wino_columns(f, l, VL), fit > 2 ? fit : 2),
        .rows = least(rows, MOST_ROWS), .depth = least(l->in, TERMS),
    };
}

/* The scratch of a pass: zeros, then V, M and U. U has one block, or all where they are kept. */
struct areas {
    size_t v, m, u, u_block, end;
    bool kept;
};

static struct areas areas(const enum tsgd_form f, const struct tsgd_wino *l,
                          struct tsgd_wino_blocks b)
{
    size_t points = POINTS(f) * POINTS(f), rows = wino_up(l->out, 16);
    struct areas a = {.v = wino_zeros(l)};
    size_t u_blocks = (rows + b.rows - 1) / b.rows * ((l->in + b.depth - 1) / b.depth);
    a.kept = points * l->in * rows * sizeof(float) <= WEIGHTS_STAY;
    a.m = a.v + points * wino_v_point(l->in, b.columns);
    a.u = a.m + points * wino_v_point(b.rows, b.columns);
    a.u_block = points * wino_apart(b.depth * b.rows);
    a.end = a.u + (a.kept ? u_blocks : 1) * a.u_block;
    return a;
}

/* One kernel in each lane, transformed, to `to`, points that far apart. */
INLINE void points_of(const enum tsgd_form f, const vf k[9], const bool turned, float *to,
                      size_t point)
{
    const size_t points = POINTS(f);
    WINO_SQUARE(f, wino_taps, (size_t)3, points, (void)0,
                k[turned ? 8 - 3 * i - j : 3 * i + j], wino_put(&to, point, o[j]));
}

/* U [point][depth][rows] of kernels w_row apart by channel of the result, `some` of which there
 * are, and w_depth by channel of the source.                                                    */
INLINE void transform_weights(const enum tsgd_form f, const float *w, size_t w_row, size_t w_depth,
                              const bool turned, size_t depth, size_t some, size_t rows, float *u)
{
    size_t point = wino_apart(depth * rows), c = 0;
    vf k[9 * VL];
    for (; !turned && depth - c >= VL; c += VL)
        for (size_t r = 0; r < rows; r += VL) {
            const float *from = w + r * w_row + c * 9;
            wino_load_neighbours(from, w_row, some > r ? some - r : 0, k);
            for (size_t i = 0; i < VL; i++)
                points_of(f, k + 9 * i, turned, u + (c + i) * rows + r, point);
        }
    for (; c < depth; c++)
        for (size_t r = 0; r < rows; r += VL) {
            const float *from = w + r * w_row + c * w_depth;
            wino_load_kernels(from, w_row, some > r ? some - r : 0, k);
            points_of(f, k, turned, u + c * rows + r, point);
        }
}

/* `high` rows and `columns` columns of a panel of M, added to if there is more. */
INLINE void tile(const float *u, size_t rows, const float *v, size_t depth, float *m, bool more,
                 const size_t high, const size_t columns)
{
    vf sum[ROWS][2];
UNROLL(8)
    for (size_t i = 0; i < high; i++)
UNROLL(2)
        for (size_t j = 0; j < columns; j++)
            sum[i][j] = (vf){0};
    for (size_t c = 0; c < depth; c++, u += rows, v += 2 * VL) {
        vf x[2];
UNROLL(2)
        for (size_t j = 0; j < columns; j++)
            x[j] = load(v + j * VL);
UNROLL(8)
        for (size_t i = 0; i < high; i++)
UNROLL(2)
            for (size_t j = 0; j < columns; j++)
                sum[i][j] = madd(all(u[i]), x[j], sum[i][j]);
    }
UNROLL(8)
    for (size_t i = 0; i < high; i++)
UNROLL(2)
        for (size_t j = 0; j < columns; j++) {
            float *at = m + (2 * i + j) * VL;
            store(at, sum[i][j] + (more ? load(at) : (vf){0}));
        }
}

/* M [panel][rows][2], one point of n columns, (+)= U [depth][rows] V [panel][..][2], of whose
 * channels those `depth` are meant that begin at v; a panel of V has v_panel floats. Its first
 * panel asks for what is ahead.                                                                 */
static void product(const float *u, size_t rows, const float *v, size_t v_panel, size_t n,
                    size_t depth, float *m, bool more, struct tsgd_wino_ahead *ahead)
{
    for (size_t t = 0; t < n; t += 2, v += v_panel, m += rows * 2 * VL)
        for (size_t r = 0, high; r < rows; r += high) {
            high = n - t > 1 ? wino_tile(rows - r) : REST;
            if (t == 0)
                wino_ask(ahead, false);
            if (n - t == 1)
                tile(u + r, rows, v, depth, m + r * 2 * VL, more, REST, 1);
            else if (high == ROWS)
                tile(u + r, rows, v, depth, m + r * 2 * VL, more, ROWS, 2);
            else
                tile(u + r, rows, v, depth, m + r * 2 * VL, more, REST, 2);
        }
}

/* The result's channels from row 0 of M on, `some` of `rows`, columns first .. first + n - 1. */
INLINE void transform_back(const enum tsgd_form f, const struct tsgd_wino *l, const float *m,
                           size_t rows, size_t some, size_t first, size_t n, const float *bias,
                           float *y)
{
    const size_t points = POINTS(f), pixels = RESULT(f);
    size_t line = l->w * l->ld, plane = l->h * line, point = wino_v_point(rows, n);
    for (size_t r = 0; r < some; r++) {
        vf b = all(bias ? bias[r] : 0);
        for (size_t t = 0; t < n; t++) {
            struct tsgd_wino_column at = wino_column(f, l, first + t);
            const float *from = m + ((t / 2 * rows + r) * 2 + t % 2) * VL, *p;
            float *to = y + r * plane + at.i * line + at.j * l->ld + at.lane;
            /* A tile may reach beyond the image. */
            WINO_SQUARE(f, wino_result, points, pixels, p = from; from = wino_on(from, point),
                        wino_point(&p, points * point),
                        if (at.i + i < l->h && at.j + j < l->w) {
                            __builtin_prefetch(to + plane, 1);      /* the next channel's */
                            store(to, o[j] + b);
                        }
                        to = (float *)wino_on(to, j + 1 < pixels ? l->ld :
                                                                 line - (pixels - 1) * l->ld));
        }
    }
}

/* A pass of one form; turned: the gradient of the input. */
INLINE void run(const enum tsgd_form f, const struct tsgd_wino *l, const float *w,
                const bool turned, const float *bias, const float *x, float *y, float *scratch)
{
    struct tsgd_wino_blocks b = blocks(f, l);
    struct areas a = areas(f, l, b);
    size_t points = POINTS(f) * POINTS(f), columns = wino_columns(f, l, VL), n;
    size_t w_row = turned ? 9 : l->in * 9, w_depth = turned ? l->out * 9 : 9, rows, depth;
    float *v = scratch + a.v, *m = scratch + a.m;
    for (size_t j = 0; j < a.v; j += VL)
        store(scratch + j, (vf){0});
    for (size_t first = 0; first < columns; first += n) {
        float *u = scratch + a.u;
        n = least(columns - first, b.columns);
        wino_fill(f, l, x, first, n, l->in, v, scratch);
        for (size_t r = 0; r < l->out; r += rows) {
            rows = least(wino_up(l->out - r, 16), b.rows);
            size_t some = least(l->out - r, rows);
            for (size_t c = 0; c < l->in; c += depth, u += a.kept ? a.u_block : 0) {
                depth = least(l->in - c, b.depth);
                if (first == 0 || !a.kept)
                    transform_weights(f, w + r * w_row + c * w_depth, w_row, w_depth, turned,
                                      depth, some, rows, u);
                const float *next = c + depth < l->in ? w + r * w_row + (c + depth) * w_depth :
                                                        w + (r + rows) * w_row;
                size_t strips = a.kept && first > 0 ? 0 : turned ? depth : rows;
                struct tsgd_wino_ahead ahead =
                    wino_ahead(next, turned ? w_depth : w_row, 9 * (turned ? rows : depth), strips,
                               points * (rows / ROWS));
                for (size_t p = 0; p < points; p++)
                    product(u + p * wino_apart(depth * rows), rows,
                            v + p * wino_v_point(l->in, n) + c * 2 * VL, l->in * 2 * VL, n, depth,
                            m + p * wino_v_point(rows, n), c > 0, &ahead);
            }
            transform_back(f, l, m, rows, some, first, n, bias ? bias + r : NULL,
                           y + r * l->h * l->w * l->ld);
        }
    }
}

static struct tsgd_wino forward(const struct tsgd_conv *d)
{
    return (struct tsgd_wino){d->in_c, d->out_c, d->in_h, d->in_w, d->ld};
}

static struct tsgd_wino backward(const struct tsgd_conv *d)
{
    return (struct tsgd_wino){d->out_c, d->in_c, d->in_h, d->in_w, d->ld};
}

size_t TSGD_FN(wino_scratch)(const struct tsgd_conv *d)
{
    const struct tsgd_wino one = forward(d), other = backward(d);
    enum tsgd_form f = wino_form(&one);
    size_t a = areas(f, &one, blocks(f, &one)).end, b = areas(f, &other, blocks(f, &other)).end;
    return a > b ? a : b;
}

void TSGD_FN(wino_forward)(const struct tsgd_conv *d, const float *w, const float *bias,
                           const float *x, float *y, float *scratch)
{
    const struct tsgd_wino l = forward(d);
    if (wino_form(&l) == FOUR)
        run(FOUR, &l, w, false, bias, x, y, scratch);
    else
        run(PAIR, &l, w, false, bias, x, y, scratch);
}

void TSGD_FN(wino_input_gradient)(const struct tsgd_conv *d, const float *w, const float *dy,
                                  float *dx, float *scratch)
{
    const struct tsgd_wino l = backward(d);
    if (wino_form(&l) == FOUR)
        run(FOUR, &l, w, true, NULL, dy, dx, scratch);
    else
        run(PAIR, &l, w, true, NULL, dy, dx, scratch);
}
