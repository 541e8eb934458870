#include "engine/tokens.h"

#include "base/probe.h"
#include "linalg/mix.h"

#include <math.h>

TSGD_TWICE bool mix_ready(const struct tokens *k, uint32_t a, uint64_t t, struct waits *waits)
{
    const struct state *s = k->s;
    const struct pop *p = &s->pop[s->pop_of[a]];
    const struct tsgd_mixing *mixing = p->c.mixing;
    const struct tsgd_seq *seq = s->arena.seq + p->first;
    uint32_t r = a - p->first;
    if (tsgd_mixing_rests(mixing, t - 1))       /* the row stays where it is, and reads no other */
        return true;
    if (s->sliced)                              /* its slices mix it */
        return tsgd_waits(waits, WAITS_SLICES, s->pop_of[a], t - 1);
    const struct tsgd_csr *w = tsgd_mixing_at(mixing, t - 1);
    for (uint32_t i = w->ptr[r]; i < w->ptr[r + 1]; i++)                        /* R1 */
        if (!tsgd_seq_reached(&seq[w->col[i]], 2 * t - 1))
            return tsgd_waits(waits, WAITS_R1, p->first + w->col[i], 2 * t - 1);
    if (s->is_spread)                                                           /* M3 */
        return tsgd_place_is_free(&s->spread, a, tsgd_state_place(s, t, a)) ||
               tsgd_waits(waits, WAITS_USES, a, 2 * t);
    uint64_t turns = tsgd_mixing_turns(mixing, t - 1);
    if (turns < 1)
        return true;
    uint64_t before = tsgd_mixing_round(mixing, turns - 1);
    w = tsgd_mixing_at(mixing, before);
    for (uint32_t i = w->tptr[r]; i < w->tptr[r + 1]; i++)                      /* R2 */
        if (!tsgd_seq_reached(&seq[w->tcol[i]], 2 * before + 2))
            return tsgd_waits(waits, WAITS_R2, p->first + w->tcol[i], 2 * before + 2);
    return true;
}

bool tsgd_mix_ready(const struct tokens *k, uint32_t a, uint64_t t)
{
    return mix_ready(k, a, t, NULL);
}

bool tsgd_mix_waits(const struct tokens *k, uint32_t a, uint64_t t, struct waits *waits)
{
    return mix_ready(k, a, t, waits);
}

/* Whether the tokens of population q retire in round t. Relaxed: `planned` has ordered the one, and
 * `evaluated`, which such steps wait for, the other.                                            */
static bool retires(const struct state *s, uint32_t q, uint64_t t)
{
    return atomic_load_explicit(&s->pop[q].ends, memory_order_relaxed) == t ||
           atomic_load_explicit(&s->pop[q].end_round, memory_order_relaxed) == t;
}

TSGD_TWICE bool step_ready(const struct tokens *k, uint32_t a, uint64_t t, struct waits *waits)
{
    const struct state *s = k->s;
    const struct slot *slot = tsgd_plan_of(k->planner, t);
    uint32_t q = s->pop_of[a];
    if (!tsgd_seq_reached(&k->planner->planned, t + 1))
        return tsgd_waits(waits, WAITS_PLAN, 0, t);
    if (s->is_spread && !tsgd_seq_reached(&k->planner->planned, t + 2) && !retires(s, q, t))
        return tsgd_waits(waits, WAITS_PLAN, 0, t + 1);                         /* M2 */
    uint64_t eval = atomic_load_explicit(&slot->eval[q], memory_order_relaxed);
    if (eval &&                                                                         /* R3 */
        !tsgd_evaluation_has_passed(k->evaluation, q, a - s->pop[q].first, eval - 1, waits))
        return false;
    if (!s->c.rule.node)
        return true;
    uint32_t before = atomic_load_explicit(&slot->after_token[a], memory_order_relaxed);   /* R4 */
    uint64_t phase = atomic_load_explicit(&slot->after_phase[a], memory_order_relaxed);
    return before == NOBODY || tsgd_seq_reached(&s->arena.seq[before], phase) ||
           tsgd_waits(waits, WAITS_R4, before, phase);
}

bool tsgd_step_ready(const struct tokens *k, uint32_t a, uint64_t t)
{
    return step_ready(k, a, t, NULL);
}

bool tsgd_step_waits(const struct tokens *k, uint32_t a, uint64_t t, struct waits *waits)
{
    return step_ready(k, a, t, waits);
}

static void retire(const struct tokens *k, uint32_t a, uint64_t t)
{
    struct state *s = k->s;
    tsgd_seq_publish(&s->arena.seq[a], TSGD_SEQ_RETIRED);       /* stays busy: nobody claims it */
    if (s->is_spread)                   /* release: the slot is read no more (M6) */
        atomic_fetch_sub_explicit(&k->planner->slot[t % SLOTS].pending, 1, memory_order_release);
    tsgd_state_done_one(s);
}

/* All local steps of the visit, each a gradient and what the rule makes of it. */
static void step(const struct tokens *k, struct worker *w, uint32_t a, struct visit *v)
{
    struct state *s = k->s;
    for (; tsgd_visit_next(k->visits, v); v->step.index++) {
        const struct tsgd_minibatch batch = {s->c.problem, v->node, v->batch + v->step.index,
                                             w->grad, w->scratch};
        double loss = tsgd_rule_step(&s->c.rule, &v->rows, &v->step, &batch);
        tsgd_jitter(w, false);
        if (!isfinite(loss))
            tsgd_state_diverge(s, a, v->round);
        *tsgd_state_loss(s, v->round, a) += loss;
    }
}

void tsgd_step_run(const struct tokens *k, struct worker *w, uint32_t a, uint64_t t)
{
    struct state *s = k->s;
    const struct slot *slot = tsgd_plan_of(k->planner, t);
    uint32_t node = slot->node[a];
    struct visit v;
    if (slot->opened && node < TSGD_AWAY &&
        !tsgd_checkpoint_node(k->planner->checkpoint, node, slot->opened)) {
        tsgd_seq_finish(&s->arena.seq[a], 2 * t);           /* C4: later */
        return;
    }
    if (s->is_spread && slot->sums[s->pop_of[a]])
        *tsgd_state_loss(s, t, a) = 0;
    if (slot->copies)
        tsgd_checkpoint_token(k->planner->checkpoint, w, a, t);
    /* end_round: relaxed, because [A] on `evaluated` in the readiness check has ordered it. */
    if (node == NOBODY || atomic_load_explicit(&s->pop[s->pop_of[a]].end_round,
                                               memory_order_relaxed) == t) {
        retire(k, a, t);
        return;
    }
    tsgd_begin(w, &tsgd_activity_step, a, t, node);
    TSGD_PROBE3(step__begin, a, t, node);
    bool steps = tsgd_visit_begin(k->visits, a, t, &v);
    if (steps && k->teams->team) {
        tsgd_team_begin(k->teams, w, a, &v);
        return;
    }
    if (steps)
        step(k, w, a, &v);
    tsgd_end(w, &tsgd_activity_step);
    tsgd_visit_end(k->visits, w, a, t);
}

/* Round t-1 of token a; rests: without gossip, what follows gossip alone. */
static void mix(const struct tokens *k, struct worker *w, uint32_t a, uint64_t t, bool rests)
{
    struct state *s = k->s;
    const struct pop *p = &s->pop[s->pop_of[a]];
    const struct slot *slot = tsgd_plan_of(k->planner, t - 1);
    tsgd_begin(w, &tsgd_activity_mix, a, t - 1, slot->node[a]);
    TSGD_PROBE3(mix__begin, a, t - 1, w->id);
    for (uint32_t i = 0; i < s->exchanged && !rests; i++)
        tsgd_mix_row(s->c.kernels, tsgd_mixing_at(p->c.mixing, t - 1), a - p->first,
                     slot->absent ? slot->absent + p->first : NULL,
                     tsgd_state_row(s, t - 1, i, p->first), s->arena.token_step, s->arena.dim,
                     s->bypass, tsgd_state_row(s, t, i, a));
    if (s->c.rule.mixed)
        tsgd_visit_mixed(k->visits, a, t - 1, 0, s->arena.dim);
    TSGD_PROBE3(mix__end, a, t - 1, w->id);
    tsgd_end(w, &tsgd_activity_mix);
}

/* Round t-1 of token a is mixed, and its place in round t filled: what it has used is used no more
 * (M3). Its own half-step comes last: then its place may be written.                            */
static void end_uses(const struct tokens *k, uint32_t a, uint64_t t, bool rests)
{
    struct state *s = k->s;
    const struct pop *p = &s->pop[s->pop_of[a]];
    const struct tsgd_csr *m = tsgd_mixing_at(p->c.mixing, t - 1);
    _Atomic uint64_t *pending = &k->planner->slot[(t - 1) % SLOTS].pending;
    uint32_t r = a - p->first, place = tsgd_state_place(s, t - 1, a);
    if (!rests)
        *tsgd_state_head(s, t, a) = *tsgd_state_head(s, t - 1, a);
    for (uint32_t i = m->ptr[r]; i < m->ptr[r + 1] && !rests; i++)
        if (m->col[i] != r)
            tsgd_use_over(&s->spread, p->first + m->col[i], place, 1, pending);
    tsgd_use_over(&s->spread, a, place, 1, pending);
}

/* Keeps the later of *last and the way of token a's half-step. */
static void keep_last(const struct tokens *k, uint32_t a, uint64_t t, struct tsgd_way *last)
{
    const struct tsgd_head *head = tsgd_state_head(k->s, t, a);
    bool came = tsgd_plan_of(k->planner, t)->way[a] & WAY_COMES;
    if (came && head->came_ns > last->came)
        *last = (struct tsgd_way){head->sent_ns, head->came_ns};
}

struct tsgd_way tsgd_mix_way(const struct tokens *k, uint32_t a, uint64_t t)
{
    const struct pop *p = &k->s->pop[k->s->pop_of[a]];
    const struct tsgd_csr *m = tsgd_mixing_at(p->c.mixing, t - 1);
    bool rests = tsgd_mixing_rests(p->c.mixing, t - 1);
    uint32_t r = a - p->first;
    struct tsgd_way last = tsgd_place_way(&k->s->spread, a, tsgd_state_place(k->s, t, a));
    keep_last(k, a, t - 1, &last);
    for (uint32_t i = m->ptr[r]; i < m->ptr[r + 1] && !rests; i++)
        keep_last(k, p->first + m->col[i], t - 1, &last);
    return last;
}

/* Of an evaluated round, the token's row is sent before it is written. */
struct tsgd_way tsgd_step_way(const struct tokens *k, uint32_t a, uint64_t t)
{
    return tsgd_place_way(&k->s->spread, a, tsgd_state_place(k->s, t, a));
}

void tsgd_mix_run(const struct tokens *k, struct worker *w, uint32_t a, uint64_t t)
{
    struct state *s = k->s;
    bool rests = s->thinned && tsgd_mixing_rests(s->pop[s->pop_of[a]].c.mixing, t - 1);
    if (!rests || s->c.rule.mixed)
        mix(k, w, a, t, rests);
    tsgd_jitter(w, false);
    if (s->is_spread) {
        end_uses(k, a, t, rests);
        tsgd_seq_finish(&s->arena.seq[a], 2 * t);
        return;
    }
    tsgd_plan_try(k->planner, w, t);
    if (!tsgd_step_ready(k, a, t)) {
        tsgd_seq_finish(&s->arena.seq[a], 2 * t);
        return;
    }
    tsgd_seq_publish(&s->arena.seq[a], 2 * t);      /* readers of the old row may go on (R2) */
    tsgd_jitter(w, false);
    tsgd_end(w, &tsgd_activity_other);
    tsgd_step_run(k, w, a, t);
}
