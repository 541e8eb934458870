/* simd/moments.h: what normalisations share: sums over features, a vector of samples at a time. They
 * run in CHAINS chains, because an addition has to wait for the one before it.                   */
#ifndef TSGD_SIMD_MOMENTS_H
#define TSGD_SIMD_MOMENTS_H

#include "simd/simd.h"

#include <math.h>

enum { CHAINS = 4 };
static const float epsilon = 1e-5f;

INLINE vf chains(const vf s[CHAINS]) { return (s[0] + s[1]) + (s[2] + s[3]); }

static inline vf sum(const float *x, size_t n, size_t ld)
{
    vf s[CHAINS] = {{0}};
    size_t f = 0;
    for (; f + CHAINS <= n; f += CHAINS)
UNROLL(4)
        for (size_t i = 0; i < CHAINS; i++)
            s[i] += load(x + (f + i) * ld);
    for (; f < n; f++)
        s[0] += load(x + f * ld);
    return chains(s);
}

/* In a second pass: the mean of the squares less the square of the mean would cancel. */
static inline vf squares(const float *x, size_t n, size_t ld, vf mean)
{
    vf s[CHAINS] = {{0}};
    size_t f = 0;
    for (; f + CHAINS <= n; f += CHAINS)
UNROLL(4)
        for (size_t i = 0; i < CHAINS; i++) {
            vf d = load(x + (f + i) * ld) - mean;
            s[i] = madd(d, d, s[i]);
        }
    for (; f < n; f++) {
        vf d = load(x + f * ld) - mean;
        s[0] = madd(d, d, s[0]);
    }
    return chains(s);
}

/* 1 / the deviation */
INLINE vf inverse(vf variance)
{
    vf rstd;
    for (int i = 0; i < VL; i++)
        rstd[i] = 1 / sqrtf(variance[i] + epsilon);
    return rstd;
}

#endif
