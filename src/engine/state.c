#include "engine/state.h"

#include "base/cpu.h"
#include "linalg/mix.h"

/* Which tokens may ever be here. With fixed holders token a is at node a, and those that tokens
 * here read come to be read.                                                                    */
static enum tsgd_status tokens_here(struct state *s, struct tsgd_error *err)
{
    const struct tsgd_mixing *mixing = s->c.population[0].mixing;
    bool *kept = NULL;
    s->to = s->here = s->kept = s->tokens;
    s->nodes_here = s->c.problem->nodes;
    for (uint32_t i = 0; i < s->c.problem->nodes && s->is_spread; i++)
        s->nodes_here -= !tsgd_is_here(&s->c.ranks, i);
    if (!s->is_spread || s->c.teleports)
        return TSGD_OK;
    enum tsgd_status st = TSGD_NEW(&kept, s->tokens, "ranks", err);
    s->from = s->tokens;
    s->to = s->here = s->kept = 0;
    for (uint32_t a = 0; a < s->tokens && st == TSGD_OK; a++) {
        if (!tsgd_is_here(&s->c.ranks, a))
            continue;
        s->from = a < s->from ? a : s->from;
        s->to = a + 1;
        s->here++;
        kept[a] = true;
        for (uint32_t r = 0; r < tsgd_mixing_count(mixing); r++)
            for (uint32_t i = mixing->w[r].ptr[a]; i < mixing->w[r].ptr[a + 1]; i++)
                kept[mixing->w[r].col[i]] = true;
    }
    for (uint32_t a = 0; a < s->tokens && st == TSGD_OK; a++)
        s->kept += kept[a];
    free(kept);
    return st;
}

static enum tsgd_status take(struct state *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(TSGD_HOLD(&s->holding, &s->pop_of, s->tokens, "engine", err));
    TRY(TSGD_HOLD(&s->holding, &s->pop, s->c.n_populations, "engine", err));
    TRY(tsgd_arena_init(&s->arena, &s->holding, s->tokens, s->c.problem->dim, s->sliced ? 1 : 2,
                        s->exchanged, s->own, s->is_spread ? TSGD_HEAD_FLOATS : 0, s->kept, err));
    if (s->is_spread)
        TRY(TSGD_HOLD(&s->holding, &s->starts_here, s->tokens, "ranks", err));
    TRY(tsgd_spread_init(&s->spread, &s->c.ranks, s->c.transport, &s->holding, s->tokens,
                         s->kept, err));
done:
    return st;
}

/* Workers beyond the CPUs: to wake them for a task takes it from one whose scratch is in the cache
 * and who would run it a little later. What looks for races wakes them all.                     */
static uint32_t spare_workers(uint32_t workers)
{
#ifdef TSGD_JITTER
    (void)workers;
    return 0;
#else
    uint32_t cpus = tsgd_cpu_count();
    return workers > cpus ? workers - cpus : 0;
#endif
}

enum tsgd_status tsgd_state_init(struct state *out, const struct tsgd_engine_config *c,
                                 struct tsgd_error *err)
{
    struct state s = {.c = *c, .first_round = c->first_round, .holding = out->holding};
    size_t tokens = tsgd_config_tokens(c), dim = c->problem->dim;
    s.c.rule.kernels = c->kernels;
    for (uint32_t q = 0; q < c->n_populations; q++)
        s.thinned |= c->population[q].mixing->every > 1;
    s.tokens = (uint32_t)tokens;
    s.workers = tsgd_engine_workers(c->problem, tokens, c->threads);
    s.sleep.spare = spare_workers(s.workers);
    s.exchanged = tsgd_rule_exchanged(&c->rule);
    s.own = tsgd_rule_own(&c->rule);
    s.is_spread = c->transport != NULL;
    s.sliced = tsgd_engine_slices(c);
    s.sleep.at_once = s.sliced ? WAKES_AT_ONCE : 1;
    s.bypass = tsgd_mix_bypass(dim, tsgd_mul(tsgd_mul(tokens, 8 * (size_t)s.exchanged), dim));
    enum tsgd_status st = tokens_here(&s, err);
    if (st == TSGD_OK)
        st = take(&s, err);
    *out = s;
    if (st != TSGD_OK || s.holding.counts)
        return st;
    out->c.population = NULL;           /* pop[].c has them from here on */
    atomic_init(&out->left, s.tokens);
    for (uint32_t q = 0, first = 0; q < c->n_populations; first += c->population[q++].k) {
        struct pop *p = &out->pop[q];
        p->c = c->population[q];
        p->first = first;
        atomic_init(&p->diverged, NEVER);
        atomic_init(&p->end_round, NEVER);
        atomic_init(&p->ends, NEVER);
        for (uint32_t a = first; a < first + p->c.k; a++)
            out->pop_of[a] = q;
    }
    return TSGD_OK;
}

void tsgd_state_release(struct state *s) { tsgd_holding_release(&s->holding); }

void tsgd_state_done_one(struct state *s)
{
    /* Acquire and release: the one that counts to 0 sees, and shows, everything that was done. */
    if (atomic_fetch_sub_explicit(&s->left, 1, memory_order_acq_rel) == 1)
        tsgd_wake_all(&s->sleep);
}

void tsgd_pop_diverge_as(struct pop *p, uint64_t key)
{
    uint64_t least = atomic_load_explicit(&p->diverged, memory_order_relaxed);
    /* Relaxed: the publication that follows carries it to whoever must have seen it. */
    while (key < least &&
           !atomic_compare_exchange_weak_explicit(&p->diverged, &least, key, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

void tsgd_pop_diverge(struct pop *p, uint64_t round, uint32_t token)
{
    tsgd_pop_diverge_as(p, round << 32 | (uint32_t)(token + 1));
}

void tsgd_state_diverge(struct state *s, uint32_t a, uint64_t t)
{
    uint64_t key = t << 32 | (a + 1);
    tsgd_pop_diverge_as(&s->pop[s->pop_of[a]], key);
    if (s->is_spread && key < tsgd_state_head(s, t, a)->diverged)
        tsgd_state_head(s, t, a)->diverged = key;
}
