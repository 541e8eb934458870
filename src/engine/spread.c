#include "engine/spread.h"

/* Errands of a token that can wait at once: its sends from two places, a row to be folded, and the
 * half-steps of as many rounds as are planned ahead.                                            */
enum { ERRANDS_OF_A_TOKEN = 12, OTHER_ERRANDS = 1024 };

enum tsgd_status tsgd_spread_init(struct spread *s, const struct tsgd_ranks *ranks,
                                  struct tsgd_transport *transport, struct tsgd_holding *holding,
                                  uint32_t tokens, uint64_t seen, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t room = 1;
    s->ranks = *ranks;
    s->transport = transport;
    if (!transport)
        return TSGD_OK;
    while (room < seen * ERRANDS_OF_A_TOKEN + OTHER_ERRANDS)
        room *= 2;
    s->mask = room - 1;
    TRY(TSGD_HOLD(holding, &s->places, tokens, "ranks", err));
    TRY(TSGD_HOLD(holding, &s->queue, room, "ranks", err));
done:
    return st;
}

void tsgd_spread_queue(struct spread *s, uint64_t errand)
{
    /* Acquire and release: the turns are a chain, in which whoever gets one comes after those who
     * had the turns before; one of them was the same token's or population's, whose errand had been
     * taken; so the entry is empty.                                                             */
    uint64_t turn = atomic_fetch_add_explicit(&s->tail, 1, memory_order_acq_rel);
    atomic_store_explicit(&s->queue[turn & s->mask], errand, memory_order_release);
}

uint64_t tsgd_spread_take(struct spread *s)
{
    _Atomic uint64_t *entry = &s->queue[s->head & s->mask];
    uint64_t errand = atomic_load_explicit(entry, memory_order_acquire);
    if (!errand)
        return 0;
    /* Relaxed: see tsgd_spread_queue. */
    atomic_store_explicit(entry, 0, memory_order_relaxed);
    s->head++;
    return errand;
}
