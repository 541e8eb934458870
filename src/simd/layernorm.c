/* Layer normalisation, one vector of samples after another. Sums over features are added up block by
 * block: in one chain over a large image, rounding would grow with its size.                     */
#include "simd/moments.h"

enum { BLOCK = 256 };

static size_t block(size_t n, size_t first)
{
    return n - first < BLOCK ? n - first : BLOCK;
}

void TSGD_FN(layernorm_forward)(size_t n, size_t ld, const float *weight, const float *bias,
                                const float *x, float *y, float *keep)
{
    for (size_t v = 0; v < ld; v += VL) {
        vf mean = {0}, square = {0};
        for (size_t f = 0; f < n; f += BLOCK)
            mean += sum(x + f * ld + v, block(n, f), ld);
        mean /= (float)n;
        for (size_t f = 0; f < n; f += BLOCK)
            square += squares(x + f * ld + v, block(n, f), ld, mean);
        vf rstd = inverse(square / (float)n);
        store(keep + v, mean);
        store(keep + ld + v, rstd);
        for (size_t f = 0, at = v; f < n; f++, at += ld)
            store(y + at, madd((load(x + at) - mean) * rstd, all(weight[f]), all(bias[f])));
    }
}

/* The lanes of VL vectors added up, the first `rows` of which count, upon what is there, or not. */
INLINE void add_up(vf x[VL], size_t rows, bool upon, float *to)
{
    vf sum = add_lanes(x);
    for (size_t i = 0; rows < VL && i < rows; i++)
        to[i] = upon ? to[i] + sum[i] : sum[i];
    if (rows == VL && upon)
        sum += loadu(to);
    if (rows == VL)
        storeu(to, sum);
}

/* What the gradient is spread with: sums over the features of one vector of samples. */
struct sums {
    vf total, along;            /* of weight dy, and of weight dy u, u = (x - mean) rstd */
};

/* `rows` features, at most VL; there are as many as the vectors if `full`. */
INLINE void weigh(size_t rows, const bool full, size_t ld, const float *weight, const float *x,
                  const float *dy, vf mean, vf rstd, bool upon, float *dweight, float *dbias,
                  struct sums *s)
{
    vf g[VL], h[VL], total = {0}, along = {0};
UNROLL(16)
    for (size_t i = 0; i < VL; i++) {
        g[i] = h[i] = (vf){0};
        if (full || i < rows) {
            g[i] = load(dy + i * ld);
            h[i] = g[i] * ((load(x + i * ld) - mean) * rstd);
            total = madd(all(weight[i]), g[i], total);
            along = madd(all(weight[i]), h[i], along);
        }
    }
    s->total += total;
    s->along += along;
    add_up(g, full ? VL : rows, upon, dbias);
    add_up(h, full ? VL : rows, upon, dweight);
}

void TSGD_FN(layernorm_backward)(size_t n, size_t ld, const float *weight, const float *x,
                                 const float *dy, const float *keep, float *dweight, float *dbias,
                                 float *dx)
{
    for (size_t v = 0; v < ld; v += VL) {
        vf mean = load(keep + v), rstd = load(keep + ld + v);
        struct sums s = {{0}, {0}};
        size_t f = 0;
        for (; f + VL <= n; f += VL)
            weigh(VL, true, ld, weight + f, x + f * ld + v, dy + f * ld + v, mean, rstd, v,
                  dweight + f, dbias + f, &s);
        if (f < n)
            weigh(n - f, false, ld, weight + f, x + f * ld + v, dy + f * ld + v, mean, rstd, v,
                  dweight + f, dbias + f, &s);
        vf p = rstd * s.along / (float)n, q = s.total / (float)n;
        for (size_t i = 0, at = v; dx && i < n; i++, at += ld) {
            vf u = (load(x + at) - mean) * p;
            store(dx + at, rstd * (madd(all(weight[i]), load(dy + at), -q) - u));
        }
    }
}
