/* A depthwise convolution: a square kernel for every channel, which sees that channel alone; zero
 * padding and a stride. PyTorch's Conv2d with as many groups as channels.                       */
#include "model/layer.h"

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    l->units = l->in.channels;
    TRY(tsgd_layer_windows(l, err));
    tsgd_layer_tensor(l, "weight", 4, (uint32_t[]){l->units, 1, l->window, l->window});
    if (!l->no_bias)
        tsgd_layer_tensor(l, "bias", 1, &l->units);
done:
    return st;
}

static void init(const struct tsgd_layer *l, float *w, struct tsgd_rng *rng)
{
    tsgd_layer_uniform(w, l->params, (size_t)l->window * l->window, rng);
}

static size_t scratch_floats(const struct tsgd_layer *l, const struct tsgd_backend *on, size_t ld)
{
    struct tsgd_conv d = tsgd_layer_conv_dims(l, ld);
    return on->kernels->dwconv_scratch(&d);
}

static void forward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    struct tsgd_conv d = tsgd_layer_conv_dims(l, c->ld);
    const float *bias = l->no_bias ? NULL : c->w + l->tensors[0].count;
    c->on->kernels->dwconv_forward(&d, c->w, bias, c->x, c->y);
}

static void backward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    struct tsgd_conv d = tsgd_layer_conv_dims(l, c->ld);
    float *dbias = l->no_bias ? NULL : c->dw + l->tensors[0].count;
    c->on->kernels->dwconv_weight_gradient(&d, c->x, c->dy, c->dw, dbias, c->scratch);
    if (c->dx)
        c->on->kernels->dwconv_input_gradient(&d, c->w, c->dy, c->dx);
}

static uint64_t flops(const struct tsgd_layer *l)
{
    return 2 * (uint64_t)l->window * l->window * tsgd_shape_size(l->out);
}

static void pytorch(const struct tsgd_layer *l, const char *from, FILE *out)
{
    (void)from;
    tsgd_layer_print_conv(l, out);
    fprintf(out, ", groups=%u)", l->units);
}

static const struct tsgd_layer_arg args[] = {
    TSGD_PLACE(window, "SIZE", 1, TSGD_MAX_WINDOW),
    TSGD_WORD(1, stride, "stride", 1, 65535),
    TSGD_WORD(0, pad, "pad", 0, TSGD_MAX_WINDOW - 1),
    TSGD_FLAG(no_bias, "nobias"),
    TSGD_ARGS_END,
};

const struct tsgd_layer_ops tsgd_layer_dwconv = {
    .name = "dwconv",
    .summary = "convolution of each channel with its own kernel of SIZE x SIZE",
    .prefix = "dwconv",
    .args = args,
    .takes = TSGD_TAKES_PIXELS,
    .pytorch = pytorch,
    .shape = shape,
    .init = init,
    .scratch = scratch_floats,
    .forward = forward,
    .backward = backward,
    .flops = flops,
};
