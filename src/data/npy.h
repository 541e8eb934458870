/* data/npy.h: arrays in NumPy's format .npy, versions 1 to 3: a header, a Python dictionary that
 * tells type, order and shape; then the items. They are read in blocks, from wherever they lie, and
 * memory grows as they arrive, whatever the header promises.
 * Types: b1; i1 i2 i4 i8, u1 u2 u4 u8, f2 f4 f8 in both byte orders; U and S, texts.
 * Ownership: borrows its source. One thread.                                                    */
#ifndef TSGD_DATA_NPY_H
#define TSGD_DATA_NPY_H

#include "base/status.h"

enum { TSGD_NPY_RANK = 4, TSGD_NPY_NAME = 400 };

enum tsgd_npy_kind {
    TSGD_NPY_BOOL = 'b', TSGD_NPY_INT = 'i', TSGD_NPY_UINT = 'u', TSGD_NPY_FLOAT = 'f',
    TSGD_NPY_UNICODE = 'U', TSGD_NPY_BYTES = 'S',
};

struct tsgd_npy {
    char name[TSGD_NPY_NAME];   /* for sentences: "digits.npz: x.npy" */
    enum tsgd_npy_kind kind;
    char type[16];              /* as the header has it: "<f4" */
    size_t item;                /* bytes of an item, at least 1 */
    bool swapped;               /* the other byte order */
    bool fortran;               /* the first index moves fastest, not the last */
    uint32_t rank;              /* 1 .. TSGD_NPY_RANK */
    uint64_t shape[TSGD_NPY_RANK];      /* each at least 1 */
    uint64_t items;

    /* Up to n bytes of the array, less only at its end. */
    enum tsgd_status (*read)(void *source, void *to, size_t n, size_t *got,
                             struct tsgd_error *err);
    void *source;
};

/* Reads the header; name, read and source are set. TSGD_EFORMAT: it is no such header, or of
 * another type or shape; or as `read` fails.                                                    */
enum tsgd_status tsgd_npy_open(struct tsgd_npy *a, struct tsgd_error *err);

/* All items in the order of the file, for the caller to free, whatever comes back; then nothing may
 * follow. Bytes are those of a type of one byte. Floats are of any numbers, rounded to single
 * precision. TSGD_EFORMAT; TSGD_ENOMEM; or as `read` fails.                                     */
enum tsgd_status tsgd_npy_bytes(struct tsgd_npy *a, uint8_t **out, struct tsgd_error *err);
enum tsgd_status tsgd_npy_floats(struct tsgd_npy *a, float **out, struct tsgd_error *err);

/* Gives each item, in the order of the file, to take(to, text, n, i, err) as a text: a whole number
 * without a point, a text without the zeros that fill it up; empty if it is nan or infinite. take's
 * failure is returned.                                                                          */
typedef enum tsgd_status tsgd_npy_take(void *to, const char *text, size_t n, uint64_t i,
                                       struct tsgd_error *err);
enum tsgd_status tsgd_npy_texts(struct tsgd_npy *a, tsgd_npy_take *take, void *to,
                                struct tsgd_error *err);

#endif
