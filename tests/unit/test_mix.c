/* Gossip, row by row and all rows at once, on every instruction set, against its definition. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "linalg/isa.h"
#include "linalg/mix.h"
#include "topology/topology.h"
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
            size_t dim = 1 + tsgd_rng_below(&rng, trial % 7 ? 1200 : 5000);   /* many pieces */
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

/* Topologies in every round of their period, whose rows are read in patterns of all kinds, over
 * columns that are few, a block, some blocks and what is left over.                             */
Test(mix, of_every_topology_has_the_bits_of_the_definition, .timeout = 120)
{
    static const char *const topologies[] = {
        "ring", "line", "torus", "hypercube", "exp", "onepeer-exp", "base:1", "base:2", "complete",
        "star", "alone",
    };
    static const uint32_t ks[] = {1, 2, 3, 4, 5, 8, 15, 16, 17, 33, 64, 70};
    const struct tsgd_kernels *kernels;
    rng = tsgd_rng(9, TSGD_RNG_TEST, 0, 0);
    for (size_t i = 0; i < sizeof topologies / sizeof *topologies; i++)
        for (size_t j = 0; j < sizeof ks / sizeof *ks; j++) {
            struct tsgd_mixing s = TSGD_MIXING_INIT;
            if (tsgd_topology_build(&s, topologies[i], ks[j], 1, NULL) != TSGD_OK)
                continue;               /* no such graph of this size */
            cr_assert(strcmp(topologies[i], "ring") || ks[j] < 3 ||
                      s.w->ptr[ks[j]] == 3 * ks[j]);
            for (uint32_t r = 0; r < s.period; r++)
                for (size_t isa = 0; (kernels = tsgd_isa_table(isa)); isa++) {
                    size_t dim = 1 + tsgd_rng_below(&rng, TWIN_SLOW || r > 0 ? 200 : 2000);
                    bool absent[70] = {false};
                    expect_twin(kernels, &s.w[r], NULL, dim, tsgd_round_up(dim, 16));
                    absent[tsgd_rng_below(&rng, ks[j])] = true;
                    expect_twin(kernels, &s.w[r], absent, dim, tsgd_round_up(dim, 16));
                }
            tsgd_mixing_release(&s);
        }
}

/* In one call: expect_twin cuts columns up. */
Test(mix, of_many_blocks_at_once_has_the_bits_of_rows, .timeout = 120)
{
    static const struct {
        const char *topology;
        uint32_t k;
        size_t dim;
    } cases[] = {
        {"ring", 17, 2816}, {"ring", 17, 2816 + 16}, {"ring", 64, 9000}, {"line", 64, 8999},
        {"torus", 64, 8960}, {"exp", 70, 8000}, {"complete", 64, 9000}, {"star", 33, 16500},
        {"ring", 8, 70000}, {"line", 16, 40000}, {"ring", 9, 16384 + 16}, {"ring", 16, 40000},
        {"ring", 20, 33000}, {"line", 9, 33000}, {"line", 26, 16400},
        {"complete", 9, 470000}, {"complete", 10, 420000}, {"complete", 27, 160000},
    };
    const struct tsgd_kernels *kernels;
    rng = tsgd_rng(10, TSGD_RNG_TEST, 0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t isa = 0; (kernels = tsgd_isa_table(isa)); isa++) {
            struct tsgd_mixing s = TSGD_MIXING_INIT;
            uint32_t k = cases[i].k;
            cr_assert(tsgd_topology_build(&s, cases[i].topology, k, 0, NULL) == TSGD_OK);
            size_t dim = cases[i].dim, stride = tsgd_round_up(dim, 16) + 16;
            float *rows = noise(k * stride), *want = twin_floats(k * stride);
            float *scratch = twin_floats(tsgd_mix_scratch(k));
            struct tsgd_holding holding = TSGD_HOLDING_INIT;
            struct tsgd_mix_plan plan;
            cr_assert(tsgd_mix_plan_init(&plan, s.w, &holding, NULL) == TSGD_OK);
            memcpy(want, rows, k * stride * sizeof *want);
            for (uint32_t a = 0; a < k; a++)
                tsgd_mix_row(kernels, s.w, a, NULL, rows, stride, dim, false, want + a * stride);
            tsgd_mix_all(kernels, &plan, NULL, rows, stride, 0, dim, scratch);
            cr_assert(memcmp(want, rows, k * stride * sizeof *want) == 0, "%s: %s k=%u dim=%zu",
                      kernels->isa, cases[i].topology, k, dim);
            tsgd_holding_release(&holding);
            tsgd_mixing_release(&s);
            free(rows);
            free(want);
            free(scratch);
        }
}

/* Zeros of both signs: x - x is 0, so that a row of -0 among such rows becomes 0, and a row of -0
 * without neighbours stays.                                                                     */
Test(mix, treats_zeros_of_both_signs_as_the_definition_does)
{
    static const char *const topologies[] = {"ring", "line", "exp", "complete", "alone"};
    const struct tsgd_kernels *kernels;
    rng = tsgd_rng(11, TSGD_RNG_TEST, 0, 0);
    for (size_t i = 0; i < sizeof topologies / sizeof *topologies; i++)
        for (size_t isa = 0; (kernels = tsgd_isa_table(isa)); isa++) {
            enum { K = 5, DIM = 512 };
            static const float zeros[] = {0, -0.0f, -0.0f, 1e-45f, -1e-45f};
            struct tsgd_mixing s = TSGD_MIXING_INIT;
            struct tsgd_holding holding = TSGD_HOLDING_INIT;
            struct tsgd_mix_plan plan;
            float *rows = twin_floats(K * DIM), *want = twin_floats(K * DIM);
            float *scratch = twin_floats(tsgd_mix_scratch(K));
            cr_assert(tsgd_topology_build(&s, topologies[i], K, 0, NULL) == TSGD_OK);
            cr_assert(tsgd_mix_plan_init(&plan, s.w, &holding, NULL) == TSGD_OK);
            for (size_t j = 0; j < K * DIM; j++)
                rows[j] = zeros[tsgd_rng_below(&rng, 5)];
            for (uint32_t a = 0; a < K; a++)
                for (size_t j = 0; j < DIM; j++)
                    want[a * DIM + j] = twin(s.w, a, NULL, rows, DIM, j);
            tsgd_mix_all(kernels, &plan, NULL, rows, DIM, 0, DIM, scratch);
            cr_assert(memcmp(want, rows, K * DIM * sizeof *want) == 0, "%s: %s", kernels->isa,
                      topologies[i]);
            tsgd_holding_release(&holding);
            tsgd_mixing_release(&s);
            free(rows);
            free(want);
            free(scratch);
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
