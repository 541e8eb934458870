#include "model/model.h"

#include "base/mem.h"

#include <string.h>

#define MODEL(name) extern const struct tsgd_model tsgd_model_##name;
#define NETWORK(title, side, about, text)                                                     \
    static const struct tsgd_model tsgd_model_##title = {                                      \
        .name = #title, .usage = #title, .summary = about, .layers = text, .least_side = side, \
    };
#include "model/list.h"
#undef MODEL
#undef NETWORK

const struct tsgd_model *const tsgd_models[] = {
#define MODEL(name) &tsgd_model_##name,
#define NETWORK(name, side, about, text) &tsgd_model_##name,
#include "model/list.h"
#undef MODEL
#undef NETWORK
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

/* What begins the sentence on a mistake in the layers. */
static const char *origin(const struct tsgd_spec *spec)
{
    return spec->arg && spec->arg[0] == '@' ? spec->arg + 1 : "--model";
}

/* The model as files carry it. */
static enum tsgd_status full_text(char **out, const char *model, const struct tsgd_model *m,
                                  const struct tsgd_netspec *layers, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char *text = NULL;
    bool own = m == &tsgd_model_net;
    if (own)
        TRY(tsgd_netspec_text(layers, &text, err));
    size_t room = strlen(own ? text : model) + sizeof "net:";
    TRY(TSGD_NEW(out, room, "--model", err));
    snprintf(*out, room, "%s%s", own ? "net:" : "", own ? text : model);
done:
    free(text);
    return st;
}

enum tsgd_status tsgd_model_read(struct tsgd_netspec *out, const char *model, char **text,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_model *m = NULL;
    struct tsgd_netspec layers = TSGD_NETSPEC_INIT;
    struct tsgd_spec spec;
    char *spelled = NULL;
    TRY(tsgd_model_find(&m, &spec, model, err));
    if (m->kind != TSGD_MODEL_NETWORK)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--model: found '%s', want a network", model));
    if (m->spell)
        TRY(m->spell(&spelled, spec.arg, err));
    else
        TRY(tsgd_model_no_arg(m->name, spec.arg, err));
    TRY(tsgd_netspec_parse(&layers, m->spell ? spelled : m->layers, origin(&spec), err));
    if (text)
        TRY(full_text(text, model, m, &layers, err));
    *out = layers;
    layers = (struct tsgd_netspec)TSGD_NETSPEC_INIT;
done:
    tsgd_netspec_release(&layers);
    free(spelled);
    return st;
}

enum tsgd_status tsgd_model_make(struct tsgd_net *out, struct tsgd_netspec *spec, const char *model,
                                 struct tsgd_shape in, uint32_t classes,
                                 const struct tsgd_backend *on, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_model *m = NULL;
    struct tsgd_spec name;
    TRY(tsgd_model_find(&m, &name, model, err));
    if (in.height < m->least_side || in.width < m->least_side)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--model %s: samples have %ux%u pixels, want at least "
                      "%ux%u", m->name, in.height, in.width, m->least_side, m->least_side));
    TRY(tsgd_netspec_build(spec, out, in, classes, on, err));
done:
    return st;
}

enum tsgd_status tsgd_model_build(struct tsgd_net *out, const char *model, struct tsgd_shape in,
                                  uint32_t classes, const struct tsgd_backend *on,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_netspec spec = TSGD_NETSPEC_INIT;
    TRY(tsgd_model_read(&spec, model, NULL, err));
    TRY(tsgd_model_make(out, &spec, model, in, classes, on, err));
done:
    tsgd_netspec_release(&spec);
    return st;
}

enum tsgd_status tsgd_model_text(char **out, const char *model, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_netspec layers = TSGD_NETSPEC_INIT;
    if (!strncmp(model, "net:", 4))
        TRY(tsgd_model_read(&layers, model, out, err));
    else
        TRY(full_text(out, model, NULL, NULL, err));
done:
    tsgd_netspec_release(&layers);
    return st;
}

void tsgd_model_short(const char *model, char *text, size_t size)
{
    if (strlen(model) < size)
        snprintf(text, size, "%s", model);
    else
        snprintf(text, size, "%.*s ..", (int)size - 4, model);
}

/* The layers of a network as one text; NULL: `model` is none that can be read. */
static enum tsgd_status layers_of(char **out, const char *model, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_netspec layers = TSGD_NETSPEC_INIT;
    st = tsgd_model_read(&layers, model, NULL, err);
    if (st != TSGD_OK)
        return st == TSGD_ENOMEM ? st : TSGD_OK;
    st = tsgd_netspec_text(&layers, out, err);
    tsgd_netspec_release(&layers);
    return st;
}

enum tsgd_status tsgd_model_alike(bool *out, const char *a, const char *b, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char *one = NULL, *other = NULL;
    size_t n = strcspn(a, ":");
    *out = n == strcspn(b, ":") && !strncmp(a, b, n) && strncmp(a, "net:", 4);
    if (*out)
        return TSGD_OK;
    TRY(layers_of(&one, a, err));
    TRY(layers_of(&other, b, err));
    *out = one && other && !strcmp(one, other);
done:
    free(one);
    free(other);
    return st;
}

enum tsgd_status tsgd_model_no_arg(const char *name, const char *arg, struct tsgd_error *err)
{
    if (!arg)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--model %s: takes no argument, found ':%s'", name, arg);
}
