/* The binary version of CIFAR-10 (Krizhevsky 2009): records of a label byte and 3 x 32 x 32 pixels,
 * channel after channel, row after row; 10,000 of them in each of six files. A file may hold any
 * number of whole records, so that small files in the same format can be read too.              */
#include "data/source.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLASSES = 10, PIXELS = 3 * 32 * 32, RECORD = 1 + PIXELS, PARTS = 5 };

#define FOLDER "cifar-10-batches-bin"

static const char *const train_names[PARTS] = {
    "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
    "data_batch_5.bin",
};
static const char *const test_names[] = {"test_batch.bin"};

#define EITHER(name) name, FOLDER "/" name
static const char *const files[] = {
    EITHER("data_batch_1.bin"), EITHER("data_batch_2.bin"), EITHER("data_batch_3.bin"),
    EITHER("data_batch_4.bin"), EITHER("data_batch_5.bin"), EITHER("test_batch.bin"), NULL,
};

struct part {
    FILE *f;
    char path[PATH_MAX];
    uint32_t records;
};

/* The archive unpacks into a folder: `dir` may be that folder, or the place it was unpacked in. */
static const char *folder_in(const char *dir)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", dir, train_names[0]);
    if (n < 0 || (size_t)n >= sizeof path || access(path, F_OK) == 0)
        return "";
    n = snprintf(path, sizeof path, "%s/" FOLDER, dir);
    return n >= 0 && (size_t)n < sizeof path && access(path, F_OK) == 0 ? FOLDER "/" : "";
}

static enum tsgd_status open_part(struct part *p, const char *dir, const char *name,
                                  struct tsgd_error *err)
{
    struct stat s;
    const char *why;
    int n = snprintf(p->path, sizeof p->path, "%s/%s%s", dir, folder_in(dir), name);
    if (n < 0 || (size_t)n >= sizeof p->path)
        return tsgd_fail(err, TSGD_EIO, "the directory's name '%.80s..' is too long", dir);
    p->f = tsgd_open_input(p->path, false, &why);
    if (!p->f)
        return tsgd_fail(err, TSGD_EIO, "%s: cannot open: %s; --data-dir says where the binary "
                         "version of CIFAR-10 lies", p->path, why);
    if (fstat(fileno(p->f), &s) != 0)
        return tsgd_fail(err, TSGD_EIO, "%s: cannot read: %s", p->path, strerror(errno));
    if (s.st_size == 0 || s.st_size % RECORD != 0 || s.st_size / RECORD > UINT32_MAX / PARTS)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: %lld bytes, want records of %d bytes, 1 to %u of "
                         "them", p->path, (long long)s.st_size, RECORD, UINT32_MAX / PARTS);
    p->records = (uint32_t)(s.st_size / RECORD);
    return TSGD_OK;
}

/* The files of one part of the data set, as one. */
struct set {
    struct part *part;          /* [n] */
    int n, at;                  /* at: the file that is being read */
    uint32_t in_file;           /* records of it that have been */
    uint32_t records;           /* of all files */
    uint16_t *labels;           /* where they go; NULL: they are there */
    uint8_t spare[PIXELS];      /* of a record that nobody needs */
};
#define SET_INIT {.part = NULL}

static void close_set(struct set *s)
{
    for (int i = 0; i < s->n; i++)
        if (s->part[i].f)
            fclose(s->part[i].f);
    free(s->part);
}

static enum tsgd_status open_set(struct set *s, const char *dir, const char *const *names, int n,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(TSGD_NEW(&s->part, (size_t)n, "--data cifar10", err));
    s->n = n;
    for (int i = 0; i < n; i++) {
        TRY(open_part(&s->part[i], dir, names[i], err));
        s->records += s->part[i].records;
    }
done:
    return st;
}

static enum tsgd_status next_record(void *from, uint32_t i, uint8_t *to, struct tsgd_error *err)
{
    struct set *s = from;
    uint8_t label;
    while (s->in_file == s->part[s->at].records) {
        s->at++;
        s->in_file = 0;
    }
    struct part *p = &s->part[s->at];
    if (fread(&label, 1, 1, p->f) != 1 || fread(to ? to : s->spare, 1, PIXELS, p->f) != PIXELS)
        return ferror(p->f) ? tsgd_fail(err, TSGD_EIO, "%s: cannot read: %s", p->path,
                                        strerror(errno))
                            : tsgd_fail(err, TSGD_EFORMAT, "%s: the file ended while it was read",
                                        p->path);
    if (label >= CLASSES)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: label %u of record %u, want 0 to %d", p->path,
                         label, s->in_file, CLASSES - 1);
    s->in_file++;
    if (s->labels)
        s->labels[i] = label;
    return TSGD_OK;
}

/* Room for the labels; they come with the pixels, unless they are needed before. */
static enum tsgd_status take_labels(struct tsgd_samples *out, struct set *s, bool before,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(TSGD_NEW(&out->labels, s->records, "--data cifar10", err));
    out->count = s->records;
    s->labels = out->labels;
    if (!before)
        return TSGD_OK;
    for (uint32_t i = 0; i < s->records; i++)
        TRY(next_record(s, i, NULL, err));
    for (int i = 0; i < s->n; i++)
        rewind(s->part[i].f);
    s->labels = NULL;
    s->at = 0;
    s->in_file = 0;
done:
    return st;
}

static enum tsgd_status load(const struct tsgd_request *r, struct tsgd_dataset *out,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct set train = SET_INIT, test = SET_INIT;
    const bool before = r->sieve != NULL;
    d.shape = (struct tsgd_shape){3, 32, 32};
    d.classes = d.outputs = CLASSES;
    tsgd_dataset_pixels(&d);
    TRY(open_set(&train, r->dir, train_names, PARTS, err));
    TRY(open_set(&test, r->dir, test_names, 1, err));
    TRY(take_labels(&d.train, &train, before, err));
    TRY(take_labels(&d.test, &test, before, err));
    TRY(tsgd_sieve_choose(r->sieve, &d, err));
    TRY(tsgd_sieve_bytes(&d, &d.train, &(struct tsgd_stream){
            .from = &train, .next = next_record, .kept = tsgd_sieve_train(r->sieve),
            .tally = tsgd_sieve_tally(r->sieve), .what = "--data cifar10",
        }, err));
    TRY(tsgd_sieve_bytes(&d, &d.test, &(struct tsgd_stream){
            .from = &test, .next = next_record, .kept = tsgd_sieve_test(r->sieve),
            .what = "--data cifar10",
        }, err));
    *out = d;
    d = (struct tsgd_dataset)TSGD_DATASET_INIT;
done:
    close_set(&train);
    close_set(&test);
    tsgd_dataset_release(&d);
    return st;
}

const struct tsgd_source tsgd_source_cifar10 = {
    .name = "cifar10",
    .usage = "cifar10",
    .summary = "60,000 colour pictures, 3x32x32, 10 classes (Krizhevsky 2009), the binary version, "
               "from --data-dir",
    .has_files = true,
    .files = files,
    .load = load,
};
