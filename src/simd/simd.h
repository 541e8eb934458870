/* simd/simd.h: the vectors that kernels are written in. Every file of this folder but the headers
 * is compiled once for each instruction set, TSGD_ISA naming it, and says what it does once, in
 * GCC's vector extensions; what they lack (a multiply-add, a store that bypasses the cache) stands
 * here.
 *
 * Activations are [features][ld] with ld a multiple of 16 (see model/layer.h), so a vector of any
 * width holds one feature of neighbouring samples and no kernel has a remainder. Multiplications
 * and additions are contracted where madd() says so and nowhere else: kernels whose bits must be
 * the same on every instruction set do without it.                                              */
#ifndef TSGD_SIMD_SIMD_H
#define TSGD_SIMD_SIMD_H

#include "simd/fused.h"
#include "simd/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* VL: floats in a vector. SUMS: accumulators, as many as the register file holds beside the
 * operands of a multiply-add.                                                                   */
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
#if defined(__clang__)
#define UNROLL(n) _Pragma(TSGD_TEXT(unroll n))
#else
#define UNROLL(n) _Pragma(TSGD_TEXT(GCC unroll n))
#endif

INLINE vf load(const float *p) { return *(const vf *)p; }
INLINE vf loadu(const float *p) { return *(const vf_unaligned *)p; }
INLINE void store(float *p, vf x) { *(vf *)p = x; }
INLINE void storeu(float *p, vf x) { *(vf_unaligned *)p = x; }
INLINE vf all(float x) { return x - (vf){0}; }     /* 0 + x would cost an addition: -0 */

/* The first n floats of a vector, 1 <= n <= VL. */
#if defined(__AVX512F__)
INLINE __mmask16 first_lanes(size_t n)
{
    return (__mmask16)(0xffffu >> (VL - n));
}
#elif defined(__AVX2__)
INLINE __m256i first_lanes(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif

INLINE vf load_part(const float *p, size_t n)
{
#if defined(__AVX512F__)
    return (vf)_mm512_maskz_loadu_ps(first_lanes(n), p);
#elif defined(__AVX2__)
    return (vf)_mm256_maskload_ps(p, first_lanes(n));
#else
    float lane[VL] = {0};
    for (size_t i = 0; i < n; i++)
        lane[i] = p[i];
    return loadu(lane);
#endif
}

INLINE void store_part(float *p, vf x, size_t n)
{
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, first_lanes(n), (__m512)x);
#elif defined(__AVX2__)
    _mm256_maskstore_ps(p, first_lanes(n), (__m256)x);
#else
    for (size_t i = 0; i < n; i++)
        p[i] = x[i];
#endif
}

/* Whether madd rounds once. */
#if defined(__FMA__) || defined(__aarch64__) || defined(TSGD_EMULATED)
enum { FUSED = 1 };
#else
enum { FUSED = 0 };
#endif

/* a * b + c, rounded once where the instruction set can, and where TSGD_EMULATED says so. Results
 * of those that round once are the same bits.                                                   */
#if defined(TSGD_EMULATED)      /* a call: within unrolled loops it would take minutes to compile */
static __attribute__((noinline, unused)) vf madd(vf a, vf b, vf c)
#else
INLINE vf madd(vf a, vf b, vf c)
#endif
{
#if defined(__AVX512F__)
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#elif defined(TSGD_EMULATED)
    for (int i = 0; i < VL; i++)
        c[i] = tsgd_fused(a[i], b[i], c[i]);
    return c;
#else
    return a * b + c;
#endif
}

/* One bit for every lane. */
#if defined(__AVX512F__)
typedef __mmask16 vm;
#else
typedef vi vm;
#endif

INLINE vm greater(vf a, vf b)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ);
#else
    return a > b;
#endif
}

INLINE vm at_most(vf a, vf b)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LE_OQ);
#else
    return a <= b;
#endif
}

INLINE vm equal(vf a, vf b)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_EQ_OQ);
#else
    return a == b;
#endif
}

INLINE vm is_nan(vf a)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)a, (__m512)a, _CMP_UNORD_Q);
#else
    return a != a;
#endif
}

/* a where mask says so, else b. */
INLINE vf choose(vm mask, vf a, vf b)
{
#if defined(__AVX512F__)
    return (vf)_mm512_mask_blend_ps(mask, (__m512)b, (__m512)a);
#else
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
#endif
}

/* The larger one; b when they cannot be compared. */
INLINE vf larger(vf a, vf b)
{
#if defined(__AVX512F__)
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (vf)_mm_max_ps((__m128)a, (__m128)b);
#else
    return choose(greater(a, b), a, b);
#endif
}

/* A mask in 16 bits, and back. */
INLINE uint16_t mask_bits(vm m)
{
#if defined(__AVX512F__)
    return m;
#elif defined(__AVX2__)
    return (uint16_t)_mm256_movemask_ps((__m256)m);
#elif defined(__SSE2__)
    return (uint16_t)_mm_movemask_ps((__m128)m);
#else
    return (uint16_t)((m[0] & 1) | (m[1] & 2) | (m[2] & 4) | (m[3] & 8));
#endif
}

INLINE vm mask_of(uint16_t bits)
{
#if defined(__AVX512F__)
    return bits;
#else
    const vi bit =
#if defined(__AVX2__)
        {1, 2, 4, 8, 16, 32, 64, 128};
#else
        {1, 2, 4, 8};
#endif
    return (((vi){0} + bits) & bit) == bit;
#endif
}

/* A store that bypasses the cache (non-temporal). It is not ordered with other stores: call
 * stream_end before another thread is told of it.                                               */
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

/* Whether copy_lines is worth a copy. */
#if defined(__x86_64__)
enum { COPIES_LINES = 1 };
#else
enum { COPIES_LINES = 0 };
#endif

/* Sanitizers do not see what instructions of this file's own write. */
#if defined(__has_feature)
#define TSGD_WATCHED (__has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||      \
                      __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TSGD_WATCHED 1
#else
#define TSGD_WATCHED 0
#endif

/* Copies n floats, a multiple of 16, to cache lines whose old content other cores have read. A
 * store of a vector waits until they have given up its line, and only so many stores can wait at a
 * time; the string instruction takes over many lines at once. All of it comes before later stores,
 * as with other stores.                                                                         */
INLINE void copy_lines(float *to, const float *from, size_t n)
{
#if defined(__x86_64__) && !TSGD_WATCHED
    size_t words = n / 2;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
#else
    __builtin_memcpy(to, from, n * sizeof *to);
#endif
}

/* x, in a register: gcc would load again for each use what it has just loaded from memory. */
INLINE vf held(vf x)
{
#if defined(__x86_64__)
    __asm__("" : "+v"(x));
#elif defined(__aarch64__)
    __asm__("" : "+w"(x));
#endif
    return x;
}

/* *p is computed here and now. Of an expression that does not change in a loop gcc keeps the value,
 * and where there are more addresses than registers it keeps them in worse places.              */
INLINE void computed(const float **p)
{
    __asm__("" : "+r"(*p));
}

/* f(0, n), f(1, n), ..: for __builtin_shufflevector, the lane that each lane comes from. */
#define LANES_4(f, n) f(0, n), f(1, n), f(2, n), f(3, n)
#define LANES_8(f, n) LANES_4(f, n), f(4, n), f(5, n), f(6, n), f(7, n)
#define LANES_16(f, n) LANES_8(f, n), f(8, n), f(9, n), f(10, n), f(11, n), f(12, n), f(13, n), \
    f(14, n), f(15, n)
#if defined(__AVX512F__)
#define LANES(f, n) LANES_16(f, n)
#elif defined(__AVX2__)
#define LANES(f, n) LANES_8(f, n)
#else
#define LANES(f, n) LANES_4(f, n)
#endif

/* One step of adding up lanes. Vectors a and b hold runs of n partial sums; the result holds a run
 * of n / 2 for each run of a and then for each of b: its first half plus its second half.       */
#define FIRST_HALF(l, n) (l / (VL / 2) * VL + l % (VL / 2) / (n / 2) * n + l % (VL / 2) % (n / 2))
#define SECOND_HALF(l, n) (FIRST_HALF(l, n) + n / 2)
#define HALVE(a, b, n) (__builtin_shufflevector(a, b, LANES(FIRST_HALF, n)) +                    \
                        __builtin_shufflevector(a, b, LANES(SECOND_HALF, n)))

/* The sums of the lanes of VL vectors, in order, in one vector. */
INLINE vf add_lanes(vf x[VL])
{
#define HALVE_ALL(n)                                                                             \
    UNROLL(8)                                                                                    \
    for (int i = 0; i < n / 2; i++)                                                              \
        x[i] = HALVE(x[2 * i], x[2 * i + 1], n);
#if defined(__AVX512F__)
    HALVE_ALL(16)
#endif
#if defined(__AVX2__)
    HALVE_ALL(8)
#endif
    HALVE_ALL(4)
    HALVE_ALL(2)
    return x[0];
#undef HALVE_ALL
}

/* Sums over samples are those of 16 lanes on every instruction set: with AVX-512 one vector, else
 * PARTS of them. The first steps of adding up 16 lanes, which are one vector afterwards: lane i
 * plus lane i + 8, and so on, as add_lanes goes on.                                             */
enum { PARTS = 16 / VL };

INLINE vf add_parts(vf x[PARTS])
{
UNROLL(4)
    for (int n = PARTS / 2; n > 0; n /= 2)
UNROLL(4)
        for (int i = 0; i < n; i++)
            x[i] += x[i + n];
    return x[0];
}

/* Where lanes come from: those of a's and b's quarters (of four lanes), one in turn of either, from
 * a quarter's first half or its last; the same of pairs; and quarters 0, 2, .. of a, then of b.
 * Processors have such shuffles that take less time than others.                                */
#define MIXED_ONES(l, n) (l / 4 * 4 + l % 4 / 2 + l % 2 * VL + n)
#define MIXED_PAIRS(l, n) (l / 4 * 4 + l % 2 + l % 4 / 2 * VL + n)
#define EVEN_QUARTERS(l, n) (l / 4 * 8 + l % 4 + n)
#define SHUFFLED(f, a, b, n) __builtin_shufflevector(a, b, LANES(f, n))

/* Vector i receives lane i of every vector. */
INLINE void transpose(vf x[VL])
{
UNROLL(4)
    for (int i = 0; i < VL; i += 4) {   /* four by four within every quarter */
        vf a = SHUFFLED(MIXED_ONES, x[i], x[i + 1], 0);
        vf b = SHUFFLED(MIXED_ONES, x[i], x[i + 1], 2);
        vf c = SHUFFLED(MIXED_ONES, x[i + 2], x[i + 3], 0);
        vf d = SHUFFLED(MIXED_ONES, x[i + 2], x[i + 3], 2);
        x[i] = SHUFFLED(MIXED_PAIRS, a, c, 0);
        x[i + 1] = SHUFFLED(MIXED_PAIRS, a, c, 2);
        x[i + 2] = SHUFFLED(MIXED_PAIRS, b, d, 0);
        x[i + 3] = SHUFFLED(MIXED_PAIRS, b, d, 2);
    }
#if defined(__AVX512F__)
UNROLL(4)
    for (int i = 0; i < 4; i++) {
        vf a = SHUFFLED(EVEN_QUARTERS, x[i], x[i + 4], 0);
        vf b = SHUFFLED(EVEN_QUARTERS, x[i], x[i + 4], 4);
        vf c = SHUFFLED(EVEN_QUARTERS, x[i + 8], x[i + 12], 0);
        vf d = SHUFFLED(EVEN_QUARTERS, x[i + 8], x[i + 12], 4);
        x[i] = SHUFFLED(EVEN_QUARTERS, a, c, 0);
        x[i + 4] = SHUFFLED(EVEN_QUARTERS, b, d, 0);
        x[i + 8] = SHUFFLED(EVEN_QUARTERS, a, c, 4);
        x[i + 12] = SHUFFLED(EVEN_QUARTERS, b, d, 4);
    }
#elif defined(__AVX2__)
UNROLL(4)
    for (int i = 0; i < 4; i++) {
        vf a = x[i], b = x[i + 4];
        x[i] = SHUFFLED(EVEN_QUARTERS, a, b, 0);
        x[i + 4] = SHUFFLED(EVEN_QUARTERS, a, b, 4);
    }
#endif
}

/* A block of VL by VL, transposed: row i stands at x + i * step, those from `rows` on are zeros;
 * column i goes to t + i * to_step.                                                              */
INLINE void transpose_block(const float *x, size_t step, size_t rows, float *t, size_t to_step)
{
    vf v[VL];
UNROLL(16)
    for (size_t i = 0; i < VL; i++)
        v[i] = i < rows ? load(x + i * step) : (vf){0};
    transpose(v);
UNROLL(16)
    for (size_t i = 0; i < VL; i++)
        store(t + i * to_step, v[i]);
}

#endif
