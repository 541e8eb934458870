/* Small files of the format, written anew for each test: there is no need for the real ones. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/dataset.h"
#include "data/source.h"

enum { FILES = 6, RECORD = 3073, MOST = 4 };
static const char *const names[FILES] = {
    "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
    "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin",
};
static const uint32_t records[FILES] = {3, 1, 4, 1, 2, 3};

static char dir[40];
static uint8_t record[MOST * RECORD];

static uint8_t label(uint32_t file, uint32_t i) { return (uint8_t)((file * 3 + i * 7) % 10); }
static uint8_t pixel(uint32_t file, uint32_t i, uint32_t f)
{
    return (uint8_t)(file * 41 + i * 17 + f * 5 + f / 1024 * 3);
}

static void write_bytes(const char *folder, const char *name, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    cr_assert(f && fwrite(record, 1, n, f) == n && fclose(f) == 0, "%s", path);
}

static void fill(uint32_t file)
{
    for (uint32_t i = 0; i < MOST; i++) {
        record[i * RECORD] = label(file, i);
        for (uint32_t f = 0; f < 3072; f++)
            record[i * RECORD + 1 + f] = pixel(file, i, f);
    }
}

static void write_all(const char *folder)
{
    for (uint32_t file = 0; file < FILES; file++) {
        fill(file);
        write_bytes(folder, names[file], records[file] * RECORD);
    }
}

static void make_dir(void)
{
    strcpy(dir, "/tmp/tsgd-cifar-XXXXXX");
    cr_assert(mkdtemp(dir));
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s, (void)type, (void)at;
    return remove(path);
}

static void remove_dir(void) { nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

TestSuite(cifar10, .init = make_dir, .fini = remove_dir, .timeout = 60);

static void expect_samples(const struct tsgd_samples *s, uint32_t first, uint32_t last)
{
    uint32_t at = 0;
    for (uint32_t file = first; file <= last; file++)
        for (uint32_t i = 0; i < records[file]; i++, at++) {
            cr_assert(at < s->count && s->labels[at] == label(file, i), "sample %u", at);
            for (uint32_t f = 0; f < 3072; f++)
                cr_assert(s->bytes[at * 3072 + f] == pixel(file, i, f), "sample %u, %u", at, f);
        }
    cr_expect(s->count == at, "%u, want %u", s->count, at);
}

static void expect_all(void)
{
    struct tsgd_dataset d;
    struct tsgd_error err;
    cr_assert(tsgd_dataset_load(&d, "cifar10",
                                &(struct tsgd_request){.dir = dir}, &err) == TSGD_OK,
              "%s", err.text);
    cr_expect(d.shape.channels == 3 && d.shape.height == 32 && d.shape.width == 32);
    cr_expect(d.classes == 10 && d.value[0] == 0 && d.value[255] == 1 && d.value[51] == 0.2f);
    expect_samples(&d.train, 0, 4);
    expect_samples(&d.test, 5, 5);
    tsgd_dataset_release(&d);
}

Test(cifar10, the_files_are_read_in_order)
{
    write_all(dir);
    expect_all();
}

Test(cifar10, the_directory_may_hold_the_one_that_the_archive_unpacks_into)
{
    char folder[80];
    snprintf(folder, sizeof folder, "%s/cifar-10-batches-bin", dir);
    cr_assert(mkdir(folder, 0777) == 0);
    write_all(folder);
    expect_all();
}

/* The load fails, with the fragment in its sentence, and leaves *out as it was. */
static void expect_failure(const char *data, const char *where, enum tsgd_status want,
                           const char *says)
{
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_error err = {TSGD_OK, ""};
    d.classes = 12345;
    cr_expect(tsgd_dataset_load(&d, data, &(struct tsgd_request){.dir = where}, &err) == want,
              "%d, %s", (int)err.status, err.text);
    cr_expect(strstr(err.text, says), "'%s' in '%s'", says, err.text);
    cr_expect(d.classes == 12345 && d.train.bytes == NULL);
}

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, (void (*)(struct criterion_test_params *))cr_free);
}

ParameterizedTestParameters(cifar10, a_missing_file_is_named) { return rows(FILES); }
ParameterizedTest(size_t *row, cifar10, a_missing_file_is_named)
{
    char path[128];
    write_all(dir);
    snprintf(path, sizeof path, "%s/%s", dir, names[*row]);
    cr_assert(unlink(path) == 0);
    snprintf(path, sizeof path, "/%s: cannot open: No such file", names[*row]);
    expect_failure("cifar10", dir, TSGD_EIO, path);
}

static const struct { uint32_t file; size_t bytes; const char *says; } sizes[] = {
    {0, 0, "data_batch_1.bin: 0 bytes, want records of 3073 bytes"},
    {2, RECORD - 1, "data_batch_3.bin: 3072 bytes, want records of 3073 bytes"},
    {4, 2 * RECORD + 1, "data_batch_5.bin: 6147 bytes"},
    {5, 3072, "test_batch.bin: 3072 bytes"},
};
ParameterizedTestParameters(cifar10, a_broken_record_is_refused)
{
    return rows(sizeof sizes / sizeof *sizes);
}
ParameterizedTest(size_t *row, cifar10, a_broken_record_is_refused)
{
    write_all(dir);
    write_bytes(dir, names[sizes[*row].file], sizes[*row].bytes);
    expect_failure("cifar10", dir, TSGD_EFORMAT, sizes[*row].says);
}

Test(cifar10, a_label_above_9_is_refused_with_file_and_record)
{
    write_all(dir);
    fill(2);
    record[3 * RECORD] = 10;
    write_bytes(dir, names[2], 4 * RECORD);
    expect_failure("cifar10", dir, TSGD_EFORMAT,
                   "data_batch_3.bin: label 10 of record 3, want 0 to 9");
}

Test(cifar10, a_directory_in_place_of_a_file_is_refused)
{
    char path[128];
    write_all(dir);
    snprintf(path, sizeof path, "%s/test_batch.bin", dir);
    cr_assert(unlink(path) == 0 && mkdir(path, 0777) == 0);
    expect_failure("cifar10", dir, TSGD_EIO, "test_batch.bin: cannot open: Is a directory");
}

Test(cifar10, a_directory_must_be_given_and_nothing_else)
{
    expect_failure("cifar10", NULL, TSGD_EINVAL, "--data cifar10: needs --data-dir");
    expect_failure("cifar10:x", dir, TSGD_EINVAL, "--data cifar10: takes no argument, found ':x'");
    expect_failure("cifar10", "/nowhere", TSGD_EIO, "/nowhere/data_batch_1.bin: cannot open");
}

/* So that no output can overwrite one of them. */
Test(cifar10, every_file_it_reads_is_known)
{
    char path[128], want[128];
    size_t found = 0;
    for (size_t i = 0; tsgd_dataset_file("cifar10", dir, i, path, sizeof path); i++)
        for (int file = 0; file < FILES; file++)
            for (int inner = 0; inner < 2; inner++) {
                snprintf(want, sizeof want, "%s/%s%s", dir, inner ? "cifar-10-batches-bin/" : "",
                         names[file]);
                found += !strcmp(path, want);
            }
    cr_expect(found == 2 * FILES, "%zu", found);
}
