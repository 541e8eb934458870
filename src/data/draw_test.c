#include "data/draw_test.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

/* One array of samples: where they lie, and the bytes of one. */
struct column {
    void **from, **to;
    size_t bytes;
};

/* The arrays of `from`, and those of `to` that take some of their samples. */
static size_t list_columns(struct tsgd_samples *from, struct tsgd_samples *to, size_t features,
                           uint32_t outputs, struct column out[4])
{
    const struct column all[] = {
        {(void **)&from->bytes, (void **)&to->bytes, features * sizeof *from->bytes},
        {(void **)&from->floats, (void **)&to->floats, features * sizeof *from->floats},
        {(void **)&from->labels, (void **)&to->labels, sizeof *from->labels},
        {(void **)&from->targets, (void **)&to->targets, outputs * sizeof *from->targets},
    };
    size_t n = 0;
    for (size_t i = 0; i < 4; i++)
        if (*all[i].from)
            out[n++] = all[i];
    return n;
}

/* Moves what is taken of a column, and closes the gaps that it leaves. */
static void divide(const struct column *c, const bool *taken, uint32_t count)
{
    unsigned char *from = *c->from, *to = *c->to, *kept = from;
    for (uint32_t i = 0; i < count; i++, from += c->bytes) {
        if (taken[i]) {
            memcpy(to, from, c->bytes);
            to += c->bytes;
        } else {
            memmove(kept, from, c->bytes);
            kept += c->bytes;
        }
    }
}

static uint64_t length(const struct tsgd_sparse *s, uint32_t i)
{
    return s->start[i + 1] - s->start[i];
}

static void divide_sparse(struct tsgd_sparse *from, struct tsgd_sparse *to, const bool *taken,
                          uint32_t count)
{
    uint64_t kept = 0, moved = 0;
    uint32_t n_kept = 0, n_moved = 0;
    for (uint32_t i = 0; i < count; i++) {
        /* Starts are rewritten behind the one that is looked at. */
        uint64_t begin = from->start[i], n = length(from, i);
        if (taken[i]) {
            memcpy(to->column + moved, from->column + begin, n * sizeof *to->column);
            memcpy(to->value + moved, from->value + begin, n * sizeof *to->value);
            to->start[n_moved++] = moved;
            moved += n;
        } else {
            memmove(from->column + kept, from->column + begin, n * sizeof *from->column);
            memmove(from->value + kept, from->value + begin, n * sizeof *from->value);
            from->start[n_kept++] = kept;
            kept += n;
        }
    }
    to->start[n_moved] = moved;
    from->start[n_kept] = kept;
}

enum tsgd_status tsgd_draw_test(struct tsgd_dataset *d, double share, uint64_t seed,
                                struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    share = share > 0 ? share : TSGD_TEST_SHARE;
    struct tsgd_samples test = {.count = (uint32_t)llround(share * d->train.count)};
    struct tsgd_sparse *sparse = d->train.sparse.start ? &d->train.sparse : NULL;
    struct tsgd_rng r = tsgd_rng(seed, TSGD_RNG_TEST_SHARE, 0, 0);
    struct column column[4];
    uint64_t entries = 0;
    bool *taken = NULL;
    uint32_t count = d->train.count;
    if (test.count == 0 || test.count >= count)
        TRY(tsgd_fail(err, TSGD_EINVAL, "test samples: a share of %g of %u leaves none for %s; "
                      "want at least one for each", share, count,
                      test.count ? "training" : "the test"));
    size_t n = list_columns(&d->train, &test, tsgd_shape_size(d->shape), d->outputs, column);
    TRY(TSGD_NEW(&taken, count, "test samples", err));
    tsgd_rng_mark(&r, taken, count, test.count);
    for (size_t i = 0; i < n; i++)
        TRY(tsgd_alloc(column[i].to, test.count, column[i].bytes, "test samples", err));
    for (uint32_t i = 0; sparse && i < count; i++)
        entries += taken[i] ? length(sparse, i) : 0;
    if (sparse) {
        TRY(TSGD_NEW(&test.sparse.start, (size_t)test.count + 1, "test samples", err));
        TRY(TSGD_NEW(&test.sparse.column, entries, "test samples", err));
        TRY(TSGD_NEW(&test.sparse.value, entries, "test samples", err));
    }
    for (size_t i = 0; i < n; i++)
        divide(&column[i], taken, count);
    if (sparse)
        divide_sparse(sparse, &test.sparse, taken, count);
    d->train.count -= test.count;
    d->test = test;
    d->test_share = share;
    d->test_seed = seed;
    test = (struct tsgd_samples){.count = 0};
done:
    tsgd_samples_release(&test);
    free(taken);
    return st;
}
