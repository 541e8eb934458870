/* simd/fused.h: a fused multiply-add for processors that have none, so that they can compute the
 * bits of those that do: slowly, to check a hash.                                               */
#ifndef TSGD_SIMD_FUSED_H
#define TSGD_SIMD_FUSED_H

#include <stdint.h>
#include <string.h>

/* a * b + c, rounded once to the nearest float, for all numbers; for NaN some NaN. The product is
 * exact in double. The sum is rounded twice, to a double and to a float, and would be wrong where
 * the double lies in the middle between two floats and the sum does not. So the double is rounded
 * to odd: of the two doubles around an inexact sum the one whose last bit is 1, which is no such
 * middle.                                                                                       */
static inline float tsgd_fused(float a, float b, float c)
{
    double product = (double)a * (double)b, sum = product + (double)c, part = sum - product;
    double rest = (product - (sum - part)) + ((double)c - part);    /* exact; NaN: not finite */
    uint64_t bits, inexact = (rest > 0) | (rest < 0), outwards = (rest > 0) == (sum > 0);
    memcpy(&bits, &sum, sizeof bits);
    bits += (inexact & ~bits & 1) * (2 * outwards - 1);
    memcpy(&sum, &bits, sizeof sum);
    return (float)sum;
}

#endif
