/* simd/exponential.h: exp of a vector. */
#ifndef TSGD_SIMD_EXPONENTIAL_H
#define TSGD_SIMD_EXPONENTIAL_H

#include "simd/simd.h"

/* exp x for x <= 0, within 2 units in the last place; 0 below -87. Cephes' polynomial on
 * [-ln 2 / 2, ln 2 / 2]. For NaN the result is unspecified.                                     */
INLINE vf exponential(vf x)
{
    const float rounds = 0x1.8p23f;     /* added and taken away again, rounds to an integer */
    vm vanishes = greater(all(-87), x);
    x = larger(x, all(-87));
    vf n = madd(x, all(1.44269504f), all(rounds)), p;
    vi exponent = (vi)n << 23;          /* its lowest bits hold the integer */
    n -= rounds;
    x = madd(n, all(-0.693359375f), x);
    x = madd(n, all(2.12194440e-4f), x);
    p = madd(all(1.9875691500e-4f), x, all(1.3981999507e-3f));
    p = madd(p, x, all(8.3334519073e-3f));
    p = madd(p, x, all(4.1665795894e-2f));
    p = madd(p, x, all(1.6666665459e-1f));
    p = madd(p, x, all(5.0000001201e-1f));
    p = madd(p * x, x, x + 1);
    return choose(vanishes, (vf){0}, (vf)((vi)p + exponent));
}

#endif
