/* Arrays of NumPy's: an archive with x and y, or with x_train, y_train, x_test and y_test, or two
 * files .npy. What x is, its shape says:
 *     [N] or [N, F]       tables
 *     [N, H, W]           images of one channel
 *     [N, C, H, W]        images; or [N, H, W, C], see data/arrays.h
 * uint8 stays bytes, which stand for b / 255 as in IDX files; bool stays bytes of 0 and 1; all else
 * becomes floats.                                                                               */
#include "base/mem.h"
#include "base/text.h"
#include "data/archive.h"
#include "data/arrays.h"
#include "data/inflate.h"
#include "data/classes.h"
#include "data/npy.h"
#include "data/paths.h"
#include "data/source.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

extern const struct tsgd_source tsgd_source_npz;

/* One array, from wherever it lies. */
struct array {
    struct tsgd_npy npy;
    struct tsgd_member member;
    struct tsgd_inflate file;
};

struct pair {
    struct array x, y;
};

/* A file that --data names. */
struct place {
    const char *path, *second;  /* second: the labels, of a pair of .npy files; else NULL */
    struct tsgd_archive archive;
};

/* ---- opening ---- */

static enum tsgd_status read_member(void *source, void *to, size_t n, size_t *got,
                                    struct tsgd_error *err)
{
    return tsgd_member_read(source, to, n, got, err);
}

static enum tsgd_status read_file(void *source, void *to, size_t n, size_t *got,
                                  struct tsgd_error *err)
{
    return tsgd_inflate_read(source, to, n, got, err);
}

static enum tsgd_status open_member(struct array *a, const struct tsgd_archive *from,
                                    const char *name, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    snprintf(a->npy.name, sizeof a->npy.name, "%.300s: %s", from->path, name);
    TRY(tsgd_member_open(&a->member, from, name, err));
    a->npy.read = read_member;
    a->npy.source = &a->member;
    TRY(tsgd_npy_open(&a->npy, err));
done:
    return st;
}

static enum tsgd_status open_file(struct array *a, const char *path, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    bool found;
    snprintf(a->npy.name, sizeof a->npy.name, "%.300s", path);
    TRY(tsgd_inflate_open(&a->file, path, true, &found, err));
    if (!found)
        TRY(tsgd_fail(err, TSGD_EIO, "%s: there is no such file", path));
    a->npy.read = read_file;
    a->npy.source = &a->file;
    TRY(tsgd_npy_open(&a->npy, err));
done:
    return st;
}

static void close_pair(struct pair *p)
{
    tsgd_member_close(&p->x.member);
    tsgd_member_close(&p->y.member);
    tsgd_inflate_close(&p->x.file);
    tsgd_inflate_close(&p->y.file);
}

/* What x and y are called: of training, of a file for the test alone, and of a test beside the
 * training in one file.                                                                         */
static const char *const train_names[][2] = {
    {"x.npy", "y.npy"}, {"X.npy", "y.npy"},
    {"x_train.npy", "y_train.npy"}, {"X_train.npy", "y_train.npy"}, {NULL, NULL},
};
static const char *const test_names[][2] = {
    {"x.npy", "y.npy"}, {"X.npy", "y.npy"},
    {"x_test.npy", "y_test.npy"}, {"X_test.npy", "y_test.npy"}, {NULL, NULL},
};
static const char *const beside_names[][2] = {
    {"x_test.npy", "y_test.npy"}, {"X_test.npy", "y_test.npy"}, {NULL, NULL},
};

/* *found: there are such arrays, and they are open. */
static enum tsgd_status open_pair(struct pair *p, const struct place *from,
                                  const char *const names[][2], bool *found,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    *found = true;
    if (from->second) {
        TRY(open_file(&p->x, from->path, err));
        TRY(open_file(&p->y, from->second, err));
        return TSGD_OK;
    }
    for (; **names; names++)
        if (tsgd_archive_has(&from->archive, names[0][0]) &&
            tsgd_archive_has(&from->archive, names[0][1])) {
            TRY(open_member(&p->x, &from->archive, names[0][0], err));
            TRY(open_member(&p->y, &from->archive, names[0][1], err));
            return TSGD_OK;
        }
    *found = false;
done:
    return st;
}

static enum tsgd_status open_place(struct place *out, char *path, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t n = strlen(path);
    *out = (struct place){.second = tsgd_paths_cut(path), .path = path};
    if (!out->second && n > 4 && !strcmp(path + n - 4, ".npy"))
        TRY(tsgd_fail(err, TSGD_EINVAL, "--data npz: found '%s', want X.npy+Y.npy, samples and "
                      "labels", path));
    if (out->second && !*out->second)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--data npz: found '%s+', want X.npy+Y.npy, samples and "
                      "labels", path));
    if (!out->second)
        TRY(tsgd_archive_open(&out->archive, path, err));
done:
    return st;
}

static enum tsgd_status fail_names(const struct place *from, const char *want,
                                   struct tsgd_error *err)
{
    char shown[TSGD_MEMBERS_SHOWN];
    return tsgd_fail(err, TSGD_EFORMAT, "%s: holds %s, want %s", from->path,
                     tsgd_archive_show(&from->archive, shown), want);
}

/* ---- shapes ---- */

/* y has a label, or `outputs` numbers, for each sample. */
static enum tsgd_status check_targets(const struct pair *p, bool numbers, uint32_t *outputs,
                                      struct tsgd_error *err)
{
    const struct tsgd_npy *y = &p->y.npy;
    struct tsgd_shown shown;
    uint64_t width = y->rank == 2 ? y->shape[1] : 1;
    if (y->shape[0] != p->x.npy.shape[0])
        return tsgd_fail(err, TSGD_EFORMAT, "%s: %llu labels, want %llu, one for each sample of %s",
                         y->name, (unsigned long long)y->shape[0],
                         (unsigned long long)p->x.npy.shape[0], p->x.npy.name);
    if (y->rank > 2 || width > (numbers ? TSGD_MOST_CLASSES : 1))
        return tsgd_fail(err, TSGD_EFORMAT, "%s: shape %s, want %s", y->name,
                         tsgd_array_show(&shown, y), numbers ? "a row of numbers for each sample" :
                         "one label for each sample; y.argmax(1) makes them of rows with a 1");
    if (numbers && (y->kind == TSGD_NPY_UNICODE || y->kind == TSGD_NPY_BYTES))
        return tsgd_fail(err, TSGD_EFORMAT, "%s: texts, want numbers, since --loss mse takes no "
                         "classes", y->name);
    *outputs = (uint32_t)width;
    return TSGD_OK;
}

/* ---- samples and targets ---- */

static enum tsgd_status read_numbers(struct tsgd_npy *a, struct tsgd_shape shape, float **out,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_npy_floats(a, out, err));
    TRY(tsgd_array_order(a, shape, (void **)out, sizeof **out, err));
    TRY(tsgd_array_finite(a, *out, tsgd_shape_size(shape), err));
done:
    return st;
}

struct intake {
    struct tsgd_classes *labels; /* already sorted where the test is read */
    uint16_t *out;
    size_t room;
    const char *name;
};

static enum tsgd_status take_label(void *to, const char *text, size_t n, uint64_t i,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct intake *in = to;
    TRY(tsgd_grow((void **)&in->out, &in->room, i + 1, sizeof *in->out, in->name,
                  "use fewer samples", err));
    if (n == 0)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: sample %llu has no label, want a name or a number",
                      in->name, (unsigned long long)i));
    if (in->labels->classes)
        TRY(tsgd_classes_find(in->labels, text, n, i, &in->out[i], err));
    else
        TRY(tsgd_classes_add(in->labels, text, n, i, &in->out[i], err));
done:
    return st;
}

/* labels: NULL where targets are numbers. What *out has got is the caller's to free, whatever comes
 * back.                                                                                         */
static enum tsgd_status read_samples(struct tsgd_dataset *d, struct pair *p,
                                     struct tsgd_classes *labels, struct tsgd_samples *out,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_npy *x = &p->x.npy, *y = &p->y.npy;
    struct intake in = {.labels = labels, .name = y->name};
    if (tsgd_array_is_bytes(x)) {
        TRY(tsgd_npy_bytes(x, &out->bytes, err));
        TRY(tsgd_array_order(x, d->shape, (void **)&out->bytes, 1, err));
    } else {
        TRY(read_numbers(x, d->shape, &out->floats, err));
    }
    if (!labels) {
        TRY(read_numbers(y, (struct tsgd_shape){1, 1, d->outputs}, &out->targets, err));
    } else {
        labels->path = y->name;
        st = tsgd_npy_texts(y, take_label, &in, err);
        out->labels = in.out;
    }
    out->count = (uint32_t)x->shape[0];
done:
    return st;
}

/* The first arrays say what the data set is. */
static enum tsgd_status read_train(struct tsgd_dataset *d, struct pair *p, bool numbers,
                                   struct tsgd_classes *labels, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_npy *x = &p->x.npy;
    TRY(tsgd_array_shape(&d->shape, x, err));
    TRY(check_targets(p, numbers, &d->outputs, err));
    d->format = tsgd_array_is_bytes(x) ? TSGD_FORMAT_BYTES : TSGD_FORMAT_FLOATS;
    d->table = x->rank < 3;
    tsgd_dataset_pixels(d);
    for (int b = 1; b < 256 && x->kind == TSGD_NPY_BOOL; b++)
        d->value[b] = 1;
    TRY(read_samples(d, p, numbers ? NULL : labels, &d->train, err));
    if (!numbers) {
        TRY(tsgd_classes_sort(labels, d->train.labels, d->train.count, err));
        TRY(tsgd_classes_name(labels, d, err));
    }
done:
    return st;
}

static enum tsgd_status read_test(struct tsgd_dataset *d, struct pair *p,
                                  const struct tsgd_npy *train_x, bool numbers,
                                  struct tsgd_classes *labels, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_npy *x = &p->x.npy;
    struct tsgd_shape shape;
    struct tsgd_shown found, want;
    uint32_t outputs;
    TRY(tsgd_array_shape(&shape, x, err));
    TRY(check_targets(p, numbers, &outputs, err));
    if (memcmp(&shape, &d->shape, sizeof shape) != 0 || (numbers && outputs != d->outputs)) {
        bool of_x = memcmp(&shape, &d->shape, sizeof shape) != 0;
        const struct tsgd_npy *a = of_x ? x : &p->y.npy;
        if (of_x)
            TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: shape %s, want samples as in %s, whose shape is "
                          "%s", a->name, tsgd_array_show(&found, a), train_x->name,
                          tsgd_array_show(&want, train_x)));
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: %u numbers a sample, want %u as in training",
                      a->name, outputs, d->outputs));
    }
    if (tsgd_array_is_bytes(x) != tsgd_array_is_bytes(train_x) ||
        (tsgd_array_is_bytes(x) && x->kind != train_x->kind))
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: items of type '%s', want '%s' as in %s, since uint8 "
                      "stands for b / 255 and bool for 0 and 1", x->name, x->type, train_x->type,
                      train_x->name));
    TRY(read_samples(d, p, numbers ? NULL : labels, &d->test, err));
done:
    return st;
}

#define PAIR_INIT {.x = {.member = TSGD_MEMBER_INIT}, .y = {.member = TSGD_MEMBER_INIT}}

static enum tsgd_status load(const struct tsgd_request *r, struct tsgd_dataset *out,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_classes labels = TSGD_CLASSES_INIT;
    struct tsgd_paths paths = {NULL, NULL};
    struct place train = {.archive = TSGD_ARCHIVE_INIT}, test = {.archive = TSGD_ARCHIVE_INIT};
    struct pair first = PAIR_INIT, second = PAIR_INIT;
    bool found;
    TRY(tsgd_paths_init(&paths, r->arg, tsgd_source_npz.usage, err));
    TRY(open_place(&train, paths.train, err));
    TRY(open_pair(&first, &train, train_names, &found, err));
    if (!found)
        TRY(fail_names(&train, "arrays x and y, or x_train, y_train, x_test and y_test", err));
    TRY(read_train(&d, &first, r->numbers, &labels, err));
    if (paths.test) {
        TRY(open_place(&test, paths.test, err));
        TRY(open_pair(&second, &test, test_names, &found, err));
        if (!found)
            TRY(fail_names(&test, "arrays x and y, or x_test and y_test", err));
    } else if (!train.second) {
        TRY(open_pair(&second, &train, beside_names, &found, err));
    } else {
        found = false;
    }
    if (found)
        TRY(read_test(&d, &second, &first.x.npy, r->numbers, &labels, err));
    *out = d;
    d = (struct tsgd_dataset)TSGD_DATASET_INIT;
done:
    tsgd_dataset_release(&d);
    tsgd_classes_release(&labels);
    close_pair(&first);
    close_pair(&second);
    tsgd_archive_close(&train.archive);
    tsgd_archive_close(&test.archive);
    free(paths.train);
    return st;
}

const struct tsgd_source tsgd_source_npz = {
    .name = "npz",
    .usage = "npz:TRAIN[,TEST]",
    .summary = "NumPy's arrays x and y in an .npz, or X.npy+Y.npy in place of TRAIN and TEST",
    .has_numbers = true,
    .has_paths = true,
    .load = load,
};
