/* sim/ref.h: the same mathematics once more, naive and in double: the oracle of the tests.
 * One sample at a time, features in (C, H, W) order, tensors as PyTorch lays them out. Nothing
 * here is fast, and nothing but tests calls it.                                                 */
#ifndef SIM_REF_H
#define SIM_REF_H

#include <stddef.h>

/* c[i * rsc + j] = sum over l of a(i, l) b(l, j) + beta c; strides as in linalg/gemm.h. */
void tsgd_ref_gemm(size_t m, size_t n, size_t k, const float *a, size_t ars, size_t acs,
                   const float *b, size_t brs, size_t bcs, double beta, double *c, size_t rsc);

/* y[out] = w[out][in] x + b[out] */
void tsgd_ref_dense(size_t in, size_t out, const double *w, const double *b, const double *x,
                    double *y);

struct tsgd_ref_shape {
    size_t channels, height, width;
};

/* y = cross-correlation of x, in `pad` zeros on every side, with w[out_c][in_c][window][window],
 * + b, which may be NULL                                                                        */
void tsgd_ref_conv(struct tsgd_ref_shape in, size_t out_c, size_t window, size_t pad, size_t stride,
                   const double *w, const double *b, const double *x, double *y);

/* The same for one kernel w[window][window] for each channel, which sees that channel alone; b has
 * one number for each.                                                                          */
void tsgd_ref_dwconv(struct tsgd_ref_shape in, size_t window, size_t pad, size_t stride,
                     const double *w, const double *b, const double *x, double *y);

/* y = largest of every window x window square, stride window */
void tsgd_ref_maxpool(struct tsgd_ref_shape in, size_t window, const double *x, double *y);

/* y = w[c] (x - mean) / sqrt(variance + 1e-5) + b[c]; moments over the channels of a group */
void tsgd_ref_groupnorm(struct tsgd_ref_shape in, size_t groups, const double *w, const double *b,
                        const double *x, double *y);

/* y = w[i] (x - mean) / sqrt(variance + 1e-5) + b[i]; moments over all n numbers */
void tsgd_ref_layernorm(size_t n, const double *w, const double *b, const double *x, double *y);

/* y = x Phi(x), Phi the distribution of a standard normal */
void tsgd_ref_gelu(size_t n, const double *x, double *y);

/* y = mean of every window x window square, stride window; window 0: of every channel */
void tsgd_ref_avgpool(struct tsgd_ref_shape in, size_t window, const double *x, double *y);

/* y = x + from, where y has from's shape, or half its height and width (rounded up) and channels
 * that from has not, half of them in front and half behind.                                     */
void tsgd_ref_add(struct tsgd_ref_shape in, struct tsgd_ref_shape from_shape, const double *x,
                  const double *from, double *y);

/* -log softmax(z)[label] */
double tsgd_ref_cross_entropy(size_t classes, const double *z, size_t label);

#endif
