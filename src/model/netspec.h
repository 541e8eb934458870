/* model/netspec.h: networks written as text, the way `--model net:SPEC` and `net:@FILE` give them
 * and model/list.h has the built-in ones. A line, or what a ; ends, is a layer:
 *     stem: conv 16 3 pad 1       # a name for its tensors: stem.weight, stem.bias
 *     relu
 *     maxpool 2
 *     residual {                  # adds its input to what its last layer gives
 *         conv 16 3 pad 1 nobias
 *         groupnorm 8
 *     }
 *     dense                       # the number of outputs: one for each class
 * Which words a layer takes stands in its row (struct tsgd_layer_arg). Without a name, tensors are
 * called after the kind of layer and how many of that kind there have been: conv1, gn1, fc1.
 * A residual may have a name too, `block: residual { .. }`: layers within are counted anew, and
 * theirs are block.conv1 and so on.
 * Ownership: whoever parses it releases it. One thread.                                         */
#ifndef TSGD_MODEL_NETSPEC_H
#define TSGD_MODEL_NETSPEC_H

#include "model/net.h"

/* A text has at most so many characters, layers, and residuals within each other. */
enum { TSGD_NETSPEC_TEXT = 1 << 16, TSGD_NETSPEC_LAYERS = 1024, TSGD_NETSPEC_DEPTH = 8 };

/* What the text says of a layer beside its settings. An `add` stands at the end of a residual's
 * layers, and is where the residual begins in the text.                                         */
struct tsgd_netspec_place {
    uint32_t line, column;      /* from 1; columns count bytes */
    uint32_t scope;             /* the residual with a name that it is in; 0: none */
    bool outputs;               /* its outputs are one for each class */
    char name[32];              /* as written; "" if it is not */
};

struct tsgd_netspec {
    struct tsgd_layer *layer;   /* the settings; shapes and tensors after _shape */
    struct tsgd_netspec_place *place;
    uint32_t n, room;
    char *where;                /* begins the sentence of an error: "--model", or the file's name */
};
#define TSGD_NETSPEC_INIT {NULL, NULL, 0, 0, NULL}

/* On error *out is untouched. TSGD_EINVAL: what is wrong, with its line and column, and what would
 * do in its place. TSGD_ENOMEM.                                                                 */
enum tsgd_status tsgd_netspec_parse(struct tsgd_netspec *out, const char *text, const char *where,
                                    struct tsgd_error *err);
void tsgd_netspec_release(struct tsgd_netspec *s);

/* The text, in one line and without comments, that gives the same layers; for the caller to free.
 * TSGD_ENOMEM.                                                                                  */
enum tsgd_status tsgd_netspec_text(const struct tsgd_netspec *s, char **out,
                                   struct tsgd_error *err);

/* One layer of it, without its name: "conv 16 3 pad 1". */
void tsgd_netspec_print_layer(const struct tsgd_netspec *s, uint32_t i, FILE *f);

/* Works out the shapes and tensors of all layers for such samples. TSGD_EINVAL: a layer does not
 * suit its input, with its line and column.                                                     */
enum tsgd_status tsgd_netspec_shape(struct tsgd_netspec *s, struct tsgd_shape in, uint32_t classes,
                                    struct tsgd_error *err);

/* Shapes the layers and makes a net of them that computes with `on`. On error *out is untouched.
 * TSGD_EINVAL as _shape; TSGD_ENOMEM.                                                           */
enum tsgd_status tsgd_netspec_build(struct tsgd_netspec *s, struct tsgd_net *out,
                                    struct tsgd_shape in, uint32_t classes,
                                    const struct tsgd_backend *on, struct tsgd_error *err);

/* How a layer is written, "conv CHANNELS SIZE [stride N] [pad N] [nobias]", into text[size]. */
void tsgd_netspec_usage(const struct tsgd_layer_ops *ops, char *text, size_t size);

/* Whether layer i is the `add` that ends a residual, and the residual's first layer. */
static inline bool tsgd_netspec_ends(const struct tsgd_netspec *s, uint32_t i)
{
    return s->layer[i].ops->join;
}

static inline uint32_t tsgd_netspec_begin(const struct tsgd_netspec *s, uint32_t i)
{
    return i - s->layer[i].skip;
}

#endif
