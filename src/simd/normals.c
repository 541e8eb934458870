/* Rows of standard normals: Philox and Box-Muller of 16 counters at a time, without branches, calls
 * or tables, in a form that the compiler makes vectors of. The arithmetic is plain IEEE single
 * precision in a fixed order: the same bits on every machine.                                   */
#include "simd/simd.h"

#include <math.h>
#include <string.h>

enum { LANES = 16, BLOCK = 4 * LANES };

/* 2^-31, log(2) in two parts (the first has few digits: times an exponent it is exact), pi/4. */
static const float UNIT = 0x1p-31f, LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;
static const float EIGHTH_TURN = 0.785398163f;

/* Four counters side by side. A word of Philox stands in the lower half of its lane; the upper half
 * is whatever the last product left there, so that nothing is packed or unpacked between rounds. */
enum { WIDE = 4 };
typedef uint64_t wide __attribute__((vector_size(8 * WIDE)));

/* The lower half of each lane times m. */
static inline void multiply(wide *out, const wide *a, uint32_t m)
{
#ifdef __AVX2__
    *out = (wide)_mm256_mul_epu32((__m256i)*a, _mm256_set1_epi64x(m));
#else
    *out = (*a & 0xFFFFFFFFu) * m;
#endif
}

static inline void one_round(wide c[4], uint32_t k0, uint32_t k1)
{
    wide p, q;
    multiply(&p, &c[0], 0xD2511F53u);
    multiply(&q, &c[2], 0xCD9E8D57u);
    c[0] = q >> 32 ^ c[1] ^ k0;
    c[1] = q;
    c[2] = p >> 32 ^ c[3] ^ k1;
    c[3] = p;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "halves of lanes are put side by side");

/* Philox4x32-10 of the counters (first, a, b, purpose) .. (first + 15, ..): word w of counter l
 * into out[w][l]. The same function as Random123's, which takes one counter at a time.          */
static void philox(uint32_t out[4][LANES], uint64_t seed, uint32_t first, uint32_t a, uint32_t b,
                   uint32_t purpose)
{
    const wide zero = {0}, even = {0, 2, 4, 6};
    for (uint32_t l = 0; l < LANES; l += 2 * WIDE) {
        wide c[4] = {even + (first + l), zero + a, zero + b, zero + purpose};
        wide d[4] = {even + (first + l + 1), zero + a, zero + b, zero + purpose};
        uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
UNROLL(10)
        for (int i = 0; i < 10; i++) {
            one_round(c, k0, k1);
            one_round(d, k0, k1);
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        for (int w = 0; w < 4; w++) {
            wide words = (c[w] & 0xFFFFFFFFu) | d[w] << 32;     /* in the order of the counters */
            memcpy(&out[w][l], &words, sizeof words);
        }
    }
}

static inline float as_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t as_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* log u for a normal u in (0, 1]: polynomial of Cephes' logf on [sqrt(1/2), sqrt(2)). */
static inline float log_unit(float u)
{
    uint32_t bits = as_bits(u) - 0x3F3504F3u;               /* of sqrt(1/2) */
    float e = (float)((int32_t)bits >> 23);
    float x = as_float((bits & 0x007FFFFFu) + 0x3F3504F3u) - 1, z = x * x, p;
    p = 7.0376836292e-2f * x - 1.1514610310e-1f;
    p = p * x + 1.1676998740e-1f;
    p = p * x - 1.2420140846e-1f;
    p = p * x + 1.4249322787e-1f;
    p = p * x - 1.6668057665e-1f;
    p = p * x + 2.0000714765e-1f;
    p = p * x - 2.4999993993e-1f;
    p = p * x + 3.3333331174e-1f;
    return x + (p * x * z + e * LN2_LOW - 0.5f * z) + e * LN2_HIGH;
}

/* Two independent normals from two words: radius sqrt(-2 log u) with u from the upper 31 bits of
 * one, rounded to 24 digits, so from 3.5e-4 (or 0) up to 6.66; from the other an angle in
 * [-pi/4, pi/4), a sign, and which of sine and cosine comes first.                              */
static inline void box_muller(uint32_t radius, uint32_t angle, float *first, float *second)
{
    float u = ((float)(int32_t)(radius >> 1) + 0.5f) * UNIT;
    float r = sqrtf(-2 * log_unit(u));
    float a = (float)(int32_t)(angle << 2) * (UNIT * EIGHTH_TURN), z = a * a;
    float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * a + a;
    float c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z +
               4.166664568298827e-2f) * z * z - 0.5f * z + 1;
    float sine = r * s, cosine = as_float(as_bits(r * c) ^ (angle & 0x80000000u));
    uint32_t swap = 0 - (angle >> 30 & 1), differ = (as_bits(sine) ^ as_bits(cosine)) & swap;
    *first = as_float(as_bits(cosine) ^ differ);
    *second = as_float(as_bits(sine) ^ differ);
}

void TSGD_FN(normals)(uint64_t seed, uint32_t purpose, uint32_t a, uint32_t b, uint32_t first,
                      float *out, size_t n)
{
    uint32_t word[4][LANES];
    float rest[BLOCK];
    for (size_t done = 0; done < n; done += BLOCK) {
        float *z = n - done >= BLOCK ? out + done : rest;
        philox(word, seed, first + (uint32_t)(done / 4), a, b, purpose);
        for (int l = 0; l < LANES; l++)
            box_muller(word[0][l], word[1][l], &z[l], &z[LANES + l]);
        for (int l = 0; l < LANES; l++)
            box_muller(word[2][l], word[3][l], &z[2 * LANES + l], &z[3 * LANES + l]);
        if (z == rest)
            memcpy(out + done, rest, (n - done) * sizeof *out);
    }
}
