/* simd/kernels.h: the inner loops of everything, as one table of functions for each instruction
 * set; linalg/isa.h chooses one at start. Kernels take pointers, sizes and strides, are called by
 * any number of threads, never allocate, lock, print or fail. The same arguments give the same
 * bits, also between instruction sets that have a fused multiply-add. One that has none differs in
 * rounding, where list.h does not say otherwise.
 *
 * Activations are [features][ld], samples innermost, ld a multiple of 16, on a cache line.      */
#ifndef TSGD_SIMD_KERNELS_H
#define TSGD_SIMD_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers of bytes: ((zero + (byte * high + byte * low)) - mean) * scale, each operation
 * rounded. data/decode.h says why.                                                              */
struct tsgd_line {
    float zero, high, low, mean, scale;
};

/* A mixing matrix as linalg/csr.h has it, and its rows, stride floats apart, a multiple of 16.
 * Links of rows with absent[b] are left out; absent may be NULL. uniform: every row becomes the
 * mean.                                                                                         */
struct tsgd_mix {
    uint32_t k;
    const uint32_t *ptr, *col;
    const float *val;
    const bool *absent;
    bool uniform;
    size_t stride;
};

/* How the rows of a mixing matrix are mixed where they stand (linalg/mix.h), in order: row a when
 * the rows before it have been overwritten. What a later row still reads of row a goes to a slot
 * first, which is used anew after its last reader.                                              */
struct tsgd_mix_term {
    uint32_t row, from;         /* that row's old values: at `from`, a row or k + slot */
    float weight;
};
struct tsgd_mix_plan {
    enum tsgd_mix_shape {
        TSGD_MIX_ANY,
        TSGD_MIX_MEAN,          /* every row becomes the mean */
        TSGD_MIX_LINE,          /* row a reads a - 1 and a + 1, where they are, by weights > 0 */
        TSGD_MIX_RING,          /* the same, and row 0 and row k - 1 each other; k > 2 */
    } shape;
    uint32_t k, slots;
    const uint32_t *ptr;        /* [k + 1] */
    const struct tsgd_mix_term *term;   /* [ptr[k]], row a's from ptr[a] on, without itself */
    const uint32_t *keep;       /* [k] the slot for what row a was; TSGD_MIX_NOT_KEPT */
};
#define TSGD_MIX_NOT_KEPT UINT32_MAX
#define TSGD_MIX_STRIP 64       /* floats of a slot */
#define TSGD_MIX_WIDE 128       /* the same where there are few enough to stay in the first level */
#define TSGD_MIX_FEW_SLOTS 32
/* Rows of a line or ring that are mixed together, and the columns of them that are mixed before the
 * next ones.                                                                                    */
#define TSGD_MIX_GROUP 8
#define TSGD_MIX_RUN 16384

/* A convolution of [in_c][in_h][in_w][ld] with square kernels [out_c][in_c][window][window]. */
struct tsgd_conv {
    size_t in_c, in_h, in_w, out_c, out_h, out_w;
    size_t window, stride, pad; /* window at most TSGD_MAX_WINDOW */
    size_t ld;
};
#define TSGD_MAX_WINDOW 15

/* Activations of `groups` groups of `per` channels of `area` pixels. */
struct tsgd_groupnorm {
    size_t groups, per, area, ld;
    bool relu;
    size_t width;               /* of the area's rows, where pooling follows */
};

/* A pooling of [channels][height][width][ld] by squares of window x window that do not overlap. */
struct tsgd_pool {
    size_t channels, height, width, window, ld;
};

/* A matrix: element (i, j) stands at p[i * rs + j * cs], strides in floats. A transpose is the
 * two strides swapped.                                                                           */
struct tsgd_mat {
    const float *p;
    size_t rs, cs;
};

/* A step of SGD for parameters x: linalg/vec.h says what it makes of them and of their momentum m,
 * which may be NULL when momentum is 0.                                                          */
struct tsgd_update {
    float *x, *m;
    float eta, momentum, decay;
    bool nesterov;
};

/* The same step for the parameters from another one on. */
static inline struct tsgd_update tsgd_update_from(const struct tsgd_update *u, size_t from)
{
    struct tsgd_update moved = *u;
    moved.x += from;
    if (moved.m)
        moved.m += from;
    return moved;
}

/* A product C = A B + beta C. A is m x k, B is k x n, C is m x n at c, its rows contiguous and rsc
 * floats apart.                                                                                  */
struct tsgd_product {
    size_t m, n, k;
    struct tsgd_mat a, b;
    float beta;
    float *c;
    size_t rsc;
};

struct tsgd_kernels {
    const char *isa;            /* what --isa calls it */
    bool fused;                 /* it rounds a multiply-add once */
#define KERNEL(result, name, arguments) result (*name) arguments;
#include "simd/list.h"
#undef KERNEL
};

#endif
