/* torch.nn.LayerNorm over all features of a sample: biased variance, then a weight and a bias for
 * every feature. keep holds a mean and 1 / deviation.                                           */
#include "model/layer.h"

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    struct tsgd_shape in = l->in;
    uint32_t rank = in.height == 1 && in.width == 1 ? 1 : 3;    /* 1 behind a dense layer */
    if (tsgd_shape_size(in) == 0)
        return tsgd_fail(err, TSGD_EINVAL, "%s: an input of %ux%ux%u has no features", l->name,
                         in.channels, in.height, in.width);
    l->out = in;
    l->keep = 2;
    tsgd_layer_tensor(l, "weight", rank, (uint32_t[]){in.channels, in.height, in.width});
    tsgd_layer_tensor(l, "bias", rank, (uint32_t[]){in.channels, in.height, in.width});
    return TSGD_OK;
}

static void forward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    size_t n = tsgd_shape_size(l->in);
    c->on->kernels->layernorm_forward(n, c->ld, c->w, c->w + n, c->x, c->y, c->keep);
}

static void backward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    size_t n = tsgd_shape_size(l->in);
    c->on->kernels->layernorm_backward(n, c->ld, c->w, c->x, c->dy, c->keep, c->dw, c->dw + n,
                                       c->dx);
}

static void pytorch(const struct tsgd_layer *l, const char *from, FILE *out)
{
    (void)from;
    if (l->tensors[0].rank == 1)
        fprintf(out, "nn.LayerNorm(%u)", l->in.channels);
    else
        fprintf(out, "nn.LayerNorm([%u, %u, %u])", l->in.channels, l->in.height, l->in.width);
}

const struct tsgd_layer_ops tsgd_layer_layernorm = {
    .name = "layernorm",
    .summary = "mean 0 and variance 1 over all numbers of a sample",
    .prefix = "ln",
    .takes = TSGD_TAKES_SHAPE,
    .pytorch = pytorch,
    .shape = shape,
    .init = tsgd_layer_identity,
    .forward = forward,
    .backward = backward,
};
