/* engine/holders.h: which node holds which token in a round. It is a function of the seed, the
 * round and who is there, so it can be told again at any time, without training; a round costs
 * O(tokens) and does not depend on the rounds before it.
 *
 *     tsgd_holders_begin(h, t);
 *     tsgd_holders_next(h, 0, tokens, node);
 *     tsgd_holders_end(h);
 *
 * Ownership: the memory belongs to the holding that init was given. Threads: one at a time.      */
#ifndef TSGD_ENGINE_HOLDERS_H
#define TSGD_ENGINE_HOLDERS_H

#include "base/mem.h"
#include "base/rng.h"
#include "engine/hooks.h"

#define TSGD_AWAY (UINT32_MAX - 1)      /* in place of a node: the token sits the round out */

struct tsgd_holders {
    uint32_t nodes, tokens;
    bool teleports;             /* drawn anew each round; else token a stays with node a */
    uint64_t seed;
    struct tsgd_presence presence;
    /* Set by init and the rounds. */
    uint32_t *order;            /* [nodes] permuted by draws; the identity between rounds */
    uint32_t *undo;             /* [draws] what each draw of a round has exchanged */
    uint32_t drawn;             /* draws of the round so far */
    uint64_t round;
    struct tsgd_rng rng;
};

/* Takes memory; from a holding that counts, none, and no round may begin. Requires 1 <= tokens <=
 * nodes, and tokens = nodes when they stay. TSGD_ENOMEM.                                        */
enum tsgd_status tsgd_holders_init(struct tsgd_holders *h, struct tsgd_holding *holding,
                                   struct tsgd_error *err);

/* next: the nodes of tokens first to first + n - 1, into node[n]. Tokens are asked for in ascending
 * order, each at most once a round.                                                             */
void tsgd_holders_begin(struct tsgd_holders *h, uint64_t round);
void tsgd_holders_next(struct tsgd_holders *h, uint32_t first, uint32_t n, uint32_t *node);
void tsgd_holders_end(struct tsgd_holders *h);

#endif
