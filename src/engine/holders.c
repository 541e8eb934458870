#include "engine/holders.h"

/* Nodes that a round may have to draw: when some are away, perhaps all. */
static size_t draws(const struct tsgd_holders *h)
{
    return h->presence.there ? h->nodes : h->tokens;
}

enum tsgd_status tsgd_holders_init(struct tsgd_holders *h, struct tsgd_holding *holding,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(TSGD_HOLD(holding, &h->undo, draws(h), "plan", err));
    TRY(TSGD_HOLD(holding, &h->order, h->nodes, "plan", err));
    for (uint32_t i = 0; h->order && i < h->nodes; i++)
        h->order[i] = i;
done:
    return st;
}

void tsgd_holders_begin(struct tsgd_holders *h, uint64_t round)
{
    h->round = round;
    h->drawn = 0;
    h->rng = tsgd_rng(h->seed, TSGD_RNG_HOLDERS, (uint32_t)round, 0);
}

/* Draws the next node of this round: a step of a Fisher-Yates shuffle, undone after the round, so
 * that a round's draw does not depend on earlier ones.                                          */
static inline uint32_t draw(struct tsgd_holders *h, struct tsgd_rng *rng)
{
    uint32_t m = h->drawn++, j = m + tsgd_rng_below(rng, h->nodes - m), node = h->order[j];
    h->order[j] = h->order[m];
    h->order[m] = node;
    h->undo[m] = j;
    return node;
}

/* The next node of the draw that is there; TSGD_AWAY when there is none left. Passing over the
 * others leaves every ordered choice among those that are there equally likely, and takes 1 / share
 * draws on average.                                                                             */
static inline uint32_t draw_present(struct tsgd_holders *h, struct tsgd_rng *rng)
{
    while (h->drawn < h->nodes) {
        uint32_t node = draw(h, rng);
        if (tsgd_is_there(&h->presence, node, h->round))
            return node;
    }
    return TSGD_AWAY;
}

void tsgd_holders_next(struct tsgd_holders *h, uint32_t first, uint32_t n, uint32_t *node)
{
    struct tsgd_rng rng = h->rng;       /* a copy can stay in registers */
    for (uint32_t i = 0; i < n; i++)
        node[i] = h->teleports ? draw_present(h, &rng) :
                  tsgd_is_there(&h->presence, first + i, h->round) ? first + i : TSGD_AWAY;
    h->rng = rng;
}

void tsgd_holders_end(struct tsgd_holders *h)
{
    while (h->drawn > 0) {
        uint32_t m = --h->drawn, j = h->undo[m], node = h->order[j];
        h->order[j] = h->order[m];
        h->order[m] = node;
    }
}
