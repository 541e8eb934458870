/* model/model.h: models by name, and the table of them. */
#ifndef TSGD_MODEL_MODEL_H
#define TSGD_MODEL_MODEL_H

#include "base/text.h"
#include "model/net.h"

/* What a model is; how each kind is trained stands in run/task.h. */
enum tsgd_model_kind {
    TSGD_MODEL_NETWORK,         /* layers, on data that are split among the nodes */
    TSGD_MODEL_QUADRATIC,       /* model/quadratic.h: no data */
    TSGD_MODEL_KINDS
};

/* One row of model/list.h: a network, which is mostly a list of layers, or something else that can
 * be trained.                                                                                   */
struct tsgd_model {
    const char *name, *usage, *summary;
    enum tsgd_model_kind kind;
    /* Of a network; NULL for the others. arg: after the colon, or NULL. On error *out is
     * untouched. TSGD_EINVAL: arg, or samples of this shape do not suit the model.              */
    enum tsgd_status (*build)(struct tsgd_net *out, const char *arg, struct tsgd_shape in,
                              uint32_t classes, struct tsgd_error *err);
};

extern const struct tsgd_model *const tsgd_models[];
extern const size_t tsgd_n_models;

/* The text of a model, "mlp:256,128", is at most this long with its 0: files carry it. */
#define TSGD_MODEL_TEXT 64

/* Looks `model` ("name[:arg]") up. TSGD_EINVAL: no such model, or its text is too long. */
enum tsgd_status tsgd_model_find(const struct tsgd_model **out, struct tsgd_spec *spec,
                                 const char *model, struct tsgd_error *err);

/* Looks the network `model` up and builds it, to compute with `on`. On error *out is untouched.
 * TSGD_EINVAL: as find, not a network, or as build. TSGD_ENOMEM.                                */
enum tsgd_status tsgd_model_build(struct tsgd_net *out, const char *model, struct tsgd_shape in,
                                  uint32_t classes, const struct tsgd_backend *on,
                                  struct tsgd_error *err);

/* For models: refuses an argument where there is none to take. */
enum tsgd_status tsgd_model_no_arg(const char *name, const char *arg, struct tsgd_error *err);

#endif
