/* Largest of every window x window square, stride window; rows and columns that fill no window are
 * left out, and the first of equals wins, as in PyTorch. Backward finds the winner again by
 * comparing x with y, so no indices are stored.                                                 */
#include "model/layer.h"

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    uint32_t k = l->window;
    if (k == 0 || l->in.height < k || l->in.width < k)
        return tsgd_fail(err, TSGD_EINVAL, "maxpool: window %u does not fit an input of %ux%u, "
                         "want at most %u", k, l->in.height, l->in.width,
                         l->in.height < l->in.width ? l->in.height : l->in.width);
    l->out = (struct tsgd_shape){l->in.channels, l->in.height / k, l->in.width / k};
    return TSGD_OK;
}

static struct tsgd_pool dims(const struct tsgd_layer *l, size_t ld)
{
    return (struct tsgd_pool){l->in.channels, l->in.height, l->in.width, l->window, ld};
}

static void forward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    struct tsgd_pool d = dims(l, c->ld);
    c->on->kernels->maxpool(&d, c->x, c->y);
}

static void backward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    struct tsgd_pool d = dims(l, c->ld);
    if (c->dx)
        c->on->kernels->maxpool_gradient(&d, c->x, c->y, c->dy, c->dx);
}

static void pytorch(const struct tsgd_layer *l, const char *from, FILE *out)
{
    (void)from;
    fprintf(out, "F.max_pool2d(x, %u)", l->window);
}

static const struct tsgd_layer_arg args[] = {
    TSGD_PLACE(window, "SIZE", 1, 65535),
    TSGD_ARGS_END,
};

const struct tsgd_layer_ops tsgd_layer_maxpool = {
    .name = "maxpool",
    .summary = "the largest of every SIZE x SIZE pixels",
    .args = args,
    .takes = TSGD_TAKES_PIXELS,
    .pytorch = pytorch,
    .reads_y = true,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
