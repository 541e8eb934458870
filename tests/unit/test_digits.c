/* The digits in the library. Expected numbers were counted in scikit-learn's digits.csv with awk,
 * or are those that UCI publishes of the set; the library reads files made from that CSV.       */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "data/dataset.h"
#include "data/source.h"
#include "scratch.h"
#include "sim/settings.h"
#include "telesgd.h"

TestSuite(digits, .timeout = 60);

enum { PIXELS = 64, CLASSES = 10 };

static struct tsgd_dataset load_seeded(const char *dir, uint64_t seed)
{
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_error err = {TSGD_OK, ""};
    cr_assert(tsgd_dataset_load(&d, "digits",
                                &(struct tsgd_request){.dir = dir, .seed = seed}, &err) == TSGD_OK,
              "%s", err.text);
    return d;
}

static struct tsgd_dataset load(const char *dir) { return load_seeded(dir, 0); }

Test(digits, they_are_1437_and_360_pictures_of_8x8_in_10_classes)
{
    struct tsgd_dataset d = load(NULL);
    cr_expect(d.train.count == 1437 && d.test.count == 360 && d.classes == CLASSES);
    cr_expect(d.shape.channels == 1 && d.shape.height == 8 && d.shape.width == 8);
    cr_expect(d.value[0] == 0 && d.value[255] == 1);
    tsgd_dataset_release(&d);
}

/* awk -F, 'NR > 1437 { n[$65]++ } END { for (c = 0; c < 10; c++) print n[c] }' digits.csv */
Test(digits, each_class_has_as_many_as_uci_counted)
{
    static const uint32_t uci[] = {178, 182, 177, 183, 181, 182, 181, 179, 174, 180};
    static const uint32_t test[] = {35, 36, 35, 37, 37, 37, 37, 36, 33, 37};
    struct tsgd_dataset d = load(NULL);
    uint32_t train_count[CLASSES] = {0}, test_count[CLASSES] = {0};
    for (uint32_t i = 0; i < d.train.count; i++)
        train_count[d.train.labels[i]]++;
    for (uint32_t i = 0; i < d.test.count; i++)
        test_count[d.test.labels[i]]++;
    for (int c = 0; c < CLASSES; c++) {
        cr_expect(train_count[c] + test_count[c] == uci[c], "class %d", c);
        cr_expect(test_count[c] == test[c], "class %d", c);
    }
    tsgd_dataset_release(&d);
}

/* The first line of digits.csv, line 1438, the last one; their digit is at the end. */
static const uint8_t first[] = {
     0,  0,  5, 13,  9,  1,  0,  0,
     0,  0, 13, 15, 10, 15,  5,  0,
     0,  3, 15,  2,  0, 11,  8,  0,
     0,  4, 12,  0,  0,  8,  8,  0,
     0,  5,  8,  0,  0,  9,  8,  0,
     0,  4, 11,  0,  1, 12,  7,  0,
     0,  2, 14,  5, 10, 12,  0,  0,
     0,  0,  6, 13, 10,  0,  0,  0,
    0,
};
static const uint8_t first_test[] = {
     0,  4, 16, 15,  2,  0,  0,  0,
     0, 11, 15, 15,  7,  0,  0,  0,
     0,  9, 10,  6, 14,  0,  0,  0,
     0,  0,  0,  7, 15,  0,  0,  0,
     0,  0,  0, 13, 10,  0,  0,  0,
     0,  0,  1, 16,  7,  2,  2,  0,
     0,  1, 12, 16, 15, 16, 15,  0,
     0,  4, 16, 16, 16, 12, 11,  0,
    2,
};
static const uint8_t last_test[] = {
     0,  0, 10, 14,  8,  1,  0,  0,
     0,  2, 16, 14,  6,  1,  0,  0,
     0,  0, 15, 15,  8, 15,  0,  0,
     0,  0,  5, 16, 16, 10,  0,  0,
     0,  0, 12, 15, 15, 12,  0,  0,
     0,  4, 16,  6,  4, 16,  6,  0,
     0,  8, 16, 10,  8, 16,  8,  0,
     0,  1,  8, 12, 14, 12,  1,  0,
    8,
};

static void expect_line(const struct tsgd_samples *s, uint32_t i, const uint8_t line[PIXELS + 1])
{
    for (uint32_t p = 0; p < PIXELS; p++)
        cr_expect(s->bytes[i * PIXELS + p] == lround(line[p] * 255 / 16.0), "pixel %u of %u", p, i);
    cr_expect(s->labels[i] == line[PIXELS]);
}

Test(digits, pictures_are_the_lines_of_the_source)
{
    struct tsgd_dataset d = load(NULL);
    expect_line(&d.train, 0, first);
    expect_line(&d.test, 0, first_test);
    expect_line(&d.test, 359, last_test);
    tsgd_dataset_release(&d);
}

/* Over all pixels v of the file, k from 0: how many are 0, 1, .. 16; the sum of (k mod 1009) v.
 * awk -F, '{ for (i = 1; i <= 64; i++) { n[$i]++; s += ((NR - 1) * 64 + i - 1) % 1009 * $i } }'  */
Test(digits, all_pixels_together_are_those_of_the_source)
{
    static const uint32_t want[] = {56272, 4095, 3296, 2944, 3261, 2803, 2559, 2627, 3464,
                                    2585, 2711, 2845, 3668, 3509, 3609, 4304, 10456};
    struct tsgd_dataset d = load(NULL);
    uint32_t count[256] = {0}, k = 0;
    double sum = 0;
    for (int part = 0; part < 2; part++) {
        const struct tsgd_samples *s = part ? &d.test : &d.train;
        for (uint32_t j = 0; j < s->count * PIXELS; j++, k++) {
            count[s->bytes[j]]++;
            sum += k % 1009 * (s->bytes[j] / 15.9375);
        }
    }
    for (int v = 0; v <= 16; v++)
        cr_expect(count[lround(v * 15.9375)] == want[v], "%d", v);
    cr_expect(fabs(sum / 283139404 - 1) < 1e-3, "%.0f", sum);
    tsgd_dataset_release(&d);
}

static void expect_same(const struct tsgd_samples *a, const struct tsgd_samples *b)
{
    cr_assert(a->count == b->count);
    cr_expect(!memcmp(a->bytes, b->bytes, (size_t)a->count * PIXELS));
    cr_expect(!memcmp(a->labels, b->labels, a->count * sizeof *a->labels));
}

static void expect_same_set(struct tsgd_dataset d, struct tsgd_dataset e)
{
    expect_same(&d.train, &e.train);
    expect_same(&d.test, &e.test);
    tsgd_dataset_release(&d);
    tsgd_dataset_release(&e);
}

Test(digits, a_folder_with_the_files_of_the_tree_gives_the_same)
{
    char folder[PATH_MAX];
    tree_path(folder, "datasets/digits");
    expect_same_set(load(NULL), load(folder));
}

Test(digits, the_seed_changes_nothing)
{
    expect_same_set(load_seeded(NULL, 0), load_seeded(NULL, 1));
}

Test(digits, a_folder_without_the_files_is_an_error)
{
    struct tsgd_dataset d;
    struct tsgd_error err;
    cr_expect(tsgd_dataset_load(&d, "digits",
                                &(struct tsgd_request){.dir = "/proc/self/fd"}, &err) == TSGD_EIO);
    cr_expect(strstr(err.text, "/proc/self/fd: holds neither train-images-idx3-ubyte nor "), "%s",
              err.text);
}

Test(digits, no_file_is_read_unless_a_folder_is_named)
{
    char path[PATH_MAX];
    cr_expect(!tsgd_dataset_file("digits", NULL, 0, path, sizeof path));
    cr_expect(tsgd_dataset_file("digits", "d", 0, path, sizeof path) &&
              !strcmp(path, "d/train-images-idx3-ubyte"));
}

/* The mean picture of each class in training that is nearest to a test picture names 306 of the 360
 * (0.85); the nearest training picture names 344 (0.956). Eight seeds gave 0.903 to 0.914.      */
Test(digits, four_of_ten_nodes_learn_them)
{
    struct tsgd_run *run;
    struct tsgd_error err;
    struct tsgd_summary end;
    double accuracy[2];
    for (int i = 0; i < 2; i++) {
        const struct tsgd_settings *s = settings_of("data=digits model=mlp:64 nodes=10 active=4 "
                                                    "rounds=500 momentum=0.9 lr=0.05 seed=%d", i);
        cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
        cr_assert(tsgd_run_train(run, NULL, NULL, &end, &err) == TSGD_OK, "%s", err.text);
        tsgd_run_free(run);
        accuracy[i] = end.last.test_accuracy;
    }
    cr_expect(accuracy[0] > 0.85 && accuracy[1] > 0.85, "%g, %g", accuracy[0], accuracy[1]);
}
