/* data/dataset.h: labelled samples in memory, once, as bytes; and the table of their sources.
 *   bytes   [count][features]   features = channels * height * width, channel-major (C, H, W)
 *   labels  [count]             0 .. classes-1
 * A byte b stands for the number value[b]: pixels are b / 255; once the data set is normalised
 * (data/normalize.h), for (value[b] - mean) / deviation of its channel. All nodes read the one
 * copy; a shard is a list of sample indices (data/partition.h).
 * Ownership: whoever loads it releases it. Threads: read-only after load.                       */
#ifndef TSGD_DATA_DATASET_H
#define TSGD_DATA_DATASET_H

#include "base/status.h"

/* Of one sample. Classification has classes >= 2. */
struct tsgd_shape {
    uint32_t channels, height, width;
};

static inline size_t tsgd_shape_size(struct tsgd_shape s)
{
    return (size_t)s.channels * s.height * s.width;
}

struct tsgd_samples {
    uint8_t *bytes, *labels;
    uint32_t count;
};

/* What numbers are normalised by: one mean and one deviation, above 0, for each channel. */
#define TSGD_NORM_CHANNELS 16
struct tsgd_norm {
    uint32_t channels;          /* 0: numbers are not normalised */
    float mean[TSGD_NORM_CHANNELS], deviation[TSGD_NORM_CHANNELS];
};

struct tsgd_dataset {
    struct tsgd_shape shape;
    uint32_t classes;
    float value[256];
    struct tsgd_norm norm;      /* none after load */
    struct tsgd_samples train, test;
};
#define TSGD_DATASET_INIT {{0, 0, 0}, 0, {0}, {0, {0}, {0}}, {NULL, NULL, 0}, {NULL, NULL, 0}}

/* One row of data/list.h. */
struct tsgd_source {
    const char *name;           /* what --data says before a colon */
    const char *usage;          /* with its argument, for help: "blobs[:SAMPLES[,DIM[,CLASSES]]]";
                                 * one without a colon takes none */
    const char *summary;
    const char *default_dir;    /* where its files usually lie; NULL: --data-dir must say */
    bool has_files;             /* reads a directory that --data-dir may name */
    bool embedded;              /* has_files, but needs none: they are part of the library too */
    const char *const *files;   /* what it may read there, or in the directory that arg names, and
                                 * then NULL; NULL: nothing */
    /* arg: after the colon, or NULL. dir: where the files lie; NULL without has_files, and for the
     * files in the library. On error *out is untouched. TSGD_EINVAL: arg; TSGD_EIO,
     * TSGD_EFORMAT: a file, named; TSGD_ENOMEM.                                                 */
    enum tsgd_status (*load)(const char *arg, const char *dir, uint64_t seed,
                             struct tsgd_dataset *out, struct tsgd_error *err);
};

extern const struct tsgd_source *const tsgd_sources[];
extern const size_t tsgd_n_sources;

/* Looks `data` ("name[:arg]") up and loads it. dir overrides the source's default; giving one to
 * a source without has_files is an error. On error *out is untouched.                           */
enum tsgd_status tsgd_dataset_load(struct tsgd_dataset *out, const char *data, const char *dir,
                                   uint64_t seed, struct tsgd_error *err);

/* File i of those that tsgd_dataset_load may read, into path[size]; false: there are no more. */
bool tsgd_dataset_file(const char *data, const char *dir, size_t i, char *path, size_t size);

/* Zeroed memory for `count` samples. Fails as tsgd_mem_check does; `what` begins the sentence. */
enum tsgd_status tsgd_samples_alloc(struct tsgd_samples *out, uint32_t count, size_t features,
                                    const char *what, struct tsgd_error *err);

void tsgd_dataset_release(struct tsgd_dataset *d);

/* What the samples and their labels take in memory. */
size_t tsgd_dataset_bytes(const struct tsgd_dataset *d);

#endif
