/* The smallest eigenvalue of mixing matrices against closed forms and against Jacobi's method. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "linalg/eigen.h"
#include "sim/graphs.h"

static const double pi = 3.141592653589793;

static struct tsgd_mixing named(const char *name, uint32_t k)
{
    struct tsgd_mixing s = TSGD_MIXING_INIT;
    cr_assert(tsgd_topology_build(&s, name, k, 0, NULL) == TSGD_OK);
    return s;
}

static double least_of(const struct tsgd_csr *w)
{
    double least = NAN;
    cr_assert(tsgd_csr_least_eigenvalue(w, &least, NULL) == TSGD_OK);
    return least;
}

/* Of every topology, by name; `lazy` mixes with (I + W) / 2. */
static double least_named(const char *name, uint32_t k, bool lazy)
{
    struct tsgd_mixing s = named(name, k);
    if (lazy)
        cr_assert(tsgd_mixing_lazy(&s, NULL) == TSGD_OK);
    double least = least_of(s.w);
    tsgd_mixing_release(&s);
    return least;
}

/* Jacobi's rotations: all eigenvalues of a dense symmetric matrix end on its diagonal. */
static double jacobi_least(const struct tsgd_csr *w)
{
    uint32_t n = w->n;
    double *a = calloc((size_t)n * n, sizeof *a), least = 2;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t p = w->ptr[i]; p < w->ptr[i + 1]; p++)
            a[i * n + w->col[p]] = (double)w->val[p];
    for (int sweep = 0; sweep < 20; sweep++)
        for (uint32_t p = 0; p < n; p++)
            for (uint32_t q = p + 1; q < n; q++) {
                if (fabs(a[p * n + q]) < 1e-15)
                    continue;
                double angle = 0.5 * atan2(2 * a[p * n + q], a[q * n + q] - a[p * n + p]);
                double c = cos(angle), s = sin(angle);
                for (uint32_t i = 0; i < n; i++) {
                    double x = a[i * n + p], y = a[i * n + q];
                    a[i * n + p] = c * x - s * y;
                    a[i * n + q] = s * x + c * y;
                }
                for (uint32_t i = 0; i < n; i++) {
                    double x = a[p * n + i], y = a[q * n + i];
                    a[p * n + i] = c * x - s * y;
                    a[q * n + i] = s * x + c * y;
                }
            }
    for (uint32_t i = 0; i < n; i++)
        least = fmin(least, a[i * n + i]);
    free(a);
    return least;
}

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, (void (*)(struct criterion_test_params *))cr_free);
}

ParameterizedTestParameters(eigen, least_of_every_symmetric_topology_is_that_of_jacobi)
{
    return rows(tsgd_n_topologies);
}
ParameterizedTest(size_t *row, eigen, least_of_every_symmetric_topology_is_that_of_jacobi,
                  .timeout = 120)
{
    static const uint32_t sizes[] = {1, 2, 3, 4, 5, 8, 16, 25, 64, 150};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tsgd_mixing s = TSGD_MIXING_INIT;
        if (!graph_build(&s, *row, sizes[i], 0))
            continue;
        if (s.period == 1 && tsgd_csr_symmetric(s.w))
            cr_expect(fabs(least_of(s.w) - jacobi_least(s.w)) < 1e-6, "%s k=%u: %.9f, want %.9f",
                      tsgd_topologies[*row]->name, sizes[i], least_of(s.w), jacobi_least(s.w));
        tsgd_mixing_release(&s);
    }
}

/* A random graph, whose spectrum follows no formula; some nodes have no neighbour at all. */
Test(eigen, least_of_random_graphs_is_that_of_jacobi, .timeout = 120)
{
    for (uint32_t i = 0; i < 30; i++) {
        struct tsgd_rng rng = tsgd_rng(7, TSGD_RNG_TEST, i, 0);
        uint32_t n = 2 + tsgd_rng_below(&rng, 60), links = tsgd_rng_below(&rng, 3 * n);
        struct tsgd_edges e = TSGD_EDGES_INIT(n);
        struct tsgd_csr w = TSGD_CSR_INIT;
        for (uint32_t j = 0; j < links; j++)
            tsgd_edges_link(&e, 0, tsgd_rng_below(&rng, n), tsgd_rng_below(&rng, n));
        cr_assert(tsgd_edges_finish(&e, &w, NULL) == TSGD_OK);
        cr_expect(fabs(least_of(&w) - jacobi_least(&w)) < 1e-6, "graph %u: %.9f, want %.9f", i,
                  least_of(&w), jacobi_least(&w));
        tsgd_csr_release(&w);
        tsgd_edges_release(&e);
    }
}

Test(eigen, least_of_large_rings_and_lines_is_right_to_a_millionth, .timeout = 120)
{
#ifdef __SANITIZE_ADDRESS__
    static const uint32_t sizes[] = {200, 201, 1001};
#else
    static const uint32_t sizes[] = {200, 201, 1001, 10000, 100001};
#endif
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint32_t n = sizes[i], top = n / 2;     /* the frequency that alternates most */
        double ring = 1.0 / 3 + 2.0 / 3 * cos(2 * pi * top / n);
        double line = 1.0 / 3 + 2.0 / 3 * cos(pi * (n - 1) / n);
        double found = least_named("ring", n, false);
        cr_expect(fabs(found - ring) < 1e-6, "ring of %u: %.9f, want %.9f", n, found, ring);
        found = least_named("line", n, false);
        cr_expect(fabs(found - line) < 1e-6, "line of %u: %.9f, want %.9f", n, found, line);
    }
}

Test(eigen, lazy_matrices_have_eigenvalues_halfway_to_one)
{
    cr_expect(fabs(least_named("ring", 4, false) + 1.0 / 3) < 1e-6);
    cr_expect(fabs(least_named("ring", 4, true) - 1.0 / 3) < 1e-6);
    cr_expect(fabs(least_named("complete", 9, true) - 0.5) < 1e-6);
}

Test(eigen, lazy_halves_every_link_and_keeps_the_sums)
{
    for (size_t t = 0; t < tsgd_n_topologies; t++) {
        struct tsgd_mixing w = TSGD_MIXING_INIT, s;
        if (!graph_build(&w, t, 12, 0))
            continue;
        s = named(tsgd_topologies[t]->example, 12);
        cr_assert(tsgd_mixing_lazy(&s, NULL) == TSGD_OK);
        cr_assert(s.period == w.period);
        cr_expect(tsgd_topology_check(&s, "lazy", NULL) == TSGD_OK, "%s", tsgd_topologies[t]->name);
        for (uint32_t r = 0; r < s.period; r++) {
            cr_assert(s.w[r].ptr[12] == w.w[r].ptr[12], "a link came or went");
            for (uint32_t a = 0; a < 12; a++)
                for (uint32_t i = s.w[r].ptr[a]; i < s.w[r].ptr[a + 1]; i++)
                    cr_expect(s.w[r].val[i] == w.w[r].val[i] / 2 + (s.w[r].col[i] == a ? 0.5f : 0));
        }
        tsgd_mixing_release(&w);
        tsgd_mixing_release(&s);
    }
}

Test(eigen, symmetry_is_seen_entry_by_entry)
{
    static const struct { const char *name; uint32_t k; bool symmetric; } cases[] = {
        {"ring", 7, true}, {"line", 7, true}, {"complete", 7, true}, {"alone", 7, true},
        {"exp", 7, false}, {"exp", 2, true}, {"exp", 1, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tsgd_mixing s = named(cases[i].name, cases[i].k);
        cr_expect(tsgd_csr_symmetric(s.w) == cases[i].symmetric, "%s k=%u", cases[i].name,
                  cases[i].k);
        s.w->val[s.w->ptr[0]] *= 1.5f;  /* the diagonal: no matter */
        cr_expect(tsgd_csr_symmetric(s.w) == cases[i].symmetric);
        s.w->val[s.w->ptr[1] - 1] *= 1.5f;
        if (cases[i].k > 1 && s.w->ptr[1] > 1)
            cr_expect(!tsgd_csr_symmetric(s.w), "%s k=%u, one changed", cases[i].name, cases[i].k);
        tsgd_mixing_release(&s);
    }
}
