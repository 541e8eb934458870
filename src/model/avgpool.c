/* The mean of every window x window square, stride window; rows and columns that fill no window are
 * left out. Without a window the mean of every channel over all its pixels.                     */
#include "model/layer.h"

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    uint32_t k = l->window;
    if (tsgd_shape_size(l->in) == 0)
        return tsgd_fail(err, TSGD_EINVAL, "avgpool: an input of %ux%ux%u has no pixels",
                         l->in.channels, l->in.height, l->in.width);
    if (l->in.height < k || l->in.width < k)
        return tsgd_fail(err, TSGD_EINVAL, "avgpool: window %u does not fit an input of %ux%u, "
                         "want at most %u", k, l->in.height, l->in.width,
                         l->in.height < l->in.width ? l->in.height : l->in.width);
    l->out = (struct tsgd_shape){l->in.channels, 1, 1};
    if (k)
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
    c->on->kernels->avgpool(&d, c->x, c->y);
}

static void backward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    struct tsgd_pool d = dims(l, c->ld);
    if (c->dx)
        c->on->kernels->avgpool_gradient(&d, c->dy, c->dx);
}

static void pytorch(const struct tsgd_layer *l, const char *from, FILE *out)
{
    (void)from;
    if (l->window)
        fprintf(out, "F.avg_pool2d(x, %u)", l->window);
    else
        fprintf(out, "x.mean((2, 3), keepdim=True)");
}

static const struct tsgd_layer_arg args[] = {
    TSGD_PLACE_OR(0, window, "SIZE", 1, 65535),
    TSGD_ARGS_END,
};

const struct tsgd_layer_ops tsgd_layer_avgpool = {
    .name = "avgpool",
    .summary = "the mean of every SIZE x SIZE pixels, or of all of a channel",
    .args = args,
    .takes = TSGD_TAKES_PIXELS,
    .pytorch = pytorch,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
