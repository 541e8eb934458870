/* transport/ranks.h: which rank of a run a node is on, with its data: in blocks of consecutive
 * nodes, or as a table says (--place graph).
 * Ownership: the table's, of whoever made it. Threads: any, once it is filled.                  */
#ifndef TSGD_TRANSPORT_RANKS_H
#define TSGD_TRANSPORT_RANKS_H

#include <stdbool.h>
#include <stdint.h>

struct tsgd_ranks {
    uint32_t rank, ranks;       /* this one, of how many */
    uint32_t nodes;
    const uint32_t *of;         /* [nodes] the rank of each; NULL: blocks */
};

/* Everything in one process. */
static inline struct tsgd_ranks tsgd_one_rank(uint32_t nodes)
{
    return (struct tsgd_ranks){.ranks = 1, .nodes = nodes};
}

static inline uint32_t tsgd_rank_of(const struct tsgd_ranks *r, uint32_t node)
{
    return r->of ? r->of[node] : (uint32_t)((uint64_t)node * r->ranks / r->nodes);
}

static inline bool tsgd_is_here(const struct tsgd_ranks *r, uint32_t node)
{
    return tsgd_rank_of(r, node) == r->rank;
}

/* Of the blocks that an evaluation is measured in, `rank` measures this one up to the first of
 * rank + 1.                                                                                     */
static inline uint32_t tsgd_first_block(const struct tsgd_ranks *r, uint32_t rank, uint32_t blocks)
{
    return (uint32_t)((uint64_t)blocks * rank / r->ranks);
}

#endif
