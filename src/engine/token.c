/* engine/token.c: the two tasks of a token, mix and step, fused whenever the step is ready. */
#include "base/clock.h"
#include "engine/watch.h"
#include "linalg/mix.h"

#include <math.h>
#include <string.h>

bool tsgd_mix_ready(const struct tsgd_engine *e, uint32_t a, uint64_t t)
{
    const struct pop *p = &e->pop[e->pop_of[a]];
    const struct tsgd_seq *seq = e->arena.seq + p->first;
    const struct tsgd_csr *w = tsgd_schedule_at(p->c.mixing, t - 1);
    uint32_t r = a - p->first;
    for (uint32_t i = w->ptr[r]; i < w->ptr[r + 1]; i++)                        /* R1 */
        if (!tsgd_seq_reached(&seq[w->col[i]], 2 * t - 1))
            return false;
    if (t < 2)
        return true;
    w = tsgd_schedule_at(p->c.mixing, t - 2);
    for (uint32_t i = w->tptr[r]; i < w->tptr[r + 1]; i++)                      /* R2 */
        if (!tsgd_seq_reached(&seq[w->tcol[i]], 2 * t - 2))
            return false;
    return true;
}

bool tsgd_step_ready(const struct tsgd_engine *e, uint32_t a, uint64_t t)
{
    const struct slot *s = &e->slot[t % SLOTS];
    uint32_t q = e->pop_of[a];
    const struct pop *p = &e->pop[q];
    if (!tsgd_seq_reached(&e->planned, t + 1))
        return false;
    uint64_t eval = atomic_load_explicit(&s->eval[q], memory_order_relaxed);
    if (eval && !tsgd_seq_reached(&p->folded, (eval - 1) * p->c.k + (a - p->first) + 1))    /* R3 */
        return false;
    if (eval && e->c.awaits_verdict && !tsgd_seq_reached(&p->evaluated, eval))
        return false;
    if (!e->c.local.node_row)
        return true;
    uint32_t before = atomic_load_explicit(&s->after_token[a], memory_order_relaxed);   /* R4 */
    return before == NOBODY ||
           tsgd_seq_reached(&e->arena.seq[before],
                            atomic_load_explicit(&s->after_phase[a], memory_order_relaxed));
}

struct tsgd_rows tsgd_rows_of(const struct tsgd_arena *r, uint32_t a, uint64_t t)
{
    struct tsgd_rows rows = {0};
    for (uint32_t i = 0; i < r->exchanged; i++)
        rows.exchanged[i] = tsgd_arena_row(r, t, i, a);
    for (uint32_t i = 0; i < r->private_rows; i++)
        rows.own[i] = tsgd_arena_own(r, i, a);
    return rows;
}

static void retire(struct worker *w, uint32_t a)
{
    tsgd_seq_publish(&w->e->arena.seq[a], TSGD_SEQ_RETIRED);    /* stays busy: nobody claims it */
    tsgd_done_one(w->e);
}

/* What the token does at its holder in this round; false: no step. */
static bool plan_of(const struct tsgd_engine *e, uint32_t a, uint64_t t, struct visit *out)
{
    const struct slot *s = &e->slot[t % SLOTS];
    uint32_t q = e->pop_of[a], node = s->node[a];
    if (node == AWAY)
        return false;
    *out = (struct visit){
        .round = t, .first = (uint64_t)s->visit[a] * e->c.local_steps, .node = node,
        .step = {s->eta[q], s->eta_before[q], 0, e->c.local_steps},
        .rows = tsgd_rows_of(&e->arena, a, t),
    };
    if (e->node_row)
        out->rows.node = e->node_row + node * e->arena.stride;
    /* Relaxed: when it is seen decides how much work is saved, and nothing that is reported. Its
     * nodes are drawn to the end all the same, so that the others' draws do not depend on it.   */
    return !(e->c.independent && tsgd_has_diverged(&e->pop[q]));
}

/* local_steps gradients, each followed by a step. */
static void visit(struct worker *w, uint32_t a, uint64_t t, struct visit *v)
{
    struct tsgd_engine *e = w->e;
    const struct tsgd_problem *problem = e->c.problem;
    for (uint32_t h = 0; h < e->c.local_steps; h++) {
        v->step.index = h;
        if (problem->ops->batch_count(problem, v->node, v->first + h) == 0)
            continue;                   /* a node without data: its token gossips all the same */
        double loss = problem->ops->gradient(problem, v->node, v->first + h, v->rows.exchanged[0],
                                             w->grad, w->scratch);
        tsgd_jitter(w, false);
        if (!isfinite(loss))
            tsgd_diverged_at(&e->pop[e->pop_of[a]], t, a);
        e->arena.tally[a].loss += loss;
        e->c.local.step(&e->c.local, &v->rows, w->grad, problem->dim, &v->step);
    }
}

void tsgd_step_over(struct worker *w, uint32_t a, uint64_t t)
{
    TSGD_PROBE3(step__end, a, t, w->e->slot[t % SLOTS].node[a]);
    tsgd_jitter(w, false);
    tsgd_seq_finish(&w->e->arena.seq[a], 2 * t + 1);
}

void tsgd_step_run(struct worker *w, uint32_t a, uint64_t t)
{
    struct tsgd_engine *e = w->e;
    struct pop *p = &e->pop[e->pop_of[a]];
    struct visit v;
    /* end_round: relaxed, because [A] on `evaluated` in the readiness check has ordered it. */
    if (e->slot[t % SLOTS].node[a] == NOBODY ||
        atomic_load_explicit(&p->end_round, memory_order_relaxed) == t) {
        retire(w, a);
        return;
    }
    uint32_t node = e->slot[t % SLOTS].node[a];
    tsgd_announce(w, &tsgd_watch_step, a, t, node);
    TSGD_PROBE3(step__begin, a, t, node);
    bool steps = plan_of(e, a, t, &v);
    if (steps && e->team) {
        tsgd_team_begin(w, a, &v);
        return;
    }
    if (steps)
        visit(w, a, t, &v);
    tsgd_charge(w, STEP_TIME);
    tsgd_step_over(w, a, t);
}

void tsgd_mix_run(struct worker *w, uint32_t a, uint64_t t)
{
    struct tsgd_engine *e = w->e;
    struct pop *p = &e->pop[e->pop_of[a]];
    const struct tsgd_csr *m = tsgd_schedule_at(p->c.mixing, t - 1);
    const bool *absent = e->slot[(t - 1) % SLOTS].absent;
    tsgd_announce(w, &tsgd_watch_mix, a, t - 1, e->slot[(t - 1) % SLOTS].node[a]);
    TSGD_PROBE3(mix__begin, a, t - 1, w->id);
    for (uint32_t i = 0; i < e->arena.exchanged; i++)
        tsgd_mix_row(m, a - p->first, absent ? absent + p->first : NULL,
                     tsgd_arena_row(&e->arena, t - 1, i, p->first), e->arena.stride, e->arena.dim, e->past,
                     tsgd_arena_row(&e->arena, t, i, a));
    TSGD_PROBE3(mix__end, a, t - 1, w->id);
    tsgd_charge(w, MIX_TIME);
    tsgd_jitter(w, false);
    if (tsgd_plan_ready(w, t) && tsgd_seq_claim(&e->planned, t))
        tsgd_plan_round(w, t);
    if (!tsgd_step_ready(e, a, t)) {
        tsgd_seq_finish(&e->arena.seq[a], 2 * t);
        return;
    }
    tsgd_seq_publish(&e->arena.seq[a], 2 * t);      /* readers of the old row may go on (R2) */
    tsgd_jitter(w, false);
    tsgd_charge(w, OTHER_TIME);
    tsgd_step_run(w, a, t);
}
