/* engine/slices.c: gossip of a whole population at once. Its rows are mixed where they stand, cut
 * into blocks of coordinates that any worker claims; each float is read once and written once,
 * whatever the degree. Blocks are counted through all rounds: block b of round t is t * slices + b. */
#include "base/cpu.h"
#include "engine/watch.h"
#include "linalg/mix.h"

/* Bytes of a slice that are worth a claim; slices of a round for each worker, so that one who comes
 * late leaves little to wait for; what a slice's width is a multiple of. Where races are looked for,
 * short rows too fall into many slices.                                                         */
#ifdef TSGD_JITTER
enum { SLICE_BYTES = 256, FOR_EACH_WORKER = 4, GRAIN = 16 };
#else
enum { SLICE_BYTES = 256 << 10, FOR_EACH_WORKER = 4, GRAIN = 512 };
#endif

/* Whether a population gains by slices with this many workers. With one, nobody waits; nor does
 * anybody for long where every token reads most others, or where the workers share the tokens evenly.
 * Else the round's last step keeps workers idle that by rows would be a round ahead, and so does one
 * whose worker has no CPU just then. Tokens that
 * never mix would wait for nothing, but a single one need not even be copied.                   */
static bool gains(const struct tsgd_population *p, uint32_t workers)
{
    size_t links = 0, rows = (size_t)p->k * p->mixing->period;
    for (uint32_t r = 0; r < p->mixing->period; r++)
        links += tsgd_csr_off_diagonal(&p->mixing->w[r]);
    if (links == 0)
        return p->k == 1;
    if (workers > tsgd_cpu_count())
        return false;
    return workers == 1 || 2 * links > rows * p->k || p->k % workers == 0;
}

bool tsgd_engine_slices(const struct tsgd_engine_config *c)
{
    size_t tokens = 0;
    bool all = true;
    if (c->gossip != TSGD_GOSSIP_AUTO)
        return c->gossip == TSGD_GOSSIP_SLICES;
    for (uint32_t q = 0; q < c->n_populations; q++)
        tokens += c->population[q].k;
    for (uint32_t q = 0; q < c->n_populations; q++)
        all &= gains(&c->population[q], c->threads < tokens ? c->threads : (uint32_t)tokens);
    return all;
}

size_t tsgd_slices_scratch(const struct tsgd_engine_config *c)
{
    size_t most = 0;
    for (uint32_t q = 0; q < c->n_populations; q++) {
        size_t floats = tsgd_mix_scratch(c->population[q].k);
        most = floats > most ? floats : most;
    }
    return most;
}

void tsgd_slices_init(const struct tsgd_engine *e, struct pop *p)
{
    size_t dim = e->arena.dim, column = (size_t)p->c.k * e->arena.exchanged * sizeof(float);
    size_t floats = dim / (FOR_EACH_WORKER * e->n_workers) + 1;
    floats = floats < SLICE_BYTES / column ? SLICE_BYTES / column : floats;
    p->slice_floats = e->n_workers == 1 ? dim : tsgd_round_up(floats, GRAIN);
    p->slices = (uint32_t)((dim - 1) / p->slice_floats + 1);
}

bool tsgd_slice_ready(const struct tsgd_engine *e, struct pop *p, uint64_t slice)
{
    const struct tsgd_seq *seq = e->arena.seq + p->first;
    uint64_t stepped = 2 * (slice / p->slices) + 1;
    /* Relaxed: a hint at who was not there last time. Whatever it says, all are asked. */
    uint32_t b = atomic_load_explicit(&p->behind, memory_order_relaxed);
    for (uint32_t i = 0; i < p->c.k; i++) {                                     /* R6 */
        if (tsgd_seq_load(&seq[b]) != 2 * stepped) {
            if (i > 0)
                atomic_store_explicit(&p->behind, b, memory_order_relaxed);
            return false;
        }
        b = b + 1 == p->c.k ? 0 : b + 1;
    }
    return true;
}

/* The last slice of round t-1 is mixed: every token may go on. Nobody else writes the words in the
 * meantime (S1): a sliced token that shows an odd phase and is free is claimed by no one.        */
static void publish(struct worker *w, const struct pop *p, uint64_t t)
{
    struct tsgd_seq *seq = w->e->arena.seq + p->first;
    for (uint32_t b = 0; b < p->c.k; b++) {
        tsgd_seq_finish(&seq[b], 2 * t);
        tsgd_jitter(w, false);
    }
}

void tsgd_slice_run(struct worker *w, struct pop *p, uint64_t slice)
{
    const struct tsgd_engine *e = w->e;
    uint64_t t = slice / p->slices + 1;
    size_t from = slice % p->slices * p->slice_floats, to = from + p->slice_floats;
    const bool *absent = e->slot[(t - 1) % SLOTS].absent;
    to = to < e->arena.dim ? to : e->arena.dim;
    tsgd_announce(w, &tsgd_watch_slice, (uint32_t)(p - e->pop), t - 1,
                  (uint32_t)(slice % p->slices));
    TSGD_PROBE3(slice__begin, p - e->pop, t - 1, slice % p->slices);
    for (uint32_t i = 0; i < e->arena.exchanged; i++)
        tsgd_mix_all(tsgd_schedule_at(p->c.mixing, t - 1), absent ? absent + p->first : NULL,
                     tsgd_arena_row(&e->arena, t, i, p->first), e->arena.stride, from, to, w->strip);
    TSGD_PROBE3(slice__end, p - e->pop, t - 1, slice % p->slices);
    tsgd_charge(w, MIX_TIME);
    tsgd_jitter(w, false);
    /* Acquire and release: the one that counts last publishes what all the others have mixed. */
    if (atomic_fetch_add_explicit(&p->slices_done, 1, memory_order_acq_rel) + 1 < p->slices)
        return;
    /* Relaxed: the next slice is claimed only after every token has shown 2t+1. */
    atomic_store_explicit(&p->slices_done, 0, memory_order_relaxed);
    if (tsgd_plan_ready(w, t) && tsgd_seq_claim(&w->e->planned, t))
        tsgd_plan_round(w, t);
    publish(w, p, t);
}
