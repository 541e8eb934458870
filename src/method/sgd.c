#include "method/sgd.h"

#include "base/text.h"
#include "linalg/vec.h"

#include <string.h>

static struct tsgd_update with(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *m,
                               const struct tsgd_step *s)
{
    return (struct tsgd_update){rows->exchanged[0], m, s->eta, r->momentum, r->decay, r->nesterov};
}

static struct tsgd_update plain(const struct tsgd_rule *r, const struct tsgd_rows *rows,
                                const struct tsgd_step *s)
{
    return with(r, rows, NULL, s);
}

static struct tsgd_update token(const struct tsgd_rule *r, const struct tsgd_rows *rows,
                                const struct tsgd_step *s)
{
    return with(r, rows, rows->own[0], s);
}

static struct tsgd_update node(const struct tsgd_rule *r, const struct tsgd_rows *rows,
                               const struct tsgd_step *s)
{
    return with(r, rows, rows->node, s);
}

static struct tsgd_update mixed(const struct tsgd_rule *r, const struct tsgd_rows *rows,
                                const struct tsgd_step *s)
{
    return with(r, rows, rows->exchanged[1], s);
}

static void step(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *grad, size_t dim,
                 const struct tsgd_step *s)
{
    struct tsgd_update u = r->update(r, rows, s);
    tsgd_sgd(r->kernels, &u, grad, dim);
}

enum tsgd_status tsgd_sgd_rule(struct tsgd_rule *out, const char *home, double momentum,
                                bool nesterov, double decay, struct tsgd_error *err)
{
    static const struct {
        const char *name;
        struct tsgd_rule rule;
    } homes[] = {
        {"token", {.exchanged = {"x"}, .own = {"momentum"}, .update = token}},
        {"node", {.exchanged = {"x"}, .node = "momentum", .update = node}},
        {"mixed", {.exchanged = {"x", "momentum"}, .update = mixed}},
    };
    enum { N = sizeof homes / sizeof *homes };
    const char *names[N];
    for (size_t i = 0; i < N; i++) {
        names[i] = homes[i].name;
        if (strcmp(home, names[i]))
            continue;
        struct tsgd_rule r = homes[i].rule;
        if (momentum == 0)
            r = (struct tsgd_rule){.exchanged = {"x"}, .update = plain};
        r.step = step;
        r.momentum = (float)momentum;
        r.nesterov = nesterov;
        r.decay = (float)decay;
        *out = r;
        return TSGD_OK;
    }
    return tsgd_unknown_name("--momentum-home", home, names, N, err);
}
