/* run/shelf.h: data sets and splits, each loaded or drawn once, for all the runs that ask for it. A
 * run alone has a shelf of its own; the runs of a sweep share one.
 * Ownership: whoever creates a shelf frees it, after the runs that read from it.
 * Threads: any number at a time; what one of them loads the others wait for. What is handed out is
 * read-only and stays as long as the shelf.                                                     */
#ifndef TSGD_RUN_SHELF_H
#define TSGD_RUN_SHELF_H

#include "data/partition.h"
#include "data/sieve.h"
#include "run/settings.h"

/* What the nodes train on. */
struct tsgd_shares {
    struct tsgd_split split;    /* without what is held out */
    uint32_t *held;             /* [n_held] samples that are held out for validation */
    uint32_t n_held;
    const struct tsgd_split *whole;     /* the split with them, as in its file */
};

struct tsgd_shelf;

/* On error *out is NULL. TSGD_ENOMEM. */
enum tsgd_status tsgd_shelf_create(struct tsgd_shelf **out, struct tsgd_error *err);
void tsgd_shelf_free(struct tsgd_shelf *shelf);

/* Refuses settings of data that contradict each other, and fills in what follows: settings so
 * resolved are what the calls below take. Reads no file. TSGD_EINVAL, TSGD_ENOMEM.              */
enum tsgd_status tsgd_shelf_resolve(struct tsgd_settings *s, struct tsgd_error *err);

/* The data set of these settings: --data, --data-dir, --label, --test-share, --loss and, where it
 * is generated or test samples are drawn, --split-seed. Not normalised. Errors as
 * tsgd_dataset_load.                                                                            */
enum tsgd_status tsgd_shelf_data(struct tsgd_shelf *shelf, const struct tsgd_settings *s,
                                 const struct tsgd_dataset **out, struct tsgd_error *err);

/* The split of its training samples: --split, or --partition, --subset and --split-seed; --nodes,
 * --allow-empty, --validation. `data` came from tsgd_shelf_data. Errors as tsgd_split_draw,
 * tsgd_split_read, tsgd_split_hold_out.                                                         */
enum tsgd_status tsgd_shelf_shares(struct tsgd_shelf *shelf, const struct tsgd_settings *s,
                                   const struct tsgd_dataset *data,
                                   const struct tsgd_shares **out, struct tsgd_error *err);

/* The same without a shelf, for whoever keeps only some of it: what the sieve lets stay of the data
 * set, which must not be in memory; and the split without --validation, of data that have all their
 * counts and labels.                                                                            */
enum tsgd_status tsgd_shelf_load(struct tsgd_dataset *out, const struct tsgd_settings *s,
                                 struct tsgd_sieve *sieve, struct tsgd_error *err);
enum tsgd_status tsgd_shelf_split(struct tsgd_split *out, const struct tsgd_settings *s,
                                  const struct tsgd_dataset *data, struct tsgd_error *err);

/* Bytes of all that stands on it. */
size_t tsgd_shelf_bytes(struct tsgd_shelf *shelf);

#endif
