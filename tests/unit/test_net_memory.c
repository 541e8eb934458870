/* Whole nets between pages that nobody may touch, on every instruction set: the scratch that a net
 * asks for is enough, and neither weights, labels nor gradient are left.                         */
#include "model/model.h"
#include "sim/guard.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <math.h>

enum { CLASSES = 10, MOST = 257, MODELS = 4 };

static const struct { const char *model; struct tsgd_shape in; } nets[MODELS] = {
    {"lenet", {1, 16, 17}}, {"mlp:20,12", {1, 5, 5}}, {"resnet20", {3, 8, 9}},
    {"net:dwconv 3 pad 2 stride 2; gelu; layernorm; avgpool 3; dense", {2, 7, 8}},
};

/* A gradient, then an evaluation; at_end: the pages lie behind the arrays, else before them. */
static void between_walls(const struct tsgd_net *net, const float *weights, const float *x,
                          size_t batch, bool at_end)
{
    const uint16_t zeros[MOST] = {0};
    struct guard g = {.at_end = at_end};
    const float *w = guard_copy(&g, weights, net->dim * sizeof *w, 4);
    const uint16_t *labels = guard_copy(&g, zeros, batch * sizeof *labels, sizeof *labels);
    float *grad = guard_new(&g, net->dim * sizeof *grad, 4);
    float *scratch = guard_new(&g, tsgd_net_scratch(net, batch, true) * sizeof *scratch, 64);
    float *small = guard_new(&g, tsgd_net_scratch(net, batch, false) * sizeof *small, 64);
    size_t features = tsgd_shape_size(net->in), ld = tsgd_net_ld(batch);
    uint32_t correct;
    twin_lanes(x, batch, features, ld, 0, scratch);
    twin_lanes(x, batch, features, ld, 0, small);
    double loss = tsgd_net_gradient(net, w, tsgd_labelled(labels), batch, grad, scratch);
    double again = tsgd_net_evaluate(net, w, tsgd_labelled(labels), batch, small, &correct);
    cr_assert(loss == again, "batch %zu: %.17g and %.17g", batch, loss, again);
    for (size_t j = 0; j < net->dim; j++)
        cr_assert(isfinite(grad[j]), "batch %zu: parameter %zu", batch, j);
    cr_assert(guard_release(&g), "batch %zu: wrote outside its arrays", batch);
}

ParameterizedTestParameters(net_memory, nets_stay_in_what_they_are_given)
{
    return twin_rows(twin_isas() * MODELS);
}

ParameterizedTest(size_t *row, net_memory, nets_stay_in_what_they_are_given, .timeout = 120)
{
    static const size_t batches[] = {1, 15, 16, 17, 64, 255, MOST};
    struct tsgd_rng rng = tsgd_rng(21, TSGD_RNG_TEST, 0, 0);
    struct tsgd_shape in = nets[*row % MODELS].in;
    struct tsgd_net net;
    struct tsgd_backend on = twin_on(tsgd_isa_table(*row / MODELS)->isa);
    cr_assert(tsgd_model_build(&net, nets[*row % MODELS].model, in, CLASSES, &on, NULL) == TSGD_OK);
    float *w = twin_floats(net.dim), *x = twin_floats(MOST * tsgd_shape_size(in));
    tsgd_net_random(&net, 1, w);
    twin_random(&rng, x, MOST * tsgd_shape_size(in));
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
        for (int at_end = 0; at_end < 2; at_end++)
            between_walls(&net, w, x, batches[i], at_end);
    free(w), free(x);
    tsgd_net_release(&net);
}
