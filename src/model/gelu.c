/* torch.nn.GELU() with the exact normal distribution. keep holds the derivative, which costs little
 * beside y and spares backward another exponential; so y may lie over x.                        */
#include "model/layer.h"

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    (void)err;
    l->out = l->in;
    l->keep = tsgd_shape_size(l->in);
    return TSGD_OK;
}

static void forward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    c->on->kernels->gelu(c->x, c->y, c->keep, tsgd_shape_size(l->in) * c->ld);
}

static void backward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    if (c->dx)
        c->on->kernels->gelu_gradient(c->keep, c->dy, c->dx, tsgd_shape_size(l->in) * c->ld);
}

static void pytorch(const struct tsgd_layer *l, const char *from, FILE *out)
{
    (void)l, (void)from;
    fprintf(out, "F.gelu(x)");
}

const struct tsgd_layer_ops tsgd_layer_gelu = {
    .name = "gelu",
    .summary = "x times the share of a standard normal below x",
    .pytorch = pytorch,
    .in_place = true,
    .shape = shape,
    .forward = forward,
    .backward = backward,
};
