/* A convolution with square kernels, zero padding and a stride; the kernels of simd/ compute it
 * directly, or by Winograd's algorithm where that takes much fewer multiplications. A ReLU and a
 * 2x2 max-pooling that follow are done while a tile of the output is still in registers (see
 * net.c): the layer's output is then what comes out of those, and backward first brings the
 * gradient back through them.                                                                   */
#include "model/layer.h"

#include "base/mem.h"

/* Floats a lane of the output before pooling. */
static size_t unpooled(const struct tsgd_layer *l)
{
    struct tsgd_conv d = tsgd_layer_conv_dims(l, 1);
    return tsgd_mul(tsgd_mul(d.out_c, d.out_h), d.out_w);
}

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t k = l->window;
    TRY(tsgd_layer_windows(l, err));
    if (l->pool)
        l->out = (struct tsgd_shape){l->units, l->out.height / 2, l->out.width / 2};
    /* 8 bytes for every 4 lanes of the narrowest vectors */
    l->keep = l->pool ? (tsgd_shape_size(l->out) + 1) / 2 : 0;
    tsgd_layer_tensor(l, "weight", 4, (uint32_t[]){l->units, l->in.channels, k, k});
    if (!l->no_bias)
        tsgd_layer_tensor(l, "bias", 1, &l->units);
done:
    return st;
}

static void init(const struct tsgd_layer *l, float *w, struct tsgd_rng *rng)
{
    size_t fan_in = (size_t)l->in.channels * l->window * l->window;
    tsgd_layer_uniform(w, l->params, fan_in, rng);
}

/* Whether Winograd's algorithm computes it: a function of the shape and of --conv alone, because
 * results depend on it. Below 16 channels vectors would be half empty, and on images of 3x3, 5x5
 * or a single row its tiles reach so far over the edge that it saves too little.                */
static bool winograd(const struct tsgd_backend *on, const struct tsgd_conv *d)
{
    bool filters = d->window == 3 && d->stride == 1 && d->pad == 1;
    size_t tiles = ((d->in_h + 3) / 4) * ((d->in_w + 3) / 4);
    size_t taps = (3 * d->in_h - 2) * (3 * d->in_w - 2);    /* that do not meet padding */
    bool pair = d->in_h == 2 && d->in_w == 2;   /* these take 9 products for 16 taps */
    return !on->direct && filters && d->in_c >= 16 && d->out_c >= 16 &&
           (pair || 3 * taps >= 4 * 36 * tiles);
}

/* The gradient before pooling, and what the kernel wants. */
static size_t scratch_floats(const struct tsgd_layer *l, const struct tsgd_backend *on, size_t ld)
{
    struct tsgd_conv d = tsgd_layer_conv_dims(l, ld);
    bool wino = winograd(on, &d);
    size_t one = (wino ? on->kernels->wino_weight_scratch : on->kernels->conv_weight_scratch)(&d);
    size_t other = (wino ? on->kernels->wino_scratch : on->kernels->conv_scratch)(&d);
    return tsgd_add(l->pool ? tsgd_mul(unpooled(l), ld) : 0, one > other ? one : other);
}

static size_t weights(const struct tsgd_layer *l)
{
    return (size_t)l->units * l->in.channels * l->window * l->window;
}

static void forward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    struct tsgd_conv d = tsgd_layer_conv_dims(l, c->ld);
    const float *bias = l->no_bias ? NULL : c->w + weights(l);
    if (winograd(c->on, &d))
        c->on->kernels->wino_forward(&d, c->w, bias, c->x, c->y, c->scratch);
    else if (l->pool)
        c->on->kernels->conv_relu_pool(&d, c->w, bias, c->x, c->y, (uint16_t *)c->keep);
    else
        c->on->kernels->conv_forward(&d, c->w, bias, c->x, c->y, c->scratch);
}

static void backward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    const struct tsgd_kernels *k = c->on->kernels;
    struct tsgd_conv d = tsgd_layer_conv_dims(l, c->ld);
    const uint16_t *won = (const uint16_t *)c->keep;
    const float *dy = c->dy;
    float *dbias = l->no_bias ? NULL : c->dw + weights(l), *scratch = c->scratch;
    if (winograd(c->on, &d)) {
        k->wino_weight_gradient(&d, c->x, dy, c->dw, scratch);
        if (dbias)
            k->bias_gradient(NULL, dy, d.out_c, d.out_h * d.out_w * d.ld, NULL, dbias);
        if (c->dx)
            k->wino_input_gradient(&d, c->w, dy, c->dx, scratch);
        return;
    }
    if (l->pool && !c->dx && dbias &&
        k->conv_pooled_gradient(&d, c->x, dy, won, c->dw, dbias, scratch))
        return;
    if (l->pool) {
        k->conv_unpool(&d, dy, won, scratch, dbias);
        dy = scratch;
        scratch += unpooled(l) * c->ld;
        dbias = NULL;
    }
    k->conv_weight_gradient(&d, c->x, dy, c->dw, dbias, scratch);
    if (l->pool && c->dx &&
        k->conv_pooled_input_gradient(&d, c->w, c->dy, won, c->dx, c->scratch))
        return;
    if (c->dx)
        k->conv_input_gradient(&d, c->w, dy, c->dx, scratch);
}

static uint64_t flops(const struct tsgd_layer *l)
{
    return 2 * (uint64_t)l->in.channels * l->window * l->window * unpooled(l);
}

static void pytorch(const struct tsgd_layer *l, const char *from, FILE *out)
{
    (void)from;
    tsgd_layer_print_conv(l, out);
    fputc(')', out);
}

static const struct tsgd_layer_arg args[] = {
    TSGD_PLACE(units, "CHANNELS", 1, 65536),
    TSGD_PLACE(window, "SIZE", 1, TSGD_MAX_WINDOW),
    TSGD_WORD(1, stride, "stride", 1, 65535),
    TSGD_WORD(0, pad, "pad", 0, TSGD_MAX_WINDOW - 1),
    TSGD_FLAG(no_bias, "nobias"),
    TSGD_ARGS_END,
};

const struct tsgd_layer_ops tsgd_layer_conv = {
    .name = "conv",
    .summary = "convolution with kernels of SIZE x SIZE",
    .prefix = "conv",
    .args = args,
    .takes = TSGD_TAKES_PIXELS,
    .pytorch = pytorch,
    .takes_pool = true,
    .shape = shape,
    .init = init,
    .scratch = scratch_floats,
    .forward = forward,
    .backward = backward,
    .flops = flops,
};
