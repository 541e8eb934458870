/* data/augment.h: what is done to a training image each time it is drawn into a batch, as the usual
 * recipes for small pictures have it:
 *   crop   a frame of TSGD_CROP_PAD zero bytes around it, then a window of its own size cut out at
 *          random: a shift by up to that many rows and columns
 *   flip   left and right are exchanged, half of the time
 * both on bytes, so the frame is black (and normalised as black is), like torchvision's
 * RandomCrop(padding=4), RandomHorizontalFlip before ToTensor and Normalize. A view is a function
 * of (seed, node, batch, position in the batch) alone; what one augmentation does to a sample does
 * not depend on the other.                                                                      */
#ifndef TSGD_DATA_AUGMENT_H
#define TSGD_DATA_AUGMENT_H

#include "data/batch.h"
#include "data/dataset.h"

#define TSGD_CROP_PAD 4

/* Pixel (y, x) of a view is pixel (y + down, x + right) of the image, or zero outside of it; with
 * flip, pixel (y, width - 1 - x) of that.                                                       */
struct tsgd_view {
    int8_t down, right;
    bool flip;
};

/* "none", "crop", "flip", "crop-flip"; TSGD_EINVAL: another. */
enum tsgd_status tsgd_augment_parse(enum tsgd_augment *out, const char *name,
                                    struct tsgd_error *err);

/* TSGD_EINVAL: samples of this shape cannot be cropped or flipped, as `a` wants it. */
enum tsgd_status tsgd_augment_check(enum tsgd_augment a, struct tsgd_shape shape,
                                    struct tsgd_error *err);

/* The views of positions 0..count-1 of node's batch b, by m->augment and m->seed. */
void tsgd_augment_draw(const struct tsgd_batcher *m, uint32_t node, uint64_t b, uint32_t count,
                       struct tsgd_view *out);

/* Makes one channel of a view; from and to are [height][width] and do not overlap. Requires sides
 * above TSGD_CROP_PAD where the view is shifted.                                                */
void tsgd_augment_plane(struct tsgd_view v, const uint8_t *from, size_t height, size_t width,
                        uint8_t *to);

/* The same of numbers that are floats, with 0 around them. */
void tsgd_augment_floats(struct tsgd_view v, const float *from, size_t height, size_t width,
                         float *to);

#endif
