/* simd/wino.h: Winograd's convolutions of 3x3 kernels, stride 1, padding 1: what the passes share.
 *
 * The result is cut into square tiles, and each tile is found by fewer multiplications than the
 * taps of its pixels are: source pixels and weights are transformed, their products summed over the
 * channels one point at a time, and the sums transformed back. Along one axis
 *     result = A^T ((G weights) * (B^T source)),
 * and a square takes the same twice, for its columns and its rows. Two forms are used:
 *
 *   FOUR  F(4, 3): 4 pixels of the result from 6 of the source by 6 products, not 12; the points
 *         are 0, 1, -1, 2, -2 and infinity.
 *   PAIR  an image of 2 pixels, which uses 4 taps, by 3 products:
 *         y0 = w1 x0 + w2 x1,  y1 = w0 x0 + w1 x1.
 *
 * A column is one tile of VL samples. Columns are numbered by tile, then by sample, and stand in
 * panels of two: V [point][panel][channel][2][VL]. What one point holds is `apart` from the next,
 * because points at a distance of a multiple of 4 KiB would share the sets of the caches.
 *
 * A sum over channels, or over samples, has one order, whatever VL is and whatever the blocks are
 * that the work is cut into: TERMS of them are added one after another, then such partial sums.
 * The error stays smaller so.                                                                   */
#ifndef TSGD_SIMD_WINO_H
#define TSGD_SIMD_WINO_H

#include "simd/simd.h"

enum tsgd_form { FOUR, PAIR };
enum { TERMS = 64 };

/* Along an axis: points, pixels of the source and of the result, and of padding before the first
 * tile's source.                                                                                */
#define POINTS(f) (size_t)((f) == FOUR ? 6 : 3)
#define SOURCE(f) (size_t)((f) == FOUR ? 6 : 2)
#define RESULT(f) (size_t)((f) == FOUR ? 4 : 2)
#define BORDER(f) (size_t)((f) == FOUR ? 1 : 0)

/* B^T: of SOURCE pixels. */
INLINE void wino_source(const enum tsgd_form f, const vf *d, vf *o)
{
    if (f == FOUR) {
        vf p = madd(all(-4), d[2], d[4]), q = madd(all(-4), d[1], d[3]);
        vf r = d[4] - d[2], s = d[3] - d[1];
        o[0] = madd(all(4), d[0], madd(all(-5), d[2], d[4]));
        o[1] = p + q;
        o[2] = p - q;
        o[3] = madd(all(2), s, r);
        o[4] = madd(all(-2), s, r);
        o[5] = madd(all(4), d[1], madd(all(-5), d[3], d[5]));
    } else {
        o[0] = d[0] + d[1];
        o[1] = d[1];
        o[2] = d[0];
    }
}

/* G: of three taps. */
INLINE void wino_taps(const enum tsgd_form f, const vf *w, vf *o)
{
    if (f == FOUR) {
        vf s = (w[0] + w[2]) * all(-1 / 6.f), t = w[1] * all(-1 / 6.f);
        vf p = madd(all(1 / 24.f), w[0], w[2] * all(1 / 6.f)), q = w[1] * all(1 / 12.f);
        o[0] = w[0] * all(0.25f);
        o[1] = s + t;
        o[2] = s - t;
        o[3] = p + q;
        o[4] = p - q;
        o[5] = w[2];
    } else {
        o[0] = w[1];
        o[1] = w[2] - w[1];
        o[2] = w[0] - w[1];
    }
}

/* A^T: RESULT pixels from the sums of the points. */
INLINE void wino_result(const enum tsgd_form f, const vf *m, vf *y)
{
    if (f == FOUR) {
        vf s = m[1] + m[2], d = m[1] - m[2], t = m[3] + m[4], e = m[3] - m[4];
        y[0] = m[0] + s + t;
        y[1] = madd(all(2), e, d);
        y[2] = madd(all(4), t, s);
        y[3] = madd(all(8), e, d) + m[5];
    } else {
        y[0] = m[0] + m[1];
        y[1] = m[0] + m[2];
    }
}

/* A: of RESULT pixels of a gradient. */
INLINE void wino_gradient(const enum tsgd_form f, const vf *y, vf *m)
{
    if (f == FOUR) {
        vf s = y[0] + y[2], d = y[1] + y[3], t = madd(all(4), y[2], y[0]);
        vf e = madd(all(8), y[3], y[1] + y[1]);
        m[0] = y[0];
        m[1] = s + d;
        m[2] = s - d;
        m[3] = t + e;
        m[4] = t - e;
        m[5] = y[3];
    } else {
        m[0] = y[0] + y[1];
        m[1] = y[0];
        m[2] = y[1];
    }
}

/* G^T: three taps from the sums of the points. */
INLINE void wino_taps_gradient(const enum tsgd_form f, const vf *u, vf *w)
{
    if (f == FOUR) {
        vf s = (u[1] + u[2]) * all(-1 / 6.f), d = (u[1] - u[2]) * all(-1 / 6.f);
        vf t = (u[3] + u[4]) * all(1 / 24.f), e = (u[3] - u[4]) * all(1 / 12.f);
        w[0] = madd(all(0.25f), u[0], s + t);
        w[1] = d + e;
        w[2] = madd(all(4), t, s) + u[5];
    } else {
        w[0] = u[2];
        w[1] = u[0] - u[1] - u[2];
        w[2] = u[1];
    }
}

/* Rows of a tile of two columns: as many sums as stay in registers with what is multiplied. Rows
 * are a multiple of 16, and the last of them may take tiles of REST rows.                        */
#if defined(__AVX512F__) || defined(__aarch64__)
enum { ROWS = 8, REST = 8 };
#else
enum { ROWS = 6, REST = 4 };
#endif

INLINE size_t wino_tile(size_t left)
{
    return left > 2 * REST || left == ROWS ? ROWS : REST;
}

/* p + n, computed here and now: gcc would keep the addresses of all points, far more than there are
 * registers, from one square to the next.                                                       */
INLINE const float *wino_on(const float *p, size_t n)
{
    p += n;
    __asm__("" : "+r"(p));
    return p;
}

/* A square takes a step twice, for its columns and then for its rows. Statements: `column` begins
 * column j of the square, of side `from`; `put` keeps o[j], which is what the result, of side `to`,
 * has in row i and column j, one row after another. `get` is an expression of i and j: what the
 * square has there, one column after another.                                                   */
#define WINO_SQUARE(f, step, from, to, column, get, put)                                          \
    do {                                                                                          \
        vf half[6][6];                                                                            \
        UNROLL(6)                                                                                 \
        for (size_t j = 0; j < (from); j++) {                                                     \
            vf d[6], o[6];                                                                        \
            column;                                                                               \
            UNROLL(6)                                                                             \
            for (size_t i = 0; i < (from); i++)                                                   \
                d[i] = (get);                                                                     \
            step(f, d, o);                                                                        \
            UNROLL(6)                                                                             \
            for (size_t i = 0; i < (to); i++)                                                     \
                half[i][j] = o[i];                                                                \
        }                                                                                         \
        UNROLL(6)                                                                                 \
        for (size_t i = 0; i < (to); i++) {                                                       \
            vf o[6];                                                                              \
            step(f, half[i], o);                                                                  \
            UNROLL(6)                                                                             \
            for (size_t j = 0; j < (to); j++) {                                                   \
                put;                                                                              \
            }                                                                                     \
        }                                                                                         \
    } while (0)

/* Where the points of a column are, from the first row's on, and of a result one after another. */
INLINE vf wino_point(const float **p, size_t apart)
{
    vf x = load(*p);
    *p = wino_on(*p, apart);
    return x;
}

INLINE void wino_put(float **p, size_t apart, vf x)
{
    store(*p, x);
    *p = (float *)wino_on(*p, apart);
}

/* A pass: a convolution of `in` channels to `out`, both of h x w pixels; of the gradient of the
 * input those are the channels of the layer's output and of its input.                          */
struct tsgd_wino {
    size_t in, out, h, w, ld;
};

/* How the work is cut: this many columns, channels of the result and channels of the source. */
struct tsgd_wino_blocks {
    size_t columns, rows, depth;
};

/* A block of weights that memory is asked for while products are under way, which leave memory
 * alone. Its rows are cut into PIECES of `lines` cache lines, and each tile of the products asks
 * for the next `each` of those that are left. After a row's last piece the next row begins `back`
 * floats farther on.                                                                            */
struct tsgd_wino_ahead {
    const float *at;
    size_t lines, left, each;
    ptrdiff_t back;
};
enum { PIECES = 4 };

/* So many rows of n floats, `row` floats apart, and how many tiles there are to ask. */
static inline struct tsgd_wino_ahead wino_ahead(const float *w, size_t row, size_t n, size_t rows,
                                                size_t tiles)
{
    size_t lines = (n + 16 * PIECES - 1) / (16 * PIECES), pieces = rows * PIECES;
    return (struct tsgd_wino_ahead){
        .at = w, .lines = lines, .left = pieces, .each = (pieces + tiles - 1) / tiles,
        .back = (ptrdiff_t)row - (ptrdiff_t)((PIECES - 1) * 16 * lines),
    };
}

/* changed: they will be written. */
INLINE void wino_ask(struct tsgd_wino_ahead *a, const bool changed)
{
    for (size_t n = 0; n < a->each && a->left > 0; n++) {
        for (size_t i = 0; i < a->lines; i++)
            if (changed)
                __builtin_prefetch(a->at + 16 * i, 1);
            else
                __builtin_prefetch(a->at + 16 * i, 0);
        a->left--;
        a->at += a->left % PIECES ? (ptrdiff_t)(16 * a->lines) : a->back;
    }
}

static inline enum tsgd_form wino_form(const struct tsgd_wino *l)
{
    return l->h == 2 && l->w == 2 ? PAIR : FOUR;
}

static inline size_t wino_up(size_t n, size_t to) { return (n + to - 1) / to * to; }
static inline size_t wino_apart(size_t floats) { return wino_up(floats, 128) + 5 * 16; }

/* Columns of all pixels, if a column holds `lanes` samples. */
static inline size_t wino_columns(const enum tsgd_form f, const struct tsgd_wino *l, size_t lanes)
{
    return wino_up(l->h, RESULT(f)) / RESULT(f) * (wino_up(l->w, RESULT(f)) / RESULT(f)) *
           (l->ld / lanes);
}

/* Floats of a point of V, where panels hold `channels` channels, and columns are `n`. */
static inline size_t wino_v_point(size_t channels, size_t n)
{
    return wino_apart(channels * wino_up(n, 2) * VL);
}

/* A column: the first pixel of its tile, and the first of its samples. */
struct tsgd_wino_column {
    size_t i, j, lane;
};

INLINE struct tsgd_wino_column wino_column(const enum tsgd_form f, const struct tsgd_wino *l,
                                           size_t t)
{
    size_t lanes = l->ld / VL, wide = (l->w + RESULT(f) - 1) / RESULT(f), tile = t / lanes;
    return (struct tsgd_wino_column){tile / wide * RESULT(f), tile % wide * RESULT(f),
                                     t % lanes * VL};
}

/* The vector at x, or zeros; that of the next channel, a plane farther on, is asked of memory
 * meanwhile if `ahead`.                                                                         */
INLINE vf wino_pixel(const float *x, bool inside, size_t plane, const bool ahead)
{
    if (!inside)
        return (vf){0};
    if (ahead)
        __builtin_prefetch(x + plane);
    return load(x);
}

/* Zeros that a pass has at the begin of its scratch: what rows outside of an image are. */
static inline size_t wino_zeros(const struct tsgd_wino *l) { return 6 * l->ld; }

/* Columns first .. first + n - 1 of the source x, transformed, into v, in panels of `channels`
 * channels, of which those from l->in on are left alone. zeros: wino_zeros of them. The next
 * channel's pixels are asked of memory meanwhile: a row of them is short, and the next is far away,
 * so that the processor does not foresee it. The tile before has asked for the first columns.   */
INLINE void wino_fill(const enum tsgd_form f, const struct tsgd_wino *l, const float *x,
                      size_t first, size_t n, size_t channels, float *v, const float *zeros)
{
    const size_t pixels = SOURCE(f), points = POINTS(f);
    size_t line = l->w * l->ld, plane = l->h * line, point = wino_v_point(channels, n);
    for (size_t c = 0; c < l->in; c++)
        for (size_t t = 0; t < n; t++) {
            struct tsgd_wino_column at = wino_column(f, l, first + t);
            /* In the padding these wrap round, which is outside of the image as well. */
            size_t top = at.i - BORDER(f), left = at.j - BORDER(f), pixel = 0;
            const float *from = x + c * plane + at.lane, *row[6];
            float *to = v + ((t / 2 * channels + c) * 2 + t % 2) * VL;
UNROLL(6)
            for (size_t i = 0; i < pixels; i++)
                row[i] = top + i < l->h ? from + (top + i) * line + left * l->ld : zeros;
            WINO_SQUARE(f, wino_source, pixels, points,
                        bool inside = left + j < l->w; pixel += j ? l->ld : 0;
                        __asm__("" : "+r"(pixel)),
                        wino_pixel(row[i] + pixel, inside, plane, j >= 2),
                        wino_put(&to, point, o[j]));
        }
}

/* The kernels of `n` channels, at most VL, w_row floats apart: k[tap] has one in each lane, and
 * zeros in the lanes beyond.                                                                     */
INLINE void wino_load_kernels(const float *w, size_t w_row, size_t n, vf k[9])
{
    static const float none[9];
    vf x[VL];
#if defined(__AVX512F__)
UNROLL(16)
    for (size_t i = 0; i < VL; i++)
        x[i] = (vf)_mm512_maskz_loadu_ps(0x1ff, i < n ? w + i * w_row : none);
    transpose(x);
UNROLL(9)
    for (size_t t = 0; t < 9; t++)
        k[t] = x[t];
#else
    /* The last vector of a kernel overlaps the one before: nothing past it is read. */
UNROLL(3)
    for (size_t from = 0; from <= 9 - VL; from += VL) {
UNROLL(16)
        for (size_t i = 0; i < VL; i++)
            x[i] = loadu((i < n ? w + i * w_row : none) + from);
        transpose(x);
UNROLL(16)
        for (size_t t = 0; t < VL; t++)
            k[from + t] = x[t];
    }
UNROLL(16)
    for (size_t i = 0; i < VL; i++)
        x[i] = loadu((i < n ? w + i * w_row : none) + 9 - VL);
    transpose(x);
    k[8] = x[VL - 1];
#endif
}

/* The kernels of `n` channels, w_row floats apart, and of VL neighbours each, which are 9 VL
 * floats: k[9 * neighbour + tap] has those of one neighbour in each lane, and zeros in the lanes
 * beyond. Blocks of VL by VL are transposed, in which a kernel ends where it does.               */
INLINE void wino_load_neighbours(const float *w, size_t w_row, size_t n, vf k[9 * VL])
{
    for (size_t b = 0; b < 9; b++) {
        vf x[VL];
UNROLL(16)
        for (size_t i = 0; i < VL; i++)
            x[i] = i < n ? loadu(w + i * w_row + b * VL) : (vf){0};
        transpose(x);
UNROLL(16)
        for (size_t i = 0; i < VL; i++)
            k[b * VL + i] = x[i];
    }
}

/* And back. */
INLINE void wino_store_neighbours(const vf k[9 * VL], float *w, size_t w_row, size_t n)
{
    for (size_t b = 0; b < 9; b++) {
        vf x[VL];
UNROLL(16)
        for (size_t i = 0; i < VL; i++)
            x[i] = k[b * VL + i];
        transpose(x);
UNROLL(16)
        for (size_t i = 0; i < VL; i++)
            if (i < n)
                storeu(w + i * w_row + b * VL, x[i]);
    }
}

/* And back. */
INLINE void wino_store_kernels(const vf k[9], float *w, size_t w_row, size_t n)
{
    vf x[VL];
#if defined(__AVX512F__)
UNROLL(16)
    for (size_t t = 0; t < VL; t++)
        x[t] = t < 9 ? k[t] : (vf){0};
    transpose(x);
UNROLL(16)
    for (size_t i = 0; i < VL; i++)
        if (i < n)
            _mm512_mask_storeu_ps(w + i * w_row, 0x1ff, (__m512)x[i]);
#else
UNROLL(3)
    for (size_t from = 0; from <= 9 - VL; from += VL) {
UNROLL(16)
        for (size_t t = 0; t < VL; t++)
            x[t] = k[from + t];
        transpose(x);
UNROLL(16)
        for (size_t i = 0; i < VL; i++)
            if (i < n)
                storeu(w + i * w_row + from, x[i]);
    }
UNROLL(16)
    for (size_t i = 0; i < VL; i++)
        if (i < n)
            w[i * w_row + 8] = k[8][i];
#endif
}

#endif
