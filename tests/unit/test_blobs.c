#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <Random123/philox.h>

#include "base/rng.h"
#include "data/dataset.h"
#include "data/source.h"

TestSuite(blobs, .timeout = 120);

static struct tsgd_dataset load(const char *data, uint64_t seed)
{
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_error err = {TSGD_OK, ""};
    cr_assert(tsgd_dataset_load(&d, data,
                                &(struct tsgd_request){.seed = seed}, &err) == TSGD_OK,
              "%s", err.text);
    return d;
}

/* Means of the classes' samples, [classes][features]. */
static double *class_means(const struct tsgd_dataset *d, const struct tsgd_samples *s)
{
    size_t features = tsgd_shape_size(d->shape);
    double *mean = calloc(d->classes * features, sizeof *mean), count[256] = {0};
    for (uint32_t i = 0; i < s->count; i++) {
        count[s->labels[i]]++;
        for (size_t f = 0; f < features; f++)
            mean[s->labels[i] * features + f] += (double)d->value[s->bytes[i * features + f]];
    }
    for (size_t j = 0; j < d->classes * features; j++)
        mean[j] /= count[j / features];
    return mean;
}

Test(blobs, the_default_is_60000_samples_of_64_numbers_in_10_classes)
{
    struct tsgd_dataset d = load("blobs", 1);
    cr_expect(d.train.count == 60000 && d.test.count == 10000 && d.classes == 10);
    cr_expect(d.shape.channels == 1 && d.shape.height == 1 && d.shape.width == 64);
    tsgd_dataset_release(&d);
}

Test(blobs, the_argument_says_samples_shape_and_classes)
{
    struct tsgd_dataset d = load("blobs:7,3x4x5,256", 1);
    cr_expect(d.train.count == 7 && d.test.count == 10000 && d.classes == 256);
    cr_expect(d.shape.channels == 3 && d.shape.height == 4 && d.shape.width == 5);
    tsgd_dataset_release(&d);
}

Test(blobs, a_byte_stands_for_a_32nd_around_128)
{
    struct tsgd_dataset d = load("blobs:1", 1);
    cr_expect(d.value[0] == -4 && d.value[128] == 0 && d.value[129] == 0.03125f &&
              d.value[255] == 3.96875f);
    tsgd_dataset_release(&d);
}

/* Words of the stream (seed, TSGD_RNG_SYNTH, a, b), straight from Philox. */
static uint32_t word(uint64_t seed, uint32_t a, uint32_t b, uint32_t i)
{
    philox4x32_ctr_t name = {{i / 4, a, b, TSGD_RNG_SYNTH}};
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    return philox4x32(name, key).v[i % 4];
}

static double normal(uint32_t low, uint32_t high)
{
    double sum = 0;
    for (int shift = 0; shift < 32; shift += 8)
        sum += (low >> shift & 255) + (high >> shift & 255);
    return (sum - 1020) / sqrt(8 * (256 * 256 - 1) / 12.0);
}

/* The second way: bytes added up one by one, all in double, which may round apart by a hair. */
Test(blobs, a_sample_is_its_label_s_centre_and_noise)
{
    struct tsgd_dataset d = load("blobs:50,16,4", 9);
    for (uint32_t part = 1; part <= 2; part++) {
        const struct tsgd_samples *s = part == 1 ? &d.train : &d.test;
        for (uint32_t i = 0; i < 50; i++) {
            uint32_t label = (uint32_t)((uint64_t)word(9, i, part, 0) * 4 >> 32);
            cr_assert(s->labels[i] == label, "sample %u", i);
            for (uint32_t f = 0; f < 16; f++) {
                uint32_t w = 2 * f;
                double centre = 0.85 * normal(word(9, label, 0, w), word(9, label, 0, w + 1));
                double noise = normal(word(9, i, part, w + 1), word(9, i, part, w + 2));
                double want = fmin(fmax(128 + 32 * (centre + noise), 0), 255);
                cr_expect(fabs(s->bytes[i * 16 + f] - want) <= 0.501, "sample %u, %u: %d, want %g",
                          i, f, s->bytes[i * 16 + f], want);
            }
        }
    }
    tsgd_dataset_release(&d);
}

Test(blobs, the_same_seed_gives_the_same_bytes)
{
    struct tsgd_dataset a = load("blobs:500,8,3", 5), b = load("blobs:500,8,3", 5);
    cr_expect(!memcmp(a.train.bytes, b.train.bytes, 500 * 8));
    cr_expect(!memcmp(a.train.labels, b.train.labels, 500 * sizeof *a.train.labels));
    cr_expect(!memcmp(a.test.bytes, b.test.bytes, 10000 * 8));
    tsgd_dataset_release(&a);
    tsgd_dataset_release(&b);
}

Test(blobs, another_seed_gives_other_bytes)
{
    struct tsgd_dataset a = load("blobs:500,8,3", 5), b = load("blobs:500,8,3", 6);
    cr_expect(memcmp(a.train.bytes, b.train.bytes, 500 * 8));
    tsgd_dataset_release(&a);
    tsgd_dataset_release(&b);
}

Test(blobs, more_samples_begin_with_the_same_ones)
{
    struct tsgd_dataset a = load("blobs:100,8,3", 5), b = load("blobs:200,8,3", 5);
    cr_expect(!memcmp(a.train.bytes, b.train.bytes, 100 * 8));
    cr_expect(!memcmp(a.train.labels, b.train.labels, 100 * sizeof *a.train.labels));
    tsgd_dataset_release(&a);
    tsgd_dataset_release(&b);
}

Test(blobs, test_samples_are_not_training_samples)
{
    struct tsgd_dataset d = load("blobs:100,8,3", 5);
    cr_expect(memcmp(d.train.bytes, d.test.bytes, 100 * 8));
    tsgd_dataset_release(&d);
}

Test(blobs, labels_are_uniform)
{
    struct tsgd_dataset d = load("blobs:50000,1,7", 2);
    double count[7] = {0}, chi = 0, want = 50000 / 7.0;
    for (uint32_t i = 0; i < d.train.count; i++)
        count[d.train.labels[i]]++;
    for (int c = 0; c < 7; c++)
        chi += (count[c] - want) * (count[c] - want) / want;
    cr_expect(chi < 6 + 5 * sqrt(12.0), "%g", chi);
    tsgd_dataset_release(&d);
}

/* Around its class's mean a number has variance 1, and a 12th of a squared step from rounding. */
Test(blobs, noise_has_variance_one)
{
    struct tsgd_dataset d = load("blobs:20000,64,2", 3);
    double *mean = class_means(&d, &d.train), sum = 0, n = 20000.0 * 64;
    for (uint32_t i = 0; i < d.train.count; i++)
        for (size_t f = 0; f < 64; f++) {
            double x = (double)d.value[d.train.bytes[i * 64 + f]];
            sum += pow(x - mean[d.train.labels[i] * 64 + f], 2);
        }
    cr_expect(fabs(sum / n - 1) < 0.01, "%g", sum / n);
    free(mean);
    tsgd_dataset_release(&d);
}

Test(blobs, training_and_test_samples_share_their_centres)
{
    struct tsgd_dataset d = load("blobs:20000,64,4", 4);
    double *train = class_means(&d, &d.train), *test = class_means(&d, &d.test);
    for (int j = 0; j < 4 * 64; j++)
        cr_expect(fabs(train[j] - test[j]) < 6 * sqrt(4 / 20000.0 + 4 / 10000.0), "%d", j);
    free(train);
    free(test);
    tsgd_dataset_release(&d);
}

/* Share of the test samples that lie nearest to their own class's mean: about what a linear
 * model can reach.                                                                              */
static double nearest_mean_accuracy(const char *data)
{
    struct tsgd_dataset d = load(data, 0);
    size_t features = tsgd_shape_size(d.shape);
    double *mean = class_means(&d, &d.train), right = 0;
    for (uint32_t i = 0; i < d.test.count; i++) {
        double least = HUGE_VAL;
        uint32_t best = 0;
        for (uint32_t c = 0; c < d.classes; c++) {
            double distance = 0;
            for (size_t f = 0; f < features; f++)
                distance += pow((double)d.value[d.test.bytes[i * features + f]] -
                                mean[c * features + f], 2);
            if (distance < least) {
                least = distance;
                best = c;
            }
        }
        right += best == d.test.labels[i];
    }
    right /= d.test.count;
    free(mean);
    tsgd_dataset_release(&d);
    return right;
}

Test(blobs, the_default_can_be_learnt_but_not_perfectly)
{
    double accuracy = nearest_mean_accuracy("blobs");
    cr_expect(accuracy > 0.85 && accuracy < 0.97, "%g", accuracy);
}

Test(blobs, more_dimensions_do_not_make_it_trivial)
{
    double accuracy = nearest_mean_accuracy("blobs:20000,256");
    cr_expect(accuracy > 0.85 && accuracy < 0.98, "%g", accuracy);
}

Test(blobs, what_is_not_an_argument_is_refused)
{
    const struct { const char *data, *part; } bad[] = {
        {"blobs:", "SAMPLES is ''"}, {"blobs:0", "SAMPLES is '0'"},
        {"blobs:4294967296", "want 1 to 4294967295"}, {"blobs:1e6", "SAMPLES is '1e6'"},
        {"blobs:10,", "DIM is ''"}, {"blobs:10,0", "DIM is '0'"}, {"blobs:10,3x32", "DIM is"},
        {"blobs:10,3x0x32", "DIM is"}, {"blobs:10,3x32x32x1", "DIM is"}, {"blobs:10,x", "DIM is"},
        {"blobs:10,3x32x", "DIM is"}, {"blobs:10,65536x65536x1", "DIM is"},
        {"blobs:10,4294967295x4294967295x4294967295", "DIM is"},
        {"blobs:10,8,1", "CLASSES is '1'"}, {"blobs:10,8,257", "want 2 to 256"},
        {"blobs:10,8,", "CLASSES is ''"}, {"blobs:10,8,4,2", "is not SAMPLES"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tsgd_dataset d;
        struct tsgd_error err = {TSGD_OK, ""};
        cr_expect(tsgd_dataset_load(&d, bad[i].data, NULL, &err) == TSGD_EINVAL, "%s",
                  bad[i].data);
        cr_expect(strstr(err.text, "--data blobs") && strstr(err.text, bad[i].part), "%s: '%s'",
                  bad[i].data, err.text);
    }
}

Test(blobs, what_cannot_fit_into_memory_is_refused_with_the_remedy)
{
    struct tsgd_dataset d;
    struct tsgd_error err = {TSGD_OK, ""};
    cr_expect(tsgd_dataset_load(&d, "blobs:4294967295,4294967295", NULL, &err) == TSGD_ENOMEM);
    cr_expect(strstr(err.text, "use fewer samples"), "%s", err.text);
}
