#include "data/idx.h"

#include "base/mem.h"
#include "data/arrays.h"
#include "data/inflate.h"
#include "data/source.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { IMAGES = 0x803, LABELS = 0x801, MAX_SIDE = 65535 };

#define EITHER(name) name, name ".gz"
const char *const tsgd_idx_files[] = {
    EITHER("train-images-idx3-ubyte"), EITHER("train-labels-idx1-ubyte"),
    EITHER("t10k-images-idx3-ubyte"), EITHER("t10k-labels-idx1-ubyte"), NULL,
};

/* A file's place among four; that of the labels is the next one. */
enum { TRAIN_IMAGES = 0, TEST_IMAGES = 2 };

/* Where the four files are. */
struct origin {
    const char *dir;
    const char *hint;                       /* ends the sentence about one that is missing */
    const struct tsgd_idx_image *memory;    /* four, or NULL: in dir */
};

struct reader {
    struct tsgd_inflate f;
    char path[PATH_MAX];
};

static enum tsgd_status set_path(struct reader *r, const char *dir, const char *name,
                                 struct tsgd_error *err)
{
    int n = snprintf(r->path, sizeof r->path, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof r->path)
        return tsgd_fail(err, TSGD_EIO, "the directory's name '%.80s..' is too long", dir);
    return TSGD_OK;
}

/* *found says whether there was such a file; TSGD_EIO if there is one that does not open. */
static enum tsgd_status try_open(struct reader *r, const char *dir, const char *name, bool *found,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(set_path(r, dir, name, err));
    st = tsgd_inflate_open(&r->f, r->path, false, found, err);
done:
    return st;
}

static enum tsgd_status open_file(struct reader *r, const struct origin *from, int which,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const char *const *name = &tsgd_idx_files[(size_t)2 * (size_t)which];
    const char *plain = name[0], *gz = name[1];
    bool found = false;
    if (from->memory) {
        TRY(set_path(r, from->dir, gz, err));
        return tsgd_inflate_open_memory(&r->f, from->memory[which].bytes, from->memory[which].n,
                                        r->path, err);
    }
    TRY(try_open(r, from->dir, plain, &found, err));
    if (!found)
        TRY(try_open(r, from->dir, gz, &found, err));
    if (!found)
        st = tsgd_fail(err, TSGD_EIO, "%s: holds neither %s nor %s%s", from->dir, plain, gz,
                       from->hint);
done:
    return st;
}

/* The magic number and the `n` big-endian sizes after it. */
static enum tsgd_status read_header(struct reader *r, uint32_t magic, uint32_t *size, size_t n,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    unsigned char raw[4 * (1 + TSGD_NPY_RANK)];
    size_t want = 4 * (n + 1), got;
    uint32_t word[1 + TSGD_NPY_RANK] = {0};
    TRY(tsgd_inflate_read(&r->f, raw, want, &got, err));
    for (size_t i = 0; i < got / 4; i++)
        word[i] = (uint32_t)raw[4 * i] << 24 | (uint32_t)raw[4 * i + 1] << 16 |
                  (uint32_t)raw[4 * i + 2] << 8 | raw[4 * i + 3];
    if (got >= 4 && word[0] != magic)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: magic %#x, want %#x", r->path, word[0], magic));
    if (got < want)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: ends after %zu bytes, want a header of %zu",
                      r->path, got, want));
    memcpy(size, word + 1, n * sizeof *size);
    if (size[0] == 0)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: holds 0 samples, want at least 1", r->path));
    for (size_t i = 1; i < n; i++)
        if (size[i] == 0 || (n > 2 && size[i] > MAX_SIDE))
            TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: size %zu is %u, want 1 to %u", r->path, i + 1,
                          size[i], n > 2 ? (uint32_t)MAX_SIDE : UINT32_MAX));
done:
    return st;
}

static enum tsgd_status too_short(const struct reader *r, size_t got, size_t n,
                                  struct tsgd_error *err)
{
    return tsgd_fail(err, TSGD_EFORMAT, "%s: %zu bytes after the header, want %zu", r->path, got,
                     n);
}

/* After the n bytes that belong there. */
static enum tsgd_status check_end(struct reader *r, size_t n, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint8_t extra;
    size_t more;
    TRY(tsgd_inflate_read(&r->f, &extra, 1, &more, err));
    if (more)
        st = tsgd_fail(err, TSGD_EFORMAT, "%s: goes on after the %zu bytes that its header "
                       "promises", r->path, n);
done:
    return st;
}

/* Up to n bytes into *to; *got is less only where the file ends. Memory grows as the bytes arrive,
 * so that it is not the header alone that asks for it; *to is the caller's to free, whatever comes
 * back.                                                                                         */
static enum tsgd_status read_growing(struct reader *r, uint8_t **to, size_t n, size_t *got,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t room = 0, more = 1;
    *got = 0;
    while (*got < n && more > 0) {
        room = room == 0 ? 1 << 20 : 2 * room;
        room = room < n ? room : n;
        uint8_t *p = realloc(*to, room);
        if (!p)
            return tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for %zu bytes", r->path, room);
        *to = p;
        TRY(tsgd_inflate_read(&r->f, *to + *got, room - *got, &more, err));
        *got += more;
    }
done:
    return st;
}

/* Exactly n bytes into *to, and then the end; likewise. */
static enum tsgd_status read_rest(struct reader *r, uint8_t **to, size_t n, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t got;
    TRY(read_growing(r, to, n, &got, err));
    if (got < n)
        TRY(too_short(r, got, n, err));
    TRY(check_end(r, n, err));
done:
    return st;
}

/* Both files of one part of the set, open. */
struct pair {
    struct reader images, labels;
};

static void close_pair(struct pair *p)
{
    tsgd_inflate_close(&p->images.f);
    tsgd_inflate_close(&p->labels.f);
}

/* Opens them, and reads the headers and the labels. Adds what it finds out to d, where *out is a
 * part; the caller closes and releases whatever comes back.                                     */
static enum tsgd_status read_labels(struct pair *p, struct tsgd_dataset *d,
                                    struct tsgd_samples *out, const struct origin *from,
                                    int images_at, uint32_t classes, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct reader *images = &p->images, *labels = &p->labels;
    uint8_t *raw = NULL;
    uint32_t size[3], count;
    TRY(open_file(images, from, images_at, err));
    TRY(open_file(labels, from, images_at + 1, err));
    TRY(read_header(images, IMAGES, size, 3, err));
    TRY(read_header(labels, LABELS, &count, 1, err));
    if (count != size[0])
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: %u labels, want %u, one for each image of %s",
                      labels->path, count, size[0], images->path));
    if (d->shape.channels && (size[1] != d->shape.height || size[2] != d->shape.width))
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: images of %u x %u, want %u x %u as in training",
                      images->path, size[1], size[2], d->shape.height, d->shape.width));
    d->shape = (struct tsgd_shape){1, size[1], size[2]};
    TRY(read_rest(labels, &raw, count, err));
    TRY(TSGD_NEW(&out->labels, count, images->path, err));
    out->count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t label = raw[i];
        if (classes && label >= classes)
            TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: label %u of sample %u, want 0 to %u",
                          labels->path, label, i, classes - 1));
        if (label >= d->classes)
            d->classes = label + 1;
        out->labels[i] = (uint16_t)label;
    }
done:
    free(raw);
    return st;
}

/* Images of bytes, one after the other. */
struct images {
    struct reader *r;
    size_t features;
    uint32_t count;
    uint8_t *raw;               /* an image as the file has it; before the others, the first */
    uint32_t *place;            /* where each of its bytes belongs; NULL: where it is */
};

static enum tsgd_status next_image(void *from, uint32_t i, uint8_t *to, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct images *s = from;
    uint8_t *raw = i > 0 && to && !s->place ? to : s->raw;
    size_t got = s->features;
    if (i > 0)
        TRY(tsgd_inflate_read(&s->r->f, raw, s->features, &got, err));
    if (got < s->features)
        TRY(too_short(s->r, i * s->features + got, s->count * s->features, err));
    for (size_t f = 0; to && s->place && f < s->features; f++)
        to[s->place[f]] = raw[f];
    if (to && !s->place && raw != to)
        memcpy(to, raw, s->features);
    if (i + 1 == s->count)
        TRY(check_end(s->r, s->count * s->features, err));
done:
    return st;
}

/* Those that are kept, of a part of d; order: the array, where images may stand in another order.
 * The tally is of training, or NULL.                                                            */
static enum tsgd_status sieve_images(struct tsgd_dataset *d, struct tsgd_samples *out,
                                     struct reader *r, const struct tsgd_npy *order,
                                     const struct tsgd_kept *kept, struct tsgd_tally *tally,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct images s = {.r = r, .features = tsgd_shape_size(d->shape), .count = out->count};
    size_t got;
    TRY(read_growing(r, &s.raw, s.features, &got, err));
    if (got < s.features)
        TRY(too_short(r, got, s.count * s.features, err));
    if (order)
        TRY(tsgd_array_places(order, d->shape, &s.place, err));
    TRY(tsgd_sieve_bytes(d, out, &(struct tsgd_stream){
            .from = &s, .next = next_image, .kept = kept, .tally = tally, .what = r->path,
        }, err));
done:
    free(s.raw);
    free(s.place);
    return st;
}

static enum tsgd_status read_images(struct tsgd_dataset *d, struct tsgd_samples *out,
                                    struct reader *r, const struct tsgd_kept *kept,
                                    struct tsgd_tally *tally, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t bytes = tsgd_mul(out->count, tsgd_shape_size(d->shape));
    if (kept)
        return sieve_images(d, out, r, NULL, kept, tally, err);
    TRY(tsgd_mem_check(bytes, r->path, "use fewer samples", err));
    TRY(read_rest(r, &out->bytes, bytes, err));
done:
    return st;
}

static enum tsgd_status load_from(struct tsgd_dataset *out, const struct origin *from,
                                  uint32_t classes, struct tsgd_sieve *sieve,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct pair *train = NULL, *test;   /* with two names of files each, too large for a stack */
    TRY(TSGD_NEW(&train, 2, "files of images", err));
    test = train + 1;
    d.classes = classes ? classes : 2;
    tsgd_dataset_pixels(&d);
    TRY(read_labels(train, &d, &d.train, from, TRAIN_IMAGES, classes, err));
    TRY(read_labels(test, &d, &d.test, from, TEST_IMAGES, classes, err));
    d.outputs = d.classes;
    TRY(tsgd_sieve_choose(sieve, &d, err));
    TRY(read_images(&d, &d.train, &train->images, tsgd_sieve_train(sieve), tsgd_sieve_tally(sieve),
                    err));
    TRY(read_images(&d, &d.test, &test->images, tsgd_sieve_test(sieve), NULL, err));
    *out = d;
    d = (struct tsgd_dataset)TSGD_DATASET_INIT;
done:
    for (size_t i = 0; train && i < 2; i++)
        close_pair(&train[i]);
    free(train);
    tsgd_dataset_release(&d);
    return st;
}

enum tsgd_status tsgd_idx_load(struct tsgd_dataset *out, const char *dir, uint32_t classes,
                               const char *hint, struct tsgd_sieve *sieve,
                               struct tsgd_error *err)
{
    const struct origin from = {.dir = dir, .hint = hint};
    return load_from(out, &from, classes, sieve, err);
}

enum tsgd_status tsgd_idx_load_memory(struct tsgd_dataset *out,
                                      const struct tsgd_idx_image file[4], const char *folder,
                                      uint32_t classes, struct tsgd_sieve *sieve,
                                      struct tsgd_error *err)
{
    const struct origin from = {.dir = folder, .memory = file};
    return load_from(out, &from, classes, sieve, err);
}

/* ---- every type and rank ---- */

/* Names of both parts, as MNIST's: images or tables of rank 3, 4 and 2, and labels; each type. */
#define FILES(part, what, rank)                                                                 \
    EITHER(part "-" what "-idx" rank "-ubyte"), EITHER(part "-" what "-idx" rank "-byte"),      \
    EITHER(part "-" what "-idx" rank "-short"), EITHER(part "-" what "-idx" rank "-int"),       \
    EITHER(part "-" what "-idx" rank "-float"), EITHER(part "-" what "-idx" rank "-double"),
#define PART(part)                                                                              \
    FILES(part, "images", "3") FILES(part, "images", "4") FILES(part, "images", "2")            \
    FILES(part, "labels", "1") FILES(part, "labels", "2")
static const char *const all_files[] = {PART("train") PART("t10k") NULL};

/* The types, in the order of their names, by the third byte of a file. */
static const struct {
    uint8_t code;
    enum tsgd_npy_kind kind;
    size_t item;
} types[] = {
    {0x08, TSGD_NPY_UINT, 1}, {0x09, TSGD_NPY_INT, 1}, {0x0b, TSGD_NPY_INT, 2},
    {0x0c, TSGD_NPY_INT, 4}, {0x0d, TSGD_NPY_FLOAT, 4}, {0x0e, TSGD_NPY_FLOAT, 8},
};
enum { TYPES = sizeof types / sizeof *types };
static const uint32_t image_ranks[] = {3, 4, 2}, label_ranks[] = {1, 2};
enum { IMAGE_RANKS = 3, LABEL_RANKS = 2, PER_PART = (IMAGE_RANKS + LABEL_RANKS) * TYPES };

/* An array in such a file. */
struct array {
    struct tsgd_npy npy;
    struct reader r;
};

static enum tsgd_status read_on(void *source, void *to, size_t n, size_t *got,
                                struct tsgd_error *err)
{
    return tsgd_inflate_read(source, to, n, got, err);
}

/* The first of `count` files that is there, from the list on; *which: its number. */
static enum tsgd_status open_any(struct array *a, const char *dir, const char *const *files,
                                 uint32_t count, uint32_t *which, bool *found,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    *found = false;
    for (uint32_t i = 0; i < 2 * count && !*found; i++) {
        *which = i / 2;
        TRY(try_open(&a->r, dir, files[i], found, err));
    }
done:
    return st;
}

/* Opens the images or the labels of a part, and reads the header, which must be what the name says.
 * *found: there is one.                                                                         */
static enum tsgd_status open_array(struct array *a, const char *dir, bool test, bool labels,
                                   bool *found, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t which, size[TSGD_NPY_RANK];
    const uint32_t first = (test ? (uint32_t)PER_PART : 0) +
                           (labels ? (uint32_t)(IMAGE_RANKS * TYPES) : 0);
    TRY(open_any(a, dir, all_files + (size_t)2 * first, (labels ? LABEL_RANKS : IMAGE_RANKS) *
                 TYPES, &which, found, err));
    if (!*found)
        return TSGD_OK;
    const uint32_t rank = (labels ? label_ranks : image_ranks)[which / TYPES];
    struct tsgd_npy *npy = &a->npy;
    *npy = (struct tsgd_npy){
        .kind = types[which % TYPES].kind, .item = types[which % TYPES].item, .swapped = true,
        .rank = rank, .items = 1, .read = read_on, .source = &a->r.f,
    };
    snprintf(npy->name, sizeof npy->name, "%.390s", a->r.path);
    TRY(read_header(&a->r, (uint32_t)types[which % TYPES].code << 8 | rank, size, rank, err));
    for (uint32_t i = 0; i < rank; i++) {
        npy->shape[i] = size[i];
        npy->items = tsgd_mul(npy->items, size[i]);
    }
done:
    return st;
}

static enum tsgd_status must_open(struct array *a, const char *dir, bool test, bool labels,
                                  struct tsgd_error *err)
{
    bool found;
    enum tsgd_status st = open_array(a, dir, test, labels, &found, err);
    if (st != TSGD_OK || found)
        return st;
    const char *const *name = tsgd_idx_files + (test ? 4 : 0) + (labels ? 2 : 0);
    return tsgd_fail(err, TSGD_EIO, "%s: holds neither %s nor %s, nor one of another rank or type "
                     "(see 'telesgd list data')", dir, name[0], name[1]);
}

/* A label is a whole number from 0 on, whatever its type. */
static enum tsgd_status take_labels(struct tsgd_dataset *d, struct tsgd_samples *out,
                                    const struct tsgd_npy *y, const float *number,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(TSGD_NEW(&out->labels, out->count, y->name, err));
    for (uint32_t i = 0; i < out->count; i++) {
        float v = number[i];
        if (!(v >= 0 && v < TSGD_MOST_CLASSES) || v != truncf(v))
            TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: label %g of sample %u, want a whole number from "
                          "0 to %d; targets that are numbers want --loss mse", y->name, (double)v,
                          i, TSGD_MOST_CLASSES - 1));
        out->labels[i] = (uint16_t)v;
        if ((uint32_t)v >= d->classes)
            d->classes = (uint32_t)v + 1;
    }
done:
    return st;
}

/* The items of an array of bytes, as floats. */
static enum tsgd_status read_bytes(struct array *a, float **out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const size_t n = a->npy.items;
    uint8_t *raw = NULL;
    TRY(read_rest(&a->r, &raw, n, err));
    TRY(TSGD_NEW(out, n, a->r.path, err));
    for (size_t i = 0; i < n; i++)
        (*out)[i] = raw[i];
done:
    free(raw);
    return st;
}

static const char *kind_of(enum tsgd_format f)
{
    return f == TSGD_FORMAT_BYTES ? "bytes" : "wider numbers";
}

/* Both arrays of a part of the data set, open. */
struct arrays {
    struct array x, y;
    bool there;
};

static void close_arrays(struct arrays *a)
{
    tsgd_inflate_close(&a->x.r.f);
    tsgd_inflate_close(&a->y.r.f);
}

/* What the samples should come out as; `numbers`: targets, not labels. The caller releases d. */
static enum tsgd_status read_answers(struct tsgd_dataset *d, struct tsgd_samples *out,
                                     struct arrays *a, bool numbers, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct array *x = &a->x;
    struct array *y = &a->y;
    const uint32_t outputs = y->npy.rank == 2 ? (uint32_t)y->npy.shape[1] : 1;
    const size_t features = tsgd_shape_size(d->shape);
    float *number = NULL;
    out->count = (uint32_t)x->npy.shape[0];
    if (y->npy.shape[0] != x->npy.shape[0])
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: %llu labels, want %u, one for each image of %s",
                      y->r.path, (unsigned long long)y->npy.shape[0], out->count, x->r.path));
    if (!numbers && outputs > 1)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: %u numbers a sample, want one label; several want "
                      "--loss mse", y->r.path, outputs));
    if (numbers && d->outputs && outputs != d->outputs)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: %u numbers a sample, want %u as in training",
                      y->r.path, outputs, d->outputs));
    TRY(tsgd_mem_check(tsgd_mul(out->count, tsgd_add(features *
                                (d->format == TSGD_FORMAT_BYTES ? 1 : sizeof(float)),
                                outputs * sizeof(float))), x->r.path, "use fewer samples", err));
    if (tsgd_array_is_bytes(&y->npy))
        TRY(read_bytes(y, &number, err));
    else
        TRY(tsgd_npy_floats(&y->npy, &number, err));
    TRY(tsgd_array_finite(&y->npy, number, outputs, err));
    if (numbers) {
        d->outputs = outputs;
        out->targets = number;
        number = NULL;
    } else {
        TRY(take_labels(d, out, &y->npy, number, err));
    }
done:
    free(number);
    return st;
}

/* kept NULL: all, and then the tally is not looked at. */
static enum tsgd_status read_samples(struct tsgd_dataset *d, struct tsgd_samples *out,
                                     struct array *x, const struct tsgd_kept *kept,
                                     struct tsgd_tally *tally, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const size_t features = tsgd_shape_size(d->shape);
    if (kept)
        return sieve_images(d, out, &x->r, &x->npy, kept, tally, err);
    if (d->format == TSGD_FORMAT_BYTES) {
        TRY(read_rest(&x->r, &out->bytes, out->count * features, err));
        TRY(tsgd_array_order(&x->npy, d->shape, (void **)&out->bytes, 1, err));
    } else {
        TRY(tsgd_npy_floats(&x->npy, &out->floats, err));
        TRY(tsgd_array_order(&x->npy, d->shape, (void **)&out->floats, sizeof *out->floats, err));
        TRY(tsgd_array_finite(&x->npy, out->floats, features, err));
    }
done:
    return st;
}

/* Training samples, or those of the test, if there are any: all but the samples themselves. */
static enum tsgd_status open_arrays(struct arrays *a, struct tsgd_dataset *d, const char *dir,
                                    bool test, bool numbers, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct array *x = &a->x, *y = &a->y;
    struct tsgd_shape shape;
    bool found[2] = {true, true};
    if (test) {
        TRY(open_array(x, dir, true, false, &found[0], err));
        TRY(open_array(y, dir, true, true, &found[1], err));
    }
    a->there = found[0] || found[1];
    if (!a->there)
        goto done;                      /* some are drawn from the others */
    if (!test || !found[0])
        TRY(must_open(x, dir, test, false, err));
    if (!test || !found[1])
        TRY(must_open(y, dir, test, true, err));
    TRY(tsgd_array_shape(&shape, &x->npy, err));
    enum tsgd_format format = tsgd_array_is_bytes(&x->npy) ? TSGD_FORMAT_BYTES :
                                                             TSGD_FORMAT_FLOATS;
    if (test && (memcmp(&shape, &d->shape, sizeof shape) != 0 || format != d->format))
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: samples of %u x %u x %u %s, want %u x %u x %u %s as "
                      "in training", x->r.path, shape.channels, shape.height, shape.width,
                      kind_of(format), d->shape.channels, d->shape.height, d->shape.width,
                      kind_of(d->format)));
    d->shape = shape;
    d->format = format;
    d->table = x->npy.rank < 3;
    TRY(read_answers(d, test ? &d->test : &d->train, a, numbers, err));
done:
    return st;
}

static enum tsgd_status load(const struct tsgd_request *r, struct tsgd_dataset *out,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct arrays *train = NULL, *test; /* with two names of files each, too large for a stack */
    struct tsgd_sieve *sieve = NULL;
    if (!r->arg || !*r->arg)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--data idx: names no directory, want idx:DIR"));
    TRY(TSGD_NEW(&train, 2, "files of arrays", err));
    test = train + 1;
    d.classes = r->numbers ? 0 : 2;
    tsgd_dataset_pixels(&d);
    TRY(open_arrays(train, &d, r->arg, false, r->numbers, err));
    TRY(open_arrays(test, &d, r->arg, true, r->numbers, err));
    if (!r->numbers)
        d.outputs = d.classes;
    if (test->there && d.format == TSGD_FORMAT_BYTES)
        sieve = r->sieve;
    TRY(tsgd_sieve_choose(sieve, &d, err));
    TRY(read_samples(&d, &d.train, &train->x, tsgd_sieve_train(sieve), tsgd_sieve_tally(sieve),
                     err));
    if (test->there)
        TRY(read_samples(&d, &d.test, &test->x, tsgd_sieve_test(sieve), NULL, err));
    *out = d;
    d = (struct tsgd_dataset)TSGD_DATASET_INIT;
done:
    for (size_t i = 0; train && i < 2; i++)
        close_arrays(&train[i]);
    free(train);
    tsgd_dataset_release(&d);
    return st;
}

const struct tsgd_source tsgd_source_idx = {
    .name = "idx",
    .usage = "idx:DIR",
    .summary = "images or tables and labels in IDX files of any type, with MNIST's names "
               "(train-images-idx3-ubyte, -idx4-float, ..), plain or .gz",
    .has_numbers = true,
    .files = all_files,
    .load = load,
};
