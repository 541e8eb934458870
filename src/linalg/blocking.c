#include "linalg/blocking.h"

#include "base/text.h"

#include <blis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- micro-kernels ---- */

static void own(const struct tsgd_kernels *k, const struct tsgd_blocking *b,
                const struct tsgd_tile *t)
{
    k->gemm_tile(&(struct tsgd_product){
        .m = t->m, .n = t->n, .k = t->k, .a = {t->a, 1, b->mr}, .b = {t->b, b->nr, 1},
        .beta = t->beta, .c = t->c, .rsc = t->rs,
    });
}

/* BLIS's micro-kernels look at nothing but their arguments, so BLIS need not be initialised for
 * them; those of the reference (`generic`) look into a context, and are not offered.            */
#define MICRO(name, kernel)                                                                       \
    static void name(const struct tsgd_kernels *k, const struct tsgd_blocking *b,                 \
                     const struct tsgd_tile *t)                                                   \
    {                                                                                             \
        float one = 1, beta = t->beta;                                                            \
        auxinfo_t next;                                                                           \
        (void)k, (void)b;                                                                         \
        memset(&next, 0, sizeof next);                                                            \
        bli_auxinfo_set_next_a((void *)t->next_a, &next);                                         \
        bli_auxinfo_set_next_b((void *)t->next_b, &next);                                         \
        kernel((dim_t)t->m, (dim_t)t->n, (dim_t)t->k, &one, (float *)t->a, (float *)t->b, &beta,  \
               t->c, (inc_t)t->rs, (inc_t)t->cs, &next, NULL);                                    \
    }
#ifdef BLIS_CONFIG_SKX
MICRO(skx, bli_sgemm_skx_asm_32x12_l2)
#endif
#if defined(BLIS_CONFIG_HASWELL) || defined(BLIS_CONFIG_ZEN) || defined(BLIS_CONFIG_ZEN2) ||      \
    defined(BLIS_CONFIG_ZEN3)
MICRO(haswell, bli_sgemm_haswell_asm_6x16)
#endif
#ifdef BLIS_CONFIG_SANDYBRIDGE
MICRO(sandybridge, bli_sgemm_sandybridge_asm_8x8)
#endif
#ifdef BLIS_CONFIG_PENRYN
MICRO(penryn, bli_sgemm_penryn_asm_8x4)
#endif

/* ---- blockings ---- */

/* Rows of a block of B, and columns of one of A: an element of C is a sum of sums over this many
 * terms each. Ours have the same number on every instruction set, so that the bits are the same.
 * With AVX-512 a panel of B is then longer than the first-level cache holds and lives in the
 * second, beside the block of A: C is read and written less often.                              */
enum { DEPTH = 512 };

/* The last is for all others. */
static const struct { const char *isa; struct tsgd_blocking blocking; } ours[] = {
    {"avx512", {"own", "own", false, 12, 32, 240, DEPTH, 3072, own}},
    {"avx2", {"own", "own", false, 6, 16, 72, DEPTH, 2048, own}},
    {"neon", {"own", "own", false, 12, 8, 120, DEPTH, 3072, own}},
    {NULL, {"own", "own", false, 4, 8, 192, DEPTH, 3072, own}},
};

static const struct tsgd_blocking *own_blocking(const struct tsgd_kernels *kernels)
{
    size_t i = 0;
    while (ours[i].isa && strcmp(ours[i].isa, kernels->isa))
        i++;
    return &ours[i].blocking;
}

#if defined(__x86_64__)
static bool has_ssse3(void)
{
    return __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");
}

static bool has_avx(void)
{
    return __builtin_cpu_supports("avx");
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_skx(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#endif

#define STOCK(name) name, name " by BLIS_ARCH_TYPE, with bits of its own"

/* BLIS's kernel sets by their number in BLIS_ARCH_TYPE, with the sizes that BLIS uses. The first is
 * for the end of the table alone.                                                               */
static const struct set {
    int id;
    bool (*runs_here)(void);
    struct tsgd_blocking blocking;
} sets[] = {
    {-1, NULL, {0}},
#ifdef BLIS_CONFIG_SKX
    {BLIS_ARCH_SKX, has_skx, {STOCK("skx"), true, 32, 12, 480, 384, 3072, skx}},
#endif
#ifdef BLIS_CONFIG_HASWELL
    {BLIS_ARCH_HASWELL, has_avx2, {STOCK("haswell"), false, 6, 16, 168, 256, 4080, haswell}},
#endif
#ifdef BLIS_CONFIG_SANDYBRIDGE
    {BLIS_ARCH_SANDYBRIDGE, has_avx, {STOCK("sandybridge"), true, 8, 8, 128, 384, 4096,
                                      sandybridge}},
#endif
#ifdef BLIS_CONFIG_PENRYN
    {BLIS_ARCH_PENRYN, has_ssse3, {STOCK("penryn"), true, 8, 4, 768, 384, 4096, penryn}},
#endif
#ifdef BLIS_CONFIG_ZEN3
    {BLIS_ARCH_ZEN3, has_avx2, {STOCK("zen3"), false, 6, 16, 144, 256, 4080, haswell}},
#endif
#ifdef BLIS_CONFIG_ZEN2
    {BLIS_ARCH_ZEN2, has_avx2, {STOCK("zen2"), false, 6, 16, 144, 256, 4080, haswell}},
#endif
#ifdef BLIS_CONFIG_ZEN
    {BLIS_ARCH_ZEN, has_avx2, {STOCK("zen"), false, 6, 16, 144, 256, 8160, haswell}},
#endif
};
enum { N_SETS = sizeof sets / sizeof *sets };

enum tsgd_status tsgd_blocking_find(const struct tsgd_blocking **out,
                                    const struct tsgd_kernels *kernels, struct tsgd_error *err)
{
    const char *text = getenv("BLIS_ARCH_TYPE");
    char list[512] = "";
    size_t used = 0;
    uint64_t id;
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    if (!text) {
        *out = own_blocking(kernels);
        return TSGD_OK;
    }
    for (int i = 1; i < N_SETS && tsgd_parse_u64(text, &id); i++)
        if ((uint64_t)sets[i].id == id) {
            if (!sets[i].runs_here())
                return tsgd_fail(err, TSGD_EINVAL, "BLIS_ARCH_TYPE: this CPU cannot run BLIS's "
                                 "kernel set %s (%s); unset the variable to let telesgd choose",
                                 text, sets[i].blocking.name);
            *out = &sets[i].blocking;
            return TSGD_OK;
        }
    for (int i = 1; i < N_SETS; i++)
        if (sets[i].runs_here())
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%d (%s)",
                                     used ? ", " : " or use one of ", sets[i].id,
                                     sets[i].blocking.name);
    return tsgd_fail(err, TSGD_EINVAL, "BLIS_ARCH_TYPE: '%.40s' is not a kernel set that telesgd "
                     "takes from BLIS; unset the variable%s", text, list);
}
