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

static void forward(const struct tsgd_layer *l, const float *w, const float *x, float *y,
                    float *keep, float *scratch, size_t ld)
{
    size_t area = (size_t)l->in.height * l->in.width;
    (void)w, (void)keep, (void)scratch;
    for (size_t c = 0; c < l->in.channels; c++)
        for (size_t s = 0; s < ld; s += TSGD_LANES) {
            const float *pixel = x + c * area * ld + s;
            float sum[TSGD_LANES] = {0};
            for (size_t p = 0; p < area; p++)
                for (int i = 0; i < TSGD_LANES; i++)
                    sum[i] += pixel[p * ld + i];
            for (int i = 0; i < TSGD_LANES; i++)
                y[c * ld + s + i] = sum[i] / (float)area;
        }
}

static void backward(const struct tsgd_layer *l, const float *w, const float *x, const float *y,
                     const float *dy, const float *keep, float *dw, float *dx, float *scratch,
                     size_t ld)
{
    size_t area = (size_t)l->in.height * l->in.width;
    (void)w, (void)x, (void)y, (void)keep, (void)dw, (void)scratch;
    for (size_t c = 0; dx && c < l->in.channels; c++)
        for (size_t p = 0; p < area; p++)
            for (size_t s = 0; s < ld; s++)
                dx[(c * area + p) * ld + s] = dy[c * ld + s] / (float)area;
}

const struct tsgd_layer_ops tsgd_layer_avgpool = {
    .name = "avgpool",
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
