#include "twin.h"

#include "base/mem.h"
#include "sim/ref.h"

#include <criterion/criterion.h>
#include <string.h>

void twin_layer(const struct tsgd_layer *l, const double *w, const double *x, double *y)
{
    struct tsgd_ref_shape in = {l->in.channels, l->in.height, l->in.width};
    size_t size = tsgd_shape_size(l->in);
    const double *b = w + (l->n_tensors ? l->tensors[0].count : 0);
    if (l->ops == &tsgd_layer_dense)
        tsgd_ref_dense(size, l->units, w, b, x, y);
    else if (l->ops == &tsgd_layer_conv)
        tsgd_ref_conv(in, l->units, l->window, l->pad, l->stride, w, l->no_bias ? NULL : b, x, y);
    else if (l->ops == &tsgd_layer_maxpool)
        tsgd_ref_maxpool(in, l->window, x, y);
    else if (l->ops == &tsgd_layer_groupnorm)
        tsgd_ref_groupnorm(in, l->groups, w, b, x, y);
    else if (l->ops == &tsgd_layer_relu)
        for (size_t j = 0; j < size; j++)
            y[j] = x[j] > 0 ? x[j] : 0;
    else
        cr_assert_fail("layer %s has no twin", l->ops->name);
}

double twin_loss(const struct tsgd_net *net, const double *w, const double *x,
                 const uint8_t *labels, size_t count)
{
    size_t features = tsgd_shape_size(net->in), most = features;
    double loss = 0;
    for (uint32_t i = 0; i < net->n_layers; i++) {
        size_t out = tsgd_shape_size(net->layer[i].out);
        most = out > most ? out : most;
    }
    double *a = twin_doubles(most), *b = twin_doubles(most);
    for (size_t s = 0; s < count; s++) {
        memcpy(a, x + s * features, features * sizeof *a);
        for (uint32_t i = 0; i < net->n_layers; i++) {
            twin_layer(&net->layer[i], w + net->layer[i].offset, a, b);
            double *t = a;
            a = b;
            b = t;
        }
        loss += tsgd_ref_cross_entropy(net->classes, a, labels[s]) / (double)count;
    }
    free(a);
    free(b);
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
