/* Kernels of steps and folds against naive twins in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "linalg/isa.h"
#include "linalg/vec.h"

static struct tsgd_rng rng;

static float *noise(size_t n)
{
    float *x = malloc((n ? n : 1) * sizeof *x);
    for (size_t j = 0; j < n; j++)
        x[j] = (float)tsgd_rng_normal(&rng);
    return x;
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
                const struct tsgd_update u = {x, plain ? NULL : m, 0.05f, mu, 0.01f,
                                              nesterov && !plain};
                tsgd_sgd(tsgd_isa_table(0), &u, g, N);
                sgd_twin(rx, rm, g, N, (double)0.05f, (double)mu, nesterov && !plain,
                         (double)0.01f);
                free(g);
            }
            for (int j = 0; j < N; j++)
                cr_assert(fabs(rx[j] - (double)x[j]) < 2e-5, "%d: %g, want %g", j, (double)x[j],
                          rx[j]);
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
                x[a][j] += 1000;        /* far from 0: a naive sum of squares would cancel */
            square += tsgd_fold(tsgd_isa_table(0), sum, x[a], x[0], dim);
        }
        double shift = tsgd_fold_finish(tsgd_isa_table(0), mean, sum, x[0], dim, K);
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
