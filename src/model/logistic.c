#include "model/model.h"

static enum tsgd_status build(struct tsgd_net *out, const char *arg, struct tsgd_shape in,
                              uint32_t classes, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_layer layer = {.ops = &tsgd_layer_dense, .name = "fc", .units = classes};
    TRY(tsgd_model_no_arg("logistic", arg, err));
    TRY(tsgd_net_init(out, &layer, 1, in, classes, err));
done:
    return st;
}

const struct tsgd_model tsgd_model_logistic = {
    .name = "logistic",
    .usage = "logistic",
    .summary = "softmax regression",
    .build = build,
};
