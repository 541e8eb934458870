/* linalg/csr.h: sparse k x k matrices, compressed by rows, with the pattern by columns beside it.
 *   row a holds col[ptr[a]] .. col[ptr[a+1]-1], ascending, with their val
 *   tcol[tptr[b]] .. tcol[tptr[b+1]-1] are the rows in which column b is not zero, ascending
 * Ownership: whoever builds it releases it. Threads: read-only after build.                     */
#ifndef TSGD_LINALG_CSR_H
#define TSGD_LINALG_CSR_H

#include "base/status.h"

struct tsgd_entry {
    uint32_t row, col;
    float val;
};

struct tsgd_csr {
    uint32_t n;
    uint32_t *ptr, *col, *tptr, *tcol;
    float *val;
    bool uniform;               /* n > 1 and all entries are there and equal: each row is the plain
                                 * mean, and may be computed as such (linalg/mix.h); whoever wants
                                 * the other form clears it                                      */
};
#define TSGD_CSR_INIT {0, NULL, NULL, NULL, NULL, NULL, false}

/* From `count` entries in any order; equal places add up. Sorts `entries`. An entry of zero
 * stays.                                                                                        */
enum tsgd_status tsgd_csr_build(struct tsgd_csr *out, uint32_t n, struct tsgd_entry *entries,
                                size_t count, struct tsgd_error *err);

/* Every entry is val. TSGD_ENOMEM. */
enum tsgd_status tsgd_csr_constant(struct tsgd_csr *out, uint32_t n, float val,
                                   struct tsgd_error *err);

/* What a matrix of n rows and `entries` entries takes. */
size_t tsgd_csr_bytes(uint32_t n, size_t entries);

void tsgd_csr_release(struct tsgd_csr *m);

/* Sums in double. */
double tsgd_csr_row_sum(const struct tsgd_csr *m, uint32_t row);

/* Entries off the diagonal. */
size_t tsgd_csr_off_diagonal(const struct tsgd_csr *m);

#endif
