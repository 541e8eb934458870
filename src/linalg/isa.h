/* linalg/isa.h: the instruction sets that the kernels of simd/ were compiled for. */
#ifndef TSGD_LINALG_ISA_H
#define TSGD_LINALG_ISA_H

#include "base/status.h"
#include "simd/kernels.h"

/* The kernels for an instruction set: `name` ("sse4", "avx2", ..), or, when it is NULL, the widest
 * that the CPU has. "portable" runs on every x86-64, and is taken only where it is named: an
 * emulated multiply-add makes it slow. On error *out is untouched. TSGD_EINVAL: no such instruction
 * set in this build, or the CPU lacks it; the sentence lists those that would do. Any thread.   */
enum tsgd_status tsgd_isa_find(const struct tsgd_kernels **out, const char *name,
                               struct tsgd_error *err);

/* Whose bits a run has with the instruction set of this name, which may be one of another build or
 * processor: "common" of all that have a fused multiply-add, or `name` itself. Any thread.      */
const char *tsgd_isa_bits(const char *name);

/* Name i of those that this build knows, whether the CPU can run them or not, the narrowest first
 * and "portable" after the widest; NULL after the last. Any thread.                             */
const char *tsgd_isa_name(size_t i);

/* Table i of those that this CPU can run, the narrowest first; NULL after the widest. "portable" is
 * not among them. For tests and benchmarks.                                                      */
const struct tsgd_kernels *tsgd_isa_table(size_t i);

#endif
