/* linalg/gemm.h: single-precision matrix products through BLIS; the only file that includes blis.h.
 * Every call runs in the calling thread alone, whatever the environment says: threads belong to
 * tokens. BLIS 0.9 does not know newer processors and would silently run its `generic` kernels
 * there, a third to a sixth of the machine's speed, so the kernel set is chosen here, to go with
 * the instruction set of linalg/isa.h. BLIS calls the kernels of simd/ for products of up to 2^27
 * multiply-adds, which take no lock and allocate nothing, and with AVX-512 for tiles of larger.
 * The same arguments give the same bits.                                                         */
#ifndef TSGD_LINALG_GEMM_H
#define TSGD_LINALG_GEMM_H

#include "base/status.h"

/* Chooses the kernel set for the instruction set in use; call before the first product, and again
 * after tsgd_isa_init has chosen another, while no product runs. A BLIS_ARCH_TYPE that the user has
 * set wins for large products, if BLIS has that set. TSGD_EINVAL: BLIS_ARCH_TYPE is not the number
 * of a kernel set that this BLIS was built with, or this CPU cannot run it. BLIS reads the variable
 * at the first call only, and from 1.0 on stays with the stock set of that call.                 */
enum tsgd_status tsgd_gemm_init(struct tsgd_error *err);

/* Name of the kernel set in use ("zen2", "penryn", ..), "own" for ours; after tsgd_gemm_init. */
const char *tsgd_gemm_kernels(void);

/* A matrix: element (i, j) stands at p[i * rs + j * cs], strides in floats. A transpose is the
 * two strides swapped.                                                                          */
struct tsgd_mat {
    const float *p;
    size_t rs, cs;
};

/* C = A B + beta C. A is m x k, B is k x n, C is m x n at c with row stride rsc and unit column
 * stride. beta 0 overwrites, whatever C held. m, n, k >= 1.                                     */
void tsgd_gemm(size_t m, size_t n, size_t k, struct tsgd_mat a, struct tsgd_mat b, float beta,
               float *c, size_t rsc);

#endif
