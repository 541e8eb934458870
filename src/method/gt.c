/* Gradient tracking (Qu & Li, "Harnessing Smoothness to Accelerate Distributed Optimization", IEEE
 * TCNS 2018), adapt-then-combine as in Aug-DGM (Xu, Zhu, Soh & Xie, CDC 2015): y follows the mean
 * of the gradients, and both rows are stepped first, then mixed:
 *     y^{t+1/2} = y^t + (g^t - g^{t-1}),   x^{t+1/2} = x^t - eta_t y^{t+1/2},
 * from y^0 = g^{-1} = 0, so that y^{1/2} = g^0. The differences keep sum y = sum g to the end.  */
#include "method/method.h"

static void step(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *grad, size_t dim,
                 const struct tsgd_step *s)
{
    float *restrict x = rows->exchanged[0], *restrict y = rows->exchanged[1];
    float *restrict before = rows->own[0];
    const float *restrict grad_x = grad;
    for (size_t j = 0; j < dim; j++) {
        float g = grad_x[j] + r->decay * x[j];
        y[j] += g - before[j];
        x[j] -= s->eta * y[j];
        before[j] = g;
    }
}

static const struct tsgd_rule rule = {
    .exchanged = {"x", "y"}, .own = {"gradient"}, .step = step,
};

const struct tsgd_method tsgd_method_gt = {
    .name = "gt",
    .summary = "gradient tracking: nodes gossip an estimate of the mean gradient too",
    .rule = &rule,
    .one_step = true,
};
