/* Batches of bytes into numbers, against the definition, to the bit, on every instruction set. */
#include "data/decode.h"
#include "linalg/isa.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(decode, .timeout = 120);

enum { SAMPLES = 300 };
enum table { PIXELS, STEPS, CURVED };

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, (void (*)(struct criterion_test_params *))cr_free);
}

static struct tsgd_dataset make(struct tsgd_shape shape, enum table table, bool normalised)
{
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_rng r = tsgd_rng(1, TSGD_RNG_TEST, 0, 0);
    size_t n = SAMPLES * tsgd_shape_size(shape);
    d.shape = shape;
    d.train = (struct tsgd_samples){.bytes = malloc(n), .count = SAMPLES};
    for (int b = 0; b < 256; b++)
        d.value[b] = table == PIXELS  ? (float)b / 255
                     : table == STEPS ? (float)(b - 128) / 32
                                      : (float)sqrt(b);
    for (size_t i = 0; i < n; i++)
        d.train.bytes[i] = (uint8_t)tsgd_rng_u32(&r);
    if (normalised)
        d.norm = (struct tsgd_norm){shape.channels, malloc(shape.channels * sizeof(float)),
                                    malloc(shape.channels * sizeof(float))};
    for (uint32_t c = 0; normalised && c < shape.channels; c++) {
        d.norm.mean[c] = (float)tsgd_rng_unit(&r);
        d.norm.deviation[c] = 0.1f + (float)tsgd_rng_unit(&r);
    }
    return d;
}

/* Pixel (c, y, x) of a view, by its definition. */
static uint8_t seen(const uint8_t *image, struct tsgd_shape shape, struct tsgd_view v, uint32_t c,
                    int y, int x)
{
    int h = (int)shape.height, w = (int)shape.width;
    x = v.flip ? w - 1 - x : x;
    y += v.down;
    x += v.right;
    return y < 0 || y >= h || x < 0 || x >= w ? 0 : image[((int)c * h + y) * w + x];
}

static void check(const struct tsgd_dataset *d, const struct tsgd_kernels *kernels,
                  const uint32_t *sample, uint32_t count, const struct tsgd_view *view, size_t ld)
{
    struct tsgd_decoder decoder;
    size_t floats = tsgd_shape_size(d->shape) * ld, f = 0;
    tsgd_decoder_init(&decoder, d, view != NULL, kernels);
    float *x = malloc((floats + 1) * sizeof *x);
    uint8_t *scratch = view ? malloc(tsgd_decoder_scratch(&decoder)) : NULL;
    for (size_t i = 0; i <= floats; i++)
        x[i] = -77;
    tsgd_decode(&decoder, &d->train, sample, count, view, scratch, ld, x);
    for (uint32_t c = 0; c < d->shape.channels; c++)
        for (uint32_t i = 0; i < d->shape.height; i++)
            for (uint32_t j = 0; j < d->shape.width; j++, f++)
                for (uint32_t s = 0; s < ld; s++) {
                    float want = 0;
                    if (s < count) {
                        const uint8_t *image = d->train.bytes +
                                               sample[s] * tsgd_shape_size(d->shape);
                        struct tsgd_view v = view ? view[s] : (struct tsgd_view){.flip = false};
                        want = d->value[seen(image, d->shape, v, c, (int)i, (int)j)];
                        if (d->norm.parts)
                            want = (want - d->norm.mean[c]) * (1 / d->norm.deviation[c]);
                    }
                    cr_assert(!memcmp(&x[f * ld + s], &want, sizeof want),
                              "%s: feature %zu, sample %u: %a, want %a", kernels->isa, f, s,
                              (double)x[f * ld + s], (double)want);
                }
    cr_assert(x[floats] == -77, "wrote past the end");
    free(x);
    free(scratch);
}

static const struct {
    struct tsgd_shape shape;
    uint32_t count, ld;
    enum table table;
    bool normalised;
} cases[] = {
    {{1, 28, 28}, 32, 32, PIXELS, false}, {{1, 28, 28}, 32, 32, STEPS, false},
    {{1, 28, 28}, 32, 32, CURVED, false}, {{1, 28, 28}, 20, 32, PIXELS, false},
    {{1, 28, 28}, 17, 32, CURVED, false}, {{1, 1, 1}, 1, 16, STEPS, false},
    {{1, 1, 15}, 16, 16, PIXELS, false}, {{1, 1, 63}, 16, 16, PIXELS, false},
    {{1, 1, 64}, 16, 16, PIXELS, false}, {{1, 1, 65}, 33, 48, STEPS, false},
    {{1, 1, 100}, 5, 5, PIXELS, false}, {{1, 1, 81}, 18, 21, STEPS, false},
    {{1, 4, 16}, 0, 16, PIXELS, false}, {{1, 8, 16}, 256, 256, PIXELS, false},
    {{40, 2, 2}, 16, 16, PIXELS, false}, {{3, 32, 32}, 33, 48, PIXELS, true},
    {{3, 32, 32}, 16, 16, CURVED, true}, {{2, 3, 4}, 19, 32, PIXELS, true},
    {{1, 28, 28}, 31, 32, PIXELS, true}, {{16, 9, 9}, 7, 16, STEPS, true},
};

ParameterizedTestParameters(decode, numbers_are_those_of_the_bytes_to_the_bit)
{
    return rows(sizeof cases / sizeof *cases);
}
ParameterizedTest(size_t *row, decode, numbers_are_those_of_the_bytes_to_the_bit)
{
    struct tsgd_dataset d = make(cases[*row].shape, cases[*row].table, cases[*row].normalised);
    struct tsgd_rng r = tsgd_rng(2, TSGD_RNG_TEST, 0, 0);
    const struct tsgd_kernels *kernels;
    uint32_t sample[256];
    for (uint32_t s = 0; s < cases[*row].count; s++)
        sample[s] = tsgd_rng_below(&r, SAMPLES);
    for (size_t i = 0; (kernels = tsgd_isa_table(i)); i++)
        check(&d, kernels, sample, cases[*row].count, NULL, cases[*row].ld);
    tsgd_dataset_release(&d);
}

/* All 256 bytes at every place of a tile: random ones might miss one that rounds differently. */
Test(decode, every_byte_becomes_its_number)
{
    struct tsgd_dataset d = make((struct tsgd_shape){1, 16, 16}, PIXELS, true);
    const struct tsgd_kernels *kernels;
    uint32_t sample[16];
    for (uint32_t s = 0; s < 16; s++) {
        sample[s] = s;
        for (int b = 0; b < 256; b++)
            d.train.bytes[s * 256 + (size_t)b] = (uint8_t)(b + (int)s);
    }
    for (size_t i = 0; (kernels = tsgd_isa_table(i)); i++)
        check(&d, kernels, sample, 16, NULL, 16);
    tsgd_dataset_release(&d);
}

/* Numbers of pixels and of blobs go through the kernels, not through the table. */
Test(decode, pixels_and_steps_lie_on_a_line)
{
    for (enum table t = PIXELS; t <= CURVED; t++) {
        struct tsgd_decoder decoder;
        struct tsgd_dataset d = make((struct tsgd_shape){1, 8, 8}, t, false);
        tsgd_decoder_init(&decoder, &d, false, tsgd_isa_table(0));
        cr_expect(decoder.straight == (t != CURVED));
        tsgd_dataset_release(&d);
    }
}

/* Every shift with and without a flip, spread over the samples of batches. */
static const struct { struct tsgd_shape shape; bool normalised; } images[] = {
    {{1, 28, 28}, false}, {{3, 32, 32}, true}, {{1, 5, 5}, false}, {{2, 6, 9}, true},
    {{3, 7, 33}, true}, {{20, 16, 65}, false}, {{1, 40, 6}, false},
};
ParameterizedTestParameters(decode, views_are_those_of_a_padded_cropped_and_flipped_image)
{
    return rows(sizeof images / sizeof *images);
}
ParameterizedTest(size_t *row, decode, views_are_those_of_a_padded_cropped_and_flipped_image)
{
    struct tsgd_dataset d = make(images[*row].shape, PIXELS, images[*row].normalised);
    struct tsgd_view view[162];
    uint32_t sample[162];
    const struct tsgd_kernels *kernels;
    for (uint32_t s = 0; s < 162; s++) {
        sample[s] = s * 7 % SAMPLES;
        view[s] = (struct tsgd_view){(int8_t)(s / 18 - 4), (int8_t)(s / 2 % 9 - 4), s % 2};
    }
    for (size_t i = 0; (kernels = tsgd_isa_table(i)); i++)
        check(&d, kernels, sample, 162, view, 176);
    tsgd_dataset_release(&d);
}

/* What the decoder makes of `d`, with and without views, on one instruction set. */
static float *decoded(const struct tsgd_dataset *d, const struct tsgd_view *view, size_t ld)
{
    struct tsgd_decoder decoder;
    uint32_t sample[64];
    tsgd_decoder_init(&decoder, d, view != NULL, tsgd_isa_table(0));
    float *x = malloc(tsgd_shape_size(d->shape) * ld * sizeof *x);
    uint8_t *scratch = malloc(tsgd_decoder_scratch(&decoder));
    for (uint32_t s = 0; s < 64; s++)
        sample[s] = (7 * s + 3) % SAMPLES;
    tsgd_decode(&decoder, &d->train, sample, 37, view, scratch, ld, x);
    free(scratch);
    return x;
}

/* The same samples, kept as floats, also cropped and flipped. */
Test(decode, floats_become_what_bytes_become)
{
    struct tsgd_rng r = tsgd_rng(3, TSGD_RNG_TEST, 0, 0);
    struct tsgd_view views[48];
    for (int s = 0; s < 48; s++)
        views[s] = (struct tsgd_view){(int8_t)((int)tsgd_rng_below(&r, 9) - 4),
                                      (int8_t)((int)tsgd_rng_below(&r, 9) - 4),
                                      tsgd_rng_below(&r, 2)};
    for (int normalised = 0; normalised < 2; normalised++)
        for (int view = 0; view < 2; view++) {
            struct tsgd_shape shape = {3, 7, 9};
            size_t n = SAMPLES * tsgd_shape_size(shape), floats = tsgd_shape_size(shape) * 48;
            struct tsgd_dataset a = make(shape, PIXELS, normalised), b = a;
            b.format = TSGD_FORMAT_FLOATS;
            b.train = (struct tsgd_samples){.floats = malloc(n * sizeof (float)), .count = SAMPLES};
            for (size_t i = 0; i < n; i++)
                b.train.floats[i] = a.value[a.train.bytes[i]];
            float *x = decoded(&a, view ? views : NULL, 48);
            float *y = decoded(&b, view ? views : NULL, 48);
            cr_expect(!memcmp(x, y, floats * sizeof *x), "normalised %d, views %d", normalised,
                      view);
        }
}

/* Each feature of a table by its own mean and deviation; lanes without a sample stay 0. */
Test(decode, features_of_a_table_are_normalised_each_by_itself)
{
    enum { F = 5, LD = 48 };
    struct tsgd_dataset d = make((struct tsgd_shape){1, 1, F}, PIXELS, false);
    float mean[F] = {1, 2, 3, 4, 5}, deviation[F] = {0.5f, 1, 2, 4, 8};
    float *plain = decoded(&d, NULL, LD);
    d.table = true;
    d.norm = (struct tsgd_norm){F, mean, deviation};
    float *x = decoded(&d, NULL, LD);
    for (size_t f = 0; f < F; f++)
        for (size_t s = 0; s < LD; s++) {
            float want = s < 37 ? (plain[f * LD + s] - mean[f]) / deviation[f] : 0;
            cr_expect(x[f * LD + s] == want, "feature %zu of sample %zu", f, s);
        }
}
