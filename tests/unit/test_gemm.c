#include "linalg/gemm.h"
#include "linalg/vec.h"
#include "sim/ref.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A product of random shape, strides and transposes against the naive one, with the bound that
 * sums of k rounded terms obey. C starts as NaN where beta is 0, and its padding must stay.     */
static void compare(const struct tsgd_backend *on, struct tsgd_rng *rng, size_t m, size_t n,
                    size_t k)
{
    size_t lda = (m > k ? m : k) + tsgd_rng_below(rng, 3);
    size_t ldb = (n > k ? n : k) + tsgd_rng_below(rng, 3), rsc = n + tsgd_rng_below(rng, 3);
    bool ta = tsgd_rng_below(rng, 2), tb = tsgd_rng_below(rng, 2), add = tsgd_rng_below(rng, 2);
    size_t ars = ta ? 1 : lda, acs = ta ? lda : 1, brs = tb ? 1 : ldb, bcs = tb ? ldb : 1;
    size_t na = lda * lda, nb = ldb * ldb, nc = m * rsc;
    float *a = twin_floats(na), *b = twin_floats(nb), *c = twin_floats(nc);
    double *want = twin_doubles(nc), *size = twin_doubles(nc);
    twin_random(rng, a, na);
    twin_random(rng, b, nb);
    twin_random(rng, c, nc);
    twin_widen(c, nc, want);
    for (size_t j = 0; j < nc; j++) {
        size[j] = fabs(want[j]);
        if (!add && j % rsc < n)
            c[j] = NAN;
    }
    float *scratch = twin_floats(tsgd_gemm_scratch(on, m, n, k));
    tsgd_gemm(on, &(struct tsgd_product){
        .m = m, .n = n, .k = k, .a = {a, ars, acs}, .b = {b, brs, bcs}, .beta = add, .c = c,
        .rsc = rsc,
    }, scratch);
    free(scratch);
    tsgd_ref_gemm(m, n, k, a, ars, acs, b, brs, bcs, add, want, rsc);
    for (size_t j = 0; j < na; j++)
        a[j] = fabsf(a[j]);
    for (size_t j = 0; j < nb; j++)
        b[j] = fabsf(b[j]);
    tsgd_ref_gemm(m, n, k, a, ars, acs, b, brs, bcs, add, size, rsc);
    for (size_t j = 0; j < nc; j++) {
        double bound = j % rsc < n ? (double)(k + 1) * FLT_EPSILON * size[j] : 0;
        cr_assert(fabs((double)c[j] - want[j]) <= bound, "%zux%zux%zu%s%s beta %d at %zu: %g, want "
                  "%g", m, n, k, ta ? " A^T" : "", tb ? " B^T" : "", add, j, (double)c[j], want[j]);
    }
    free(a);
    free(b);
    free(c);
    free(want);
    free(size);
}

ParameterizedTestParameters(gemm, agrees_with_the_naive_product)
{
    return twin_rows(8);
}

ParameterizedTest(size_t *row, gemm, agrees_with_the_naive_product, .timeout = 120)
{
    struct tsgd_rng rng = tsgd_rng(1, TSGD_RNG_TEST, (uint32_t)*row, 0);
    for (size_t i = 0; i < twin_isas(); i++) {
        struct tsgd_backend on = twin_on(tsgd_isa_table(i)->isa);
        for (int trial = 0; trial < (TWIN_SLOW ? 20 : 200); trial++)
            compare(&on, &rng, 1 + tsgd_rng_below(&rng, 70), 1 + tsgd_rng_below(&rng, 70),
                    1 + tsgd_rng_below(&rng, 70));
    }
}

Test(gemm, large_products_agree_too, .timeout = 120)
{
    struct tsgd_rng rng = tsgd_rng(2, TSGD_RNG_TEST, 0, 0);
    for (size_t i = 0; i < twin_isas(); i++) {
        struct tsgd_backend on = twin_on(tsgd_isa_table(i)->isa);
        for (int trial = 0; trial < (TWIN_SLOW ? 2 : 4); trial++)
            compare(&on, &rng, 210 + tsgd_rng_below(&rng, 100), 210 + tsgd_rng_below(&rng, 100),
                    210 + tsgd_rng_below(&rng, 700));
    }
}

/* Beyond 2^27 multiply-adds operands are packed and a micro-kernel computes each tile. */
Test(gemm, packed_products_agree_too, .timeout = 240)
{
    struct tsgd_rng rng = tsgd_rng(4, TSGD_RNG_TEST, 0, 0);
    for (size_t i = 0; i < twin_isas() && !TWIN_SLOW; i++) {
        struct tsgd_backend on = twin_on(tsgd_isa_table(i)->isa);
        compare(&on, &rng, 515 + tsgd_rng_below(&rng, 20), 515 + tsgd_rng_below(&rng, 70),
                515 + tsgd_rng_below(&rng, 20));
    }
}

/* A large product, whose elements do not come out of the last step of a tile. */
Test(gemm, a_step_with_a_packed_product_has_the_bits_of_both, .timeout = 120)
{
    enum { M = 513, N = 517, K = 512, APART = N + 3 };
    struct tsgd_rng rng = tsgd_rng(12, TSGD_RNG_TEST, 0, 0);
    struct tsgd_backend on = twin_on(NULL);
    float *a = twin_floats(M * K), *b = twin_floats(K * N), *c = twin_floats(M * APART);
    float *x[2], *m[2], *scratch = twin_floats(tsgd_gemm_scratch(&on, M, N, K));
    const struct tsgd_product p = {.m = M, .n = N, .k = K, .a = {a, K, 1}, .b = {b, N, 1}, .c = c,
                                   .rsc = APART};
    twin_random(&rng, a, M * K);
    twin_random(&rng, b, K * N);
    for (int i = 0; i < 2; i++) {
        x[i] = twin_floats(M * APART);
        m[i] = twin_floats(M * APART);
        struct tsgd_rng same = tsgd_rng(13, TSGD_RNG_TEST, 0, 0);
        twin_random(&same, x[i], M * APART);
        twin_random(&same, m[i], M * APART);
        const struct tsgd_update u = {x[i], m[i], 0.05f, 0.9f, 0.01f, false};
        if (i == 0) {
            tsgd_gemm_update(&on, &p, &u, scratch);
            continue;
        }
        tsgd_gemm(&on, &p, scratch);
        for (size_t r = 0; r < M; r++) {
            struct tsgd_update row = tsgd_update_from(&u, r * APART);
            tsgd_sgd(on.kernels, &row, c + r * APART, N);
        }
    }
    cr_assert(!memcmp(x[0], x[1], M * APART * sizeof *c));
    cr_assert(!memcmp(m[0], m[1], M * APART * sizeof *c));
    for (int i = 0; i < 2; i++)
        free(x[i]), free(m[i]);
    free(a), free(b), free(c), free(scratch);
}

/* Longer than a block in every direction, so that blocks are cut and added up; only some elements
 * are compared, with sums in double, and with the sums of 512 terms in order that every instruction
 * set is to add up.                                                                             */
Test(gemm, products_of_several_blocks_agree_too, .timeout = 240)
{
    enum { M = 800, N = 4200, K = 530, TRIED = 997 };
    struct tsgd_rng rng = tsgd_rng(9, TSGD_RNG_TEST, 0, 0);
    float *a = twin_floats(M * K), *b = twin_floats(K * N), *c = twin_floats(M * N);
    twin_random(&rng, a, M * K);
    twin_random(&rng, b, K * N);
    for (size_t i = 0; i < twin_isas() && !TWIN_SLOW; i++) {
        struct tsgd_backend on = twin_on(tsgd_isa_table(i)->isa);
        float *scratch = twin_floats(tsgd_gemm_scratch(&on, M, N, K));
        memset(c, -1, (size_t)M * N * sizeof *c);
        tsgd_gemm(&on, &(struct tsgd_product){
            .m = M, .n = N, .k = K, .a = {a, K, 1}, .b = {b, N, 1}, .c = c, .rsc = N,
        }, scratch);
        for (size_t e = 0; e < (size_t)M * N; e += TRIED) {
            double sum = 0, size = 0;
            float block[2] = {0};
            for (size_t p = 0; p < K; p++) {
                float x = a[e / N * K + p], y = b[p * N + e % N];
                sum += (double)x * (double)y;
                size += fabs((double)x * (double)y);
                block[p / 512] = fmaf(x, y, block[p / 512]);
            }
            cr_assert(fabs((double)c[e] - sum) <= (K + 1) * (double)FLT_EPSILON * size, "%s: "
                      "element %zu", on.kernels->isa, e);
            cr_assert(!on.kernels->fused || c[e] == block[0] + block[1], "%s: element "
                      "%zu is %a, want %a", on.kernels->isa, e, (double)c[e],
                      (double)(block[0] + block[1]));
        }
        free(scratch);
    }
}

/* C of one product, whose shape, strides and numbers depend on the seed alone; *n floats. */
static float *product(const struct tsgd_backend *on, uint32_t seed, size_t least, size_t more,
                      size_t *n)
{
    struct tsgd_rng rng = tsgd_rng(11, TSGD_RNG_TEST, seed, 0);
    size_t size[3];
    for (int i = 0; i < 3; i++)
        size[i] = least + tsgd_rng_below(&rng, (uint32_t)more);
    size_t m = size[0], k = 2 * size[1], wide = size[2], lda = (m > k ? m : k) + 1;
    size_t ldb = (wide > k ? wide : k) + 2, rsc = wide + tsgd_rng_below(&rng, 3);
    bool ta = tsgd_rng_below(&rng, 2), tb = tsgd_rng_below(&rng, 2);
    float beta = (float)tsgd_rng_below(&rng, 3) * 0.7f;
    float *a = twin_floats(lda * lda), *b = twin_floats(ldb * ldb), *c = twin_floats(m * rsc);
    float *scratch = twin_floats(tsgd_gemm_scratch(on, m, wide, k));
    twin_random(&rng, a, lda * lda);
    twin_random(&rng, b, ldb * ldb);
    twin_random(&rng, c, m * rsc);
    tsgd_gemm(on, &(struct tsgd_product){
        .m = m, .n = wide, .k = k, .a = {a, ta ? 1 : lda, ta ? lda : 1},
        .b = {b, tb ? 1 : ldb, tb ? ldb : 1}, .beta = beta, .c = c, .rsc = rsc,
    }, scratch);
    free(a);
    free(b);
    free(scratch);
    *n = m * rsc;
    return c;
}

static void same_bits(uint32_t seed, size_t least, size_t more)
{
    float *first = NULL;
    const char *of = NULL;
    for (size_t i = 0; i < twin_isas(); i++) {
        struct tsgd_backend on = twin_on(tsgd_isa_table(i)->isa);
        size_t n;
        if (!on.kernels->fused)
            continue;
        float *c = product(&on, seed, least, more, &n);
        cr_assert(!first || !memcmp(c, first, n * sizeof *c), "product %u: %s differs from %s",
                  seed, on.kernels->isa, of);
        if (first)
            free(c);
        else {
            first = c;
            of = on.kernels->isa;
        }
    }
    free(first);
}

/* The last are beyond 2^27 multiply-adds, with more terms than a block. */
Test(gemm, products_have_the_same_bits_on_every_instruction_set, .timeout = 240)
{
    uint32_t seed = 0;
    for (; seed < (TWIN_SLOW ? 20 : 300); seed++)
        same_bits(seed, 1, 90);
    for (; seed < (TWIN_SLOW ? 20 : 306); seed++)
        same_bits(seed, 180, 60);
    for (; seed < (TWIN_SLOW ? 20 : 310); seed++)
        same_bits(seed, 410, 200);
}

Test(gemm, rows_of_b_may_overlap, .timeout = 60)
{
    float a[2 * 3], b[8], c[2 * 4];
    double want[2 * 4];
    struct tsgd_rng rng = tsgd_rng(3, TSGD_RNG_TEST, 0, 0);
    struct tsgd_backend on = twin_on(NULL);
    twin_random(&rng, a, 6);
    twin_random(&rng, b, 8);
    tsgd_gemm(&on, &(struct tsgd_product){
        .m = 2, .n = 4, .k = 3, .a = {a, 3, 1}, .b = {b, 2, 1}, .c = c, .rsc = 4,
    }, twin_floats(tsgd_gemm_scratch(&on, 2, 4, 3)));
    tsgd_ref_gemm(2, 4, 3, a, 3, 1, b, 2, 1, 0, want, 4);
    for (int j = 0; j < 8; j++)
        cr_assert(fabs((double)c[j] - want[j]) <= 12 * FLT_EPSILON, "at %d", j);
}

static enum tsgd_status init_with(const char *type, struct tsgd_backend *on, struct tsgd_error *err)
{
    setenv("BLIS_ARCH_TYPE", type, 1);
    return tsgd_backend_init(on, NULL, err);
}

#if defined(__x86_64__)
/* The list of what the variable may be, with the number of each, stands in the error. */
static void every_set(void (*check)(struct tsgd_backend *on, const char *name))
{
    struct tsgd_error err;
    struct tsgd_backend on;
    cr_assert(init_with("999", &on, &err) == TSGD_EINVAL);
    char *at = strstr(err.text, "one of ");
    cr_assert(at, "%s", err.text);
    for (at += strlen("one of "); at; at = strchr(at, ',') ? strchr(at, ',') + 2 : NULL) {
        char name[32], number[8];
        cr_assert(sscanf(at, "%7[0-9] (%31[a-z0-9])", number, name) == 2, "%s", at);
        cr_assert(init_with(number, &on, NULL) == TSGD_OK, "%s", number);
        check(&on, name);
    }
}

static void has_the_name(struct tsgd_backend *on, const char *name)
{
    const char *told = tsgd_backend_told(on);
    cr_expect(!strcmp(tsgd_backend_name(on), name), "%s, want %s", tsgd_backend_name(on), name);
    cr_expect(!strncmp(told, name, strlen(name)) && strstr(told, "bits of its own"), "%s", told);
}

Test(gemm, kernels_are_ours_unless_the_user_says_otherwise, .timeout = 60)
{
    unsetenv("BLIS_ARCH_TYPE");
    for (size_t i = 0; i < twin_isas(); i++) {
        struct tsgd_backend on = twin_on(tsgd_isa_table(i)->isa);
        cr_expect(!strcmp(tsgd_backend_told(&on), "own"), "%s: %s", on.kernels->isa,
                  tsgd_backend_told(&on));
    }
}

Test(gemm, the_user_s_kernel_set_wins, .timeout = 60)
{
    every_set(has_the_name);
}

static void agrees(struct tsgd_backend *on, const char *name)
{
    struct tsgd_rng rng = tsgd_rng(8, TSGD_RNG_TEST, 0, 0);
    (void)name;
    if (!TWIN_SLOW)
        compare(on, &rng, 530, 517, 540);
}

Test(gemm, the_user_s_kernel_sets_agree_with_the_naive_product, .timeout = 240)
{
    every_set(agrees);
}

Test(gemm, a_kernel_set_that_the_cpu_cannot_run_is_refused, .timeout = 60)
{
    struct tsgd_error err;
    struct tsgd_backend on;
    if (__builtin_cpu_supports("avx512f"))
        cr_skip_test("this CPU can run all that the test could ask for");
    cr_assert(init_with("0", &on, &err) == TSGD_EINVAL);
    cr_assert(strstr(err.text, "(skx)"), "%s", err.text);
}
#endif

static const char *const wrong[] = {"", "haswell", "-1", "7 ", "999", "99999999999999999999"};

ParameterizedTestParameters(gemm, a_wrong_kernel_set_is_refused)
{
    return twin_rows(sizeof wrong / sizeof *wrong);
}

ParameterizedTest(size_t *row, gemm, a_wrong_kernel_set_is_refused, .timeout = 60)
{
    struct tsgd_error err;
    struct tsgd_backend on;
    cr_assert(init_with(wrong[*row], &on, &err) == TSGD_EINVAL);
    cr_assert(strstr(err.text, "BLIS_ARCH_TYPE") && strstr(err.text, wrong[*row]), "%s", err.text);
}
