/* data/partition.h: which node owns which training samples.
 *   index   [samples]   sample numbers, node after node
 *   start   [nodes+1]   node i owns index[start[i]] .. index[start[i+1]-1]
 * Memory is 4 bytes a sample and 4 a node, whatever the model. Every sample of the pool belongs to
 * exactly one node in a split that was drawn; a split file may leave samples out.
 * Over several ranks (tsgd_split_keep), start still tells how many samples each node has, but index
 * is of the nodes that are here alone:
 *   index   [n_index]   their samples, as the places that those have among the kept ones
 *   at      [nodes]     node i owns index[at[i]] on; TSGD_ELSEWHERE for one that is not here
 * Ownership: whoever builds it releases it. Threads: read-only after build.                     */
#ifndef TSGD_DATA_PARTITION_H
#define TSGD_DATA_PARTITION_H

#include "data/kept.h"
#include "transport/ranks.h"

#include <assert.h>
#include <stdio.h>

struct tsgd_split {
    uint32_t *index, *start;
    uint32_t *at;               /* NULL: all nodes are here */
    uint32_t nodes;
    uint32_t n_index;           /* where `at` is */
    uint64_t hash;              /* XXH3-64 of nodes, start and index as little-endian uint32 */
    double test_share;          /* its numbers are of what is left of the samples when this share */
    uint64_t test_seed;         /* has been drawn for the test by this seed; 0: none was, or a file
                                 * does not tell */
};
#define TSGD_SPLIT_INIT {.index = NULL}

#define TSGD_ELSEWHERE UINT32_MAX

/* How many samples any node has. */
static inline uint32_t tsgd_split_count(const struct tsgd_split *s, uint32_t node)
{
    return s->start[node + 1] - s->start[node];
}

/* The samples of a node that is here. */
static inline const uint32_t *tsgd_split_shard(const struct tsgd_split *s, uint32_t node,
                                               uint32_t *count)
{
    assert(!s->at || s->at[node] != TSGD_ELSEWHERE);
    *count = tsgd_split_count(s, node);
    return s->index + (s->at ? s->at[node] : s->start[node]);
}

/* Draws a split. `partition` is one of these, each a row of the table in partition.c:
 *   iid                 a shuffle cut into parts that differ by at most one sample
 *   dirichlet:ALPHA     for each class, shares over the nodes drawn from Dirichlet(ALPHA)
 *   dirichlet-even:ALPHA   the same draw, concatenated in node order, cut into equal parts
 *   shards:S            samples sorted by label, cut into nodes*S shards, S drawn for each node
 *                       (McMahan et al., AISTATS 2017)
 * classes 0: the targets are numbers, which iid alone can split.
 * subset > 0 takes the first `subset` samples of a seeded shuffle (an error if there are fewer).
 * A node without samples is an error that names the node and the remedy, unless allow_empty.
 * On error *out is untouched. TSGD_EINVAL: partition, argument, nodes or subset; TSGD_ENOMEM.   */
enum tsgd_status tsgd_split_draw(struct tsgd_split *out, const char *partition, uint32_t nodes,
                                 const struct tsgd_samples *train, uint32_t classes,
                                 uint64_t subset, bool allow_empty, uint64_t seed,
                                 struct tsgd_error *err);

/* Their names and usage lines, for help and for nearest-name errors. */
struct tsgd_partition { const char *name, *usage, *summary; };
extern const struct tsgd_partition tsgd_partitions[];
extern const size_t tsgd_n_partitions;

/* The start of a split file. */
#define TSGD_SPLIT_HEADER "# telesgd split "

/* Text: one line a node, its sample numbers in the node's own order, separated by spaces; an empty
 * line is a node without samples; a line that starts with # is a comment. The writer's first one
 * is "# telesgd split nodes=N samples=M hash=HEX", and where test samples were drawn there is a
 * second one, "# test samples drawn: share=P seed=S"; a reader that finds such a line checks it.
 * TSGD_EIO; TSGD_EFORMAT with the line: not a number, a sample that the data do not have (`samples`
 * of them), a sample given twice, another number of nodes, another hash; an empty node unless
 * allow_empty, and no samples at all in any case.                                               */
enum tsgd_status tsgd_split_read(struct tsgd_split *out, const char *path, uint32_t nodes,
                                 uint32_t samples, bool allow_empty, struct tsgd_error *err);
enum tsgd_status tsgd_split_write(const struct tsgd_split *s, FILE *f);

/* Sets the hash to that of what start and index hold. TSGD_ENOMEM. */
enum tsgd_status tsgd_split_rehash(struct tsgd_split *s, struct tsgd_error *err);

/* Takes about `share` of every node's samples out of the split, at random, but never a node's last
 * one; the rest keep their order. The numbers of those taken out, in node order, into *held (to be
 * freed), how many into *n_held. Shares of small shards add up over the nodes. Updates the hash.
 * Requires 0 < share < 1. TSGD_EINVAL: no sample could be taken out; TSGD_ENOMEM.               */
enum tsgd_status tsgd_split_hold_out(struct tsgd_split *s, double share, uint64_t seed,
                                     uint32_t **held, uint32_t *n_held, struct tsgd_error *err);

/* All of it. On error *out is untouched. TSGD_ENOMEM. */
enum tsgd_status tsgd_split_copy(struct tsgd_split *out, const struct tsgd_split *from,
                                 struct tsgd_error *err);

/* From now on it has the samples of nodes that are here alone, by their places among the kept ones,
 * which all of theirs are; and the counts of all nodes. The hash stays that of the whole. On error
 * it is as it was. TSGD_ENOMEM.                                                                 */
enum tsgd_status tsgd_split_keep(struct tsgd_split *s, const struct tsgd_ranks *ranks,
                                 const struct tsgd_kept *kept, struct tsgd_error *err);

void tsgd_split_release(struct tsgd_split *s);

/* What the split takes in memory. */
size_t tsgd_split_bytes(const struct tsgd_split *s);

#endif
