#include "model/model.h"

#include <string.h>

#define MODEL(name) extern const struct tsgd_model tsgd_model_##name;
#include "model/list.h"
#undef MODEL

const struct tsgd_model *const tsgd_models[] = {
#define MODEL(name) &tsgd_model_##name,
#include "model/list.h"
#undef MODEL
};
const size_t tsgd_n_models = sizeof tsgd_models / sizeof *tsgd_models;

enum tsgd_status tsgd_model_find(const struct tsgd_model **out, struct tsgd_spec *spec,
                                 const char *model, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const char *names[sizeof tsgd_models / sizeof *tsgd_models];
    if (strlen(model) >= TSGD_MODEL_TEXT)
        return tsgd_fail(err, TSGD_EINVAL, "--model: '%.80s' has %zu characters, want at most %d",
                         model, strlen(model), TSGD_MODEL_TEXT - 1);
    TRY(tsgd_spec_parse(spec, model, "--model", err));
    for (size_t i = 0; i < tsgd_n_models; i++) {
        names[i] = tsgd_models[i]->name;
        if (!strcmp(spec->name, names[i])) {
            *out = tsgd_models[i];
            return TSGD_OK;
        }
    }
    TRY(tsgd_unknown_name("--model", spec->name, names, tsgd_n_models, err));
done:
    return st;
}

enum tsgd_status tsgd_model_build(struct tsgd_net *out, const char *model, struct tsgd_shape in,
                                  uint32_t classes, const struct tsgd_backend *on,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_model *m = NULL;
    struct tsgd_spec spec;
    TRY(tsgd_model_find(&m, &spec, model, err));
    if (!m->build)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--model: found '%s', want a network", model));
    TRY(m->build(out, spec.arg, in, classes, err));
    out->on = *on;
done:
    return st;
}

enum tsgd_status tsgd_model_no_arg(const char *name, const char *arg, struct tsgd_error *err)
{
    if (!arg)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--model %s: takes no argument, found ':%s'", name, arg);
}
