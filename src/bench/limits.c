/* What the machine itself can do: multiply-adds from registers, and bytes moved, by the widest
 * vectors it has. One function per instruction set, compiled for it whatever the rest is compiled
 * for, and chosen when the program runs: so a share of the peak means the same for every build.  */
#include "bench/limits.h"

#include "base/mem.h"

/* Repeats of the chain of multiply-adds in one call. */
enum { STEPS = 10000 };

/* Results that nobody reads; the compiler must not know that, or it would not compute them. */
static _Alignas(64) char sink[64];

struct bandwidth {
    float *a, *b, *c;
    size_t n;                   /* floats, a multiple of 16 */
};

/* What compilers call differently: an unrolled loop, contraction in one function, and a store that
 * bypasses the cache (non-temporal).                                                            */
#if defined(__clang__)
#define UNROLL_24 _Pragma("unroll 24")
#define UNROLL_4 _Pragma("unroll 4")
#define CONTRACTS
#define CONTRACT _Pragma("clang fp contract(fast)")
#define STREAM_sse(p, v) __builtin_nontemporal_store(v, (vec_sse *)(p))
#define STREAM_avx2(p, v) __builtin_nontemporal_store(v, (vec_avx2 *)(p))
#define STREAM_avx512(p, v) __builtin_nontemporal_store(v, (vec_avx512 *)(p))
#else
#define UNROLL_24 _Pragma("GCC unroll 24")
#define UNROLL_4 _Pragma("GCC unroll 4")
#define CONTRACTS __attribute__((optimize("fp-contract=fast")))
#define CONTRACT
#define STREAM_sse __builtin_ia32_movntps
#define STREAM_avx2 __builtin_ia32_movntps256
#define STREAM_avx512 __builtin_ia32_movntps512
#endif

/* `sums` independent chains: enough to hide the latency of a multiply-add, few enough for the
 * registers of the instruction set. Contraction: the only code here that wants a * b + c as one
 * instruction.                                                                                  */
#define LIMITS(isa, target, width, sums, stream)                                                \
    typedef float vec_##isa __attribute__((vector_size(4 * (width)), may_alias));               \
    target CONTRACTS static void peak_##isa(void *arg)                                          \
    {                                                                                           \
        CONTRACT                                                                                \
        vec_##isa sum[sums], a = {0}, b, total = {0};                                           \
        a += *(const volatile float *)arg;                                                      \
        b = 1 - a;                                                                              \
        UNROLL_24 for (int i = 0; i < (sums); i++) sum[i] = b * (float)i;                       \
        for (int step = 0; step < STEPS; step++)                                                \
            UNROLL_24 for (int i = 0; i < (sums); i++) sum[i] = sum[i] * a + b;                 \
        UNROLL_24 for (int i = 0; i < (sums); i++) total += sum[i];                             \
        *(volatile vec_##isa *)sink = total;                                                    \
    }                                                                                           \
    target static void scale_##isa(void *arg)                                                   \
    {                                                                                           \
        const struct bandwidth *w = arg;                                                        \
        vec_##isa *a = (vec_##isa *)w->a;                                                       \
        for (size_t i = 0; i < w->n / (width); i += 16 / (width))                               \
            UNROLL_4 for (size_t j = i; j < i + 16 / (width); j++) a[j] *= 0.999f;              \
    }                                                                                           \
    target static void triad_##isa(void *arg)                                                   \
    {                                                                                           \
        const struct bandwidth *w = arg;                                                        \
        vec_##isa *a = (vec_##isa *)w->a;                                                       \
        const vec_##isa *b = (const vec_##isa *)w->b, *c = (const vec_##isa *)w->c;             \
        for (size_t i = 0; i < w->n / (width); i += 16 / (width))                               \
            UNROLL_4 for (size_t j = i; j < i + 16 / (width); j++)                              \
                a[j] = b[j] + 0.5f * c[j];                                                      \
    }                                                                                           \
    target static void triad_nt_##isa(void *arg)                                                \
    {                                                                                           \
        const struct bandwidth *w = arg;                                                        \
        const vec_##isa *b = (const vec_##isa *)w->b, *c = (const vec_##isa *)w->c;             \
        for (size_t i = 0; i < w->n / (width); i += 16 / (width))                               \
            UNROLL_4 for (size_t j = i; j < i + 16 / (width); j++)                              \
                stream(w->a + j * (width), b[j] + 0.5f * c[j]);                                 \
        fence();                                                                                \
    }

#if defined(__x86_64__)
static void fence(void) { __builtin_ia32_sfence(); }
LIMITS(sse, __attribute__((target("no-avx"))), 4, 12, STREAM_sse)
LIMITS(avx2, __attribute__((target("avx2,fma"))), 8, 12, STREAM_avx2)
LIMITS(avx512, __attribute__((target("avx512f,fma"))), 16, 24, STREAM_avx512)
#else
/* C cannot ask for a store that bypasses the cache. */
static void fence(void) {}
static inline void store(float *to, float __attribute__((vector_size(16))) v)
{
    *(float __attribute__((vector_size(16), may_alias)) *)to = v;
}
LIMITS(native, , 4, 12, store)
#endif

static const struct isa {
    const char *name;
    unsigned flops;             /* of one call of peak */
    void (*peak)(void *), (*move[3])(void *);           /* by enum tsgd_move */
} isas[] = {                    /* narrow to wide */
#define ROW(isa, width, sums) {#isa, 2 * (width) * (sums) * STEPS, peak_##isa, \
                               {scale_##isa, triad_##isa, triad_nt_##isa}}
#if defined(__x86_64__)
    ROW(sse, 4, 12), ROW(avx2, 8, 12), ROW(avx512, 16, 24),
#else
    ROW(native, 4, 12),
#endif
};

/* How many of them this processor has, the narrowest first. */
size_t tsgd_limit_isas(void)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return 1;
    return __builtin_cpu_supports("avx512f") ? 3 : 2;
#else
    return 1;
#endif
}

const char *tsgd_limit_isa(size_t i)
{
    return i < tsgd_limit_isas() ? isas[i].name : NULL;
}

double tsgd_limit_flops(size_t i)
{
    return isas[i].flops;
}

struct tsgd_timing tsgd_limit_peak(size_t i, double seconds)
{
    float a = 0.5f;
    return tsgd_time_calls(isas[i].peak, &a, seconds);
}

double tsgd_limit_traffic(enum tsgd_move move)
{
    return move == TSGD_SCALE ? 2 : 1;
}

enum tsgd_status tsgd_limit_move(struct tsgd_timing *out, enum tsgd_move move, size_t bytes,
                                 double seconds, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t arrays = move == TSGD_SCALE ? 1 : 3;
    struct bandwidth w = {.n = bytes / arrays / sizeof(float) / 16 * 16};
    size_t map = arrays * w.n * sizeof(float);
    void *memory;
    TRY(tsgd_map(&memory, map, "the measurement of bandwidth", err));
    w.a = memory;
    w.b = arrays > 1 ? w.a + w.n : NULL;
    w.c = arrays > 1 ? w.b + w.n : NULL;
    for (size_t i = 0; i < arrays * w.n; i++)           /* no page may be the common zero page */
        w.a[i] = 1;
    *out = tsgd_time_calls(isas[tsgd_limit_isas() - 1].move[move], &w, seconds);
    tsgd_unmap(memory, map);
done:
    return st;
}
