/* Kernels of gossip, steps and folds against naive twins in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "linalg/mix.h"
#include "linalg/vec.h"

static struct tsgd_rng rng;

static float *noise(size_t n)
{
    float *x = malloc((n ? n : 1) * sizeof *x);
    for (size_t j = 0; j < n; j++)
        x[j] = (float)tsgd_rng_normal(&rng);
    return x;
}

/* k rows with random doubly sub-stochastic weights; the mix must agree with a plain weighted sum. */
Test(mix, agrees_with_the_weighted_sum_in_double_for_any_size)
{
    rng = tsgd_rng(1, TSGD_RNG_TEST, 0, 0);
    for (int trial = 0; trial < 200; trial++) {
        uint32_t k = 1 + tsgd_rng_below(&rng, 9), a = tsgd_rng_below(&rng, k), count = 0;
        size_t dim = 1 + tsgd_rng_below(&rng, 300), stride = dim + tsgd_rng_below(&rng, 5);
        struct tsgd_entry e[9];
        double rest = 1;
        for (uint32_t b = 0; b < k; b++)
            if (b != a && tsgd_rng_below(&rng, 2)) {
                float w = (float)tsgd_rng_unit(&rng) / 9;
                e[count++] = (struct tsgd_entry){a, b, w};
                rest -= (double)w;
            }
        e[count++] = (struct tsgd_entry){a, a, (float)rest};
        struct tsgd_csr m = TSGD_CSR_INIT;
        cr_assert(tsgd_csr_build(&m, k, e, count, NULL) == TSGD_OK);
        float *rows = noise(k * stride), *out = noise(dim);
        tsgd_mix_row(&m, a, NULL, rows, stride, dim, out);
        for (size_t j = 0; j < dim; j++) {
            double want = 0;
            for (uint32_t i = m.ptr[a]; i < m.ptr[a + 1]; i++) {
                double w = m.col[i] == a ? rest : (double)m.val[i];
                want += w * (double)rows[m.col[i] * stride + j];
            }
            cr_assert(fabs(want - (double)out[j]) < 1e-5, "k=%u dim=%zu j=%zu: %g, want %g", k, dim,
                      j, (double)out[j], want);
        }
        tsgd_csr_release(&m);
        free(rows);
        free(out);
    }
}

Test(mix, leaves_equal_rows_exactly_as_they_are)
{
    struct tsgd_entry e[] = {{0, 0, 0.3f}, {0, 1, 0.3f}, {0, 2, 0.4f}};
    struct tsgd_csr m = TSGD_CSR_INIT;
    float rows[3][70], out[70];
    rng = tsgd_rng(2, TSGD_RNG_TEST, 0, 0);
    cr_assert(tsgd_csr_build(&m, 3, e, 3, NULL) == TSGD_OK);
    for (int j = 0; j < 70; j++)
        rows[0][j] = rows[1][j] = rows[2][j] = (float)tsgd_rng_normal(&rng);
    tsgd_mix_row(&m, 0, NULL, rows[0], 70, 70, out);
    cr_expect(memcmp(out, rows[0], sizeof out) == 0);
    tsgd_csr_release(&m);
}

/* A random matrix: rows without neighbours, rows of many, or every entry the same. */
static struct tsgd_csr some_matrix(uint32_t k, bool uniform)
{
    struct tsgd_csr m = TSGD_CSR_INIT;
    struct tsgd_entry *e = malloc((size_t)k * k * sizeof *e);
    size_t count = 0;
    for (uint32_t a = 0; a < k; a++)
        for (uint32_t b = 0; b < k; b++)
            if (a == b || uniform || tsgd_rng_below(&rng, 4) < a % 4)
                e[count++] = (struct tsgd_entry){
                    a, b, uniform ? 1 / (float)k : (float)tsgd_rng_unit(&rng) / (float)k
                };
    cr_assert(tsgd_csr_build(&m, k, e, count, NULL) == TSGD_OK);
    free(e);
    return m;
}

Test(mix, of_all_rows_in_place_gives_the_bits_of_row_by_row_however_it_is_cut)
{
    rng = tsgd_rng(5, TSGD_RNG_TEST, 0, 0);
    for (int trial = 0; trial < 300; trial++) {
        uint32_t k = 1 + tsgd_rng_below(&rng, trial % 10 ? 20 : 300);
        size_t dim = 1 + tsgd_rng_below(&rng, 1200), stride = dim + tsgd_rng_below(&rng, 70);
        struct tsgd_csr m = some_matrix(k, trial % 3 == 0);
        cr_expect(m.uniform == (trial % 3 == 0 || k == 1), "trial %d, k=%u", trial, k);
        float *rows = noise(k * stride), *want = malloc(k * stride * sizeof *want);
        float *scratch = aligned_alloc(64, tsgd_mix_scratch(k) * sizeof *scratch);
        bool absent[300], *away = trial % 2 ? absent : NULL;
        for (uint32_t a = 0; a < k; a++)
            absent[a] = trial % 4 == 1 && tsgd_rng_below(&rng, 3) == 0;
        memcpy(want, rows, k * stride * sizeof *want);
        for (uint32_t a = 0; a < k; a++)
            tsgd_mix_row(&m, a, away, rows, stride, dim, want + a * stride);
        for (size_t from = 0, to; from < dim; from = to) {
            to = from + 16 * (1 + tsgd_rng_below(&rng, 60));
            to = to < dim ? to : dim;
            tsgd_mix_all(&m, away, rows, stride, from, to, scratch);
        }
        cr_assert(memcmp(want, rows, k * stride * sizeof *want) == 0, "k=%u dim=%zu trial %d", k,
                  dim, trial);
        tsgd_csr_release(&m);
        free(rows);
        free(want);
        free(scratch);
    }
}

Test(mix, of_a_uniform_matrix_is_the_mean_and_the_same_bits_for_every_row)
{
    enum { K = 13, DIM = 100 };
    rng = tsgd_rng(6, TSGD_RNG_TEST, 0, 0);
    struct tsgd_csr m = some_matrix(K, true);
    float *rows = noise(K * DIM), out[2][DIM];
    tsgd_mix_row(&m, 0, NULL, rows, DIM, DIM, out[0]);
    tsgd_mix_row(&m, 7, NULL, rows, DIM, DIM, out[1]);
    cr_expect(memcmp(out[0], out[1], sizeof out[0]) == 0);
    for (int j = 0; j < DIM; j++) {
        double mean = 0;
        for (int b = 0; b < K; b++)
            mean += (double)rows[b * DIM + j] / K;
        cr_expect(fabs(mean - (double)out[0][j]) < 1e-6, "%d: %g, want %g", j, (double)out[0][j],
                  mean);
    }
    tsgd_csr_release(&m);
    free(rows);
}

/* torch.optim.SGD, written out in double. */
static void sgd_twin(double *x, double *m, const float *g, size_t n, double eta, double mu,
                     bool nesterov, double decay)
{
    for (size_t j = 0; j < n; j++) {
        double d = (double)g[j] + decay * x[j];
        m[j] = mu * m[j] + d;
        x[j] -= eta * (nesterov ? d + mu * m[j] : m[j]);
    }
}

Test(sgd, follows_the_reference_in_double_over_many_steps)
{
    rng = tsgd_rng(3, TSGD_RNG_TEST, 0, 0);
    for (int nesterov = 0; nesterov < 2; nesterov++)
        for (int plain = 0; plain < 2; plain++) {
            enum { N = 133 };
            float *x = noise(N), m[N] = {0}, mu = plain ? 0 : 0.9f;
            double rx[N], rm[N] = {0};
            for (int j = 0; j < N; j++)
                rx[j] = (double)x[j];
            for (int t = 0; t < 100; t++) {
                float *g = noise(N);
                tsgd_sgd(x, plain ? NULL : m, g, N, 0.05f, mu, nesterov && !plain, 0.01f);
                sgd_twin(rx, rm, g, N, (double)0.05f, (double)mu, nesterov && !plain, (double)0.01f);
                free(g);
            }
            for (int j = 0; j < N; j++)
                cr_assert(fabs(rx[j] - (double)x[j]) < 2e-5, "%d: %g, want %g", j, (double)x[j], rx[j]);
            free(x);
        }
}

Test(fold, gives_the_mean_and_the_spread_around_it)
{
    rng = tsgd_rng(4, TSGD_RNG_TEST, 0, 0);
    for (size_t dim = 1; dim < 70; dim += 3) {
        enum { K = 5 };
        float *x[K], mean[70];
        double sum[70] = {0}, square = 0, want = 0;
        for (int a = 0; a < K; a++) {
            x[a] = noise(dim);
            for (size_t j = 0; j < dim; j++)
                x[a][j] += 1000;                /* far from 0: a naive sum of squares would cancel */
            square += tsgd_fold(sum, x[a], x[0], dim);
        }
        double shift = tsgd_fold_finish(mean, sum, x[0], dim, K);
        for (size_t j = 0; j < dim; j++) {
            double m = 0;
            for (int a = 0; a < K; a++)
                m += (double)x[a][j] / K;
            cr_expect(fabs(m - (double)mean[j]) < 1e-4);
            for (int a = 0; a < K; a++)
                want += ((double)x[a][j] - m) * ((double)x[a][j] - m) / K;
        }
        cr_expect(fabs(square / K - shift - want) < 1e-9 * (1 + want), "dim %zu", dim);
        for (int a = 0; a < K; a++)
            free(x[a]);
    }
}
