/* engine/visit.h: a token's stay with its holder in one round: which minibatches, which rows; and
 * the rows that stay with the nodes.
 * Ownership: init takes, release gives back. Threads: a visit belongs to whoever has claimed its
 * token; a node's row is ordered by R4.                                                         */
#ifndef TSGD_ENGINE_VISIT_H
#define TSGD_ENGINE_VISIT_H

#include "base/probe.h"
#include "engine/planner.h"

struct visit {
    uint64_t round;
    uint64_t batch;             /* number of the node's minibatch for the first local step */
    uint32_t node;
    struct tsgd_step step;      /* index: the local step it is at */
    struct tsgd_rows rows;
};

struct visits {
    struct state *s;
    const struct planner *planner;
    float *node_row;            /* [nodes][stride], or NULL: the rule keeps none */
    struct tsgd_holding holding;
};

/* Borrows the others. With a holding that counts, only what it would take. TSGD_ENOMEM. */
enum tsgd_status tsgd_visits_init(struct visits *v, struct state *s, const struct planner *planner,
                                  struct tsgd_error *err);
void tsgd_visits_release(struct visits *v);

/* What token a does in round t, whose plan is there; false: it takes no step. */
bool tsgd_visit_begin(const struct visits *v, uint32_t a, uint64_t t, struct visit *out);

/* The next local step, from visit->step.index on, whose minibatch holds samples; false: there is
 * none. A token at a node without data takes no step, but gossips all the same.                 */
static inline bool tsgd_visit_next(const struct visits *v, struct visit *visit)
{
    const struct tsgd_problem *p = v->s->c.problem;
    for (; visit->step.index < visit->step.count; visit->step.index++)
        if (p->ops->batch_count(p, visit->node, visit->batch + visit->step.index))
            return true;
    return false;
}

/* The same when tokens are spread over ranks (engine/spread.h, M3, M4). */
void tsgd_visit_send(const struct visits *v, uint32_t a, uint64_t t);

/* The visit is over: the half-step stands there, and the token is given back. */
static inline void tsgd_visit_end(const struct visits *v, struct worker *w, uint32_t a, uint64_t t)
{
    TSGD_PROBE3(step__end, a, t, tsgd_plan_of(v->planner, t)->node[a]);
    tsgd_jitter(w, false);
    if (v->s->is_spread)
        tsgd_visit_send(v, a, t);
    else
        tsgd_seq_finish(&v->s->arena.seq[a], 2 * t + 1);
}

/* Does what the rule does after gossip, when coordinates from .. to - 1 of token a have been mixed
 * in round t.                                                                                   */
void tsgd_visit_mixed(const struct visits *v, uint32_t a, uint64_t t, size_t from, size_t to);

/* The same rows from another coordinate on. */
struct tsgd_rows tsgd_rows_from(const struct tsgd_rows *rows, size_t from);

#endif
