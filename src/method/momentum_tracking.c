/* Momentum Tracking (Takezawa, Bao, Niwa, Sato & Yamada, TMLR 2023, arXiv:2209.15505, Algorithm 1):
 * gradient tracking of the momentum in place of the gradient. With the paper's correction c written
 * as y = u - c, its recursion for c is that y is mixed and then follows u:
 *     u^{t+1} = beta u^t + g^t,
 *     y^{t+1/2} = y^t + (u^{t+1} - u^t),   x^{t+1/2} = x^t - eta_t y^{t+1/2},
 * from u^0 = y^0 = 0. The paper mixes x before it subtracts; here both rows are stepped first, then
 * mixed, as in gt. u alone is kept: its old value has served once the new one is there.         */
#include "method/method.h"

static void step(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *grad, size_t dim,
                 const struct tsgd_step *s)
{
    float *restrict x = rows->exchanged[0], *restrict y = rows->exchanged[1];
    float *restrict u = rows->own[0];
    const float *restrict g = grad;
    for (size_t j = 0; j < dim; j++) {
        float next = r->momentum * u[j] + (g[j] + r->decay * x[j]);
        y[j] += next - u[j];
        x[j] -= s->eta * y[j];
        u[j] = next;
    }
}

static const struct tsgd_rule rule = {.exchanged = {"x", "y"}, .own = {"u"}, .step = step};

const struct tsgd_method tsgd_method_momentum_tracking = {
    .name = "momentum-tracking",
    .summary = "gradient tracking of the momentum, which different data do not disturb",
    .rule = &rule,
    .needs_momentum = true,
    .one_step = true,
};
