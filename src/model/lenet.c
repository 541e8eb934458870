#include "model/model.h"

static enum tsgd_status build(struct tsgd_net *out, const char *arg, struct tsgd_shape in,
                              uint32_t classes, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_layer layers[] = {
        {.ops = &tsgd_layer_conv, .name = "conv1", .units = 6, .window = 5},
        {.ops = &tsgd_layer_relu},
        {.ops = &tsgd_layer_maxpool, .window = 2},
        {.ops = &tsgd_layer_groupnorm, .name = "gn1", .groups = 2},
        {.ops = &tsgd_layer_conv, .name = "conv2", .units = 16, .window = 5},
        {.ops = &tsgd_layer_relu},
        {.ops = &tsgd_layer_maxpool, .window = 2},
        {.ops = &tsgd_layer_groupnorm, .name = "gn2", .groups = 4},
        {.ops = &tsgd_layer_dense, .name = "fc1", .units = 120},
        {.ops = &tsgd_layer_relu},
        {.ops = &tsgd_layer_dense, .name = "fc2", .units = 84},
        {.ops = &tsgd_layer_relu},
        {.ops = &tsgd_layer_dense, .name = "fc3", .units = classes},
    };
    TRY(tsgd_model_no_arg("lenet", arg, err));
    if (in.height < 16 || in.width < 16)
        return tsgd_fail(err, TSGD_EINVAL, "--model lenet: samples have %ux%u pixels, want at "
                         "least 16x16", in.height, in.width);
    TRY(tsgd_net_init(out, layers, sizeof layers / sizeof *layers, in, classes, err));
done:
    return st;
}

const struct tsgd_model tsgd_model_lenet = {
    .name = "lenet",
    .usage = "lenet",
    .summary = "LeNet-5 with ReLU, max-pooling and group normalisation",
    .build = build,
};
