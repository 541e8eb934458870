/* Which crops and flips are drawn; test_decode.c says what they look like. */
#include "data/augment.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(augment, .timeout = 120);

enum { SIDE = 9, CELLS = SIDE * SIDE, COUNT = 32, BATCHES = 4000 };

static struct tsgd_batcher batcher(enum tsgd_augment augment)
{
    return (struct tsgd_batcher){.size = COUNT, .seed = 42, .augment = augment};
}

static uint32_t cell(struct tsgd_view v)
{
    return (uint32_t)((v.down + 4) * SIDE + v.right + 4);
}

/* Chi-square of counts that should be equal, in deviations from its mean. */
static double surprise(const uint32_t *count, uint32_t cells, double draws)
{
    double chi = 0, want = draws / cells;
    for (uint32_t i = 0; i < cells; i++)
        chi += (count[i] - want) * (count[i] - want) / want;
    return (chi - (cells - 1)) / sqrt(2.0 * (cells - 1));
}

Test(augment, shifts_and_flips_are_uniform_and_independent)
{
    uint32_t count[2 * CELLS] = {0};
    struct tsgd_batcher m = batcher(TSGD_AUGMENT_CROP_FLIP);
    struct tsgd_view v[COUNT];
    for (uint64_t b = 0; b < BATCHES; b++) {
        tsgd_augment_draw(&m, 3, b, COUNT, v);
        for (int s = 0; s < COUNT; s++) {
            cr_assert(v[s].down >= -4 && v[s].down <= 4 && v[s].right >= -4 && v[s].right <= 4);
            count[2 * cell(v[s]) + v[s].flip]++;
        }
    }
    cr_expect(fabs(surprise(count, 2 * CELLS, COUNT * BATCHES)) < 5, "%g",
              surprise(count, 2 * CELLS, COUNT * BATCHES));
}

/* Whether views at neighbouring positions, batches or nodes know of each other. */
Test(augment, neighbours_are_independent)
{
    static uint32_t count[3][CELLS * CELLS];
    struct tsgd_batcher m = batcher(TSGD_AUGMENT_CROP);
    const double draws = BATCHES * (COUNT - 1);
    for (uint64_t b = 0; b < BATCHES; b++) {
        struct tsgd_view v[COUNT], next[COUNT], other[COUNT];
        tsgd_augment_draw(&m, 3, b, COUNT, v);
        tsgd_augment_draw(&m, 3, b + 1, COUNT, next);
        tsgd_augment_draw(&m, 4, b, COUNT, other);
        for (int s = 0; s + 1 < COUNT; s++) {
            count[0][cell(v[s]) * CELLS + cell(v[s + 1])]++;
            count[1][cell(v[s]) * CELLS + cell(next[s])]++;
            count[2][cell(v[s]) * CELLS + cell(other[s])]++;
        }
    }
    for (int i = 0; i < 3; i++)
        cr_expect(fabs(surprise(count[i], CELLS * CELLS, draws)) < 5, "%d: %g", i,
                  surprise(count[i], CELLS * CELLS, draws));
}

Test(augment, what_was_not_asked_for_is_not_done)
{
    struct tsgd_view both[COUNT], crop[COUNT], flip[COUNT];
    struct tsgd_batcher m = batcher(TSGD_AUGMENT_CROP_FLIP), c = batcher(TSGD_AUGMENT_CROP);
    struct tsgd_batcher f = batcher(TSGD_AUGMENT_FLIP);
    tsgd_augment_draw(&m, 1, 2, COUNT, both);
    tsgd_augment_draw(&c, 1, 2, COUNT, crop);
    tsgd_augment_draw(&f, 1, 2, COUNT, flip);
    for (int s = 0; s < COUNT; s++) {
        cr_expect(!crop[s].flip && cell(crop[s]) == cell(both[s]), "the crop of %d", s);
        cr_expect(flip[s].flip == both[s].flip && !flip[s].down && !flip[s].right, "flip of %d", s);
    }
}

/* A worker may draw any part of a batch, and batches beyond 2^32. */
Test(augment, a_view_depends_on_seed_node_batch_and_position_alone)
{
    struct tsgd_view v[COUNT], w[COUNT];
    struct tsgd_batcher m = batcher(TSGD_AUGMENT_CROP), other = m;
    other.seed = 43;
    tsgd_augment_draw(&m, 1, 2, COUNT, v);
    tsgd_augment_draw(&m, 1, 2, 5, w);
    cr_expect(!memcmp(v, w, 5 * sizeof *v));
    const struct { struct tsgd_batcher m; uint32_t node; uint64_t b; } changed[] = {
        {other, 1, 2}, {m, 2, 2}, {m, 1, 3}, {m, 1, 2 + ((uint64_t)1 << 32)},
    };
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        tsgd_augment_draw(&changed[i].m, changed[i].node, changed[i].b, COUNT, w);
        cr_expect(memcmp(v, w, sizeof v), "%zu", i);
    }
}

Test(augment, names_are_read)
{
    static const char *const names[] = {"none", "crop", "flip", "crop-flip"};
    enum tsgd_augment a;
    struct tsgd_error err;
    for (int i = 0; i < 4; i++)
        cr_expect(tsgd_augment_parse(&a, names[i], NULL) == TSGD_OK && (int)a == i);
    cr_expect(tsgd_augment_parse(&a, "corp", &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "--augment: unknown 'corp'; did you mean 'crop'?"), "%s", err.text);
}

Test(augment, what_is_too_small_is_refused)
{
    struct tsgd_error err;
    cr_expect(tsgd_augment_check(TSGD_AUGMENT_CROP, (struct tsgd_shape){1, 5, 5}, NULL) == TSGD_OK);
    cr_expect(tsgd_augment_check(TSGD_AUGMENT_FLIP, (struct tsgd_shape){1, 2, 2}, NULL) == TSGD_OK);
    cr_expect(tsgd_augment_check(TSGD_AUGMENT_NONE, (struct tsgd_shape){1, 1, 9}, NULL) == TSGD_OK);
    cr_expect(tsgd_augment_check(TSGD_AUGMENT_CROP_FLIP, (struct tsgd_shape){3, 4, 9}, &err) ==
              TSGD_EINVAL);
    cr_expect(strstr(err.text, "samples of 3 x 4 x 9, want images of at least 5 x 5 to crop"), "%s",
              err.text);
    cr_expect(tsgd_augment_check(TSGD_AUGMENT_FLIP, (struct tsgd_shape){1, 1, 64}, &err) ==
              TSGD_EINVAL);
    cr_expect(strstr(err.text, "samples of 1 x 1 x 64, want images of at least 2 x 2 to flip"),
              "%s", err.text);
}
