/* linalg/gemm.h: single-precision matrix products.
 * Up to TSGD_GEMM_SMALL multiply-adds, a product is done by the kernel of simd/gemm.c from where
 * its operands stand. A larger one goes the way of BLIS: blocks of the operands that fit the caches
 * are packed into panels, and a micro-kernel (linalg/blocking.h) computes one tile of C after
 * another from them. BLIS's own loops are not called, because they take memory from a pool of the
 * process, end the process where there is none, and choose `generic` kernels on CPUs that are newer
 * than BLIS, a sixth of the machine's speed.
 * Threads: every product runs in the calling thread alone, for threads belong to tokens. Nothing is
 * allocated or locked. The same arguments give the same bits, on every instruction set that has a
 * fused multiply-add: an element of C is the sum of its terms in order, in blocks that depend on k
 * and on whether the product is small. With BLIS_ARCH_TYPE large products have the bits of that
 * set.                                                                                          */
#ifndef TSGD_LINALG_GEMM_H
#define TSGD_LINALG_GEMM_H

#include "linalg/backend.h"

#define TSGD_GEMM_SMALL ((size_t)1 << 27)

/* C = A B + beta C; beta 0 overwrites, whatever C held. m, n, k >= 1. scratch: on a cache line, as
 * many floats as tsgd_gemm_scratch says.                                                        */
void tsgd_gemm(const struct tsgd_backend *on, const struct tsgd_product *p, float *scratch);

/* The same, and then the step u with what C would be: element (i, j) is the gradient of parameter
 * i * p->rsc + j (tsgd_sgd in linalg/vec.h). While a tile of C is in registers it takes no longer
 * than to store it, and C, which may hold anything afterwards, need not come to the caches.      */
void tsgd_gemm_update(const struct tsgd_backend *on, const struct tsgd_product *p,
                      const struct tsgd_update *u, float *scratch);

/* Enough for smaller m, n and k too; SIZE_MAX when it cannot be counted. */
size_t tsgd_gemm_scratch(const struct tsgd_backend *on, size_t m, size_t n, size_t k);

#endif
