#include "engine/account.h"

#include <string.h>

enum tsgd_status tsgd_account_init(struct account *a, const struct state *s,
                                   struct tsgd_error *err)
{
    a->workers = s->workers;
    return s->is_spread ? TSGD_OK : TSGD_HOLD(&a->holding, &a->worker, s->workers, "workers", err);
}

void tsgd_account_release(struct account *a) { tsgd_holding_release(&a->holding); }

enum tsgd_status tsgd_account_begin(struct account *a, const struct state *s,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_transport *t = s->spread.transport;
    if (!s->is_spread)
        return TSGD_OK;
    TRY(TSGD_HOLD(&a->holding, &a->of_rank, t->ranks, "workers of all ranks", err));
    t->ops->gather(t, &s->workers, sizeof s->workers, a->of_rank);
    a->workers = 0;
    for (uint32_t r = 0; r < t->ranks; r++) {
        a->workers += a->of_rank[r];
        a->room = a->of_rank[r] > a->room ? a->of_rank[r] : a->room;
    }
    /* With room for a rank of as many workers as any has behind those of all. */
    TRY(TSGD_HOLD(&a->holding, &a->worker, tsgd_mul(t->ranks + (size_t)1, a->room),
                  "workers of all ranks", err));
done:
    return st;
}

static void spend(struct spending *out, const struct worker *w, double tick_ns)
{
    *out = (struct spending){.steals = w->steals, .sleeps = w->sleeps};
    double ns = 0;
    for (int j = 0; j < N_TIMES; j++)
        ns += out->ns[j] = (double)w->ticks[j] * tick_ns;
    tsgd_divide_presence(ns, (double)w->cpu_ns, (double)w->asleep * tick_ns, out->presence);
}

void tsgd_account_settle(struct account *a, const struct state *s, const struct worker *worker,
                         double tick_ns)
{
    struct tsgd_transport *t = s->spread.transport;
    struct spending *mine = a->worker + (s->is_spread ? (size_t)t->ranks * a->room : 0);
    uint32_t workers = 0;
    for (uint32_t i = 0; i < s->workers; i++)
        spend(&mine[i], &worker[i], tick_ns);
    if (!s->is_spread)
        return;
    t->ops->gather(t, mine, a->room * sizeof *mine, a->worker);
    for (uint32_t r = 0; r < t->ranks; r++) {           /* closes the gaps */
        memmove(a->worker + workers, a->worker + (size_t)r * a->room,
                a->of_rank[r] * sizeof *a->worker);
        workers += a->of_rank[r];
    }
}
