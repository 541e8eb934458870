#include "engine/rule.h"

#include <assert.h>

static uint32_t count(const char *const name[TSGD_MAX_ROWS])
{
    uint32_t n = 0;
    while (n < TSGD_MAX_ROWS && name[n])
        n++;
    return n;
}

uint32_t tsgd_rule_exchanged(const struct tsgd_rule *r)
{
    assert(r->exchanged[0]);            /* x */
    return count(r->exchanged);
}

uint32_t tsgd_rule_own(const struct tsgd_rule *r) { return count(r->own); }

double tsgd_rule_step(const struct tsgd_rule *r, const struct tsgd_rows *rows,
                      const struct tsgd_step *s, const struct tsgd_minibatch *b)
{
    const struct tsgd_problem *p = b->problem;
    if (r->update && p->ops->step) {
        struct tsgd_update u = r->update(r, rows, s);
        return p->ops->step(p, b->node, b->number, &u, b->grad, b->scratch);
    }
    double loss = p->ops->gradient(p, b->node, b->number, rows->exchanged[0], b->grad, b->scratch);
    r->step(r, rows, b->grad, p->dim, s);
    return loss;
}
