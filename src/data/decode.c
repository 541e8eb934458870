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
    const struct tsgd_norm *norm = &data->norm;
    bool apart = views || norm->channels > 1;
    *out = (struct tsgd_decoder){
        .data = data,
        .kernels = kernels,
        .planes = apart ? data->shape.channels : 1,
        .plane = tsgd_shape_size(data->shape) / (apart ? data->shape.channels : 1),
        .line = {{.scale = 1}},
    };
    out->straight = find_line(&out->line[0], data->value);
    for (uint32_t c = 0; c < norm->channels; c++) {
        out->line[c] = out->line[0];
        out->line[c].mean = norm->mean[c];
        out->line[c].scale = 1 / norm->deviation[c];
    }
}

size_t tsgd_decoder_scratch(const struct tsgd_decoder *d)
{
    return TILE * d->plane;
}

/* One part of up to `width` samples, of which the first `filled` are there. */
static void decode_part(const struct tsgd_decoder *d, const struct tsgd_line *l,
                        const uint8_t *from[TILE], size_t filled, size_t width, size_t ld, float *x)
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

void tsgd_decode(const struct tsgd_decoder *d, const struct tsgd_samples *from,
                 const uint32_t *sample, uint32_t count, const struct tsgd_view *view,
                 uint8_t *scratch, size_t ld, float *x)
{
    const struct tsgd_shape shape = d->data->shape;
    const uint8_t *part[TILE] = {NULL};
    for (size_t s0 = 0; s0 < ld; s0 += TILE) {
        size_t width = ld - s0 < TILE ? ld - s0 : TILE;
        size_t filled = count <= s0 ? 0 : count - s0 < width ? count - s0 : width;
        for (uint32_t c = 0; c < d->planes; c++) {
            for (size_t s = 0; s < filled; s++) {
                part[s] = from->bytes + (sample[s0 + s] * (size_t)d->planes + c) * d->plane;
                if (view) {
                    uint8_t *to = scratch + s * d->plane;
                    tsgd_augment_plane(view[s0 + s], part[s], shape.height, shape.width, to);
                    part[s] = to;
                }
            }
            decode_part(d, &d->line[c < d->data->norm.channels ? c : 0], part, filled, width, ld,
                        x + c * d->plane * ld + s0);
        }
    }
}
