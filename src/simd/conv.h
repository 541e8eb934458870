/* simd/conv.h: what the files that compute a convolution's weight gradient share. */
#ifndef TSGD_SIMD_CONV_H
#define TSGD_SIMD_CONV_H

#include "simd/simd.h"

/* Output pixels first .. first + count - 1 of one axis, where a tap meets the input, not padding. */
struct tsgd_span {
    size_t first, count;
};

static inline struct tsgd_span tsgd_span(size_t tap, size_t in, size_t out,
                                         const struct tsgd_conv *d)
{
    size_t from = tap < d->pad ? (d->pad - tap + d->stride - 1) / d->stride : 0;
    size_t end = in + d->pad > tap ? (in + d->pad - tap + d->stride - 1) / d->stride : 0;
    end = end < out ? end : out;
    return (struct tsgd_span){from, end > from ? end - from : 0};
}

/* So few output channels that vectors of them would be half empty, or so few input channels that the
 * transposed gradient would be read too often: lanes are samples instead.                       */
static inline bool tsgd_few_channels(const struct tsgd_conv *d)
{
    return 2 * d->out_c < VL || d->in_c < 4;
}

/* The gradient of the weights in that case, and the floats of scratch that it needs. */
enum { TSGD_LANE_PAIRS = 4 };
static inline size_t tsgd_lane_sums(const struct tsgd_conv *d)
{
    return SUMS * VL * d->window * d->window;
}
void TSGD_FN(conv_lane_gradient)(const struct tsgd_conv *d, const float *x, const float *dy,
                                 float *dw, float *scratch);

#endif
