#include "model/layer.h"

#include "base/mem.h"
#include "linalg/gemm.h"
#include "linalg/isa.h"

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

static size_t row(size_t in) { return tsgd_round_up(in, TSGD_LANES); }

/* backward's transpose of x, and dy behind the ReLU */
static size_t scratch_floats(const struct tsgd_layer *l, size_t ld)
{
    size_t in = tsgd_shape_size(l->in), out = l->relu ? l->units : 0;
    return tsgd_mul(tsgd_add(row(in), out), ld);
}

static void forward(const struct tsgd_layer *l, const float *w, const float *x, float *y,
                    float *keep, float *scratch, size_t ld)
{
    size_t in = tsgd_shape_size(l->in), out = l->units;
    (void)keep, (void)scratch;
    tsgd_gemm(out, ld, in, (struct tsgd_mat){w, in, 1}, (struct tsgd_mat){x, ld, 1}, 0, y, ld);
    tsgd_kernels->add_bias(y, w + in * out, out, ld, l->relu);
}

static void backward(const struct tsgd_layer *l, const float *w, const float *x, const float *y,
                     const float *dy, const float *keep, float *dw, float *dx, float *scratch,
                     size_t ld)
{
    size_t in = tsgd_shape_size(l->in), out = l->units, far = row(in);
    float *t = scratch, *masked = scratch + far * ld;
    (void)keep;
    tsgd_kernels->bias_gradient(l->relu ? y : NULL, dy, out, ld, masked, dw + in * out);
    dy = l->relu ? masked : dy;
    /* Rows of a product are vectors: transposed first, x is read once and in order. */
    tsgd_kernels->transpose(x, in, ld, t, far);
    tsgd_gemm(out, in, ld, (struct tsgd_mat){dy, ld, 1}, (struct tsgd_mat){t, far, 1}, 0, dw, in);
    if (dx)
        tsgd_gemm(in, ld, out, (struct tsgd_mat){w, 1, in}, (struct tsgd_mat){dy, ld, 1}, 0, dx,
                  ld);
}

static uint64_t flops(const struct tsgd_layer *l)
{
    return 2 * (uint64_t)tsgd_shape_size(l->in) * l->units;
}

const struct tsgd_layer_ops tsgd_layer_dense = {
    .name = "dense",
    .takes_relu = true,
    .reads_y = true,
    .shape = shape,
    .init = init,
    .scratch = scratch_floats,
    .forward = forward,
    .backward = backward,
    .flops = flops,
};
