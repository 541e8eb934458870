#include "model/layer.h"

#include "base/mem.h"
#include "linalg/gemm.h"
#include "linalg/vec.h"

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    size_t in = tsgd_shape_size(l->in);
    if (l->units == 0 || in == 0 || in > UINT32_MAX)
        return tsgd_fail(err, TSGD_EINVAL, "%s: %zu inputs and %u outputs, want at least 1 of each",
                         l->name, in, l->units);
    l->out = (struct tsgd_shape){l->units, 1, 1};
    tsgd_layer_tensor(l, "weight", 2, (uint32_t[]){l->units, (uint32_t)in});
    tsgd_layer_tensor(l, "bias", 1, (uint32_t[]){l->units});
    return TSGD_OK;
}

static void init(const struct tsgd_layer *l, float *w, struct tsgd_rng *rng)
{
    tsgd_layer_uniform(w, l->params, tsgd_shape_size(l->in), rng);
}

/* Floats from a row of the transposed x to the next: an odd number of cache lines, because lines
 * whose distance is a multiple of some KiB displace each other in the first-level cache.        */
static size_t row(size_t in) { return tsgd_round_up(in, TSGD_LANES) | TSGD_LANES; }

/* A product's own scratch, then backward's transpose of x, and dy behind the ReLU. The three
 * products of a layer are equally large.                                                        */
static size_t product_floats(const struct tsgd_layer *l, const struct tsgd_backend *on, size_t ld)
{
    size_t in = tsgd_shape_size(l->in), out = l->units;
    size_t one = tsgd_gemm_scratch(on, out, ld, in), other = tsgd_gemm_scratch(on, out, in, ld);
    size_t third = tsgd_gemm_scratch(on, in, ld, out);
    one = one > other ? one : other;
    return tsgd_round_up(one > third ? one : third, TSGD_LANES);
}

static size_t scratch_floats(const struct tsgd_layer *l, const struct tsgd_backend *on, size_t ld)
{
    size_t in = tsgd_shape_size(l->in), out = l->relu ? l->units : 0;
    return tsgd_add(tsgd_mul(tsgd_add(row(in), out), ld), product_floats(l, on, ld));
}

static void forward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    size_t in = tsgd_shape_size(l->in), out = l->units;
    tsgd_gemm(c->on, &(struct tsgd_product){
        .m = out, .n = c->ld, .k = in, .a = {c->w, in, 1}, .b = {c->x, c->ld, 1},
        .c = c->y, .rsc = c->ld,
    }, c->scratch);
    c->on->kernels->add_bias(c->y, c->w + in * out, out, c->ld, l->relu);
}

static void backward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    size_t in = tsgd_shape_size(l->in), out = l->units, ld = c->ld, far = row(in);
    float *t = c->scratch + product_floats(l, c->on, ld), *masked = t + far * ld;
    const float *dy = l->relu ? masked : c->dy;
    c->on->kernels->bias_gradient(l->relu ? c->y : NULL, c->dy, out, ld, masked, c->dw + in * out);
    /* Rows of a product are vectors: transposed first, x is read once and in order. */
    c->on->kernels->transpose(c->x, in, ld, t, far);
    /* First: it needs the weights from before their step. */
    if (c->dx)
        tsgd_gemm(c->on, &(struct tsgd_product){
            .m = in, .n = ld, .k = out, .a = {c->w, 1, in}, .b = {dy, ld, 1},
            .c = c->dx, .rsc = ld,
        }, c->scratch);
    const struct tsgd_product weights = {
        .m = out, .n = in, .k = ld, .a = {dy, ld, 1}, .b = {t, far, 1}, .c = c->dw, .rsc = in,
    };
    if (!c->update) {
        tsgd_gemm(c->on, &weights, c->scratch);
        return;
    }
    struct tsgd_update bias = tsgd_update_from(c->update, in * out);
    tsgd_gemm_update(c->on, &weights, c->update, c->scratch);
    tsgd_sgd(c->on->kernels, &bias, c->dw + in * out, out);
}

static uint64_t flops(const struct tsgd_layer *l)
{
    return 2 * (uint64_t)tsgd_shape_size(l->in) * l->units;
}

static void pytorch(const struct tsgd_layer *l, const char *from, FILE *out)
{
    (void)from;
    fprintf(out, "nn.Linear(%zu, %u)", tsgd_shape_size(l->in), l->units);
}

static const struct tsgd_layer_arg args[] = {
    TSGD_OUTPUTS(units, "OUTPUTS", 1, 1000000),
    TSGD_ARGS_END,
};

const struct tsgd_layer_ops tsgd_layer_dense = {
    .name = "dense",
    .summary = "every output from all inputs; the last one may leave OUTPUTS out",
    .prefix = "fc",
    .args = args,
    .takes = TSGD_TAKES_FLAT,
    .pytorch = pytorch,
    .takes_relu = true,
    .takes_update = true,
    .reads_y = true,
    .shape = shape,
    .init = init,
    .scratch = scratch_floats,
    .forward = forward,
    .backward = backward,
    .flops = flops,
};
