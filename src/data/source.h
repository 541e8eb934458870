/* data/source.h: where data sets come from: the table of sources, and loading from one of them. */
#ifndef TSGD_DATA_SOURCE_H
#define TSGD_DATA_SOURCE_H

#include "data/sieve.h"

/* Which data set, and how to read it. */
struct tsgd_request {
    const char *arg;            /* what --data has after the colon, or NULL; of a source's load */
    const char *dir;            /* where the files lie; NULL: the usual place */
    const char *label;          /* the column of labels or targets, by its name or its number from
                                 * 1; NULL: the last */
    uint64_t seed;              /* of generated data, and of what test_share draws */
    double test_share;          /* of data without test samples of their own; 0: the usual one */
    bool share_given;           /* data that have some are refused then */
    bool numbers;               /* the targets are numbers, not classes */
    struct tsgd_sieve *sieve;   /* keeps some of the samples; NULL: all are kept */
};

/* One row of data/list.h. */
struct tsgd_source {
    const char *name;           /* what --data says before a colon */
    const char *usage;          /* with its argument, for help: "blobs[:SAMPLES[,DIM[,CLASSES]]]";
                                 * one without a colon takes none */
    const char *summary;
    const char *default_dir;    /* where its files usually lie; NULL: --data-dir must say */
    bool has_files;             /* reads a directory that --data-dir may name */
    bool embedded;              /* has_files, but needs none: they are part of the library too */
    bool has_columns;           /* --label may say where labels stand */
    bool has_numbers;           /* its targets may be numbers */
    bool has_paths;             /* its argument names files, as data/paths.h has them */
    const char *const *files;   /* what it may read there, or in the directory that arg names, and
                                 * then NULL; NULL: nothing */
    /* Reads or makes the samples. r->dir is NULL without has_files, and for the files in the
     * library. There may be no test samples; then tsgd_dataset_load draws some. Where a source has
     * r->sieve choose, it stores what that keeps and no more; it may leave the sieve alone, and has
     * to without test samples. On error *out is untouched. TSGD_EINVAL: arg or label; TSGD_EIO,
     * TSGD_EFORMAT: a file, named; TSGD_ENOMEM.                                                 */
    enum tsgd_status (*load)(const struct tsgd_request *r, struct tsgd_dataset *out,
                             struct tsgd_error *err);
};

extern const struct tsgd_source *const tsgd_sources[];
extern const size_t tsgd_n_sources;

/* Looks `data` ("name[:arg]") up and loads it; r->arg is not looked at, and r may be NULL. Refuses
 * what the source cannot do. Where it has no test samples, a share of the others becomes them,
 * drawn by the seed. With a sieve *out has what it keeps, and counts of that. On error *out is
 * untouched.                                                                                    */
enum tsgd_status tsgd_dataset_load(struct tsgd_dataset *out, const char *data,
                                   const struct tsgd_request *r, struct tsgd_error *err);

/* File i of those that tsgd_dataset_load may read, into path[size]; false: there are no more. */
bool tsgd_dataset_file(const char *data, const char *dir, size_t i, char *path, size_t size);

#endif
