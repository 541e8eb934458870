/* torch.nn.GroupNorm: over the channels of a group and their pixels, biased variance, then a
 * weight and a bias for every channel. keep holds, for every group, a mean and 1 / deviation. A
 * ReLU that follows is done at once, and so is a 2x2 max-pooling behind it: keep then holds, too,
 * which pixels won.                                                                              */
#include "model/layer.h"

#include "base/mem.h"

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
    if (l->pool) {
        l->out.height /= 2;
        l->out.width /= 2;
        l->keep += (tsgd_shape_size(l->out) + 1) / 2;   /* 8 bytes for every 4 lanes */
    }
    tsgd_layer_tensor(l, "weight", 1, &c);
    tsgd_layer_tensor(l, "bias", 1, &c);
    return TSGD_OK;
}

static struct tsgd_groupnorm dims(const struct tsgd_layer *l, size_t ld)
{
    return (struct tsgd_groupnorm){
        .groups = l->groups, .per = l->in.channels / l->groups,
        .area = (size_t)l->in.height * l->in.width, .ld = ld, .relu = l->relu,
        .width = l->in.width,
    };
}

static uint16_t *won(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    return (uint16_t *)(c->keep + 2 * l->groups * c->ld);
}

/* Without a dx to write to, backward spreads the pooled gradient out in scratch. */
static size_t scratch(const struct tsgd_layer *l, const struct tsgd_backend *on, size_t ld)
{
    (void)on;
    return l->pool && l->offset == 0 ? tsgd_mul(tsgd_shape_size(l->in), ld) : 0;
}

static void forward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    const struct tsgd_kernels *k = c->on->kernels;
    struct tsgd_groupnorm d = dims(l, c->ld);
    if (l->pool) {
        k->groupnorm_relu_pool(&d, c->w, c->w + l->in.channels, c->x, c->y, c->keep, won(l, c));
        return;
    }
    k->groupnorm_forward(&d, c->w, c->w + l->in.channels, c->x, c->y, c->keep);
}

static void backward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    const struct tsgd_kernels *k = c->on->kernels;
    struct tsgd_groupnorm d = dims(l, c->ld);
    if (l->pool) {
        k->groupnorm_unpool(&d, c->w, c->x, c->dy, c->keep, won(l, c), c->dw,
                            c->dw + l->in.channels, c->dx ? c->dx : c->scratch);
        return;
    }
    k->groupnorm_backward(&d, c->w, c->w + l->in.channels, c->x, c->dy, c->keep, c->dw,
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
    .takes_pool = true,
    .shape = shape,
    .init = tsgd_layer_identity,
    .scratch = scratch,
    .forward = forward,
    .backward = backward,
};
