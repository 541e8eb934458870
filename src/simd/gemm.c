/* Products C = A B + beta C. C is computed in tiles that stay in registers while the inner
 * dimension passes: some rows of one to three vectors; A's elements are broadcast from where they
 * stand, the vectors are pieces of rows of B. Where B's rows are not contiguous, or end within a
 * vector, a panel of its columns is copied first.
 * An element of C is the sum of its terms in order, DEPTH of them at most at a time, each such sum
 * scaled and added to C: the same whatever tile it falls into.                                   */
#include "simd/update.h"

/* Sums of a tile: as many as the register file holds beside the operands. SSE has no multiply-add,
 * so products take registers too, and half of its sixteen remain.                               */
#if defined(__AVX512F__) || defined(__aarch64__)
enum { TILE = 24 };
#elif defined(__AVX2__)
enum { TILE = 12 };
#else
enum { TILE = 8 };
#endif

enum {
    ACROSS = 3,                     /* vectors in a row of a tile, at most */
    TALL = TILE < 12 ? TILE : 12,   /* rows of a tile, at most: their addresses take registers */
    DEPTH = 400,                    /* rows of a panel */
    AHEAD = 16,                     /* columns of A fetched before they are needed, if they are
                                     * contiguous; of rows, those of the next tile are fetched */
};

/* Whether load_part costs no more than a load, so that rows may end within a vector. */
#if defined(__AVX512F__)
enum { MASKS = 1 };
#else
enum { MASKS = 0 };
#endif

/* ---- panels ---- */

/* Four floats from each of VL / 4 places, `step` apart. */
INLINE vf quads(const float *p, size_t step)
{
#if defined(__AVX512F__)
    __m512 x = _mm512_castps128_ps512(_mm_loadu_ps(p));
    x = _mm512_insertf32x4(x, _mm_loadu_ps(p + step), 1);
    x = _mm512_insertf32x4(x, _mm_loadu_ps(p + 2 * step), 2);
    return (vf)_mm512_insertf32x4(x, _mm_loadu_ps(p + 3 * step), 3);
#elif defined(__AVX2__)
    __m256 x = _mm256_castps128_ps256(_mm_loadu_ps(p));
    return (vf)_mm256_insertf128_ps(x, _mm_loadu_ps(p + step), 1);
#else
    (void)step;
    return loadu(p);
#endif
}

/* What a shuffle of each quad by itself looks like. */
#if defined(__AVX512F__)
#define EACH_QUAD(f) f(0), f(4), f(8), f(12)
#elif defined(__AVX2__)
#define EACH_QUAD(f) f(0), f(4)
#else
#define EACH_QUAD(f) f(0)
#endif
#define QUAD_LOW(i) i, VL + i, i + 1, VL + i + 1
#define QUAD_HIGH(i) i + 2, VL + i + 2, i + 3, VL + i + 3
#define LOW_PAIR(i) i, i + 1, VL + i, VL + i + 1
#define HIGH_PAIR(i) i + 2, i + 3, VL + i + 2, VL + i + 3

/* Four contiguous floats of each of VL columns, `step` apart, into four rows of a panel. */
INLINE void turn(const float *p, size_t step, float *to, size_t width, size_t lanes)
{
    vf x0 = quads(p, 4 * step), x1 = quads(p + step, 4 * step);
    vf x2 = quads(p + 2 * step, 4 * step), x3 = quads(p + 3 * step, 4 * step);
    vf a = __builtin_shufflevector(x0, x1, EACH_QUAD(QUAD_LOW));
    vf b = __builtin_shufflevector(x2, x3, EACH_QUAD(QUAD_LOW));
    vf c = __builtin_shufflevector(x0, x1, EACH_QUAD(QUAD_HIGH));
    vf d = __builtin_shufflevector(x2, x3, EACH_QUAD(QUAD_HIGH));
    vf row[4] = {
        __builtin_shufflevector(a, b, EACH_QUAD(LOW_PAIR)),
        __builtin_shufflevector(a, b, EACH_QUAD(HIGH_PAIR)),
        __builtin_shufflevector(c, d, EACH_QUAD(LOW_PAIR)),
        __builtin_shufflevector(c, d, EACH_QUAD(HIGH_PAIR)),
    };
    UNROLL(4)
    for (int r = 0; r < 4; r++)
        if (lanes == VL)
            storeu(to + (size_t)r * width, row[r]);
        else
            store_part(to + (size_t)r * width, row[r], lanes);
}

/* `lanes` columns of a panel, k rows; the matrix has the first n of them, (r, i) at
 * from[r * rs + i * cs]. The others are zeros.                                                   */
INLINE void pack_lanes(size_t lanes, size_t n, size_t k, struct tsgd_mat m, float *to, size_t width)
{
    const float *from = m.p;
    size_t r = 0, rs = m.rs, cs = m.cs;
    if (cs == 1) {
        if (n == VL && lanes == VL)
            for (; r < k; r++)
                storeu(to + r * width, loadu(from + r * rs));
        else
            for (; r < k; r++)
                store_part(to + r * width, load_part(from + r * rs, n), lanes);
    } else if (rs == 1 && n == VL) {
        for (; r + 4 <= k; r += 4)
            turn(from + r, cs, to + r * width, width, VL);
    }
    for (; r < k; r++)
        for (size_t i = 0; i < lanes; i++)
            to[r * width + i] = i < n ? from[r * rs + i * cs] : 0;
}

void TSGD_FN(gemm_pack)(size_t width, size_t n, size_t k, struct tsgd_mat from, float *to)
{
    for (size_t i = 0; i < width; i += VL) {
        size_t lanes = width - i < VL ? width - i : VL;
        size_t have = n <= i ? 0 : n - i < lanes ? n - i : lanes;
        if (have)
            pack_lanes(lanes, have, k, (struct tsgd_mat){from.p + i * from.cs, from.rs, from.cs},
                       to + i, width);
        else
            for (size_t r = 0; r < k; r++)
                for (size_t j = 0; j < lanes; j++)
                    to[r * width + i + j] = 0;
    }
}

/* ---- tiles ---- */

/* `tiles` tiles one below the other: `across` vectors of C's rows, of which the last has `last`
 * lanes; B's rows are brs floats apart.                                                          */
struct tile {
    size_t tiles, k, last;
    const float *a, *b;
    size_t ars, acs, brs;
    float beta;
    float *c;
    size_t crs;
    const struct tsgd_update *update;   /* NULL, or the step that C is the gradient for */
    const float *start;         /* of all of C: the gradient of update->x[0] */
};

/* The compiler forgets how p came about: it would else compute the addresses of all rows at once,
 * for which it has no registers.                                                                 */
#define FORGET(p) __asm__("" : "+r"(p))

/* A vector, or the first n floats of one. */
INLINE vf get(const float *p, bool part, size_t n)
{
    return part ? load_part(p, n) : loadu(p);
}

INLINE void put(float *p, vf x, bool part, size_t n)
{
    if (part)
        store_part(p, x, n);
    else
        storeu(p, x);
}

/* C = sum + beta C. */
INLINE void finish(const int rows, const int across, const vf sum[TILE], float beta, size_t last,
                   float *c, size_t crs)
{
    UNROLL(24)
    for (int i = 0; i < rows; i++, c += crs) {
        FORGET(c);
        UNROLL(3)
        for (int v = 0; v < across; v++) {
            bool part = v == across - 1 && last < VL;
            vf x = sum[i * across + v];
            if (beta != 0)
                x = madd(all(beta), get(c + v * VL, part, last), x);
            put(c + v * VL, x, part, last);
        }
    }
}

/* In place of C = sum: a step of the parameters that stand as C does, with sum as their gradient.
 * Those that are `below` floats further are fetched: the next tile's. Behind the last tile is what
 * other cores work on, so 0 there.                                                              */
INLINE void finish_step(const int kind, const int rows, const int across, const vf sum[TILE],
                        const struct tile *t, const float *c, size_t below)
{
    const struct tsgd_update u = *t->update;    /* nothing that is written lies there */
    const size_t crs = t->crs, last = MASKS ? t->last : VL;
    float *x = u.x + (c - t->start), *m = kind == PLAIN ? x : u.m + (c - t->start);
    UNROLL(24)
    for (int i = 0; i < rows; i++, x += crs, m += crs) {
        FORGET(x);
        FORGET(m);
        UNROLL(3)
        for (int v = 0; v < across; v++) {
            bool part = MASKS && v == across - 1;
            vf momentum = kind == PLAIN ? all(0) : get(m + v * VL, part, last);
            vf was = get(x + v * VL, part, last);
            vf now = stepped(kind, &u, was, &momentum, sum[i * across + v]);
            if (kind != PLAIN) {
                put(m + v * VL, momentum, part, last);
                __builtin_prefetch(m + below + v * VL, 1);
            }
            put(x + v * VL, now, part, last);
            __builtin_prefetch(x + below + v * VL, 1);
        }
    }
}

/* The same with a tile that stands in C, n columns wide. */
static void step_tile(const struct tile *t, size_t rows, size_t n, const float *c)
{
    for (; rows > 0; rows--, c += t->crs) {
        struct tsgd_update u = tsgd_update_from(t->update, (size_t)(c - t->start));
        TSGD_FN(sgd)(&u, c, n);
    }
}

/* Tiles in one call: what a call has to prepare would cost a tile of few terms a tenth. Rows of A
 * go three to a pointer, so that addresses need few registers.                                   */
INLINE void tile(const int rows, const int across, const struct tile *t)
{
    const float *from = t->a;
    const size_t k = t->k, ars = t->ars, acs = t->acs, brs = t->brs, crs = t->crs, last = t->last;
    const size_t stride = acs == 1 ? (size_t)rows * ars / k : acs;
    float *c = t->c;
    for (size_t n = t->tiles; n > 0; n--) {
        const float *a[(TALL + 2) / 3], *b = t->b;
        const float *soon = from + (acs == 1 ? (size_t)rows * ars : AHEAD * acs);
        float *to = c;
        vf sum[TILE];
        UNROLL(24)
        for (int i = 0; i < rows; i++, to += crs) {
            FORGET(to);
            UNROLL(3)
            for (int v = 0; v < across; v++) {
                if (!t->update)
                    __builtin_prefetch(to + v * VL, 1);
                sum[i * across + v] = (vf){0};
            }
        }
        UNROLL(4)
        for (int i = 0; i < rows; i += 3)
            a[i / 3] = from + (size_t)i * ars;
        UNROLL(2)
        for (size_t p = 0; p < k; p++, b += brs, soon += stride) {
            vf x[ACROSS];
            __builtin_prefetch(soon);
            UNROLL(3)
            for (int v = 0; v < across; v++)
                x[v] = MASKS && v == across - 1 ? load_part(b + v * VL, last) : loadu(b + v * VL);
            UNROLL(24)
            for (int i = 0; i < rows; i++) {
                UNROLL(3)
                for (int v = 0; v < across; v++)
                    sum[i * across + v] = madd(all(a[i / 3][(size_t)(i % 3) * ars]), x[v],
                                               sum[i * across + v]);
            }
            UNROLL(4)
            for (int i = 0; i < rows; i += 3) {
                a[i / 3] += acs;
                FORGET(a[i / 3]);
            }
        }
        /* Read only here: while terms are added up there is no register for it. */
        const struct tile *same = t;
        FORGET(same);
        const float beta = same->beta;
        const struct tsgd_update *u = same->update;
        const size_t below = n > 1 ? (size_t)rows * crs : 0;
        int kind = u && beta == 0 && (MASKS || last == VL) ? step_kind(u) : -1;
        if (kind == HEAVY_BALL)
            finish_step(HEAVY_BALL, rows, across, sum, same, c, below);
        else if (kind == PLAIN)
            finish_step(PLAIN, rows, across, sum, same, c, below);
        else if (kind == NESTEROV)
            finish_step(NESTEROV, rows, across, sum, same, c, below);
        else if (beta == 0 && last == VL)
            finish(rows, across, sum, 0, VL, c, crs);
        else
            finish(rows, across, sum, beta, last, c, crs);
        if (u && kind < 0)
            step_tile(same, (size_t)rows, (size_t)(across - 1) * VL + last, c);
        from += (size_t)rows * ars;
        c += (size_t)rows * crs;
    }
}

#define EIGHT(X, across) X(across, 1) X(across, 2) X(across, 3) X(across, 4) X(across, 5) \
    X(across, 6) X(across, 7) X(across, 8)
#define TWELVE(X, across) EIGHT(X, across) X(across, 9) X(across, 10) X(across, 11) X(across, 12)
#define FOUR(X, across) X(across, 1) X(across, 2) X(across, 3) X(across, 4)
#define SIX(X, across) FOUR(X, across) X(across, 5) X(across, 6)
#define LIST24(X) TWELVE(X, 1) TWELVE(X, 2) EIGHT(X, 3)
#define LIST12(X) TWELVE(X, 1) SIX(X, 2) FOUR(X, 3)
#define LIST8(X) EIGHT(X, 1) FOUR(X, 2) X(3, 1) X(3, 2)
#if defined(__AVX512F__) || defined(__aarch64__)
#define LIST LIST24
#elif defined(__AVX2__)
#define LIST LIST12
#else
#define LIST LIST8
#endif

#define DEFINE(across, rows) \
    static void tile_##across##_##rows(const struct tile *t) { tile(rows, across, t); }
LIST(DEFINE)

/* [vectors across][rows] */
static void (*const tiles[ACROSS + 1][TALL + 1])(const struct tile *) = {
#define ENTRY(across, rows) [across][rows] = tile_##across##_##rows,
    LIST(ENTRY)
};

/* All m rows of a panel of C, in tiles of about the same height: the higher ones first. *t is not
 * copied: a copy by vectors would wait for the pieces that were written just before, and so for all
 * of C that is still on its way to the cache.                                                    */
INLINE void sweep(size_t m, size_t across, struct tile *t)
{
    size_t most = across == 1 ? TALL : TILE / across, count = (m + most - 1) / most;
    size_t rows = (m + count - 1) / count, low = count * rows - m;
    t->tiles = count - low;
    tiles[across][rows](t);
    if (low == 0)
        return;
    t->a += t->tiles * rows * t->ars;
    t->c += t->tiles * rows * t->crs;
    t->tiles = low;
    tiles[across][rows - 1](t);
}

size_t TSGD_FN(gemm_panel)(void)
{
    return (size_t)DEPTH * ACROSS * VL;
}

/* C, or the step u with it: taken with the last block of k, when the sums are complete. */
static void product(const struct tsgd_product *p, const struct tsgd_update *u, float *panel)
{
    size_t k = p->k, n = p->n, blocks = (k + DEPTH - 1) / DEPTH;
    const float *a = p->a.p, *b = p->b.p;
    float beta = p->beta;
    for (; blocks > 0; blocks--) {
        size_t depth = (k + blocks - 1) / blocks, across;
        for (size_t j = 0; j < n; j += across * VL) {
            size_t vectors = (n - j + VL - 1) / VL;
            across = vectors % 2 && vectors >= 3 ? 3 : vectors < 2 ? 1 : 2;
            size_t have = n - j < across * VL ? n - j : across * VL;
            struct tile t = {
                .k = depth, .last = have - (across - 1) * VL,
                .a = a, .ars = p->a.rs, .acs = p->a.cs,
                .b = b + j * p->b.cs, .brs = p->b.rs,
                .beta = beta, .c = p->c + j, .crs = p->rsc,
                .update = blocks == 1 ? u : NULL, .start = p->c,
            };
            if (p->b.cs != 1 || (!MASKS && t.last < VL)) {
                TSGD_FN(gemm_pack)(across * VL, have, depth,
                                   (struct tsgd_mat){t.b, p->b.rs, p->b.cs}, panel);
                t.b = panel;
                t.brs = across * VL;
            }
            sweep(p->m, across, &t);
        }
        k -= depth;
        a += depth * p->a.cs;
        b += depth * p->b.rs;
        beta = 1;
    }
}

void TSGD_FN(gemm)(const struct tsgd_product *p, float *panel)
{
    product(p, NULL, panel);
}

void TSGD_FN(gemm_update)(const struct tsgd_product *p, const struct tsgd_update *u, float *panel)
{
    product(p, u, panel);
}

void TSGD_FN(gemm_tile)(const struct tsgd_product *p)
{
    size_t across = (p->n + VL - 1) / VL;
    tiles[across][p->m](&(struct tile){
        .tiles = 1, .k = p->k, .last = p->n - (across - 1) * VL, .a = p->a.p, .ars = 1,
        .acs = p->a.cs, .b = p->b.p, .brs = p->b.rs, .beta = p->beta, .c = p->c, .crs = p->rsc,
    });
}
