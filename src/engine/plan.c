/* engine/plan.c: who holds which token, round after round. A plan is a task of its own, claimed on
 * `planned`, in round order; its cost is O(k), whatever n is. Only the planner ends a population,
 * or, when a run awaits verdicts, the verdict does, past which nothing is planned.              */
#include "base/rng.h"
#include "engine/watch.h"

#include <math.h>

bool tsgd_plan_ready(struct worker *w, uint64_t t)
{
    struct tsgd_engine *e = w->e;
    if (tsgd_seq_load(&e->planned) != 2 * t)
        return false;
    for (uint32_t q = 0; q < e->c.n_populations; q++) {
        const struct pop *p = &e->pop[q];
        uint64_t evals = atomic_load_explicit(&p->evals, memory_order_relaxed);
        if (!tsgd_seq_reached(&p->evaluated, e->c.awaits_verdict ? evals :
                              evals < RECORDS ? 0 : evals - RECORDS + 1))
            return false;
    }
    if (t < SLOTS)
        return true;
    for (uint32_t i = 0, a = w->blocker; i < e->tokens; i++) {          /* R5 */
        if (!tsgd_seq_reached(&e->arena.seq[a], 2 * (t - SLOTS) + 2)) {
            w->blocker = a;
            return false;
        }
        a = a + 1 == e->tokens ? 0 : a + 1;
    }
    return true;
}

static bool there(const struct tsgd_engine *e, uint32_t node, uint64_t t)
{
    return !e->c.churn || tsgd_churn_there(e->c.churn, node, t);
}

/* Draws node m of this round: step m of a Fisher-Yates shuffle, undone after the plan, so that a
 * round's draw does not depend on earlier ones.                                                 */
static uint32_t draw(struct tsgd_engine *e, struct tsgd_rng *rng, uint32_t m)
{
    uint32_t j = m + tsgd_rng_below(rng, e->c.problem->nodes - m), node = e->order[j];
    e->order[j] = e->order[m];
    e->order[m] = node;
    e->undo[m] = j;
    return node;
}

static void undo_draws(struct tsgd_engine *e, uint32_t m)
{
    while (m--) {
        uint32_t j = e->undo[m], node = e->order[j];
        e->order[j] = e->order[m];
        e->order[m] = node;
    }
}

/* The next node of the draw that is there in round t; AWAY when there is none left. Passing over
 * the others leaves every ordered choice among those that are there equally likely, and takes
 * 1 / share draws on average.                                                                   */
static uint32_t draw_present(struct tsgd_engine *e, struct tsgd_rng *rng, uint64_t t, uint32_t *drawn)
{
    while (*drawn < e->c.problem->nodes) {
        uint32_t node = draw(e, rng, (*drawn)++);
        if (there(e, node, t))
            return node;
    }
    return AWAY;
}

/* Token a takes no step: it sits the round out (AWAY), where it is, or retires (NOBODY). */
static void rest(struct tsgd_engine *e, struct slot *s, uint32_t a, uint32_t why)
{
    s->node[a] = why;
    if (e->clock)
        tsgd_simclock_rest(e->clock, a, s->absent != NULL);
    if (s->absent)
        s->absent[a] = true;
    if (e->c.local.node_row)
        atomic_store_explicit(&s->after_token[a], NOBODY, memory_order_relaxed);
}

/* Token a visits `node` in round t. */
static void visit(struct tsgd_engine *e, struct pop *p, struct slot *s, uint64_t t, uint32_t a,
                  uint32_t node)
{
    const struct tsgd_problem *problem = e->c.problem;
    const struct tsgd_local *local = &e->c.local;
    uint64_t first = (uint64_t)p->visits[node] * e->c.local_steps;
    s->node[a] = node;
    s->visit[a] = p->visits[node]++;
    if (s->absent)
        s->absent[a] = false;
    uint32_t gradients = 0;
    for (uint32_t h = 0; h < e->c.local_steps; h++) {
        uint32_t count = problem->ops->batch_count(problem, node, first + h);
        p->samples += count;
        gradients += count > 0;
    }
    p->gradients += gradients;
    if (e->clock)
        tsgd_simclock_visit(e->clock, a, node, gradients);
    if (t > 0 && e->holder[a] != node)
        p->bytes_teleport += (uint64_t)(local->exchanged + local->private_rows) * 4 * problem->dim;
    e->holder[a] = node;
    if (local->node_row) {
        atomic_store_explicit(&s->after_token[a], e->last_token[node], memory_order_relaxed);
        atomic_store_explicit(&s->after_phase[a], e->last_phase[node], memory_order_relaxed);
        e->last_token[node] = a;
        e->last_phase[node] = 2 * t + 1;
    }
}

/* Bytes that the cut links of the round would have carried. W is symmetric: a cut link is missed at
 * both ends, by the row of the end that is absent when the other one is not.                    */
static uint64_t bytes_cut(const struct tsgd_engine *e, const struct pop *p, const struct slot *s,
                          uint64_t t)
{
    const struct tsgd_csr *w = tsgd_schedule_at(p->c.mixing, t);
    uint64_t transfers = 0;
    if (!s->absent)
        return 0;
    for (uint32_t a = 0; a < p->c.k; a++)
        if (s->absent[p->first + a])
            for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
                if (w->col[i] != a)
                    transfers += s->absent[p->first + w->col[i]] ? 1 : 2;
    return transfers * 4 * e->c.problem->dim * e->c.local.exchanged;
}

static void plan_eval(struct tsgd_engine *e, struct pop *p, uint64_t t, uint64_t index, bool last)
{
    struct record *r = &p->record[index % RECORDS];
    atomic_store_explicit(&r->round, t, memory_order_relaxed);
    r->samples = p->samples;
    r->gradients = p->gradients;
    r->bytes_gossip = p->bytes_gossip;
    r->bytes_teleport = p->bytes_teleport;
    r->sim_seconds = e->clock ? tsgd_simclock_now(e->clock, p->first, p->c.k) : NAN;
    r->eta = tsgd_rate_at(&p->c.rate, t ? t - 1 : 0);
    r->last = last;
    r->loss = r->square = 0;
    /* Relaxed: whoever counts down to 0 has seen this, because this token's own share of `left`
     * is still to come.                                                                         */
    atomic_fetch_add_explicit(&e->left, 1, memory_order_relaxed);
    atomic_store_explicit(&p->evals, index + 1, memory_order_release);
}

void tsgd_plan_round(struct worker *w, uint64_t t)
{
    struct tsgd_engine *e = w->e;
    struct slot *s = &e->slot[t % SLOTS];
    struct tsgd_rng rng = tsgd_rng(e->c.seed, TSGD_RNG_HOLDERS, (uint32_t)t, 0);
    /* Relaxed, all: they carry no data, and when they are seen changes only where a run that is
     * cut short ends.                                                                           */
    bool stop = atomic_load_explicit(&e->stop, memory_order_relaxed);
    stop |= e->c.stop && atomic_load_explicit(e->c.stop, memory_order_relaxed);
    bool cut = stop;
    for (uint32_t q = 0; q < e->c.n_populations && !e->c.independent; q++)
        cut |= tsgd_has_diverged(&e->pop[q]);
    uint32_t drawn = 0;
    tsgd_cut(w);
    tsgd_announce(w, &tsgd_watch_plan, TSGD_TRACE_NONE, t, TSGD_TRACE_NONE);
    for (uint32_t q = 0; q < e->c.n_populations; q++) {
        struct pop *p = &e->pop[q];
        uint64_t index = atomic_load_explicit(&p->evals, memory_order_relaxed);
        if (p->ended)
            continue;
        if (atomic_load_explicit(&p->end_round, memory_order_relaxed) != NEVER) {
            p->ended = true;
            continue;
        }
        /* The clock goes through a round only now that no verdict can have ended the run before it. */
        if (e->clock && t > 0)
            tsgd_simclock_round(e->clock, tsgd_schedule_at(p->c.mixing, t - 1), p->first);
        bool over = t == p->c.rounds || (p->c.samples && p->samples >= p->c.samples);
        bool end = p->ended = over || cut;
        bool eval = end || (p->c.eval_every && t % p->c.eval_every == 0 &&
                            (t > 0 || p->c.eval_at_start));
        e->interrupted |= !over && stop;
        if (eval)
            plan_eval(e, p, t, index, end);
        atomic_store_explicit(&s->eval[q], eval ? index + 1 : 0, memory_order_relaxed);
        s->eta[q] = tsgd_rate_at(&p->c.rate, t);
        s->eta_before[q] = tsgd_rate_at(&p->c.rate, t ? t - 1 : 0);
        for (uint32_t a = p->first; a < p->first + p->c.k; a++) {
            uint32_t node = NOBODY;
            if (!end)
                node = e->c.teleports ? draw_present(e, &rng, t, &drawn) : there(e, a, t) ? a : AWAY;
            if (node < AWAY)
                visit(e, p, s, t, a, node);
            else
                rest(e, s, a, node);
        }
        if (!end)
            p->bytes_gossip += p->gossip[t % p->c.mixing->period] - bytes_cut(e, p, s, t);
    }
    undo_draws(e, drawn);
    TSGD_PROBE1(round, t);
    tsgd_cut(w);
    tsgd_jitter(w, true);
    tsgd_seq_finish(&e->planned, t + 1);
}
