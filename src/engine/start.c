#include "engine/start.h"

#include <string.h>

enum tsgd_status tsgd_start_init(struct start *f, struct state *s,
                                 const struct tsgd_snapshot *from, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    f->s = s;
    f->from = from;
    f->meets = s->c.rule.asks_gradients && !from;
    if (f->meets) {
        TRY(TSGD_HOLD(&f->holding, &f->mean, s->arena.dim, "mean of the first gradients", err));
        TRY(TSGD_HOLD(&f->holding, &f->sum, s->arena.dim, "mean of the first gradients", err));
    }
    if (f->holding.counts)
        return TSGD_OK;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->all, NULL);
    f->made = true;
    for (uint32_t a = 0; a < s->tokens; a++)    /* busy: their rows have yet to be filled */
        atomic_init(&s->arena.seq[a].word, 4 * s->first_round + 1);
done:
    return st;
}

void tsgd_start_release(struct start *f)
{
    if (f->made) {
        pthread_cond_destroy(&f->all);
        pthread_mutex_destroy(&f->lock);
    }
    tsgd_holding_release(&f->holding);
}

static bool is_here(const struct state *s, uint32_t a)
{
    return !s->is_spread || s->starts_here[a];
}

static void clear(const struct state *s, uint32_t a)
{
    const struct tsgd_arena *r = &s->arena;
    for (uint32_t i = 0; i < s->exchanged; i++)
        for (uint64_t place = 0; place < r->places; place++)
            memset(tsgd_arena_row(r, place, i, a), 0, r->stride * sizeof(float));
    for (uint32_t i = 0; i < s->own; i++)
        memset(tsgd_arena_own(r, i, a), 0, r->stride * sizeof(float));
    if (s->is_spread)
        *tsgd_state_head(s, s->first_round, a) = (struct tsgd_head){.diverged = NEVER};
}

/* The rows that the token had in the snapshot. */
static void copy(const struct state *s, const struct tsgd_snapshot *from, uint32_t a)
{
    size_t at = a * from->stride, bytes = from->dim * sizeof(float);
    for (uint32_t i = 0; i < s->exchanged; i++)
        memcpy(tsgd_state_row(s, s->first_round, i, a), from->exchanged[i] + at, bytes);
    for (uint32_t i = 0; i < s->own; i++)
        memcpy(tsgd_arena_own(&s->arena, i, a), from->own[i] + at, bytes);
    *tsgd_state_loss(s, s->first_round, a) = from->loss[a];
}

static bool has_data(const struct tsgd_problem *p, uint32_t node)
{
    return p->ops->batch_count(p, node, 0) > 0;
}

/* The gradient of the token's first minibatch at x^0. Holders are fixed: token a is at node a. */
static void first_gradient(const struct state *s, struct worker *w, uint32_t a)
{
    const struct tsgd_problem *p = s->c.problem;
    if (has_data(p, a))
        p->ops->gradient(p, a, 0, s->c.init, tsgd_arena_own(&s->arena, 0, a), w->scratch);
}

/* Everybody gets the sums up to token a, when the next one, if any, is on another rank. */
static void pass_on(const struct start *f, uint32_t a)
{
    const struct state *s = f->s;
    struct tsgd_transport *t = s->spread.transport;
    uint32_t rank = tsgd_rank_of(&s->spread.ranks, a);
    if (a + 1 == s->tokens || tsgd_rank_of(&s->spread.ranks, a + 1) != rank)
        t->ops->broadcast(t, f->sum, s->arena.dim * sizeof *f->sum, rank);
}

/* In token order, in double: the same for any number of workers. Over ranks the sums go from rank
 * to rank as the tokens do.                                                                     */
static void average_gradients(const struct start *f)
{
    const struct state *s = f->s;
    uint32_t n = 0;
    memset(f->sum, 0, s->arena.dim * sizeof *f->sum);
    for (uint32_t a = 0; a < s->tokens; a++) {
        n += has_data(s->c.problem, a);
        if (is_here(s, a))
            for (size_t j = 0; j < s->arena.dim; j++)
                f->sum[j] += (double)tsgd_arena_own(&s->arena, 0, a)[j];
        if (s->is_spread)
            pass_on(f, a);
    }
    for (size_t j = 0; j < s->arena.dim; j++)
        f->mean[j] = n ? (float)(f->sum[j] / n) : 0;
}

static void meet(struct start *f)
{
    pthread_mutex_lock(&f->lock);
    if (++f->met == f->s->workers) {
        average_gradients(f);
        pthread_cond_broadcast(&f->all);
    }
    while (f->met < f->s->workers)
        pthread_cond_wait(&f->all, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

void tsgd_start_fill(struct start *f, struct worker *w)
{
    const struct state *s = f->s;
    const struct tsgd_rule *rule = &s->c.rule;
    bool fills = w->id == 0 || w[-1].lo != w->lo;       /* the first worker with these tokens */
    for (uint32_t a = w->lo; a < w->hi && fills; a++) {
        if (!is_here(s, a))
            continue;
        clear(s, a);
        if (f->from)
            copy(s, f->from, a);
        else
            memcpy(tsgd_state_row(s, s->first_round, 0, a), s->c.init,
                   s->arena.dim * sizeof(float));
        if (f->meets)
            first_gradient(s, w, a);
    }
    if (f->meets)
        meet(f);
    for (uint32_t a = w->lo; a < w->hi && fills; a++) {
        if (!is_here(s, a))
            continue;
        if (rule->init && !f->from) {
            struct tsgd_rows rows;
            tsgd_state_rows(s, a, s->first_round, &rows);
            rule->init(rule, &rows, s->arena.dim, f->mean);
        }
        tsgd_seq_finish(&s->arena.seq[a], 2 * s->first_round);
    }
}
