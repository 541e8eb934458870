#include "simd/simd.h"

void TSGD_FN(relu)(const float *x, float *y, size_t n)
{
    for (size_t j = 0; j < n; j += VL)
        store(y + j, larger((vf){0}, load(x + j)));
}

void TSGD_FN(relu_gradient)(const float *y, const float *dy, float *dx, size_t n)
{
    for (size_t j = 0; j < n; j += VL)
        store(dx + j, choose(at_most(load(y + j), (vf){0}), (vf){0}, load(dy + j)));
}
