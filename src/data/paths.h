/* data/paths.h: the files that a source's argument names: "TRAIN[,TEST]", so no path has a comma.
 * Either may be a pair of NumPy's arrays, "X.npy+Y.npy".                                        */
#ifndef TSGD_DATA_PATHS_H
#define TSGD_DATA_PATHS_H

#include "base/status.h"

struct tsgd_paths {
    char *train, *test;         /* test: NULL if none is named; in the block of train */
};

/* arg may be NULL; usage: the source's, for the sentence. TSGD_EINVAL: one or two names are wanted,
 * none of them empty. TSGD_ENOMEM. Whoever inits it frees train.                                */
enum tsgd_status tsgd_paths_init(struct tsgd_paths *out, const char *arg, const char *usage,
                                 struct tsgd_error *err);

/* Cuts "X.npy+Y.npy" behind the first name and returns the second one; NULL: it is no pair. */
char *tsgd_paths_cut(char *pair);

/* File i of those that arg names, into path[size]; false: there are no more. */
bool tsgd_paths_file(const char *arg, size_t i, char *path, size_t size);

#endif
