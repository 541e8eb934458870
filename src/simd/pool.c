/* Pooling and shortcuts, a vector of samples at a time. */
#include "simd/simd.h"

/* With windows of k x k: k is a number in the code where that is 2. */
INLINE void largest(const struct tsgd_pool *d, const size_t k, const float *x, float *y)
{
    size_t line = d->width * d->ld, plane = d->height * line;
    size_t high = d->height / k, wide = d->width / k;
    for (size_t c = 0; c < d->channels; c++)
        for (size_t i = 0; i < high; i++)
            for (size_t j = 0; j < wide; j++)
                for (size_t v = 0; v < d->ld; v += VL, y += VL) {
                    const float *corner = x + c * plane + i * k * line + j * k * d->ld + v;
                    vf best = load(corner);
UNROLL(2)
                    for (size_t p = 0; p < k; p++)
UNROLL(2)
                        for (size_t q = 0; q < k; q++) {
                            vf other = load(corner + p * line + q * d->ld);
                            best = choose(at_most(other, best), best, choose(is_nan(best), best,
                                                                             other));
                        }
                    store(y, best);
                }
}

void TSGD_FN(maxpool)(const struct tsgd_pool *d, const float *x, float *y)
{
    if (d->window == 2)
        largest(d, 2, x, y);
    else
        largest(d, d->window, x, y);
}

/* What is left of dy goes to the first pixel that equals y; then nothing is left. */
INLINE void to_largest(const struct tsgd_pool *d, const size_t k, const float *x, const float *y,
                       const float *dy, float *dx)
{
    size_t line = d->width * d->ld, plane = d->height * line;
    size_t high = d->height / k, wide = d->width / k;
    const vf zero = {0};
    for (size_t j = 0; (d->height % k || d->width % k) && j < d->channels * plane; j += VL)
        store(dx + j, zero);
    for (size_t c = 0; c < d->channels; c++)
        for (size_t i = 0; i < high; i++)
            for (size_t j = 0; j < wide; j++)
                for (size_t v = 0; v < d->ld; v += VL, y += VL, dy += VL) {
                    size_t corner = c * plane + i * k * line + j * k * d->ld + v;
                    vf best = load(y), left = load(dy);
UNROLL(2)
                    for (size_t p = 0; p < k; p++)
UNROLL(2)
                        for (size_t q = 0; q < k; q++) {
                            size_t at = corner + p * line + q * d->ld;
                            vm won = equal(load(x + at), best);
                            store(dx + at, choose(won, left, zero));
                            left = choose(won, zero, left);
                        }
                }
}

void TSGD_FN(maxpool_gradient)(const struct tsgd_pool *d, const float *x, const float *y,
                               const float *dy, float *dx)
{
    if (d->window == 2)
        to_largest(d, 2, x, y, dy, dx);
    else
        to_largest(d, d->window, x, y, dy, dx);
}

/* Windows of an average pooling. */
struct grid {
    size_t high, wide;          /* how many */
    size_t rows, columns;       /* of each */
};

static struct grid grid(const struct tsgd_pool *d)
{
    size_t rows = d->window ? d->window : d->height, columns = d->window ? d->window : d->width;
    return (struct grid){d->height / rows, d->width / columns, rows, columns};
}

void TSGD_FN(avgpool)(const struct tsgd_pool *d, const float *x, float *y)
{
    struct grid g = grid(d);
    size_t line = d->width * d->ld, plane = d->height * line;
    float area = (float)(g.rows * g.columns);
    for (size_t c = 0; c < d->channels; c++)
        for (size_t i = 0; i < g.high; i++)
            for (size_t j = 0; j < g.wide; j++)
                for (size_t v = 0; v < d->ld; v += VL, y += VL) {
                    const float *corner = x + c * plane + i * g.rows * line +
                                          j * g.columns * d->ld + v;
                    vf sum = {0};
                    for (size_t p = 0; p < g.rows; p++)
                        for (size_t q = 0; q < g.columns; q++)
                            sum += load(corner + p * line + q * d->ld);
                    store(y, sum / area);
                }
}

void TSGD_FN(avgpool_gradient)(const struct tsgd_pool *d, const float *dy, float *dx)
{
    struct grid g = grid(d);
    size_t line = d->width * d->ld, plane = d->height * line;
    float area = (float)(g.rows * g.columns);
    bool rest = d->height % g.rows || d->width % g.columns;
    for (size_t j = 0; rest && j < d->channels * plane; j += VL)
        store(dx + j, (vf){0});
    for (size_t c = 0; c < d->channels; c++)
        for (size_t i = 0; i < g.high; i++)
            for (size_t j = 0; j < g.wide; j++)
                for (size_t v = 0; v < d->ld; v += VL, dy += VL) {
                    float *corner = dx + c * plane + i * g.rows * line + j * g.columns * d->ld + v;
                    vf share = load(dy) / area;
                    for (size_t p = 0; p < g.rows; p++)
                        for (size_t q = 0; q < g.columns; q++)
                            store(corner + p * line + q * d->ld, share);
                }
}

void TSGD_FN(add)(const float *a, float *sum, size_t n)
{
    for (size_t j = 0; j < n; j += VL)
        store(sum + j, load(sum + j) + load(a + j));
}
