/* Largest of every window x window square, stride window; rows and columns that fill no window are
 * left out, and the first of equals wins, as in PyTorch. Backward finds the winner again by
 * comparing x with y, so no indices are stored.                                                 */
#include "model/layer.h"

#include "linalg/isa.h"

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    uint32_t k = l->window;
    if (k == 0 || l->in.height < k || l->in.width < k)
        return tsgd_fail(err, TSGD_EINVAL, "maxpool: window %u does not fit an input of %ux%u", k,
                         l->in.height, l->in.width);
    l->out = (struct tsgd_shape){l->in.channels, l->in.height / k, l->in.width / k};
    return TSGD_OK;
}

static struct tsgd_pool dims(const struct tsgd_layer *l, size_t ld)
{
    return (struct tsgd_pool){l->in.channels, l->in.height, l->in.width, l->window, ld};
}

static void forward(const struct tsgd_layer *l, const float *w, const float *x, float *y,
                    float *keep, float *scratch, size_t ld)
{
    struct tsgd_pool d = dims(l, ld);
    (void)w, (void)keep, (void)scratch;
    tsgd_kernels->maxpool(&d, x, y);
}

static void backward(const struct tsgd_layer *l, const float *w, const float *x, const float *y,
                     const float *dy, const float *keep, float *dw, float *dx, float *scratch,
                     size_t ld)
{
    struct tsgd_pool d = dims(l, ld);
    (void)w, (void)keep, (void)dw, (void)scratch;
    if (dx)
        tsgd_kernels->maxpool_gradient(&d, x, y, dy, dx);
}

const struct tsgd_layer_ops tsgd_layer_maxpool = {
    .name = "maxpool",
    .reads_y = true,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
