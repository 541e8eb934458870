#include "linalg/gemm.h"
#include "linalg/isa.h"
#include "sim/ref.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A product of random shape, strides and transposes against the naive one, with the bound that
 * sums of k rounded terms obey. C starts as NaN where beta is 0, and its padding must stay.     */
static void compare(struct tsgd_rng *rng, size_t m, size_t n, size_t k)
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
    tsgd_gemm(m, n, k, (struct tsgd_mat){a, ars, acs}, (struct tsgd_mat){b, brs, bcs}, add, c, rsc);
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

/* The instruction sets that this machine has; the test runs once with each. */
static size_t isas(void)
{
    size_t n = 0;
    while (tsgd_isa_table(n))
        n++;
    return n;
}

static void use_isa(size_t i)
{
    cr_assert(tsgd_isa_init(tsgd_isa_table(i)->isa, NULL) == TSGD_OK);
    cr_assert(tsgd_gemm_init(NULL) == TSGD_OK);
}

ParameterizedTestParameters(gemm, agrees_with_the_naive_product)
{
    return twin_rows(8);
}

ParameterizedTest(size_t *row, gemm, agrees_with_the_naive_product, .timeout = 120)
{
    struct tsgd_rng rng = tsgd_rng(1, TSGD_RNG_TEST, (uint32_t)*row, 0);
    for (size_t i = 0; i < isas(); i++) {
        use_isa(i);
        for (int trial = 0; trial < (TWIN_SLOW ? 20 : 200); trial++)
            compare(&rng, 1 + tsgd_rng_below(&rng, 70), 1 + tsgd_rng_below(&rng, 70),
                    1 + tsgd_rng_below(&rng, 70));
    }
}

Test(gemm, large_products_agree_too, .timeout = 120)
{
    struct tsgd_rng rng = tsgd_rng(2, TSGD_RNG_TEST, 0, 0);
    for (size_t i = 0; i < isas(); i++) {
        use_isa(i);
        for (int trial = 0; trial < (TWIN_SLOW ? 2 : 4); trial++)
            compare(&rng, 210 + tsgd_rng_below(&rng, 100), 210 + tsgd_rng_below(&rng, 100),
                    210 + tsgd_rng_below(&rng, 700));
    }
}

/* Beyond 2^27 multiply-adds BLIS packs the operands and calls a micro-kernel for each tile. */
Test(gemm, packed_products_agree_too, .timeout = 240)
{
    struct tsgd_rng rng = tsgd_rng(4, TSGD_RNG_TEST, 0, 0);
    for (size_t i = 0; i < isas() && !TWIN_SLOW; i++) {
        use_isa(i);
        compare(&rng, 515 + tsgd_rng_below(&rng, 20), 515 + tsgd_rng_below(&rng, 70),
                515 + tsgd_rng_below(&rng, 20));
    }
}

Test(gemm, rows_of_b_may_overlap, .timeout = 60)
{
    float a[2 * 3], b[8], c[2 * 4];
    double want[2 * 4];
    struct tsgd_rng rng = tsgd_rng(3, TSGD_RNG_TEST, 0, 0);
    cr_assert(tsgd_gemm_init(NULL) == TSGD_OK);
    twin_random(&rng, a, 6);
    twin_random(&rng, b, 8);
    tsgd_gemm(2, 4, 3, (struct tsgd_mat){a, 3, 1}, (struct tsgd_mat){b, 2, 1}, 0, c, 4);
    tsgd_ref_gemm(2, 4, 3, a, 3, 1, b, 2, 1, 0, want, 4);
    for (int j = 0; j < 8; j++)
        cr_assert(fabs((double)c[j] - want[j]) <= 12 * FLT_EPSILON, "at %d", j);
}

static enum tsgd_status init_with(const char *type, struct tsgd_error *err)
{
    setenv("BLIS_ARCH_TYPE", type, 1);
    return tsgd_gemm_init(err);
}

#if defined(__x86_64__)
Test(gemm, kernels_are_not_the_generic_ones_where_there_is_avx2, .timeout = 60)
{
    unsetenv("BLIS_ARCH_TYPE");
    cr_assert(tsgd_gemm_init(NULL) == TSGD_OK);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        cr_assert(strcmp(tsgd_gemm_kernels(), "generic") != 0);
}

Test(gemm, a_kernel_set_that_the_cpu_cannot_run_is_refused, .timeout = 60)
{
    struct tsgd_error err;
    if (__builtin_cpu_supports("avx512f"))
        cr_skip_test("this CPU can run all that the test could ask for");
    cr_assert(init_with("0", &err) == TSGD_EINVAL);
    cr_assert(strstr(err.text, "(skx)"), "%s", err.text);
}
#endif

Test(gemm, the_environment_is_left_as_it_was, .timeout = 60)
{
    unsetenv("BLIS_ARCH_TYPE");
    cr_assert(tsgd_gemm_init(NULL) == TSGD_OK);
    cr_assert(!getenv("BLIS_ARCH_TYPE"));
}

/* The number of `generic` differs between versions of BLIS: the error of a wrong one tells it. */
Test(gemm, the_user_s_kernel_set_wins, .timeout = 60)
{
    struct tsgd_error err;
    char number[8] = "";
    cr_assert(init_with("999", &err) == TSGD_EINVAL);
    const char *name = strstr(err.text, " (generic)");
    cr_assert(name, "%s", err.text);
    while (name[-1] != ' ')
        name--;
    snprintf(number, sizeof number, "%.*s", (int)strspn(name, "0123456789"), name);
    cr_assert(init_with(number, &err) == TSGD_OK, "%s", err.text);
    cr_assert(!strcmp(tsgd_gemm_kernels(), "generic"), "%s", tsgd_gemm_kernels());
}

static const char *const wrong[] = {"", "haswell", "-1", "7 ", "999", "99999999999999999999"};

ParameterizedTestParameters(gemm, a_wrong_kernel_set_is_refused)
{
    return twin_rows(sizeof wrong / sizeof *wrong);
}

ParameterizedTest(size_t *row, gemm, a_wrong_kernel_set_is_refused, .timeout = 60)
{
    struct tsgd_error err;
    cr_assert(init_with(wrong[*row], &err) == TSGD_EINVAL);
    cr_assert(strstr(err.text, "BLIS_ARCH_TYPE") && strstr(err.text, wrong[*row]), "%s", err.text);
}
