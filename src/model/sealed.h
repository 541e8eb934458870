/* model/sealed.h: safetensors files that carry a checksum of themselves, for checkpoints. Other
 * tools open them as any safetensors file. `telesgd.xxh3` in __metadata__ has the XXH3-64 of the
 * whole file as 16 hexadecimal digits, computed with 0 in place of each of these digits; so a file
 * in which any bit has changed is refused.                                                      */
#ifndef TSGD_MODEL_SEALED_H
#define TSGD_MODEL_SEALED_H

#include "model/safetensors.h"

#include <stdbool.h>

#define TSGD_SEAL "telesgd.xxh3"

/* What knows which blocks of a tensor are in memory here, when others are elsewhere. */
struct tsgd_sealed_blocks {
    bool (*is_here)(const void *user, size_t block);
    /* Of a block that is elsewhere, for the file: its next bytes, at most *bytes, which then says
     * how many. They are valid until the next call. Blocks are asked for in the order of the file,
     * each byte once. May be NULL where no file is written.                                     */
    const void *(*next)(void *user, size_t block, size_t *bytes);
    void *user;
};

/* A tensor of any type, in blocks of memory that need not stand together. */
struct tsgd_sealed_tensor {
    char name[112];
    const char *dtype;          /* of the format: "F32", "I64", .. */
    uint32_t rank;
    uint64_t extent[6];
    void *data;
    size_t blocks, block_bytes, stride_bytes;   /* `blocks` times block_bytes, stride_bytes apart */
    const struct tsgd_sealed_blocks *some;      /* NULL: all blocks are here */
};

/* Writes the tensors and the metadata (texts), which it takes over; NULL stands for those that
 * memory was too short for. TSGD_ENOMEM, before any block is asked for; TSGD_EIO, also left to the
 * caller's commit (ferror).                                                                     */
enum tsgd_status tsgd_sealed_write(FILE *f, const struct tsgd_sealed_tensor *tensor, size_t n,
                                   json_t *meta, struct tsgd_error *err);

/* Opens a file whose checksum is right, for tsgd_tensor_file_close. On error *out is untouched.
 * TSGD_EIO; TSGD_EFORMAT: not such a file, damaged, cut off. TSGD_ENOMEM.                       */
enum tsgd_status tsgd_sealed_open(struct tsgd_tensor_file *out, const char *path,
                                  struct tsgd_error *err);

/* What the metadata say; NULL: nothing. Valid until close. */
const char *tsgd_sealed_meta(const struct tsgd_tensor_file *s, const char *key);

/* Reads those of the tensors that are here as a whole; all must be those of the file, in its order.
 * Errors as open; then what tensor[].data points to has any contents.                           */
enum tsgd_status tsgd_sealed_read(struct tsgd_tensor_file *s, const char *path,
                                  const struct tsgd_sealed_tensor *tensor, size_t n,
                                  struct tsgd_error *err);

/* After that, of the other tensors the blocks that are here; memory for the others is not touched.
 * TSGD_EIO, TSGD_EFORMAT.                                                                       */
enum tsgd_status tsgd_sealed_read_blocks(struct tsgd_tensor_file *s, const char *path,
                                         const struct tsgd_sealed_tensor *tensor, size_t n,
                                         struct tsgd_error *err);

#endif
