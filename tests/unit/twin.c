#include "twin.h"

#include "base/mem.h"
#include "model/model.h"
#include "sim/ref.h"

#include <criterion/criterion.h>
#include <string.h>

static void rectify(const double *x, size_t n, double *y)
{
    for (size_t j = 0; j < n; j++)
        y[j] = x[j] > 0 ? x[j] : 0;
}

static void kind(const struct tsgd_layer *l, const double *w, const double *x, const double *from,
                 double *y)
{
    struct tsgd_ref_shape in = {l->in.channels, l->in.height, l->in.width};
    struct tsgd_ref_shape from_shape = {l->from.channels, l->from.height, l->from.width};
    size_t size = tsgd_shape_size(l->in);
    const double *b = w + (l->n_tensors ? l->tensors[0].count : 0);
    if (l->ops == &tsgd_layer_dense)
        tsgd_ref_dense(size, l->units, w, b, x, y);
    else if (l->ops == &tsgd_layer_conv)
        tsgd_ref_conv(in, l->units, l->window, l->pad, l->stride, w, l->no_bias ? NULL : b, x, y);
    else if (l->ops == &tsgd_layer_dwconv)
        tsgd_ref_dwconv(in, l->window, l->pad, l->stride, w, l->no_bias ? NULL : b, x, y);
    else if (l->ops == &tsgd_layer_maxpool)
        tsgd_ref_maxpool(in, l->window, x, y);
    else if (l->ops == &tsgd_layer_groupnorm)
        tsgd_ref_groupnorm(in, l->groups, w, b, x, y);
    else if (l->ops == &tsgd_layer_layernorm)
        tsgd_ref_layernorm(size, w, b, x, y);
    else if (l->ops == &tsgd_layer_gelu)
        tsgd_ref_gelu(size, x, y);
    else if (l->ops == &tsgd_layer_add)
        tsgd_ref_add(in, from_shape, x, from, y);
    else if (l->ops == &tsgd_layer_avgpool)
        tsgd_ref_avgpool(in, l->window, x, y);
    else if (l->ops == &tsgd_layer_relu)
        rectify(x, size, y);
    else
        cr_assert_fail("layer %s has no twin", l->ops->name);
}

/* The layer alone, then what it has taken in of those that follow. */
void twin_layer(const struct tsgd_layer *l, const double *w, const double *x, const double *from,
                double *y)
{
    struct tsgd_layer alone = *l;
    alone.relu = alone.pool = false;
    alone.n_tensors = 0;
    alone.params = alone.keep = 0;
    cr_assert(alone.ops->shape(&alone, NULL) == TSGD_OK);
    size_t size = tsgd_shape_size(alone.out);
    double *before = twin_doubles(size);
    kind(l, w, x, from, before);
    if (l->relu)
        rectify(before, size, before);
    if (l->pool)
        tsgd_ref_maxpool((struct tsgd_ref_shape){alone.out.channels, alone.out.height,
                                                 alone.out.width}, 2, before, y);
    else
        memcpy(y, before, size * sizeof *y);
    free(before);
}

double twin_loss(const struct tsgd_net *net, const double *w, const double *x,
                 const uint16_t *labels, size_t count)
{
    size_t features = tsgd_shape_size(net->in);
    uint32_t n = net->n_layers;
    double loss = 0, **act = calloc((size_t)n + 1, sizeof *act);
    cr_assert(act);
    act[0] = twin_doubles(features);
    for (uint32_t i = 0; i < n; i++)
        act[i + 1] = twin_doubles(tsgd_shape_size(net->layer[i].out));
    for (size_t s = 0; s < count; s++) {
        memcpy(act[0], x + s * features, features * sizeof *x);
        for (uint32_t i = 0; i < n; i++) {
            const struct tsgd_layer *l = &net->layer[i];
            twin_layer(l, w + l->offset, act[i], l->skip ? act[i - l->skip] : NULL, act[i + 1]);
        }
        loss += tsgd_ref_cross_entropy(net->outputs, act[n], labels[s]) / (double)count;
    }
    for (uint32_t i = 0; i <= n; i++)
        free(act[i]);
    free(act);
    return loss;
}

void twin_random(struct tsgd_rng *rng, float *x, size_t n)
{
    for (size_t j = 0; j < n; j++)
        x[j] = (float)(2 * tsgd_rng_unit(rng) - 1);
}

void twin_widen(const float *x, size_t n, double *out)
{
    for (size_t j = 0; j < n; j++)
        out[j] = (double)x[j];
}

float *twin_floats(size_t n)
{
    float *p = NULL;
    cr_assert(TSGD_NEW(&p, n, "test", NULL) == TSGD_OK, "no memory");
    return p;
}

double *twin_doubles(size_t n)
{
    double *p = NULL;
    cr_assert(TSGD_NEW(&p, n, "test", NULL) == TSGD_OK, "no memory");
    return p;
}

void twin_lanes(const float *x, size_t count, size_t features, size_t ld, float past, float *out)
{
    for (size_t f = 0; f < features; f++)
        for (size_t s = 0; s < ld; s++)
            out[f * ld + s] = s < count ? x[s * features + f] : past;
}

static void free_rows(struct criterion_test_params *p)
{
    cr_free(p->params);
}

struct criterion_test_params twin_rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, free_rows);
}

struct tsgd_backend twin_on(const char *isa)
{
    struct tsgd_backend on;
    struct tsgd_error err;
    cr_assert(tsgd_backend_init(&on, isa, &err) == TSGD_OK, "%s", err.text);
    return on;
}

size_t twin_isas(void)
{
    size_t n = 0;
    while (tsgd_isa_table(n))
        n++;
    return n;
}

struct tsgd_net twin_model(const char *model, struct tsgd_shape in, uint32_t classes)
{
    struct tsgd_net net;
    struct tsgd_error err;
    struct tsgd_backend on = twin_on(NULL);
    cr_assert(tsgd_model_build(&net, model, in, classes, &on, &err) == TSGD_OK, "%s", err.text);
    return net;
}
