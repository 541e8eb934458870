#include "model/layer.h"

#include "base/mem.h"
#include "linalg/gemm.h"

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

/* backward's transpose of x */
static size_t scratch_floats(const struct tsgd_layer *l, size_t ld)
{
    return tsgd_mul(tsgd_shape_size(l->in), ld);
}

static void forward(const struct tsgd_layer *l, const float *w, const float *x, float *y,
                    float *keep, float *scratch, size_t ld)
{
    size_t in = tsgd_shape_size(l->in), out = l->units;
    const float *bias = w + in * out;
    (void)keep, (void)scratch;
    for (size_t o = 0; o < out; o++)
        for (size_t s = 0; s < ld; s++)
            y[o * ld + s] = bias[o];
    tsgd_gemm(out, ld, in, (struct tsgd_mat){w, in, 1}, (struct tsgd_mat){x, ld, 1}, 1, y, ld);
}

/* x [rows][ld] into t [ld][rows] */
static void transpose(const float *restrict x, size_t rows, size_t ld, float *restrict t)
{
    for (size_t s0 = 0; s0 < ld; s0 += TSGD_LANES)
        for (size_t r = 0; r < rows; r++)
            for (size_t s = s0; s < s0 + TSGD_LANES; s++)
                t[s * rows + r] = x[r * ld + s];
}

static void backward(const struct tsgd_layer *l, const float *w, const float *x, const float *y,
                     float *dy, const float *keep, float *dw, float *dx, float *scratch,
                     size_t ld)
{
    size_t in = tsgd_shape_size(l->in), out = l->units;
    (void)y, (void)keep;
    /* BLIS multiplies by a matrix with contiguous rows twice as fast as by one with contiguous
     * columns, when the inner dimension is as short as a batch.                                 */
    transpose(x, in, ld, scratch);
    tsgd_gemm(out, in, ld, (struct tsgd_mat){dy, ld, 1}, (struct tsgd_mat){scratch, in, 1}, 0, dw,
              in);
    for (size_t o = 0; o < out; o++)
        dw[out * in + o] = tsgd_lane_sum(dy + o * ld, ld);
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
    .shape = shape,
    .init = init,
    .scratch = scratch_floats,
    .forward = forward,
    .backward = backward,
    .flops = flops,
};
