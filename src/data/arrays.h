/* data/arrays.h: from arrays of any rank to the samples of a data set. What an array of samples is,
 * its shape says:
 *     [N] or [N, F]       tables
 *     [N, H, W]           images of one channel
 *     [N, C, H, W]        images; or [N, H, W, C], where C is 1 or 3, the second size is neither,
 *                         and the last two differ                                               */
#ifndef TSGD_DATA_ARRAYS_H
#define TSGD_DATA_ARRAYS_H

#include "data/dataset.h"
#include "data/npy.h"

/* "60000 x 28 x 28", for sentences. */
struct tsgd_shown { char text[100]; };
const char *tsgd_array_show(struct tsgd_shown *to, const struct tsgd_npy *a);

/* Whether its items stay bytes: uint8 and bool. */
bool tsgd_array_is_bytes(const struct tsgd_npy *x);

/* The shape of a sample. TSGD_EFORMAT: texts, or a side that is too large. */
enum tsgd_status tsgd_array_shape(struct tsgd_shape *out, const struct tsgd_npy *x,
                                  struct tsgd_error *err);

/* Brings the items, of `width` bytes (1, or those of a float), from the array's order into that of
 * data sets; *items may be replaced. TSGD_ENOMEM.                                               */
enum tsgd_status tsgd_array_order(const struct tsgd_npy *a, struct tsgd_shape shape, void **items,
                                  size_t width, struct tsgd_error *err);

/* Where each number of a sample, as the file has it, belongs: place[features], for the caller to
 * free; NULL: all stand in order. Samples must come one after the other. TSGD_ENOMEM.           */
enum tsgd_status tsgd_array_places(const struct tsgd_npy *a, struct tsgd_shape shape,
                                   uint32_t **out, struct tsgd_error *err);

/* TSGD_EFORMAT: one of the items, which are `width` numbers for each sample, is not finite. */
enum tsgd_status tsgd_array_finite(const struct tsgd_npy *a, const float *v, size_t width,
                                   struct tsgd_error *err);

#endif
