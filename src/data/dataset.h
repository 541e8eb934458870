/* data/dataset.h: samples in memory, once, with what they should come out as.
 * A sample is `features` = channels * height * width numbers, channel-major (C, H, W), kept as its
 * source has them: as bytes, as floats, or as those that are not 0.
 * A byte b stands for the number value[b]: pixels are b / 255. Once the data set is normalised
 * (data/normalize.h), a number v stands for (v - mean) / deviation of its part. All nodes read
 * the one copy; a shard is a list of sample indices (data/partition.h).
 * Ownership: whoever loads it releases it. Threads: read-only after load.                       */
#ifndef TSGD_DATA_DATASET_H
#define TSGD_DATA_DATASET_H

#include "base/status.h"

/* Of one sample. */
struct tsgd_shape {
    uint32_t channels, height, width;
};

static inline size_t tsgd_shape_size(struct tsgd_shape s)
{
    return (size_t)s.channels * s.height * s.width;
}

/* From "3x32x32"; "64" is 1x1x64. False: it is none, or of more numbers than 32 bits count; then
 * *out is untouched.                                                                            */
bool tsgd_shape_parse(const char *text, struct tsgd_shape *out);

/* How the numbers of samples are kept. */
enum tsgd_format { TSGD_FORMAT_BYTES, TSGD_FORMAT_FLOATS, TSGD_FORMAT_SPARSE };

/* The numbers that are not 0: sample i has value[j] in column[j] for start[i] <= j < start[i + 1],
 * with the columns ascending.                                                                   */
struct tsgd_sparse {
    uint64_t *start;            /* [count + 1] */
    uint32_t *column;
    float *value;
};

/* Samples of one format, with labels or targets; the other pointers are NULL. */
struct tsgd_samples {
    uint32_t count;
    uint8_t *bytes;             /* [count][features] */
    float *floats;              /* [count][features] */
    struct tsgd_sparse sparse;
    uint16_t *labels;           /* [count], 0 .. classes - 1 */
    float *targets;             /* [count][outputs] */
};

/* What numbers are normalised by: a mean and a deviation, above 0, for each part of a sample. Parts
 * are the channels, or in a table every feature.                                                */
struct tsgd_norm {
    uint32_t parts;             /* 0: numbers are not normalised */
    float *mean, *deviation;    /* [parts]; see tsgd_norm_release */
};

#define TSGD_MOST_CLASSES 65536
#define TSGD_MOST_FEATURES INT32_MAX    /* of data that users bring */

struct tsgd_dataset {
    struct tsgd_shape shape;
    enum tsgd_format format;
    bool table;                 /* each feature is a quantity of its own, with its own unit */
    uint32_t classes;           /* at least 2; 0: the targets are numbers */
    uint32_t outputs;           /* what a network must give: a number for each class or target */
    char **class_name;          /* [classes], UTF-8; NULL: they are called 0, 1, .. */
    float value[256];           /* of bytes */
    double test_share;          /* the test samples are this share, drawn; 0: the source has some */
    uint64_t test_seed;         /* of that draw */
    struct tsgd_norm norm;      /* none after load; not the data set's to release */
    struct tsgd_samples train, test;
};
#define TSGD_DATASET_INIT {.shape = {0, 0, 0}}

/* Zeroed memory for `count` samples of bytes, and their labels. Fails as tsgd_mem_check does;
 * `what` begins the sentence.                                                                   */
enum tsgd_status tsgd_samples_alloc(struct tsgd_samples *out, uint32_t count, size_t features,
                                    const char *what, struct tsgd_error *err);

/* Makes bytes stand for pixels: value[b] = b / 255. */
void tsgd_dataset_pixels(struct tsgd_dataset *d);

void tsgd_samples_release(struct tsgd_samples *s);
void tsgd_dataset_release(struct tsgd_dataset *d);

/* What the samples and their labels take in memory. */
size_t tsgd_dataset_bytes(const struct tsgd_dataset *d);

#endif
