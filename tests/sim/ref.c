#include "sim/ref.h"

#include <math.h>

void tsgd_ref_gemm(size_t m, size_t n, size_t k, const float *a, size_t ars, size_t acs,
                   const float *b, size_t brs, size_t bcs, double beta, double *c, size_t rsc)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = beta == 0 ? 0 : beta * c[i * rsc + j];
            for (size_t l = 0; l < k; l++)
                sum += (double)a[i * ars + l * acs] * (double)b[l * brs + j * bcs];
            c[i * rsc + j] = sum;
        }
}

void tsgd_ref_dense(size_t in, size_t out, const double *w, const double *b, const double *x,
                    double *y)
{
    for (size_t o = 0; o < out; o++) {
        y[o] = b[o];
        for (size_t i = 0; i < in; i++)
            y[o] += w[o * in + i] * x[i];
    }
}

void tsgd_ref_conv(struct tsgd_ref_shape in, size_t out_c, size_t window, size_t pad, size_t stride,
                   const double *w, const double *b, const double *x, double *y)
{
    size_t out_h = (in.height + 2 * pad - window) / stride + 1;
    size_t out_w = (in.width + 2 * pad - window) / stride + 1;
    for (size_t o = 0; o < out_c; o++)
        for (size_t i = 0; i < out_h; i++)
            for (size_t j = 0; j < out_w; j++) {
                double sum = b ? b[o] : 0;
                for (size_t c = 0; c < in.channels; c++)
                    for (size_t p = 0; p < window; p++)
                        for (size_t q = 0; q < window; q++) {
                            size_t row = i * stride + p, column = j * stride + q;
                            if (row < pad || row - pad >= in.height || column < pad ||
                                column - pad >= in.width)
                                continue;
                            sum += w[((o * in.channels + c) * window + p) * window + q] *
                                   x[(c * in.height + row - pad) * in.width + column - pad];
                        }
                y[(o * out_h + i) * out_w + j] = sum;
            }
}

void tsgd_ref_dwconv(struct tsgd_ref_shape in, size_t window, size_t pad, size_t stride,
                     const double *w, const double *b, const double *x, double *y)
{
    struct tsgd_ref_shape one = {1, in.height, in.width};
    size_t out_h = (in.height + 2 * pad - window) / stride + 1;
    size_t out_w = (in.width + 2 * pad - window) / stride + 1;
    for (size_t c = 0; c < in.channels; c++)
        tsgd_ref_conv(one, 1, window, pad, stride, w + c * window * window, b ? b + c : NULL,
                      x + c * in.height * in.width, y + c * out_h * out_w);
}

void tsgd_ref_maxpool(struct tsgd_ref_shape in, size_t window, const double *x, double *y)
{
    size_t out_h = in.height / window, out_w = in.width / window;
    for (size_t c = 0; c < in.channels; c++)
        for (size_t i = 0; i < out_h; i++)
            for (size_t j = 0; j < out_w; j++) {
                double best = -INFINITY;
                for (size_t p = 0; p < window; p++)
                    for (size_t q = 0; q < window; q++)
                        best = fmax(best, x[(c * in.height + i * window + p) * in.width +
                                            j * window + q]);
                y[(c * out_h + i) * out_w + j] = best;
            }
}

void tsgd_ref_groupnorm(struct tsgd_ref_shape in, size_t groups, const double *w, const double *b,
                        const double *x, double *y)
{
    size_t area = in.height * in.width, count = in.channels / groups * area;
    for (size_t g = 0; g < groups; g++) {
        double mean = 0, var = 0;
        for (size_t i = g * count; i < (g + 1) * count; i++)
            mean += x[i] / (double)count;
        for (size_t i = g * count; i < (g + 1) * count; i++)
            var += (x[i] - mean) * (x[i] - mean) / (double)count;
        for (size_t i = g * count; i < (g + 1) * count; i++)
            y[i] = w[i / area] * (x[i] - mean) / sqrt(var + 1e-5) + b[i / area];
    }
}

void tsgd_ref_layernorm(size_t n, const double *w, const double *b, const double *x, double *y)
{
    double mean = 0, var = 0;
    for (size_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        var += (x[i] - mean) * (x[i] - mean) / (double)n;
    for (size_t i = 0; i < n; i++)
        y[i] = w[i] * (x[i] - mean) / sqrt(var + 1e-5) + b[i];
}

void tsgd_ref_gelu(size_t n, const double *x, double *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * erfc(-x[i] / sqrt(2)) / 2;
}

void tsgd_ref_avgpool(struct tsgd_ref_shape in, size_t window, const double *x, double *y)
{
    size_t high = window ? window : in.height, wide = window ? window : in.width;
    for (size_t c = 0; c < in.channels; c++)
        for (size_t i = 0; i < in.height / high; i++)
            for (size_t j = 0; j < in.width / wide; j++, y++) {
                *y = 0;
                for (size_t p = 0; p < high; p++)
                    for (size_t q = 0; q < wide; q++)
                        *y += x[(c * in.height + i * high + p) * in.width + j * wide + q] /
                              (double)(high * wide);
            }
}

void tsgd_ref_add(struct tsgd_ref_shape in, struct tsgd_ref_shape from_shape, const double *x,
                  const double *from, double *y)
{
    struct tsgd_ref_shape f = from_shape;
    size_t front = (in.channels - f.channels) / 2, step = in.height == f.height &&
                                                          in.width == f.width ? 1 : 2;
    for (size_t c = 0; c < in.channels; c++)
        for (size_t i = 0; i < in.height; i++)
            for (size_t j = 0; j < in.width; j++, y++, x++) {
                *y = *x;
                if (c >= front && c < front + f.channels)
                    *y += from[((c - front) * f.height + step * i) * f.width + step * j];
            }
}

double tsgd_ref_cross_entropy(size_t classes, const double *z, size_t label)
{
    double sum = 0;
    for (size_t c = 0; c < classes; c++)
        sum += exp(z[c] - z[label]);
    return log(sum);
}
