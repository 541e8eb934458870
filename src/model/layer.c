#include "model/layer.h"

#include <math.h>
#include <stdio.h>

const struct tsgd_layer_ops *const tsgd_layers[] = {
#define LAYER(symbol) &tsgd_layer_##symbol,
#include "model/layers.h"
#undef LAYER
};
const size_t tsgd_n_layers = sizeof tsgd_layers / sizeof *tsgd_layers;

void tsgd_layer_tensor(struct tsgd_layer *l, const char *what, uint32_t rank,
                       const uint32_t extent[])
{
    struct tsgd_tensor *t = &l->tensors[l->n_tensors++];
    *t = (struct tsgd_tensor){.rank = rank, .offset = l->params, .count = 1};
    snprintf(t->name, sizeof t->name, "%s.%s", l->name, what);
    for (uint32_t i = 0; i < rank; i++) {
        t->extent[i] = extent[i];
        t->count *= extent[i];
    }
    l->params += t->count;
}

struct tsgd_conv tsgd_layer_conv_dims(const struct tsgd_layer *l, size_t ld)
{
    size_t window = l->window, stride = l->stride, pad = l->pad;
    return (struct tsgd_conv){
        .in_c = l->in.channels, .in_h = l->in.height, .in_w = l->in.width,
        .out_c = l->units, .out_h = (l->in.height + 2 * pad - window) / stride + 1,
        .out_w = (l->in.width + 2 * pad - window) / stride + 1,
        .window = window, .stride = stride, .pad = pad, .ld = ld,
    };
}

enum tsgd_status tsgd_layer_windows(struct tsgd_layer *l, struct tsgd_error *err)
{
    uint32_t k = l->window, c = l->in.channels;
    uint32_t height = l->in.height + 2 * l->pad, width = l->in.width + 2 * l->pad;
    if (k == 0 || k > TSGD_MAX_WINDOW || l->units == 0 || c == 0 || height < k || width < k)
        return tsgd_fail(err, TSGD_EINVAL, "%s: %u kernels of %ux%u do not fit an input of "
                         "%ux%ux%u, padded by %u; want a pad of %u, or smaller kernels (at most "
                         "%dx%d)", l->name, l->units, k, k, c, l->in.height, l->in.width, l->pad,
                         k / 2, TSGD_MAX_WINDOW, TSGD_MAX_WINDOW);
    if (l->stride == 0)
        l->stride = 1;
    struct tsgd_conv d = tsgd_layer_conv_dims(l, 1);
    l->out = (struct tsgd_shape){l->units, (uint32_t)d.out_h, (uint32_t)d.out_w};
    return TSGD_OK;
}

void tsgd_layer_print_conv(const struct tsgd_layer *l, FILE *out)
{
    fprintf(out, "nn.Conv2d(%u, %u, %u", l->in.channels, l->units, l->window);
    if (l->stride > 1)
        fprintf(out, ", stride=%u", l->stride);
    if (l->pad)
        fprintf(out, ", padding=%u", l->pad);
    if (l->no_bias)
        fprintf(out, ", bias=False");
}

void tsgd_layer_identity(const struct tsgd_layer *l, float *w, struct tsgd_rng *rng)
{
    (void)rng;
    for (size_t j = 0; j < l->params; j++)
        w[j] = j < l->params / 2 ? 1 : 0;
}

void tsgd_layer_uniform(float *w, size_t count, size_t fan_in, struct tsgd_rng *rng)
{
    double bound = 1 / sqrt((double)fan_in);
    for (size_t j = 0; j < count; j++)
        w[j] = (float)(bound * (2 * tsgd_rng_unit(rng) - 1));
}
