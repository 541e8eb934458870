/* data/normalize.h: means and deviations that a data set is normalised by (struct tsgd_norm in
 * data/dataset.h), from a text, from the training samples, and as a text.
 * Ownership: parse and measure allocate what the caller releases.                               */
#ifndef TSGD_DATA_NORMALIZE_H
#define TSGD_DATA_NORMALIZE_H

#include "data/dataset.h"

/* Parts that numbers can be normalised by, at most. */
#define TSGD_NORM_MOST 65536

/* Into how many parts samples of `d` are normalised. */
uint32_t tsgd_norm_parts(const struct tsgd_dataset *d);

/* "none", or "M1,M2,..:S1,S2,..", a mean and a deviation for each part. On error *out is
 * untouched. TSGD_EINVAL: neither, or numbers out of range; `where` begins the sentence.
 * TSGD_ENOMEM.                                                                                  */
enum tsgd_status tsgd_norm_parse(struct tsgd_norm *out, const char *text, uint32_t parts,
                                 const char *where, struct tsgd_error *err);

/* Of each part of all training samples. Sums of bytes run over the counts of the 256, so the order
 * of the samples cannot matter; sums of floats run over the samples in order. On error *out is
 * untouched. TSGD_EINVAL: a channel that is the same number throughout has no deviation to divide
 * by (a table's column of that kind gets 1); too many parts; samples that are sparse, which would
 * not stay so. TSGD_ENOMEM.                                                                     */
enum tsgd_status tsgd_norm_measure(struct tsgd_norm *out, const struct tsgd_dataset *d,
                                   struct tsgd_error *err);

/* How often each byte stands in each part of samples that pass by one after the other: what measure
 * needs to know of all training samples where only some of them stay in memory.                 */
struct tsgd_tally {
    uint32_t parts;             /* 0: none */
    size_t plane;               /* bytes of a part */
    uint32_t samples;           /* that have passed */
    uint64_t (*count)[256];     /* [parts] */
};

/* For samples of bytes as those of d. TSGD_EINVAL: too many parts; TSGD_ENOMEM. */
enum tsgd_status tsgd_tally_init(struct tsgd_tally *out, const struct tsgd_dataset *d,
                                 struct tsgd_error *err);
void tsgd_tally_add(struct tsgd_tally *t, const uint8_t *sample);
void tsgd_tally_release(struct tsgd_tally *t);

/* The numbers that measure finds in the samples that have passed, to the bit; errors as of it. */
enum tsgd_status tsgd_norm_of_tally(struct tsgd_norm *out, const struct tsgd_tally *t,
                                    const struct tsgd_dataset *d, struct tsgd_error *err);

/* The text from which tsgd_norm_parse makes the same numbers, to the bit; for the caller to free.
 * NULL: no memory.                                                                              */
char *tsgd_norm_text(const struct tsgd_norm *norm);

bool tsgd_norm_equal(const struct tsgd_norm *a, const struct tsgd_norm *b);

void tsgd_norm_release(struct tsgd_norm *norm);

#endif
