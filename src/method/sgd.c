#include "method/sgd.h"

#include "base/text.h"
#include "linalg/vec.h"

#include <string.h>

static void step_plain(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *grad,
                       size_t dim, const struct tsgd_step *s)
{
    tsgd_sgd(r->kernels, rows->exchanged[0], NULL, grad, dim, s->eta, 0, false, r->decay);
}

static void step_token(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *grad,
                       size_t dim, const struct tsgd_step *s)
{
    tsgd_sgd(r->kernels, rows->exchanged[0], rows->own[0], grad, dim, s->eta, r->momentum,
             r->nesterov, r->decay);
}

static void step_node(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *grad,
                      size_t dim, const struct tsgd_step *s)
{
    tsgd_sgd(r->kernels, rows->exchanged[0], rows->node, grad, dim, s->eta, r->momentum,
             r->nesterov, r->decay);
}

static void step_mixed(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *grad,
                       size_t dim, const struct tsgd_step *s)
{
    tsgd_sgd(r->kernels, rows->exchanged[0], rows->exchanged[1], grad, dim, s->eta, r->momentum,
             r->nesterov, r->decay);
}

enum tsgd_status tsgd_sgd_rule(struct tsgd_rule *out, const char *home, double momentum,
                                bool nesterov, double decay, struct tsgd_error *err)
{
    static const struct {
        const char *name;
        struct tsgd_rule rule;
    } homes[] = {
        {"token", {.exchanged = {"x"}, .own = {"momentum"}, .step = step_token}},
        {"node", {.exchanged = {"x"}, .node = "momentum", .step = step_node}},
        {"mixed", {.exchanged = {"x", "momentum"}, .step = step_mixed}},
    };
    enum { N = sizeof homes / sizeof *homes };
    const char *names[N];
    for (size_t i = 0; i < N; i++) {
        names[i] = homes[i].name;
        if (strcmp(home, names[i]))
            continue;
        struct tsgd_rule r = homes[i].rule;
        if (momentum == 0)
            r = (struct tsgd_rule){.exchanged = {"x"}, .step = step_plain};
        r.momentum = (float)momentum;
        r.nesterov = nesterov;
        r.decay = (float)decay;
        *out = r;
        return TSGD_OK;
    }
    return tsgd_unknown_name("--momentum-home", home, names, N, err);
}
