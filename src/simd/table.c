/* The kernels of one instruction set, put together. */
#include "simd/simd.h"

extern const struct tsgd_kernels TSGD_FN(kernels);

#define TEXT(x) TSGD_TEXT(x)

const struct tsgd_kernels TSGD_FN(kernels) = {
    .isa = TEXT(TSGD_ISA),
    .fused = FUSED,
#define KERNEL(result, name, arguments) .name = TSGD_FN(name),
#include "simd/list.h"
#undef KERNEL
};
