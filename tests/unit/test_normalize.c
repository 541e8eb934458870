/* Means and deviations: from texts, from data, and back. */
#include "data/normalize.h"

#include "base/rng.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(normalize, .timeout = 60);

enum { COUNT = 41, CHANNELS = 3, PLANE = 5 * 7 };

static struct tsgd_dataset images(void)
{
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_rng r = tsgd_rng(4, TSGD_RNG_TEST, 0, 0);
    d.shape = (struct tsgd_shape){CHANNELS, 5, 7};
    for (int b = 0; b < 256; b++)
        d.value[b] = (float)b / 255;
    cr_assert(tsgd_samples_alloc(&d.train, COUNT, CHANNELS * PLANE, "test", NULL) == TSGD_OK);
    for (uint32_t i = 0; i < COUNT * CHANNELS * PLANE; i++)
        d.train.bytes[i] = (uint8_t)tsgd_rng_below(&r, 60 * (1 + i / PLANE % CHANNELS));
    return d;
}

Test(normalize, means_and_deviations_are_those_of_each_channel)
{
    struct tsgd_dataset d = images();
    struct tsgd_norm norm;
    cr_assert(tsgd_norm_measure(&norm, &d, NULL) == TSGD_OK && norm.parts == CHANNELS);
    for (uint32_t c = 0; c < CHANNELS; c++) {
        double sum = 0, square = 0, n = COUNT * PLANE;
        for (uint32_t i = 0; i < COUNT; i++)
            for (uint32_t p = 0; p < PLANE; p++) {
                double v = d.train.bytes[(i * CHANNELS + c) * PLANE + p] / 255.0;
                sum += v;
                square += v * v;
            }
        double mean = sum / n, deviation = sqrt(square / n - mean * mean);
        cr_expect(fabs((double)norm.mean[c] - mean) < 1e-6, "channel %u", c);
        cr_expect(fabs((double)norm.deviation[c] - deviation) < 1e-6, "channel %u", c);
    }
    tsgd_norm_release(&norm);
    tsgd_dataset_release(&d);
}

Test(normalize, the_order_of_the_samples_does_not_matter)
{
    struct tsgd_dataset d = images();
    struct tsgd_norm a = {0}, b = {0};
    uint8_t first[CHANNELS * PLANE], *last = d.train.bytes + (COUNT - 1) * sizeof first;
    cr_assert(tsgd_norm_measure(&a, &d, NULL) == TSGD_OK);
    memcpy(first, d.train.bytes, sizeof first);
    memcpy(d.train.bytes, last, sizeof first);
    memcpy(last, first, sizeof first);
    cr_assert(tsgd_norm_measure(&b, &d, NULL) == TSGD_OK);
    cr_expect(tsgd_norm_equal(&a, &b));
    tsgd_norm_release(&a), tsgd_norm_release(&b);
    tsgd_dataset_release(&d);
}

Test(normalize, a_channel_that_never_changes_is_refused)
{
    struct tsgd_dataset d = images();
    struct tsgd_norm norm = {.parts = 77};
    struct tsgd_error err;
    for (uint32_t i = 0; i < COUNT; i++)
        memset(d.train.bytes + (i * CHANNELS + 1) * PLANE, 51, PLANE);
    cr_expect(tsgd_norm_measure(&norm, &d, &err) == TSGD_EINVAL && norm.parts == 77);
    cr_expect(strstr(err.text, "--normalize: channel 1 is 0.2 in all"), "%s", err.text);
    tsgd_dataset_release(&d);
}

Test(normalize, a_text_gives_the_norm_back_to_the_bit)
{
    enum { MOST = 40 };
    struct tsgd_rng r = tsgd_rng(5, TSGD_RNG_TEST, 0, 0);
    float mean[MOST], deviation[MOST];
    for (uint32_t parts = 0; parts <= MOST; parts++) {
        struct tsgd_norm a = {parts, mean, deviation}, b = {.parts = 99};
        for (uint32_t c = 0; c < parts; c++) {
            mean[c] = (float)((tsgd_rng_unit(&r) - 0.5) * pow(10, tsgd_rng_below(&r, 6)));
            deviation[c] = (float)(tsgd_rng_unit(&r) * pow(10, tsgd_rng_below(&r, 12) - 6.0));
        }
        char *text = tsgd_norm_text(&a);
        cr_assert(tsgd_norm_parse(&b, text, parts, "x", NULL) == TSGD_OK, "%s", text);
        cr_expect(b.parts == parts, "%s", text);
        cr_expect(!parts || (!memcmp(mean, b.mean, parts * sizeof *mean) &&
                             !memcmp(deviation, b.deviation, parts * sizeof *mean)), "%s", text);
        free(text);
        tsgd_norm_release(&b);
    }
}

/* The longest numbers there are: the text has room for them. */
Test(normalize, the_longest_text_fits)
{
    enum { PARTS = 16 };
    float mean[PARTS], deviation[PARTS];
    struct tsgd_norm a = {PARTS, mean, deviation}, b;
    for (uint32_t c = 0; c < PARTS; c++) {
        mean[c] = -1.23456788e-30f;
        deviation[c] = 1.23456788e-09f;
    }
    char *text = tsgd_norm_text(&a);
    cr_expect(strlen(text) == PARTS * (15 + 1 + 14 + 1) - 1, "%zu", strlen(text));
    cr_assert(tsgd_norm_parse(&b, text, PARTS, "x", NULL) == TSGD_OK);
    cr_expect(tsgd_norm_equal(&a, &b));
    free(text);
    tsgd_norm_release(&b);
}

/* Columns of a table have units of their own, and one that never changes is left where it is. */
Test(normalize, a_table_is_normalised_by_its_columns)
{
    enum { ROWS = 5, COLUMNS = 3 };
    float x[ROWS][COLUMNS] = {{1, 1e5f, 7}, {2, 1e5f + 1, 7}, {3, 1e5f, 7}, {4, 1e5f + 1, 7},
                              {5, 1e5f, 7}};
    struct tsgd_dataset d = {.shape = {1, 1, COLUMNS}, .format = TSGD_FORMAT_FLOATS, .table = true,
                             .train = {.count = ROWS, .floats = x[0]}};
    struct tsgd_norm norm;
    cr_assert(tsgd_norm_measure(&norm, &d, NULL) == TSGD_OK && norm.parts == COLUMNS);
    cr_expect(norm.mean[0] == 3 && norm.deviation[0] == (float)sqrt(2));
    cr_expect(norm.mean[1] == (float)(1e5 + 0.4) && norm.deviation[1] == (float)sqrt(0.24));
    cr_expect(norm.mean[2] == 7 && norm.deviation[2] == 1);
    tsgd_norm_release(&norm);
    d.format = TSGD_FORMAT_SPARSE;
    cr_expect(tsgd_norm_measure(&norm, &d, NULL) == TSGD_EINVAL);
}

static const struct { uint32_t channels; const char *text; } wrong[] = {
    {1, ""}, {1, "0.5"}, {1, ":"}, {1, "0.5:"}, {1, ":0.2"}, {1, "0.5:0"}, {1, "0.5:-1"},
    {1, "0.5:0.2:0.1"}, {1, "0.5,0.5:0.2,0.2"}, {1, "0.5:0.2,"}, {1, "0.5:0.2 "}, {1, "a:b"},
    {1, "nan:1"}, {1, "0:inf"}, {1, "1e16:1"}, {1, "-1e16:1"}, {1, "0:1e-10"}, {1, "data"},
    {3, "0.5:0.2"}, {3, "0.5,0.5:0.2,0.2,0.2"}, {3, "0.5,0.5,0.5:0.2,0.2"},
    {3, "0.5,0.5,0.5:0.2:0.2:0.2"}, {3, "0.5,0.5:0.5:0.2,0.2,0.2"}, {2, "0.5,,0.5:0.2,0.2"},
    {1, "0.000000000000000000000000000000000000000000000000000001:1"}, {17, "0.5:0.2"},
    {65537, "0.5:0.2"},
};
ParameterizedTestParameters(normalize, what_is_not_a_norm_is_refused)
{
    const size_t n = sizeof wrong / sizeof *wrong;
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, (void (*)(struct criterion_test_params *))cr_free);
}
ParameterizedTest(size_t *row, normalize, what_is_not_a_norm_is_refused)
{
    struct tsgd_norm norm = {.parts = 77};
    struct tsgd_error err;
    cr_expect(tsgd_norm_parse(&norm, wrong[*row].text, wrong[*row].channels, "x", &err) ==
              TSGD_EINVAL, "'%s'", wrong[*row].text);
    cr_expect(!strncmp(err.text, "x: found ", 9) && norm.parts == 77, "%s", err.text);
}
