#include "engine/slices.h"

#include "base/probe.h"

/* A slice has at least SLICE_BYTES bytes, to be worth a claim; as long as that holds, a round has
 * FOR_EACH_WORKER slices a worker, so that a worker that comes late leaves little to wait for.
 * Slices are a multiple of GRAIN floats wide, so that no two share a cache line. In the variants
 * that look for races, short rows too fall into many slices.                                    */
#ifdef TSGD_JITTER
enum { SLICE_BYTES = 256, FOR_EACH_WORKER = 4, GRAIN = 16 };
#else
enum { SLICE_BYTES = 256 << 10, FOR_EACH_WORKER = 4, GRAIN = 512 };
#endif

/* ---- what it takes ---- */

size_t tsgd_engine_slice_floats(size_t dim, size_t rows, uint32_t workers)
{
    size_t column = rows * sizeof(float);
    size_t floats = dim / ((size_t)FOR_EACH_WORKER * workers) + 1;
    floats = floats < SLICE_BYTES / column ? SLICE_BYTES / column : floats;
    return workers == 1 ? dim : tsgd_round_up(floats, GRAIN);
}

static void divide(const struct state *s, uint32_t q, struct sliced_pop *p)
{
    size_t dim = s->arena.dim;
    p->slice_floats = tsgd_engine_slice_floats(dim, (size_t)s->pop[q].c.k * s->exchanged,
                                               s->workers);
    p->slices = (uint32_t)((dim - 1) / p->slice_floats + 1);
    atomic_init(&p->next_slice,
                tsgd_mixing_turns(s->pop[q].c.mixing, s->first_round) * p->slices);
}

/* p NULL: only counted. */
static enum tsgd_status plan(struct tsgd_holding *h, const struct tsgd_mixing *mixing,
                             struct sliced_pop *p, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_mix_plan *plans = NULL;
    TRY(TSGD_HOLD(h, &plans, mixing->period, "gossip", err));
    for (uint32_t r = 0; r < mixing->period; r++)
        TRY(tsgd_mix_plan_init(plans ? &plans[r] : NULL, &mixing->w[r], h, err));
    if (p)
        p->plan = plans;
done:
    return st;
}

enum tsgd_status tsgd_slices_init(struct slices *l, struct state *s, struct planner *planner,
                                  const struct visits *visits, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    l->s = s;
    l->planner = planner;
    l->visits = visits;
    if (!s->sliced)
        return TSGD_OK;
    TRY(TSGD_HOLD(&l->holding, &l->pop, s->c.n_populations, "slices", err));
    for (uint32_t q = 0; q < s->c.n_populations; q++) {
        TRY(plan(&l->holding, tsgd_pop_config(s, q)->mixing, l->pop ? &l->pop[q] : NULL, err));
        if (l->pop)
            divide(s, q, &l->pop[q]);
    }
done:
    return st;
}

void tsgd_slices_release(struct slices *l) { tsgd_holding_release(&l->holding); }

size_t tsgd_slices_strip(const struct state *s)
{
    size_t most = 0;
    for (uint32_t q = 0; q < s->c.n_populations && s->sliced; q++) {
        size_t floats = tsgd_mix_scratch(tsgd_pop_config(s, q)->k);
        most = floats > most ? floats : most;
    }
    return most;
}

/* ---- the task ---- */

/* The round of a slice. */
static uint64_t round_of(const struct slices *l, uint32_t q, uint64_t slice)
{
    return tsgd_mixing_round(l->s->pop[q].c.mixing, slice / l->pop[q].slices);
}

TSGD_TWICE bool slice_ready(struct slices *l, uint32_t q, uint64_t slice, struct waits *waits)
{
    struct sliced_pop *p = &l->pop[q];
    const struct tsgd_seq *seq = l->s->arena.seq + l->s->pop[q].first;
    uint32_t k = l->s->pop[q].c.k;
    uint64_t stepped = 2 * round_of(l, q, slice) + 1;
    /* Relaxed: a hint at a token that was not there last time, to be asked first. Whatever it says,
     * all are asked.                                                                            */
    uint32_t b = atomic_load_explicit(&p->behind, memory_order_relaxed);
    for (uint32_t i = 0; i < k; i++) {                                          /* R6 */
        if (tsgd_seq_load(&seq[b]) != 2 * stepped) {
            if (i > 0)
                atomic_store_explicit(&p->behind, b, memory_order_relaxed);
            return tsgd_waits(waits, WAITS_R6, l->s->pop[q].first + b, stepped);
        }
        b = b + 1 == k ? 0 : b + 1;
    }
    return true;
}

bool tsgd_slice_ready(struct slices *l, uint32_t q, uint64_t slice)
{
    return slice_ready(l, q, slice, NULL);
}

bool tsgd_slice_waits(struct slices *l, uint32_t q, uint64_t slice, struct waits *waits)
{
    return slice_ready(l, q, slice, waits);
}

bool tsgd_slice_claim(struct slices *l, uint32_t q, uint64_t slice)
{
    /* Relaxed: readiness has acquired the rows; the number alone is handed out here. */
    return atomic_compare_exchange_strong_explicit(&l->pop[q].next_slice, &slice, slice + 1,
                                                   memory_order_relaxed, memory_order_relaxed);
}

/* The last slice of round t-1 is mixed: every token may go on. Nobody else writes the words in the
 * meantime (S1): a sliced token that shows an odd phase and is free is claimed by no one.       */
static void publish(const struct slices *l, struct worker *w, uint32_t q, uint64_t t)
{
    struct tsgd_seq *seq = l->s->arena.seq + l->s->pop[q].first;
    for (uint32_t b = 0; b < l->s->pop[q].c.k; b++) {
        tsgd_seq_finish(&seq[b], 2 * t);
        tsgd_jitter(w, false);
    }
}

void tsgd_slice_run(struct slices *l, struct worker *w, uint32_t q, uint64_t slice)
{
    const struct state *s = l->s;
    const struct pop *pop = &s->pop[q];
    struct sliced_pop *p = &l->pop[q];
    uint64_t t = round_of(l, q, slice) + 1;
    size_t from = slice % p->slices * p->slice_floats, to = from + p->slice_floats;
    const struct tsgd_mix_plan *plan = &p->plan[tsgd_mixing_index(pop->c.mixing, t - 1)];
    const bool *absent = tsgd_plan_of(l->planner, t - 1)->absent;
    to = to < s->arena.dim ? to : s->arena.dim;
    tsgd_begin(w, &tsgd_activity_slice, q, t - 1, (uint32_t)(slice % p->slices));
    TSGD_PROBE3(slice__begin, q, t - 1, slice % p->slices);
    for (uint32_t i = 0; i < s->exchanged; i++)
        tsgd_mix_all(s->c.kernels, plan, absent ? absent + pop->first : NULL,
                     tsgd_state_row(s, t, i, pop->first), s->arena.token_step, from, to, w->strip);
    for (uint32_t b = 0; s->c.rule.mixed && b < pop->c.k; b++)
        tsgd_visit_mixed(l->visits, pop->first + b, t - 1, from, to);
    TSGD_PROBE3(slice__end, q, t - 1, slice % p->slices);
    tsgd_end(w, &tsgd_activity_slice);
    tsgd_jitter(w, false);
    /* Acquire and release: the one that counts last publishes what all the others have mixed. */
    if (atomic_fetch_add_explicit(&p->slices_done, 1, memory_order_acq_rel) + 1 < p->slices)
        return;
    /* Relaxed: the next slice is claimed only after every token has shown 2t+1. */
    atomic_store_explicit(&p->slices_done, 0, memory_order_relaxed);
    tsgd_plan_try(l->planner, w, t);
    publish(l, w, q, t);
}
