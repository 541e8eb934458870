/* model/model.h: models by name, and the table of them. */
#ifndef TSGD_MODEL_MODEL_H
#define TSGD_MODEL_MODEL_H

#include "base/text.h"
#include "model/netspec.h"

/* What a model is; how each kind is trained stands in run/task.h. */
enum tsgd_model_kind {
    TSGD_MODEL_NETWORK,         /* layers, on data that are split among the nodes */
    TSGD_MODEL_QUADRATIC,       /* model/quadratic.h: no data */
    TSGD_MODEL_OBJECTIVE,       /* model/objective.h: a function of the caller's */
    TSGD_MODEL_KINDS
};

/* One row of model/list.h: a network, or something else that can be trained. */
struct tsgd_model {
    const char *name, *usage, *summary;
    enum tsgd_model_kind kind;
    /* Of a network: its layers (model/netspec.h), and the fewest pixels that a side of its samples
     * has. layers NULL: `spell` gives them.                                                     */
    const char *layers;
    uint32_t least_side;
    /* The layers that the argument asks for, in a text for the caller to free. arg: after the
     * colon, or NULL. TSGD_EINVAL: arg is none. TSGD_EIO: of a file that it names. TSGD_ENOMEM. */
    enum tsgd_status (*spell)(char **out, const char *arg, struct tsgd_error *err);
};

extern const struct tsgd_model *const tsgd_models[];
extern const size_t tsgd_n_models;

/* The text of a model, "mlp:256,128", is at most this long with its 0: files carry it. */
#define TSGD_MODEL_TEXT (2 * TSGD_NETSPEC_TEXT)

/* Looks `model` ("name[:arg]") up. TSGD_EINVAL: no such model, or its text is too long. */
enum tsgd_status tsgd_model_find(const struct tsgd_model **out, struct tsgd_spec *spec,
                                 const char *model, struct tsgd_error *err);

/* Looks the network `model` up and reads its layers; with net:@FILE, from the file. text NULL, or
 * takes the model as files carry it, where net:@FILE has become net: and the layers; for the caller
 * to free. On error nothing is given. TSGD_EINVAL: as find, not a network, or a mistake in the text
 * of its layers. TSGD_EIO: of the file. TSGD_ENOMEM.                                            */
enum tsgd_status tsgd_model_read(struct tsgd_netspec *out, const char *model, char **text,
                                 struct tsgd_error *err);

/* Builds it for such samples, to compute with `on`. On error *out is untouched. TSGD_EINVAL: its
 * layers do not suit the samples. TSGD_ENOMEM.                                                  */
enum tsgd_status tsgd_model_make(struct tsgd_net *out, struct tsgd_netspec *spec, const char *model,
                                 struct tsgd_shape in, uint32_t classes,
                                 const struct tsgd_backend *on, struct tsgd_error *err);

/* Both: reads and builds. */
enum tsgd_status tsgd_model_build(struct tsgd_net *out, const char *model, struct tsgd_shape in,
                                  uint32_t classes, const struct tsgd_backend *on,
                                  struct tsgd_error *err);

/* The model as files carry it, for the caller to free: a network of one's own with its layers, as
 * tsgd_model_read gives it, any other as it is. Errors as tsgd_model_read.                      */
enum tsgd_status tsgd_model_text(char **out, const char *model, struct tsgd_error *err);

/* The model, or so much of it as fits in text[size], with .. at its end. */
#define TSGD_MODEL_SHORT 64     /* room for what titles show */
void tsgd_model_short(const char *model, char *text, size_t size);

/* Whether parameters of model `a` are for `b` too, if their tensors have the same shapes: the name
 * is the same, for arguments of built-in networks are sizes, or the layers are. TSGD_ENOMEM.    */
enum tsgd_status tsgd_model_alike(bool *out, const char *a, const char *b, struct tsgd_error *err);

/* For models: refuses an argument where there is none to take. */
enum tsgd_status tsgd_model_no_arg(const char *name, const char *arg, struct tsgd_error *err);

#endif
