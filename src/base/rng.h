/* base/rng.h: counter-based randomness (Philox4x32-10 of Random123; Salmon et al., SC'11).
 * A stream is named by (seed, purpose, a, b), with b below 2^52, never by who asked first, so the
 * same draws come out for any number of threads, in any order, and after a resume. A stream is a
 * value: copy it, keep it on the stack; it yields 2^34 words.                                   */
#ifndef TSGD_BASE_RNG_H
#define TSGD_BASE_RNG_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a draw is for. Append only: the number is part of what a seed means. Below 4096: see
 * tsgd_rng_tag.                                                                                 */
enum tsgd_purpose {
    TSGD_RNG_HOLDERS = 1,       /* a = round */
    TSGD_RNG_PASS = 2,          /* a = node, b = pass: order of a node's samples */
    TSGD_RNG_BATCH = 3,         /* a = node, b = batch: samples drawn with replacement */
    TSGD_RNG_INIT = 4,          /* a = layer */
    TSGD_RNG_SUBSET = 5,
    TSGD_RNG_PARTITION = 6,     /* a = what the draw is for, b = class (data/partition.c) */
    TSGD_RNG_SYNTH = 7,         /* a = sample, b = part */
    TSGD_RNG_EIGEN = 8,         /* the start of an eigenvalue search */
    TSGD_RNG_REGULAR = 9,       /* a = draw */
    TSGD_RNG_ER = 10,           /* a = draw */
    TSGD_RNG_SPECTRUM = 11,     /* where an iteration starts; no training depends on it */
    TSGD_RNG_TARGET = 12,       /* a = node: b_i of a quadratic */
    TSGD_RNG_NOISE = 13,        /* a = node, b = gradient: what a quadratic adds to it, and what an
                                 * objective draws for it */
    TSGD_RNG_AVAILABLE = 14,    /* a = round, b = node */
    TSGD_RNG_SLOW_LINK = 15,    /* a, b = the nodes, a < b */
    TSGD_RNG_SLOW_NODE = 16,    /* a = node */
    TSGD_RNG_NODE_SPEED = 17,   /* a = node */
    TSGD_RNG_VALIDATION = 18,   /* a = node: which of its samples are held out */
    TSGD_RNG_AUGMENT = 19,      /* a = node, b = batch: crops and flips; a block a position */
    TSGD_RNG_TEST_SHARE = 20,   /* which samples become test samples */
    TSGD_RNG_MEASURE = 21,      /* a = block: what the evaluation of an objective draws */
    TSGD_RNG_CALLER = 22,       /* a, b = halves of a number: what callers draw for themselves */
    TSGD_RNG_TEST = 1000        /* anything a test or benchmark likes */
};

struct tsgd_rng {
    uint32_t key[2], counter[4];    /* counter: block, a, lower half of b, tag */
    uint32_t word[4];
    uint32_t used;                  /* words of the block already given out */
};

/* The last word of a stream's counter: the purpose, and above it the upper half of b. A node takes
 * at most 2^32 visits of 2^20 steps, so its gradients can be counted below 2^52, and no two of them
 * share their draws.                                                                            */
static inline uint32_t tsgd_rng_tag(enum tsgd_purpose purpose, uint64_t b)
{
    assert(purpose < 4096 && b >> 52 == 0);
    return (uint32_t)purpose | (uint32_t)(b >> 32) << 12;
}

struct tsgd_rng tsgd_rng(uint64_t seed, enum tsgd_purpose purpose, uint32_t a, uint64_t b);

uint32_t tsgd_rng_u32(struct tsgd_rng *r);
uint64_t tsgd_rng_u64(struct tsgd_rng *r);

/* Uniform over 0..n-1, without bias (Lemire 2019); n > 0. */
uint32_t tsgd_rng_below(struct tsgd_rng *r, uint32_t n);

/* Uniform in [0, 1), 53 bits. */
double tsgd_rng_unit(struct tsgd_rng *r);

/* Standard normal (Box-Muller; the second value is thrown away, so a draw is always two words). */
double tsgd_rng_normal(struct tsgd_rng *r);

/* log of a Gamma(shape, 1) variate (Marsaglia & Tsang 2000). The logarithm, because for the small
 * shapes of Dirichlet partitions the variate itself underflows.                                 */
double tsgd_rng_log_gamma(struct tsgd_rng *r, double shape);

/* Fisher-Yates, in place. */
void tsgd_rng_shuffle(struct tsgd_rng *r, uint32_t *items, uint32_t n);

/* Sets `count` of taken[n], all false before, drawn without replacement (Floyd's algorithm). */
void tsgd_rng_mark(struct tsgd_rng *r, bool *taken, uint32_t n, uint32_t count);

#endif
