/* engine/rule.h: the update rule: what a token does with a gradient, and which rows it keeps for
 * it. A rule declares its rows by name:
 *     exchanged   gossip mixes them by W; the first is x, the parameters
 *     own         they travel with the token but are not mixed
 *     node        one that stays with the node: memory for every node
 * Coordinates are independent of each other in everything a rule does, so its functions may be
 * called for ranges of coordinates, in any order; `dim` is then the length of the range.
 * Threads: each call is for one token, by whoever has claimed it.                               */
#ifndef TSGD_ENGINE_RULE_H
#define TSGD_ENGINE_RULE_H

#include "model/problem.h"

#define TSGD_MAX_ROWS 4

/* Where one token's rows stand. */
struct tsgd_rows {
    float *exchanged[TSGD_MAX_ROWS], *own[TSGD_MAX_ROWS];
    float *node;                /* the holder's own row; NULL unless the rule keeps one */
};

/* Which step it is. */
struct tsgd_step {
    float eta, eta_before;      /* of this round, and of the one before (round 0: its own) */
    uint32_t index, count;      /* local step `index` of the `count` in a round */
};

struct tsgd_rule {
    const char *exchanged[TSGD_MAX_ROWS], *own[TSGD_MAX_ROWS];  /* names; NULL ends them */
    const char *node;           /* name of the row at the nodes, or NULL */
    bool asks_gradients;        /* init wants the first gradients and their mean: one all-reduce */

    /* Fills a token's rows before the first round. x^0 stands in exchanged[0] and all other rows
     * are zero; NULL: they stay so. A rule that asks for gradients finds that of the token's first
     * minibatch at x^0 in own[0] (zero at a node without data) and in `mean` the mean over the
     * tokens whose nodes have data; else mean is NULL.                                          */
    void (*init)(const struct tsgd_rule *r, const struct tsgd_rows *rows, size_t dim,
                 const float *mean);
    /* One step with the gradient at x. grad may be used as scratch. */
    void (*step)(const struct tsgd_rule *r, const struct tsgd_rows *rows, float *grad, size_t dim,
                 const struct tsgd_step *s);
    /* What `step` does to x, where that is a step of SGD and nothing else, for a problem that can
     * take it while it computes the gradient; NULL: it is something else.                       */
    struct tsgd_update (*update)(const struct tsgd_rule *r, const struct tsgd_rows *rows,
                                 const struct tsgd_step *s);
    /* What follows gossip, in a round in which the token took a step: exchanged rows have been
     * mixed, and the half-step that others read is gone. NULL: nothing follows.                 */
    void (*mixed)(const struct tsgd_rule *r, const struct tsgd_rows *rows, size_t dim,
                  const struct tsgd_step *s);
    float momentum, decay;
    bool nesterov;
    const struct tsgd_kernels *kernels;     /* the engine fills them in, from its configuration */
};

/* A minibatch, and where its gradient is computed: grad [dim] and scratch are a worker's. */
struct tsgd_minibatch {
    const struct tsgd_problem *problem;
    uint32_t node;
    uint64_t number;
    float *grad;
    void *scratch;
};

/* One step: the gradient at x and what the rule makes of it, at once where the problem can do both.
 * Returns the sum of the losses before it.                                                      */
static inline double tsgd_rule_step(const struct tsgd_rule *r, const struct tsgd_rows *rows,
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

/* How many exchanged rows (E, at least 1) and own rows (R) a rule has. */
uint32_t tsgd_rule_exchanged(const struct tsgd_rule *r);
uint32_t tsgd_rule_own(const struct tsgd_rule *r);

#endif
