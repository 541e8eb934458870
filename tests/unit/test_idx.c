#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include "data/idx.h"
#include "data/source.h"

/* A tiny data set: 5 and 3 images of 2 x 3, written anew for each test. */
enum { TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS, FILES };
static const char *const names[FILES] = {
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
};

struct contents {
    unsigned char byte[64];
    size_t n;
};

static char dir[32];
static struct contents file[FILES];

static void put32(struct contents *c, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        c->byte[c->n++] = (unsigned char)(v >> shift);
}

static void set32(struct contents *c, size_t at, uint32_t v)
{
    struct contents word = {.n = 0};
    put32(&word, v);
    memcpy(c->byte + at, word.byte, 4);
}

static uint8_t pixel(uint32_t part, uint32_t i) { return (uint8_t)(i * 37 + part * 11); }
static uint8_t label(uint32_t i) { return (uint8_t)(i * 7 % 10); }

static void make_dir(void)
{
    strcpy(dir, "/tmp/tsgd-idx-XXXXXX");
    cr_assert(mkdtemp(dir));
    for (uint32_t part = 0; part < 2; part++) {
        struct contents *images = &file[2 * part], *labels = images + 1;
        uint32_t count = part ? 3 : 5;
        images->n = labels->n = 0;
        put32(images, 0x803);
        put32(images, count);
        put32(images, 2);
        put32(images, 3);
        put32(labels, 0x801);
        put32(labels, count);
        for (uint32_t i = 0; i < count * 6; i++)
            images->byte[images->n++] = pixel(part, i);
        for (uint32_t i = 0; i < count; i++)
            labels->byte[labels->n++] = label(i);
    }
}

static void name_of(char out[96], int which, bool gz)
{
    snprintf(out, 96, "%s/%s%s", dir, names[which], gz ? ".gz" : "");
}

static void remove_dir(void)
{
    char path[96];
    for (int i = 0; i < FILES; i++)
        for (int gz = 0; gz < 2; gz++) {
            name_of(path, i, gz);
            unlink(path);
        }
    rmdir(dir);
}

TestSuite(idx, .init = make_dir, .fini = remove_dir, .timeout = 60);

static void write_file(int which, bool gz)
{
    char path[96];
    name_of(path, which, gz);
    gzFile f = gzopen(path, gz ? "wb" : "wbT");
    cr_assert(f && gzwrite(f, file[which].byte, (unsigned)file[which].n) == (int)file[which].n);
    cr_assert(gzclose(f) == Z_OK);
}

static void write_all(bool gz)
{
    for (int i = 0; i < FILES; i++)
        write_file(i, gz);
}

static enum tsgd_status load(struct tsgd_dataset *d, struct tsgd_error *err)
{
    char data[48];
    snprintf(data, sizeof data, "idx:%s", dir);
    return tsgd_dataset_load(d, data, NULL, err);
}

static void check_contents(const struct tsgd_dataset *d)
{
    cr_expect(d->shape.channels == 1 && d->shape.height == 2 && d->shape.width == 3);
    cr_assert(d->train.count == 5 && d->test.count == 3);
    for (uint32_t i = 0; i < 30; i++)
        cr_expect(d->train.bytes[i] == pixel(0, i), "training byte %u", i);
    for (uint32_t i = 0; i < 18; i++)
        cr_expect(d->test.bytes[i] == pixel(1, i), "test byte %u", i);
    for (uint32_t i = 0; i < 5; i++)
        cr_expect(d->train.labels[i] == label(i) && (i >= 3 || d->test.labels[i] == label(i)));
}

/* The load fails, with both fragments in its sentence, and leaves *out as it was. */
static void expect_failure(enum tsgd_status want, const char *one, const char *two)
{
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_error err = {TSGD_OK, ""};
    d.classes = 12345;
    cr_expect(load(&d, &err) == want, "%d, %s", (int)err.status, err.text);
    cr_expect(strstr(err.text, one) && strstr(err.text, two), "'%s' and '%s' in '%s'", one, two,
              err.text);
    cr_expect(d.classes == 12345 && d.train.bytes == NULL);
}

Test(idx, plain_files_are_read)
{
    struct tsgd_dataset d;
    write_all(false);
    cr_assert(load(&d, NULL) == TSGD_OK);
    check_contents(&d);
    tsgd_dataset_release(&d);
}

Test(idx, gzip_files_are_read)
{
    struct tsgd_dataset d;
    write_all(true);
    cr_assert(load(&d, NULL) == TSGD_OK);
    check_contents(&d);
    tsgd_dataset_release(&d);
}

Test(idx, files_in_memory_are_read_and_their_errors_named)
{
    struct tsgd_dataset d;
    struct tsgd_error err;
    struct tsgd_idx_image image[FILES];
    for (int i = 0; i < FILES; i++)
        image[i] = (struct tsgd_idx_image){file[i].byte, file[i].n};
    cr_assert(tsgd_idx_load_memory(&d, image, "here", 10, NULL, NULL) == TSGD_OK);
    check_contents(&d);
    tsgd_dataset_release(&d);
    image[TEST_LABELS].n--;
    cr_expect(tsgd_idx_load_memory(&d, image, "here", 10, NULL, &err) == TSGD_EFORMAT);
    cr_expect(strstr(err.text, "here/t10k-labels-idx1-ubyte.gz: 2 bytes after the header, want 3"),
              "%s", err.text);
}

Test(idx, a_byte_stands_for_a_255th)
{
    struct tsgd_dataset d;
    write_all(false);
    cr_assert(load(&d, NULL) == TSGD_OK);
    for (int b = 0; b < 256; b++)
        cr_expect(d.value[b] == (float)(b / 255.0), "%d", b);
    tsgd_dataset_release(&d);
}

Test(idx, classes_are_the_largest_label_and_one)
{
    struct tsgd_dataset d;
    file[TEST_LABELS].byte[9] = 200;
    write_all(false);
    cr_assert(load(&d, NULL) == TSGD_OK);
    cr_expect(d.classes == 201);
    tsgd_dataset_release(&d);
}

Test(idx, there_are_at_least_two_classes)
{
    struct tsgd_dataset d;
    memset(file[TRAIN_LABELS].byte + 8, 0, 5);
    memset(file[TEST_LABELS].byte + 8, 0, 3);
    write_all(false);
    cr_assert(load(&d, NULL) == TSGD_OK);
    cr_expect(d.classes == 2);
    tsgd_dataset_release(&d);
}

Test(idx, mnist_has_ten_classes_and_takes_a_directory)
{
    struct tsgd_dataset d;
    memset(file[TRAIN_LABELS].byte + 8, 0, 5);
    memset(file[TEST_LABELS].byte + 8, 0, 3);
    write_all(false);
    cr_assert(tsgd_dataset_load(&d, "mnist", &(struct tsgd_request){.dir = dir}, NULL) == TSGD_OK);
    cr_expect(d.classes == 10);
    tsgd_dataset_release(&d);
}

Test(idx, mnist_refuses_a_label_above_nine)
{
    struct tsgd_dataset d;
    struct tsgd_error err;
    file[TEST_LABELS].byte[10] = 10;
    write_all(true);
    cr_expect(tsgd_dataset_load(&d, "mnist",
                                &(struct tsgd_request){.dir = dir}, &err) == TSGD_EFORMAT);
    cr_expect(strstr(err.text, "t10k-labels-idx1-ubyte.gz: label 10 of sample 2"), "%s", err.text);
}

Test(idx, a_missing_file_is_named_both_ways)
{
    char path[96];
    write_all(false);
    name_of(path, TEST_LABELS, false);
    unlink(path);
    expect_failure(TSGD_EIO, "t10k-labels-idx1-ubyte ", "t10k-labels-idx1-ubyte.gz");
}

Test(idx, a_missing_fashion_mnist_names_the_package)
{
    struct tsgd_dataset d;
    struct tsgd_error err;
    cr_expect(tsgd_dataset_load(&d, "fashion-mnist",
                                &(struct tsgd_request){.dir = dir}, &err) == TSGD_EIO);
    cr_expect(strstr(err.text, dir) && strstr(err.text, "dataset-fashion-mnist"), "%s", err.text);
}

Test(idx, a_directory_in_place_of_a_file_is_an_error_of_reading)
{
    char path[96], command[128];
    write_all(false);
    name_of(path, TRAIN_IMAGES, false);
    unlink(path);
    snprintf(command, sizeof command, "mkdir %s", path);
    cr_assert(system(command) == 0);
    expect_failure(TSGD_EIO, "train-images-idx3-ubyte", "directory");
    rmdir(path);
}

Test(idx, another_magic_number_is_refused)
{
    set32(&file[TRAIN_IMAGES], 0, 0x801);
    write_all(false);
    expect_failure(TSGD_EFORMAT, "train-images-idx3-ubyte", "magic 0x801, want 0x803");
}

Test(idx, labels_in_place_of_images_are_refused)
{
    file[TRAIN_LABELS] = file[TRAIN_IMAGES];
    write_all(false);
    expect_failure(TSGD_EFORMAT, "train-labels-idx1-ubyte", "magic 0x803, want 0x801");
}

/* Every length of header that is too short. */
Test(idx, a_header_that_is_cut_off_is_refused)
{
    for (size_t n = 0; n < 16; n++) {
        file[TEST_IMAGES].n = n;
        write_all(false);
        expect_failure(TSGD_EFORMAT, "t10k-images-idx3-ubyte", "want a header of 16");
    }
}

Test(idx, truncated_pixels_are_refused)
{
    file[TRAIN_IMAGES].n--;
    write_all(false);
    expect_failure(TSGD_EFORMAT, "train-images-idx3-ubyte", "29 bytes after the header, want 30");
}

Test(idx, truncated_labels_are_refused)
{
    file[TEST_LABELS].n--;
    write_all(true);
    expect_failure(TSGD_EFORMAT, "t10k-labels-idx1-ubyte.gz", "2 bytes after the header, want 3");
}

Test(idx, bytes_left_over_are_refused)
{
    file[TEST_LABELS].byte[file[TEST_LABELS].n++] = 0;
    write_all(true);
    expect_failure(TSGD_EFORMAT, "t10k-labels-idx1-ubyte.gz", "goes on after the 3 bytes");
}

Test(idx, no_samples_are_refused)
{
    set32(&file[TRAIN_IMAGES], 4, 0);
    write_all(false);
    expect_failure(TSGD_EFORMAT, "train-images-idx3-ubyte", "0 samples");
}

static const struct { uint32_t height, width; } sides[] = {
    {0, 3}, {2, 0}, {65536, 1}, {1, 65536}, {UINT32_MAX, UINT32_MAX},
};
ParameterizedTestParameters(idx, absurd_sides_are_refused)
{
    size_t n = sizeof sides / sizeof *sides, *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, NULL);
}
ParameterizedTest(size_t *row, idx, absurd_sides_are_refused)
{
    set32(&file[TRAIN_IMAGES], 8, sides[*row].height);
    set32(&file[TRAIN_IMAGES], 12, sides[*row].width);
    write_all(false);
    expect_failure(TSGD_EFORMAT, "train-images-idx3-ubyte", "want 1 to 65535");
}

/* 2^32-1 images of 65535 x 65535: almost 2^64 bytes. */
Test(idx, a_header_that_promises_more_than_memory_is_refused_before_it_is_believed)
{
    set32(&file[TRAIN_IMAGES], 4, UINT32_MAX);
    set32(&file[TRAIN_IMAGES], 8, 32767);
    set32(&file[TRAIN_IMAGES], 12, 65535);
    set32(&file[TRAIN_LABELS], 4, UINT32_MAX);
    write_all(false);
    expect_failure(TSGD_ENOMEM, "train-images-idx3-ubyte", "GiB are available");
}

Test(idx, images_and_labels_of_different_count_are_refused)
{
    set32(&file[TRAIN_LABELS], 4, 4);
    file[TRAIN_LABELS].n--;
    write_all(false);
    expect_failure(TSGD_EFORMAT, "train-labels-idx1-ubyte: 4 labels, want 5",
                   "train-images-idx3-ubyte");
}

Test(idx, test_images_of_another_size_are_refused)
{
    set32(&file[TEST_IMAGES], 8, 3);
    set32(&file[TEST_IMAGES], 12, 2);
    write_all(false);
    expect_failure(TSGD_EFORMAT, "t10k-images-idx3-ubyte", "1 x 3 x 2 bytes, want 1 x 2 x 3 bytes");
}

/* Cuts the compressed file everywhere, its header and its checksum included. */
Test(idx, gzip_that_breaks_off_anywhere_is_refused)
{
    char path[96];
    long size = 0;
    write_all(true);
    name_of(path, TRAIN_IMAGES, true);
    FILE *f = fopen(path, "rb");
    cr_assert(f && fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) > 20);
    fclose(f);
    for (long n = size - 1; n >= 2; n--) {
        cr_assert(truncate(path, n) == 0);
        expect_failure(TSGD_EFORMAT, "train-images-idx3-ubyte.gz", "break off");
    }
}

static void flip(int which, long at)
{
    char path[96];
    name_of(path, which, true);
    FILE *f = fopen(path, "r+b");
    cr_assert(f && fseek(f, at, at < 0 ? SEEK_END : SEEK_SET) == 0);
    int c = getc(f);
    cr_assert(fseek(f, -1, SEEK_CUR) == 0 && putc(c ^ 0x55, f) != EOF && fclose(f) == 0);
}

Test(idx, gzip_with_a_wrong_checksum_is_refused)
{
    write_all(true);
    flip(TEST_LABELS, -8);
    expect_failure(TSGD_EFORMAT, "t10k-labels-idx1-ubyte.gz", "corrupt");
}

Test(idx, gzip_of_an_unknown_method_is_refused)
{
    write_all(true);
    flip(TEST_LABELS, 2);
    expect_failure(TSGD_EFORMAT, "t10k-labels-idx1-ubyte.gz", "corrupt");
}

static void append(int which, const void *bytes, size_t n)
{
    char path[96];
    name_of(path, which, true);
    FILE *f = fopen(path, "ab");
    cr_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

Test(idx, bytes_after_the_end_of_gzip_are_refused)
{
    for (int which = 0; which < FILES; which++) {
        write_all(true);
        append(which, "x", 1);
        expect_failure(TSGD_EFORMAT, names[which], "goes on after the end of its gzip data");
    }
}

Test(idx, a_member_begun_after_the_end_of_gzip_is_refused)
{
    write_all(true);
    append(TEST_IMAGES, "\x1f\x8b\x08", 3);
    expect_failure(TSGD_EFORMAT, names[TEST_IMAGES], "break off");
}

Test(idx, gzip_of_several_members_is_read)
{
    struct tsgd_dataset d;
    char path[96];
    write_all(true);
    name_of(path, TRAIN_IMAGES, true);
    for (int part = 0; part < 3; part++) {      /* the last one is empty */
        gzFile f = gzopen(path, part ? "ab" : "wb");
        int n = part == 0 ? 20 : part == 1 ? (int)file[TRAIN_IMAGES].n - 20 : 0;
        cr_assert(f && gzwrite(f, file[TRAIN_IMAGES].byte + 20 * part, (unsigned)n) == n);
        cr_assert(gzclose(f) == Z_OK);
    }
    cr_assert(load(&d, NULL) == TSGD_OK);
    check_contents(&d);
    tsgd_dataset_release(&d);
}

/* 2^29 labels, and images of one pixel: few machines are too small for them, but this process has
 * not got the address space.                                                                    */
#ifndef __SANITIZE_ADDRESS__
Test(idx, memory_is_taken_only_for_bytes_that_are_there)
{
    struct rlimit limit = {512 << 20, 512 << 20};
    for (int which = 0; which < 2; which++)
        set32(&file[which], 4, 1 << 29);
    set32(&file[TRAIN_IMAGES], 8, 1);
    set32(&file[TRAIN_IMAGES], 12, 1);
    write_all(false);
    cr_assert(setrlimit(RLIMIT_AS, &limit) == 0);
    expect_failure(TSGD_EFORMAT, names[TRAIN_LABELS], "5 bytes after the header, want 536870912");
}
#endif

static void expect_refusal(const char *data, const char *data_dir, const char *part)
{
    struct tsgd_dataset d;
    struct tsgd_error err = {TSGD_OK, ""};
    cr_expect(tsgd_dataset_load(&d, data,
                                &(struct tsgd_request){.dir = data_dir}, &err) == TSGD_EINVAL,
              "%s", data);
    cr_expect(strstr(err.text, part), "%s: '%s'", data, err.text);
}

Test(idx, an_unknown_source_is_answered_with_the_nearest)
{
    expect_refusal("fashion-mnits", NULL, "did you mean 'fashion-mnist'");
}

Test(idx, arguments_that_a_source_does_not_take_are_refused)
{
    expect_refusal("fashion-mnist:x", NULL, "':x'");
    expect_refusal("mnist:x", dir, "':x'");
    expect_refusal("cifar10:x", dir, "':x'");
    expect_refusal("digits:x", NULL, "--data digits: takes no argument, found ':x'");
}

Test(idx, a_directory_is_asked_for_where_it_is_needed)
{
    expect_refusal("mnist", NULL, "--data-dir");
    expect_refusal("idx", NULL, "idx:DIR");
    expect_refusal("idx:", NULL, "idx:DIR");
}

Test(idx, a_directory_that_would_be_ignored_is_refused)
{
    expect_refusal("blobs", "/tmp", "takes no directory");
    expect_refusal("idx:/tmp", "/tmp", "takes no directory");
}
