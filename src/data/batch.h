/* data/batch.h: a node's b-th minibatch, as a stateless function of (seed, node, b).
 *   epoch        (default) every pass over the shard in a fresh random order; the last batch of a
 *                pass holds what is left
 *   iid          with replacement, always `size` samples
 *   sequential   as stored, pass after pass, with the same short last batch
 * A pass's order is a keyed permutation evaluated at a position (a mixed-radix Feistel network with
 * cycle walking; a shuffle on the stack for small shards), so no node needs memory for it and
 * nothing is written.                                                                           */
#ifndef TSGD_DATA_BATCH_H
#define TSGD_DATA_BATCH_H

#include "base/rng.h"
#include "base/status.h"

enum tsgd_order { TSGD_ORDER_EPOCH, TSGD_ORDER_IID, TSGD_ORDER_SEQUENTIAL };

/* What is done to images of a batch; bits (data/augment.h). */
enum tsgd_augment {
    TSGD_AUGMENT_NONE = 0, TSGD_AUGMENT_CROP = 1, TSGD_AUGMENT_FLIP = 2, TSGD_AUGMENT_CROP_FLIP = 3
};

struct tsgd_batcher {
    enum tsgd_order order;
    uint32_t size;              /* samples in a full minibatch, at least 1 */
    uint64_t seed;
    enum tsgd_augment augment;
};

/* TSGD_EINVAL: not one of the three names. */
enum tsgd_status tsgd_order_parse(enum tsgd_order *out, const char *name, struct tsgd_error *err);

/* Samples in batch b of a node with `shard` samples: 0 only if shard is 0. O(1). */
uint32_t tsgd_batch_count(const struct tsgd_batcher *m, uint32_t shard, uint64_t b);

/* Positions in the shard, 0..shard-1, of batch b of `node`; returns the count as above. out has
 * room for m->size.                                                                             */
uint32_t tsgd_batch_positions(const struct tsgd_batcher *m, uint32_t node, uint32_t shard,
                              uint64_t b, uint32_t *out);

#endif
