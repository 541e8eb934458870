#include "data/dataset.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

bool tsgd_shape_parse(const char *text, struct tsgd_shape *out)
{
    uint64_t extent[3] = {1, 1, 1};
    char item[16];
    size_t n = 0;
    for (;; text++) {
        size_t length = strcspn(text, "x");
        if (length >= sizeof item || n == 3)
            return false;
        memcpy(item, text, length);
        item[length] = 0;
        if (!tsgd_parse_u64(item, &extent[n]) || extent[n] < 1 || extent[n] > UINT32_MAX)
            return false;
        n++;
        text += length;
        if (!*text)
            break;
    }
    if (n == 2 || tsgd_mul(tsgd_mul(extent[0], extent[1]), extent[2]) > UINT32_MAX)
        return false;
    if (n == 1)
        *out = (struct tsgd_shape){1, 1, (uint32_t)extent[0]};
    else
        *out = (struct tsgd_shape){(uint32_t)extent[0], (uint32_t)extent[1], (uint32_t)extent[2]};
    return true;
}

enum tsgd_status tsgd_samples_alloc(struct tsgd_samples *out, uint32_t count, size_t features,
                                    const char *what, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_samples s = {.count = count};
    size_t one = tsgd_add(features, sizeof *s.labels);
    TRY(tsgd_mem_check(tsgd_mul(count, one), what, "use fewer samples", err));
    TRY(TSGD_NEW(&s.bytes, count * features, what, err));
    TRY(TSGD_NEW(&s.labels, count, what, err));
    *out = s;
    s = (struct tsgd_samples){.count = 0};
done:
    tsgd_samples_release(&s);
    return st;
}

void tsgd_dataset_pixels(struct tsgd_dataset *d)
{
    for (int b = 0; b < 256; b++)
        d->value[b] = (float)b / 255;
}

void tsgd_samples_release(struct tsgd_samples *s)
{
    free(s->bytes);
    free(s->floats);
    free(s->sparse.start);
    free(s->sparse.column);
    free(s->sparse.value);
    free(s->labels);
    free(s->targets);
    *s = (struct tsgd_samples){.count = 0};
}

void tsgd_dataset_release(struct tsgd_dataset *d)
{
    tsgd_samples_release(&d->train);
    tsgd_samples_release(&d->test);
    for (uint32_t c = 0; d->class_name && c < d->classes; c++)
        free(d->class_name[c]);
    free(d->class_name);
    *d = (struct tsgd_dataset)TSGD_DATASET_INIT;
}

static size_t samples_bytes(const struct tsgd_dataset *d, const struct tsgd_samples *s)
{
    size_t features = tsgd_shape_size(d->shape), bytes = 0;
    bytes += s->bytes ? s->count * features : 0;
    bytes += s->floats ? s->count * features * sizeof *s->floats : 0;
    bytes += s->labels ? s->count * sizeof *s->labels : 0;
    bytes += s->targets ? (size_t)s->count * d->outputs * sizeof *s->targets : 0;
    if (s->sparse.start)
        bytes += (s->count + (size_t)1) * sizeof *s->sparse.start + s->sparse.start[s->count] *
                 (sizeof *s->sparse.column + sizeof *s->sparse.value);
    return bytes;
}

size_t tsgd_dataset_bytes(const struct tsgd_dataset *d)
{
    return samples_bytes(d, &d->train) + samples_bytes(d, &d->test);
}
