/* linalg/mix.h: gossip: every token's row becomes a weighted mean of rows, in the difference form
 *     out_a = x_a + sum over b of w_ab * (x_b - x_a),   b ascending, b != a
 * which is exact when all rows agree and whose rounding does not grow over many rounds, as that of
 * a plain weighted sum does. Where every entry of the matrix is the same w = 1/k, every row is
 *     out = x_0 + w * (sum over b of (x_b - x_0)),      b ascending from 1
 * as exact, and the same bits for all, so that it need be computed only once. Every coordinate is
 * computed alone and in this order, so the bits depend neither on how rows are cut up nor on
 * whether they are mixed one by one or all at once.
 *
 * Rows: row b at rows + b * stride, on a cache line; stride and `from` are multiples of 16, and so
 * much of a row is mixed, padding included. absent[b] (absent may be NULL) cuts all links of row
 * b: a cut link's weight moves to the diagonal, so a row without links stays as it is. With any
 * row absent, a uniform matrix too is mixed in the difference form.                             */
#ifndef TSGD_LINALG_MIX_H
#define TSGD_LINALG_MIX_H

#include "base/mem.h"
#include "linalg/csr.h"
#include "simd/kernels.h"

/* Whether rows should be written with stores that bypass the cache (non-temporal): a row of `dim`
 * floats would leave a core's own cache before it is used again, and `bytes` of rows the shared
 * one. Ask once, at start.                                                                      */
bool tsgd_mix_bypass(size_t dim, size_t bytes);

/* Whether so many bytes of rows stay in the shared cache. */
bool tsgd_mix_cached(size_t bytes);

/* One row into another place: row a of m. out is none of the rows. bypass: with stores that bypass
 * the cache; they are complete when this returns, so that a release store publishes them too.   */
void tsgd_mix_row(const struct tsgd_kernels *k, const struct tsgd_csr *m, uint32_t a,
                  const bool *absent, const float *rows, size_t stride, size_t dim, bool bypass,
                  float *restrict out);

/* The plan by which all rows of m are mixed where they stand; the holding has its memory. */
enum tsgd_status tsgd_mix_plan_init(struct tsgd_mix_plan *out, const struct tsgd_csr *m,
                               struct tsgd_holding *h, struct tsgd_error *err);

/* All rows where they stand, in the columns from .. to - 1: each float is read and written once,
 * however many neighbours a row has. scratch: tsgd_mix_scratch(k) floats, on a cache line.      */
void tsgd_mix_all(const struct tsgd_kernels *k, const struct tsgd_mix_plan *p, const bool *absent,
                  float *rows, size_t stride, size_t from, size_t to, float *restrict scratch);

size_t tsgd_mix_scratch(uint32_t k);

#endif
