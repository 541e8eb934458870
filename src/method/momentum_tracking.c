/* Momentum Tracking (Takezawa, Bao, Niwa, Sato & Yamada, "Momentum Tracking: Momentum Acceleration
 * for Decentralized Deep Learning on Heterogeneous Data", TMLR 2023, arXiv:2209.15505,
 * Algorithm 1):
 *     u_a^{t+1} = beta u_a^t + g_a^t
 *     x_a^{t+1} = sum_b W_ab x_b^t - eta_t (u_a^{t+1} - c_a^t)
 *     c_a^{t+1} = sum_b W_ab (c_b^t - u_b^{t+1}) + u_a^{t+1}
 * from u_a^0 = c_a^0 = (g_a - mean of all g) / (1 - beta), g_a the gradient of a's first minibatch
 * at x^0.
 *
 * x is mixed as it was before the step, and moved afterwards by the token's own
 * z^t = c^t - u^{t+1}. So what is exchanged is x and z. c itself is not needed: after gossip
 * c^{t+1} = sum_b W_ab z_b^t + u^{t+1}, so z^{t+1} is the mixed z^t, less u^{t+2} - u^{t+1}. This
 * difference is small where c is large, so what is lost to rounding does not add up.            */
#include "method/method.h"

enum { X, Z };                  /* exchanged rows */
enum { U, MOVE };               /* own rows: u, and z as it was before it was mixed */

static void init(const struct tsgd_rule *r, const struct tsgd_rows *rows, size_t dim,
                 const float *mean)
{
    float *restrict u = rows->own[U];   /* the first gradient stands here */
    for (size_t j = 0; j < dim; j++)
        u[j] = (u[j] - mean[j]) / (1 - r->momentum);
}

static void step(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *grad, size_t dim,
                 const struct tsgd_step *s)
{
    const float *restrict x = rows->exchanged[X], *restrict g = grad;
    float *restrict z = rows->exchanged[Z], *restrict u = rows->own[U];
    float *restrict move = rows->own[MOVE];
    (void)s;
    for (size_t j = 0; j < dim; j++) {
        float next = r->momentum * u[j] + (g[j] + r->decay * x[j]);
        z[j] = move[j] = z[j] - (next - u[j]);
        u[j] = next;
    }
}

static void mixed(const struct tsgd_rule *r, const struct tsgd_rows *rows, size_t dim,
                  const struct tsgd_step *s)
{
    float *restrict x = rows->exchanged[X];
    const float *restrict move = rows->own[MOVE];
    (void)r;
    for (size_t j = 0; j < dim; j++)
        x[j] += s->eta * move[j];
}

static const struct tsgd_rule rule = {
    .exchanged = {"x", "z"}, .own = {"u", "move"}, .asks_gradients = true,
    .init = init, .step = step, .mixed = mixed,
};

const struct tsgd_method tsgd_method_momentum_tracking = {
    .name = "momentum-tracking",
    .summary = "gradient tracking of the momentum, which different data do not disturb",
    .rule = &rule,
    .needs_momentum = true,
    .one_step = true,
};
