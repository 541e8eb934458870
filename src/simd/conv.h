/* simd/conv.h: what the files share that compute a convolution's weight gradient, or pool. */
#ifndef TSGD_SIMD_CONV_H
#define TSGD_SIMD_CONV_H

#include "simd/simd.h"

/* The sum of 16 lanes. */
INLINE float total(vf x[PARTS])
{
    vf all_of[VL] = {add_parts(x)};
    return add_lanes(all_of)[0];
}

/* Output pixels first .. first + count - 1 of one axis, where a tap meets the input, not
 * padding.                                                                                      */
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

/* The largest of the four pixels of a square, or 0, and who it was. */
INLINE vf tsgd_pool_square(const vf s[4], uint16_t won[4])
{
    vf top = larger(s[1], s[0]), low = larger(s[3], s[2]), best = larger(low, top);
    won[0] = mask_bits(greater(s[1], s[0]));
    won[1] = mask_bits(greater(s[3], s[2]));
    won[2] = mask_bits(greater(low, top));
    won[3] = mask_bits(greater(best, (vf){0}));
    return larger((vf){0}, best);
}

/* Row i of the pooled gradient of channel c, back at the pixels that won, in two rows of dy, which
 * is 0 elsewhere; its sum is added to that of 16 lanes.                                         */
INLINE void tsgd_unpool_row(const struct tsgd_conv *d, const float *dp, const uint16_t *won,
                            size_t c, size_t i, float *dy, vf sum[PARTS])
{
    size_t ld = d->ld, line = d->out_w * ld, wide = d->out_w / 2;
    size_t from = (c * (d->out_h / 2) + i) * wide;
    const vf zero = {0};
    vf of_row[PARTS] = {{0}};
    dp += from * ld;
    won += from * ld / VL * 4;
    for (size_t j = 0; j < wide; j++, dy += 2 * ld)
        for (size_t v = 0; v < ld; v += 16)
UNROLL(4)
            for (size_t h = 0, at = v; h < PARTS; h++, at += VL, won += 4, dp += VL) {
                vf g = choose(mask_of(won[3]), load(dp), zero);
                vm low = mask_of(won[2]), right = mask_of(won[0]), right_low = mask_of(won[1]);
                vf above = choose(low, zero, g), below = choose(low, g, zero);
                of_row[h] += g;
                store(dy + at, choose(right, zero, above));
                store(dy + ld + at, choose(right, above, zero));
                store(dy + line + at, choose(right_low, zero, below));
                store(dy + line + ld + at, choose(right_low, below, zero));
            }
    for (size_t v = 0; d->out_w % 2 && v < ld; v += VL) {
        store(dy + v, zero);
        store(dy + line + v, zero);
    }
UNROLL(4)
    for (int h = 0; h < PARTS; h++)
        sum[h] += of_row[h];
}

/* Floats of a row of the kernel between zeros, as conv_pooled.c has it in a vector; 0: that leaves
 * this convolution to others. Intel's processors choose between two vectors in the units that
 * multiply and add: nothing would be won there. And the floats of all rows.                     */
static inline size_t tsgd_wide_row(const struct tsgd_conv *d)
{
#if defined(__AVX512F__)
    size_t wide = d->window / 2 * 2 + 3;
    return __builtin_cpu_is("amd") && d->stride == 1 && d->pad == 0 && wide <= VL ? wide : 0;
#else
    (void)d;
    return 0;
#endif
}

static inline size_t tsgd_wide_floats(const struct tsgd_conv *d)
{
    return d->in_c * d->out_c * d->window * tsgd_wide_row(d);
}

/* So few output channels that the widest vectors of them would be half empty, or so few input
 * channels that the transposed gradient would be read too often: lanes are samples instead. The
 * same on every instruction set, because the two ways add in another order.                     */
static inline bool tsgd_few_channels(const struct tsgd_conv *d)
{
    return d->out_c < 8 || d->in_c < 4;
}

/* The gradient of the weights in that case, from dy or, when won is not NULL, from the pooled
 * gradient, and then of the biases too; and the floats of scratch that it needs.                */
enum { TSGD_LANE_PAIRS = 4, TSGD_LANE_BLOCK = 64 };
static inline size_t tsgd_lane_scratch(const struct tsgd_conv *d)
{
    size_t line = d->out_w * d->ld, rows = SUMS / TSGD_LANE_PAIRS;
    return SUMS * 16 * d->window * d->window + rows * (TSGD_LANE_BLOCK * 16 + 2 * line);
}
void TSGD_FN(conv_lane_gradient)(const struct tsgd_conv *d, const float *x, const float *dy,
                                 const uint16_t *won, float *dw, float *dbias, float *scratch);

#endif
