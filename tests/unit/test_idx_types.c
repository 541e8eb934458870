/* IDX files of every type and rank, written byte by byte as the format has them: big-endian. */
#include "data/source.h"
#include "scratch.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

TestSuite(idx_types, .timeout = 60);

static const struct type {
    const char *name;
    uint8_t code;
    int bytes;
    bool real;
    double least;               /* a number that only a type of this kind can hold */
} types[] = {
    {"ubyte", 0x08, 1, false, 255}, {"byte", 0x09, 1, false, -128},
    {"short", 0x0b, 2, false, -300}, {"int", 0x0c, 4, false, -70000},
    {"float", 0x0d, 4, true, -0.375}, {"double", 0x0e, 8, true, 1e6},
};
enum { TYPES = sizeof types / sizeof *types };

static void put_big(FILE *f, uint64_t bits, int bytes)
{
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        fputc((int)(bits >> shift & 0xff), f);
}

static void put(FILE *f, const struct type *t, double v)
{
    float single = (float)v;
    uint64_t bits = 0;
    uint32_t word;
    if (t->real && t->bytes == 8)
        memcpy(&bits, &v, sizeof bits);
    else if (t->real)
        memcpy(&word, &single, sizeof word), bits = word;
    else
        bits = (uint64_t)(int64_t)v;
    put_big(f, bits, t->bytes);
}

/* An array whose item i is value(i). */
static void write_array(const char *part, const char *what, const struct type *t, uint32_t rank,
                        const uint32_t *shape, double (*value)(const struct type *, uint32_t))
{
    char name[64];
    uint32_t n = 1;
    snprintf(name, sizeof name, "%s-%s-idx%u-%s", part, what, rank, t->name);
    FILE *f = fopen(name, "wb");
    cr_assert(f);
    put_big(f, (uint64_t)t->code << 8 | rank, 4);
    for (uint32_t i = 0; i < rank; i++)
        put_big(f, shape[i], 4), n *= shape[i];
    for (uint32_t i = 0; i < n; i++)
        put(f, t, value(t, i));
    cr_assert(fclose(f) == 0);
}

static double item(const struct type *t, uint32_t i) { return i == 1 ? t->least : i % 100; }
static double label(const struct type *t, uint32_t i) { return (void)t, (5 * i + 1) % 7; }

static enum tsgd_status load(struct tsgd_dataset *d, bool numbers, struct tsgd_error *err)
{
    return tsgd_dataset_load(d, "idx:.", &(struct tsgd_request){.numbers = numbers}, err);
}

static double number(const struct tsgd_dataset *d, const struct tsgd_samples *s, size_t i)
{
    return (double)(s->bytes ? d->value[s->bytes[i]] * 255 : s->floats[i]);
}

ParameterizedTestParameters(idx_types, of_every_type_for_images_and_labels)
{
    return twin_rows(TYPES * TYPES);
}
ParameterizedTest(size_t *row, idx_types, of_every_type_for_images_and_labels)
{
    struct scratch scratch;
    const struct type *x = &types[*row / TYPES], *y = &types[*row % TYPES];
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_error err;
    scratch_enter(&scratch, "idx");
    write_array("train", "images", x, 3, (uint32_t[]){10, 2, 3}, item);
    write_array("train", "labels", y, 1, (uint32_t[]){10}, label);
    write_array("t10k", "images", x, 3, (uint32_t[]){4, 2, 3}, item);
    write_array("t10k", "labels", y, 1, (uint32_t[]){4}, label);
    cr_assert(load(&d, false, &err) == TSGD_OK, "%s", err.text);
    cr_expect(d.shape.channels == 1 && d.shape.height == 2 && d.shape.width == 3 && !d.table);
    cr_expect(d.classes == 7 && d.outputs == 7 && !d.train.bytes == (*row / TYPES > 0));
    cr_assert(d.train.count == 10 && d.test.count == 4);
    for (uint32_t i = 0; i < 60; i++)
        cr_expect(number(&d, &d.train, i) == (double)(float)item(x, i), "%s %u", x->name, i);
    for (uint32_t i = 0; i < 24; i++)
        cr_expect(number(&d, &d.test, i) == (double)(float)item(x, i), "%s %u", x->name, i);
    for (uint32_t i = 0; i < 10; i++)
        cr_expect(d.train.labels[i] == label(y, i), "%s", y->name);
    tsgd_dataset_release(&d);
    scratch_leave(&scratch);
}

/* [N, H, W, 3] and [N, 3, H, W] are images of one shape; without files of the test, a fifth of them
 * is drawn.                                                                                     */
Test(idx_types, colour_is_first_or_last)
{
    for (int type = 0; type < TYPES; type += 4)
        for (int last = 0; last < 2; last++) {
            struct tsgd_dataset d = TSGD_DATASET_INIT;
            struct scratch scratch;
            struct tsgd_error err;
            scratch_enter(&scratch, "idx");
            write_array("train", "images", &types[type], 4,
                        last ? (uint32_t[]){10, 4, 5, 3} : (uint32_t[]){10, 3, 4, 5}, item);
            write_array("train", "labels", &types[0], 1, (uint32_t[]){10}, label);
            cr_assert(load(&d, false, &err) == TSGD_OK, "%s", err.text);
            cr_expect(d.shape.channels == 3 && d.shape.height == 4 && d.shape.width == 5);
            cr_assert(d.train.count == 8 && d.test.count == 2 && d.test_share == 0.2);
            /* The sample that has the mark shows where its item 1 went: pixel 0 of channel 1, or
             * pixel 1 of channel 0.                                                             */
            size_t at = last ? 20 : 1, found = 0;
            for (size_t i = 0; i < 10; i++)
                found += number(&d, i < 8 ? &d.train : &d.test, 60 * (i < 8 ? i : i - 8) + at) ==
                         (double)(float)types[type].least;
            cr_expect(found == 1, "%s, colour %s", types[type].name, last ? "last" : "first");
            tsgd_dataset_release(&d);
            scratch_leave(&scratch);
        }
}

Test(idx_types, a_table_with_targets_that_are_numbers)
{
    struct scratch scratch;
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_error err;
    scratch_enter(&scratch, "idx");
    write_array("train", "images", &types[5], 2, (uint32_t[]){10, 3}, item);
    write_array("train", "labels", &types[4], 2, (uint32_t[]){10, 2}, item);
    cr_expect(load(&d, false, &err) == TSGD_EFORMAT && strstr(err.text, "--loss mse"), "%s",
              err.text);
    cr_assert(load(&d, true, &err) == TSGD_OK, "%s", err.text);
    cr_expect(d.table && d.shape.width == 3 && d.classes == 0 && d.outputs == 2);
    double sum = 0, want = 0;
    for (uint32_t i = 0; i < 20; i++)
        want += item(&types[4], i);
    for (uint32_t i = 0; i < 2 * d.train.count; i++)
        sum += (double)d.train.targets[i];
    for (uint32_t i = 0; i < 2 * d.test.count; i++)
        sum += (double)d.test.targets[i];
    cr_expect(sum == want && d.train.count == 8 && d.test.count == 2);
    tsgd_dataset_release(&d);
    scratch_leave(&scratch);
}

static double half(const struct type *t, uint32_t i) { return (void)t, i == 2 ? 0.5 : 1; }
static double below(const struct type *t, uint32_t i) { return (void)t, i == 2 ? -1 : 1; }
static double never(const struct type *t, uint32_t i) { return (void)t, i == 4 ? 0.0 / 0.0 : 1; }

Test(idx_types, labels_that_are_none_and_numbers_that_are_missing_are_refused)
{
    struct scratch scratch;
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_error err;
    scratch_enter(&scratch, "idx");
    write_array("train", "images", &types[4], 3, (uint32_t[]){4, 1, 2}, never);
    write_array("train", "labels", &types[4], 1, (uint32_t[]){4}, half);
    cr_expect(load(&d, false, &err) == TSGD_EFORMAT);
    cr_expect(strstr(err.text, "label 0.5 of sample 2, want a whole number"), "%s", err.text);
    write_array("train", "labels", &types[4], 1, (uint32_t[]){4}, below);
    cr_expect(load(&d, false, &err) == TSGD_EFORMAT && strstr(err.text, "label -1 of sample 2"));
    write_array("train", "labels", &types[4], 1, (uint32_t[]){4}, label);
    cr_expect(load(&d, false, &err) == TSGD_EFORMAT);
    cr_expect(strstr(err.text, "train-images-idx3-float: sample 2 holds nan at 0"), "%s", err.text);
    write_array("train", "images", &types[4], 3, (uint32_t[]){4, 1, 2}, item);
    write_array("t10k", "images", &types[0], 3, (uint32_t[]){4, 1, 2}, item);
    cr_expect(load(&d, false, &err) == TSGD_EIO);
    cr_expect(strstr(err.text, "holds neither t10k-labels-idx1-ubyte nor"), "%s", err.text);
    write_array("t10k", "labels", &types[0], 1, (uint32_t[]){4}, label);
    cr_expect(load(&d, false, &err) == TSGD_EFORMAT);
    cr_expect(strstr(err.text, "1 x 1 x 2 bytes, want 1 x 1 x 2 wider numbers"), "%s", err.text);
    cr_expect(!d.train.bytes && !d.train.floats && !d.classes);
    scratch_leave(&scratch);
}
