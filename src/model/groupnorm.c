/* torch.nn.GroupNorm: over the channels of a group and their pixels, biased variance, then a
 * weight and a bias for every channel. keep holds, for every group, a mean and 1 / deviation. A
 * ReLU that follows is done at once.                                                            */
#include "model/layer.h"

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    uint32_t c = l->in.channels, fits = l->groups < c ? l->groups : c;
    while (fits > 1 && c % fits)
        fits--;
    if (l->groups == 0 || c == 0 || c % l->groups)
        return tsgd_fail(err, TSGD_EINVAL, "%s: %u channels cannot be cut into %u equal groups, "
                         "but into %u", l->name, c, l->groups, fits);
    l->out = l->in;
    l->keep = (size_t)2 * l->groups;
    tsgd_layer_tensor(l, "weight", 1, &c);
    tsgd_layer_tensor(l, "bias", 1, &c);
    return TSGD_OK;
}

static struct tsgd_groupnorm dims(const struct tsgd_layer *l, size_t ld)
{
    return (struct tsgd_groupnorm){
        .groups = l->groups, .per = l->in.channels / l->groups,
        .area = (size_t)l->in.height * l->in.width, .ld = ld, .relu = l->relu,
    };
}

static void forward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    struct tsgd_groupnorm d = dims(l, c->ld);
    c->on->kernels->groupnorm_forward(&d, c->w, c->w + l->in.channels, c->x, c->y, c->keep);
}

static void backward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    struct tsgd_groupnorm d = dims(l, c->ld);
    c->on->kernels->groupnorm_backward(&d, c->w, c->w + l->in.channels, c->x, c->dy, c->keep, c->dw,
                                       c->dw + l->in.channels, c->dx);
}

static void pytorch(const struct tsgd_layer *l, const char *from, FILE *out)
{
    (void)from;
    fprintf(out, "nn.GroupNorm(%u, %u)", l->groups, l->in.channels);
}

static const struct tsgd_layer_arg args[] = {
    TSGD_PLACE(groups, "GROUPS", 1, 65536),
    TSGD_ARGS_END,
};

const struct tsgd_layer_ops tsgd_layer_groupnorm = {
    .name = "groupnorm",
    .summary = "mean 0 and variance 1 over the channels of each of GROUPS groups",
    .prefix = "gn",
    .args = args,
    .pytorch = pytorch,
    .back_in_place = true,
    .takes_relu = true,
    .shape = shape,
    .init = tsgd_layer_identity,
    .forward = forward,
    .backward = backward,
};
