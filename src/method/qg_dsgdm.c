/* QG-DSGDm, quasi-global momentum (Lin, Karimireddy, Stich & Jaggi, ICML 2021, arXiv:2102.04761,
 * Algorithm 1): the momentum is that of the way a token really went, gossip included; mu = beta:
 *     mhat^t = mu mhat^{t-1} + (1 - mu) (x^{t-1} - x^t) / eta_{t-1},
 *     x^{t+1/2} = x^t - eta_t (g^t + mu mhat^t),
 * from mhat^0 = 0; with --nesterov (QG-DSGDm-N) g + mu (g + mu mhat) in place of g + mu mhat. Of
 * several local steps each uses the same mhat, and the way is divided by their number too.      */
#include "method/method.h"

#include <string.h>

static void init(const struct tsgd_rule *r, const struct tsgd_rows *rows, size_t dim,
                 const float *mean)
{
    (void)r, (void)mean;
    memcpy(rows->own[1], rows->exchanged[0], dim * sizeof(float));
}

/* mhat from the way since the last visit's beginning. */
static void look_back(float mu, const struct tsgd_rows *rows, size_t dim, const struct tsgd_step *s)
{
    const float *restrict x = rows->exchanged[0];
    float *restrict mhat = rows->own[0], *restrict before = rows->own[1];
    float way = s->eta_before * (float)s->count;
    float share = way > 0 ? (1 - mu) / way : 0;     /* a step size that underflowed moved nothing */
    for (size_t j = 0; j < dim; j++) {
        mhat[j] = mu * mhat[j] + share * (before[j] - x[j]);
        before[j] = x[j];
    }
}

static void step(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *grad, size_t dim,
                 const struct tsgd_step *s)
{
    float *restrict x = rows->exchanged[0];
    const float *restrict mhat = rows->own[0], *restrict grad_x = grad;
    float mu = r->momentum;
    if (s->index == 0)
        look_back(mu, rows, dim, s);
    for (size_t j = 0; j < dim; j++) {
        float g = grad_x[j] + r->decay * x[j], m = g + mu * mhat[j];
        x[j] -= s->eta * (r->nesterov ? g + mu * m : m);
    }
}

static const struct tsgd_rule rule = {
    .exchanged = {"x"}, .own = {"momentum", "x_before"}, .init = init, .step = step,
};

const struct tsgd_method tsgd_method_qg_dsgdm = {
    .name = "qg-dsgdm",
    .summary = "quasi-global momentum: of the way a token went, gossip included; all n nodes, or k "
               "that teleport",
    .may_teleport = true,
    .rule = &rule,
    .needs_momentum = true,
    .takes_nesterov = true,
};
