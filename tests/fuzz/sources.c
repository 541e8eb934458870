#include "sources.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void look_at_sparse(const struct tsgd_dataset *d, const struct tsgd_samples *s)
{
    MUST(s->sparse.start[0] == 0);
    for (uint32_t i = 0; i < s->count; i++)
        for (uint64_t j = s->sparse.start[i]; j < s->sparse.start[i + 1]; j++) {
            MUST(s->sparse.column[j] < d->shape.width && isfinite(s->sparse.value[j]));
            MUST(j == s->sparse.start[i] || s->sparse.column[j] > s->sparse.column[j - 1]);
        }
}

static void look_at(const struct tsgd_dataset *d, const struct tsgd_samples *s)
{
    size_t features = tsgd_shape_size(d->shape);
    MUST(s->count > 0 && features > 0);
    MUST(!s->bytes + !s->floats + !s->sparse.start == 2);
    MUST(!s->bytes == (d->format != TSGD_FORMAT_BYTES));
    MUST(!s->floats == (d->format != TSGD_FORMAT_FLOATS));
    if (s->bytes)
        fuzz_look(s->bytes, s->count * features);
    for (size_t i = 0; s->floats && i < s->count * features; i++)
        MUST(isfinite(s->floats[i]));
    if (s->sparse.start)
        look_at_sparse(d, s);
    MUST(!s->labels == !d->classes && !s->targets == !!d->classes);
    for (uint32_t i = 0; i < s->count && s->labels; i++)
        MUST(s->labels[i] < d->classes);
    for (size_t i = 0; s->targets && i < (size_t)s->count * d->outputs; i++)
        MUST(isfinite(s->targets[i]));
}

void fuzz_load(const char *data, const char *label, bool numbers)
{
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_error err;
    const struct tsgd_request r = {.label = label, .numbers = numbers};
    enum tsgd_status st = tsgd_dataset_load(&d, data, &r, &err);
    if (st == TSGD_OK) {
        MUST(numbers ? !d.classes && d.outputs >= 1 : d.classes >= 2 && d.outputs == d.classes);
        look_at(&d, &d.train);
        look_at(&d, &d.test);
        for (uint32_t c = 0; d.class_name && c < d.classes; c++) {
            MUST(d.class_name[c][0] && tsgd_is_utf8(d.class_name[c]));
            MUST(c == 0 || strcmp(d.class_name[c], d.class_name[c - 1]) != 0);
        }
    } else {
        fuzz_refused(st, &err);
        MUST(!d.train.count && !d.test.count && !d.class_name && !d.classes);
    }
    tsgd_dataset_release(&d);
}

const char *fuzz_packed(int slot, bool packed, const uint8_t *data, size_t n)
{
    if (!packed)
        return fuzz_file(slot, data, n);
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)data, .avail_in = (unsigned)n};
    MUST(deflateInit2(&z, 1, Z_DEFLATED, 31, 1, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t room = n + n / 1000 + 100;
    uint8_t *out = malloc(room);
    MUST(out != NULL);
    z.next_out = out;
    z.avail_out = (unsigned)room;
    MUST(deflate(&z, Z_FINISH) == Z_STREAM_END);
    const char *path = fuzz_file(slot, out, z.total_out);
    deflateEnd(&z);
    free(out);
    return path;
}
