/* model/net.h: a chain of layers over one flat row of parameters, ending in softmax cross-entropy
 * or in the mean squared error.
 * A layer that joins takes the input of an earlier layer as well: a shortcut.
 * The row holds the layers' tensors one after another, unpadded, in PyTorch's order of
 * parameters().
 * Ownership: whoever inits it releases it. Threads: read-only after init; calls need a scratch
 * area of their own, tsgd_net_scratch floats on a cache line.                                   */
#ifndef TSGD_MODEL_NET_H
#define TSGD_MODEL_NET_H

#include "model/layer.h"

/* Where a layer's numbers lie, in floats a lane from the start of the scratch. */
struct tsgd_place {
    size_t x, y, keep;
    size_t dx, dy;
    size_t eval_x, eval_y;      /* x and y when nothing is kept for a gradient */
    uint32_t last;              /* the last layer that joins x; 0: none does */
};

struct tsgd_net {
    struct tsgd_backend on;     /* what it computes with; see tsgd_net_init */
    struct tsgd_layer *layer;
    struct tsgd_place *place;   /* one for each layer */
    size_t gradient_floats, eval_floats;    /* a lane, all places together */
    size_t eval_keep;           /* any layer's keep in an evaluation */
    uint32_t n_layers;
    struct tsgd_shape in;
    uint32_t outputs;           /* a number for each class, or those of a target */
    size_t dim;                 /* parameters */
    uint64_t step_flops;        /* for one sample: forward, weight gradient, input gradient but of
                                   the first layer with weights */
};
#define TSGD_NET_INIT {.layer = NULL}

/* Takes the layers' settings (copied), works out shapes, offsets and tensor names. The last layer
 * must give `outputs` numbers. The caller fills in `on` before it asks for scratch or computes
 * (tsgd_model_build does). On error *out is untouched. TSGD_EINVAL: a layer does not suit its
 * input, or joins something that is not before it. TSGD_ENOMEM.                                 */
enum tsgd_status tsgd_net_init(struct tsgd_net *out, const struct tsgd_layer *layers, uint32_t n,
                               struct tsgd_shape in, uint32_t outputs, struct tsgd_error *err);
void tsgd_net_release(struct tsgd_net *net);

/* PyTorch's defaults, from (seed, layer); x has room for dim floats. */
void tsgd_net_random(const struct tsgd_net *net, uint64_t seed, float *x);

/* Pointers to the tensors, in the order of the row, into out[0..max-1]; returns how many there
 * are: out may be NULL when max is 0.                                                           */
uint32_t tsgd_net_tensors(const struct tsgd_net *net, const struct tsgd_tensor **out, uint32_t max);

/* All of them, in an array for the caller to free, and their number. On error *out is untouched.
 * TSGD_ENOMEM.                                                                                  */
enum tsgd_status tsgd_net_list_tensors(const struct tsgd_net *net, const struct tsgd_tensor ***out,
                                       uint32_t *n, struct tsgd_error *err);

/* Floats of scratch for batches of up to `batch` samples: activations, their gradients, keeps and
 * the layers' own scratch; without gradient's share when only tsgd_net_evaluate is called.
 * SIZE_MAX: more than can be counted.                                                           */
size_t tsgd_net_scratch(const struct tsgd_net *net, size_t batch, bool gradient);

/* Lanes of a batch: its samples rounded up. */
static inline size_t tsgd_net_ld(size_t batch)
{
    return (batch + TSGD_LANES - 1) / TSGD_LANES * TSGD_LANES;
}

/* How many parts a batch is best worked on in: as few as keep the largest activation within a MiB,
 * so that layers find in the cache what the one before wrote; 1 where 16 samples exceed that
 * already. A function of the arguments alone, not of the machine, since results depend on it.   */
uint32_t tsgd_net_parts(const struct tsgd_net *net, size_t batch);

/* What a batch should come out as; one of the two, which also says what the loss is. */
struct tsgd_answers {
    const uint16_t *labels;     /* [batch], below outputs: softmax cross-entropy */
    const float *targets;       /* [outputs][ld], on a cache line, finite in all lanes: the squared
                                 * error, the mean over the outputs                              */
};

static inline struct tsgd_answers tsgd_labelled(const uint16_t *labels)
{
    return (struct tsgd_answers){.labels = labels};
}

/* Both calls below take the input of a batch at the start of the scratch, [features][ld] with
 * ld = tsgd_net_ld(batch), finite in the lanes beyond it. Fill it anew before each call: the
 * layers may overwrite it.                                                                      */

/* Sum of the losses, and into grad[dim] the gradient of their mean. */
double tsgd_net_gradient(const struct tsgd_net *net, const float *w, struct tsgd_answers want,
                         size_t batch, float *grad, float *scratch);

/* Sum of the losses at u->x, and the step u with the gradient of their mean: the bits of the call
 * above with w = u->x and of tsgd_sgd (linalg/vec.h) after it, in less time, because a layer's
 * parameters take their step as soon as nothing reads them any more, while their gradient is in
 * registers or in the cache. grad [dim] is scratch.                                             */
double tsgd_net_step(const struct tsgd_net *net, const struct tsgd_update *u,
                     struct tsgd_answers want, size_t batch, float *grad, float *scratch);

/* Sum of the losses, and in *correct how many samples have their label's logit largest (the first
 * of equals); 0 where there are no labels.                                                      */
double tsgd_net_evaluate(const struct tsgd_net *net, const float *w, struct tsgd_answers want,
                         size_t batch, float *scratch, uint32_t *correct);

#endif
