/* linalg/blocking.h: the micro-kernels that large products are made of (linalg/gemm.h), and the
 * sizes of the blocks that go with each. blocking.c is the only file that includes blis.h.
 * Ownership, threads: constants, for anybody.                                                   */
#ifndef TSGD_LINALG_BLOCKING_H
#define TSGD_LINALG_BLOCKING_H

#include "base/status.h"
#include "simd/kernels.h"

/* A tile of C, m x n, for a micro-kernel: a holds k columns of mr floats, b k rows of nr floats. */
struct tsgd_tile {
    size_t m, n, k;
    const float *a, *b;
    float beta;
    float *c;
    size_t rs, cs;
    const float *next_a, *next_b;   /* what the next tile will need, to be fetched early */
};

/* A micro-kernel and the sizes of the blocks that go with it, named as in the papers on BLIS: a
 * block of A, mc x kc, is to stay in the second-level cache, a panel of B, kc x nr, in the
 * first.                                                                                        */
struct tsgd_blocking {
    const char *name;           /* one word */
    const char *told;           /* the same for logs, where bits are a set's own with that */
    bool by_columns;            /* the micro-kernel wants C's columns contiguous, not its rows */
    size_t mr, nr, mc, kc, nc;
    void (*micro)(const struct tsgd_kernels *k, const struct tsgd_blocking *b,
                  const struct tsgd_tile *t);
};

/* For tsgd_backend_init: ours, which adds up in one order on every instruction set, or, where the
 * environment variable BLIS_ARCH_TYPE holds the number of one of BLIS's sets, that. TSGD_EINVAL: it
 * is not the number of one of the sets that blocking.c lists, or this CPU cannot run that.      */
enum tsgd_status tsgd_blocking_find(const struct tsgd_blocking **out,
                                    const struct tsgd_kernels *kernels, struct tsgd_error *err);

#endif
