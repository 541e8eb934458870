#include "model/layer.h"

#include "linalg/isa.h"

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    (void)err;
    l->out = l->in;
    return TSGD_OK;
}

static void forward(const struct tsgd_layer *l, const float *w, const float *x, float *y,
                    float *keep, float *scratch, size_t ld)
{
    (void)w, (void)keep, (void)scratch;
    tsgd_kernels->relu(x, y, tsgd_shape_size(l->in) * ld);
}

static void backward(const struct tsgd_layer *l, const float *w, const float *x, const float *y,
                     const float *dy, const float *keep, float *dw, float *dx, float *scratch,
                     size_t ld)
{
    (void)w, (void)x, (void)keep, (void)dw, (void)scratch;
    if (dx)
        tsgd_kernels->relu_gradient(y, dy, dx, tsgd_shape_size(l->in) * ld);
}

const struct tsgd_layer_ops tsgd_layer_relu = {
    .name = "relu",
    .in_place = true,
    .reads_y = true,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
