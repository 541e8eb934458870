/* data/idx.h: the IDX files of the MNIST family, four to a directory, each plain or gzip (.gz):
 *   {train,t10k}-images-idx3-ubyte   0x803, count, rows, columns, big-endian; then a byte a pixel
 *   {train,t10k}-labels-idx1-ubyte   0x801, count; then a byte a label
 * --data idx:DIR reads those of other types and ranks too, as their names say (see idx.c).       */
#ifndef TSGD_DATA_IDX_H
#define TSGD_DATA_IDX_H

#include "data/sieve.h"

/* Their eight names, the plain one before the .gz one; then NULL. */
extern const char *const tsgd_idx_files[];

/* The contents of one such file, plain or gzip, in memory. */
struct tsgd_idx_image {
    const void *bytes;
    size_t n;                   /* at least 1 */
};

/* Loads the four files of `dir`; a pixel b stands for b / 255. classes 0: the largest label + 1,
 * at least 2. hint: ends the sentence about a missing file, such as "; try this", or "". sieve:
 * NULL, or what keeps some of the samples.
 * On error *out is untouched. TSGD_EIO: a file is missing (names the plain and the .gz name) or
 * cannot be read. TSGD_EFORMAT: a file is not what its header or its companion says, or a label is
 * not below `classes`. TSGD_ENOMEM.                                                             */
enum tsgd_status tsgd_idx_load(struct tsgd_dataset *out, const char *dir, uint32_t classes,
                               const char *hint, struct tsgd_sieve *sieve,
                               struct tsgd_error *err);

/* The same for files that lie in memory: images and labels of training, then of the test.
 * folder: what sentences put before their names. TSGD_EFORMAT as above. TSGD_ENOMEM.            */
enum tsgd_status tsgd_idx_load_memory(struct tsgd_dataset *out,
                                      const struct tsgd_idx_image file[4], const char *folder,
                                      uint32_t classes, struct tsgd_sieve *sieve,
                                      struct tsgd_error *err);

#endif
