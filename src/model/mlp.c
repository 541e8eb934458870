#include "model/model.h"

#include "base/text.h"

#include <stdio.h>

enum { HIDDEN = 16, WIDTH = 1000000 };

static enum tsgd_status build(struct tsgd_net *out, const char *arg, struct tsgd_shape in,
                              uint32_t classes, struct tsgd_error *err)
{
    uint64_t width[HIDDEN + 1] = {256, 128};
    size_t hidden = 2;
    struct tsgd_layer layer[2 * HIDDEN + 1];
    uint32_t n = 0;
    if (arg && !tsgd_parse_list(arg, width, HIDDEN, &hidden))
        return tsgd_fail(err, TSGD_EINVAL, "--model mlp: '%s' is not a list of 1 to %d widths such "
                         "as 256,128", arg, HIDDEN);
    for (size_t i = 0; i < hidden; i++)
        if (width[i] < 1 || width[i] > WIDTH)
            return tsgd_fail(err, TSGD_EINVAL, "--model mlp: hidden layer %zu has width %llu, want "
                             "1 to %d", i + 1, (unsigned long long)width[i], WIDTH);
    width[hidden] = classes;
    for (size_t i = 0; i <= hidden; i++) {
        if (i > 0)
            layer[n++] = (struct tsgd_layer){.ops = &tsgd_layer_relu};
        layer[n] = (struct tsgd_layer){.ops = &tsgd_layer_dense, .units = (uint32_t)width[i]};
        snprintf(layer[n].name, sizeof layer[n].name, "fc%zu", i + 1);
        n++;
    }
    return tsgd_net_init(out, layer, n, in, classes, err);
}

const struct tsgd_model tsgd_model_mlp = {
    .name = "mlp",
    .usage = "mlp[:H1,H2,..]",
    .summary = "dense layers of these widths (default 256,128), each followed by ReLU",
    .build = build,
};
