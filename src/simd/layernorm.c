/* Layer normalisation, 32 samples together if there are as many, GROUP vectors, else 16.
 * Sums over features are added up block by block: in one chain over a large image, rounding would
 * grow with its size. The order of additions for a sample does not depend on the number of vectors.
 */
#include "simd/moments.h"

enum { GROUP = 2 * PARTS, ROWS = 16, BLOCK = 256 };

INLINE void add_feature(const float *x, const vf mean[GROUP], const bool square, const int vectors,
                        size_t chain, vf s[GROUP][CHAINS])
{
UNROLL(8)
    for (int v = 0; v < vectors; v++) {
        vf u = load(x + v * VL) - mean[v];
        if (square)
            s[v][chain] = madd(u, u, s[v][chain]);
        else
            s[v][chain] += u;
    }
}

/* The sums of x, when mean is 0, or of (x - mean)^2. */
INLINE void add_features(const float *x, size_t n, size_t ld, const vf mean[GROUP],
                         const bool square, const int vectors, vf total[GROUP])
{
    for (size_t first = 0; first < n; first += BLOCK) {
        vf s[GROUP][CHAINS] = {{{0}}};
        size_t f = first, end = n - first < BLOCK ? n : first + BLOCK;
        for (; f + CHAINS <= end; f += CHAINS)
UNROLL(4)
            for (size_t i = 0; i < CHAINS; i++)
                add_feature(x + (f + i) * ld, mean, square, vectors, i, s);
        for (; f < end; f++)
            add_feature(x + f * ld, mean, square, vectors, 0, s);
UNROLL(8)
        for (int v = 0; v < vectors; v++)
            total[v] += chains(s[v]);
    }
}

INLINE void forward(size_t n, size_t ld, const float *weight, const float *bias, const float *x,
                    float *y, float *keep, const int vectors)
{
    vf mean[GROUP] = {{0}}, rstd[GROUP] = {{0}}, total[GROUP] = {{0}};
    add_features(x, n, ld, mean, false, vectors, total);
    for (int v = 0; v < vectors; v++)
        mean[v] = total[v] / (float)n;
    add_features(x, n, ld, mean, true, vectors, rstd);
    for (int v = 0; v < vectors; v++) {
        rstd[v] = inverse(rstd[v] / (float)n);
        store(keep + v * VL, mean[v]);
        store(keep + ld + v * VL, rstd[v]);
    }
    for (size_t f = 0; f < n; f++)
UNROLL(8)
        for (int v = 0; v < vectors; v++) {
            size_t at = f * ld + (size_t)v * VL;
            store(y + at, madd((load(x + at) - mean[v]) * rstd[v], all(weight[f]), all(bias[f])));
        }
}

void TSGD_FN(layernorm_forward)(size_t n, size_t ld, const float *weight, const float *bias,
                                const float *x, float *y, float *keep)
{
    size_t s = 0;
    for (; s + GROUP * VL <= ld; s += GROUP * VL)
        forward(n, ld, weight, bias, x + s, y + s, keep + s, GROUP);
    if (s < ld)
        forward(n, ld, weight, bias, x + s, y + s, keep + s, PARTS);
}

/* The lanes of ROWS vectors added up, the first `rows` of which count, upon what is there, or
 * not.                                                                                          */
INLINE void add_up(vf x[ROWS], size_t rows, bool upon, float *to)
{
UNROLL(4)
    for (size_t first = 0; first < ROWS; first += VL) {
        vf sum = add_lanes(x + first);
        for (size_t i = first; rows < ROWS && i < first + VL && i < rows; i++)
            to[i] = upon ? to[i] + sum[i - first] : sum[i - first];
        if (rows == ROWS && upon)
            sum += loadu(to + first);
        if (rows == ROWS)
            storeu(to + first, sum);
    }
}

/* Of some vectors of samples: total and along are the sums over the features of weight dy and of
 * weight dy u, u = (x - mean) rstd.                                                              */
struct spread {
    vf mean[GROUP], rstd[GROUP], total[GROUP], along[GROUP];
};

/* `rows` features, at most ROWS; there are as many if `full`. */
INLINE void weigh(size_t rows, const bool full, size_t ld, const float *weight, const float *x,
                  const float *dy, bool upon, float *dweight, float *dbias, struct spread *s,
                  const int vectors)
{
    vf g[ROWS], h[ROWS], total[GROUP] = {{0}}, along[GROUP] = {{0}};
UNROLL(16)
    for (size_t i = 0; i < ROWS; i++) {
        vf a[PARTS] = {{0}}, b[PARTS] = {{0}};
        if (full || i < rows)
UNROLL(8)
            for (int v = 0; v < vectors; v++) {
                size_t at = i * ld + (size_t)v * VL;
                vf d = load(dy + at), e = d * ((load(x + at) - s->mean[v]) * s->rstd[v]);
                total[v] = madd(all(weight[i]), d, total[v]);
                along[v] = madd(all(weight[i]), e, along[v]);
                a[v % PARTS] += d;
                b[v % PARTS] += e;
            }
        g[i] = add_parts(a);
        h[i] = add_parts(b);
    }
    for (int v = 0; v < vectors; v++) {
        s->total[v] += total[v];
        s->along[v] += along[v];
    }
    add_up(g, full ? ROWS : rows, upon, dbias);
    add_up(h, full ? ROWS : rows, upon, dweight);
}

INLINE void backward(size_t n, size_t ld, const float *weight, const float *x, const float *dy,
                     const float *keep, bool upon, float *dweight, float *dbias, float *dx,
                     const int vectors)
{
    struct spread s = {.total = {{0}}, .along = {{0}}};
    size_t f = 0;
    for (int v = 0; v < vectors; v++) {
        s.mean[v] = load(keep + v * VL);
        s.rstd[v] = load(keep + ld + v * VL);
    }
    for (; f + ROWS <= n; f += ROWS)
        weigh(ROWS, true, ld, weight + f, x + f * ld, dy + f * ld, upon, dweight + f, dbias + f, &s,
              vectors);
    if (f < n)
        weigh(n - f, false, ld, weight + f, x + f * ld, dy + f * ld, upon, dweight + f, dbias + f,
              &s, vectors);
    for (int v = 0; v < vectors; v++) {
        s.along[v] = s.rstd[v] * s.along[v] / (float)n;
        s.total[v] = -(s.total[v] / (float)n);
    }
    for (size_t i = 0; dx && i < n; i++)
UNROLL(8)
        for (int v = 0; v < vectors; v++) {
            size_t at = i * ld + (size_t)v * VL;
            vf u = (load(x + at) - s.mean[v]) * s.along[v];
            store(dx + at, s.rstd[v] * (madd(all(weight[i]), load(dy + at), s.total[v]) - u));
        }
}

void TSGD_FN(layernorm_backward)(size_t n, size_t ld, const float *weight, const float *x,
                                 const float *dy, const float *keep, float *dweight, float *dbias,
                                 float *dx)
{
    size_t s = 0;
    for (; s + GROUP * VL <= ld; s += GROUP * VL)
        backward(n, ld, weight, x + s, dy + s, keep + s, s, dweight, dbias, dx ? dx + s : NULL,
                 GROUP);
    if (s < ld)
        backward(n, ld, weight, x + s, dy + s, keep + s, s, dweight, dbias, dx ? dx + s : NULL,
                 PARTS);
}
