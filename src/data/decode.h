/* data/decode.h: from samples as they are kept to the numbers that a network reads.
 *     number = (v - mean) * scale                  mean, scale = 1 / deviation: of its part
 * in single precision, each operation rounded; v is value[byte], or a float. Without normalisation
 * mean is 0 and scale 1, which change nothing. A worker decodes each batch for itself, straight
 * from the one copy of the samples: bytes of 16 at a time, transposed in registers, since models
 * want samples innermost. Sparse samples are not normalised.
 * Ownership: borrows data set and kernels. Threads: read-only after init.                       */
#ifndef TSGD_DATA_DECODE_H
#define TSGD_DATA_DECODE_H

#include "data/augment.h"
#include "data/dataset.h"
#include "simd/kernels.h"

struct tsgd_decoder {
    const struct tsgd_dataset *data;
    const struct tsgd_kernels *kernels;
    uint32_t planes;            /* parts of a sample: its channels where they need telling apart */
    size_t plane;               /* numbers in a part */
    /* How bytes become numbers, but for the normalisation. Where the 256 numbers of the table lie
     * on a line, as those of pixels do, computing them takes half the time of looking them up. high
     * has so few bits that byte * high is exact, and low is the rest of the slope: the sum is
     * rounded once, as the table's number was.                                                  */
    struct tsgd_line line;
    bool straight;              /* the line gives all 256 to the bit */
};

/* views: batches may be decoded with views. */
void tsgd_decoder_init(struct tsgd_decoder *out, const struct tsgd_dataset *data, bool views,
                       const struct tsgd_kernels *kernels);

/* Bytes of scratch that views need. */
size_t tsgd_decoder_scratch(const struct tsgd_decoder *d);

/* x[f * ld + s] = the number of feature f of sample[s] of `from`, s < count; 0 for count <= s < ld.
 * That is the layout of models: features first, samples innermost (model/layer.h). view[s] says how
 * sample s is cropped and flipped; NULL: not at all, and then scratch may be NULL.              */
void tsgd_decode(const struct tsgd_decoder *d, const struct tsgd_samples *from,
                 const uint32_t *sample, uint32_t count, const struct tsgd_view *view,
                 uint8_t *scratch, size_t ld, float *x);

#endif
