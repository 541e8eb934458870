/* Largest of every window x window square, stride window; rows and columns that fill no window are
 * left out, and the first of equals wins, as in PyTorch. Backward finds the winner again by
 * comparing x with y, so no indices are stored.                                                 */
#include "model/layer.h"

#include <string.h>

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    uint32_t k = l->window;
    if (k == 0 || l->in.height < k || l->in.width < k)
        return tsgd_fail(err, TSGD_EINVAL, "maxpool: window %u does not fit an input of %ux%u", k,
                         l->in.height, l->in.width);
    l->out = (struct tsgd_shape){l->in.channels, l->in.height / k, l->in.width / k};
    return TSGD_OK;
}

/* x against the best so far; a NaN wins and stays. */
static void better(const float *restrict x, float *restrict best, size_t ld)
{
    for (size_t s = 0; s < ld; s++)
        best[s] = (x[s] > best[s]) | (x[s] != x[s]) ? x[s] : best[s];
}

static void forward(const struct tsgd_layer *l, const float *w, const float *x, float *y,
                    float *keep, float *scratch, size_t ld)
{
    size_t k = l->window, pitch = l->in.width * ld, plane = l->in.height * pitch;
    (void)w, (void)keep, (void)scratch;
    for (size_t c = 0; c < l->out.channels; c++)
        for (size_t i = 0; i < l->out.height; i++)
            for (size_t j = 0; j < l->out.width; j++, y += ld) {
                const float *window = x + c * plane + i * k * pitch + j * k * ld;
                memcpy(y, window, ld * sizeof *y);
                for (size_t t = 1; t < k * k; t++)
                    better(window + t / k * pitch + t % k * ld, y, ld);
            }
}

/* What is left of dy, for one sample after another, goes to the first pixel that equals y; then
 * nothing is left.                                                                              */
static void give(const float *restrict x, const float *restrict y, float *restrict left,
                 float *restrict dx, size_t ld)
{
    for (size_t s = 0; s < ld; s++) {
        bool won = x[s] == y[s];
        dx[s] = won ? left[s] : 0;
        left[s] = won ? 0 : left[s];
    }
}

static size_t scratch_floats(const struct tsgd_layer *l, size_t ld)
{
    (void)l;
    return ld;
}

static void backward(const struct tsgd_layer *l, const float *w, const float *x, const float *y,
                     float *dy, const float *keep, float *dw, float *dx, float *scratch,
                     size_t ld)
{
    size_t k = l->window, pitch = l->in.width * ld, plane = l->in.height * pitch;
    (void)w, (void)keep, (void)dw;
    if (!dx)
        return;
    if (l->in.height % k || l->in.width % k)
        memset(dx, 0, l->in.channels * plane * sizeof *dx);
    for (size_t c = 0; c < l->out.channels; c++)
        for (size_t i = 0; i < l->out.height; i++)
            for (size_t j = 0; j < l->out.width; j++, y += ld, dy += ld) {
                size_t window = c * plane + i * k * pitch + j * k * ld;
                memcpy(scratch, dy, ld * sizeof *dy);
                for (size_t t = 0; t < k * k; t++) {
                    size_t at = window + t / k * pitch + t % k * ld;
                    give(x + at, y, scratch, dx + at, ld);
                }
            }
}

const struct tsgd_layer_ops tsgd_layer_maxpool = {
    .name = "maxpool",
    .reads_y = true,
    .shape = shape,
    .scratch = scratch_floats,
    .forward = forward,
    .backward = backward,
};
