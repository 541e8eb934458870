/* The checksum of checkpoints: no bit of one may change without notice. And tensors of which only
 * some blocks are in memory: the file is the same, and what is elsewhere is not touched.         */
#include "model/sealed.h"
#include "scratch.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The checkpoint of a small run in `file`, which is open for changes; returns its size. */
static size_t write_checkpoint(int *file)
{
    static const char *const setting[][2] = {
        {"model", "quadratic"}, {"dim", "2"}, {"nodes", "3"}, {"active", "2"}, {"rounds", "4"},
        {"threads", "1"}, {"momentum", "0.5"}, {"checkpoint", "run.ckpt"},
        {"checkpoint-every", "3"},
    };
    struct tsgd_settings *s;
    struct tsgd_run *run;
    struct tsgd_error err;
    struct stat info;
    cr_assert(tsgd_settings_create(&s, &err) == TSGD_OK);
    for (size_t i = 0; i < sizeof setting / sizeof *setting; i++)
        cr_assert(tsgd_settings_set(s, setting[i][0], setting[i][1], &err) == TSGD_OK, "%s",
                  err.text);
    cr_assert(tsgd_run_create(&run, s, &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_run_train(run, NULL, NULL, NULL, &err) == TSGD_OK, "%s", err.text);
    tsgd_run_free(run);
    tsgd_settings_free(s);
    *file = open("run.ckpt", O_RDWR);
    cr_assert(*file >= 0 && fstat(*file, &info) == 0);
    return (size_t)info.st_size;
}

static enum tsgd_status open_it(struct tsgd_error *err)
{
    struct tsgd_tensor_file s;
    enum tsgd_status st = tsgd_sealed_open(&s, "run.ckpt", err);
    if (st == TSGD_OK)
        tsgd_tensor_file_close(&s);
    return st;
}

Test(sealed, no_bit_of_a_checkpoint_can_change, .timeout = 300)
{
    struct scratch dir;
    struct tsgd_error err;
    int file;
    scratch_enter(&dir, "bits");
    size_t n = write_checkpoint(&file);
    cr_assert(n > 1000 && n < 20000, "%zu", n);
    for (size_t i = 0; i < n; i++) {
        unsigned char was, now;
        cr_assert(pread(file, &was, 1, (off_t)i) == 1);
        for (int bit = 0; bit < 8; bit++) {
            now = (unsigned char)(was ^ 1u << bit);
            cr_assert(pwrite(file, &now, 1, (off_t)i) == 1);
            cr_assert(open_it(&err) == TSGD_EFORMAT, "bit %d of byte %zu", bit, i);
            cr_assert(strstr(err.text, "run.ckpt"), "%s", err.text);
        }
        cr_assert(pwrite(file, &was, 1, (off_t)i) == 1);
    }
    cr_assert(open_it(&err) == TSGD_OK, "%s", err.text);
    close(file);
    scratch_leave(&dir);
}

Test(sealed, a_checkpoint_of_any_other_length_is_refused, .timeout = 300)
{
    struct scratch dir;
    struct tsgd_error err;
    int file;
    scratch_enter(&dir, "length");
    size_t n = write_checkpoint(&file);
    cr_assert(open_it(&err) == TSGD_OK, "%s", err.text);
    for (size_t more = 1; more < 20; more++) {
        cr_assert(ftruncate(file, (off_t)(n + more)) == 0);
        cr_assert(open_it(&err) == TSGD_EFORMAT, "%zu bytes", n + more);
    }
    for (size_t left = n; left-- > 0;) {
        cr_assert(ftruncate(file, (off_t)left) == 0);
        cr_assert(open_it(&err) == TSGD_EFORMAT, "%zu bytes", left);
    }
    close(file);
    scratch_leave(&dir);
}

/* ---- blocks that are elsewhere ---- */

enum { BLOCKS = 7, FLOATS = 5, STRIDE = 8, LAST = 3 };

/* Seven rows of two tensors, the blocks of each 8 floats apart, and a third tensor in one piece. */
struct rows {
    float row[BLOCKS][STRIDE];
    int64_t whole[4];
};

/* Blocks 0, 3 and 6 are here. The others come from `far` in pieces of 1, 2, .. bytes; in a tensor
 * whose blocks have `size` bytes, which begin `first` floats into a row.                         */
struct elsewhere {
    const struct rows *far;
    size_t first, size, block, done, pieces;
};

static bool every_third(const void *user, size_t block)
{
    (void)user;
    return block % 3 == 0;
}

static const void *next(void *user, size_t block, size_t *bytes)
{
    struct elsewhere *e = user;
    cr_assert(block % 3 != 0 && block < BLOCKS);
    if (block != e->block) {
        cr_assert(block > e->block && (e->block == 0 || e->done == e->size));
        e->block = block;
        e->done = 0;
    }
    cr_assert(*bytes == e->size - e->done);
    size_t most = 1 + e->pieces++ % 6, at = e->done;
    *bytes = *bytes < most ? *bytes : most;
    e->done += *bytes;
    return (const char *)(e->far->row[block] + e->first) + at;
}

static void list(struct tsgd_sealed_tensor tensor[3], struct rows *r,
                 const struct tsgd_sealed_blocks *first, const struct tsgd_sealed_blocks *last)
{
    tensor[0] = (struct tsgd_sealed_tensor){
        .name = "first", .dtype = "F32", .rank = 2, .extent = {BLOCKS, FLOATS}, .data = r->row,
        .blocks = BLOCKS, .block_bytes = FLOATS * 4, .stride_bytes = STRIDE * 4, .some = first,
    };
    tensor[1] = (struct tsgd_sealed_tensor){
        .name = "whole", .dtype = "I64", .rank = 1, .extent = {4}, .data = r->whole, .blocks = 1,
        .block_bytes = 32, .stride_bytes = 32,
    };
    tensor[2] = tensor[0];
    strcpy(tensor[2].name, "last");
    tensor[2].extent[1] = LAST;
    tensor[2].data = r->row[0] + FLOATS;
    tensor[2].block_bytes = LAST * 4;
    tensor[2].some = last;
}

static void write_it(const char *path, const struct tsgd_sealed_tensor *tensor)
{
    struct tsgd_error err;
    FILE *f = fopen(path, "w");
    cr_assert(f && tsgd_sealed_write(f, tensor, 3, json_object(), &err) == TSGD_OK);
    cr_assert(fclose(f) == 0);
}

static struct rows numbered(void)
{
    struct rows r;
    for (int b = 0; b < BLOCKS; b++)
        for (int j = 0; j < STRIDE; j++)
            r.row[b][j] = (float)(100 * b + j);
    for (int i = 0; i < 4; i++)
        r.whole[i] = -i;
    return r;
}

/* The numbered rows, of which those of blocks that are elsewhere are 0. */
static struct rows held(void)
{
    struct rows r = numbered();
    for (size_t b = 0; b < BLOCKS; b++)
        if (!every_third(NULL, b))
            memset(r.row[b], 0, sizeof r.row[b]);
    return r;
}

static size_t slurp(const char *path, char bytes[2000])
{
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(bytes, 1, 2000, f) : 0;
    cr_assert(f && n > 300 && n < 2000);
    fclose(f);
    return n;
}

Test(sealed, blocks_that_come_from_elsewhere_in_pieces_make_the_same_file)
{
    struct scratch dir;
    struct rows all = numbered(), here = held();
    struct elsewhere a = {&all, 0, FLOATS * 4, 0, 0, 0}, b = {&all, FLOATS, LAST * 4, 0, 0, 0};
    const struct tsgd_sealed_blocks first = {every_third, next, &a}, last = {every_third, next, &b};
    struct tsgd_sealed_tensor tensor[3];
    char one[2000], other[2000];
    scratch_enter(&dir, "pieces");
    list(tensor, &all, NULL, NULL);
    write_it("one", tensor);
    list(tensor, &here, &first, &last);
    write_it("other", tensor);
    size_t n = slurp("one", one);
    cr_assert(slurp("other", other) == n && !memcmp(one, other, n));
    cr_assert(a.block == 5 && a.done == a.size && b.block == 5 && b.done == b.size);
    scratch_leave(&dir);
}

Test(sealed, blocks_that_are_elsewhere_are_not_read)
{
    struct scratch dir;
    struct rows all = numbered(), want = held(), found = {{{0}}, {0}};
    const struct tsgd_sealed_blocks some = {every_third, NULL, NULL};
    struct tsgd_sealed_tensor tensor[3];
    struct tsgd_tensor_file s;
    struct tsgd_error err;
    scratch_enter(&dir, "skipped");
    list(tensor, &all, NULL, NULL);
    write_it("run.ckpt", tensor);
    list(tensor, &found, &some, &some);
    cr_assert(tsgd_sealed_open(&s, "run.ckpt", &err) == TSGD_OK, "%s", err.text);
    cr_assert(tsgd_sealed_read(&s, "run.ckpt", tensor, 3, &err) == TSGD_OK, "%s", err.text);
    cr_assert(!memcmp(found.whole, all.whole, sizeof all.whole));
    cr_assert(!memcmp(found.row, (struct rows){0}.row, sizeof found.row));
    cr_assert(tsgd_sealed_read_blocks(&s, "run.ckpt", tensor, 3, &err) == TSGD_OK, "%s", err.text);
    cr_assert(!memcmp(&found, &want, sizeof want));
    tsgd_tensor_file_close(&s);
    scratch_leave(&dir);
}
