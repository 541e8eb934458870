/* simd/moments.h: what normalisations share. Their sums over features, a vector of samples at a
 * time, run in CHAINS chains, because an addition has to wait for the one before it.            */
#ifndef TSGD_SIMD_MOMENTS_H
#define TSGD_SIMD_MOMENTS_H

#include "simd/simd.h"

#include <math.h>

enum { CHAINS = 4 };
static const float epsilon = 1e-5f;

INLINE vf chains(const vf s[CHAINS]) { return (s[0] + s[1]) + (s[2] + s[3]); }

/* 1 / the deviation */
INLINE vf inverse(vf variance)
{
    vf rstd;
    for (int i = 0; i < VL; i++)
        rstd[i] = 1 / sqrtf(variance[i] + epsilon);
    return rstd;
}

#endif
