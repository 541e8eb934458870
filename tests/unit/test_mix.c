/* Gossip, row by row and all rows at once, on every instruction set, against its definition. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "linalg/isa.h"
#include "linalg/mix.h"
#include "twin.h"

enum { MOST = 300 };

static struct tsgd_rng rng;

static float *noise(size_t n)
{
    float *x = twin_floats(n);
    for (size_t j = 0; j < n; j++)
        x[j] = (float)tsgd_rng_normal(&rng);
    return x;
}

/* A random matrix: rows of one neighbour and not themselves, of none, of many; or every entry the
 * same.                                                                                         */
static struct tsgd_csr some_matrix(uint32_t k, bool uniform)
{
    struct tsgd_csr m = TSGD_CSR_INIT;
    struct tsgd_entry *e = malloc((size_t)k * k * sizeof *e);
    size_t count = 0;
    for (uint32_t a = 0; a < k; a++)
        for (uint32_t b = 0; b < k; b++)
            if (uniform || (a == b && a % 5) || (a % 5 == 0 && b == (a + 1) % k) ||
                (a % 5 && tsgd_rng_below(&rng, 5) < a % 5 - 1))
                e[count++] = (struct tsgd_entry){
                    a, b, uniform ? 1 / (float)k : (float)tsgd_rng_unit(&rng) / (float)k
                };
    cr_assert(tsgd_csr_build(&m, k, e, count, NULL) == TSGD_OK);
    free(e);
    return m;
}

/* Coordinate j of row a, as linalg/mix.h defines it. */
static float twin(const struct tsgd_csr *m, uint32_t a, const bool *absent, const float *rows,
                  size_t stride, size_t j)
{
    bool cut = false;
    for (uint32_t b = 0; absent && b < m->n; b++)
        cut |= absent[b];
    float x = rows[a * stride + j], sum = x;
    if (m->uniform && !cut) {
        x = rows[j];
        sum = 0;
        for (uint32_t b = 1; b < m->n; b++)
            sum += rows[b * stride + j] - x;
        return x + m->val[0] * sum;
    }
    for (uint32_t i = m->ptr[a]; i < m->ptr[a + 1]; i++)
        if (m->col[i] != a && !(cut && (absent[a] || absent[m->col[i]])))
            sum += m->val[i] * (rows[m->col[i] * stride + j] - x);
    return sum;
}

/* Both ways of mixing, cut at random, in bits. */
static void expect_twin(const struct tsgd_kernels *kernels, const struct tsgd_csr *m,
                        const bool *absent, size_t dim, size_t stride)
{
    size_t size = m->n * stride;
    float *rows = noise(size), *want = twin_floats(size), *got = twin_floats(size);
    float *scratch = twin_floats(tsgd_mix_scratch(m->n));
    struct tsgd_holding holding = TSGD_HOLDING_INIT;
    struct tsgd_mix_plan plan;
    cr_assert(tsgd_mix_plan_init(&plan, m, &holding, NULL) == TSGD_OK);
    for (uint32_t a = 0; a < m->n; a++)
        for (size_t j = 0; j < stride; j++) {
            bool mixed = j < tsgd_round_up(dim, 16);
            want[a * stride + j] = mixed ? twin(m, a, absent, rows, stride, j) :
                                           rows[a * stride + j];
        }
    for (int bypass = 0; bypass < 2; bypass++) {
        memcpy(got, rows, size * sizeof *got);
        for (uint32_t a = 0; a < m->n; a++)
            tsgd_mix_row(kernels, m, a, absent, rows, stride, dim, bypass, got + a * stride);
        cr_assert(memcmp(want, got, size * sizeof *got) == 0, "%s: k=%u dim=%zu bypass=%d",
                  kernels->isa, m->n, dim, bypass);
    }
    for (size_t from = 0, to; from < dim; from = to) {
        to = from + 16 * (1 + tsgd_rng_below(&rng, 60));
        to = to < dim ? to : dim;
        tsgd_mix_all(kernels, &plan, absent, rows, stride, from, to, scratch);
    }
    cr_assert(memcmp(want, rows, size * sizeof *got) == 0, "%s: all, k=%u dim=%zu",
              kernels->isa, m->n, dim);
    tsgd_holding_release(&holding);
    free(rows);
    free(want);
    free(got);
    free(scratch);
}

Test(mix, by_rows_and_all_at_once_have_the_bits_of_the_definition, .timeout = 120)
{
    rng = tsgd_rng(5, TSGD_RNG_TEST, 0, 0);
    const struct tsgd_kernels *kernels;
    for (size_t isa = 0; (kernels = tsgd_isa_table(isa)); isa++) {
        for (int trial = 0; trial < (TWIN_SLOW ? 30 : 200); trial++) {
            uint32_t k = 1 + tsgd_rng_below(&rng, trial % 10 ? 20 : MOST);
            size_t dim = 1 + tsgd_rng_below(&rng, 1200);
            struct tsgd_csr m = some_matrix(k, trial % 3 == 0);
            bool absent[MOST], away = trial % 4 == 1;
            cr_expect(m.uniform == (trial % 3 == 0 && k > 1), "trial %d, k=%u", trial, k);
            for (uint32_t a = 0; a < k; a++)
                absent[a] = away && tsgd_rng_below(&rng, 3) == 0;
            expect_twin(kernels, &m, trial % 2 ? absent : NULL, dim,
                        tsgd_round_up(dim, 16) + 16 * tsgd_rng_below(&rng, 3));
            tsgd_csr_release(&m);
        }
    }
}

/* The difference form against a plain weighted sum. */
Test(mix, is_the_weighted_mean_of_the_rows)
{
    enum { DIM = 100, STRIDE = 112 };
    rng = tsgd_rng(1, TSGD_RNG_TEST, 0, 0);
    for (int trial = 0; trial < 100; trial++) {
        uint32_t k = 2 + tsgd_rng_below(&rng, 9), a = tsgd_rng_below(&rng, k);
        struct tsgd_csr m = some_matrix(k, trial % 2);
        float *rows = noise(k * STRIDE), *out = twin_floats(STRIDE);
        tsgd_mix_row(tsgd_isa_table(0), &m, a, NULL, rows, STRIDE, DIM, false, out);
        for (size_t j = 0; j < DIM; j++) {
            double want = 0, rest = 1;
            for (uint32_t i = m.ptr[a]; i < m.ptr[a + 1]; i++)
                if (m.col[i] != a) {
                    want += (double)m.val[i] * (double)rows[m.col[i] * STRIDE + j];
                    rest -= (double)m.val[i];
                }
            want += rest * (double)rows[a * STRIDE + j];
            cr_assert(fabs(want - (double)out[j]) < 1e-5, "k=%u j=%zu: %g, want %g", k, j,
                      (double)out[j], want);
        }
        tsgd_csr_release(&m);
        free(rows);
        free(out);
    }
}

Test(mix, leaves_equal_rows_exactly_as_they_are)
{
    enum { K = 13, DIM = 80 };
    rng = tsgd_rng(2, TSGD_RNG_TEST, 0, 0);
    for (int uniform = 0; uniform < 2; uniform++) {
        struct tsgd_csr m = some_matrix(K, uniform);
        float *one = noise(DIM), *rows = twin_floats(K * DIM);
        float *scratch = twin_floats(tsgd_mix_scratch(K)), *out = twin_floats(DIM);
        struct tsgd_holding holding = TSGD_HOLDING_INIT;
        struct tsgd_mix_plan plan;
        cr_assert(tsgd_mix_plan_init(&plan, &m, &holding, NULL) == TSGD_OK);
        for (int a = 0; a < K; a++)
            memcpy(rows + a * DIM, one, DIM * sizeof *one);
        tsgd_mix_row(tsgd_isa_table(0), &m, 7, NULL, rows, DIM, DIM, false, out);
        cr_expect(memcmp(out, one, DIM * sizeof *one) == 0);
        tsgd_mix_all(tsgd_isa_table(0), &plan, NULL, rows, DIM, 0, DIM, scratch);
        for (int a = 0; a < K; a++)
            cr_expect(memcmp(rows + a * DIM, one, DIM * sizeof *one) == 0, "row %d", a);
        tsgd_holding_release(&holding);
        tsgd_csr_release(&m);
        free(one);
        free(rows);
        free(scratch);
        free(out);
    }
}
