/* The shortcut of a residual network (He et al. 2016): x plus the earlier activation `from`. Where
 * x has half its height and width, every second row and column of `from` counts; where x has more
 * channels, zeros stand in for those missing, half of them in front and half behind: option A.  */
#include "model/layer.h"

#include <string.h>

static uint32_t half(uint32_t extent)
{
    return extent / 2 + extent % 2;
}

static enum tsgd_status shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    struct tsgd_shape x = l->in, f = l->from;
    bool same = x.height == f.height && x.width == f.width;
    bool halved = x.height == half(f.height) && x.width == half(f.width);
    if (!(same || halved) || x.channels < f.channels || (x.channels - f.channels) % 2)
        return tsgd_fail(err, TSGD_EINVAL, "residual: what goes in, %ux%ux%u, cannot be added to "
                         "what comes out, %ux%ux%u; want the same height and width there or half "
                         "of them, and as many channels or an even number more", f.channels,
                         f.height, f.width, x.channels, x.height, x.width);
    l->out = l->in;
    return TSGD_OK;
}

static void forward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    if (c->y != c->x)
        memcpy(c->y, c->x, tsgd_shape_size(l->in) * c->ld * sizeof *c->y);
}

static void backward(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    if (c->dx && c->dx != c->dy)
        memcpy(c->dx, c->dy, tsgd_shape_size(l->in) * c->ld * sizeof *c->dx);
}

static bool halves(const struct tsgd_layer *l)
{
    return l->in.height != l->from.height || l->in.width != l->from.width;
}

/* Where the first of the channels that both have begins in x. */
static size_t front(const struct tsgd_layer *l, size_t ld)
{
    return (size_t)(l->in.channels - l->from.channels) / 2 * l->in.height * l->in.width * ld;
}

/* The pixel of `from` that meets pixel j of row i, rows counted through all channels. */
static size_t meets(const struct tsgd_layer *l, size_t i, size_t j)
{
    size_t c = i / l->in.height, r = i % l->in.height;
    return (c * l->from.height + 2 * r) * l->from.width + 2 * j;
}

static void join(const struct tsgd_layer *l, const struct tsgd_kernels *k, const float *from,
                 float *y, size_t ld)
{
    size_t rows = (size_t)l->from.channels * l->in.height, width = l->in.width;
    y += front(l, ld);
    if (!halves(l))
        k->add(from, y, rows * width * ld);
    else
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < width; j++)
                k->add(from + meets(l, i, j) * ld, y + (i * width + j) * ld, ld);
}

static void join_back(const struct tsgd_layer *l, const struct tsgd_kernels *k, const float *dy,
                      float *dfrom, size_t ld)
{
    size_t rows = (size_t)l->from.channels * l->in.height, width = l->in.width;
    dy += front(l, ld);
    if (!halves(l))
        k->add(dy, dfrom, rows * width * ld);
    else
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < width; j++)
                k->add(dy + (i * width + j) * ld, dfrom + meets(l, i, j) * ld, ld);
}

static void pytorch(const struct tsgd_layer *l, const char *from, FILE *out)
{
    uint32_t zeros = (l->in.channels - l->from.channels) / 2;
    const char *every = halves(l) ? "[:, :, ::2, ::2]" : "";
    if (zeros)
        fprintf(out, "x + F.pad(%s%s, (0, 0, 0, 0, %u, %u))", from, every, zeros, zeros);
    else
        fprintf(out, "x + %s%s", from, every);
}

/* A text writes it as `residual { .. }` around the layers that are passed by. */
const struct tsgd_layer_ops tsgd_layer_add = {
    .name = "add",
    .pytorch = pytorch,
    .in_place = true,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .join = join,
    .join_back = join_back,
};
