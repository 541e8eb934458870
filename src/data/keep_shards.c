/* data/keep_shards.c: of a split, the samples of the nodes that are here. */
#include "base/mem.h"
#include "data/partition.h"

enum tsgd_status tsgd_split_keep(struct tsgd_split *s, const struct tsgd_ranks *ranks,
                                 const struct tsgd_kept *kept, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t used = 0;
    assert(!s->at && s->nodes == ranks->nodes);
    TRY(TSGD_NEW(&s->at, s->nodes, "split", err));
    for (uint32_t i = 0; i < s->nodes; i++) {
        s->at[i] = TSGD_ELSEWHERE;
        if (!tsgd_is_here(ranks, i))
            continue;
        s->at[i] = used;
        /* What is written never overtakes what is read. */
        for (uint32_t j = s->start[i]; j < s->start[i + 1]; j++)
            s->index[used++] = tsgd_kept_place(kept, s->index[j]);
    }
    s->n_index = used;
    tsgd_shrink((void **)&s->index, used, sizeof *s->index);
done:
    return st;
}
