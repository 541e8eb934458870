#include "linalg/vec.h"
#include "sim/ref.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

/* A chain in which layers that work in place follow each kind of layer, and the first one too. */
static const struct tsgd_layer chain[] = {
    {.ops = &tsgd_layer_relu},
    {.ops = &tsgd_layer_conv, .name = "conv", .units = 4, .window = 2},
    {.ops = &tsgd_layer_maxpool, .window = 2},
    {.ops = &tsgd_layer_relu},
    {.ops = &tsgd_layer_relu},
    {.ops = &tsgd_layer_groupnorm, .name = "gn", .groups = 2},
    {.ops = &tsgd_layer_relu},
    {.ops = &tsgd_layer_dense, .name = "fc", .units = 5},
};
enum { N_CHAIN = sizeof chain / sizeof *chain, CLASSES = 5, FEATURES = 2 * 7 * 6 };

static struct tsgd_net make(void)
{
    struct tsgd_net net;
    struct tsgd_error err;
    cr_assert(tsgd_net_init(&net, chain, N_CHAIN, (struct tsgd_shape){2, 7, 6}, CLASSES, &err) ==
              TSGD_OK, "%s", err.text);
    net.on = twin_on(NULL);
    return net;
}

Test(net, gradient_agrees_with_central_differences, .timeout = 120)
{
    enum { BATCH = 5, LD = 16 };
    struct tsgd_net net = make();
    struct tsgd_rng rng = tsgd_rng(5, TSGD_RNG_TEST, 0, 0);
    static const uint16_t labels[BATCH] = {3, 0, 4, 4, 1};
    float *w = twin_floats(net.dim), *grad = twin_floats(net.dim);
    float x[BATCH * FEATURES], *scratch = twin_floats(tsgd_net_scratch(&net, BATCH, true));
    double *w2 = twin_doubles(net.dim), x2[BATCH * FEATURES], h = 1e-6;
    twin_random(&rng, w, net.dim);
    twin_random(&rng, x, BATCH * FEATURES);
    twin_widen(w, net.dim, w2);
    twin_widen(x, BATCH * FEATURES, x2);
    twin_lanes(x, BATCH, FEATURES, LD, 0, scratch);
    double loss = tsgd_net_gradient(&net, w, tsgd_labelled(labels), BATCH, grad, scratch);
    double want = BATCH * twin_loss(&net, w2, x2, labels, BATCH);
    cr_assert(fabs(loss - want) < 1e-5 * want, "loss %.9g, want %.9g", loss, want);
    for (size_t j = 0; j < net.dim; j++) {
        double was = w2[j], rise;
        w2[j] = was + h;
        rise = twin_loss(&net, w2, x2, labels, BATCH);
        w2[j] = was - h;
        rise -= twin_loss(&net, w2, x2, labels, BATCH);
        w2[j] = was;
        cr_assert(fabs((double)grad[j] - rise / (2 * h)) < 2e-5, "parameter %zu: %.9g, want %.9g",
                  j, (double)grad[j], rise / (2 * h));
    }
    free(w), free(grad), free(scratch), free(w2);
    tsgd_net_release(&net);
}

Test(net, evaluation_finds_the_loss_of_the_gradient, .timeout = 60)
{
    enum { BATCH = 33, LD = 48 };
    struct tsgd_net net = make();
    struct tsgd_rng rng = tsgd_rng(6, TSGD_RNG_TEST, 0, 0);
    uint16_t labels[BATCH];
    uint32_t correct;
    float *w = twin_floats(net.dim), *grad = twin_floats(net.dim);
    float x[BATCH * FEATURES], *scratch = twin_floats(tsgd_net_scratch(&net, BATCH, true));
    float *small = twin_floats(tsgd_net_scratch(&net, BATCH, false));
    tsgd_net_random(&net, 1, w);
    twin_random(&rng, x, BATCH * FEATURES);
    for (int s = 0; s < BATCH; s++)
        labels[s] = (uint16_t)tsgd_rng_below(&rng, CLASSES);
    twin_lanes(x, BATCH, FEATURES, LD, 0, scratch);
    twin_lanes(x, BATCH, FEATURES, LD, 0, small);
    double a = tsgd_net_gradient(&net, w, tsgd_labelled(labels), BATCH, grad, scratch);
    double b = tsgd_net_evaluate(&net, w, tsgd_labelled(labels), BATCH, small, &correct);
    cr_assert(a == b, "%.17g and %.17g", a, b);
    free(w), free(grad), free(scratch), free(small);
    tsgd_net_release(&net);
}

/* Steps of SGD, of all kinds. */
static void compare_steps(struct tsgd_net *net, uint32_t batch, struct tsgd_rng *rng)
{
    size_t features = tsgd_shape_size(net->in), ld = tsgd_net_ld(batch), dim = net->dim;
    size_t floats = tsgd_net_scratch(net, batch, true);
    float *x = twin_floats(batch * features), *scratch = twin_floats(floats);
    float *row[2][2], *grad = twin_floats(dim);        /* [together][parameters, momentum] */
    uint16_t *labels = calloc(batch, sizeof *labels);
    for (uint32_t s = 0; s < batch; s++)
        labels[s] = (uint16_t)tsgd_rng_below(rng, CLASSES);
    twin_random(rng, x, batch * features);
    for (int i = 0; i < 4; i++)
        row[i / 2][i % 2] = twin_floats(dim);
    for (int kind = 0; kind < 3; kind++) {
        double loss[2];
        for (int together = 0; together < 2; together++) {
            const struct tsgd_update u = {row[together][0], kind ? row[together][1] : NULL, 0.05f,
                                          0.9f, 0.01f, kind == 2};
            tsgd_net_random(net, 3, u.x);
            struct tsgd_rng again = tsgd_rng(24, TSGD_RNG_TEST, (uint32_t)kind, 0);
            twin_random(&again, row[together][1], dim);
            twin_lanes(x, batch, features, ld, 0, scratch);
            if (together) {
                loss[1] = tsgd_net_step(net, &u, tsgd_labelled(labels), batch, grad, scratch);
                continue;
            }
            loss[0] = tsgd_net_gradient(net, u.x, tsgd_labelled(labels), batch, grad, scratch);
            tsgd_sgd(net->on.kernels, &u, grad, dim);
        }
        for (int i = 0; i < 2; i++)
            cr_assert(loss[0] == loss[1] && !memcmp(row[0][i], row[1][i], dim * sizeof *grad),
                      "%s: batch %u, kind %d, %s", net->on.kernels->isa, batch, kind,
                      i ? "momentum" : "parameters");
    }
    for (int i = 0; i < 4; i++)
        free(row[i / 2][i % 2]);
    free(x), free(scratch), free(grad), free(labels);
}

/* Nets of all that a step goes through: dense layers with more and less than whole vectors of
 * inputs; group normalisation that takes in the pooling behind it, of an odd image, with nothing
 * below it; blocks around which their input goes; convolutions by Winograd's algorithm.         */
static struct tsgd_net make_kind(int kind)
{
    static const struct tsgd_layer dense[] = {
        {.ops = &tsgd_layer_dense, .name = "fc1", .units = 37},
        {.ops = &tsgd_layer_relu},
        {.ops = &tsgd_layer_dense, .name = "fc2", .units = 48},
        {.ops = &tsgd_layer_dense, .name = "fc3", .units = CLASSES},
    };
    static const struct tsgd_layer pooled[] = {
        {.ops = &tsgd_layer_groupnorm, .name = "gn", .groups = 2},
        {.ops = &tsgd_layer_relu},
        {.ops = &tsgd_layer_maxpool, .window = 2},
        {.ops = &tsgd_layer_dense, .name = "fc", .units = CLASSES},
    };
    struct tsgd_net net;
    if (kind == 0)
        return make();
    if (kind == 1)
        cr_assert(tsgd_net_init(&net, dense, sizeof dense / sizeof *dense,
                                (struct tsgd_shape){2, 7, 6}, CLASSES, NULL) == TSGD_OK);
    else if (kind == 2)
        cr_assert(tsgd_net_init(&net, pooled, sizeof pooled / sizeof *pooled,
                                (struct tsgd_shape){4, 7, 5}, CLASSES, NULL) == TSGD_OK);
    else
        return twin_model("resnet20", (struct tsgd_shape){3, 16, 16}, CLASSES);
    return net;
}

Test(net, a_step_has_the_bits_of_a_gradient_and_an_update, .timeout = 240)
{
    struct tsgd_rng rng = tsgd_rng(23, TSGD_RNG_TEST, 0, 0);
    const struct tsgd_kernels *k;
    for (size_t i = 0; (k = tsgd_isa_table(i)); i++)
        for (int kind = 0; kind < 4; kind++) {
            struct tsgd_net net = make_kind(kind);
            net.on = twin_on(k->isa);
            compare_steps(&net, 5, &rng);
            if (kind < 3 || !TWIN_SLOW)
                compare_steps(&net, 33, &rng);
            if (kind < 3 && !TWIN_SLOW)
                compare_steps(&net, 421, &rng);     /* sums of two blocks */
            tsgd_net_release(&net);
        }
}

/* Canaries behind the scratch of the largest batch; smaller ones must stay within it as well. */
Test(net, scratch_is_enough_for_every_smaller_batch, .timeout = 120)
{
    enum { BATCH = 100 };
    struct tsgd_net net = make();
    uint16_t labels[BATCH] = {0};
    float *w = twin_floats(net.dim), *grad = twin_floats(net.dim);
    uint32_t correct;
    tsgd_net_random(&net, 1, w);
    for (int gradient = 0; gradient < 2; gradient++) {
        size_t n = tsgd_net_scratch(&net, BATCH, gradient);
        float *scratch = twin_floats(n + 64);
        for (size_t batch = BATCH; batch > 0; batch--) {
            for (size_t j = 0; j < n; j++)
                scratch[j] = 0;
            for (size_t j = 0; j < 64; j++)
                scratch[n + j] = 12345;
            if (gradient)
                tsgd_net_gradient(&net, w, tsgd_labelled(labels), batch, grad, scratch);
            else
                tsgd_net_evaluate(&net, w, tsgd_labelled(labels), batch, scratch, &correct);
            for (size_t j = 0; j < 64; j++)
                cr_assert(scratch[n + j] == 12345, "batch %zu", batch);
        }
        free(scratch);
    }
    free(w), free(grad);
    tsgd_net_release(&net);
}

static enum tsgd_status same_shape(struct tsgd_layer *l, struct tsgd_error *err)
{
    (void)err;
    l->out = l->in;
    return TSGD_OK;
}

static void negate(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    for (size_t j = 0; j < tsgd_shape_size(l->in) * c->ld; j++)
        c->y[j] = -c->x[j];
}

static void negate_back(const struct tsgd_layer *l, const struct tsgd_layer_call *c)
{
    for (size_t j = 0; j < tsgd_shape_size(l->in) * c->ld; j++)
        c->dx[j] = -c->dy[j];
}

/* Behind pooling, which finds its winners again in its output. ReLU would not tell: it only
 * overwrites numbers whose gradient is zero.                                                    */
Test(net, what_a_layer_needs_again_is_not_overwritten, .timeout = 60)
{
    enum { BATCH = 4 };
    static const uint16_t labels[BATCH] = {3, 0, 4, 1};
    float *grad[2], x[BATCH * FEATURES];
    struct tsgd_rng rng = tsgd_rng(14, TSGD_RNG_TEST, 0, 0);
    twin_random(&rng, x, BATCH * FEATURES);
    for (int in_place = 0; in_place < 2; in_place++) {
        const struct tsgd_layer_ops ops = {.name = "negate", .in_place = in_place,
                                           .shape = same_shape, .forward = negate,
                                           .backward = negate_back};
        const struct tsgd_layer layers[] = {chain[1], chain[2], {.ops = &ops}, chain[7]};
        struct tsgd_net net;
        cr_assert(tsgd_net_init(&net, layers, 4, (struct tsgd_shape){2, 7, 6}, CLASSES, NULL) ==
                  TSGD_OK);
        net.on = twin_on(NULL);
        float *scratch = twin_floats(tsgd_net_scratch(&net, BATCH, true));
        float *w = twin_floats(net.dim);
        grad[in_place] = twin_floats(net.dim);
        tsgd_net_random(&net, 1, w);
        twin_lanes(x, BATCH, FEATURES, 16, 0, scratch);
        tsgd_net_gradient(&net, w, tsgd_labelled(labels), BATCH, grad[in_place], scratch);
        for (size_t j = 0; j < net.dim; j++)
            cr_assert(grad[in_place][j] == grad[0][j], "parameter %zu", j);
        free(w), free(scratch);
        tsgd_net_release(&net);
    }
    free(grad[0]), free(grad[1]);
}

Test(net, tensors_lie_one_after_another_under_their_names)
{
    static const char *const names[] = {"conv.weight", "conv.bias", "gn.weight", "gn.bias",
                                        "fc.weight", "fc.bias"};
    const struct tsgd_tensor *t[6];
    struct tsgd_net net = make();
    size_t offset = 0;
    cr_assert(tsgd_net_tensors(&net, t, 6) == 6);
    for (int i = 0; i < 6; i++) {
        size_t count = 1;
        for (uint32_t j = 0; j < t[i]->rank; j++)
            count *= t[i]->extent[j];
        cr_assert(!strcmp(t[i]->name, names[i]), "%s, want %s", t[i]->name, names[i]);
        cr_assert(t[i]->offset == offset && t[i]->count == count, "%s", names[i]);
        offset += count;
    }
    cr_assert(net.dim == offset);
    tsgd_net_release(&net);
}

Test(net, no_more_tensors_are_written_than_there_is_room_for)
{
    const struct tsgd_tensor *t[3] = {NULL, NULL, NULL};
    struct tsgd_net net = make();
    cr_assert(tsgd_net_tensors(&net, t, 2) == 6);
    cr_assert(t[1] && !t[2]);
    tsgd_net_release(&net);
}

Test(net, initial_weights_fill_pytorch_s_range)
{
    struct tsgd_net net = make();
    float *w = twin_floats(net.dim), most = 0;
    tsgd_net_random(&net, 7, w);
    const struct tsgd_layer *conv = &net.layer[1], *gn = &net.layer[5], *fc = &net.layer[6];
    const struct tsgd_layer *both[] = {conv, fc};
    double fan_in[] = {2 * 2 * 2, 4 * 3 * 2};
    for (int i = 0; i < 2; i++) {
        double sum = 0, bound = 1 / sqrt(fan_in[i]), n = (double)both[i]->params;
        most = 0;
        for (size_t j = 0; j < both[i]->params; j++) {
            float v = w[both[i]->offset + j];
            most = fabsf(v) > most ? fabsf(v) : most;
            sum += (double)v;
        }
        cr_assert((double)most <= bound && (double)most > 0.8 * bound, "layer %d: %g of %g", i,
                  (double)most, bound);
        cr_assert(fabs(sum / n) < 4 * bound / sqrt(3 * n), "layer %d: mean %g", i, sum / n);
    }
    for (size_t c = 0; c < 4; c++)
        cr_assert(w[gn->offset + c] == 1 && w[gn->offset + 4 + c] == 0);
    free(w);
    tsgd_net_release(&net);
}

/* A depthwise kernel is fed by its own taps alone. */
Test(net, initial_weights_of_depthwise_kernels_and_layer_normalisations_are_pytorch_s)
{
    const struct tsgd_layer layers[] = {
        {.ops = &tsgd_layer_dwconv, .name = "dw", .window = 3},
        {.ops = &tsgd_layer_layernorm, .name = "ln"},
        {.ops = &tsgd_layer_dense, .name = "fc", .units = CLASSES},
    };
    struct tsgd_net net;
    cr_assert(tsgd_net_init(&net, layers, 3, (struct tsgd_shape){40, 5, 5}, CLASSES, NULL) ==
              TSGD_OK);
    float *w = twin_floats(net.dim), most = 0;
    tsgd_net_random(&net, 7, w);
    cr_assert(net.layer[0].params == 40 * (9 + 1) && net.layer[1].params == 2 * 40 * 3 * 3);
    for (size_t j = 0; j < 40 * (9 + 1); j++)
        most = fmaxf(most, fabsf(w[j]));
    cr_assert(most <= 1 / 3.0f && most > 0.95f / 3, "%g", (double)most);
    for (size_t j = 0; j < 360; j++)
        cr_assert(w[400 + j] == 1 && w[400 + 360 + j] == 0, "%zu", j);
    free(w);
    tsgd_net_release(&net);
}

Test(net, the_seed_decides_the_initial_weights)
{
    struct tsgd_net net = make();
    float *a = twin_floats(net.dim), *b = twin_floats(net.dim);
    tsgd_net_random(&net, 7, a);
    tsgd_net_random(&net, 7, b);
    cr_assert(!memcmp(a, b, net.dim * sizeof *a));
    tsgd_net_random(&net, 8, b);
    cr_assert(memcmp(a, b, net.dim * sizeof *a));
    free(a), free(b);
    tsgd_net_release(&net);
}

Test(net, a_last_layer_without_a_number_for_every_class_is_refused)
{
    struct tsgd_net net = TSGD_NET_INIT;
    struct tsgd_error err;
    cr_assert(tsgd_net_init(&net, chain, N_CHAIN, (struct tsgd_shape){2, 7, 6}, 6, &err) ==
              TSGD_EINVAL);
    cr_assert(strstr(err.text, "5") && strstr(err.text, "want 6"), "%s", err.text);
    cr_assert(!net.layer);
}

enum { LOGITS = 7, SAMPLES = 21, LOSS_LD = 32 };

/* Logits of very different size, one sample with all of them equal. */
static void draw(float z[SAMPLES * LOGITS], uint16_t labels[SAMPLES], float lanes[])
{
    struct tsgd_rng rng = tsgd_rng(9, TSGD_RNG_TEST, 0, 0);
    twin_random(&rng, z, SAMPLES * LOGITS);
    for (int s = 0; s < SAMPLES; s++) {
        labels[s] = (uint16_t)tsgd_rng_below(&rng, LOGITS);
        for (int c = 0; c < LOGITS; c++)
            z[s * LOGITS + c] *= (float)(s * s);
    }
    twin_lanes(z, SAMPLES, LOGITS, LOSS_LD, NAN, lanes);
}

Test(loss, agrees_with_double)
{
    _Alignas(64) float z[SAMPLES * LOGITS], lanes[LOSS_LD * LOGITS];
    double z2[SAMPLES * LOGITS], want = 0;
    uint16_t labels[SAMPLES];
    draw(z, labels, lanes);
    twin_widen(z, SAMPLES * LOGITS, z2);
    for (int s = 0; s < SAMPLES; s++)
        want += tsgd_ref_cross_entropy(LOGITS, z2 + s * LOGITS, labels[s]);
    double loss = twin_on(NULL).kernels->cross_entropy(lanes, labels, LOGITS, SAMPLES, LOSS_LD,
                                                       NULL, NULL);
    cr_assert(fabs(loss - want) < 4 * FLT_EPSILON * want, "%.9g, want %.9g", loss, want);
}

Test(loss, gradient_agrees_with_double_and_is_zero_past_the_batch)
{
    _Alignas(64) float z[SAMPLES * LOGITS], lanes[LOSS_LD * LOGITS], d[LOSS_LD * LOGITS];
    double z2[SAMPLES * LOGITS], want;
    uint16_t labels[SAMPLES];
    draw(z, labels, lanes);
    twin_widen(z, SAMPLES * LOGITS, z2);
    memset(d, 0xff, sizeof d);
    twin_on(NULL).kernels->cross_entropy(lanes, labels, LOGITS, SAMPLES, LOSS_LD, d, NULL);
    for (size_t s = 0; s < LOSS_LD; s++)
        for (size_t c = 0; c < LOGITS; c++) {
            want = 0;
            if (s < SAMPLES)
                want = (exp(-tsgd_ref_cross_entropy(LOGITS, z2 + s * LOGITS, c)) -
                        (c == labels[s])) / SAMPLES;
            cr_assert(fabs((double)d[c * LOSS_LD + s] - want) <=
                          (s < SAMPLES ? 4 * FLT_EPSILON : 0),
                      "sample %zu class %zu: %.9g, want %.9g", s, c, (double)d[c * LOSS_LD + s],
                      want);
        }
}

Test(loss, the_first_of_equal_logits_counts)
{
    _Alignas(64) float z[3 * 16] = {0};
    uint16_t labels[] = {0, 0, 1, 2};
    uint32_t correct;
    z[2 * 16 + 3] = 1;
    twin_on(NULL).kernels->cross_entropy(z, labels, 3, 4, 16, NULL, &correct);
    cr_assert(correct == 3, "%u", correct);
}

static const float broken[] = {NAN, INFINITY, -INFINITY};

ParameterizedTestParameters(loss, a_logit_that_is_not_finite_shows)
{
    return twin_rows(9);
}

ParameterizedTest(size_t *row, loss, a_logit_that_is_not_finite_shows)
{
    _Alignas(64) float z[3 * 16] = {0};
    uint16_t labels[] = {0, 1};
    z[*row / 3 * 16 + 1] = broken[*row % 3];
    double loss = twin_on(NULL).kernels->cross_entropy(z, labels, 3, 2, 16, NULL, NULL);
    cr_assert(!isfinite(loss), "%g", loss);
}
