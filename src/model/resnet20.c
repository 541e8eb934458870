/* The network of He et al. (2016), section 4.2, for small pictures, n = 3: a convolution, three
 * stages of three blocks, the mean over all pixels, a dense layer.                              */
#include "model/model.h"

#include <stdio.h>

enum { PIXELS = 8, STAGES = 3, BLOCKS = 3, PER_BLOCK = 7 };

static struct tsgd_layer conv(const char *where, int number, uint32_t units, uint32_t stride)
{
    struct tsgd_layer l = {.ops = &tsgd_layer_conv, .units = units, .window = 3, .pad = 1,
                           .stride = stride, .no_bias = true};
    snprintf(l.name, sizeof l.name, "%.16sconv%d", where, number);
    return l;
}

static struct tsgd_layer norm(const char *where, int number)
{
    struct tsgd_layer l = {.ops = &tsgd_layer_groupnorm, .groups = 8};
    snprintf(l.name, sizeof l.name, "%.16sgn%d", where, number);
    return l;
}

static void block(struct tsgd_layer out[PER_BLOCK], const char *where, uint32_t units,
                  uint32_t stride)
{
    *out++ = conv(where, 1, units, stride);
    *out++ = norm(where, 1);
    *out++ = (struct tsgd_layer){.ops = &tsgd_layer_relu};
    *out++ = conv(where, 2, units, 1);
    *out++ = norm(where, 2);
    *out++ = (struct tsgd_layer){.ops = &tsgd_layer_add, .skip = 5};   /* conv1's input */
    *out++ = (struct tsgd_layer){.ops = &tsgd_layer_relu};
}

static enum tsgd_status build(struct tsgd_net *out, const char *arg, struct tsgd_shape in,
                              uint32_t classes, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_layer layer[3 + STAGES * BLOCKS * PER_BLOCK + 2];
    uint32_t n = 0;
    TRY(tsgd_model_no_arg("resnet20", arg, err));
    if (in.height < PIXELS || in.width < PIXELS)
        return tsgd_fail(err, TSGD_EINVAL, "--model resnet20: samples have %ux%u pixels, want at "
                         "least %dx%d", in.height, in.width, PIXELS, PIXELS);
    layer[n++] = conv("", 1, 16, 1);
    layer[n++] = norm("", 1);
    layer[n++] = (struct tsgd_layer){.ops = &tsgd_layer_relu};
    for (int stage = 0; stage < STAGES; stage++)
        for (int b = 0; b < BLOCKS; b++) {
            char where[24];
            snprintf(where, sizeof where, "layer%d.%d.", stage + 1, b);
            block(layer + n, where, 16u << stage, stage > 0 && b == 0 ? 2 : 1);
            n += PER_BLOCK;
        }
    layer[n++] = (struct tsgd_layer){.ops = &tsgd_layer_avgpool};
    layer[n++] = (struct tsgd_layer){.ops = &tsgd_layer_dense, .name = "fc", .units = classes};
    TRY(tsgd_net_init(out, layer, n, in, classes, err));
done:
    return st;
}

const struct tsgd_model tsgd_model_resnet20 = {
    .name = "resnet20",
    .usage = "resnet20",
    .summary = "ResNet-20 with group normalisation, for samples of 8x8 or more",
    .build = build,
};
