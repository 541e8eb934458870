/* The mean of every channel over all its pixels: global average pooling. */
#include "model/layer.h"

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    if (tsgd_shape_size(l->in) == 0)
        return tsgd_fail(err, TSGD_EINVAL, "avgpool: an input of %ux%ux%u has no pixels",
                         l->in.channels, l->in.height, l->in.width);
    l->out = (struct tsgd_shape){l->in.channels, 1, 1};
    return TSGD_OK;
}

static void forward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    size_t area = (size_t)l->in.height * l->in.width, ld = c->ld;
    for (size_t m = 0; m < l->in.channels; m++)
        for (size_t s = 0; s < ld; s += TSGD_LANES) {
            const float *pixel = c->x + m * area * ld + s;
            float sum[TSGD_LANES] = {0};
            for (size_t p = 0; p < area; p++)
                for (size_t i = 0; i < TSGD_LANES; i++)
                    sum[i] += pixel[p * ld + i];
            for (size_t i = 0; i < TSGD_LANES; i++)
                c->y[m * ld + s + i] = sum[i] / (float)area;
        }
}

static void backward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    size_t area = (size_t)l->in.height * l->in.width, ld = c->ld;
    for (size_t m = 0; c->dx && m < l->in.channels; m++)
        for (size_t p = 0; p < area; p++)
            for (size_t s = 0; s < ld; s++)
                c->dx[(m * area + p) * ld + s] = c->dy[m * ld + s] / (float)area;
}

static void pytorch(const struct tsgd_layer *l, const char *from, FILE *out)
{
    (void)l, (void)from;
    fprintf(out, "x.mean((2, 3), keepdim=True)");
}

const struct tsgd_layer_ops tsgd_layer_avgpool = {
    .name = "avgpool",
    .summary = "the mean of all pixels of each channel",
    .takes = TSGD_TAKES_PIXELS,
    .pytorch = pytorch,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
