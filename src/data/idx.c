#include "data/idx.h"

#include "base/mem.h"
#include "data/inflate.h"
#include "data/source.h"

#include <limits.h>
#include <string.h>

enum { IMAGES = 0x803, LABELS = 0x801, MAX_SIDE = 65535 };

#define EITHER(name) name, name ".gz"
const char *const tsgd_idx_files[] = {
    EITHER("train-images-idx3-ubyte"), EITHER("train-labels-idx1-ubyte"),
    EITHER("t10k-images-idx3-ubyte"), EITHER("t10k-labels-idx1-ubyte"), NULL,
};

enum { TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS };  /* a file's place among four */

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
    unsigned char raw[16];
    size_t want = 4 * (n + 1), got;
    uint32_t word[4] = {0};
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
        if (size[i] == 0 || size[i] > MAX_SIDE)
            TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: images of %u x %u, want sides of 1 to %d",
                          r->path, size[1], size[2], MAX_SIDE));
done:
    return st;
}

/* Exactly n bytes into *to, and then the end. Memory grows as the bytes arrive, so that it is not
 * the header alone that asks for it; *to is the caller's to free, whatever comes back.          */
static enum tsgd_status read_rest(struct reader *r, uint8_t **to, size_t n, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t got = 0, room = 0, more = 1;
    uint8_t extra;
    while (got < n && more > 0) {
        room = room == 0 ? 1 << 20 : 2 * room;
        room = room < n ? room : n;
        uint8_t *p = realloc(*to, room);
        if (!p)
            return tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for %zu bytes", r->path, room);
        *to = p;
        TRY(tsgd_inflate_read(&r->f, *to + got, room - got, &more, err));
        got += more;
    }
    if (got < n)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: %zu bytes after the header, want %zu", r->path, got,
                      n));
    TRY(tsgd_inflate_read(&r->f, &extra, 1, &more, err));
    if (more)
        st = tsgd_fail(err, TSGD_EFORMAT, "%s: goes on after the %zu bytes that its header "
                       "promises", r->path, n);
done:
    return st;
}

/* Images and labels of one part of the set. Adds what it finds out to d and gives the samples to
 * *out; the caller releases d whatever comes back.                                              */
static enum tsgd_status read_pair(struct tsgd_dataset *d, struct tsgd_samples *out,
                                  const struct origin *from, int images_at, int labels_at,
                                  uint32_t classes, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct reader images = {.f = TSGD_INFLATE_INIT}, labels = {.f = TSGD_INFLATE_INIT};
    uint8_t *raw = NULL;
    uint32_t size[3], count;
    size_t features;
    TRY(open_file(&images, from, images_at, err));
    TRY(open_file(&labels, from, labels_at, err));
    TRY(read_header(&images, IMAGES, size, 3, err));
    TRY(read_header(&labels, LABELS, &count, 1, err));
    if (count != size[0])
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: %u labels, want %u, one for each image of %s",
                      labels.path, count, size[0], images.path));
    if (d->shape.channels && (size[1] != d->shape.height || size[2] != d->shape.width))
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: images of %u x %u, want %u x %u as in training",
                      images.path, size[1], size[2], d->shape.height, d->shape.width));
    d->shape = (struct tsgd_shape){1, size[1], size[2]};
    features = tsgd_shape_size(d->shape);
    TRY(tsgd_mem_check(tsgd_mul(count, features + 3), images.path, "use fewer samples", err));
    TRY(read_rest(&labels, &raw, count, err));
    TRY(read_rest(&images, &out->bytes, count * features, err));
    TRY(TSGD_NEW(&out->labels, count, images.path, err));
    out->count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t label = raw[i];
        if (classes && label >= classes)
            TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: label %u of sample %u, want 0 to %u",
                          labels.path, label, i, classes - 1));
        if (label >= d->classes)
            d->classes = label + 1;
        out->labels[i] = (uint16_t)label;
    }
done:
    free(raw);
    tsgd_inflate_close(&images.f);
    tsgd_inflate_close(&labels.f);
    return st;
}

static enum tsgd_status load_from(struct tsgd_dataset *out, const struct origin *from,
                                  uint32_t classes, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    d.classes = classes ? classes : 2;
    for (int b = 0; b < 256; b++)
        d.value[b] = (float)b / 255;
    TRY(read_pair(&d, &d.train, from, TRAIN_IMAGES, TRAIN_LABELS, classes, err));
    TRY(read_pair(&d, &d.test, from, TEST_IMAGES, TEST_LABELS, classes, err));
    d.outputs = d.classes;
    *out = d;
    d = (struct tsgd_dataset)TSGD_DATASET_INIT;
done:
    tsgd_dataset_release(&d);
    return st;
}

enum tsgd_status tsgd_idx_load(struct tsgd_dataset *out, const char *dir, uint32_t classes,
                               const char *hint, struct tsgd_error *err)
{
    const struct origin from = {.dir = dir, .hint = hint};
    return load_from(out, &from, classes, err);
}

enum tsgd_status tsgd_idx_load_memory(struct tsgd_dataset *out,
                                      const struct tsgd_idx_image file[4], const char *folder,
                                      uint32_t classes, struct tsgd_error *err)
{
    const struct origin from = {.dir = folder, .memory = file};
    return load_from(out, &from, classes, err);
}

static enum tsgd_status load(const struct tsgd_request *r, struct tsgd_dataset *out,
                             struct tsgd_error *err)
{
    if (!r->arg || !*r->arg)
        return tsgd_fail(err, TSGD_EINVAL, "--data idx: names no directory, want idx:DIR");
    return tsgd_idx_load(out, r->arg, 0, "", err);
}

const struct tsgd_source tsgd_source_idx = {
    .name = "idx",
    .usage = "idx:DIR",
    .summary = "images and labels in IDX files with MNIST's names, plain or .gz",
    .files = tsgd_idx_files,
    .load = load,
};
