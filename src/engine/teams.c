#include "engine/teams.h"

#include "linalg/vec.h"

#include <math.h>

/* Coordinates of an update task: its sum stays in the cache until the step is taken with it. Few in
 * the variants that look for races, so that there are several.                                  */
#ifdef TSGD_JITTER
enum { RANGE = 32 };
#else
enum { RANGE = 16384 };
#endif

/* ---- a team's word ---- */

static uint64_t stage_of(uint64_t word) { return word >> 32; }
static uint32_t task_of(uint64_t word) { return (uint32_t)word; }
static bool is_gradients(uint64_t word) { return stage_of(word) & 1; }

static uint32_t tasks(const struct teams *m, uint64_t word)
{
    return is_gradients(word) ? m->s->c.problem->parts :
                                (uint32_t)((m->s->arena.dim + RANGE - 1) / RANGE);
}

/* ---- what it takes ---- */

enum tsgd_status tsgd_teams_init(struct teams *m, struct state *s, const struct visits *visits,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t parts = s->c.problem->parts;
    size_t row = tsgd_mul(s->arena.stride, sizeof(float));
    m->s = s;
    m->visits = visits;
    if (!tsgd_state_shares_steps(s))
        return TSGD_OK;
    TRY(TSGD_HOLD(&m->holding, &m->team, s->tokens, "teams", err));
    TRY(TSGD_HOLD(&m->holding, &m->loss, (size_t)s->tokens * parts, "teams", err));
    TRY(tsgd_hold_sparse(&m->holding, (void **)&m->grad,
                         tsgd_mul(row, tsgd_mul(s->tokens, parts)),
                         tsgd_mul(row, tsgd_mul(s->here, parts)), "gradients of the parts", err));
    for (uint32_t a = 0; m->team && a < s->tokens; a++) {
        struct team *t = &m->team[a];
        t->grad = m->grad + (size_t)a * parts * s->arena.stride;
        t->loss = m->loss + (size_t)a * parts;
        atomic_init(&t->word, tasks(m, 0));     /* stage 0: all of it is handed out */
    }
done:
    return st;
}

void tsgd_teams_release(struct teams *m) { tsgd_holding_release(&m->holding); }

/* ---- handing out ---- */

bool tsgd_part_ready(const struct teams *m, uint32_t a, uint64_t *word)
{
    /* Relaxed: a number is looked at; the claim acquires what stands behind it. */
    *word = atomic_load_explicit(&m->team[a].word, memory_order_relaxed);
    return task_of(*word) < tasks(m, *word);
}

/* [T1] acquire, pairs with the release in open_stage: the visit, and what the stages before have
 * written, stand there for this task. Without it a part is computed at a row of the round before,
 * or a sum lacks what another worker has just put into its part.                                */
bool tsgd_part_claim(struct teams *m, uint32_t a, uint64_t word)
{
    return atomic_compare_exchange_strong_explicit(&m->team[a].word, &word, word + 1,
                                                   memory_order_acquire, memory_order_relaxed);
}

static bool take_next(struct teams *m, struct worker *w, uint32_t a, uint64_t *word)
{
    while (tsgd_part_ready(m, a, word)) {
        tsgd_jitter(w, false);
        if (tsgd_part_claim(m, a, *word))
            return true;
    }
    return false;
}

/* Requires that no task of the stage before is unfinished. */
static void open_stage(struct teams *m, struct worker *w, uint32_t a)
{
    struct team *t = &m->team[a];
    uint64_t word = (stage_of(atomic_load_explicit(&t->word, memory_order_relaxed)) + 1) << 32;
    atomic_store_explicit(&t->done, 0, memory_order_relaxed);   /* nobody counts before [T1] */
    tsgd_jitter(w, false);
    atomic_store_explicit(&t->word, word, memory_order_release);        /* [T1] */
    if (tasks(m, word) > 1)
        tsgd_wake_another(&m->s->sleep);
}

/* Opens the gradients of the next local step that has data; false: there is none. */
static bool open_gradients(struct teams *m, struct worker *w, uint32_t a)
{
    if (!tsgd_visit_next(m->visits, &m->team[a].visit))
        return false;
    open_stage(m, w, a);
    return true;
}

/* ---- the tasks ---- */

static uint64_t batch_of(const struct visit *v) { return v->batch + v->step.index; }

static void gradient_of_part(const struct teams *m, struct worker *w, struct team *t, uint32_t part)
{
    const struct tsgd_problem *p = m->s->c.problem;
    const struct visit *v = &t->visit;
    t->loss[part] = 0;
    if (p->ops->part_count(p, v->node, batch_of(v), part))
        t->loss[part] = p->ops->part_gradient(p, v->node, batch_of(v), part, v->rows.exchanged[0],
                                              t->grad + part * m->s->arena.stride, w->scratch);
}

static void update_range(const struct teams *m, struct worker *w, struct team *t, uint32_t range)
{
    const struct tsgd_engine_config *c = &m->s->c;
    const struct tsgd_problem *p = c->problem;
    const struct visit *v = &t->visit;
    size_t from = (size_t)range * RANGE, left = p->dim - from, n = left < RANGE ? left : RANGE;
    float all = (float)p->ops->batch_count(p, v->node, batch_of(v));
    for (uint32_t q = 0; q < p->parts; q++) {
        uint32_t count = p->ops->part_count(p, v->node, batch_of(v), q);
        if (count)
            tsgd_weigh(c->kernels, w->grad, t->grad + q * m->s->arena.stride + from, n,
                       (float)count / all, q > 0);
    }
    struct tsgd_rows rows = tsgd_rows_from(&v->rows, from);
    c->rule.step(&c->rule, &rows, w->grad, n, &v->step);
}

/* All tasks of a stage are done. false: so is the visit, and the token is given back. */
static bool go_on(struct teams *m, struct worker *w, uint32_t a, uint64_t word)
{
    struct state *s = m->s;
    struct team *t = &m->team[a];
    if (is_gradients(word)) {
        double loss = 0;
        for (uint32_t q = 0; q < s->c.problem->parts; q++)
            loss += t->loss[q];
        if (!isfinite(loss))
            tsgd_state_diverge(s, a, t->visit.round);
        *tsgd_state_loss(s, t->visit.round, a) += loss;
        open_stage(m, w, a);
        return true;
    }
    t->visit.step.index++;
    if (open_gradients(m, w, a))
        return true;
    tsgd_visit_end(m->visits, w, a, t->visit.round);
    return false;
}

void tsgd_part_run(struct teams *m, struct worker *w, uint32_t a, uint64_t word)
{
    struct team *t = &m->team[a];
    do {
        const struct activity *does = is_gradients(word) ? &tsgd_activity_part :
                                                           &tsgd_activity_update;
        tsgd_begin(w, does, a, t->visit.round, task_of(word));
        if (is_gradients(word))
            gradient_of_part(m, w, t, task_of(word));
        else
            update_range(m, w, t, task_of(word));
        tsgd_end(w, does);
        tsgd_jitter(w, false);
        /* [T2] acquire and release, pairs with itself: who ends the last task sees what all the
         * others have written, and by [T1], or by [R] of the token, shows it to whoever comes next.
         * Without it the next stage, or a neighbour, reads a row that is half written.          */
        if (atomic_fetch_add_explicit(&t->done, 1, memory_order_acq_rel) + 1 == tasks(m, word) &&
            !go_on(m, w, a, word))
            return;
        tsgd_jitter(w, false);
    } while (take_next(m, w, a, &word));
}

void tsgd_team_begin(struct teams *m, struct worker *w, uint32_t a, const struct visit *v)
{
    uint64_t word;
    m->team[a].visit = *v;
    bool any = open_gradients(m, w, a);
    tsgd_end(w, &tsgd_activity_step);
    if (!any)
        tsgd_visit_end(m->visits, w, a, v->round);
    else if (take_next(m, w, a, &word))
        tsgd_part_run(m, w, a, word);
}
