/* Bytes of 16 samples into numbers, transposed on the way (data/decode.h). Bytes move as they are,
 * in registers, and become floats last, one feature of 16 samples at a time. Nothing is contracted:
 * the same bits on every instruction set, and those of the naive form.                          */
#include "simd/simd.h"

#include <string.h>

/* With AVX-512 a register takes four lanes of 16 bytes from each sample. With AVX2 two lanes at a
 * time would leave too few registers for the transpose.                                         */
enum { SAMPLES = 16, LANE = 16, BYTES = VL == 16 ? 4 * LANE : LANE };

/* Bytes of a sample that are fetched ahead: samples of a batch lie anywhere in memory, and are too
 * short for the processor to see where each will go on.                                         */
enum { AHEAD = 192, LINE = 64 };

typedef uint8_t vb __attribute__((vector_size(BYTES)));

/* Deals the bytes of two registers out in turn, as every instruction set can within lanes of 16
 * bytes: the lower halves of the lanes (from byte 0 on), or the upper ones (from byte 8 on).    */
#define PAIR(o) (o), (o) + BYTES
#define DEAL(o) PAIR(o), PAIR(o + 1), PAIR(o + 2), PAIR(o + 3), PAIR(o + 4), PAIR(o + 5), \
                PAIR(o + 6), PAIR(o + 7)
#if defined(__AVX512F__)
#define HALVES(o) DEAL(o), DEAL(o + 16), DEAL(o + 32), DEAL(o + 48)
#else
#define HALVES(o) DEAL(o)
#endif

/* In each lane a 16 x 16 matrix: four times over, rows i and i + 8 are dealt out in turn like two
 * halves of a pack of cards.                                                                    */
INLINE void transpose_bytes(vb row[SAMPLES])
{
    vb dealt[SAMPLES];
    for (int pass = 0; pass < 4; pass++) {
        for (int i = 0; i < SAMPLES / 2; i++) {
            vb a = row[i], b = row[i + SAMPLES / 2];
            dealt[2 * i] = __builtin_shufflevector(a, b, HALVES(0));
            dealt[2 * i + 1] = __builtin_shufflevector(a, b, HALVES(8));
        }
        memcpy(row, dealt, sizeof dealt);
    }
}

/* VL bytes as floats. */
INLINE vf widen(const uint8_t *p)
{
#if defined(__AVX512F__)
    return (vf)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
#elif defined(__AVX2__)
    return (vf)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
#elif defined(__SSE4_1__)
    return (vf)_mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_loadu_si32(p)));
#else
    vf x;
    for (int i = 0; i < VL; i++)
        x[i] = p[i];
    return x;
#endif
}

/* BYTES features from f on. Lane q of row i then holds feature 16 q + i. */
INLINE void tile(const uint8_t *const from[SAMPLES], size_t f, const struct tsgd_line *l, size_t ld,
                 float *x)
{
    const vf zero = all(l->zero), high = all(l->high), low = all(l->low);
    const vf mean = all(l->mean), scale = all(l->scale);
    vb row[SAMPLES];
    uint8_t byte[SAMPLES][BYTES];
    for (size_t s = 0; s < SAMPLES; s++) {
        if (f % LINE == 0)
            __builtin_prefetch(from[s] + f + AHEAD);
        memcpy(&row[s], from[s] + f, sizeof row[s]);
    }
    transpose_bytes(row);
    memcpy(byte, row, sizeof byte);
    for (size_t q = 0; q < BYTES / LANE; q++)
        for (size_t i = 0; i < LANE; i++)
            for (size_t s = 0; s < SAMPLES; s += VL) {
                vf b = widen(&byte[i][q * LANE + s]);
                storeu(x + (f + q * LANE + i) * ld + s,
                       (zero + (b * high + b * low) - mean) * scale);
            }
}

void TSGD_FN(decode)(const uint8_t *const from[16], size_t n, const struct tsgd_line *line,
                     size_t ld, float *x)
{
    const struct tsgd_line l = *line;   /* a copy, which writing to x cannot change */
    size_t f = 0;
    for (size_t s = 0; s < SAMPLES; s++)
        for (size_t i = 0; i < AHEAD; i += LINE)
            __builtin_prefetch(from[s] + i);
    for (; f + BYTES <= n; f += BYTES)
        tile(from, f, &l, ld, x);
    if (f < n)
        tile(from, n - BYTES, &l, ld, x);
}
