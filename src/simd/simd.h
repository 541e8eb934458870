/* simd/simd.h: the vectors that kernels are written in. Every file of this folder but the headers is
 * compiled once for each instruction set, TSGD_ISA naming it, and says what it does once, in GCC's
 * vector extensions; what they lack (a multiply-add, a store past the cache) stands here.
 *
 * Activations are [features][ld] with ld a multiple of 16 (see model/layer.h), so a vector of any
 * width holds one feature of neighbouring samples and no kernel has a remainder.
 * Multiplications and additions are contracted where madd() says so and nowhere else: kernels whose
 * bits must be the same on every instruction set do without it.                                  */
#ifndef TSGD_SIMD_SIMD_H
#define TSGD_SIMD_SIMD_H

#include "simd/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* VL floats in a vector; SUMS independent sums that fit the registers beside what feeds them. */
#if defined(__AVX512F__)
enum { VL = 16, SUMS = 24 };
#elif defined(__AVX2__)
enum { VL = 8, SUMS = 12 };
#elif defined(__aarch64__)
enum { VL = 4, SUMS = 24 };
#else
enum { VL = 4, SUMS = 12 };
#endif

typedef float vf __attribute__((vector_size(4 * VL), may_alias));
typedef int32_t vi __attribute__((vector_size(4 * VL), may_alias));
typedef float vf_unaligned __attribute__((vector_size(4 * VL), aligned(4), may_alias));

/* A kernel's name carries its instruction set. */
#define TSGD_PASTE_(name, isa) tsgd_##name##_##isa
#define TSGD_PASTE(name, isa) TSGD_PASTE_(name, isa)
#define TSGD_FN(name) TSGD_PASTE(name, TSGD_ISA)
#define KERNEL(result, name, arguments) result TSGD_FN(name) arguments;
#include "simd/list.h"
#undef KERNEL

#define INLINE static inline __attribute__((always_inline))
#define TSGD_TEXT(x) #x
#define UNROLL(n) _Pragma(TSGD_TEXT(GCC unroll n))

INLINE vf load(const float *p) { return *(const vf *)p; }
INLINE vf loadu(const float *p) { return *(const vf_unaligned *)p; }
INLINE void store(float *p, vf x) { *(vf *)p = x; }
INLINE void storeu(float *p, vf x) { *(vf_unaligned *)p = x; }
INLINE vf all(float x) { return (vf){0} + x; }

/* a * b + c, rounded once where the instruction set can. */
INLINE vf madd(vf a, vf b, vf c)
{
#if defined(__AVX512F__)
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

/* Lanes of a where mask is all ones, of b where it is zero; masks come from comparisons. */
INLINE vf choose(vi mask, vf a, vf b)
{
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

/* A store that does not fetch the line into the cache first. It is not ordered with other stores:
 * call stream_end before telling anybody.                                                       */
INLINE void stream(float *p, vf x)
{
#if defined(__AVX512F__)
    _mm512_stream_ps(p, (__m512)x);
#elif defined(__AVX2__)
    _mm256_stream_ps(p, (__m256)x);
#elif defined(__SSE2__)
    _mm_stream_ps(p, (__m128)x);
#else
    store(p, x);
#endif
}

INLINE void stream_end(void)
{
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

/* The sum of a vector's lanes, pairwise. */
INLINE float add_lanes(vf x)
{
    float lane[VL];
    storeu(lane, x);
    for (int n = VL / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++)
            lane[i] += lane[i + n];
    return lane[0];
}

#endif
