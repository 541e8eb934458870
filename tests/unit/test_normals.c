/* Rows of normals against the transform in double of the words that a stream gives one by one, and
 * against the distribution they should have.                                                    */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/isa.h"
#include "linalg/vec.h"

/* What the row should hold: block c of the stream gives normals 64 (c / 16) + c % 16, and 16, 32
 * and 48 after it.                                                                              */
static void exact(uint64_t seed, uint32_t a, uint64_t b, double *out, double *radius, size_t rows)
{
    struct tsgd_rng r = tsgd_rng(seed, TSGD_RNG_TEST, a, b);
    for (size_t c = 0; c < 16 * rows; c++)
        for (size_t half = 0; half < 2; half++) {
            uint32_t w = tsgd_rng_u32(&r), v = tsgd_rng_u32(&r);
            double length = sqrt(-2 * log(((double)(w >> 1) + 0.5) * 0x1p-31));
            double angle = (double)(int32_t)(v << 2) * 0x1p-31 * atan(1);
            double x = length * cos(angle) * (v >> 31 ? -1 : 1), y = length * sin(angle);
            size_t at = 64 * (c / 16) + c % 16 + 32 * half;
            out[at] = v >> 30 & 1 ? y : x;
            out[at + 16] = v >> 30 & 1 ? x : y;
            radius[at] = radius[at + 16] = length;
        }
}

Test(normals, agree_with_the_transform_in_double_of_the_same_words, .timeout = 60)
{
    static float z[64 * 20];
    static double want[64 * 20], radius[64 * 20];
    for (uint32_t i = 0; i < 100; i++) {
        uint64_t seed = 0x123456789abcdefu * (i + 1);
        uint64_t b = (uint64_t)i << 40 | (uint32_t)~i;
        tsgd_rng_normals(tsgd_isa_table(0), seed, TSGD_RNG_TEST, i, b, z, 64 * 20);
        exact(seed, i, b, want, radius, 20);
        for (size_t j = 0; j < 64 * 20; j++)
            cr_assert(fabs((double)z[j] - want[j]) <= fmin(1e-6 + 3e-8 / radius[j], 4e-4),
                      "%zu: %.9g, want %.9g", j, (double)z[j], want[j]);
    }
}

Test(normals, a_shorter_row_is_the_start_of_a_longer_one)
{
    float longest[200], z[200];
    tsgd_rng_normals(tsgd_isa_table(0), 5, TSGD_RNG_TEST, 1, 2, longest, 200);
    for (size_t n = 0; n < 200; n++) {
        z[n] = 77;
        tsgd_rng_normals(tsgd_isa_table(0), 5, TSGD_RNG_TEST, 1, 2, z, n);
        cr_assert(memcmp(z, longest, n * sizeof *z) == 0, "%zu of them", n);
        cr_assert(z[n] == 77.0f, "%zu of them: wrote behind", n);
    }
}

Test(normals, every_part_of_the_name_of_a_stream_matters)
{
    float z[8][64];
    tsgd_rng_normals(tsgd_isa_table(0), 5, TSGD_RNG_TEST, 1, 2, z[0], 64);
    tsgd_rng_normals(tsgd_isa_table(0), 6, TSGD_RNG_TEST, 1, 2, z[1], 64);
    tsgd_rng_normals(tsgd_isa_table(0), 5 + (1ull << 32), TSGD_RNG_TEST, 1, 2, z[2], 64);
    tsgd_rng_normals(tsgd_isa_table(0), 5, TSGD_RNG_NOISE, 1, 2, z[3], 64);
    tsgd_rng_normals(tsgd_isa_table(0), 5, TSGD_RNG_TEST, 2, 2, z[4], 64);
    tsgd_rng_normals(tsgd_isa_table(0), 5, TSGD_RNG_TEST, 1, 1, z[5], 64);
    tsgd_rng_normals(tsgd_isa_table(0), 5, TSGD_RNG_TEST, 1, 2 + (1ull << 32), z[6], 64);
    tsgd_rng_normals(tsgd_isa_table(0), 5, TSGD_RNG_TEST, 1, 2 + (1ull << 51), z[7], 64);
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < i; j++)
            for (int l = 0; l < 64; l++)
                cr_expect(z[i][l] != z[j][l], "streams %d and %d, number %d", i, j, l);
}

/* ---- the distribution; the seeds are fixed, so a test that passes passes always ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { ROWS = 20000 };
#else
enum { ROWS = 200000 };
#endif
enum { WIDTH = 50, DRAWS = ROWS * WIDTH };

/* As a quadratic draws them: short rows of neighbouring streams. */
static float *draws(void)
{
    float *z = malloc((size_t)DRAWS * sizeof *z);
    cr_assert(z != NULL);
    for (uint32_t i = 0; i < ROWS; i++)
        tsgd_rng_normals(tsgd_isa_table(0), 1, TSGD_RNG_TEST, i / 100, i % 100,
                         z + (size_t)i * WIDTH, WIDTH);
    return z;
}

/* The moments of a normal are 0, 1, 0, 3, 0, 15, and those of order p vary as (2p-1)!! -
 * moment^2.                                                                                     */
Test(normals, have_the_moments_of_a_normal, .timeout = 60)
{
    static const double want[] = {0, 1, 0, 3, 0, 15}, variance[] = {1, 2, 15, 96, 945, 10170};
    double sum[6] = {0};
    float *z = draws();
    for (size_t i = 0; i < DRAWS; i++) {
        double power = 1;
        for (int p = 0; p < 6; p++)
            sum[p] += power *= (double)z[i];
    }
    for (int p = 0; p < 6; p++)
        cr_expect(fabs(sum[p] / DRAWS - want[p]) < 4 * sqrt(variance[p] / DRAWS), "moment %d: %g",
                  p + 1, sum[p] / DRAWS);
    free(z);
}

static double below(double x) { return 0.5 * erfc(-x / sqrt(2)); }

Test(normals, fill_equally_likely_bins_equally, .timeout = 60)
{
    enum { BINS = 256 };
    static double count[BINS];
    float *z = draws();
    double chi2 = 0, each = (double)DRAWS / BINS;
    for (size_t i = 0; i < DRAWS; i++)
        count[(int)(below((double)z[i]) * BINS)]++;
    for (int b = 0; b < BINS; b++)
        chi2 += (count[b] - each) * (count[b] - each) / each;
    cr_expect(fabs(chi2 - (BINS - 1)) < 4 * sqrt(2 * (BINS - 1)), "chi2 %g for %d bins", chi2,
              BINS);
    free(z);
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov and Smirnov: the largest difference exceeds 2.2 / sqrt(n) once in ten thousand. */
Test(normals, come_nowhere_far_from_the_distribution_function, .timeout = 120)
{
    float *z = draws();
    double worst = 0;
    qsort(z, DRAWS, sizeof *z, ascending);
    for (size_t i = 0; i < DRAWS; i++) {
        double f = below((double)z[i]);
        worst = fmax(worst, fmax(fabs(f - (double)i / DRAWS), fabs(f - (double)(i + 1) / DRAWS)));
    }
    cr_expect(worst * sqrt(DRAWS) < 2.2, "%g / sqrt(n)", worst * sqrt(DRAWS));
    free(z);
}

Test(normals, have_the_tails_of_a_normal_on_both_sides, .timeout = 60)
{
    float *z = draws();
    for (double at = 2; at <= 5; at += 0.5) {
        double want = DRAWS * below(-at), more = 0, less = 0;
        for (size_t i = 0; i < DRAWS; i++) {
            more += (double)z[i] > at;
            less += (double)z[i] < -at;
        }
        double room = 4 * sqrt(want) + 3;
        cr_expect(fabs(more - want) < room && fabs(less - want) < room,
                  "beyond %g: %g and %g, want %g", at, less, more, want);
    }
    free(z);
}

/* Neighbours in a row, partners of one transform (16 apart), and the same place of the next row:
 * the values and their squares.                                                                 */
Test(normals, are_not_correlated, .timeout = 60)
{
    static const size_t apart[] = {1, 16, 32, WIDTH};
    float *z = draws();
    for (size_t k = 0; k < sizeof apart / sizeof *apart; k++) {
        double values = 0, squares = 0;
        size_t n = DRAWS - apart[k];
        for (size_t i = 0; i < n; i++) {
            double x = (double)z[i], y = (double)z[i + apart[k]];
            values += x * y;
            squares += (x * x - 1) * (y * y - 1);
        }
        cr_expect(fabs(values / sqrt((double)n)) < 4, "values %zu apart: %g", apart[k],
                  values / sqrt((double)n));
        cr_expect(fabs(squares / 2 / sqrt((double)n)) < 4, "squares %zu apart: %g", apart[k],
                  squares / 2 / sqrt((double)n));
    }
    free(z);
}
