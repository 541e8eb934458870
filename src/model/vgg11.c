#include "model/model.h"

#include <stdio.h>

enum { PIXELS = 32, POOL = 0 };         /* five poolings leave one pixel of 32x32 */

static const uint32_t channels[] = {64, POOL, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512,
                                    POOL};
enum { STEPS = sizeof channels / sizeof *channels };

static enum tsgd_status build(struct tsgd_net *out, const char *arg, struct tsgd_shape in,
                              uint32_t classes, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_layer layer[3 * STEPS + 1];
    uint32_t n = 0, convs = 0;
    TRY(tsgd_model_no_arg("vgg11", arg, err));
    if (in.height < PIXELS || in.width < PIXELS)
        return tsgd_fail(err, TSGD_EINVAL, "--model vgg11: samples have %ux%u pixels, want at "
                         "least %dx%d", in.height, in.width, PIXELS, PIXELS);
    for (int i = 0; i < STEPS; i++) {
        if (channels[i] == POOL) {
            layer[n++] = (struct tsgd_layer){.ops = &tsgd_layer_maxpool, .window = 2};
            continue;
        }
        struct tsgd_layer *conv = &layer[n++], *norm = &layer[n++];
        *conv = (struct tsgd_layer){.ops = &tsgd_layer_conv, .units = channels[i], .window = 3,
                                    .pad = 1};
        *norm = (struct tsgd_layer){.ops = &tsgd_layer_groupnorm, .groups = 8};
        snprintf(conv->name, sizeof conv->name, "conv%u", ++convs);
        snprintf(norm->name, sizeof norm->name, "gn%u", convs);
        layer[n++] = (struct tsgd_layer){.ops = &tsgd_layer_relu};
    }
    layer[n++] = (struct tsgd_layer){.ops = &tsgd_layer_dense, .name = "fc", .units = classes};
    TRY(tsgd_net_init(out, layer, n, in, classes, err));
done:
    return st;
}

const struct tsgd_model tsgd_model_vgg11 = {
    .name = "vgg11",
    .usage = "vgg11",
    .summary = "VGG-11 with group normalisation, for samples of 32x32 or more",
    .build = build,
};
