/* data/kept.h: which samples of many are kept, where not all of them are needed, and the places
 * that they have then: 0, 1, .. among those that are kept, in the order of their numbers.
 * Memory is three bits for two samples. Use: init, mark, count, and then the rest.
 * Ownership: whoever inits it releases it. Threads: read-only once it is counted.               */
#ifndef TSGD_DATA_KEPT_H
#define TSGD_DATA_KEPT_H

#include "data/dataset.h"

struct tsgd_kept {
    uint32_t whole, count;      /* samples there are; those that are kept */
    uint64_t *mark;             /* a bit a sample */
    uint32_t *before;           /* kept before those of each mark[] */
};
#define TSGD_KEPT_INIT {.mark = NULL}

/* Nothing is kept yet. TSGD_ENOMEM. */
enum tsgd_status tsgd_kept_init(struct tsgd_kept *out, uint32_t whole, struct tsgd_error *err);

static inline void tsgd_kept_mark(struct tsgd_kept *k, uint32_t sample)
{
    k->mark[sample / 64] |= 1ull << sample % 64;
}

/* begin, begin + 1, .. end - 1. */
void tsgd_kept_mark_range(struct tsgd_kept *k, uint32_t begin, uint32_t end);

void tsgd_kept_count(struct tsgd_kept *k);

static inline bool tsgd_kept_has(const struct tsgd_kept *k, uint32_t sample)
{
    return k->mark[sample / 64] >> sample % 64 & 1;
}

/* The place of one that is kept. */
static inline uint32_t tsgd_kept_place(const struct tsgd_kept *k, uint32_t sample)
{
    uint64_t lower = k->mark[sample / 64] & ((1ull << sample % 64) - 1);
    return k->before[sample / 64] + (uint32_t)__builtin_popcountll(lower);
}

void tsgd_kept_release(struct tsgd_kept *k);

/* Drops the samples of *s that are not kept, and gives their memory back. Arrays that s does not
 * have are left out, so it may be the labels alone. Requires k->whole samples.                  */
void tsgd_samples_keep(struct tsgd_samples *s, const struct tsgd_kept *k, size_t features,
                       uint32_t outputs);

#endif
