#include "linalg/gemm.h"

#include "base/text.h"
#include "linalg/isa.h"

#include <assert.h>
#include <blis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

struct set {
    arch_t id;
    const char *name;
    bool (*runs_here)(void);
};

static bool always(void)
{
    return true;
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

static bool has_fma4(void)
{
    return has_avx() && __builtin_cpu_supports("fma4") && __builtin_cpu_supports("xop");
}

static bool has_excavator(void)
{
    return has_avx2() && has_fma4();
}

static bool has_skx(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

static bool has_knl(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
           __builtin_cpu_supports("avx512er") && __builtin_cpu_supports("avx512pf");
}
#elif defined(__aarch64__)
static bool has_sve(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_SVE) != 0;
}
#endif

/* The sets this BLIS was built with. BLIS itself aborts when asked for another one, and does not
 * look whether the CPU can run the one it is asked for.                                         */
static const struct set sets[] = {
#ifdef BLIS_CONFIG_SKX
    {BLIS_ARCH_SKX, "skx", has_skx},
#endif
#ifdef BLIS_CONFIG_KNL
    {BLIS_ARCH_KNL, "knl", has_knl},
#endif
#ifdef BLIS_CONFIG_HASWELL
    {BLIS_ARCH_HASWELL, "haswell", has_avx2},
#endif
#ifdef BLIS_CONFIG_SANDYBRIDGE
    {BLIS_ARCH_SANDYBRIDGE, "sandybridge", has_avx},
#endif
#ifdef BLIS_CONFIG_PENRYN
    {BLIS_ARCH_PENRYN, "penryn", has_ssse3},
#endif
#ifdef BLIS_CONFIG_ZEN3
    {BLIS_ARCH_ZEN3, "zen3", has_avx2},
#endif
#ifdef BLIS_CONFIG_ZEN2
    {BLIS_ARCH_ZEN2, "zen2", has_avx2},
#endif
#ifdef BLIS_CONFIG_ZEN
    {BLIS_ARCH_ZEN, "zen", has_avx2},
#endif
#ifdef BLIS_CONFIG_EXCAVATOR
    {BLIS_ARCH_EXCAVATOR, "excavator", has_excavator},
#endif
#ifdef BLIS_CONFIG_STEAMROLLER
    {BLIS_ARCH_STEAMROLLER, "steamroller", has_fma4},
#endif
#ifdef BLIS_CONFIG_PILEDRIVER
    {BLIS_ARCH_PILEDRIVER, "piledriver", has_fma4},
#endif
#ifdef BLIS_CONFIG_BULLDOZER
    {BLIS_ARCH_BULLDOZER, "bulldozer", has_fma4},
#endif
#ifdef BLIS_CONFIG_ARMSVE
    {BLIS_ARCH_ARMSVE, "armsve", has_sve},
#endif
#ifdef BLIS_CONFIG_A64FX
    {BLIS_ARCH_A64FX, "a64fx", has_sve},
#endif
#ifdef BLIS_CONFIG_FIRESTORM
    {BLIS_ARCH_FIRESTORM, "firestorm", always},
#endif
#ifdef BLIS_CONFIG_THUNDERX2
    {BLIS_ARCH_THUNDERX2, "thunderx2", always},
#endif
#ifdef BLIS_CONFIG_CORTEXA57
    {BLIS_ARCH_CORTEXA57, "cortexa57", always},
#endif
#ifdef BLIS_CONFIG_CORTEXA53
    {BLIS_ARCH_CORTEXA53, "cortexa53", always},
#endif
#ifdef BLIS_CONFIG_GENERIC
    {BLIS_ARCH_GENERIC, "generic", always},
#endif
};
enum { N_SETS = sizeof sets / sizeof *sets };

static enum tsgd_status check(const char *text, struct tsgd_error *err)
{
    char list[512] = "";
    size_t used = 0;
    uint64_t id;
    if (tsgd_parse_u64(text, &id))
        for (int i = 0; i < N_SETS; i++)
            if ((uint64_t)sets[i].id == id) {
                if (sets[i].runs_here())
                    return TSGD_OK;
                return tsgd_fail(err, TSGD_EINVAL, "BLIS_ARCH_TYPE: this CPU cannot run BLIS's "
                                 "kernel set %s (%s); unset the variable to let telesgd choose",
                                 text, sets[i].name);
            }
    for (int i = 0; i < N_SETS; i++)
        if (sets[i].runs_here())
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%d (%s)", used ? ", " : "",
                                     (int)sets[i].id, sets[i].name);
    return tsgd_fail(err, TSGD_EINVAL, "BLIS_ARCH_TYPE: '%.40s' is not a kernel set of this BLIS; "
                     "unset the variable or use one of %s", text, list);
}

/* The stock set that goes with an instruction set, -1 to leave it to BLIS, which chooses `generic` on
 * processors newer than itself. Of the AVX2 sets zen2, zen3 and haswell were level on Zen 3.  */
static int stock_set(const char *isa)
{
#ifdef BLIS_CONFIG_SKX
    if (!strcmp(isa, "avx512"))
        return BLIS_ARCH_SKX;
#endif
#if defined(__x86_64__) && defined(BLIS_CONFIG_HASWELL) && defined(BLIS_CONFIG_ZEN2)
    if (!strcmp(isa, "avx512") || !strcmp(isa, "avx2"))
        return __builtin_cpu_is("amd") ? BLIS_ARCH_ZEN2 : BLIS_ARCH_HASWELL;
#endif
#ifdef BLIS_CONFIG_PENRYN
    if (!strcmp(isa, "sse4"))
        return BLIS_ARCH_PENRYN;
#endif
    return -1;
}

/* ---- our kernels, for BLIS to call ---- */

static const struct tsgd_kernels *kernels;      /* those that the context was made for */

/* BLIS 1.0 renamed and reordered what a context is made of. */
#ifdef BLIS_VA_END
#define CONST const
#else
#define CONST
#endif

/* Tiles, panels and blocks with AVX-512. A block of A, MC x KC, lives in the second-level cache, and so
 * does a panel of B, KC x NR, longer than the first level holds: C is visited less often.        */
enum { MR = 12, NR = 32, MC = 240, KC = 512, NC = 3072 };

#ifdef BLIS_VA_END
static void micro(dim_t m, dim_t n, dim_t k, const void *alpha, const void *a, const void *b,
                  const void *beta, void *c, inc_t rsc, inc_t csc, const auxinfo_t *data,
                  const cntx_t *cntx)
#else
static void micro(dim_t m, dim_t n, dim_t k, float *alpha, float *a, float *b, float *beta,
                  float *c, inc_t rsc, inc_t csc, auxinfo_t *data, cntx_t *cntx)
#endif
{
    (void)data, (void)cntx;
    assert(csc == 1);                   /* BLIS has turned the product if C was a column */
    kernels->gemm_tile((size_t)m, (size_t)n, (size_t)k, *(const float *)alpha, a, MR, b, NR,
                            *(const float *)beta, c, (size_t)rsc);
}

/* Rows of A or columns of B, `width` of them side by side, of which the matrix has n. */
#ifdef BLIS_VA_END
static void pack(conj_t conj, pack_t schema, dim_t n, dim_t width, dim_t repeat, dim_t k,
                 dim_t k_padded, const void *kappa, const void *from, inc_t inc, inc_t ld, void *to,
                 inc_t ld_to, const void *params, const cntx_t *cntx)
{
    (void)conj, (void)schema, (void)repeat, (void)params, (void)cntx;
#else
static void pack(struc_t struc, diag_t diag, uplo_t uplo, conj_t conj, pack_t schema, bool inverted,
                 dim_t n, dim_t k, dim_t width, dim_t k_padded, dim_t at, dim_t at_k, float *kappa,
                 float *from, inc_t inc, inc_t ld, float *to, inc_t ld_to, inc_t is, cntx_t *cntx,
                 void *params)
{
    (void)struc, (void)diag, (void)uplo, (void)conj, (void)schema, (void)inverted, (void)at;
    (void)at_k, (void)is, (void)cntx, (void)params;
#endif
    assert(ld_to == width && *(const float *)kappa == 1);   /* alpha goes to the micro-kernel */
    kernels->gemm_pack((size_t)width, (size_t)n, (size_t)k, from, (size_t)ld, (size_t)inc, to);
    if (k < k_padded)
        memset((float *)to + k * width, 0, (size_t)((k_padded - k) * width) * sizeof(float));
}

enum { SMALL = 1 << 27 };               /* multiply-adds */

/* Products that are done from where their operands stand: nothing is packed but what has to be
 * turned, onto the stack, so BLIS's pool of buffers and its mutex are left alone. The rest, and
 * what the kernel cannot do, goes the way of the large ones.                                          */
static err_t small(CONST obj_t *alpha, CONST obj_t *a, CONST obj_t *b, CONST obj_t *beta,
                   CONST obj_t *c, CONST cntx_t *cntx, CONST rntm_t *rntm)
{
    dim_t m = bli_obj_length(c), n = bli_obj_width(c), k = bli_obj_width_after_trans(a);
    inc_t ars = bli_obj_row_stride(a), acs = bli_obj_col_stride(a);
    inc_t brs = bli_obj_row_stride(b), bcs = bli_obj_col_stride(b);
    inc_t crs = bli_obj_row_stride(c), ccs = bli_obj_col_stride(c);
    const float *pa = bli_obj_buffer_at_off(a), *pb = bli_obj_buffer_at_off(b);
    (void)cntx, (void)rntm;
    if (bli_obj_has_trans(a) || bli_obj_has_trans(b) || ccs != 1 ||
        m * n * k > SMALL)
        return BLIS_FAILURE;
    kernels->gemm((size_t)m, (size_t)n, (size_t)k,
                       *(const float *)bli_obj_buffer_for_1x1(BLIS_FLOAT, alpha), pa, (size_t)ars,
                       (size_t)acs, pb, (size_t)brs, (size_t)bcs,
                       *(const float *)bli_obj_buffer_for_1x1(BLIS_FLOAT, beta),
                       bli_obj_buffer_at_off(c), (size_t)crs);
    return BLIS_SUCCESS;
}

/* ---- the context ---- */

static cntx_t own;
static const char *chosen;

enum { EVERY = 1 << 30 };               /* products with fewer rows than this go to small() */

#ifdef BLIS_VA_END

static void set_block(bszid_t id, bszid_t multiple, dim_t size)
{
    blksz_t b;
    bli_blksz_init_easy(&b, size, -1, -1, -1);
    bli_cntx_set_blkszs(&own, id, &b, multiple, BLIS_VA_END);
}

/* The stock set is the one that BLIS chose when it was first initialised. */
static void copy_set(int id)
{
    (void)id;
    own = *bli_gks_query_cntx();
}

static void use_micro(void)
{
    bli_cntx_set_ukrs(&own, BLIS_GEMM_UKR, BLIS_FLOAT, micro, BLIS_PACKM_MRXK_KER, BLIS_FLOAT, pack,
                      BLIS_PACKM_NRXK_KER, BLIS_FLOAT, pack, BLIS_VA_END);
    bli_cntx_set_ukr_prefs(&own, BLIS_GEMM_UKR_ROW_PREF, BLIS_FLOAT, TRUE, BLIS_VA_END);
}

static void use_small(void)
{
    set_block(BLIS_MT, BLIS_MT, EVERY);
    bli_cntx_set_l3_sup_handlers(&own, BLIS_GEMM, small, BLIS_VA_END);
}

#else

static void set_block(bszid_t id, bszid_t multiple, dim_t size)
{
    blksz_t b;
    bli_blksz_init_easy(&b, size, -1, -1, -1);
    bli_cntx_set_blkszs(BLIS_NAT, 1, id, &b, multiple, &own);
}

static void copy_set(int id)
{
    own = *(id < 0 ? bli_gks_query_cntx() : bli_gks_lookup_nat_cntx((arch_t)id));
}

/* A context has packing kernels for panels up to 31 wide; wider ones come with the operands. */
static packm_blk_var1_params_t packing;

static void use_micro(void)
{
    bli_cntx_set_l3_nat_ukrs(1, BLIS_GEMM_UKR, BLIS_FLOAT, micro, TRUE, &own);
    packing.ukr_fn[BLIS_FLOAT][BLIS_FLOAT] = (packm_ker_vft)pack;
}

static void use_small(void)
{
    blksz_t every;
    bli_blksz_init_easy(&every, EVERY, -1, -1, -1);
    bli_cntx_set_l3_sup_thresh(1, BLIS_MT, &every, &own);
    bli_cntx_set_l3_sup_handlers(1, BLIS_GEMM, small, &own);
}

#endif

static bool micro_used;

static const char *set_name(int id)
{
#ifndef BLIS_VA_END
    if (id >= 0)
        return bli_arch_string((arch_t)id);
#endif
    (void)id;
    return bli_arch_string(bli_arch_query_id());
}

/* BLIS reads BLIS_ARCH_TYPE once, at its first call; children need not see ours. */
static void init_blis(int id)
{
    char number[12];
    snprintf(number, sizeof number, "%d", id);
    if (id >= 0)
        setenv("BLIS_ARCH_TYPE", number, 1);
    bli_init();
    if (id >= 0)
        unsetenv("BLIS_ARCH_TYPE");
}

enum tsgd_status tsgd_gemm_init(struct tsgd_error *err)
{
    static const char *asked;
    static bool ready;
    const char *isa = tsgd_kernels->isa;
    if (!ready) {
        asked = getenv("BLIS_ARCH_TYPE");
#if defined(__x86_64__)
        __builtin_cpu_init();
#endif
        if (asked) {
            enum tsgd_status st = check(asked, err);
            if (st != TSGD_OK)
                return st;
        }
        init_blis(asked ? -1 : stock_set(isa));
        ready = true;
    }
    kernels = tsgd_kernels;
    copy_set(asked ? -1 : stock_set(isa));
    micro_used = !asked && !strcmp(isa, "avx512");
    if (micro_used) {
        use_micro();
        set_block(BLIS_NC, BLIS_NR, NC);
        set_block(BLIS_KC, BLIS_KR, KC);
        set_block(BLIS_MC, BLIS_MR, MC);
        set_block(BLIS_NR, BLIS_NR, NR);
        set_block(BLIS_MR, BLIS_MR, MR);
    }
    use_small();
    chosen = micro_used ? "own" : set_name(asked ? -1 : stock_set(isa));
    return TSGD_OK;
}

const char *tsgd_gemm_kernels(void)
{
    return chosen;
}

void tsgd_gemm(size_t m, size_t n, size_t k, struct tsgd_mat a, struct tsgd_mat b, float beta,
               float *c, size_t rsc)
{
    obj_t x = BLIS_OBJECT_INITIALIZER, y = BLIS_OBJECT_INITIALIZER, z = BLIS_OBJECT_INITIALIZER;
    obj_t scale = BLIS_OBJECT_INITIALIZER_1X1;
    rntm_t rntm = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_ways(1, 1, 1, 1, 1, &rntm);
    bli_obj_init_finish(BLIS_FLOAT, (dim_t)m, (dim_t)k, (float *)a.p, (inc_t)a.rs, (inc_t)a.cs, &x);
    bli_obj_init_finish(BLIS_FLOAT, (dim_t)k, (dim_t)n, (float *)b.p, (inc_t)b.rs, (inc_t)b.cs, &y);
    bli_obj_init_finish(BLIS_FLOAT, (dim_t)m, (dim_t)n, c, (inc_t)rsc, 1, &z);
    bli_obj_init_finish_1x1(BLIS_FLOAT, &beta, &scale);
#ifndef BLIS_VA_END
    if (micro_used) {
        bli_obj_set_pack_params(&packing, &x);
        bli_obj_set_pack_params(&packing, &y);
    }
#endif
    bli_gemm_ex(&BLIS_ONE, &x, &y, &scale, &z, &own, &rntm);
}
