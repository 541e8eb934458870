#include "data/sieve.h"

#include "base/mem.h"

enum tsgd_status tsgd_sieve_bytes(struct tsgd_samples *s, const struct tsgd_stream *stream,
                                  const struct tsgd_kept *kept, struct tsgd_tally *tally,
                                  struct tsgd_shape shape, const char *what,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t features = tsgd_shape_size(shape);
    uint32_t whole = s->count, count = kept ? kept->count : whole;
    uint8_t *spare = NULL, *to;
    if (kept)
        tsgd_samples_keep(s, kept, features, 0);
    TRY(tsgd_mem_check(tsgd_mul(count, features), what, "use fewer samples", err));
    TRY(TSGD_NEW(&s->bytes, count * features, what, err));
    if (tally)
        TRY(TSGD_NEW(&spare, features, what, err));
    to = s->bytes;
    for (uint32_t i = 0; i < whole; i++) {
        bool stays = !kept || tsgd_kept_has(kept, i);
        uint8_t *at = stays ? to : spare;
        TRY(stream->next(stream->from, i, at, err));
        if (tally)
            tsgd_tally_add(tally, at);
        to += stays ? features : 0;
    }
done:
    free(spare);
    return st;
}

void tsgd_sieve_release(struct tsgd_sieve *s)
{
    tsgd_kept_release(&s->train);
    tsgd_kept_release(&s->test);
    tsgd_tally_release(&s->tally);
}
