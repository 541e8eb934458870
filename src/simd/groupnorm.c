/* Group normalisation, of the samples of one or two cache lines at a time: a group of a small image
 * then stays in the first-level cache from pass to pass. What is written goes from one line to the
 * next where there are 32 samples: memory is slower when it is asked for every second line.      */
#include "simd/conv.h"
#include "simd/moments.h"

/* Vectors that are summed side by side, and those that are written side by side. */
enum { WIDE = 2, SIDE = 4 };
/* Vectors of a pixel that are worked on together, at most: two cache lines of 16 samples. */
enum { MOST = 2 * PARTS };

INLINE void sum(const float *x, size_t n, size_t ld, const size_t wide, vf *total)
{
    vf s[WIDE][CHAINS] = {{{0}}};
    size_t f = 0;
    for (; f + CHAINS <= n; f += CHAINS)
UNROLL(4)
        for (size_t i = 0; i < CHAINS; i++)
UNROLL(2)
            for (size_t k = 0; k < wide; k++)
                s[k][i] += load(x + (f + i) * ld + k * VL);
    for (; f < n; f++)
UNROLL(2)
        for (size_t k = 0; k < wide; k++)
            s[k][0] += load(x + f * ld + k * VL);
UNROLL(2)
    for (size_t k = 0; k < wide; k++)
        total[k] = chains(s[k]);
}

/* In a second pass: the mean of the squares less the square of the mean would cancel. */
INLINE void squares(const float *x, size_t n, size_t ld, const size_t wide, const vf *mean,
                    vf *total)
{
    vf s[WIDE][CHAINS] = {{{0}}};
    size_t f = 0;
    for (; f + CHAINS <= n; f += CHAINS)
UNROLL(4)
        for (size_t i = 0; i < CHAINS; i++)
UNROLL(2)
            for (size_t k = 0; k < wide; k++) {
                vf d = load(x + (f + i) * ld + k * VL) - mean[k];
                s[k][i] = madd(d, d, s[k][i]);
            }
    for (; f < n; f++)
UNROLL(2)
        for (size_t k = 0; k < wide; k++) {
            vf d = load(x + f * ld + k * VL) - mean[k];
            s[k][0] = madd(d, d, s[k][0]);
        }
UNROLL(2)
    for (size_t k = 0; k < wide; k++)
        total[k] = chains(s[k]);
}

INLINE void scale(const float *x, size_t n, size_t ld, const size_t side, const vf *mean,
                  const vf *slope, vf bias, const bool relu, float *y)
{
    for (size_t f = 0; f < n; f++)
UNROLL(4)
        for (size_t k = 0; k < side; k++) {
            vf s = madd(load(x + f * ld + k * VL) - mean[k], slope[k], bias);
            store(y + f * ld + k * VL, relu ? larger((vf){0}, s) : s);
        }
}

/* The same of one channel, then ReLU and pooling. */
INLINE void scale_squares(const float *x, size_t height, size_t width, size_t ld, const size_t side,
                          const vf *mean, const vf *slope, vf bias, float *y, uint16_t *won)
{
    size_t line = width * ld;
    for (size_t i = 0; i < height / 2; i++, x += 2 * line)
        for (size_t j = 0; j < width / 2; j++, y += ld, won += ld / VL * 4)
UNROLL(4)
            for (size_t k = 0; k < side; k++) {
                const float *corner = x + 2 * j * ld + k * VL;
                vf s[4];
UNROLL(4)
                for (size_t q = 0; q < 4; q++) {
                    vf pixel = load(corner + q / 2 * line + q % 2 * ld);
                    s[q] = madd(pixel - mean[k], slope[k], bias);
                }
                store(y + k * VL, tsgd_pool_square(s, won + 4 * k));
            }
}

/* won NULL: nothing is pooled. */
INLINE void forward(const struct tsgd_groupnorm *d, const size_t lines, const bool relu,
                    const float *weight, const float *bias, const float *x, float *y, float *keep,
                    uint16_t *won)
{
    size_t ld = d->ld, plane = d->area * ld, count = d->per * d->area;
    const size_t n = lines * PARTS, wide = n < WIDE ? n : WIDE, side = n < SIDE ? n : SIDE;
    for (size_t g = 0; g < d->groups; g++, keep += 2 * ld)
        for (size_t v = 0; v < ld; v += n * VL) {
            vf mean[MOST], rstd[MOST], slope[MOST];
            size_t at = g * d->per * plane + v;
UNROLL(4)
            for (size_t i = 0; i < n; i += wide) {
                sum(x + at + i * VL, count, ld, wide, mean + i);
UNROLL(2)
                for (size_t k = i; k < i + wide; k++)
                    mean[k] /= (float)count;
                squares(x + at + i * VL, count, ld, wide, mean + i, rstd + i);
UNROLL(2)
                for (size_t k = i; k < i + wide; k++) {
                    rstd[k] = inverse(rstd[k] / (float)count);
                    store(keep + v + k * VL, mean[k]);
                    store(keep + ld + v + k * VL, rstd[k]);
                }
            }
            for (size_t c = g * d->per; c < (g + 1) * d->per; c++, at += plane) {
UNROLL(8)
                for (size_t i = 0; i < n; i++)
                    slope[i] = rstd[i] * weight[c];
UNROLL(2)
                for (size_t i = 0; won && i < n; i += side) {
                    size_t height = d->area / d->width, of = v + i * VL;
                    size_t to = c * (height / 2) * (d->width / 2) * ld + of;
                    scale_squares(x + at + i * VL, height, d->width, ld, side, mean + i, slope + i,
                                  all(bias[c]), y + to, won + to / VL * 4);
                }
UNROLL(2)
                for (size_t i = 0; !won && i < n; i += side)
                    scale(x + at + i * VL, d->area, ld, side, mean + i, slope + i, all(bias[c]),
                          relu, y + at + i * VL);
            }
        }
}

void TSGD_FN(groupnorm_forward)(const struct tsgd_groupnorm *d, const float *weight,
                                const float *bias, const float *x, float *y, float *keep)
{
    bool two = d->ld % 32 == 0;
    if (two && d->relu)
        forward(d, 2, true, weight, bias, x, y, keep, NULL);
    else if (two)
        forward(d, 2, false, weight, bias, x, y, keep, NULL);
    else if (d->relu)
        forward(d, 1, true, weight, bias, x, y, keep, NULL);
    else
        forward(d, 1, false, weight, bias, x, y, keep, NULL);
}

void TSGD_FN(groupnorm_relu_pool)(const struct tsgd_groupnorm *d, const float *weight,
                                  const float *bias, const float *x, float *y, float *keep,
                                  uint16_t *won)
{
    if (d->ld % 32 == 0)
        forward(d, 2, true, weight, bias, x, y, keep, won);
    else
        forward(d, 1, true, weight, bias, x, y, keep, won);
}

/* What is left of dy behind the ReLU: forward computed its argument in the same way. */
INLINE vf behind_relu(const bool relu, vf centred, vf slope, vf bias, vf dy)
{
    return relu ? choose(at_most(madd(centred, slope, bias), (vf){0}), (vf){0}, dy) : dy;
}

/* Of one channel: the sums over its pixels of dy and of dy * (x - mean). */
INLINE void sums(const float *x, const float *dy, size_t n, size_t ld, const size_t wide,
                 const vf *mean, const vf *slope, vf bias, const bool relu, vf *total, vf *dot)
{
    vf a[WIDE][CHAINS] = {{{0}}}, b[WIDE][CHAINS] = {{{0}}};
    size_t f = 0;
    for (; f + CHAINS <= n; f += CHAINS)
UNROLL(4)
        for (size_t i = 0; i < CHAINS; i++)
UNROLL(2)
            for (size_t k = 0; k < wide; k++) {
                size_t at = (f + i) * ld + k * VL;
                vf u = load(x + at) - mean[k];
                vf g = behind_relu(relu, u, slope[k], bias, load(dy + at));
                a[k][i] += g;
                b[k][i] = madd(g, u, b[k][i]);
            }
    for (; f < n; f++)
UNROLL(2)
        for (size_t k = 0; k < wide; k++) {
            size_t at = f * ld + k * VL;
            vf u = load(x + at) - mean[k];
            vf g = behind_relu(relu, u, slope[k], bias, load(dy + at));
            a[k][0] += g;
            b[k][0] = madd(g, u, b[k][0]);
        }
UNROLL(2)
    for (size_t k = 0; k < wide; k++) {
        total[k] = chains(a[k]);
        dot[k] = chains(b[k]);
    }
}

/* dx = slope dy - (x - mean) p - q, slope = rstd weight */
INLINE void spread(const float *x, const float *dy, size_t n, size_t ld, const size_t side,
                   const vf *mean, const vf *slope, vf bias, const bool relu, const vf *p,
                   const vf *q, float *dx)
{
    for (size_t f = 0; f < n; f++)
UNROLL(4)
        for (size_t k = 0; k < side; k++) {
            size_t at = f * ld + k * VL;
            vf u = load(x + at) - mean[k];
            vf g = behind_relu(relu, u, slope[k], bias, load(dy + at));
            store(dx + at, madd(slope[k], g, -madd(u, p[k], q[k])));
        }
}

/* Channel c of the gradient before pooling. */
static void unpool(const struct tsgd_groupnorm *d, const float *dp, const uint16_t *won, size_t c,
                   float *dy)
{
    const struct tsgd_conv as = {.out_h = d->area / d->width, .out_w = d->width, .ld = d->ld};
    size_t line = as.out_w * as.ld, plane = as.out_h * line;
    vf sum[PARTS] = {{0}};
    dy += c * plane;
    for (size_t i = 0; i < as.out_h / 2; i++)
        tsgd_unpool_row(&as, dp, won, c, i, dy + 2 * i * line, sum);
    for (size_t v = 0; as.out_h % 2 && v < line; v += VL)
        store(dy + plane - line + v, (vf){0});
}

/* With won, dp is the gradient behind the ReLU and the pooling. Each channel of it is first spread
 * out into dx, which dy is then too, and read from there.                                       */
INLINE void backward(const struct tsgd_groupnorm *d, const size_t lines, const bool relu,
                     const float *weight, const float *bias, const float *x, const float *dy,
                     const float *keep, float *dweight, float *dbias, float *dx, const float *dp,
                     const uint16_t *won)
{
    size_t ld = d->ld, plane = d->area * ld;
    const size_t n = lines * PARTS, wide = n < WIDE ? n : WIDE, side = n < SIDE ? n : SIDE;
    float count = (float)(d->per * d->area);
    for (size_t g = 0; g < d->groups; g++, keep += 2 * ld)
        for (size_t v = 0; v < ld; v += n * VL) {
            vf mean[MOST], rstd[MOST], slope[MOST], total[MOST] = {{0}}, dot[MOST] = {{0}};
            size_t first = g * d->per, at = first * plane + v;
UNROLL(8)
            for (size_t i = 0; i < n; i++) {
                mean[i] = load(keep + v + i * VL);
                rstd[i] = load(keep + ld + v + i * VL);
            }
            for (size_t c = first; c < first + d->per; c++, at += plane) {
                vf lanes[VL] = {{0}}, a[MOST], b[MOST], s;
                vf shift = all(bias ? bias[c] : 0);
                if (won && v == 0)
                    unpool(d, dp, won, c, dx);
UNROLL(8)
                for (size_t i = 0; i < n; i++)
                    slope[i] = rstd[i] * weight[c];
UNROLL(4)
                for (size_t i = 0; i < n; i += wide)
                    sums(x + at + i * VL, dy + at + i * VL, d->area, ld, wide, mean + i, slope + i,
                         shift, relu, a + i, b + i);
UNROLL(8)
                for (size_t i = 0; i < n; i++) {
                    b[i] *= rstd[i];
                    total[i] = madd(all(weight[c]), a[i], total[i]);
                    dot[i] = madd(all(weight[c]), b[i], dot[i]);
                }
UNROLL(2)
                for (size_t i = 0; i < lines; i++) {
                    lanes[2 * i] = add_parts(a + i * PARTS);
                    lanes[2 * i + 1] = add_parts(b + i * PARTS);
                }
                s = add_lanes(lanes);
UNROLL(2)
                for (size_t i = 0; i < lines; i++) {
                    dbias[c] = v + i ? dbias[c] + s[2 * i] : s[0];
                    dweight[c] = v + i ? dweight[c] + s[2 * i + 1] : s[1];
                }
            }
            if (!dx)
                continue;
UNROLL(8)
            for (size_t i = 0; i < n; i++) {        /* what p and q of spread are */
                dot[i] = rstd[i] * rstd[i] * dot[i] / count;
                total[i] = rstd[i] * total[i] / count;
            }
            at = first * plane + v;
            for (size_t c = first; c < first + d->per; c++, at += plane) {
                vf shift = all(bias ? bias[c] : 0);
UNROLL(8)
                for (size_t i = 0; i < n; i++)
                    slope[i] = rstd[i] * weight[c];
UNROLL(2)
                for (size_t i = 0; i < n; i += side)
                    spread(x + at + i * VL, dy + at + i * VL, d->area, ld, side, mean + i,
                           slope + i, shift, relu, dot + i, total + i, dx + at + i * VL);
            }
        }
}

void TSGD_FN(groupnorm_backward)(const struct tsgd_groupnorm *d, const float *weight,
                                 const float *bias, const float *x, const float *dy,
                                 const float *keep, float *dweight, float *dbias, float *dx)
{
    bool two = d->ld % 32 == 0;
    if (two && d->relu)
        backward(d, 2, true, weight, bias, x, dy, keep, dweight, dbias, dx, NULL, NULL);
    else if (two)
        backward(d, 2, false, weight, bias, x, dy, keep, dweight, dbias, dx, NULL, NULL);
    else if (d->relu)
        backward(d, 1, true, weight, bias, x, dy, keep, dweight, dbias, dx, NULL, NULL);
    else
        backward(d, 1, false, weight, bias, x, dy, keep, dweight, dbias, dx, NULL, NULL);
}

void TSGD_FN(groupnorm_unpool)(const struct tsgd_groupnorm *d, const float *weight,
                               const float *x, const float *dp, const float *keep,
                               const uint16_t *won, float *dweight, float *dbias, float *dx)
{
    if (d->ld % 32 == 0)
        backward(d, 2, false, weight, NULL, x, dx, keep, dweight, dbias, dx, dp, won);
    else
        backward(d, 1, false, weight, NULL, x, dx, keep, dweight, dbias, dx, dp, won);
}
