/* engine/snapshot.h: x^t and all that a run must remember to go on from there, copied while the
 * tokens go on (engine/checkpoint.h), or read back from a file. Rows stand as in the arena, stride
 * floats apart; of the rest, each part of the engine names its own pieces.
 * Ownership: the engine's, with all that it points to. Threads: whose it is stands in
 * engine/checkpoint.h.                                                                          */
#ifndef TSGD_ENGINE_SNAPSHOT_H
#define TSGD_ENGINE_SNAPSHOT_H

#include "engine/rule.h"
#include "transport/ranks.h"

#include <stddef.h>
#include <stdint.h>

enum tsgd_piece_type { TSGD_PIECE_U32, TSGD_PIECE_U64, TSGD_PIECE_F64 };

#define TSGD_WHOLE_RUN UINT32_MAX       /* in place of a population */

/* A piece of memory that a stopped run must remember. */
struct tsgd_piece {
    const char *name;           /* constant */
    uint32_t population;        /* whose it is */
    enum tsgd_piece_type type;
    void *data;
    size_t count;               /* of elements */
};

/* Bytes of the elements. */
size_t tsgd_piece_bytes(const struct tsgd_piece *p);

/* Told of a piece. Each part calls it for its own pieces, always in the same order. */
typedef void tsgd_memory_fn(void *user, const struct tsgd_piece *piece);

struct stream;

struct tsgd_snapshot {
    uint64_t round;             /* t */
    double seconds;             /* that the training had taken */
    uint32_t tokens, nodes, populations;
    size_t dim, stride;
    const struct tsgd_rule *rule;       /* names the rows */
    float *exchanged[TSGD_MAX_ROWS], *own[TSGD_MAX_ROWS];   /* [tokens][stride], each that it has */
    float *node;                /* [nodes][stride]; NULL: the rule keeps none */
    double *loss;               /* [tokens] summed since the last evaluation */
    uint64_t *diverged;         /* [populations] (struct pop), or UINT64_MAX */
    struct tsgd_piece *piece;
    size_t pieces;
    /* Of a run over ranks. Rows and losses of tokens, and rows of nodes, that are on other ranks
     * are not touched here.                                                                     */
    struct tsgd_ranks ranks;    /* which nodes are here */
    uint32_t *at;               /* [tokens] the rank of each; NULL: there is one rank */
    struct stream *stream;      /* of the other ranks' rows, in the order of the file */
};

static inline bool tsgd_snapshot_has_token(const struct tsgd_snapshot *x, size_t a)
{
    return !x->at || x->at[a] == x->ranks.rank;
}

static inline bool tsgd_snapshot_has_node(const struct tsgd_snapshot *x, size_t node)
{
    return !x->at || tsgd_is_here(&x->ranks, (uint32_t)node);
}

#endif
