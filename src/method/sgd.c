#include "method/sgd.h"

#include "base/text.h"
#include "linalg/vec.h"

#include <string.h>

static struct tsgd_update with(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *m,
                               const struct tsgd_step *s)
{
    return (struct tsgd_update){rows->exchanged[0], m, s->eta, r->momentum, r->decay, r->nesterov};
}

/* For each place where momentum may be: what a step does, and the step. */
#define HOME(name, m)                                                                              \
    static struct tsgd_update name(const struct tsgd_rule *r, const struct tsgd_rows *rows,        \
                                   const struct tsgd_step *s)                                      \
    {                                                                                              \
        return with(r, rows, m, s);                                                                \
    }                                                                                              \
    static void step_##name(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *grad,  \
                            size_t dim, const struct tsgd_step *s)                                 \
    {                                                                                              \
        struct tsgd_update u = name(r, rows, s);                                                   \
        tsgd_sgd(r->kernels, &u, grad, dim);                                                       \
    }
HOME(plain, NULL)
HOME(token, rows->own[0])
HOME(node, rows->node)
HOME(mixed, rows->exchanged[1])
#undef HOME

enum tsgd_status tsgd_sgd_rule(struct tsgd_rule *out, const char *home, double momentum,
                                bool nesterov, double decay, struct tsgd_error *err)
{
    static const struct {
        const char *name;
        struct tsgd_rule rule;
    } homes[] = {
        {"token", {.exchanged = {"x"}, .own = {"momentum"}, .update = token, .step = step_token}},
        {"node", {.exchanged = {"x"}, .node = "momentum", .update = node, .step = step_node}},
        {"mixed", {.exchanged = {"x", "momentum"}, .update = mixed, .step = step_mixed}},
    };
    enum { N = sizeof homes / sizeof *homes };
    const char *names[N];
    for (size_t i = 0; i < N; i++) {
        names[i] = homes[i].name;
        if (strcmp(home, names[i]))
            continue;
        struct tsgd_rule r = homes[i].rule;
        if (momentum == 0)
            r = (struct tsgd_rule){.exchanged = {"x"}, .update = plain, .step = step_plain};
        r.momentum = (float)momentum;
        r.nesterov = nesterov;
        r.decay = (float)decay;
        *out = r;
        return TSGD_OK;
    }
    return tsgd_unknown_name("--momentum-home", home, names, N, err);
}
