#include "data/decode.h"

#include <string.h>

enum { TILE = 16, LEAST = 64 };     /* samples that the kernel takes; the least bytes of each */

static float number(const struct tsgd_line *l, float value)
{
    return (value - l->mean) * l->scale;
}

/* The line through the numbers of the table; false unless it gives all 256 to the bit. */
static bool find_line(struct tsgd_line *l, const float value[256])
{
    double slope = ((double)value[255] - (double)value[0]) / 255;
    uint32_t bits, wrong = 0;
    l->zero = value[0];
    l->high = (float)slope;
    memcpy(&bits, &l->high, sizeof bits);
    bits &= ~(uint32_t)0xff;
    memcpy(&l->high, &bits, sizeof bits);
    l->low = (float)(slope - (double)l->high);
    for (int i = 0; i < 256; i++) {
        float b = (float)i;
        wrong += l->zero + (b * l->high + b * l->low) != value[i];
    }
    return !wrong;
}

void tsgd_decoder_init(struct tsgd_decoder *out, const struct tsgd_dataset *data, bool views,
                       const struct tsgd_kernels *kernels)
{
    const bool apart = !data->table && (views || data->norm.parts > 1);
    const uint32_t parts = apart ? data->shape.channels : 1;
    *out = (struct tsgd_decoder){
        .data = data,
        .kernels = kernels,
        .planes = parts,
        .plane = tsgd_shape_size(data->shape) / parts,
        .line = {.scale = 1},
    };
    out->straight = find_line(&out->line, data->value);
}

static size_t number_bytes(const struct tsgd_decoder *d)
{
    return d->data->format == TSGD_FORMAT_BYTES ? sizeof(uint8_t) : sizeof(float);
}

size_t tsgd_decoder_scratch(const struct tsgd_decoder *d)
{
    return TILE * d->plane * number_bytes(d);
}

/* How the numbers of channel p are made; tables are normalised afterwards. */
static struct tsgd_line line_of(const struct tsgd_decoder *d, uint32_t p)
{
    const struct tsgd_norm *norm = &d->data->norm;
    struct tsgd_line l = d->line;
    if (norm->parts && !d->data->table) {
        l.mean = norm->mean[p];
        l.scale = 1 / norm->deviation[p];
    }
    return l;
}

/* One part of up to `width` samples, of which the first `filled` are there. */
static void decode_bytes(const struct tsgd_decoder *d, const struct tsgd_line *l,
                         const uint8_t *from[TILE], size_t filled, size_t width, size_t ld,
                         float *x)
{
    const float *value = d->data->value;
    if (d->straight && filled > 0 && width == TILE && d->plane >= LEAST) {
        for (size_t s = filled; s < TILE; s++)
            from[s] = from[0];
        d->kernels->decode(from, d->plane, l, ld, x);
        for (size_t f = 0; filled < TILE && f < d->plane; f++)
            memset(x + f * ld + filled, 0, (TILE - filled) * sizeof *x);
    } else {
        for (size_t f = 0; f < d->plane; f++)
            for (size_t s = 0; s < width; s++)
                x[f * ld + s] = s < filled ? number(l, value[from[s][f]]) : 0;
    }
}

static void decode_floats(const struct tsgd_decoder *d, const struct tsgd_line *l,
                          const float *from[TILE], size_t filled, size_t width, size_t ld, float *x)
{
    for (size_t f = 0; f < d->plane; f++)
        for (size_t s = 0; s < width; s++)
            x[f * ld + s] = s < filled ? number(l, from[s][f]) : 0;
}

/* Where part p of sample i begins, or of the view of it that is made in `to`. */
static const void *part_of(const struct tsgd_decoder *d, const struct tsgd_samples *from,
                           uint32_t i, uint32_t p, const struct tsgd_view *view, void *to)
{
    const struct tsgd_shape shape = d->data->shape;
    const size_t at = (i * (size_t)d->planes + p) * d->plane;
    if (d->data->format == TSGD_FORMAT_FLOATS) {
        if (!view)
            return from->floats + at;
        tsgd_augment_floats(*view, from->floats + at, shape.height, shape.width, to);
        return to;
    }
    if (!view)
        return from->bytes + at;
    tsgd_augment_plane(*view, from->bytes + at, shape.height, shape.width, to);
    return to;
}

static void decode_dense(const struct tsgd_decoder *d, const struct tsgd_samples *from,
                         const uint32_t *sample, uint32_t count, const struct tsgd_view *view,
                         uint8_t *scratch, size_t ld, float *x)
{
    const bool bytes = d->data->format == TSGD_FORMAT_BYTES;
    const size_t step = d->plane * number_bytes(d);
    for (size_t s0 = 0; s0 < ld; s0 += TILE) {
        size_t width = ld - s0 < TILE ? ld - s0 : TILE;
        size_t filled = count <= s0 ? 0 : count - s0 < width ? count - s0 : width;
        for (uint32_t p = 0; p < d->planes; p++) {
            const uint8_t *byte[TILE] = {NULL};
            const float *number[TILE] = {NULL};
            struct tsgd_line l = line_of(d, p);
            float *to = x + p * d->plane * ld + s0;
            for (size_t s = 0; s < filled; s++) {
                const void *at = part_of(d, from, sample[s0 + s], p, view ? view + s0 + s : NULL,
                                         view ? scratch + s * step : NULL);
                byte[s] = bytes ? at : NULL;
                number[s] = bytes ? NULL : at;
            }
            if (bytes)
                decode_bytes(d, &l, byte, filled, width, ld, to);
            else
                decode_floats(d, &l, number, filled, width, ld, to);
        }
    }
}

/* Each feature by its own mean and deviation. */
static void normalize_table(const struct tsgd_norm *norm, uint32_t count, size_t ld, float *x)
{
    for (uint32_t f = 0; f < norm->parts; f++, x += ld) {
        const float mean = norm->mean[f], scale = 1 / norm->deviation[f];
        for (uint32_t s = 0; s < count; s++)
            x[s] = (x[s] - mean) * scale;
    }
}

static void decode_sparse(const struct tsgd_decoder *d, const struct tsgd_sparse *from,
                          const uint32_t *sample, uint32_t count, size_t ld, float *x)
{
    memset(x, 0, tsgd_shape_size(d->data->shape) * ld * sizeof *x);
    for (uint32_t s = 0; s < count; s++)
        for (uint64_t j = from->start[sample[s]]; j < from->start[sample[s] + 1]; j++)
            x[from->column[j] * ld + s] = from->value[j];
}

void tsgd_decode(const struct tsgd_decoder *d, const struct tsgd_samples *from,
                 const uint32_t *sample, uint32_t count, const struct tsgd_view *view,
                 uint8_t *scratch, size_t ld, float *x)
{
    if (d->data->format == TSGD_FORMAT_SPARSE)
        decode_sparse(d, &from->sparse, sample, count, ld, x);
    else
        decode_dense(d, from, sample, count, view, scratch, ld, x);
    if (d->data->table)
        normalize_table(&d->data->norm, count, ld, x);
}
