/* Gossip (linalg/mix.h says what it computes). Four vectors of a row stay in the registers while its
 * neighbours pass by. Nothing is contracted: the bits are the same on every instruction set.     */
#include "simd/simd.h"

enum { STRIP = 4 };             /* vectors */

INLINE void put(float *to, vf x, const bool past)
{
    if (past)
        stream(to, x);
    else
        store(to, x);
}

INLINE void mix(const struct tsgd_mix *d, uint32_t a, const float *rows, size_t stride,
                const int vectors, float *out, const bool past)
{
    const float *self = rows + a * stride;
    uint32_t end = d->ptr[a + !(d->absent && d->absent[a])];
    vf own[STRIP], sum[STRIP];
UNROLL(4)
    for (int v = 0; v < vectors; v++)
        own[v] = sum[v] = load(self + v * VL);
    for (uint32_t i = d->ptr[a]; i < end; i++) {
        uint32_t b = d->col[i];
        const float *x = rows + b * stride;
        vf w = all(d->val[i]);
        if (b == a || (d->absent && d->absent[b]))
            continue;
UNROLL(4)
        for (int v = 0; v < vectors; v++)
            sum[v] += w * (load(x + v * VL) - own[v]);
    }
UNROLL(4)
    for (int v = 0; v < vectors; v++)
        put(out + v * VL, sum[v], past);
}

INLINE void mean(const struct tsgd_mix *d, const float *rows, size_t stride, const int vectors,
                 vf out[])
{
    vf first[STRIP], sum[STRIP];
UNROLL(4)
    for (int v = 0; v < vectors; v++) {
        first[v] = load(rows + v * VL);
        sum[v] = (vf){0};
    }
    for (uint32_t b = 1; b < d->k; b++)
UNROLL(4)
        for (int v = 0; v < vectors; v++)
            sum[v] += load(rows + b * stride + v * VL) - first[v];
UNROLL(4)
    for (int v = 0; v < vectors; v++)
        out[v] = first[v] + all(d->val[0]) * sum[v];
}

/* Strips, then the vectors that they leave. */
#define STRIPS(j, n, body)                                                                       \
    do {                                                                                         \
        size_t j = 0;                                                                            \
        for (; j + STRIP * VL <= (n); j += STRIP * VL)                                           \
            body(j, STRIP);                                                                      \
        for (; j < (n); j += VL)                                                                 \
            body(j, 1);                                                                          \
    } while (0)

INLINE void row(const struct tsgd_mix *d, uint32_t a, const float *rows, size_t stride, size_t n,
                float *out, const bool past)
{
#define MIX(j, vectors) mix(d, a, rows + (j), stride, vectors, out + (j), past)
    STRIPS(j, n, MIX);
#undef MIX
}

INLINE void mean_to_one(const struct tsgd_mix *d, const float *rows, size_t n, float *out,
                        const bool past)
{
    vf m[STRIP];
#define MEAN(j, vectors)                                                                         \
    do {                                                                                         \
        mean(d, rows + (j), d->stride, vectors, m);                                              \
        for (int v = 0; v < (vectors); v++)                                                      \
            put(out + (j) + v * VL, m[v], past);                                                 \
    } while (0)
    STRIPS(j, n, MEAN);
#undef MEAN
}

void TSGD_FN(mix_row)(const struct tsgd_mix *d, uint32_t a, const float *rows, size_t n,
                      float *restrict out, bool past)
{
    if (d->uniform && past)
        mean_to_one(d, rows, n, out, true);
    else if (d->uniform)
        mean_to_one(d, rows, n, out, false);
    else if (past)
        row(d, a, rows, d->stride, n, out, true);
    else
        row(d, a, rows, d->stride, n, out, false);
    if (past)
        stream_end();
}

/* width columns of all rows into the pool; the next ones are asked for, to be written too. */
INLINE void gather(const struct tsgd_mix *d, const float *rows, size_t width, size_t next,
                   float *restrict pool, size_t pitch)
{
    for (uint32_t b = 0; b < d->k; b++) {
        const float *x = rows + b * d->stride;
        float *to = pool + b * pitch;
        for (size_t j = 0; j < width; j += 16) {
            if (j < next)
                __builtin_prefetch(x + width + j, 1);
            for (size_t i = j; i < j + 16; i += VL)
                store(to + i, load(x + i));
        }
    }
}

INLINE void mean_to_all(const struct tsgd_mix *d, const float *pool, size_t pitch, size_t n,
                        float *restrict rows)
{
    vf m[STRIP];
#define MEAN(j, vectors)                                                                         \
    do {                                                                                         \
        mean(d, pool + (j), pitch, vectors, m);                                                  \
        for (uint32_t a = 0; a < d->k; a++)                                                      \
            for (int v = 0; v < (vectors); v++)                                                  \
                store(rows + a * d->stride + (j) + v * VL, m[v]);                                \
    } while (0)
    STRIPS(j, n, MEAN);
#undef MEAN
}

void TSGD_FN(mix_all)(const struct tsgd_mix *d, float *rows, size_t n, float *restrict pool,
                      size_t pitch)
{
    for (size_t j = 0; j < n; j += pitch) {
        size_t width = n - j < pitch ? n - j : pitch, left = n - j - width;
        gather(d, rows + j, width, left < width ? left : width, pool, pitch);
        if (d->uniform)
            mean_to_all(d, pool, pitch, width, rows + j);
        for (uint32_t a = 0; a < d->k && !d->uniform; a++)
            if (d->ptr[a + 1] - d->ptr[a] > 1 && !(d->absent && d->absent[a]))
                row(d, a, pool, pitch, width, rows + a * d->stride + j, false);
    }
}
