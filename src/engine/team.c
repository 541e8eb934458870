/* engine/team.c: a step that several workers share. With a problem that cuts its minibatches, a
 * local step is two stages, of tasks that any worker takes:
 *     gradients   one task a part: its gradient, into a row of its own
 *     update      one task a range of coordinates: the parts summed in order, then the local step
 * Coordinates are independent and parts are summed in their order, so the bits do not depend on who
 * took what. Nobody waits: whoever ends the last task of a stage opens the next, of the next local
 * step too, and in the end gives the token back. engine/seq.h has the rules, T1 to T3.          */
#include "engine/watch.h"
#include "linalg/vec.h"

#include <math.h>

/* Coordinates of an update task: its sum stays in the cache until the step is taken with it. Few in
 * the variants that look for races, so that there are several.                                  */
#ifdef TSGD_JITTER
enum { RANGE = 32 };
#else
enum { RANGE = 16384 };
#endif

/* ---- a team's word: stages are counted from 1; those of odd number are gradients ---- */

static uint64_t stage_of(uint64_t word) { return word >> 32; }
static uint32_t task_of(uint64_t word) { return (uint32_t)word; }
static bool is_gradients(uint64_t word) { return stage_of(word) & 1; }

static uint32_t tasks(const struct tsgd_engine *e, uint64_t word)
{
    return is_gradients(word) ? e->c.problem->parts :
                                (uint32_t)((e->arena.dim + RANGE - 1) / RANGE);
}

static bool is_shared(const struct tsgd_engine_config *c) { return c->problem->parts > 1; }

static size_t grad_bytes(const struct tsgd_engine_config *c, size_t tokens)
{
    size_t row = tsgd_mul(tsgd_arena_stride(c->problem->dim), sizeof(float));
    return tsgd_mul(row, tsgd_mul(tokens, c->problem->parts));
}

size_t tsgd_team_bytes(const struct tsgd_engine_config *c, size_t tokens)
{
    if (!is_shared(c))
        return 0;
    return tsgd_add(grad_bytes(c, tokens),
                    tsgd_mul(tokens, sizeof(struct team) + c->problem->parts * sizeof(double)));
}

enum tsgd_status tsgd_team_init(struct tsgd_engine *e, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t parts = e->c.problem->parts;
    if (!is_shared(&e->c))
        return TSGD_OK;
    TRY(TSGD_NEW(&e->team, e->tokens, "teams", err));
    TRY(TSGD_NEW(&e->part_loss, (size_t)e->tokens * parts, "teams", err));
    TRY(tsgd_map((void **)&e->part_grad, grad_bytes(&e->c, e->tokens), "gradients of the parts",
                 err));
    for (uint32_t a = 0; a < e->tokens; a++) {
        struct team *m = &e->team[a];
        m->grad = e->part_grad + (size_t)a * parts * e->arena.stride;
        m->loss = e->part_loss + (size_t)a * parts;
        atomic_init(&m->word, tasks(e, 0));     /* stage 0: all of it is handed out */
    }
done:
    return st;
}

void tsgd_team_release(struct tsgd_engine *e)
{
    tsgd_unmap(e->part_grad, grad_bytes(&e->c, e->tokens));
    free(e->part_loss);
    free(e->team);
}

/* ---- handing out ---- */

bool tsgd_part_ready(const struct tsgd_engine *e, uint32_t a, uint64_t *word)
{
    /* Relaxed: a number is looked at; the claim acquires what stands behind it. */
    *word = atomic_load_explicit(&e->team[a].word, memory_order_relaxed);
    return task_of(*word) < tasks(e, *word);
}

/* [T1] acquire, pairs with the release in open_stage: the visit, and what the stages before have
 * written, stand there for this task. Without it a part is computed at a row of the round before, or
 * a sum lacks what another worker has just put into its part.                                   */
bool tsgd_part_claim(struct tsgd_engine *e, uint32_t a, uint64_t word)
{
    return atomic_compare_exchange_strong_explicit(&e->team[a].word, &word, word + 1,
                                                   memory_order_acquire, memory_order_relaxed);
}

static bool take_next(struct worker *w, uint32_t a, uint64_t *word)
{
    while (tsgd_part_ready(w->e, a, word)) {
        tsgd_jitter(w, false);
        if (tsgd_part_claim(w->e, a, *word))
            return true;
    }
    return false;
}

/* Requires that no task of the stage before is unfinished. */
static void open_stage(struct worker *w, uint32_t a)
{
    struct tsgd_engine *e = w->e;
    struct team *m = &e->team[a];
    uint64_t word = (stage_of(atomic_load_explicit(&m->word, memory_order_relaxed)) + 1) << 32;
    atomic_store_explicit(&m->done, 0, memory_order_relaxed);   /* nobody counts before [T1] */
    tsgd_jitter(w, false);
    atomic_store_explicit(&m->word, word, memory_order_release);        /* [T1] */
    if (tasks(e, word) > 1)
        tsgd_wake_another(e);
}

/* Opens the gradients of the next local step that has data; false: there is none. */
static bool open_gradients(struct worker *w, uint32_t a)
{
    struct tsgd_engine *e = w->e;
    struct visit *v = &e->team[a].visit;
    for (; v->step.index < e->c.local_steps; v->step.index++)
        if (e->c.problem->ops->batch_count(e->c.problem, v->node, v->first + v->step.index)) {
            open_stage(w, a);
            return true;
        }
    return false;
}

/* ---- the tasks ---- */

static void gradient_of_part(struct worker *w, struct team *m, uint32_t part)
{
    const struct tsgd_problem *p = w->e->c.problem;
    const struct visit *v = &m->visit;
    uint64_t batch = v->first + v->step.index;
    m->loss[part] = 0;
    if (p->ops->part_count(p, v->node, batch, part))
        m->loss[part] = p->ops->part_gradient(p, v->node, batch, part, v->rows.exchanged[0],
                                              m->grad + part * w->e->arena.stride, w->scratch);
}

static void update_range(struct worker *w, struct team *m, uint32_t range)
{
    const struct tsgd_engine *e = w->e;
    const struct tsgd_problem *p = e->c.problem;
    const struct visit *v = &m->visit;
    uint64_t batch = v->first + v->step.index;
    size_t from = (size_t)range * RANGE, left = e->arena.dim - from, n = left < RANGE ? left : RANGE;
    float all = (float)p->ops->batch_count(p, v->node, batch);
    for (uint32_t q = 0; q < p->parts; q++) {
        uint32_t count = p->ops->part_count(p, v->node, batch, q);
        if (count)
            tsgd_weigh(w->grad, m->grad + q * e->arena.stride + from, n, (float)count / all, q > 0);
    }
    struct tsgd_rows rows = v->rows;
    for (uint32_t i = 0; i < e->arena.exchanged; i++)
        rows.exchanged[i] += from;
    for (uint32_t i = 0; i < e->arena.private_rows; i++)
        rows.own[i] += from;
    if (rows.node)
        rows.node += from;
    e->c.local.step(&e->c.local, &rows, w->grad, n, &v->step);
}

/* All tasks of a stage are done. false: so is the visit, and the token is given back. */
static bool go_on(struct worker *w, uint32_t a, uint64_t word)
{
    struct tsgd_engine *e = w->e;
    struct team *m = &e->team[a];
    if (is_gradients(word)) {
        double loss = 0;
        for (uint32_t q = 0; q < e->c.problem->parts; q++)
            loss += m->loss[q];
        if (!isfinite(loss))
            tsgd_diverged_at(&e->pop[e->pop_of[a]], m->visit.round, a);
        e->arena.tally[a].loss += loss;
        open_stage(w, a);
        return true;
    }
    m->visit.step.index++;
    if (open_gradients(w, a))
        return true;
    tsgd_step_over(w, a, m->visit.round);
    return false;
}

void tsgd_part_run(struct worker *w, uint32_t a, uint64_t word)
{
    struct team *m = &w->e->team[a];
    do {
        tsgd_announce(w, is_gradients(word) ? &tsgd_watch_part : &tsgd_watch_update, a,
                      m->visit.round, task_of(word));
        if (is_gradients(word))
            gradient_of_part(w, m, task_of(word));
        else
            update_range(w, m, task_of(word));
        tsgd_charge(w, STEP_TIME);
        tsgd_jitter(w, false);
        /* [T2] acquire and release, pairs with itself: who ends the last task sees what all the others
         * have written, and by [T1], or by [R] of the token, shows it to whoever comes next.
         * Without it the next stage, or a neighbour, reads a row that is half written.          */
        if (atomic_fetch_add_explicit(&m->done, 1, memory_order_acq_rel) + 1 ==
                tasks(w->e, word) && !go_on(w, a, word))
            return;
        tsgd_jitter(w, false);
    } while (take_next(w, a, &word));
}

void tsgd_team_begin(struct worker *w, uint32_t a, const struct visit *v)
{
    uint64_t word;
    w->e->team[a].visit = *v;
    bool any = open_gradients(w, a);
    tsgd_charge(w, STEP_TIME);
    if (!any)
        tsgd_step_over(w, a, v->round);
    else if (take_next(w, a, &word))
        tsgd_part_run(w, a, word);
}
