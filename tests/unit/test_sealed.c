/* The checksum of checkpoints: no bit of one may change without notice. */
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
