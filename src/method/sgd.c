#include "engine/local.h"

#include "base/text.h"
#include "linalg/vec.h"

#include <string.h>

static void step_plain(const struct tsgd_local *l, const struct tsgd_rows *rows, float *grad,
                       size_t dim, const struct tsgd_step *s)
{
    tsgd_sgd(rows->exchanged[0], NULL, grad, dim, s->eta, 0, false, l->decay);
}

static void step_token(const struct tsgd_local *l, const struct tsgd_rows *rows, float *grad,
                       size_t dim, const struct tsgd_step *s)
{
    tsgd_sgd(rows->exchanged[0], rows->own[0], grad, dim, s->eta, l->momentum, l->nesterov,
             l->decay);
}

static void step_node(const struct tsgd_local *l, const struct tsgd_rows *rows, float *grad,
                      size_t dim, const struct tsgd_step *s)
{
    tsgd_sgd(rows->exchanged[0], rows->node, grad, dim, s->eta, l->momentum, l->nesterov, l->decay);
}

static void step_mixed(const struct tsgd_local *l, const struct tsgd_rows *rows, float *grad,
                       size_t dim, const struct tsgd_step *s)
{
    tsgd_sgd(rows->exchanged[0], rows->exchanged[1], grad, dim, s->eta, l->momentum, l->nesterov,
             l->decay);
}

enum tsgd_status tsgd_local_sgd(struct tsgd_local *out, const char *home, double momentum,
                                bool nesterov, double decay, struct tsgd_error *err)
{
    static const struct {
        const char *name;
        struct tsgd_local local;
    } homes[] = {
        {"token", {.exchanged = 1, .private_rows = 1, .step = step_token}},
        {"node", {.exchanged = 1, .node_row = true, .step = step_node}},
        {"mixed", {.exchanged = 2, .step = step_mixed}},
    };
    enum { N = sizeof homes / sizeof *homes };
    const char *names[N];
    for (size_t i = 0; i < N; i++) {
        names[i] = homes[i].name;
        if (strcmp(home, names[i]))
            continue;
        struct tsgd_local l = homes[i].local;
        if (momentum == 0)
            l = (struct tsgd_local){.exchanged = 1, .step = step_plain};
        l.momentum = (float)momentum;
        l.nesterov = nesterov;
        l.decay = (float)decay;
        *out = l;
        return TSGD_OK;
    }
    return tsgd_unknown_name("--momentum-home", home, names, N, err);
}
