#include "model/layer.h"

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    (void)err;
    l->out = l->in;
    return TSGD_OK;
}

static void forward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    c->on->kernels->relu(c->x, c->y, tsgd_shape_size(l->in) * c->ld);
}

static void backward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    if (c->dx)
        c->on->kernels->relu_gradient(c->y, c->dy, c->dx, tsgd_shape_size(l->in) * c->ld);
}

static void pytorch(const struct tsgd_layer *l, const char *from, FILE *out)
{
    (void)l, (void)from;
    fprintf(out, "F.relu(x)");
}

const struct tsgd_layer_ops tsgd_layer_relu = {
    .name = "relu",
    .summary = "the larger of x and 0",
    .pytorch = pytorch,
    .in_place = true,
    .reads_y = true,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
