#include "model/net.h"

#include "base/mem.h"
#include "base/trace.h"
#include "linalg/vec.h"

#include <string.h>

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Floats a lane of the largest activation, input and output of the net included. */
static size_t widest(const struct tsgd_net *net)
{
    size_t most = tsgd_shape_size(net->in);
    for (uint32_t i = 0; i < net->n_layers; i++)
        most = larger(most, tsgd_shape_size(net->layer[i].out));
    return most;
}

/* Layer i may write its output over its input: unless the layer before looks at that again in its
 * backward pass, or a later one joins it.                                                       */
static bool aliases(const struct tsgd_net *net, uint32_t i)
{
    return net->layer[i].ops->in_place && !net->place[i].last &&
           (i == 0 || !net->layer[i - 1].ops->reads_y);
}

/* Every activation of a gradient that does not lie over another one, then the keeps. */
static size_t place_activations(struct tsgd_net *net)
{
    size_t end = tsgd_shape_size(net->in);
    for (uint32_t i = 0; i < net->n_layers; i++) {
        struct tsgd_place *p = &net->place[i];
        p->x = i ? net->place[i - 1].y : 0;
        p->y = aliases(net, i) ? p->x : end;
        end = aliases(net, i) ? end : tsgd_add(end, tsgd_shape_size(net->layer[i].out));
    }
    for (uint32_t i = 0; i < net->n_layers; i++) {
        net->place[i].keep = end;
        end = tsgd_add(end, net->layer[i].keep);
    }
    return end;
}

/* Takes the first free area, for one user; *areas is the most that were ever in use. */
static size_t take(uint32_t *users, size_t *areas)
{
    size_t a = 0;
    while (users[a])
        a++;
    users[a] = 1;
    *areas = larger(*areas, a + 1);
    return a;
}

/* Gradients of activations in as few areas as will do. The dy of a layer that joins is kept until
 * the backward pass comes to what it joined, and is added there. Such a layer passes dy on as it
 * is, so its dx lies there too, unless it is itself joined and others are added to its dx.      */
static size_t place_gradients(struct tsgd_net *net, uint32_t *users)
{
    size_t areas = 0, dy = take(users, &areas);
    for (uint32_t i = net->n_layers; i-- > 0;) {
        struct tsgd_place *p = &net->place[i];
        bool alone = users[dy] == 1, joins = net->layer[i].skip;
        bool over = tsgd_layer_back_in_place(&net->layer[i]) && (joins ? !p->last : alone);
        p->dy = dy;
        p->dx = over ? dy : take(users, &areas);
        users[dy] += joins;
        users[dy] -= !over;
        for (uint32_t j = i + 1; j <= p->last; j++)
            if (net->layer[j].skip == j - i)
                users[net->place[j].dy]--;
        dy = p->dx;
    }
    users[dy] = 0;
    return areas;
}

/* Activations of an evaluation likewise: one is kept until the last layer that joins it. */
static size_t place_evaluation(struct tsgd_net *net, uint32_t *users)
{
    size_t areas = 0, x = take(users, &areas);
    for (uint32_t i = 0; i < net->n_layers; i++) {
        struct tsgd_place *p = &net->place[i];
        bool over = net->layer[i].ops->in_place && !p->last;
        p->eval_x = x;
        p->eval_y = over ? x : take(users, &areas);
        users[x] = over || p->last;
        for (uint32_t j = 0; j < i; j++)
            if (net->place[j].last == i)
                users[net->place[j].eval_x] = 0;
        x = p->eval_y;
    }
    return areas;
}

static enum tsgd_status plan(struct tsgd_net *net, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t wide = widest(net), keep = 0, first, areas;
    uint32_t *users = NULL;
    TRY(TSGD_NEW(&users, (size_t)net->n_layers + 2, "areas", err));
    first = place_activations(net);
    areas = place_gradients(net, users);
    net->gradient_floats = tsgd_add(first, tsgd_mul(areas, wide));
    areas = place_evaluation(net, users);
    net->eval_keep = tsgd_mul(areas, wide);
    for (uint32_t i = 0; i < net->n_layers; i++) {
        struct tsgd_place *p = &net->place[i];
        p->dx = first + p->dx * wide;
        p->dy = first + p->dy * wide;
        p->eval_x *= wide;
        p->eval_y *= wide;
        keep = larger(keep, net->layer[i].keep);
    }
    net->eval_floats = tsgd_add(net->eval_keep, keep);
done:
    free(users);
    return st;
}

/* Whether a later layer joins the input of layer i. */
static bool joined(const struct tsgd_layer *layers, uint32_t n, uint32_t i)
{
    for (uint32_t j = i + 1; j < n; j++)
        if (layers[j].ops->join && layers[j].skip == j - i)
            return true;
    return false;
}

static bool follows(const struct tsgd_layer *layers, uint32_t n, uint32_t i,
                    const struct tsgd_layer_ops *ops)
{
    return i < n && layers[i].ops == ops && !joined(layers, n, i);
}

/* Copies the layers, of which some take in a ReLU, or a ReLU and a 2x2 max-pooling, that follow
 * them; returns how many are left. An activation that so disappears must not be joined by a later
 * layer.                                                                                        */
static uint32_t fuse(const struct tsgd_layer *layers, uint32_t n, struct tsgd_layer *out,
                     uint32_t *moved)
{
    uint32_t m = 0;
    for (uint32_t i = 0; i < n; m++) {
        struct tsgd_layer *l = &out[m];
        *l = layers[i];
        moved[i] = m;
        if (l->ops->join && l->skip <= i && l->skip > 0)
            l->skip = m - moved[i - l->skip];
        l->stream = i++;
        bool relu = follows(layers, n, i, &tsgd_layer_relu);
        bool pool = relu && follows(layers, n, i + 1, &tsgd_layer_maxpool) &&
                    layers[i + 1].window == 2;
        l->relu = relu && l->ops->takes_relu;
        l->pool = pool && l->ops->takes_pool && l->pad == 0;
        if (l->pool)
            l->relu = true;
        i += (uint32_t)l->relu + (uint32_t)l->pool;
    }
    return m;
}

enum tsgd_status tsgd_net_init(struct tsgd_net *out, const struct tsgd_layer *layers, uint32_t n,
                               struct tsgd_shape in, uint32_t outputs, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_net net = {.in = in, .outputs = outputs};
    uint32_t *moved = NULL;
    uint64_t input_flops = 0;           /* of the input gradients, without the first */
    bool weights = false;
    TRY(TSGD_NEW(&net.layer, n, "layers", err));
    TRY(TSGD_NEW(&net.place, n, "layers", err));
    TRY(TSGD_NEW(&moved, n, "layers", err));
    net.n_layers = n = fuse(layers, n, net.layer, moved);
    for (uint32_t i = 0; i < n; i++) {
        struct tsgd_layer *l = &net.layer[i];
        l->in = in;
        l->offset = net.dim;
        l->params = l->keep = l->n_tensors = 0;
        l->skip = l->ops->join ? l->skip : 0;
        if (l->ops->join && (l->skip == 0 || l->skip > i))
            TRY(tsgd_fail(err, TSGD_EINVAL, "layer %u, %s: joins the input of the layer %u before "
                          "it, want 1 to %u", i, l->ops->name, l->skip, i));
        if (l->skip) {
            l->from = net.layer[i - l->skip].in;
            net.place[i - l->skip].last = i;
        }
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
    if (tsgd_shape_size(in) != outputs)
        TRY(tsgd_fail(err, TSGD_EINVAL, "the last layer gives %zu numbers, want %u: one for each "
                      "class or target", tsgd_shape_size(in), outputs));
    TRY(plan(&net, err));
    *out = net;
    net = (struct tsgd_net)TSGD_NET_INIT;
done:
    free(moved);
    tsgd_net_release(&net);
    return st;
}

void tsgd_net_release(struct tsgd_net *net)
{
    free(net->layer);
    free(net->place);
    *net = (struct tsgd_net)TSGD_NET_INIT;
}

void tsgd_net_random(const struct tsgd_net *net, uint64_t seed, float *x)
{
    for (uint32_t i = 0; i < net->n_layers; i++) {
        const struct tsgd_layer *l = &net->layer[i];
        struct tsgd_rng rng = tsgd_rng(seed, TSGD_RNG_INIT, l->stream, 0);
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

enum tsgd_status tsgd_net_list_tensors(const struct tsgd_net *net, const struct tsgd_tensor ***out,
                                       uint32_t *n, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t all = tsgd_net_tensors(net, NULL, 0);
    TRY(TSGD_NEW(out, all, "tensors", err));
    *n = tsgd_net_tensors(net, *out, all);
done:
    return st;
}

/* Floats of the largest scratch that a layer asks for. */
static size_t own_floats(const struct tsgd_net *net, size_t ld)
{
    size_t most = 0;
    for (uint32_t i = 0; i < net->n_layers; i++)
        if (net->layer[i].ops->scratch)
            most = larger(most, net->layer[i].ops->scratch(&net->layer[i], &net->on, ld));
    return most;
}

/* An activation this large stays in the second-level cache with what is computed from it. */
enum { STAYS = 1 << 20 };

uint32_t tsgd_net_parts(const struct tsgd_net *net, size_t batch)
{
    size_t group = tsgd_mul(widest(net), TSGD_LANES * sizeof(float)), fit = STAYS / group;
    size_t groups = tsgd_net_ld(batch) / TSGD_LANES;
    return fit == 0 ? 1 : (uint32_t)((groups + fit - 1) / fit);
}

size_t tsgd_net_scratch(const struct tsgd_net *net, size_t batch, bool gradient)
{
    size_t ld = tsgd_net_ld(batch), lanes = gradient ? net->gradient_floats : net->eval_floats;
    return tsgd_add(tsgd_mul(lanes, ld), own_floats(net, ld));
}

static const struct tsgd_trace_kind
    forward_slice = {NULL, "forward", {"layer", NULL, NULL}, TSGD_TRACE_ALONE},
    backward_slice = {NULL, "backward", {"layer", NULL, NULL}, TSGD_TRACE_ALONE};

static void end_slice(uint64_t begin, const struct tsgd_trace_kind *kind,
                      const struct tsgd_net *net, uint32_t i)
{
    const struct tsgd_layer *l = &net->layer[i];
    tsgd_inner_end(begin, kind, l->name[0] ? l->name : l->ops->name, i);
}

/* The sum of the losses of outputs y; dy and correct may be NULL. */
static double loss_of(const struct tsgd_net *net, const float *y, struct tsgd_answers want,
                      size_t batch, float *dy, uint32_t *correct)
{
    const struct tsgd_kernels *k = net->on.kernels;
    size_t ld = tsgd_net_ld(batch);
    if (want.labels)
        return k->cross_entropy(y, want.labels, net->outputs, batch, ld, dy, correct);
    if (correct)
        *correct = 0;
    return k->squared_error(y, want.targets, net->outputs, batch, ld, dy);
}

/* The gradient at w, and, unless u is NULL, the step with it: then w is u->x. */
static double pass(const struct tsgd_net *net, const float *w, const struct tsgd_update *u,
                   struct tsgd_answers want, size_t batch, float *grad, float *scratch)
{
    size_t ld = tsgd_net_ld(batch);
    uint32_t n = net->n_layers;
    const struct tsgd_place *p = net->place, *top = p + n - 1;
    float *own = scratch + net->gradient_floats * ld;
    for (uint32_t i = 0; i < n; i++) {
        const struct tsgd_layer *l = &net->layer[i];
        float *y = scratch + p[i].y * ld;
        uint64_t begin = tsgd_inner_begin();
        l->ops->forward(l, &(struct tsgd_layer_call){
            .on = &net->on, .ld = ld, .w = w + l->offset, .x = scratch + p[i].x * ld, .y = y,
            .keep = scratch + p[i].keep * ld, .scratch = own,
        });
        if (l->skip)
            l->ops->join(l, net->on.kernels, scratch + p[i - l->skip].x * ld, y, ld);
        end_slice(begin, &forward_slice, net, i);
    }
    double loss = loss_of(net, scratch + top->y * ld, want, batch, scratch + top->dy * ld, NULL);
    for (uint32_t i = n; i-- > 0;) {
        const struct tsgd_layer *l = &net->layer[i];
        bool bottom = l->offset == 0;   /* nothing below has parameters */
        float *dx = bottom ? NULL : scratch + p[i].dx * ld;
        if (bottom && !l->params)
            break;
        uint64_t begin = tsgd_inner_begin();
        struct tsgd_update mine = u ? tsgd_update_from(u, l->offset) : (struct tsgd_update){0};
        l->ops->backward(l, &(struct tsgd_layer_call){
            .on = &net->on, .ld = ld, .w = w + l->offset, .x = scratch + p[i].x * ld,
            .y = scratch + p[i].y * ld, .keep = scratch + p[i].keep * ld,
            .dy = scratch + p[i].dy * ld, .dw = grad + l->offset, .dx = dx, .scratch = own,
            .update = u && l->ops->takes_update ? &mine : NULL,
        });
        if (u && !l->ops->takes_update)
            tsgd_sgd(net->on.kernels, &mine, grad + l->offset, l->params);
        for (uint32_t j = i + 1; dx && j <= p[i].last; j++)
            if (net->layer[j].skip == j - i)
                net->layer[j].ops->join_back(&net->layer[j], net->on.kernels,
                                             scratch + p[j].dy * ld, dx, ld);
        end_slice(begin, &backward_slice, net, i);
    }
    return loss;
}

double tsgd_net_gradient(const struct tsgd_net *net, const float *w, struct tsgd_answers want,
                         size_t batch, float *grad, float *scratch)
{
    return pass(net, w, NULL, want, batch, grad, scratch);
}

double tsgd_net_step(const struct tsgd_net *net, const struct tsgd_update *u,
                     struct tsgd_answers want, size_t batch, float *grad, float *scratch)
{
    return pass(net, u->x, u, want, batch, grad, scratch);
}

double tsgd_net_evaluate(const struct tsgd_net *net, const float *w, struct tsgd_answers want,
                         size_t batch, float *scratch, uint32_t *correct)
{
    size_t ld = tsgd_net_ld(batch);
    const struct tsgd_place *p = net->place;
    float *own = scratch + net->eval_floats * ld, *y = scratch;
    for (uint32_t i = 0; i < net->n_layers; i++) {
        const struct tsgd_layer *l = &net->layer[i];
        y = scratch + p[i].eval_y * ld;
        l->ops->forward(l, &(struct tsgd_layer_call){
            .on = &net->on, .ld = ld, .w = w + l->offset, .x = scratch + p[i].eval_x * ld, .y = y,
            .keep = scratch + net->eval_keep * ld, .scratch = own,
        });
        if (l->skip)
            l->ops->join(l, net->on.kernels, scratch + p[i - l->skip].eval_x * ld, y, ld);
    }
    return loss_of(net, y, want, batch, NULL, correct);
}
