/* model/layer.h: one layer of a network.
 * Samples are innermost: an activation is [features][ld], ld = the batch rounded up to TSGD_LANES,
 * features in channel-major (C, H, W) order. So every operation is a vector of samples, and the
 * kernels of simd/ that do the work have no remainders.
 * Lanes beyond the batch hold finite numbers; their gradients are zero, so they add nothing to dw.
 * Activations, scratch and keep start on a cache line.
 * A layer keeps no state between calls: one net serves every thread while the weights travel.
 * Read-only after shape(). forward and backward never allocate, lock, print or fail.            */
#ifndef TSGD_MODEL_LAYER_H
#define TSGD_MODEL_LAYER_H

#include "base/rng.h"
#include "base/status.h"
#include "data/dataset.h"
#include "linalg/backend.h"

#include <stddef.h>
#include <stdio.h>

#define TSGD_LANES 16

/* A named parameter, as PyTorch has it. */
struct tsgd_tensor {
    char name[48];              /* "conv1.weight" */
    uint32_t rank, extent[4];
    size_t offset, count;       /* floats, within the flat row */
};

struct tsgd_layer;

/* What a pass of a layer works on. Forward reads w, x and writes y, keep; backward reads w, x, y,
 * dy, keep and writes dw, dx; with update it writes w too, through that.                        */
struct tsgd_layer_call {
    const struct tsgd_backend *on;
    size_t ld;
    const float *w;             /* [params] */
    const float *x;             /* [in][ld] */
    float *y;                   /* [out][ld] */
    float *keep;                /* [l->keep][ld]: what backward needs beside x and y */
    const float *dy;            /* [out][ld] */
    float *dw;                  /* [params], overwritten */
    /* NULL, or of a layer with takes_update the step that its parameters w take: done by backward,
     * after its last look at w, which is update->x; dw is scratch then.                         */
    const struct tsgd_update *update;
    float *dx;                  /* [in][ld], overwritten; NULL: not wanted (the first layer) */
    float *scratch;
};

/* A part of a layer as it is written in a text (model/netspec.h), and the setting that it fills. A
 * layer lists those that have a place first, and what may be left out last among them.          */
enum tsgd_layer_part {
    TSGD_PART_END,              /* closes the list */
    TSGD_PART_PLACE,            /* a number, known by its place: the 16 of `conv 16 3` */
    TSGD_PART_OUTPUTS,          /* so, or the word `classes`, which makes the setting 0 until the
                                 * classes are known; the last layer of a text may leave it out */
    TSGD_PART_WORD,             /* a word and a number: `pad 1` */
    TSGD_PART_FLAG              /* a word alone: `nobias` */
};
struct tsgd_layer_arg {
    enum tsgd_layer_part part;
    const char *name;           /* the word; of a place what help calls it: "SIZE" */
    size_t at;                  /* the setting in struct tsgd_layer: uint32_t, or bool of a flag */
    uint32_t least, most;       /* of a number */
    bool optional;              /* of a place: it may be left out, as words and flags always */
    uint32_t standard;          /* what it is then */
};
#define TSGD_PLACE(field, name, least, most) \
    {TSGD_PART_PLACE, (name), offsetof(struct tsgd_layer, field), (least), (most), false, 0}
#define TSGD_PLACE_OR(standard, field, name, least, most) \
    {TSGD_PART_PLACE, (name), offsetof(struct tsgd_layer, field), (least), (most), true, (standard)}
#define TSGD_OUTPUTS(field, name, least, most) \
    {TSGD_PART_OUTPUTS, (name), offsetof(struct tsgd_layer, field), (least), (most), false, 0}
#define TSGD_WORD(standard, field, word, least, most) \
    {TSGD_PART_WORD, (word), offsetof(struct tsgd_layer, field), (least), (most), true, (standard)}
#define TSGD_FLAG(field, word) \
    {TSGD_PART_FLAG, (word), offsetof(struct tsgd_layer, field), 0, 1, true, 0}
#define TSGD_ARGS_END {TSGD_PART_END, NULL, 0, 0, 0, false, 0}

/* What a layer's module in PyTorch takes: activations with pixels are [N, C, H, W] there, those
 * behind a dense layer [N, C]. SHAPE: flat where a channel has one pixel.                       */
enum tsgd_layer_takes { TSGD_TAKES_EITHER, TSGD_TAKES_FLAT, TSGD_TAKES_PIXELS, TSGD_TAKES_SHAPE };

struct tsgd_layer_ops {
    const char *name;           /* "dense", "conv", ..: also the word for it in a text */
    const char *summary;        /* for help; NULL: a text has another way to say it */
    const char *prefix;         /* "fc" of fc1, fc2, ..: what its tensors are called where the text
                                 * gives no name; NULL: it has none */
    const struct tsgd_layer_arg *args;  /* closed by TSGD_ARGS_END; NULL: none */
    enum tsgd_layer_takes takes;
    /* Prints it as PyTorch, `nn` and `F` imported: of a layer with a prefix the module,
     * "nn.Linear(256, 120)", else an expression of x, "F.relu(x)", and of `from`, the name of what
     * a layer joins. The shapes are known.                                                      */
    void (*pytorch)(const struct tsgd_layer *l, const char *from, FILE *out);
    bool in_place;              /* y may be x, and dx may be dy: backward does not look at x */
    bool back_in_place;         /* dx may be dy, even if y may not be x; but not if it pools */
    bool takes_relu;            /* it can apply a ReLU that follows it */
    bool takes_pool;            /* or a ReLU and a 2x2 max-pooling, if it has no padding */
    bool takes_update;          /* backward can update the parameters: see struct tsgd_layer_call */
    bool reads_y;               /* backward looks at y: the next layer may not write there */
    /* Reads l->in, l->from and the settings; fills l->out, l->params, l->tensors, l->keep, zero
     * before. TSGD_EINVAL: the input does not suit the layer, or a setting is out of range.     */
    enum tsgd_status (*shape)(struct tsgd_layer *l, struct tsgd_error *err);
    /* PyTorch's default initialisation, into w[params]; NULL: no parameters. */
    void (*init)(const struct tsgd_layer *l, float *w, struct tsgd_rng *rng);
    /* Floats of scratch that forward and backward need for up to ld lanes; NULL: none. */
    size_t (*scratch)(const struct tsgd_layer *l, const struct tsgd_backend *on, size_t ld);
    void (*forward)(const struct tsgd_layer *l, const struct tsgd_layer_call *c);
    void (*backward)(const struct tsgd_layer *l, const struct tsgd_layer_call *c);
    /* Of a layer with a second input, an earlier activation from [l->from][ld]; NULL for others.
     * join, after forward: adds to y what the layer makes of `from`. join_back adds to dfrom the
     * gradient that dy passes to `from`. It runs after backward and needs dy unchanged, so the
     * backward of such a layer copies dy to dx, and does nothing when dx is dy.                 */
    void (*join)(const struct tsgd_layer *l, const struct tsgd_kernels *k, const float *from,
                 float *y, size_t ld);
    void (*join_back)(const struct tsgd_layer *l, const struct tsgd_kernels *k, const float *dy,
                      float *dfrom, size_t ld);
    /* Floating-point operations of forward for one sample, 2 for each multiply-add; backward
     * counts as many for the weights and as many for the input. NULL: none (only products
     * count).                                                                                   */
    uint64_t (*flops)(const struct tsgd_layer *l);
};

/* Settings first (whoever makes a net fills them), then what shape() works out. */
struct tsgd_layer {
    const struct tsgd_layer_ops *ops;
    char name[32];              /* prefix of its tensors: "conv1"; "" without parameters */
    uint32_t units;             /* outputs of dense, output channels of conv */
    uint32_t window;            /* side of a convolution kernel or pooling window; 0: avgpool
                                   takes the mean over all pixels */
    uint32_t pad;               /* of a convolution: zeros around every side of the input */
    uint32_t stride;            /* of a convolution: from window to window; 0: shape() makes it 1 */
    bool no_bias;               /* of a convolution */
    uint32_t groups;            /* of a group normalisation */
    uint32_t skip;              /* of a join: from is the input of the layer `skip` before it */
    /* what tsgd_net_init adds */
    bool relu, pool;            /* it applies the ReLU, and the 2x2 max-pooling, that followed */
    uint32_t stream;            /* of its random initialisation: its place in the model's list */
    struct tsgd_shape in, from, out;
    size_t offset, params;      /* place in the flat row, floats */
    size_t keep;                /* floats a lane */
    uint32_t n_tensors;
    struct tsgd_tensor tensors[2];  /* offsets relative to the layer until net_init adds its own */
};

/* Whether backward's dx may be its dy. */
static inline bool tsgd_layer_back_in_place(const struct tsgd_layer *l)
{
    return l->ops->in_place || (l->ops->back_in_place && !l->pool);
}

#define LAYER(symbol) extern const struct tsgd_layer_ops tsgd_layer_##symbol;
#include "model/layers.h"
#undef LAYER

extern const struct tsgd_layer_ops *const tsgd_layers[];
extern const size_t tsgd_n_layers;

/* For layers: appends tensor NAME.`what` and counts its parameters; the caller has seen to it that
 * the product of the extents fits.                                                              */
void tsgd_layer_tensor(struct tsgd_layer *l, const char *what, uint32_t rank,
                       const uint32_t extent[]);

/* For convolutions, with l->units output channels: checks that the windows suit the input, makes a
 * stride of 0 one of 1, sets l->out; TSGD_EINVAL. The extents for kernels. PyTorch's module, its
 * parenthesis not closed.                                                                       */
enum tsgd_status tsgd_layer_windows(struct tsgd_layer *l, struct tsgd_error *err);
struct tsgd_conv tsgd_layer_conv_dims(const struct tsgd_layer *l, size_t ld);
void tsgd_layer_print_conv(const struct tsgd_layer *l, FILE *out);

/* For normalisations: weights of 1, then as many biases of 0. */
void tsgd_layer_identity(const struct tsgd_layer *l, float *w, struct tsgd_rng *rng);

/* For layers: uniform in +-1/sqrt(fan_in), PyTorch's default for weights and biases. */
void tsgd_layer_uniform(float *w, size_t count, size_t fan_in, struct tsgd_rng *rng);

#endif
