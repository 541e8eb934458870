/* model/safetensors.h: parameters in files that other tools open
 * (https://huggingface.co/docs/safetensors): a little-endian uint64 length, a JSON header, the
 * data. telesgd writes fp32 tensors under their PyTorch names, and in __metadata__ the model and
 * the shape of its samples, so that a file says what it is.                                     */
#ifndef TSGD_MODEL_SAFETENSORS_H
#define TSGD_MODEL_SAFETENSORS_H

#include "data/normalize.h"
#include "model/model.h"

#include <jansson.h>
#include <stdio.h>

/* What the metadata say. */
struct tsgd_saved {
    const char *model;          /* as in --model, with its argument, a network of one's own with all
                                 * its layers; "" in a file that telesgd did not write */
    char *text;                 /* where the model stands, if it was read */
    struct tsgd_shape shape;    /* of samples; 0 unless it is a network, like these two: */
    uint32_t classes;           /* of samples; 0: their targets are numbers */
    uint32_t outputs;
    struct tsgd_norm norm;      /* what its samples were normalised by, where it says that */
    bool says_norm;
    /* Where its test samples were drawn from the others, their share and the seed; else 0. */
    double test_share;
    uint64_t split_seed;
    char **class_name;          /* [classes] of the data, borrowed; NULL: 0, 1, .. */
    char *classes_text;         /* what was read of them, as a JSON array; NULL: 0, 1, .. */
};

/* Of one that tsgd_safetensors_identify filled in. */
void tsgd_saved_release(struct tsgd_saved *saved);

/* ["cat","dog"], for the caller to free; NULL: no memory. */
char *tsgd_list_classes(const char *const *name, uint32_t classes);

/* Whether the data call their classes as those did that the file was trained on, if it knows.
 * TSGD_EINVAL; TSGD_ENOMEM.                                                                     */
enum tsgd_status tsgd_saved_check_classes(const struct tsgd_saved *saved, const char *path,
                                          const struct tsgd_dataset *d, struct tsgd_error *err);

/* The metadata, for the caller to json_decref. NULL: no memory. */
json_t *tsgd_saved_metadata(const struct tsgd_saved *saved);

/* Writes the row x of `net`; `saved` says which network it is, and on which samples it was trained.
 * TSGD_EIO is left to the caller's commit (ferror); TSGD_ENOMEM.                                */
enum tsgd_status tsgd_safetensors_write(FILE *f, const struct tsgd_net *net,
                                        const struct tsgd_saved *saved, const float *x,
                                        struct tsgd_error *err);

/* Writes the row x of these tensors, for a model without samples. Errors as above. */
enum tsgd_status tsgd_safetensors_write_list(FILE *f, const struct tsgd_tensor *const *tensors,
                                             uint32_t n, const char *model, const float *x,
                                             struct tsgd_error *err);

/* A file whose header has been read; the data begin at `start` and have `size` bytes. */
struct tsgd_tensor_file {
    FILE *f;
    json_t *header;
    uint64_t start, size;
};

/* On error *out is untouched. TSGD_EIO; TSGD_EFORMAT: not a header. TSGD_ENOMEM. Close: also an
 * empty one.                                                                                    */
enum tsgd_status tsgd_tensor_file_open(struct tsgd_tensor_file *out, const char *path,
                                       struct tsgd_error *err);
void tsgd_tensor_file_close(struct tsgd_tensor_file *s);

/* Reads the metadata alone; the caller releases *out. On error *out is untouched. TSGD_EIO;
 * TSGD_EFORMAT: broken header, or metadata that contradict themselves. TSGD_ENOMEM.             */
enum tsgd_status tsgd_safetensors_identify(const char *path, struct tsgd_saved *out,
                                           struct tsgd_error *err);

/* Refuses a file whose metadata name another model, or samples that were normalised otherwise, than
 * a run that starts from it; a file that does not say, as other tools write it, may be of any.
 * `norm` NULL: the model has no samples. TSGD_EINVAL, and as tsgd_safetensors_identify.         */
enum tsgd_status tsgd_safetensors_expect(const char *path, const char *model,
                                         const struct tsgd_norm *norm, struct tsgd_error *err);

/* Reads the tensors of `net` into x[dim]. TSGD_EFORMAT: broken header, a tensor missing, of another
 * shape or type, or one that the net does not have (the sentence names the first one, the shape
 * found and the shape wanted), offsets out of the file or overlapping, bytes left over. TSGD_EIO,
 * TSGD_ENOMEM. On error x is untouched. Any bits are data: NaN is read as it stands.            */
enum tsgd_status tsgd_safetensors_read(const char *path, const struct tsgd_net *net, float *x,
                                       struct tsgd_error *err);

/* What tsgd_safetensors_read would refuse, from the header alone: before there is a row to read
 * into, which a header can make as large as it likes.                                           */
enum tsgd_status tsgd_safetensors_check(const char *path, const struct tsgd_net *net,
                                        struct tsgd_error *err);

/* As tsgd_safetensors_read, of these tensors. */
enum tsgd_status tsgd_safetensors_read_list(const char *path,
                                            const struct tsgd_tensor *const *tensors, uint32_t n,
                                            float *x, struct tsgd_error *err);

#endif
