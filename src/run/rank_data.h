/* run/rank_data.h: what one rank of several keeps of data and split: the training samples of nodes
 * that are here, and of what evaluations measure the blocks that are measured here. Counts, hash,
 * normalisation and what else is said of all samples is the same on every rank.
 *   --eval tokens   all that is measured, for a token is measured whole, where it stands
 *   --validation    held-out samples are what is measured; rank 0 keeps all the test samples too,
 *                   which it measures at the end, and the others none
 *   --save-split    rank 0 keeps the sample numbers of the whole split, to write it
 * With --optimum a rank has to keep everything, for f is of all samples: then this is not for it.
 * Ownership: whoever makes it releases it. Threads: read-only once made.                        */
#ifndef TSGD_RUN_RANK_DATA_H
#define TSGD_RUN_RANK_DATA_H

#include "run/shelf.h"
#include "transport/ranks.h"

struct tsgd_rank_data {
    struct tsgd_dataset data;   /* without normalisation */
    bool in_memory;             /* its samples are those of the caller, all of them */
    struct tsgd_shares shares;  /* `held` are the measured ones, as places among those kept */
    struct tsgd_split whole;    /* hash alone, or with --save-split on rank 0 all of it */
    struct tsgd_norm norm;      /* of --normalize data, for the caller to take; or none */
    uint32_t train_samples, test_samples;   /* of the whole data set */
    uint32_t measured;          /* samples that evaluations measure, on all ranks */
    uint32_t first;             /* the number of the first of them that is here */
    double variance;            /* of the measured samples' targets */
};
#define TSGD_RANK_DATA_INIT {.whole = TSGD_SPLIT_INIT}

/* From settings that tsgd_shelf_resolve has resolved. *out must not be moved. On error it is
 * released. Errors as of tsgd_shelf_data, tsgd_shelf_shares and tsgd_norm_measure.              */
enum tsgd_status tsgd_rank_data_make(struct tsgd_rank_data *out, const struct tsgd_settings *s,
                                     const struct tsgd_ranks *ranks, struct tsgd_error *err);
void tsgd_rank_data_release(struct tsgd_rank_data *d);

#endif
