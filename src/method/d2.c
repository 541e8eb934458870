/* D2 (Tang, Lian, Yan, Zhang & Liu, "D2: Decentralized Training over Decentralized Data", ICML
 * 2018, Algorithm 1):
 *     X^1 = (X^0 - eta G^0) W,   X^{t+1} = (2 X^t - X^{t-1} - eta G^t + eta G^{t-1}) W.
 * With psi^t = x^t - eta_t g^t, and psi^{-1} = x^0, both are
 *     x^{t+1/2} = x^t + (psi^t - psi^{t-1}),
 * which is also right when the step size changes, and moves nothing once psi stands still. It
 * converges only if every eigenvalue of the symmetric W lies above -1/3, as the paper assumes.  */
#include "method/method.h"

#include "linalg/eigen.h"

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

/* One symmetric matrix, whose eigenvalues lie above -1/3. */
static enum tsgd_status check_mixing(const struct tsgd_mixing *mixing, const char *topology,
                                     struct tsgd_error *err)
{
    const double bound = -1.0 / 3, margin = 1e-6;       /* as right as the eigenvalue is */
    double least;
    if (mixing->period > 1)
        return tsgd_fail(err, TSGD_EINVAL, "--topology %s: changes over %u rounds, but method d2 "
                         "needs one that stays, such as ring", topology, mixing->period);
    if (!tsgd_csr_symmetric(mixing->w))
        return tsgd_fail(err, TSGD_EINVAL, "--topology %s: its weights are not symmetric, but "
                         "method d2 needs symmetric ones, such as ring has", topology);
    enum tsgd_status st = tsgd_csr_least_eigenvalue(mixing->w, &least, err);
    if (st != TSGD_OK || least > bound + margin)
        return st;
    return tsgd_fail(err, TSGD_EINVAL, "--topology %s: its smallest eigenvalue with %u tokens is "
                     "%.6f, but method d2 diverges unless it is above -1/3 by %g or more; add "
                     "--lazy, which mixes with (I + W) / 2", topology, mixing->w->n, least, margin);
}

const struct tsgd_method tsgd_method_d2 = {
    .name = "d2",
    .summary = "D2: corrects each step by the last one, so that different data do no harm",
    .rule = &rule,
    .one_step = true,
    .every_step = true,
    .every_mix = true,
    .check_mixing = check_mixing,
};
