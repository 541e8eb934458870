/* A batch of any size gives the mean of its samples' own gradients, on every instruction set. */
#include "model/model.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { MOST = 257, CLASSES = 10 };

struct fixture {
    struct tsgd_net net;
    size_t features;
    uint16_t labels[MOST];
    float *w, *x, *one, *grad, *scratch;
    double *sum, loss;
};

static void setup(struct fixture *f, const char *model, struct tsgd_shape in, const char *isa)
{
    struct tsgd_rng rng = tsgd_rng(11, TSGD_RNG_TEST, 0, 0);
    *f = (struct fixture){.features = tsgd_shape_size(in)};
    struct tsgd_backend on = twin_on(isa);
    cr_assert(tsgd_model_build(&f->net, model, in, CLASSES, &on, NULL) == TSGD_OK);
    f->w = twin_floats(f->net.dim);
    f->x = twin_floats(MOST * f->features);
    f->one = twin_floats(f->net.dim);
    f->grad = twin_floats(f->net.dim);
    f->sum = twin_doubles(f->net.dim);
    f->scratch = twin_floats(tsgd_net_scratch(&f->net, MOST, true));
    twin_random(&rng, f->x, MOST * f->features);
    tsgd_net_random(&f->net, 5, f->w);
    for (int s = 0; s < MOST; s++)
        f->labels[s] = (uint16_t)tsgd_rng_below(&rng, CLASSES);
}

static void teardown(struct fixture *f)
{
    free(f->w), free(f->x), free(f->one), free(f->grad), free(f->sum), free(f->scratch);
    tsgd_net_release(&f->net);
}

/* Samples from .. from + count - 1 */
static double gradient(struct fixture *f, size_t from, size_t count, float *grad)
{
    twin_lanes(f->x + from * f->features, count, f->features, tsgd_net_ld(count), 0, f->scratch);
    return tsgd_net_gradient(&f->net, f->w, tsgd_labelled(f->labels + from), count, grad,
                             f->scratch);
}

static void compare(struct fixture *f, const char *model, size_t batch)
{
    double loss = gradient(f, 0, batch, f->grad), most = 0;
    cr_assert(fabs(loss - f->loss) < 1e-5 * f->loss, "%s, %s, batch %zu: loss %.9g, want %.9g",
              model, f->net.on.kernels->isa, batch, loss, f->loss);
    for (size_t j = 0; j < f->net.dim; j++)
        most = fmax(most, fabs(f->sum[j] / (double)batch));
    for (size_t j = 0; j < f->net.dim; j++) {
        double want = f->sum[j] / (double)batch;
        cr_assert(fabs((double)f->grad[j] - want) < 1e-4 * most, "%s, %s, batch %zu, parameter "
                  "%zu: %.9g, want %.9g", model, f->net.on.kernels->isa, batch, j,
                  (double)f->grad[j],
                  want);
    }
}

/* Every size up to 257; where that takes long, those around whole groups of lanes. */
static bool is_tried(size_t batch, bool quick)
{
    return (quick && !TWIN_SLOW) || batch <= 2 || batch % 16 <= 1 || batch == MOST;
}

static const struct { const char *model; struct tsgd_shape in; bool quick; } nets[] = {
    {"lenet", {1, 18, 17}, true}, {"mlp:20,12", {1, 5, 5}, true}, {"resnet20", {3, 8, 9}, false},
};
enum { NETS = sizeof nets / sizeof *nets };

ParameterizedTestParameters(batch_sizes, all_give_the_mean_of_single_samples)
{
    return twin_rows(twin_isas() * NETS);
}

ParameterizedTest(size_t *row, batch_sizes, all_give_the_mean_of_single_samples, .timeout = 300)
{
    const char *model = nets[*row % NETS].model;
    struct fixture f;
    setup(&f, model, nets[*row % NETS].in, tsgd_isa_table(*row / NETS)->isa);
    for (size_t batch = 1; batch <= MOST; batch++) {
        f.loss += gradient(&f, batch - 1, 1, f.one);
        for (size_t j = 0; j < f.net.dim; j++)
            f.sum[j] += (double)f.one[j];
        if (is_tried(batch, nets[*row % NETS].quick))
            compare(&f, model, batch);
    }
    teardown(&f);
}
