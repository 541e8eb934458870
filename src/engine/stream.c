#include "engine/stream.h"

#include <assert.h>
#include <string.h>
#include <time.h>

/* A chunk is as large as a network likes it, or smaller where there are many ranks: so all buffers
 * of rank 0 take at most 64 MiB up to 512 ranks, and 128 KiB a rank beyond.                     */
enum { MOST_CHUNK = 1 << 20, LEAST_CHUNK = 1 << 16, MOST_BUFFERS = 1 << 26 };

static size_t chunk_bytes(uint32_t ranks)
{
    size_t share = (size_t)MOST_BUFFERS / 2 / ranks / 128 * 128;
    return share > MOST_CHUNK ? MOST_CHUNK : share < LEAST_CHUNK ? LEAST_CHUNK : share;
}

enum tsgd_status tsgd_stream_init(struct stream *s, struct tsgd_transport *transport,
                                  uint64_t label, struct tsgd_holding *holding,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char *buffer = NULL;
    if (!transport)
        return TSGD_OK;
    s->transport = transport;
    s->label = label;
    s->chunk = chunk_bytes(transport->ranks);
    s->lines = transport->rank == 0 ? transport->ranks - 1 : 1;
    TRY(TSGD_HOLD(holding, &s->line, s->lines, "checkpoints", err));
    TRY(tsgd_hold_map(holding, (void **)&buffer, tsgd_mul(s->lines, 2 * s->chunk), "checkpoints",
                      err));
    for (uint32_t i = 0; s->line && i < s->lines; i++)
        s->line[i].buffer = buffer + (size_t)2 * i * s->chunk;
done:
    return st;
}

/* ---- the writer's ---- */

static size_t chunk_length(const struct stream *s, const struct line *l, uint64_t i)
{
    uint64_t left = l->bytes - i * s->chunk;
    return left < s->chunk ? (size_t)left : s->chunk;
}

static uint64_t chunks(const struct stream *s, const struct line *l)
{
    return (l->bytes + s->chunk - 1) / s->chunk;
}

/* Chunks up to `end` may be posted. */
static void allow(struct stream *s, struct line *l, uint64_t end)
{
    /* Relaxed: this writer's own count. */
    uint64_t due = atomic_load_explicit(&l->due, memory_order_relaxed), all = chunks(s, l);
    end = end < all ? end : all;
    if (end <= due)
        return;
    atomic_store_explicit(&l->due, end, memory_order_release);
    atomic_fetch_add_explicit(&s->waiting, end - due, memory_order_release);
}

/* Waits until so many chunks have gone through buffer b. The writer has time, and others look too
 * as long as the training goes on.                                                              */
static void await(struct stream *s, struct line *l, uint64_t b, uint64_t many)
{
    const struct timespec a_while = {.tv_nsec = 50000};
    while (atomic_load_explicit(&l->done[b], memory_order_acquire) < many) {
        s->look(s->network);
        /* Relaxed: the loop asks again. */
        if (atomic_load_explicit(&l->done[b], memory_order_relaxed) < many)
            nanosleep(&a_while, NULL);
    }
}

void tsgd_stream_begin(struct stream *s, const uint64_t *bytes)
{
    bool takes = s->transport->rank == 0;
    for (uint32_t i = 0; i < s->lines; i++) {
        struct line *l = &s->line[i];
        l->bytes = bytes[takes ? i + 1 : s->transport->rank];
        l->at = l->posted = 0;
        for (int b = 0; b < 2; b++)
            atomic_store_explicit(&l->done[b], 0, memory_order_relaxed);
        atomic_store_explicit(&l->due, 0, memory_order_relaxed);
    }
    s->last = NULL;
    for (uint32_t i = 0; takes && i < s->lines; i++)    /* whoever looks now sees the above */
        allow(s, &s->line[i], 2);
}

const void *tsgd_stream_take(struct stream *s, uint32_t rank, size_t *bytes)
{
    struct line *l = &s->line[rank - 1];
    if (s->last)                        /* what was given before is read no more */
        allow(s, s->last, s->last->at / s->chunk + 2);
    s->last = l;
    assert(l->at < l->bytes);
    uint64_t i = l->at / s->chunk;
    size_t from = l->at % s->chunk, left = chunk_length(s, l, i) - from;
    await(s, l, i & 1, i / 2 + 1);
    *bytes = *bytes < left ? *bytes : left;
    l->at += *bytes;
    return l->buffer + (i & 1) * s->chunk + from;
}

void tsgd_stream_take_all(struct stream *s, uint32_t rank, void *out, size_t bytes)
{
    for (size_t n; bytes > 0; bytes -= n) {
        n = bytes;
        const void *from = tsgd_stream_take(s, rank, &n);
        memcpy(out, from, n);
        out = (char *)out + n;
    }
}

void tsgd_stream_put(struct stream *s, const void *data, size_t bytes)
{
    struct line *l = &s->line[0];
    assert(bytes <= l->bytes - l->at);
    for (size_t n; bytes > 0; bytes -= n) {
        uint64_t i = l->at / s->chunk;
        size_t from = l->at % s->chunk, room = chunk_length(s, l, i) - from;
        if (from == 0)
            await(s, l, i & 1, i / 2);
        n = bytes < room ? bytes : room;
        memcpy(l->buffer + (i & 1) * s->chunk + from, data, n);
        data = (const char *)data + n;
        l->at += n;
        if (n == room)
            allow(s, l, i + 1);
    }
}

void tsgd_stream_end(struct stream *s)
{
    for (uint32_t i = 0; i < s->lines; i++) {
        struct line *l = &s->line[i];
        uint64_t all = chunks(s, l);
        while (s->transport->rank == 0 && l->at < l->bytes) {
            size_t n = SIZE_MAX;
            (void)tsgd_stream_take(s, i + 1, &n);
        }
        assert(l->at == l->bytes);
        await(s, l, 0, (all + 1) / 2);
        await(s, l, 1, all / 2);
    }
}

/* ---- for whoever looks ---- */

void tsgd_stream_post(struct stream *s)
{
    struct tsgd_transport *t = s->transport;
    /* Acquire, pairs with the release in allow: without it a line may show what it was in the
     * stream before.                                                                            */
    if (!atomic_load_explicit(&s->waiting, memory_order_acquire))
        return;
    for (uint32_t i = 0; i < s->lines; i++) {
        struct line *l = &s->line[i];
        uint64_t due = atomic_load_explicit(&l->due, memory_order_acquire), n = 0;
        for (; l->posted < due; l->posted++, n++) {
            uint64_t b = l->posted & 1, label = s->label + (b << 32) + i;
            char *buffer = l->buffer + b * s->chunk;
            size_t bytes = chunk_length(s, l, l->posted);
            if (t->rank == 0)
                t->ops->receive(t, i + 1, TSGD_CHANNEL_FILES, 0, buffer, bytes, label);
            else
                t->ops->send(t, 0, TSGD_CHANNEL_FILES, 0, buffer, bytes, label);
        }
        if (n)
            atomic_fetch_sub_explicit(&s->waiting, n, memory_order_relaxed);
    }
}

void tsgd_stream_done(struct stream *s, uint64_t label)
{
    uint64_t which = label - s->label;
    atomic_fetch_add_explicit(&s->line[(uint32_t)which].done[which >> 32], 1, memory_order_release);
}
