/* topology/topology.h: who mixes with whom. A topology gives, for k tokens, mixing matrices that
 * repeat with a period: round t uses w[t % period]. A thinned sequence (--mix-every M) uses them in
 * the same order, but only in rounds M - 1, 2 M - 1, .. counted from 0, and the identity in the
 * others. Row a of a matrix: a reads b with weight W[a][b]; every matrix is non-negative and doubly
 * stochastic, which the paper's analysis needs (Assumption on W) and which keeps the mean of the
 * tokens where it is.                                                                           */
#ifndef TSGD_TOPOLOGY_TOPOLOGY_H
#define TSGD_TOPOLOGY_TOPOLOGY_H

#include "topology/edges.h"

struct tsgd_mixing {
    uint32_t period;
    struct tsgd_csr *w;         /* [period]; of a thinned sequence also w[period], the identity */
    uint64_t every;             /* M; 0 or 1: it is not thinned */
};
#define TSGD_MIXING_INIT {.period = 0}

/* Matrices in w. */
static inline uint32_t tsgd_mixing_count(const struct tsgd_mixing *s)
{
    return s->period + (s->every > 1);
}

/* Whether tokens do not mix in a round. */
static inline bool tsgd_mixing_rests(const struct tsgd_mixing *s, uint64_t round)
{
    return s->every > 1 && (round + 1) % s->every != 0;
}

/* Rounds before this one in which they do. */
static inline uint64_t tsgd_mixing_turns(const struct tsgd_mixing *s, uint64_t round)
{
    return s->every > 1 ? round / s->every : round;
}

/* The round in which they mix after so many turns; the opposite of tsgd_mixing_turns. */
static inline uint64_t tsgd_mixing_round(const struct tsgd_mixing *s, uint64_t turns)
{
    return s->every > 1 ? (turns + 1) * s->every - 1 : turns;
}

/* Which of them a round uses. */
static inline uint32_t tsgd_mixing_index(const struct tsgd_mixing *s, uint64_t round)
{
    return tsgd_mixing_rests(s, round) ? s->period :
                                         (uint32_t)(tsgd_mixing_turns(s, round) % s->period);
}

static inline const struct tsgd_csr *tsgd_mixing_at(const struct tsgd_mixing *s, uint64_t round)
{
    return &s->w[tsgd_mixing_index(s, round)];
}

/* One row of topology/list.h. */
struct tsgd_topology {
    const char *name, *usage, *summary;
    const char *example;        /* usage filled in; for tests, that run over the table */
    /* Adds the edges for e->n >= 1 tokens. arg: after the colon, or NULL. TSGD_EINVAL: arg, or no
     * such graph of this size (the sentence says which sizes there are).                        */
    enum tsgd_status (*build)(struct tsgd_edges *e, const char *arg, uint64_t seed,
                              struct tsgd_error *err);
};

extern const struct tsgd_topology *const tsgd_topologies[];
extern const size_t tsgd_n_topologies;

/* Looks `topology` ("name[:arg]") up, builds it for k tokens and checks every matrix as
 * tsgd_topology_check does. On error *out is untouched. Release it with tsgd_mixing_release.    */
enum tsgd_status tsgd_topology_build(struct tsgd_mixing *out, const char *topology, uint32_t k,
                                     uint64_t seed, struct tsgd_error *err);

/* The same, but the graph of a file may fall into parts that never mix, which tsgd_topology_build
 * refuses.                                                                                      */
enum tsgd_status tsgd_topology_build_parts(struct tsgd_mixing *out, const char *topology,
                                           uint32_t k, uint64_t seed, struct tsgd_error *err);

/* Refuses a matrix with a negative weight, or a row or column that does not sum to 1 within 1e-6:
 * TSGD_EINVAL with the round and the row or column.                                             */
enum tsgd_status tsgd_topology_check(const struct tsgd_mixing *s, const char *topology,
                                     struct tsgd_error *err);

/* Every W becomes (I + W) / 2: each token keeps half of itself, and the eigenvalues of a symmetric
 * W then lie in [0, 1]. No link appears or disappears. Not of a thinned sequence. On error *s is as
 * it was. TSGD_ENOMEM.                                                                          */
enum tsgd_status tsgd_mixing_lazy(struct tsgd_mixing *s, struct tsgd_error *err);

/* Tokens mix in every `every`-th round alone. Once. On error *s is as it was. TSGD_ENOMEM. */
enum tsgd_status tsgd_mixing_thin(struct tsgd_mixing *s, uint64_t every, struct tsgd_error *err);

/* Every matrix equals its transpose. */
bool tsgd_mixing_symmetric(const struct tsgd_mixing *s);

/* Memory that the matrices take. */
size_t tsgd_mixing_bytes(const struct tsgd_mixing *s);

void tsgd_mixing_release(struct tsgd_mixing *s);

/* The smallest number of bits that can count k tokens: ceil(log2 k), 0 for k = 1. */
uint32_t tsgd_log2_ceil(uint32_t k);

/* How often a random graph is drawn, at most, until it is connected. */
#define TSGD_TOPOLOGY_DRAWS 100

/* Refuses an argument for a topology that takes none. */
enum tsgd_status tsgd_topology_no_arg(const char *name, const char *arg, struct tsgd_error *err);

#endif
