#include "simd/simd.h"

void TSGD_FN(add_bias)(float *y, const float *bias, size_t rows, size_t ld, bool relu)
{
    for (size_t r = 0; r < rows; r++, y += ld)
        for (size_t s = 0; s < ld; s += VL) {
            vf sum = load(y + s) + all(bias[r]);
            store(y + s, relu ? larger((vf){0}, sum) : sum);
        }
}

void TSGD_FN(bias_gradient)(const float *y, const float *dy, size_t rows, size_t ld, float *masked,
                            float *dbias)
{
    for (size_t first = 0; first < rows; first += VL) {
        size_t n = rows - first < VL ? rows - first : VL;
        vf sum[VL] = {{0}};
        for (size_t r = 0; r < n; r++) {
            vf part[PARTS] = {{0}};
            for (size_t s = 0, at = (first + r) * ld; s < ld; s += 16) {
                UNROLL(4)
                for (size_t i = 0; i < PARTS; i++, at += VL)
                    if (s + i * VL < ld) {
                        vf g = load(dy + at);
                        if (y) {
                            g = choose(at_most(load(y + at), (vf){0}), (vf){0}, g);
                            store(masked + at, g);
                        }
                        part[i] += g;
                    }
            }
            sum[r] = add_parts(part);
        }
        vf total = add_lanes(sum);
        for (size_t r = 0; r < n; r++)
            dbias[first + r] = total[r];
    }
}

void TSGD_FN(transpose)(const float *x, size_t rows, size_t ld, float *t, size_t row)
{
    for (size_t first = 0; first < rows; first += VL)
        for (size_t s = 0; s < ld; s += VL)
            transpose_block(x + first * ld + s, ld, rows - first, t + s * row + first, row);
}
