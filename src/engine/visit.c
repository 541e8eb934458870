#include "engine/visit.h"

enum tsgd_status tsgd_visits_init(struct visits *v, struct state *s, const struct planner *planner,
                                  struct tsgd_error *err)
{
    v->s = s;
    v->planner = planner;
    if (!s->c.rule.node)
        return TSGD_OK;
    size_t row = tsgd_mul(s->arena.stride, sizeof(float));
    return tsgd_hold_sparse(&v->holding, (void **)&v->node_row,
                            tsgd_mul(s->c.problem->nodes, row), tsgd_mul(s->nodes_here, row),
                            "rows of the nodes", err);
}

void tsgd_visits_release(struct visits *v) { tsgd_holding_release(&v->holding); }

bool tsgd_visit_begin(const struct visits *v, uint32_t a, uint64_t t, struct visit *out)
{
    const struct state *s = v->s;
    const struct slot *slot = tsgd_plan_of(v->planner, t);
    uint32_t q = s->pop_of[a], node = slot->node[a];
    if (node == TSGD_AWAY)
        return false;
    out->round = t;
    out->batch = (uint64_t)slot->visit[a] * s->c.local_steps;
    out->node = node;
    out->step = (struct tsgd_step){slot->eta[q], slot->eta_before[q], 0, s->c.local_steps};
    tsgd_state_rows(s, a, t, &out->rows);
    if (v->node_row)
        out->rows.node = v->node_row + node * s->arena.stride;
    /* Relaxed: when it is seen decides how much work is saved, and nothing that is reported. Its
     * nodes are drawn to the end all the same, so that the others' draws do not depend on it.   */
    return !(s->c.independent && tsgd_pop_diverged(&s->pop[q]));
}

void tsgd_visit_send(const struct visits *v, uint32_t a, uint64_t t)
{
    struct state *s = v->s;
    const struct slot *slot = tsgd_plan_of(v->planner, t);
    struct places *places = &s->spread.places[a];
    /* Relaxed, both: the word, or the queue, shows them. */
    atomic_store_explicit(&places->uses[tsgd_state_place(s, t, a)], slot->uses[a],
                          memory_order_relaxed);
    if (slot->way[a] & WAY_MOVES)
        atomic_store_explicit(&places->own_leaves, s->own > 0, memory_order_relaxed);
    bool stays = slot->way[a] & WAY_STAYS;
    if (slot->way[a] & WAY_SENT) {
        tsgd_place_leaves(&s->spread, a, tsgd_state_place(s, t, a));
        tsgd_state_head(s, t, a)->sent_ns = tsgd_spread_now(&s->spread);
        tsgd_spread_queue(&s->spread, tsgd_errand(ERRAND_ROW, a, t));
    }
    if (stays)
        tsgd_seq_finish(&s->arena.seq[a], 2 * t + 1);
    else
        tsgd_seq_publish(&s->arena.seq[a], 2 * t + 1);  /* nobody claims what is mixed elsewhere */
}

struct tsgd_rows tsgd_rows_from(const struct tsgd_rows *rows, size_t from)
{
    struct tsgd_rows moved = *rows;
    for (int i = 0; i < TSGD_MAX_ROWS; i++) {
        moved.exchanged[i] = rows->exchanged[i] ? rows->exchanged[i] + from : NULL;
        moved.own[i] = rows->own[i] ? rows->own[i] + from : NULL;
    }
    moved.node = rows->node ? rows->node + from : NULL;
    return moved;
}

void tsgd_visit_mixed(const struct visits *v, uint32_t a, uint64_t t, size_t from, size_t to)
{
    const struct tsgd_rule *r = &v->s->c.rule;
    const struct slot *slot = tsgd_plan_of(v->planner, t);
    if (!r->mixed || !slot->steps[a])
        return;
    uint32_t q = v->s->pop_of[a], steps = v->s->c.local_steps;
    struct tsgd_rows rows;
    struct tsgd_step step = {slot->eta[q], slot->eta_before[q], steps - 1, steps};
    tsgd_state_rows(v->s, a, t + 1, &rows);
    rows = tsgd_rows_from(&rows, from);
    r->mixed(r, &rows, to - from, &step);
}
