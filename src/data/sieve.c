#include "data/sieve.h"

#include "base/mem.h"

enum tsgd_status tsgd_sieve_choose(struct tsgd_sieve *s, const struct tsgd_dataset *d,
                                   struct tsgd_error *err)
{
    if (!s)
        return TSGD_OK;
    s->chosen = true;
    return s->choose(s, d, err);
}

enum tsgd_status tsgd_sieve_bytes(const struct tsgd_dataset *d, struct tsgd_samples *s,
                                  const struct tsgd_stream *stream, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_kept *kept = stream->kept;
    size_t features = tsgd_shape_size(d->shape), room = 0;
    uint32_t whole = s->count, count = kept ? kept->count : whole;
    uint8_t *spare = NULL, *to;
    if (kept)
        tsgd_samples_keep(s, kept, features, d->outputs);
    /* The system gives it page by page, as samples come, whatever a header promises. */
    TRY(tsgd_grow((void **)&s->bytes, &room, tsgd_mul(count, features), 1, stream->what,
                  "use fewer samples", err));
    if (stream->tally)
        TRY(TSGD_NEW(&spare, features, stream->what, err));
    to = s->bytes;
    for (uint32_t i = 0; i < whole; i++) {
        bool stays = !kept || tsgd_kept_has(kept, i);
        uint8_t *at = stays ? to : spare;
        TRY(stream->next(stream->from, i, at, err));
        if (stream->tally)
            tsgd_tally_add(stream->tally, at);
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
