/* data/hold_out.c: validation samples, taken out of every node's shard. */
#include "base/mem.h"
#include "base/rng.h"
#include "data/partition.h"

#include <string.h>

/* How many of its `size` samples a node gives, when the nodes before it gave `given` of `seen`. */
static uint32_t quota(double share, uint64_t seen, uint64_t given, uint32_t size)
{
    uint64_t due = (uint64_t)(share * (double)(seen + size) + 0.5);
    uint64_t count = due > given ? due - given : 0;
    return size == 0 ? 0 : count < size ? (uint32_t)count : size - 1;
}

enum tsgd_status tsgd_split_hold_out(struct tsgd_split *s, double share, uint64_t seed,
                                     uint32_t **held, uint32_t *n_held, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t samples = s->start[s->nodes], given = 0, kept = 0, begin = 0, *out = NULL;
    bool *taken = NULL;
    TRY(TSGD_NEW(&out, samples, "validation samples", err));
    TRY(TSGD_NEW(&taken, samples, "validation samples", err));
    for (uint32_t i = 0; i < s->nodes; i++) {
        uint32_t end = s->start[i + 1], size = end - begin;
        struct tsgd_rng r = tsgd_rng(seed, TSGD_RNG_VALIDATION, i, 0);
        memset(taken, 0, size * sizeof *taken);
        tsgd_rng_mark(&r, taken, size, quota(share, begin, given, size));
        for (uint32_t j = 0; j < size; j++) {
            uint32_t sample = s->index[begin + j];
            if (taken[j])
                out[given++] = sample;
            else
                s->index[kept++] = sample;
        }
        begin = end;
        s->start[i + 1] = kept;
    }
    if (given == 0)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--validation: %g of %u samples on %u nodes leaves none to "
                      "hold out; use a larger share or more samples", share, samples, s->nodes));
    TRY(tsgd_split_rehash(s, err));
    *held = out;
    *n_held = given;
    out = NULL;
done:
    free(out);
    free(taken);
    return st;
}
