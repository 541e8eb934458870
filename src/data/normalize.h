/* data/normalize.h: means and deviations that a data set is normalised by (struct tsgd_norm in
 * data/dataset.h), from a text, from the training samples, and as a text.                       */
#ifndef TSGD_DATA_NORMALIZE_H
#define TSGD_DATA_NORMALIZE_H

#include "data/dataset.h"

/* "none", or "M1,M2,..:S1,S2,..", a mean and a deviation for each channel. On error *out is
 * untouched. TSGD_EINVAL: neither, or numbers out of range; `where` begins the sentence.        */
enum tsgd_status tsgd_norm_parse(struct tsgd_norm *out, const char *text, uint32_t channels,
                                 const char *where, struct tsgd_error *err);

/* Of each channel of all training samples. Sums run over the counts of the 256 bytes, so the order
 * of the samples cannot matter. On error *out is untouched. TSGD_EINVAL: a channel that is the same
 * number throughout has no deviation to divide by; too many channels.                           */
enum tsgd_status tsgd_norm_measure(struct tsgd_norm *out, const struct tsgd_dataset *d,
                                   struct tsgd_error *err);

/* Writes the text from which tsgd_norm_parse makes the same numbers, to the bit. */
#define TSGD_NORM_TEXT (2 * TSGD_NORM_CHANNELS * 16 + 8)
void tsgd_norm_text(const struct tsgd_norm *norm, char text[TSGD_NORM_TEXT]);

#endif
