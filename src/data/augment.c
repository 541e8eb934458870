#include "data/augment.h"

#include "base/rng.h"
#include "base/text.h"

#include <string.h>

enum { OFFSETS = 2 * TSGD_CROP_PAD + 1 };

enum tsgd_status tsgd_augment_parse(enum tsgd_augment *out, const char *name,
                                    struct tsgd_error *err)
{
    static const char *const names[] = {
        [TSGD_AUGMENT_NONE] = "none",
        [TSGD_AUGMENT_CROP] = "crop",
        [TSGD_AUGMENT_FLIP] = "flip",
        [TSGD_AUGMENT_CROP_FLIP] = "crop-flip",
    };
    const size_t n = sizeof names / sizeof *names;
    for (size_t i = 0; i < n; i++)
        if (!strcmp(name, names[i])) {
            *out = (enum tsgd_augment)i;
            return TSGD_OK;
        }
    return tsgd_unknown_name("--augment", name, names, n, err);
}

enum tsgd_status tsgd_augment_check(enum tsgd_augment a, struct tsgd_shape shape,
                                    struct tsgd_error *err)
{
    if (a & TSGD_AUGMENT_CROP && (shape.height <= TSGD_CROP_PAD || shape.width <= TSGD_CROP_PAD))
        return tsgd_fail(err, TSGD_EINVAL, "--augment: found samples of %u x %u x %u, want images "
                         "of at least %d x %d to crop", shape.channels, shape.height, shape.width,
                         TSGD_CROP_PAD + 1, TSGD_CROP_PAD + 1);
    if (a & TSGD_AUGMENT_FLIP && (shape.height == 1 || shape.width == 1))
        return tsgd_fail(err, TSGD_EINVAL, "--augment: found samples of %u x %u x %u, want images "
                         "of at least 2 x 2 to flip", shape.channels, shape.height, shape.width);
    return TSGD_OK;
}

void tsgd_augment_draw(const struct tsgd_batcher *m, uint32_t node, uint64_t b, uint32_t count,
                       struct tsgd_view *out)
{
    const struct tsgd_rng stream = tsgd_rng(m->seed, TSGD_RNG_AUGMENT, node, b);
    for (uint32_t s = 0; s < count; s++) {
        struct tsgd_rng r = stream;
        r.counter[0] = s;               /* four words for each position */
        uint32_t offset = tsgd_rng_below(&r, OFFSETS * OFFSETS);
        bool flip = tsgd_rng_u32(&r) >> 31;
        out[s] = (struct tsgd_view){.flip = flip && m->augment & TSGD_AUGMENT_FLIP};
        if (m->augment & TSGD_AUGMENT_CROP) {
            out[s].down = (int8_t)(offset / OFFSETS - TSGD_CROP_PAD);
            out[s].right = (int8_t)(offset % OFFSETS - TSGD_CROP_PAD);
        }
    }
}

/* Rows are shifted as one piece, which leaves pixels of the neighbouring row where the frame should
 * be: those columns are cleared after it, all of a row at once.                                 */
static void shift(struct tsgd_view v, const uint8_t *from, size_t height, size_t width, uint8_t *to)
{
    size_t up = v.down < 0 ? (size_t)-v.down : 0, down = v.down > 0 ? (size_t)v.down : 0;
    size_t left = v.right < 0 ? (size_t)-v.right : 0, right = v.right > 0 ? (size_t)v.right : 0;
    size_t first = up * width + left, last = (height - down) * width - right;
    memset(to, 0, up * width);
    memcpy(to + first, from + down * width + right, last - first);
    memset(to + (height - down) * width, 0, down * width);
    if (v.right != 0) {
        uint8_t keep[TSGD_CROP_PAD];
        uint32_t mask, edge;
        _Static_assert(sizeof mask == sizeof keep, "the columns of a frame fill a word");
        for (size_t i = 0; i < sizeof keep; i++)
            keep[i] = i < left || i + right >= sizeof keep ? 0 : 0xff;
        memcpy(&mask, keep, sizeof mask);
        for (size_t y = up; y < height - down; y++) {
            uint8_t *at = to + y * width + (right ? width - sizeof edge : 0);
            memcpy(&edge, at, sizeof edge);
            edge &= mask;
            memcpy(at, &edge, sizeof edge);
        }
    }
}

enum { BLOCK = 16 };
typedef uint8_t block __attribute__((vector_size(BLOCK)));

static inline block reversed(block b)
{
    return __builtin_shufflevector(b, b, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
}

static void flip_row(uint8_t *row, size_t width)
{
    size_t x = 0;
    for (; 2 * (x + BLOCK) <= width; x += BLOCK) {
        uint8_t *end = row + width - x - BLOCK;
        block left, right;
        memcpy(&left, row + x, BLOCK);
        memcpy(&right, end, BLOCK);
        left = reversed(left);
        right = reversed(right);
        memcpy(row + x, &right, BLOCK);
        memcpy(end, &left, BLOCK);
    }
    for (; 2 * x + 1 < width; x++) {
        uint8_t left = row[x];
        row[x] = row[width - 1 - x];
        row[width - 1 - x] = left;
    }
}

void tsgd_augment_plane(struct tsgd_view v, const uint8_t *from, size_t height, size_t width,
                        uint8_t *to)
{
    shift(v, from, height, width, to);
    for (size_t y = 0; v.flip && y < height; y++)
        flip_row(to + y * width, width);
}

void tsgd_augment_floats(struct tsgd_view v, const float *from, size_t height, size_t width,
                         float *to)
{
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            ptrdiff_t row = (ptrdiff_t)y + v.down;
            ptrdiff_t column = (ptrdiff_t)(v.flip ? width - 1 - x : x) + v.right;
            bool inside = row >= 0 && row < (ptrdiff_t)height && column >= 0 &&
                          column < (ptrdiff_t)width;
            to[y * width + x] = inside ? from[row * (ptrdiff_t)width + column] : 0;
        }
}
