#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "sim/graphs.h"
#include "topology/spectrum.h"

static const uint32_t sizes[] = {1, 2, 3, 5, 6, 7, 12, 25, 64, 100};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

static void free_row(struct criterion_test_params *p) { cr_free(p->params); }

/* Every row of the table with every size: a test gets the number of its pair. */
static struct criterion_test_params pairs(void)
{
    size_t n = tsgd_n_topologies * N_SIZES, *pair = cr_malloc(n * sizeof *pair);
    for (size_t i = 0; i < n; i++)
        pair[i] = i;
    return cr_make_param_array(size_t, pair, n, free_row);
}

static const struct tsgd_topology *row(size_t pair) { return tsgd_topologies[pair / N_SIZES]; }

static uint32_t tokens(size_t pair) { return sizes[pair % N_SIZES]; }

/* False: there is no such graph of this size. */
static bool build(size_t pair, struct tsgd_mixing *s)
{
    *s = (struct tsgd_mixing)TSGD_MIXING_INIT;
    return graph_build(s, pair / N_SIZES, tokens(pair), 3);
}

ParameterizedTestParameters(topology, only_sizes_that_cannot_be_are_refused) { return pairs(); }
ParameterizedTest(size_t *pair, topology, only_sizes_that_cannot_be_are_refused, .timeout = 60)
{
    struct tsgd_mixing s;
    build(*pair, &s);
    tsgd_mixing_release(&s);
}

ParameterizedTestParameters(topology, every_matrix_is_doubly_stochastic) { return pairs(); }
ParameterizedTest(size_t *pair, topology, every_matrix_is_doubly_stochastic, .timeout = 60)
{
    struct tsgd_mixing s;
    if (!build(*pair, &s))
        return;
    for (uint32_t r = 0; r < s.period; r++) {
        double column[128] = {0};
        for (uint32_t a = 0; a < s.w[r].n; a++) {
            double sum = 0;
            for (uint32_t i = s.w[r].ptr[a]; i < s.w[r].ptr[a + 1]; i++) {
                cr_expect(s.w[r].val[i] >= 0);
                sum += (double)s.w[r].val[i];
                column[s.w[r].col[i]] += (double)s.w[r].val[i];
            }
            cr_expect(fabs(sum - 1) < 1e-6, "%s row %u: %g", row(*pair)->name, a, sum);
        }
        for (uint32_t b = 0; b < s.w[r].n; b++)
            cr_expect(fabs(column[b] - 1) < 1e-6, "%s column %u: %g", row(*pair)->name, b,
                      column[b]);
    }
    tsgd_mixing_release(&s);
}

ParameterizedTestParameters(topology, columns_are_the_transpose_of_rows) { return pairs(); }
ParameterizedTest(size_t *pair, topology, columns_are_the_transpose_of_rows, .timeout = 60)
{
    struct tsgd_mixing s;
    if (!build(*pair, &s))
        return;
    for (uint32_t r = 0; r < s.period; r++) {
        const struct tsgd_csr *w = &s.w[r];
        size_t seen = 0;
        for (uint32_t b = 0; b < w->n; b++)
            for (uint32_t i = w->tptr[b]; i < w->tptr[b + 1]; i++, seen++) {
                bool found = false;
                uint32_t a = w->tcol[i];
                for (uint32_t j = w->ptr[a]; j < w->ptr[a + 1]; j++)
                    found |= w->col[j] == b;
                cr_expect(found, "%s: %u is listed as a reader of %u", row(*pair)->name, a, b);
            }
        cr_expect(seen == w->ptr[w->n]);
    }
    tsgd_mixing_release(&s);
}

/* Dense product of a period's matrices: does information reach everybody, and where does it end? */
static double *period_product(const struct tsgd_mixing *s, uint32_t k)
{
    double *p = calloc((size_t)k * k, sizeof *p), *q = calloc((size_t)k * k, sizeof *q);
    for (uint32_t a = 0; a < k; a++)
        p[a * k + a] = 1;
    for (uint32_t r = 0; r < s->period; r++) {
        memset(q, 0, (size_t)k * k * sizeof *q);
        for (uint32_t a = 0; a < k; a++)
            for (uint32_t i = s->w[r].ptr[a]; i < s->w[r].ptr[a + 1]; i++)
                for (uint32_t b = 0; b < k; b++)
                    q[a * k + b] += (double)s->w[r].val[i] * p[s->w[r].col[i] * k + b];
        double *swap = p;
        p = q;
        q = swap;
    }
    free(q);
    return p;
}

ParameterizedTestParameters(topology, everybody_hears_of_everybody_in_the_end) { return pairs(); }
ParameterizedTest(size_t *pair, topology, everybody_hears_of_everybody_in_the_end, .timeout = 60)
{
    uint32_t k = tokens(*pair);
    struct tsgd_mixing s;
    if (!build(*pair, &s))
        return;
    if (strcmp(row(*pair)->name, "alone") || k == 1) {
        double *p = period_product(&s, k);
        bool *known = calloc(k, sizeof *known);
        known[0] = true;
        for (uint32_t hop = 0; hop < k; hop++)
            for (uint32_t a = 0; a < k; a++)
                for (uint32_t b = 0; b < k; b++)
                    known[a] |= known[b] && p[a * k + b] > 0;
        for (uint32_t a = 0; a < k; a++)
            cr_expect(known[a], "%s k=%u: %u never hears of 0", row(*pair)->name, k, a);
        free(known);
        free(p);
    }
    tsgd_mixing_release(&s);
}

static double weight(const struct tsgd_mixing *s, uint32_t round, uint32_t a, uint32_t b)
{
    const struct tsgd_csr *w = tsgd_mixing_at(s, round);
    for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
        if (w->col[i] == b)
            return (double)w->val[i];
    return 0;
}

ParameterizedTestParameters(topology, every_matrix_but_the_directed_is_symmetric)
{
    return pairs();
}
ParameterizedTest(size_t *pair, topology, every_matrix_but_the_directed_is_symmetric, .timeout = 60)
{
    struct tsgd_mixing s;
    const char *name = row(*pair)->name;
    if (!strcmp(name, "exp") || !strcmp(name, "onepeer-exp") || !build(*pair, &s))
        return;
    for (uint32_t r = 0; r < s.period; r++)
        for (uint32_t a = 0; a < s.w[r].n; a++)
            for (uint32_t b = 0; b < a; b++)
                cr_expect(weight(&s, r, a, b) == weight(&s, r, b, a), "%s round %u: %u and %u",
                          name, r, a, b);
    tsgd_mixing_release(&s);
}

ParameterizedTestParameters(topology, the_seed_alone_decides) { return pairs(); }
ParameterizedTest(size_t *pair, topology, the_seed_alone_decides, .timeout = 60)
{
    struct tsgd_mixing s, t;
    if (!build(*pair, &s))
        return;
    cr_assert(build(*pair, &t) && s.period == t.period);
    for (uint32_t r = 0; r < s.period; r++) {
        uint32_t n = s.w[r].n, count = s.w[r].ptr[n];
        cr_expect(!memcmp(s.w[r].ptr, t.w[r].ptr, (n + 1) * sizeof(uint32_t)));
        cr_expect(!memcmp(s.w[r].col, t.w[r].col, count * sizeof(uint32_t)));
        cr_expect(!memcmp(s.w[r].val, t.w[r].val, count * sizeof(float)));
    }
    tsgd_mixing_release(&s);
    tsgd_mixing_release(&t);
}

static struct tsgd_mixing named(const char *name, uint32_t k)
{
    struct tsgd_mixing s = TSGD_MIXING_INIT;
    cr_assert(tsgd_topology_build(&s, name, k, 0, NULL) == TSGD_OK);
    return s;
}

Test(topology, a_ring_of_five_gives_thirds_and_of_two_halves)
{
    struct tsgd_mixing five = named("ring", 5), two = named("ring", 2);
    cr_expect(fabs(weight(&five, 0, 0, 4) - 1.0 / 3) < 1e-7);
    cr_expect(fabs(weight(&five, 0, 0, 1) - 1.0 / 3) < 1e-7);
    cr_expect(weight(&five, 0, 0, 2) == 0);
    cr_expect(weight(&two, 0, 0, 1) == 0.5);
    tsgd_mixing_release(&five);
    tsgd_mixing_release(&two);
}

Test(topology, a_line_has_metropolis_hastings_weights)
{
    struct tsgd_mixing s = named("line", 4);
    cr_expect(fabs(weight(&s, 0, 0, 1) - 1.0 / 3) < 1e-7);     /* 1 / (1 + max(1, 2)) */
    cr_expect(fabs(weight(&s, 0, 0, 0) - 2.0 / 3) < 1e-7);
    cr_expect(weight(&s, 0, 0, 3) == 0);
    tsgd_mixing_release(&s);
}

Test(topology, the_exponential_graph_reads_powers_of_two_ahead)
{
    struct tsgd_mixing s = named("exp", 6);
    for (uint32_t b = 0; b < 6; b++) {
        bool read = b == 0 || b == 1 || b == 2 || b == 4;
        cr_expect(fabs(weight(&s, 0, 0, b) - (read ? 0.25 : 0)) < 1e-7, "column %u", b);
    }
    tsgd_mixing_release(&s);
}

Test(topology, one_peer_exponential_averages_exactly_after_a_period_of_a_power_of_two)
{
    struct tsgd_mixing s = named("onepeer-exp", 16);
    double *p = period_product(&s, 16);
    cr_expect(s.period == 4);
    for (uint32_t i = 0; i < 256; i++)
        cr_expect(p[i] == 1.0 / 16);
    free(p);
    tsgd_mixing_release(&s);
}

/* Row a reads exactly the tokens of `want`, a list that ends with a itself, all with equal
 * weights.                                                                                      */
static void expect_reads(const char *name, uint32_t k, uint32_t a, const uint32_t *want, uint32_t n)
{
    struct tsgd_mixing s = named(name, k);
    for (uint32_t b = 0; b < k; b++) {
        bool read = false;
        for (uint32_t i = 0; i < n; i++)
            read |= want[i] == b;
        cr_expect(fabs(weight(&s, 0, a, b) - (read ? 1.0 / n : 0)) < 1e-7,
                  "%s k=%u: %u reads %u: %g", name, k, a, b, weight(&s, 0, a, b));
    }
    tsgd_mixing_release(&s);
}
#define EXPECT_READS(name, k, a, ...)                                                     \
    expect_reads(name, k, a, (const uint32_t[]){__VA_ARGS__, a},                          \
                 sizeof((const uint32_t[]){__VA_ARGS__, a}) / sizeof(uint32_t))

Test(topology, a_torus_is_as_square_as_can_be)
{
    EXPECT_READS("torus", 12, 0, 1, 3, 4, 8);       /* 3 rows of 4 */
    EXPECT_READS("torus", 12, 6, 5, 7, 2, 10);
    EXPECT_READS("torus", 7, 3, 2, 4);              /* a ring */
}

Test(topology, a_torus_takes_its_sides_from_the_argument)
{
    EXPECT_READS("torus:4x3", 12, 0, 1, 2, 3, 9);
    EXPECT_READS("torus:12x1", 12, 0, 1, 11);
}

Test(topology, a_torus_counts_a_neighbour_on_both_sides_once)
{
    EXPECT_READS("torus", 4, 3, 1, 2);
    EXPECT_READS("torus", 6, 0, 1, 2, 3);
    EXPECT_READS("torus", 2, 0, 1);
}

Test(topology, a_hypercube_joins_numbers_that_differ_in_a_bit)
{
    EXPECT_READS("hypercube", 16, 5, 4, 7, 1, 13);
}

Test(topology, a_star_has_metropolis_hastings_weights)
{
    struct tsgd_mixing s = named("star", 5);
    cr_expect(fabs(weight(&s, 0, 0, 3) - 0.2) < 1e-7 && fabs(weight(&s, 0, 0, 0) - 0.2) < 1e-7);
    cr_expect(fabs(weight(&s, 0, 3, 3) - 0.8) < 1e-7 && weight(&s, 0, 3, 4) == 0);
    tsgd_mixing_release(&s);
}

/* ---- base ---- */

/* Worked out by hand: 5 = 4 + 1; the first four find their mean, token 4 meets token 3 while 0 and
 * 1 keep each other company, and the four go on.                                                */
Test(topology, base_1_of_five_is_as_in_the_paper)
{
    static const struct { uint32_t a, b; double w; } want[5][3] = {
        {{0, 1, 0.5}, {2, 3, 0.5}, {4, 4, 1}},
        {{0, 2, 0.5}, {1, 3, 0.5}, {4, 4, 1}},
        {{3, 4, 0.8}, {0, 1, 0.5}, {2, 2, 1}},
        {{0, 1, 0.5}, {2, 3, 0.5}, {4, 4, 1}},
        {{0, 2, 0.5}, {1, 3, 0.5}, {4, 4, 1}},
    };
    struct tsgd_mixing s = named("base:1", 5);
    cr_assert(s.period == 5);
    for (uint32_t r = 0; r < 5; r++)
        for (uint32_t i = 0; i < 3; i++)
            cr_expect(fabs(weight(&s, r, want[r][i].a, want[r][i].b) - want[r][i].w) < 1e-7,
                      "round %u: %u and %u", r, want[r][i].a, want[r][i].b);
    tsgd_mixing_release(&s);
}

/* Lengths that the authors' program gives: one Hyper-Hypercube, the simple graph, groups of it. */
Test(topology, base_has_the_period_of_the_authors_graph)
{
    static const uint32_t cases[][3] = {{1, 8, 3}, {1, 6, 4}, {1, 7, 5}, {1, 25, 9}, {1, 56, 8},
                                        {2, 16, 4}, {2, 13, 5}, {2, 24, 4}, {2, 25, 6}, {3, 25, 5},
                                        {4, 25, 2}, {4, 60, 3}, {4, 97, 6}, {4, 22, 4}, {4, 106, 6},
                                        {3, 200, 7}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[16];
        snprintf(name, sizeof name, "base:%u", cases[i][0]);
        struct tsgd_mixing s = named(name, cases[i][1]);
        cr_expect(s.period == cases[i][2], "%s k=%u: %u", name, cases[i][1], s.period);
        tsgd_mixing_release(&s);
    }
}

ParameterizedTestParameters(topology, base_is_exact_after_its_period_for_every_size)
{
    size_t *m = cr_malloc(4 * sizeof *m);
    for (size_t i = 0; i < 4; i++)
        m[i] = i + 1;
    return cr_make_param_array(size_t, m, 4, free_row);
}
ParameterizedTest(size_t *most, topology, base_is_exact_after_its_period_for_every_size,
                  .timeout = 300)
{
#ifdef __SANITIZE_ADDRESS__
    const uint32_t step = 7;
#else
    const uint32_t step = 1;
#endif
    char name[16];
    snprintf(name, sizeof name, "base:%zu", *most);
    for (uint32_t k = 1; k <= 200; k += step) {
        struct tsgd_mixing s = named(name, k);
        struct tsgd_spectrum spectrum;
        double *p = period_product(&s, k), worst = 0;
        for (uint32_t i = 0; i < k * k; i++)
            worst = fmax(worst, fabs(p[i] - 1.0 / k));
        cr_expect(worst < 1e-6, "%s k=%u is off by %g", name, k, worst);
        cr_expect(s.period <= 2 * log(k) / log((double)*most + 1) + 2, "%s k=%u: %u rounds", name,
                  k, s.period);
        cr_assert(tsgd_spectrum(&spectrum, &s, NULL) == TSGD_OK);
        cr_expect(spectrum.degree <= *most, "%s k=%u: %u neighbours", name, k, spectrum.degree);
        cr_expect(spectrum.exact_after > 0 && spectrum.gap_period > 1 - 1e-6, "%s k=%u", name, k);
        free(p);
        tsgd_mixing_release(&s);
    }
}

Test(topology, base_with_as_many_neighbours_as_there_are_is_the_complete_graph)
{
    struct tsgd_mixing s = named("base:99", 7);
    cr_expect(s.period == 1 && fabs(weight(&s, 0, 2, 5) - 1.0 / 7) < 1e-7);
    tsgd_mixing_release(&s);
}

/* ---- drawn graphs ---- */

Test(topology, regular_gives_everybody_the_same_number_of_neighbours, .timeout = 60)
{
    for (uint32_t k = 3; k <= 14; k++)
        for (uint32_t d = 2; d < k; d++)
            for (uint64_t seed = 0; k * d % 2 == 0 && seed < 3; seed++) {
                char name[16];
                struct tsgd_mixing s = TSGD_MIXING_INIT;
                snprintf(name, sizeof name, "regular:%u", d);
                cr_assert(tsgd_topology_build(&s, name, k, seed, NULL) == TSGD_OK, "%s k=%u", name,
                          k);
                for (uint32_t a = 0; a < k; a++)
                    cr_expect(s.w->ptr[a + 1] - s.w->ptr[a] == d + 1, "%s k=%u: %u", name, k, a);
                tsgd_mixing_release(&s);
            }
}

/* Few graphs have nearly all links, and drawing link after link ends at one that fits nowhere. */
Test(topology, regular_can_be_nearly_complete, .timeout = 60)
{
    for (uint32_t d = 90; d < 100; d++) {
        char name[16];
        snprintf(name, sizeof name, "regular:%u", d);
        struct tsgd_mixing s = named(name, 100);
        cr_expect(tsgd_csr_off_diagonal(s.w) == 100 * d, "%s", name);
        tsgd_mixing_release(&s);
    }
}

/* How often each pair of five tokens is linked over many seeds: all alike. */
static void expect_fair(const char *name)
{
    enum { SEEDS = 3000 };
    uint32_t count[10] = {0}, all = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct tsgd_mixing s = TSGD_MIXING_INIT;
        cr_assert(tsgd_topology_build(&s, name, 5, seed, NULL) == TSGD_OK);
        for (uint32_t a = 1, pair = 0; a < 5; a++)
            for (uint32_t b = 0; b < a; b++, pair++) {
                bool linked = weight(&s, 0, a, b) > 0;
                count[pair] += linked;
                all += linked;
            }
        tsgd_mixing_release(&s);
    }
    double share = all / (10.0 * SEEDS), sigma = sqrt(SEEDS * share * (1 - share));
    for (uint32_t pair = 0; pair < 10; pair++)
        cr_expect(fabs(count[pair] - share * SEEDS) < 5 * sigma, "%s, pair %u: %u of %g", name,
                  pair, count[pair], share * SEEDS);
}

Test(topology, regular_prefers_no_pair, .timeout = 60) { expect_fair("regular:2"); }

Test(topology, er_prefers_no_pair, .timeout = 60) { expect_fair("er:0.5"); }

Test(topology, er_links_pairs_with_its_probability)
{
    double links = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct tsgd_mixing s = TSGD_MIXING_INIT;
        cr_assert(tsgd_topology_build(&s, "er:0.2", 200, seed, NULL) == TSGD_OK);
        links += (double)tsgd_csr_off_diagonal(s.w) / 2;
        tsgd_mixing_release(&s);
    }
    double pairs = 20 * 200 * 199 / 2.0;
    cr_expect(fabs(links - 0.2 * pairs) < 5 * sqrt(pairs * 0.2 * 0.8), "%g of %g", links, pairs);
}

Test(topology, er_1_links_everybody)
{
    struct tsgd_mixing s = named("er:1", 6);
    for (uint32_t a = 0; a < 6; a++)
        for (uint32_t b = 0; b < 6; b++)
            cr_expect(fabs(weight(&s, 0, a, b) - 1.0 / 6) < 1e-7);
    tsgd_mixing_release(&s);
}

/* ---- files ---- */

/* Builds the graph of a file with this text. */
static enum tsgd_status from_file(struct tsgd_mixing *out, const char *text, size_t bytes,
                                  uint32_t k, bool parts, struct tsgd_error *err)
{
    char path[] = "/tmp/telesgd-graph-XXXXXX", name[64];
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, text, bytes) == (ssize_t)bytes && close(fd) == 0);
    snprintf(name, sizeof name, "file:%s", path);
    *out = (struct tsgd_mixing)TSGD_MIXING_INIT;
    enum tsgd_status st = (parts ? tsgd_topology_build_parts : tsgd_topology_build)(out, name, k, 0,
                                                                                    err);
    unlink(path);
    return st;
}

Test(topology, links_of_a_file_have_metropolis_hastings_weights)
{
    static const char text[] = "# a line of four\n\n0 1\n 2\t1  # the middle\r\n3 2";
    struct tsgd_mixing s, line = named("line", 4);
    struct tsgd_error err;
    cr_assert(from_file(&s, text, strlen(text), 4, false, &err) == TSGD_OK, "%s", err.text);
    for (uint32_t a = 0; a < 4; a++)
        for (uint32_t b = 0; b < 4; b++)
            cr_expect(weight(&s, 0, a, b) == weight(&line, 0, a, b), "%u %u", a, b);
    tsgd_mixing_release(&s);
    tsgd_mixing_release(&line);
}

/* Every topology with one round, written with its weights and read again. */
ParameterizedTestParameters(topology, weights_of_a_file_are_taken_as_they_stand) { return pairs(); }
ParameterizedTest(size_t *pair, topology, weights_of_a_file_are_taken_as_they_stand, .timeout = 60)
{
    struct tsgd_mixing s, t;
    struct tsgd_error err;
    char *text;
    size_t bytes;
    if (!build(*pair, &s) || s.period > 1) {
        tsgd_mixing_release(&s);
        return;
    }
    FILE *f = open_memstream(&text, &bytes);
    for (uint32_t a = tokens(*pair); a-- > 0;)
        for (uint32_t i = s.w->ptr[a]; i < s.w->ptr[a + 1]; i++)
            fprintf(f, "%u %u %.9g\n", a, s.w->col[i], (double)s.w->val[i]);
    fclose(f);
    cr_assert(from_file(&t, text, bytes, tokens(*pair), true, &err) == TSGD_OK, "%s", err.text);
    for (uint32_t a = 0; a < tokens(*pair); a++)
        for (uint32_t b = 0; b < tokens(*pair); b++)
            cr_expect(weight(&s, 0, a, b) == weight(&t, 0, a, b), "%s: %u %u", row(*pair)->name, a,
                      b);
    free(text);
    tsgd_mixing_release(&s);
    tsgd_mixing_release(&t);
}

Test(topology, a_disconnected_file_is_refused_unless_allowed)
{
    static const char *const texts[] = {
        "0 1\n2 3\n", "", "0 1 1\n1 0 1\n2 3 1\n3 2 1\n",
        "0 0 1\n1 1 1\n2 2 1\n3 3 1\n0 1 0\n0 2 0\n0 3 0\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct tsgd_mixing s;
        struct tsgd_error err;
        cr_assert(from_file(&s, texts[i], strlen(texts[i]), 4, false, &err) == TSGD_EINVAL, "%zu",
                  i);
        cr_expect(strstr(err.text, "never hears of token 0") &&
                  strstr(err.text, "--allow-disconnected"), "%s", err.text);
        cr_assert(from_file(&s, texts[i], strlen(texts[i]), 4, true, &err) == TSGD_OK, "%zu", i);
        tsgd_mixing_release(&s);
    }
}

Test(topology, a_directed_cycle_in_a_file_is_connected)
{
    static const char text[] = "0 0 .5\n0 2 .5\n1 1 .5\n1 0 .5\n2 2 .5\n2 1 .5\n";
    struct tsgd_mixing s;
    struct tsgd_error err;
    cr_assert(from_file(&s, text, strlen(text), 3, false, &err) == TSGD_OK, "%s", err.text);
    cr_expect(weight(&s, 0, 0, 2) == 0.5 && weight(&s, 0, 2, 0) == 0);
    tsgd_mixing_release(&s);
}

static const struct { const char *text, *sentence; enum tsgd_status st; } bad_files[] = {
    {"0 1\n1 3\n", ":2: '3' is not a token, want 0 to 2", TSGD_EFORMAT},
    {"0 1\n-1 2\n", ":2: '-1' is not a token", TSGD_EFORMAT},
    {"0 one\n", ":1: 'one' is not a token", TSGD_EFORMAT},
    {"0 99999999999999999999\n", ":1: '99999999999999999999' is not a token", TSGD_EFORMAT},
    {"0 1 0.5x\n", ":1: '0.5x' is not a weight, want a number from 0 up", TSGD_EFORMAT},
    {"0 1 nan\n", ":1: 'nan' is not a weight", TSGD_EFORMAT},
    {"0 1 -0.5\n", ":1: '-0.5' is not a weight", TSGD_EFORMAT},
    {"0\n", ":1: found 1 words, want 'a b' or 'a b weight'", TSGD_EFORMAT},
    {"0 1 .5 .5\n", ":1: found 4 words", TSGD_EFORMAT},
    {"0 1\n# more\n1 2 0.5\n", ":3: a line with a weight after lines without", TSGD_EFORMAT},
    {"0 1 1\n1 2\n", ":2: a line without a weight after lines with", TSGD_EFORMAT},
    {"0 1\n1 2\n1 0\n", ":3: 0 1 stands in line 1 already", TSGD_EFORMAT},
    {"0 1 .5\n1 0 .5\n0 1 .5\n", ":3: 0 1 stands in line 1 already", TSGD_EFORMAT},
    {"0 1\n1 1\n", ":2: a link from 1 to itself", TSGD_EFORMAT},
    {"0 1 1\n1 2 1\n2 0 .5\n", "row 2 of round 0 sums to 0.5, want 1", TSGD_EINVAL},
    {"0 1 1\n1 2 1\n2 1 1\n", "column 0 of round 0 sums to 0, want 1", TSGD_EINVAL},
};

ParameterizedTestParameters(topology, a_bad_file_is_refused_by_line)
{
    size_t n = sizeof bad_files / sizeof *bad_files, *i = cr_malloc(n * sizeof *i);
    for (size_t j = 0; j < n; j++)
        i[j] = j;
    return cr_make_param_array(size_t, i, n, free_row);
}
ParameterizedTest(size_t *i, topology, a_bad_file_is_refused_by_line)
{
    struct tsgd_mixing s;
    struct tsgd_error err;
    const char *text = bad_files[*i].text;
    cr_assert(from_file(&s, text, strlen(text), 3, false, &err) == bad_files[*i].st, "%s", text);
    cr_expect(strstr(err.text, bad_files[*i].sentence) && strstr(err.text, "/tmp/telesgd-graph-"),
              "wants '%s', says: %s", bad_files[*i].sentence, err.text);
}

Test(topology, a_zero_byte_in_a_file_is_refused)
{
    struct tsgd_mixing s;
    struct tsgd_error err;
    cr_assert(from_file(&s, "0 1\n1 \0 2\n", 10, 3, false, &err) == TSGD_EFORMAT);
    cr_expect(strstr(err.text, ":2: a zero byte"), "%s", err.text);
}

Test(topology, a_file_that_cannot_be_read_is_an_input_error)
{
    static const char *const names[] = {"file:/nowhere/graph", "file:/tmp"};
    for (size_t i = 0; i < 2; i++) {
        struct tsgd_mixing s;
        struct tsgd_error err;
        cr_assert(tsgd_topology_build(&s, names[i], 3, 0, &err) == TSGD_EIO);
        cr_expect(strstr(err.text, "cannot read") && strstr(err.text, names[i] + 5), "%s",
                  err.text);
    }
}

/* ---- what is refused ---- */

static const struct { const char *name; uint32_t k; const char *sentence; } refused[] = {
    {"torus:5x5", 24, "torus:5x5: found 24 tokens, want 5 times 5"},
    {"torus:5", 5, "torus:5: want ROWSxCOLUMNS"},
    {"torus:x5", 5, "want ROWSxCOLUMNS"},
    {"torus:5x", 5, "want ROWSxCOLUMNS"},
    {"torus:0x5", 5, "want ROWSxCOLUMNS"},
    {"torus:1x5x1", 5, "want ROWSxCOLUMNS"},
    {"torus:4294967296x4294967296", 5, "found 5 tokens"},
    {"hypercube", 12, "hypercube: found 12 tokens, want a power of two: 8 or 16"},
    {"hypercube:3", 8, "takes no argument"},
    {"star:3", 8, "takes no argument"},
    {"base", 8, "as in base:1"},
    {"base:0", 8, "base:0: want the neighbours a round at most, from 1 up"},
    {"base:-1", 8, "base:-1: want"},
    {"base:2.5", 8, "base:2.5: want"},
    {"regular", 8, "as in regular:4"},
    {"regular:x", 8, "as in regular:4"},
    {"regular:8", 8, "regular:8: 8 tokens can have 1 to 7 neighbours each"},
    {"regular:0", 8, "regular:0: 8 tokens can have 1 to 7"},
    {"regular:3", 7, "regular:3: found 7 tokens, want an even number"},
    {"regular:1", 8, "none of 100 graphs drawn for 8 tokens was connected"},
    {"er", 8, "as in er:0.3"},
    {"er:0", 8, "er:0: want a probability above 0, at most 1"},
    {"er:1.5", 8, "er:1.5: want"},
    {"er:nan", 8, "er:nan: want"},
    {"er:0.001", 50, "none of 100 graphs drawn for 50 tokens was connected"},
    {"er:1e-300", 50, "none of 100 graphs"},
    {"file", 8, "as in file:graph.txt"},
    {"file:", 8, "as in file:graph.txt"},
};

Test(topology, what_cannot_be_is_refused_with_a_sentence)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct tsgd_mixing s = TSGD_MIXING_INIT;
        struct tsgd_error err = {TSGD_OK, ""};
        cr_expect(tsgd_topology_build(&s, refused[i].name, refused[i].k, 0, &err) == TSGD_EINVAL,
                  "%s k=%u", refused[i].name, refused[i].k);
        cr_expect(strstr(err.text, refused[i].sentence), "wants '%s', says: %s",
                  refused[i].sentence, err.text);
    }
}

Test(topology, an_unknown_name_suggests_the_nearest)
{
    struct tsgd_mixing s = TSGD_MIXING_INIT;
    struct tsgd_error err;
    cr_assert(tsgd_topology_build(&s, "rign", 4, 0, &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "did you mean 'ring'"), "%s", err.text);
    cr_assert(tsgd_topology_build(&s, "ring:3", 4, 0, &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, ":3"), "%s", err.text);
}

Test(topology, a_matrix_that_is_not_doubly_stochastic_is_refused_with_its_row_or_column)
{
    struct tsgd_entry rows[] = {{0, 0, 0.5f}, {0, 1, 0.4f}, {1, 0, 0.5f}, {1, 1, 0.5f}};
    struct tsgd_entry columns[] = {{0, 0, 0.5f}, {0, 1, 0.5f}, {1, 0, 0.75f}, {1, 1, 0.25f}};
    struct tsgd_entry negative[] = {{0, 0, 1.5f}, {0, 1, -0.5f}, {1, 0, -0.5f}, {1, 1, 1.5f}};
    struct { struct tsgd_entry *e; const char *want; } cases[] = {
        {rows, "row 0"}, {columns, "column 0"}, {negative, "-0.5"}};
    for (size_t i = 0; i < 3; i++) {
        struct tsgd_csr w = TSGD_CSR_INIT;
        struct tsgd_mixing s = {.period = 1, .w = &w};
        struct tsgd_error err;
        cr_assert(tsgd_csr_build(&w, 2, cases[i].e, 4, NULL) == TSGD_OK);
        cr_assert(tsgd_topology_check(&s, "test", &err) == TSGD_EINVAL);
        cr_expect(strstr(err.text, cases[i].want), "%s", err.text);
        tsgd_csr_release(&w);
    }
}

Test(topology, links_given_twice_or_to_oneself_count_once_or_not_at_all)
{
    struct tsgd_edges e = TSGD_EDGES_INIT(3);
    struct tsgd_csr w = TSGD_CSR_INIT;
    tsgd_edges_link(&e, 0, 0, 1);
    tsgd_edges_link(&e, 0, 1, 0);
    tsgd_edges_link(&e, 0, 2, 2);
    cr_assert(tsgd_edges_finish(&e, &w, NULL) == TSGD_OK);
    struct tsgd_mixing s = {.period = 1, .w = &w};
    cr_expect(weight(&s, 0, 0, 1) == 0.5 && weight(&s, 0, 0, 0) == 0.5);
    cr_expect(weight(&s, 0, 2, 2) == 1);
    tsgd_csr_release(&w);
    tsgd_edges_release(&e);
}

Test(topology, the_bytes_of_mixing_matrices_are_those_of_their_arrays)
{
    struct tsgd_mixing s;
    cr_assert(tsgd_topology_build(&s, "complete", 10, 0, NULL) == TSGD_OK);
    cr_expect(tsgd_mixing_bytes(&s) == 2 * 4 * 11 + 100 * (4 + 4 + 4));
    tsgd_mixing_release(&s);
    cr_assert(tsgd_topology_build(&s, "onepeer-exp", 8, 0, NULL) == TSGD_OK);
    cr_expect(tsgd_mixing_bytes(&s) == 3 * (2 * 4 * 9 + 16 * (4 + 4 + 4)), "%zu",
              tsgd_mixing_bytes(&s));
    tsgd_mixing_release(&s);
}

Test(topology, a_graph_that_cannot_fit_is_refused_before_memory_is_taken)
{
    struct tsgd_mixing s = TSGD_MIXING_INIT;
    struct tsgd_error err;
    struct tsgd_csr w = TSGD_CSR_INIT;
    struct tsgd_edges e = TSGD_EDGES_INIT(4);
    cr_expect(tsgd_topology_build(&s, "complete", 4000000, 0, &err) == TSGD_ENOMEM);
    cr_expect(strstr(err.text, "GiB are available") != NULL, "%s", err.text);
    e.count = (size_t)1 << 45;          /* none is there: the check must come first */
    cr_expect(tsgd_edges_finish(&e, &w, &err) == TSGD_ENOMEM);
    cr_expect(strstr(err.text, "GiB are available") != NULL, "%s", err.text);
}

/* Built alone, so that it can be seen how many edges it came to. */
static enum tsgd_status build_edges(const char *spec, struct tsgd_edges *e, struct tsgd_error *err)
{
    struct tsgd_spec s;
    cr_assert(tsgd_spec_parse(&s, spec, "--topology", err) == TSGD_OK);
    for (size_t i = 0; i < tsgd_n_topologies; i++)
        if (!strcmp(tsgd_topologies[i]->name, s.name))
            return tsgd_topologies[i]->build(e, s.arg, 1, err);
    cr_assert_fail("no topology %s", spec);
    return TSGD_OK;
}

/* The least of them, a star, would take 170 GB; where that is free, nothing is refused. */
Test(topology, no_edge_is_computed_of_a_graph_that_cannot_fit, .timeout = 10)
{
    static const char *const graphs[] = {"ring", "line", "star", "torus", "hypercube", "exp",
                                         "onepeer-exp", "base:1", "regular:4",
                                         "er:0.000001"};
    if (tsgd_mem_available() > (size_t)160 << 30)
        cr_skip_test("more than 160 GiB are free");
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++) {
        struct tsgd_error err = {.text = ""};
        struct tsgd_edges e = TSGD_EDGES_INIT(1u << 31);
        cr_expect(build_edges(graphs[i], &e, &err) == TSGD_ENOMEM, "%s: %s", graphs[i], err.text);
        cr_expect(strstr(err.text, "GiB are available") != NULL, "%s: %s", graphs[i], err.text);
        cr_expect(e.count == 0, "%s: %zu edges", graphs[i], e.count);
        tsgd_edges_release(&e);
    }
}

/* Room for more than there are would refuse graphs that fit, room for less would come too late. */
Test(topology, the_room_for_edges_is_as_many_as_there_are)
{
    static const struct { const char *graph; size_t edges; } of_16[] = {
        {"ring", 3 * 16}, {"line", 15}, {"star", 15}, {"torus", 2 * 16}, {"hypercube", 4 * 16},
        {"exp", 5 * 16}, {"onepeer-exp", 2 * 4 * 16}, {"regular:4", 2 * 16},
        {"regular:13", 13 * 8},
    };
    for (size_t i = 0; i < sizeof of_16 / sizeof *of_16; i++) {
        struct tsgd_edges e = TSGD_EDGES_INIT(16);
        cr_assert(build_edges(of_16[i].graph, &e, NULL) == TSGD_OK);
        cr_expect(e.count == of_16[i].edges && e.room == of_16[i].edges,
                  "%s: room for %zu, %zu edges, want %zu", of_16[i].graph, e.room, e.count,
                  of_16[i].edges);
        tsgd_edges_release(&e);
    }
    for (uint32_t k = 1; k < 200; k++) {
        struct tsgd_edges e = TSGD_EDGES_INIT(k);
        cr_assert(build_edges("base:1", &e, NULL) == TSGD_OK);
        cr_expect(e.count <= e.room && e.room % (3 * k) == 0 && e.room / 3 / k <= 2 * e.period,
                  "base:1 of %u: room for %zu, %zu edges in %u rounds, want at most 3 each", k,
                  e.room, e.count, e.period);
        tsgd_edges_release(&e);
    }
}

/* Memory ends after 1024 edges, as it may while a file is read or a graph is drawn. */
Test(topology, where_memory_ends_no_more_edges_are_added_and_the_end_says_so)
{
    struct tsgd_edges e = TSGD_EDGES_INIT(5000);
    struct tsgd_csr w = TSGD_CSR_INIT;
    struct tsgd_error err = {.text = ""};
    for (uint32_t a = 0; a < 1024; a++)
        tsgd_edges_link(&e, 0, a, a + 1);
    e.no_memory = true;
    tsgd_edges_link(&e, 0, 1024, 1025);
    cr_expect(e.count == 1024);
    cr_expect(tsgd_edges_cut_off(&e) == 5000, "what was not read is not told to be missing");
    cr_expect(tsgd_edges_finish(&e, &w, &err) == TSGD_ENOMEM);
    cr_expect(strstr(err.text, "no memory for more than 1024 edges") != NULL, "%s", err.text);
    tsgd_edges_release(&e);
}
