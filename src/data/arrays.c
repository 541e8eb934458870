#include "data/arrays.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_SIDE = 65535 };

const char *tsgd_array_show(struct tsgd_shown *to, const struct tsgd_npy *a)
{
    size_t used = 0;
    for (uint32_t i = 0; i < a->rank; i++)
        used += (size_t)snprintf(to->text + used, sizeof to->text - used, "%s%llu",
                                 i ? " x " : "", (unsigned long long)a->shape[i]);
    return to->text;
}

static bool is_colour(uint64_t size) { return size == 1 || size == 3; }

/* 28 x 28 x 1 and 48 x 64 x 3, but not 3 x 32 x 3, nor what a network makes of images, such as
 * 64 x 3 x 3 or 512 x 1 x 1.                                                                    */
static bool is_channels_last(const struct tsgd_npy *x)
{
    const uint64_t *n = x->shape;
    return x->rank == 4 && is_colour(n[3]) && !is_colour(n[1]) && n[2] != n[3];
}

bool tsgd_array_is_bytes(const struct tsgd_npy *x)
{
    return x->kind == TSGD_NPY_BOOL || (x->kind == TSGD_NPY_UINT && x->item == 1);
}

enum tsgd_status tsgd_array_shape(struct tsgd_shape *out, const struct tsgd_npy *x,
                                  struct tsgd_error *err)
{
    const uint64_t *n = x->shape;
    struct tsgd_shown shown;
    uint64_t side[3] = {1, 1, 1}, most = x->rank > 2 ? MOST_SIDE : TSGD_MOST_FEATURES;
    if (x->kind == TSGD_NPY_UNICODE || x->kind == TSGD_NPY_BYTES)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: samples of texts, want numbers", x->name);
    if (x->rank == 2 || x->rank == 3)
        memcpy(side + (4 - x->rank), n + 1, (x->rank - 1) * sizeof *side);
    if (x->rank == 4)
        memcpy(side, is_channels_last(x) ? (uint64_t[]){n[3], n[1], n[2]} : n + 1, sizeof side);
    for (int i = 0; i < 3; i++)
        if (side[i] > most)
            return tsgd_fail(err, TSGD_EFORMAT, "%s: shape %s, want sides up to %llu", x->name,
                             tsgd_array_show(&shown, x), (unsigned long long)most);
    if (n[0] > UINT32_MAX || side[0] * side[1] * side[2] > TSGD_MOST_FEATURES)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: shape %s, want up to %u samples of up to %d "
                         "numbers", x->name, tsgd_array_show(&shown, x), UINT32_MAX,
                         TSGD_MOST_FEATURES);
    *out = (struct tsgd_shape){(uint32_t)side[0], (uint32_t)side[1], (uint32_t)side[2]};
    return TSGD_OK;
}

/* ---- another order ---- */

/* Where each number of a sample, as the file has it, belongs: place[features]. */
static void find_places(const struct tsgd_npy *a, struct tsgd_shape shape, uint32_t *place)
{
    uint64_t at[TSGD_NPY_RANK] = {0};   /* its indices; at[0] is the sample's and stays 0 */
    size_t features = tsgd_shape_size(shape);
    for (size_t f = 0; f < features; f++) {
        size_t to = 0;
        for (uint32_t i = 1; i < a->rank; i++)
            to = to * a->shape[i] + at[i];
        if (is_channels_last(a))
            to = (at[3] * shape.height + at[1]) * shape.width + at[2];
        place[f] = (uint32_t)to;
        for (uint32_t step = 1; step < a->rank; step++) {
            uint32_t i = a->fortran ? step : a->rank - step;
            if (++at[i] < a->shape[i])
                break;
            at[i] = 0;
        }
    }
}

/* to[s][place[f]] = from[s][f], or from[f][s] in Fortran's order, for all samples s; items of
 * `width` bytes.                                                                                */
static inline __attribute__((always_inline))
void move(unsigned char *to, const unsigned char *from, size_t samples, size_t features,
          const uint32_t *place, bool fortran, size_t width)
{
    enum { TILE = 64 };
    size_t tall = fortran ? 1 : features, wide = fortran ? samples : 1;
    for (size_t first = 0; first < samples; first += TILE)
        for (size_t f = 0; f < features; f++)
            for (size_t s = first; s < samples && s < first + TILE; s++)
                memcpy(to + (s * features + place[f]) * width, from + (s * tall + f * wide) * width,
                       width);
}

/* Whether numbers stand in the order of data sets already. */
static bool is_ordered(const struct tsgd_npy *a)
{
    return !is_channels_last(a) && (!a->fortran || a->rank == 1);
}

enum tsgd_status tsgd_array_places(const struct tsgd_npy *a, struct tsgd_shape shape,
                                   uint32_t **out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    *out = NULL;
    if (is_ordered(a))
        return TSGD_OK;
    TRY(TSGD_NEW(out, tsgd_shape_size(shape), a->name, err));
    find_places(a, shape, *out);
done:
    return st;
}

/* Brings what was read into the order of data sets; *items may be replaced. */
enum tsgd_status tsgd_array_order(const struct tsgd_npy *a, struct tsgd_shape shape, void **items,
                                  size_t width, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t features = tsgd_shape_size(shape), samples = a->shape[0];
    uint32_t *place = NULL;
    void *to = NULL;
    TRY(tsgd_array_places(a, shape, &place, err));
    if (!place)
        return TSGD_OK;
    TRY(tsgd_mem_check(samples * features * width, a->name, "use fewer samples", err));
    TRY(tsgd_alloc(&to, samples * features, width, a->name, err));
    if (width == 1)
        move(to, *items, samples, features, place, a->fortran, 1);
    else
        move(to, *items, samples, features, place, a->fortran, sizeof(float));
    free(*items);
    *items = to;
done:
    free(place);
    return st;
}

enum tsgd_status tsgd_array_finite(const struct tsgd_npy *a, const float *v, size_t width,
                                   struct tsgd_error *err)
{
    for (size_t i = 0; i < a->items; i++)
        if (!isfinite(v[i]))
            return tsgd_fail(err, TSGD_EFORMAT, "%s: sample %zu holds %s at %zu, want a number "
                             "that single precision can hold; put one where a value is missing, "
                             "or leave the sample out", a->name, i / width,
                             isnan(v[i]) ? "nan" : v[i] > 0 ? "inf" : "-inf", i % width);
    return TSGD_OK;
}
