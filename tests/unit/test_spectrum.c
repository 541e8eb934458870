/* Spectral gaps against closed forms and against a dense Jacobi iteration. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/graphs.h"
#include "topology/spectrum.h"

static const double pi = 3.14159265358979323846;

static struct tsgd_spectrum spectrum_of(const char *name, uint32_t k)
{
    struct tsgd_mixing s = TSGD_MIXING_INIT;
    struct tsgd_spectrum out;
    struct tsgd_error err;
    cr_assert(tsgd_topology_build_parts(&s, name, k, 3, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_spectrum(&out, &s, &err) == TSGD_OK, "%s", err.text);
    tsgd_mixing_release(&s);
    return out;
}

/* Right to 1e-6, and small gaps to a part of their value. */
static void expect_gap(const char *name, uint32_t k, double gap, double want)
{
    double tolerance = fmin(1e-6, 1e-4 * want);
    cr_expect(fabs(gap - want) <= tolerance, "%s k=%u: %.9g, want %.9g", name, k, gap, want);
}

Test(spectrum, of_rings_is_the_cosine, .timeout = 60)
{
    static const uint32_t ks[] = {3, 4, 5, 8, 25, 100, 1001, 4000};
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
        double least = 1;
        for (uint32_t j = 1; j < ks[i]; j++)
            least = fmin(least, 1 - pow((1 + 2 * cos(2 * pi * j / ks[i])) / 3, 2));
        expect_gap("ring", ks[i], spectrum_of("ring", ks[i]).gap, least);
    }
}

Test(spectrum, of_hypercubes_is_that_of_their_bits)
{
    for (uint32_t bits = 1; bits <= 10; bits++) {
        double sigma = (bits - 1.0) / (bits + 1);
        expect_gap("hypercube", 1u << bits, spectrum_of("hypercube", 1u << bits).gap,
                   1 - sigma * sigma);
    }
}

Test(spectrum, of_stars_is_one_less_a_kth)
{
    for (uint32_t k = 3; k <= 3000; k *= 3)
        expect_gap("star", k, spectrum_of("star", k).gap, 1 - pow(1 - 1.0 / k, 2));
}

Test(spectrum, of_a_torus_is_that_of_two_circles)
{
    double sigma = (1 + 2 + 2 * cos(2 * pi / 12)) / 5;
    expect_gap("torus:12x10", 120, spectrum_of("torus:12x10", 120).gap, 1 - sigma * sigma);
}

/* The graph is a circulant matrix: its singular values are the sizes of its Fourier transform. */
Test(spectrum, of_directed_graphs_is_of_singular_values)
{
    for (uint32_t k = 5; k <= 640; k *= 2) {
        double worst = 0;
        for (uint32_t j = 1; j < k; j++)
            worst = fmax(worst, (1 + cos(2 * pi * j / k)) / 2);
        expect_gap("onepeer-exp", k, spectrum_of("onepeer-exp", k).gap, 1 - worst);
    }
}

Test(spectrum, of_a_single_token_and_of_the_complete_graph_is_one)
{
    struct tsgd_spectrum one = spectrum_of("ring", 1), all = spectrum_of("complete", 40);
    cr_expect(fabs(one.gap - 1) < 1e-9 && fabs(one.gap_period - 1) < 1e-9 && one.degree == 0);
    cr_expect(fabs(all.gap - 1) < 1e-9 && all.degree == 39 && all.period == 1);
}

Test(spectrum, of_tokens_that_never_mix_is_zero)
{
    struct tsgd_spectrum s = spectrum_of("alone", 12);
    cr_expect(s.gap == 0 && s.gap_period == 0 && s.exact_after == 0 && s.degree == 0);
}

/* Two rings that never meet. */
Test(spectrum, of_a_disconnected_file_is_zero)
{
    char path[] = "/tmp/telesgd-graph-XXXXXX", name[64];
    FILE *f = fdopen(mkstemp(path), "w");
    cr_assert(f != NULL);
    for (int a = 0; a < 7; a++)
        fprintf(f, "%d %d\n%d %d\n", a, (a + 1) % 7, 7 + a, 7 + (a + 1) % 7);
    fclose(f);
    snprintf(name, sizeof name, "file:%s", path);
    struct tsgd_spectrum s = spectrum_of(name, 14);
    unlink(path);
    cr_expect(s.gap == 0 && s.exact_after == 0 && s.degree == 2);
}

Test(spectrum, exact_consensus_comes_when_it_should, .timeout = 60)
{
    static const struct { const char *name; uint32_t k, rounds; } cases[] = {
        {"ring", 1, 1}, {"ring", 2, 1}, {"ring", 3, 1}, {"ring", 4, 0}, {"complete", 100, 1},
        {"star", 2, 1}, {"star", 3, 0}, {"onepeer-exp", 16, 4}, {"onepeer-exp", 12, 0},
        {"base:1", 8, 3}, {"base:1", 6, 4}, {"base:2", 13, 5}, {"base:4", 25, 2},
        {"base:1", 1000, 16}, {"hypercube", 2, 1}, {"hypercube", 4, 0}, {"alone", 2, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t rounds = spectrum_of(cases[i].name, cases[i].k).exact_after;
        cr_expect(rounds == cases[i].rounds, "%s k=%u: %u, want %u", cases[i].name, cases[i].k,
                  rounds, cases[i].rounds);
    }
}

/* ---- all singular values ---- */

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void expect_values(const char *name, uint32_t k, uint32_t first, uint32_t rounds,
                          double *want)
{
    struct tsgd_mixing s = TSGD_MIXING_INIT;
    double got[200];
    cr_assert(tsgd_topology_build(&s, name, k, 3, NULL) == TSGD_OK);
    cr_assert(tsgd_singular_values(got, &s, first, rounds, NULL) == TSGD_OK);
    qsort(want, k, sizeof *want, descending);
    for (uint32_t i = 0; i < k; i++)
        cr_expect(fabs(got[i] - want[i]) < 1e-6, "%s k=%u, value %u: %.9g, want %.9g", name, k, i,
                  got[i], want[i]);
    tsgd_mixing_release(&s);
}

Test(spectrum, singular_values_of_rings_are_cosines)
{
    double want[200];
    for (uint32_t k = 3; k <= 200; k = 2 * k + 1) {
        for (uint32_t j = 0; j < k; j++)
            want[j] = fabs(1 + 2 * cos(2 * pi * j / k)) / 3;
        expect_values("ring", k, 0, 1, want);
    }
}

/* Round r of the graph is half of x and half of what stands 2^r further: |1 + w^(j 2^r)| / 2, and
 * of circulant matrices products multiply.                                                      */
Test(spectrum, singular_values_of_directed_graphs_are_sizes_of_a_fourier_transform)
{
    enum { BITS = 5, SIZE = 32 };
    double want[SIZE], product[SIZE];
    for (uint32_t j = 0; j < SIZE; j++)
        product[j] = 1;
    for (uint32_t r = 0; r < BITS; r++) {
        for (uint32_t j = 0; j < SIZE; j++) {
            want[j] = fabs(cos(pi * j * (1u << r) / SIZE));
            product[j] *= want[j];
        }
        expect_values("onepeer-exp", SIZE, r, 1, want);
    }
    expect_values("onepeer-exp", SIZE, 0, BITS, product);
}

Test(spectrum, singular_values_of_one_token_and_of_the_plain_mean)
{
    double one[1] = {1}, mean[40] = {1};
    expect_values("ring", 1, 0, 1, one);
    expect_values("complete", 40, 0, 1, mean);
}

/* ---- every topology against dense matrices ---- */

enum { MOST = 64 };
typedef double matrix[MOST][MOST];

/* p = the product of the first rounds, in gossip's form, less the mean. */
static void dense_product(const struct tsgd_mixing *s, uint32_t rounds, uint32_t k, matrix p)
{
    static matrix q;
    for (uint32_t a = 0; a < k; a++)
        for (uint32_t b = 0; b < k; b++)
            p[a][b] = a == b;
    for (uint32_t r = 0; r < rounds; r++) {
        const struct tsgd_csr *w = &s->w[r];
        memcpy(q, p, sizeof q);
        for (uint32_t a = 0; a < k; a++)
            for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
                for (uint32_t b = 0; b < k; b++)
                    p[a][b] += (double)w->val[i] * (q[w->col[i]][b] - q[a][b]);
    }
    for (uint32_t a = 0; a < k; a++)
        for (uint32_t b = 0; b < k; b++)
            p[a][b] -= 1.0 / k;
}

/* The largest eigenvalue of the symmetric m, by Jacobi's rotations. */
static double jacobi(matrix m, uint32_t k)
{
    for (int sweep = 0; sweep < 30; sweep++)
        for (uint32_t p = 0; p < k; p++)
            for (uint32_t q = p + 1; q < k; q++) {
                if (fabs(m[p][q]) < 1e-16)
                    continue;
                double angle = 0.5 * atan2(2 * m[p][q], m[q][q] - m[p][p]);
                double c = cos(angle), s = sin(angle);
                for (uint32_t i = 0; i < k; i++) {
                    double x = m[i][p], y = m[i][q];
                    m[i][p] = c * x - s * y;
                    m[i][q] = s * x + c * y;
                }
                for (uint32_t i = 0; i < k; i++) {
                    double x = m[p][i], y = m[q][i];
                    m[p][i] = c * x - s * y;
                    m[q][i] = s * x + c * y;
                }
            }
    double most = 0;
    for (uint32_t a = 0; a < k; a++)
        most = fmax(most, m[a][a]);
    return most;
}

static double dense_gap(const struct tsgd_mixing *s, uint32_t rounds, uint32_t k)
{
    static matrix p, square;
    dense_product(s, rounds, k, p);
    for (uint32_t a = 0; a < k; a++)
        for (uint32_t b = 0; b < k; b++) {
            square[a][b] = 0;
            for (uint32_t i = 0; i < k; i++)
                square[a][b] += p[i][a] * p[i][b];
        }
    return 1 - jacobi(square, k);
}

static void free_row(struct criterion_test_params *p) { cr_free(p->params); }

ParameterizedTestParameters(spectrum, of_every_topology_is_that_of_its_dense_matrices)
{
    size_t *row = cr_malloc(tsgd_n_topologies * sizeof *row);
    for (size_t i = 0; i < tsgd_n_topologies; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, tsgd_n_topologies, free_row);
}
ParameterizedTest(size_t *row, spectrum, of_every_topology_is_that_of_its_dense_matrices,
                  .timeout = 120)
{
    static const uint32_t ks[] = {1, 2, 3, 5, 6, 7, 12, 16, 25, MOST};
    const char *name = tsgd_topologies[*row]->example;
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
        for (uint64_t seed = 0; seed < 2; seed++) {
            struct tsgd_mixing s = TSGD_MIXING_INIT;
            struct tsgd_spectrum got;
            if (!graph_build(&s, *row, ks[i], seed))
                continue;
            cr_assert(tsgd_spectrum(&got, &s, NULL) == TSGD_OK);
            double gap = dense_gap(&s, 1, ks[i]), period = dense_gap(&s, s.period, ks[i]);
            cr_expect(fabs(got.gap - gap) < 1e-6, "%s k=%u: %.12g, want %.12g", name, ks[i],
                      got.gap, gap);
            cr_expect(fabs(got.gap_period - period) < 1e-6, "%s k=%u, period: %.12g, want %.12g",
                      name, ks[i], got.gap_period, period);
            tsgd_mixing_release(&s);
        }
}
