/* What a linear model does with 64 samples, in double precision. The compiler makes vectors of
 * samples; each sum has one order, and nothing is contracted, so that all instruction sets give the
 * same bits.                                                                                    */
#include "simd/simd.h"

enum { TILE = 64, ROWS = 4, LANES = 8 };

INLINE void widen(const float *x, double *restrict out)
{
    for (int i = 0; i < TILE; i++)
        out[i] = (double)x[i];
}

void TSGD_FN(scores)(const double *w, const double *bias, size_t outputs, size_t features,
                     const float *x, double *z)
{
    double row[ROWS][TILE];
    size_t f = 0;
    for (size_t o = 0; o < outputs; o++)
        for (size_t i = 0; i < TILE; i++)
            z[o * TILE + i] = bias[o];
    for (; f + ROWS <= features; f += ROWS) {
        for (size_t k = 0; k < ROWS; k++)
            widen(x + (f + k) * TILE, row[k]);
        for (size_t o = 0; o < outputs; o++) {
            const double *a = w + o * features + f;
            double a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], *restrict to = z + o * TILE;
            for (int i = 0; i < TILE; i++)
                to[i] += (a0 * row[0][i] + a1 * row[1][i]) + (a2 * row[2][i] + a3 * row[3][i]);
        }
    }
    for (; f < features; f++) {
        widen(x + f * TILE, row[0]);
        for (size_t o = 0; o < outputs; o++) {
            double a = w[o * features + f], *restrict to = z + o * TILE;
            for (int i = 0; i < TILE; i++)
                to[i] += a * row[0][i];
        }
    }
}

INLINE double dot(const double *a, const double *b)
{
    double lane[LANES] = {0};
    for (int i = 0; i < TILE; i += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] += a[i + l] * b[i + l];
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lane[l] += lane[l + half];
    return lane[0];
}

void TSGD_FN(score_sums)(const double *z, size_t outputs, size_t features, const float *x,
                         bool squares, double *sums, double *bias)
{
    double row[TILE];
    for (size_t f = 0; f < features; f++) {
        widen(x + f * TILE, row);
        for (int i = 0; squares && i < TILE; i++)
            row[i] *= row[i];
        for (size_t o = 0; o < outputs; o++)
            sums[o * features + f] += dot(z + o * TILE, row);
    }
    for (int i = 0; i < TILE; i++)
        row[i] = 1;
    for (size_t o = 0; o < outputs; o++)
        bias[o] += dot(z + o * TILE, row);
}
