/* Gossip (linalg/mix.h says what it computes). Four vectors of a row stay in the registers while
 * its neighbours pass by. Nothing is contracted: the bits are the same on every instruction
 * set.                                                                                          */
#include "simd/simd.h"

enum { STRIP = 4 };             /* vectors */
enum { AHEAD = 256 };           /* a row's floats are prefetched this many columns ahead */

INLINE void put(float *to, vf x, const bool bypass)
{
    if (bypass)
        stream(to, x);
    else
        store(to, x);
}

INLINE void mix(const struct tsgd_mix *d, uint32_t a, const bool *absent, const float *rows,
                size_t stride, const int vectors, float *out, const bool bypass)
{
    const float *self = rows + a * stride;
    uint32_t end = d->ptr[a + !(absent && absent[a])];
    vf own[STRIP], sum[STRIP];
UNROLL(4)
    for (int v = 0; v < vectors; v++)
        own[v] = sum[v] = load(self + v * VL);
    for (uint32_t i = d->ptr[a]; i < end; i++) {
        uint32_t b = d->col[i];
        /* A term that is to be left out adds -w * 0, which is -0 and changes no sum. A branch
         * would be slower: the row itself may stand anywhere in the list, so no CPU could predict
         * it.                                                                                   */
        bool out_of_it = b == a || (absent && absent[b]);
        const float *x = absent && out_of_it ? self : rows + b * stride;
        vf w = all(out_of_it ? -d->val[i] : d->val[i]);
UNROLL(4)
        for (int v = 0; v < vectors; v++)
            sum[v] += w * (load(x + v * VL) - own[v]);
    }
UNROLL(4)
    for (int v = 0; v < vectors; v++)
        put(out + v * VL, sum[v], bypass);
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

/* The body for strips of STRIP vectors, then for each vector that remains. */
#define STRIPS(j, n, body)                                                                       \
    do {                                                                                         \
        size_t j = 0;                                                                            \
        for (; j + STRIP * VL <= (n); j += STRIP * VL)                                           \
            body(j, STRIP);                                                                      \
        for (; j < (n); j += VL)                                                                 \
            body(j, 1);                                                                          \
    } while (0)

INLINE void row(const struct tsgd_mix *d, uint32_t a, const float *rows, size_t stride, size_t n,
                float *out, const bool bypass)
{
#define MIX(j, vectors) mix(d, a, NULL, rows + (j), stride, vectors, out + (j), bypass)
#define MIX_PRESENT(j, vectors)                                                                  \
    mix(d, a, d->absent, rows + (j), stride, vectors, out + (j), bypass)
    if (d->absent)
        STRIPS(j, n, MIX_PRESENT);
    else
        STRIPS(j, n, MIX);
#undef MIX
#undef MIX_PRESENT
}

INLINE void mean_to_one(const struct tsgd_mix *d, const float *rows, size_t n, float *out,
                        const bool bypass)
{
    vf m[STRIP];
#define MEAN(j, vectors)                                                                         \
    do {                                                                                         \
        mean(d, rows + (j), d->stride, vectors, m);                                              \
        for (int v = 0; v < (vectors); v++)                                                      \
            put(out + (j) + v * VL, m[v], bypass);                                                 \
    } while (0)
    STRIPS(j, n, MEAN);
#undef MEAN
}

void TSGD_FN(mix_row)(const struct tsgd_mix *d, uint32_t a, const float *rows, size_t n,
                      float *restrict out, bool bypass)
{
    if (d->uniform && bypass)
        mean_to_one(d, rows, n, out, true);
    else if (d->uniform)
        mean_to_one(d, rows, n, out, false);
    else if (bypass)
        row(d, a, rows, d->stride, n, out, true);
    else
        row(d, a, rows, d->stride, n, out, false);
    /* Such stores are not ordered by the release store that publishes the row: without this fence a
     * neighbour, or the next holder, could read what stood there before. */
    if (bypass)
        stream_end();
}

/* n columns of all rows into the pool. */
INLINE void gather(const struct tsgd_mix *d, const float *rows, size_t n, float *restrict pool,
                   size_t pitch)
{
    for (uint32_t b = 0; b < d->k; b++)
        for (size_t j = 0; j < n; j += VL)
            store(pool + b * pitch + j, load(rows + b * d->stride + j));
}

/* Prefetches n floats that will be needed soon. The calls are spread over the computation: made
 * all at once, they would wait for each other, and the computation for them.                    */
INLINE void ask_for(const float *x, size_t n)
{
    for (size_t j = 0; j < n; j += 16)
        __builtin_prefetch(x + j, 1);
}

INLINE void mean_to_all(const struct tsgd_mix *d, const float *pool, size_t pitch, size_t n,
                        float *restrict rows, size_t soon)
{
    vf m[STRIP];
#define MEAN(j, vectors)                                                                         \
    do {                                                                                         \
        mean(d, pool + (j), pitch, vectors, m);                                                  \
        for (uint32_t a = 0; a < d->k; a++) {                                                    \
            float *x = rows + a * d->stride + (j);                                               \
            if ((j) < soon)                                                                      \
                ask_for(x + AHEAD, (vectors) * VL);                                              \
            for (int v = 0; v < (vectors); v++)                                                  \
                store(x + v * VL, m[v]);                                                         \
        }                                                                                        \
    } while (0)
    STRIPS(j, n, MEAN);
#undef MEAN
}

/* Row a has no neighbour, so it keeps its value. */
static bool stays(const struct tsgd_mix *d, uint32_t a)
{
    uint32_t first = d->ptr[a];
    return (d->ptr[a + 1] - first == 1 && d->col[first] == a) || (d->absent && d->absent[a]);
}

void TSGD_FN(mix_all)(const struct tsgd_mix *d, float *rows, size_t n, float *restrict pool,
                      size_t pitch)
{
    for (size_t j = 0; j < n; j += pitch) {
        size_t width = n - j < pitch ? n - j : pitch, left = n - j, soon = AHEAD + width;
        soon = left < AHEAD ? 0 : left < soon ? left - AHEAD : width;
        gather(d, rows + j, width, pool, pitch);
        if (d->uniform)
            mean_to_all(d, pool, pitch, width, rows + j, soon);
        for (uint32_t a = 0; a < d->k && !d->uniform; a++) {
            float *x = rows + a * d->stride + j;
            ask_for(x + AHEAD, soon);
            if (!stays(d, a))
                row(d, a, pool, pitch, width, x, false);
        }
    }
}
