#include "model/net.h"

#include "base/mem.h"
#include "base/trace.h"
#include "model/loss.h"

#include <string.h>

enum tsgd_status tsgd_net_init(struct tsgd_net *out, const struct tsgd_layer *layers, uint32_t n,
                               struct tsgd_shape in, uint32_t classes, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_net net = {.n_layers = n, .in = in, .classes = classes};
    uint64_t input_flops = 0;           /* of the input gradients, without the first */
    bool weights = false;
    TRY(TSGD_NEW(&net.layer, n, "layers", err));
    for (uint32_t i = 0; i < n; i++) {
        struct tsgd_layer *l = &net.layer[i];
        *l = layers[i];
        l->in = in;
        l->offset = net.dim;
        l->params = l->keep = l->n_tensors = 0;
        TRY(l->ops->shape(l, err));
        for (uint32_t j = 0; j < l->n_tensors; j++)
            l->tensors[j].offset += l->offset;
        net.dim += l->params;
        in = l->out;
        if (l->ops->flops) {
            net.step_flops += 2 * l->ops->flops(l);
            input_flops += weights ? l->ops->flops(l) : 0;
        }
        weights = weights || l->params;
    }
    net.step_flops += input_flops;
    if (tsgd_shape_size(in) != classes)
        TRY(tsgd_fail(err, TSGD_EINVAL, "the last layer gives %zu numbers, want %u classes",
                      tsgd_shape_size(in), classes));
    *out = net;
    net = (struct tsgd_net)TSGD_NET_INIT;
done:
    tsgd_net_release(&net);
    return st;
}

void tsgd_net_release(struct tsgd_net *net)
{
    free(net->layer);
    *net = (struct tsgd_net)TSGD_NET_INIT;
}

void tsgd_net_random(const struct tsgd_net *net, uint64_t seed, float *x)
{
    for (uint32_t i = 0; i < net->n_layers; i++) {
        const struct tsgd_layer *l = &net->layer[i];
        struct tsgd_rng rng = tsgd_rng(seed, TSGD_RNG_INIT, i, 0);
        if (l->ops->init)
            l->ops->init(l, x + l->offset, &rng);
    }
}

uint32_t tsgd_net_tensors(const struct tsgd_net *net, const struct tsgd_tensor **out, uint32_t max)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < net->n_layers; i++)
        for (uint32_t j = 0; j < net->layer[i].n_tensors; j++, n++)
            if (n < max)
                out[n] = &net->layer[i].tensors[j];
    return n;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Layer i may write its output over its input: unless the layer before still needs that. */
static bool aliases(const struct tsgd_net *net, uint32_t i)
{
    return net->layer[i].ops->in_place && (i == 0 || !net->layer[i - 1].ops->reads_y);
}

/* Floats a lane of the largest activation, input and output of the net included. */
static size_t widest(const struct tsgd_net *net)
{
    size_t most = tsgd_shape_size(net->in);
    for (uint32_t i = 0; i < net->n_layers; i++)
        most = larger(most, tsgd_shape_size(net->layer[i].out));
    return most;
}

/* For a gradient: every activation that does not lie over another one, the keeps, two gradients of
 * activations, the largest scratch of a layer. For an evaluation: two activations, one keep, and
 * the layer's scratch.                                                                          */
size_t tsgd_net_scratch(const struct tsgd_net *net, size_t batch, bool gradient)
{
    size_t ld = tsgd_net_ld(batch), keeps = 0, keep = 0, own = 0, acts = tsgd_shape_size(net->in);
    for (uint32_t i = 0; i < net->n_layers; i++) {
        const struct tsgd_layer *l = &net->layer[i];
        acts = tsgd_add(acts, aliases(net, i) ? 0 : tsgd_shape_size(l->out));
        keeps = tsgd_add(keeps, l->keep);
        keep = larger(keep, l->keep);
        own = larger(own, l->ops->scratch ? l->ops->scratch(l, ld) : 0);
    }
    size_t lanes = tsgd_add(gradient ? tsgd_add(acts, keeps) : keep, tsgd_mul(2, widest(net)));
    return tsgd_add(tsgd_mul(lanes, ld), own);
}

static const struct tsgd_trace_kind
    forward_slice = {NULL, "forward", {"layer", NULL, NULL}, false},
    backward_slice = {NULL, "backward", {"layer", NULL, NULL}, false};

static void end_slice(uint64_t begin, const struct tsgd_trace_kind *kind,
                      const struct tsgd_net *net, uint32_t i)
{
    const struct tsgd_layer *l = &net->layer[i];
    tsgd_inner_end(begin, kind, l->name[0] ? l->name : l->ops->name, i);
}

double tsgd_net_gradient(const struct tsgd_net *net, const float *w, const uint8_t *labels,
                         size_t batch, float *grad, float *scratch)
{
    size_t ld = tsgd_net_ld(batch), wide = widest(net) * ld, acts = tsgd_shape_size(net->in);
    size_t keeps = 0;
    uint32_t i;
    for (i = 0; i < net->n_layers; i++) {
        acts += aliases(net, i) ? 0 : tsgd_shape_size(net->layer[i].out);
        keeps += net->layer[i].keep;
    }
    float *x = scratch, *keep = x + acts * ld, *dy = keep + keeps * ld, *dx = dy + wide;
    float *own = dx + wide;
    for (i = 0; i < net->n_layers; i++) {
        const struct tsgd_layer *l = &net->layer[i];
        float *y = aliases(net, i) ? x : x + tsgd_shape_size(l->in) * ld;
        uint64_t begin = tsgd_inner_begin();
        l->ops->forward(l, w + l->offset, x, y, keep, own, ld);
        end_slice(begin, &forward_slice, net, i);
        keep += l->keep * ld;
        x = y;
    }
    double loss = tsgd_cross_entropy(x, labels, net->classes, batch, ld, dy, NULL);
    for (float *y = x; i-- > 0; y = x) {
        const struct tsgd_layer *l = &net->layer[i];
        bool bottom = l->offset == 0;   /* nothing below has parameters */
        float *to = l->ops->in_place ? dy : dx;
        if (bottom && !l->params)
            break;
        keep -= l->keep * ld;
        x = aliases(net, i) ? y : y - tsgd_shape_size(l->in) * ld;
        uint64_t begin = tsgd_inner_begin();
        l->ops->backward(l, w + l->offset, x, y, dy, keep, grad + l->offset, bottom ? NULL : to,
                         own, ld);
        end_slice(begin, &backward_slice, net, i);
        if (to == dx) {
            dx = dy;
            dy = to;
        }
    }
    return loss;
}

double tsgd_net_evaluate(const struct tsgd_net *net, const float *w, const uint8_t *labels,
                         size_t batch, float *scratch, uint32_t *correct)
{
    size_t ld = tsgd_net_ld(batch), wide = widest(net) * ld, most = 0;
    float *x = scratch, *other = scratch + wide, *keep = other + wide, *own;
    for (uint32_t i = 0; i < net->n_layers; i++)
        most = larger(most, net->layer[i].keep);
    own = keep + most * ld;
    for (uint32_t i = 0; i < net->n_layers; i++) {
        const struct tsgd_layer *l = &net->layer[i];
        float *y = l->ops->in_place ? x : other;
        l->ops->forward(l, w + l->offset, x, y, keep, own, ld);
        if (y == other) {
            other = x;
            x = y;
        }
    }
    return tsgd_cross_entropy(x, labels, net->classes, batch, ld, NULL, correct);
}
