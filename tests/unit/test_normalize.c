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
    cr_assert(tsgd_norm_measure(&norm, &d, NULL) == TSGD_OK && norm.channels == CHANNELS);
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
    cr_expect(!memcmp(&a, &b, sizeof a));
    tsgd_dataset_release(&d);
}

Test(normalize, a_channel_that_never_changes_is_refused)
{
    struct tsgd_dataset d = images();
    struct tsgd_norm norm = {.channels = 77};
    struct tsgd_error err;
    for (uint32_t i = 0; i < COUNT; i++)
        memset(d.train.bytes + (i * CHANNELS + 1) * PLANE, 51, PLANE);
    cr_expect(tsgd_norm_measure(&norm, &d, &err) == TSGD_EINVAL && norm.channels == 77);
    cr_expect(strstr(err.text, "--normalize: channel 1 is 0.2 in all"), "%s", err.text);
    tsgd_dataset_release(&d);
}

Test(normalize, a_text_gives_the_norm_back_to_the_bit)
{
    struct tsgd_rng r = tsgd_rng(5, TSGD_RNG_TEST, 0, 0);
    for (uint32_t channels = 0; channels <= TSGD_NORM_CHANNELS; channels++) {
        struct tsgd_norm a = {.channels = channels}, b = {.channels = 99};
        char text[TSGD_NORM_TEXT];
        for (uint32_t c = 0; c < channels; c++) {
            a.mean[c] = (float)((tsgd_rng_unit(&r) - 0.5) * pow(10, tsgd_rng_below(&r, 6)));
            a.deviation[c] = (float)(tsgd_rng_unit(&r) * pow(10, tsgd_rng_below(&r, 12) - 6.0));
        }
        tsgd_norm_text(&a, text);
        cr_assert(tsgd_norm_parse(&b, text, channels, "x", NULL) == TSGD_OK, "%s", text);
        cr_expect(!memcmp(&a, &b, sizeof a), "%s", text);
    }
}

/* The longest numbers there are: the text has room for them. */
Test(normalize, the_longest_text_fits)
{
    struct tsgd_norm a = {.channels = TSGD_NORM_CHANNELS}, b;
    char text[TSGD_NORM_TEXT + 1];
    for (uint32_t c = 0; c < a.channels; c++) {
        a.mean[c] = -1.23456788e-30f;
        a.deviation[c] = 1.23456788e-09f;
    }
    text[TSGD_NORM_TEXT] = '?';
    tsgd_norm_text(&a, text);
    cr_expect(text[TSGD_NORM_TEXT] == '?' && strlen(text) == 16 * (15 + 1 + 14 + 1) - 1, "%zu",
              strlen(text));
    cr_expect(tsgd_norm_parse(&b, text, TSGD_NORM_CHANNELS, "x", NULL) == TSGD_OK);
    cr_expect(!memcmp(&a, &b, sizeof a));
}

static const struct { uint32_t channels; const char *text; } wrong[] = {
    {1, ""}, {1, "0.5"}, {1, ":"}, {1, "0.5:"}, {1, ":0.2"}, {1, "0.5:0"}, {1, "0.5:-1"},
    {1, "0.5:0.2:0.1"}, {1, "0.5,0.5:0.2,0.2"}, {1, "0.5:0.2,"}, {1, "0.5:0.2 "}, {1, "a:b"},
    {1, "nan:1"}, {1, "0:inf"}, {1, "1e7:1"}, {1, "-1e7:1"}, {1, "0:1e-10"}, {1, "data"},
    {3, "0.5:0.2"}, {3, "0.5,0.5:0.2,0.2,0.2"}, {3, "0.5,0.5,0.5:0.2,0.2"},
    {3, "0.5,0.5,0.5:0.2:0.2:0.2"}, {3, "0.5,0.5:0.5:0.2,0.2,0.2"}, {2, "0.5,,0.5:0.2,0.2"},
    {1, "0.000000000000000000000000000000000000000000000000000001:1"}, {17, "0.5:0.2"},
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
    struct tsgd_norm norm = {.channels = 77};
    struct tsgd_error err;
    cr_expect(tsgd_norm_parse(&norm, wrong[*row].text, wrong[*row].channels, "x", &err) ==
              TSGD_EINVAL, "'%s'", wrong[*row].text);
    cr_expect(!strncmp(err.text, "x: found ", 9) && norm.channels == 77, "%s", err.text);
}
