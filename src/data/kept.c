#include "data/kept.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

static size_t words(const struct tsgd_kept *k) { return ((size_t)k->whole + 63) / 64; }

enum tsgd_status tsgd_kept_init(struct tsgd_kept *out, uint32_t whole, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_kept k = {.whole = whole};
    TRY(TSGD_NEW(&k.mark, words(&k), "the samples that are kept", err));
    TRY(TSGD_NEW(&k.before, words(&k), "the samples that are kept", err));
    *out = k;
    k = (struct tsgd_kept)TSGD_KEPT_INIT;
done:
    tsgd_kept_release(&k);
    return st;
}

void tsgd_kept_mark_range(struct tsgd_kept *k, uint32_t begin, uint32_t end)
{
    for (uint32_t i = begin; i < end; i++)
        tsgd_kept_mark(k, i);
}

void tsgd_kept_count(struct tsgd_kept *k)
{
    k->count = 0;
    for (size_t w = 0; w < words(k); w++) {
        k->before[w] = k->count;
        k->count += (uint32_t)__builtin_popcountll(k->mark[w]);
    }
}

void tsgd_kept_release(struct tsgd_kept *k)
{
    free(k->mark);
    free(k->before);
    *k = (struct tsgd_kept)TSGD_KEPT_INIT;
}

/* Of an array with `bytes` for each sample. */
static void keep(void *array, const struct tsgd_kept *k, size_t bytes)
{
    unsigned char **at = array, *to = *at;
    if (!*at)
        return;
    for (uint32_t i = 0; i < k->whole; i++) {
        if (!tsgd_kept_has(k, i))
            continue;
        memmove(to, *at + i * bytes, bytes);
        to += bytes;
    }
    tsgd_shrink(array, k->count, bytes);
}

static void keep_sparse(struct tsgd_sparse *s, const struct tsgd_kept *k)
{
    uint64_t used = 0;
    uint32_t n = 0;
    if (!s->start)
        return;
    for (uint32_t i = 0; i < k->whole; i++) {
        /* Starts are rewritten behind the one that is looked at. */
        uint64_t begin = s->start[i], count = s->start[i + 1] - begin;
        if (!tsgd_kept_has(k, i))
            continue;
        memmove(s->column + used, s->column + begin, count * sizeof *s->column);
        memmove(s->value + used, s->value + begin, count * sizeof *s->value);
        s->start[n++] = used;
        used += count;
    }
    s->start[n] = used;
    tsgd_shrink((void **)&s->start, (size_t)n + 1, sizeof *s->start);
    tsgd_shrink((void **)&s->column, used, sizeof *s->column);
    tsgd_shrink((void **)&s->value, used, sizeof *s->value);
}

void tsgd_samples_keep(struct tsgd_samples *s, const struct tsgd_kept *k, size_t features,
                       uint32_t outputs)
{
    assert(s->count == k->whole);
    keep(&s->bytes, k, features * sizeof *s->bytes);
    keep(&s->floats, k, features * sizeof *s->floats);
    keep(&s->labels, k, sizeof *s->labels);
    keep(&s->targets, k, outputs * sizeof *s->targets);
    keep_sparse(&s->sparse, k);
    s->count = k->count;
}
