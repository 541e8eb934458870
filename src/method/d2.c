/* D2 (Tang, Lian, Yan, Zhang & Liu, "D2: Decentralized Training over Decentralized Data", ICML
 * 2018, Algorithm 1):
 *     X^1 = (X^0 - eta G^0) W,   X^{t+1} = (2 X^t - X^{t-1} - eta G^t + eta G^{t-1}) W.
 * With psi^t = x^t - eta_t g^t, and psi^{-1} = x^0, both are
 *     x^{t+1/2} = x^t + (psi^t - psi^{t-1}),
 * which is also right when the step size changes, and moves nothing once psi stands still. It
 * converges only if every eigenvalue of the symmetric W lies above -1/3, as the paper assumes.  */
#include "method/method.h"

#include <string.h>

static void init(const struct tsgd_rule *r, const struct tsgd_rows *rows, size_t dim,
                 const float *mean)
{
    (void)r, (void)mean;
    memcpy(rows->own[0], rows->exchanged[0], dim * sizeof(float));
}

static void step(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *grad, size_t dim,
                 const struct tsgd_step *s)
{
    float *restrict x = rows->exchanged[0], *restrict before = rows->own[0];
    const float *restrict g = grad;
    for (size_t j = 0; j < dim; j++) {
        float psi = x[j] - s->eta * (g[j] + r->decay * x[j]);
        x[j] += psi - before[j];
        before[j] = psi;
    }
}

static const struct tsgd_rule rule = {
    .exchanged = {"x"}, .own = {"psi"}, .init = init, .step = step,
};

const struct tsgd_method tsgd_method_d2 = {
    .name = "d2",
    .summary = "D2: corrects each step by the last one, so that different data do no harm",
    .rule = &rule,
    .one_step = true,
    .every_step = true,
    .needs_spectrum = true,
    .least_eigenvalue = -1.0 / 3,
};
