#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <Random123/philox.h>

#include "base/rng.h"

#ifdef __SANITIZE_ADDRESS__
enum { DRAWS = 100000 };
#else
enum { DRAWS = 1000000 };
#endif

static void free_rows(struct criterion_test_params *p) { cr_free(p->params); }

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, free_rows);
}

/* How many standard deviations chi-square lies from its mean, when `cells` are equally likely. */
static double deviation(const uint32_t *count, size_t cells, double draws)
{
    double expected = draws / (double)cells, x = 0, freedom = (double)cells - 1;
    for (size_t i = 0; i < cells; i++)
        x += (count[i] - expected) * (count[i] - expected) / expected;
    return (x - freedom) / sqrt(2 * freedom);
}

/* Random123's kat_vectors, philox4x32 with 10 rounds. */
static const struct { uint32_t counter[4], key[2], want[4]; } vectors[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

ParameterizedTestParameters(rng, words_are_the_published_vectors)
{
    return rows(sizeof vectors / sizeof *vectors);
}
ParameterizedTest(size_t *row, rng, words_are_the_published_vectors, .timeout = 60)
{
    struct tsgd_rng r = {.used = 4};
    memcpy(r.counter, vectors[*row].counter, sizeof r.counter);
    memcpy(r.key, vectors[*row].key, sizeof r.key);
    for (int i = 0; i < 4; i++)
        cr_expect(tsgd_rng_u32(&r) == vectors[*row].want[i], "vector %zu, word %d", *row, i);
}

Test(rng, a_stream_is_named_by_seed_purpose_a_and_b, .timeout = 60)
{
    static const uint32_t upper[] = {0, 1, 0xfffff};    /* halves of b */
    philox4x32_key_t key = {{0x89abcdef, 0x01234567}};
    for (int h = 0; h < 3; h++) {
        struct tsgd_rng r = tsgd_rng(0x0123456789abcdef, TSGD_RNG_TEST, 5,
                                     (uint64_t)upper[h] << 32 | 6);
        for (uint32_t block = 0; block < 3; block++) {
            philox4x32_ctr_t name = {{block, 5, 6, upper[h] * 4096 + TSGD_RNG_TEST}};
            philox4x32_ctr_t c = philox4x32(name, key);
            for (int i = 0; i < 4; i++)
                cr_expect(tsgd_rng_u32(&r) == c.v[i], "block %u, word %d", block, i);
        }
    }
}

Test(rng, a_copy_of_a_stream_goes_on_alike, .timeout = 60)
{
    struct tsgd_rng r = tsgd_rng(1, TSGD_RNG_TEST, 0, 0), copy;
    tsgd_rng_u32(&r);
    copy = r;
    for (int i = 0; i < 10; i++)
        cr_expect(tsgd_rng_u64(&r) == tsgd_rng_u64(&copy));
}

Test(rng, below_a_small_number_is_uniform, .timeout = 60)
{
    struct tsgd_rng r = tsgd_rng(2, TSGD_RNG_TEST, 0, 0);
    uint32_t count[7] = {0};
    for (int i = 0; i < DRAWS; i++)
        count[tsgd_rng_below(&r, 7)]++;
    cr_expect(fabs(deviation(count, 7, DRAWS)) < 5);
}

/* Without the rejection, every third number would come up twice as often. */
Test(rng, below_three_quarters_of_the_range_is_uniform, .timeout = 60)
{
    struct tsgd_rng r = tsgd_rng(3, TSGD_RNG_TEST, 0, 0);
    uint32_t count[3] = {0};
    for (int i = 0; i < DRAWS; i++)
        count[tsgd_rng_below(&r, 3u << 30) % 3]++;
    cr_expect(fabs(deviation(count, 3, DRAWS)) < 5, "%u %u %u", count[0], count[1], count[2]);
}

Test(rng, below_one_is_zero, .timeout = 60)
{
    struct tsgd_rng r = tsgd_rng(3, TSGD_RNG_TEST, 0, 0);
    for (int i = 0; i < 100; i++)
        cr_expect(tsgd_rng_below(&r, 1) == 0);
}

Test(rng, unit_is_uniform_over_a_hundred_cells, .timeout = 60)
{
    struct tsgd_rng r = tsgd_rng(4, TSGD_RNG_TEST, 0, 0);
    uint32_t count[100] = {0};
    for (int i = 0; i < DRAWS; i++) {
        double u = tsgd_rng_unit(&r);
        cr_assert(u >= 0 && u < 1, "%g", u);
        count[(int)(u * 100)]++;
    }
    cr_expect(fabs(deviation(count, 100, DRAWS)) < 5);
}

/* E[x^(2k)] of a standard normal is (2k-1)!!; a mean over n draws is off by sqrt(Var[x^k] / n). */
Test(rng, normal_has_the_moments_of_a_normal, .timeout = 60)
{
    const double want[] = {1, 0, 1, 0, 3}, variance[] = {0, 1, 2, 15, 96};
    double sum[5] = {0};
    struct tsgd_rng r = tsgd_rng(5, TSGD_RNG_TEST, 0, 0);
    for (int i = 0; i < DRAWS; i++) {
        double x = tsgd_rng_normal(&r), power = 1;
        for (int k = 0; k <= 4; k++, power *= x)
            sum[k] += power;
    }
    for (int k = 1; k <= 4; k++)
        cr_expect(fabs(sum[k] / DRAWS - want[k]) < 5 * sqrt(variance[k] / DRAWS), "moment %d: %g",
                  k, sum[k] / DRAWS);
}

/* The mean of log G is digamma(shape), its variance trigamma(shape); both have closed forms at
 * whole numbers. The fourth central moments (for the tolerance) are polygamma_3 + 3 variance^2.  */
static const struct { double shape, mean, variance, fourth; } gammas[] = {
    {0.1, -10.423754940411077, 101.43329915079276, 60006.0 + 3 * 101.433 * 101.433},
    {1, -0.5772156649015329, 1.6449340668482264, 6.4939 + 3 * 1.64493 * 1.64493},
    {5, -0.5772156649015329 + 25.0 / 12, 1.6449340668482264 - 205.0 / 144,
     0.0230 + 3 * 0.22132 * 0.22132},
};

ParameterizedTestParameters(rng, log_gamma_has_the_mean_and_variance_of_its_law)
{
    return rows(sizeof gammas / sizeof *gammas);
}
ParameterizedTest(size_t *row, rng, log_gamma_has_the_mean_and_variance_of_its_law, .timeout = 60)
{
    double sum = 0, squares = 0, variance = gammas[*row].variance;
    struct tsgd_rng r = tsgd_rng(6, TSGD_RNG_TEST, (uint32_t)*row, 0);
    for (int i = 0; i < DRAWS; i++) {
        double d = tsgd_rng_log_gamma(&r, gammas[*row].shape) - gammas[*row].mean;
        sum += d;
        squares += d * d;
    }
    cr_expect(fabs(sum / DRAWS) < 5 * sqrt(variance / DRAWS), "shape %g: mean is off by %g",
              gammas[*row].shape, sum / DRAWS);
    cr_expect(fabs(squares / DRAWS - variance) <
              5 * sqrt((gammas[*row].fourth - variance * variance) / DRAWS),
              "shape %g: variance %g, want %g", gammas[*row].shape, squares / DRAWS, variance);
}

Test(rng, log_gamma_of_a_tiny_shape_is_finite, .timeout = 60)
{
    struct tsgd_rng r = tsgd_rng(7, TSGD_RNG_TEST, 0, 0);
    for (int i = 0; i < 1000; i++)
        cr_expect(isfinite(tsgd_rng_log_gamma(&r, 1e-300)));
}

Test(rng, shuffle_gives_every_order_equally_often, .timeout = 60)
{
    uint32_t count[256] = {0}, seen[24], n = 0;
    for (uint32_t i = 0; i < DRAWS / 10; i++) {
        struct tsgd_rng r = tsgd_rng(8, TSGD_RNG_TEST, i, 0);
        uint32_t item[4] = {0, 1, 2, 3};
        tsgd_rng_shuffle(&r, item, 4);
        count[item[0] | item[1] << 2 | item[2] << 4 | item[3] << 6]++;
    }
    for (uint32_t i = 0; i < 256; i++)
        if (count[i] && n < 24)
            seen[n++] = count[i];
    cr_assert(n == 24);
    cr_expect(fabs(deviation(seen, 24, DRAWS / 10)) < 5);
}

/* Every choice of 2 out of 5 comes up equally often: ten of them, within six deviations. */
Test(rng, marks_are_any_choice_alike)
{
    enum { N = 5, TAKE = 2, TIMES = 60000, CHOICES = 10 };
    struct tsgd_rng r = tsgd_rng(21, TSGD_RNG_TEST, 0, 0);
    uint32_t count[1 << N] = {0}, seen = 0;
    for (int d = 0; d < TIMES; d++) {
        bool taken[N] = {false};
        uint32_t choice = 0, marked = 0;
        tsgd_rng_mark(&r, taken, N, TAKE);
        for (uint32_t i = 0; i < N; i++) {
            choice |= (uint32_t)taken[i] << i;
            marked += taken[i];
        }
        cr_assert(marked == TAKE);
        count[choice]++;
    }
    double mean = (double)TIMES / CHOICES, deviation = sqrt(mean * (1 - 1.0 / CHOICES));
    for (uint32_t c = 0; c < 1 << N; c++) {
        seen += count[c] > 0;
        cr_expect(count[c] == 0 || fabs(count[c] - mean) < 6 * deviation, "%u: %u", c, count[c]);
    }
    cr_expect(seen == CHOICES);
}
