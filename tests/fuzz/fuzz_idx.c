/* The IDX files of the MNIST family, plain and gzip. The first byte says which of the four files
 * the input stands in for, and how; the other three are whole.
 *   bits 0, 1   the file          bit 2     labels must be below 3
 *   bit 3       the input is compressed first, so that the fuzzer gets behind gzip's checksum
 *   bit 4       in two members                                                                  */
#include "data/idx.h"
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MOST = 1 << 16 };

/* Two images of 2 x 3, and their labels. */
static const char images[] = "\0\0\x08\x03\0\0\0\2\0\0\0\2\0\0\0\3abcdefghijkl";
static const char labels[] = "\0\0\x08\x01\0\0\0\2\1\2";

static const char *const name[] = {
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte", NULL,
};

/* Appends a member with these bytes to out[*used..]. */
static void compress_into(uint8_t *out, size_t *used, const uint8_t *data, size_t n)
{
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)data, .avail_in = (unsigned)n};
    MUST(deflateInit2(&z, 1, Z_DEFLATED, 31, 1, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_out = out + *used;
    z.avail_out = (unsigned)(2 * MOST - *used);
    MUST(deflate(&z, Z_FINISH) == Z_STREAM_END);
    *used += z.total_out;
    deflateEnd(&z);
}

static void look_at(const struct tsgd_dataset *d, const struct tsgd_samples *s)
{
    MUST(s->count > 0);
    fuzz_look(s->bytes, s->count * tsgd_shape_size(d->shape));
    for (uint32_t i = 0; i < s->count; i++)
        MUST(s->labels[i] < d->classes);
}

static enum tsgd_status choose(struct tsgd_sieve *s, const struct tsgd_dataset *d,
                               struct tsgd_error *err)
{
    struct tsgd_kept *part[] = {&s->train, &s->test};
    const uint32_t count[] = {d->train.count, d->test.count};
    for (int p = 0; p < 2; p++) {
        MUST(tsgd_kept_init(part[p], count[p], err) == TSGD_OK);
        for (uint32_t i = (uint32_t)p; i < count[p]; i += 2)
            tsgd_kept_mark(part[p], i);
        tsgd_kept_count(part[p]);
    }
    return TSGD_OK;
}

static void must_keep(const struct tsgd_dataset *d, const struct tsgd_samples *all,
                      const struct tsgd_samples *some, const struct tsgd_kept *kept)
{
    size_t features = tsgd_shape_size(d->shape);
    MUST(some->count == kept->count);
    for (uint32_t i = 0; i < all->count; i++) {
        uint32_t place = tsgd_kept_place(kept, i);
        if (!tsgd_kept_has(kept, i))
            continue;
        MUST(some->labels[place] == all->labels[i]);
        MUST(!memcmp(some->bytes + place * features, all->bytes + i * features, features));
    }
}

/* Every other sample of training, and the others of the test, are those of the whole, or what is
 * wrong is told alike; memory aside, of which less is needed.                                   */
static void load_some(const char *folder, uint32_t classes, enum tsgd_status want,
                      const struct tsgd_dataset *whole, const struct tsgd_error *why)
{
    struct tsgd_sieve sieve = {.choose = choose};
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_error err;
    enum tsgd_status st = tsgd_idx_load(&d, folder, classes, "", &sieve, &err);
    MUST(st == want);
    if (st == TSGD_OK) {
        must_keep(whole, &whole->train, &d.train, &sieve.train);
        must_keep(whole, &whole->test, &d.test, &sieve.test);
    } else {
        MUST(!strcmp(err.text, why->text));
    }
    tsgd_dataset_release(&d);
    tsgd_sieve_release(&sieve);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *folder;
    static uint8_t packed[2 * MOST];
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_error err;
    size_t used = 0;
    uint8_t how = fuzz_byte(&data, &size);
    uint32_t classes = how & 4 ? 3 : 0;
    if (size > MOST)
        return -1;
    if (!folder)
        folder = fuzz_folder(name);
    for (int i = 0; i < 4; i++)
        fuzz_file(i, i % 2 ? labels : images, (i % 2 ? sizeof labels : sizeof images) - 1);
    if (how & 8) {
        size_t first = how & 16 ? size / 2 : size;
        compress_into(packed, &used, data, first);
        if (first < size)
            compress_into(packed, &used, data + first, size - first);
        data = packed;
        size = used;
    }
    fuzz_file(how & 3, data, size);
    enum tsgd_status st = tsgd_idx_load(&d, folder, classes, "", NULL, &err);
    if (st == TSGD_OK) {
        MUST(classes ? d.classes == 3 : d.classes >= 2);
        MUST(d.shape.channels == 1 && d.shape.height > 0 && d.shape.width > 0);
        look_at(&d, &d.train);
        look_at(&d, &d.test);
    } else {
        fuzz_refused(st, &err);
        MUST(!d.train.bytes && !d.test.bytes && !d.classes);
    }
    if (st != TSGD_ENOMEM)
        load_some(folder, classes, st, &d, &err);
    tsgd_dataset_release(&d);
    return 0;
}
