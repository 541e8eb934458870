/* linalg/isa.h: which instruction set the kernels of simd/ are run in. */
#ifndef TSGD_LINALG_ISA_H
#define TSGD_LINALG_ISA_H

#include "base/status.h"
#include "simd/kernels.h"

/* The kernels in use: the narrowest that this build has until tsgd_isa_init. Written there alone,
 * before threads start.                                                                         */
extern const struct tsgd_kernels *tsgd_kernels;

/* Chooses: `name` ("sse4", "avx2", ..), or, when it is NULL, the widest that the CPU has.
 * TSGD_EINVAL: no such instruction set in this build, or the CPU lacks it; the sentence lists those
 * that would do. May be called again, while no kernel runs.                                     */
enum tsgd_status tsgd_isa_init(const char *name, struct tsgd_error *err);

/* Table i of those that this CPU can run, the narrowest first; NULL past the last. For tests and
 * benchmarks.                                                                                   */
const struct tsgd_kernels *tsgd_isa_table(size_t i);

#endif
