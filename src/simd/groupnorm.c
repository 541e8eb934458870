/* Group normalisation, one vector of samples after another: a group of a small image then stays in
 * the first-level cache from pass to pass.                                                       */
#include "simd/moments.h"

static vf sum(const float *x, size_t n, size_t ld)
{
    vf s[CHAINS] = {{0}};
    size_t f = 0;
    for (; f + CHAINS <= n; f += CHAINS)
UNROLL(4)
        for (size_t i = 0; i < CHAINS; i++)
            s[i] += load(x + (f + i) * ld);
    for (; f < n; f++)
        s[0] += load(x + f * ld);
    return chains(s);
}

/* In a second pass: the mean of the squares less the square of the mean would cancel. */
static vf squares(const float *x, size_t n, size_t ld, vf mean)
{
    vf s[CHAINS] = {{0}};
    size_t f = 0;
    for (; f + CHAINS <= n; f += CHAINS)
UNROLL(4)
        for (size_t i = 0; i < CHAINS; i++) {
            vf d = load(x + (f + i) * ld) - mean;
            s[i] = madd(d, d, s[i]);
        }
    for (; f < n; f++) {
        vf d = load(x + f * ld) - mean;
        s[0] = madd(d, d, s[0]);
    }
    return chains(s);
}

INLINE void scale(const float *x, size_t n, size_t ld, vf mean, vf slope, vf bias, const bool relu,
                  float *y)
{
    for (size_t f = 0; f < n; f++) {
        vf s = madd(load(x + f * ld) - mean, slope, bias);
        store(y + f * ld, relu ? larger((vf){0}, s) : s);
    }
}

void TSGD_FN(groupnorm_forward)(const struct tsgd_groupnorm *d, const float *weight,
                                const float *bias, const float *x, float *y, float *keep)
{
    size_t ld = d->ld, plane = d->area * ld, count = d->per * d->area;
    for (size_t g = 0; g < d->groups; g++, keep += 2 * ld)
        for (size_t v = 0; v < ld; v += VL) {
            size_t at = g * d->per * plane + v;
            vf mean = sum(x + at, count, ld) / (float)count;
            vf rstd = inverse(squares(x + at, count, ld, mean) / (float)count);
            store(keep + v, mean);
            store(keep + ld + v, rstd);
            for (size_t c = g * d->per; c < (g + 1) * d->per; c++, at += plane)
                if (d->relu)
                    scale(x + at, d->area, ld, mean, rstd * weight[c], all(bias[c]), true, y + at);
                else
                    scale(x + at, d->area, ld, mean, rstd * weight[c], all(bias[c]), false, y + at);
        }
}

/* What is left of dy behind the ReLU: forward computed its argument in the same way. */
INLINE vf behind_relu(const bool relu, vf centred, vf slope, vf bias, vf dy)
{
    return relu ? choose(at_most(madd(centred, slope, bias), (vf){0}), (vf){0}, dy) : dy;
}

/* Of one channel: the sums over its pixels of dy and of dy * (x - mean). */
INLINE void sums(const float *x, const float *dy, size_t n, size_t ld, vf mean, vf slope, vf bias,
                 const bool relu, vf *total, vf *dot)
{
    vf a[CHAINS] = {{0}}, b[CHAINS] = {{0}};
    size_t f = 0;
    for (; f + CHAINS <= n; f += CHAINS)
UNROLL(4)
        for (size_t i = 0; i < CHAINS; i++) {
            vf u = load(x + (f + i) * ld) - mean;
            vf g = behind_relu(relu, u, slope, bias, load(dy + (f + i) * ld));
            a[i] += g;
            b[i] = madd(g, u, b[i]);
        }
    for (; f < n; f++) {
        vf u = load(x + f * ld) - mean;
        vf g = behind_relu(relu, u, slope, bias, load(dy + f * ld));
        a[0] += g;
        b[0] = madd(g, u, b[0]);
    }
    *total = chains(a);
    *dot = chains(b);
}

/* dx = slope dy - (x - mean) p - q, slope = rstd weight */
INLINE void spread(const float *x, const float *dy, size_t n, size_t ld, vf mean, vf slope, vf bias,
                   const bool relu, vf p, vf q, float *dx)
{
    for (size_t f = 0; f < n; f++) {
        vf u = load(x + f * ld) - mean;
        vf g = behind_relu(relu, u, slope, bias, load(dy + f * ld));
        store(dx + f * ld, madd(slope, g, -madd(u, p, q)));
    }
}

INLINE void backward(const struct tsgd_groupnorm *d, const bool relu, const float *weight,
                     const float *bias, const float *x, const float *dy, const float *keep,
                     float *dweight, float *dbias, float *dx)
{
    size_t ld = d->ld, plane = d->area * ld;
    float count = (float)(d->per * d->area);
    for (size_t g = 0; g < d->groups; g++, keep += 2 * ld)
        for (size_t v = 0; v < ld; v += 16) {
            vf mean[PARTS], rstd[PARTS], total[PARTS] = {{0}}, dot[PARTS] = {{0}};
            size_t first = g * d->per, at = first * plane + v;
UNROLL(4)
            for (size_t i = 0; i < PARTS; i++) {
                mean[i] = load(keep + v + i * VL);
                rstd[i] = load(keep + ld + v + i * VL);
            }
            for (size_t c = first; c < first + d->per; c++, at += plane) {
                vf lanes[VL] = {{0}}, a[PARTS], b[PARTS], s;
UNROLL(4)
                for (size_t i = 0; i < PARTS; i++) {
                    sums(x + at + i * VL, dy + at + i * VL, d->area, ld, mean[i],
                         rstd[i] * weight[c], all(bias[c]), relu, &a[i], &b[i]);
                    b[i] *= rstd[i];
                    total[i] = madd(all(weight[c]), a[i], total[i]);
                    dot[i] = madd(all(weight[c]), b[i], dot[i]);
                }
                lanes[0] = add_parts(a);
                lanes[1] = add_parts(b);
                s = add_lanes(lanes);
                dbias[c] = v ? dbias[c] + s[0] : s[0];
                dweight[c] = v ? dweight[c] + s[1] : s[1];
            }
            for (size_t i = 0; dx && i < PARTS; i++) {
                vf p = rstd[i] * rstd[i] * dot[i] / count, q = rstd[i] * total[i] / count;
                at = first * plane + v + i * VL;
                for (size_t c = first; c < first + d->per; c++, at += plane)
                    spread(x + at, dy + at, d->area, ld, mean[i], rstd[i] * weight[c],
                           all(bias[c]), relu, p, q, dx + at);
            }
        }
}

void TSGD_FN(groupnorm_backward)(const struct tsgd_groupnorm *d, const float *weight,
                                 const float *bias, const float *x, const float *dy,
                                 const float *keep, float *dweight, float *dbias, float *dx)
{
    if (d->relu)
        backward(d, true, weight, bias, x, dy, keep, dweight, dbias, dx);
    else
        backward(d, false, weight, bias, x, dy, keep, dweight, dbias, dx);
}
