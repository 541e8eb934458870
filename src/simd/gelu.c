/* GELU: x Phi(x), Phi the distribution of a standard normal. For a >= 0, Phi(-a) is
 * exp(-a^2 / 2) P(r), r = 0.38 a / (1 + 0.38 a), with a polynomial P that is exactly 1/2 at 0. So
 * nothing cancels for negative x, and the derivative needs no other exponential. Phi and the
 * derivative have an error of at most 1.4e-7, y one of 1.4e-7 |x|; for x > -5 that of y is also at
 * most 1.7e-6 |y|.                                                                              */
#include "simd/exponential.h"

void TSGD_FN(gelu)(const float *x, float *y, float *slope, size_t n)
{
    const float density = 0.398942280f;         /* of a standard normal at 0 */
    for (size_t j = 0; j < n; j += VL) {
        vf v = load(x + j), a = (vf)((vi)v & 0x7fffffff);
        vf e = exponential(-0.5f * v * v), r = 0.38f * a, p;
        r /= 1 + r;
        p = madd(all(-3.334723040e-2f), r, all(7.756370306e-2f));
        p = madd(p, r, all(-1.514709368e-2f));
        p = madd(p, r, all(-1.849013567e-2f));
        p = madd(p, r, all(-1.317818761e-1f));
        p = madd(p, r, all(-1.043835003e-2f));
        p = madd(p, r, all(6.814458966e-1f));
        p = madd(p, r, all(-1.049848318f));
        p = madd(p, r, all(0.5f));
        vf tail = p * e, phi = choose(greater(v, (vf){0}), 1 - tail, tail);
        store(slope + j, madd(v * density, e, phi));
        store(y + j, v * phi);
    }
}

void TSGD_FN(gelu_gradient)(const float *slope, const float *dy, float *dx, size_t n)
{
    for (size_t j = 0; j < n; j += VL)
        store(dx + j, load(slope + j) * load(dy + j));
}
