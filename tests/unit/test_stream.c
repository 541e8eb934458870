/* Bytes that rank 0 gets from the others for a file: all of them, in order, whatever their number
 * and in whatever pieces they are put and taken, also when nobody takes them.                   */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/stream.h"
#include "sim/within.h"

enum { RANKS = 3, LABEL = 7 };

/* Two chunks, one less a byte, none, .. of each rank but the first, in streams one after the
 * other. Of the last one nothing is taken.                                                      */
enum { STREAMS = 5, CHUNK = 1 << 20 };
static const uint64_t bytes[STREAMS][RANKS] = {
    {0, 2 * CHUNK, 0},
    {0, 1, 3 * CHUNK - 1},
    {0, 5 * CHUNK + 1, 4 * CHUNK},
    {0, CHUNK, CHUNK + 77},
    {0, 3 * CHUNK + 5, 7 * CHUNK},
};

struct side {
    struct tsgd_transport *t;
    struct stream s;
    uint64_t wrong;             /* bytes */
};

/* What a rank's byte is: never the same a chunk or a rank further on. */
static unsigned char byte(size_t stream, uint32_t rank, uint64_t at)
{
    return (unsigned char)(at * 31 + (at >> 20) * 7 + (at >> 9) + 101 * rank + 13 * stream);
}

static void look(void *side)
{
    struct side *x = side;
    uint64_t label[8];
    tsgd_stream_post(&x->s);
    size_t n = x->t->ops->look(x->t, label, 8);
    for (size_t i = 0; i < n; i++)
        tsgd_stream_done(&x->s, label[i]);
}

static void put(struct side *x, size_t stream)
{
    static const size_t piece[] = {1, 4000, 333333, CHUNK + 9};
    uint64_t all = bytes[stream][x->t->rank], at = 0;
    unsigned char *data = malloc(CHUNK + 9);
    for (size_t i = 0; at < all; i++) {
        size_t n = piece[i % 4] < all - at ? piece[i % 4] : (size_t)(all - at);
        for (size_t j = 0; j < n; j++)
            data[j] = byte(stream, x->t->rank, at + j);
        tsgd_stream_put(&x->s, data, n);
        memset(data, 0, n);             /* what has been put is the stream's */
        at += n;
    }
    free(data);
}

/* From the ranks in turns, at most 123,457 bytes each. */
static void take(struct side *x, size_t stream)
{
    uint64_t at[RANKS] = {0}, left = 0;
    for (uint32_t r = 1; r < RANKS; r++)
        left += bytes[stream][r];
    for (uint32_t r = 1; left > 0; r = r + 1 == RANKS ? 1 : r + 1) {
        size_t n = 123457;
        if (at[r] == bytes[stream][r])
            continue;
        const unsigned char *data = tsgd_stream_take(&x->s, r, &n);
        cr_assert(n > 0 && n <= 123457 && n <= bytes[stream][r] - at[r]);
        for (size_t j = 0; j < n; j++)
            x->wrong += data[j] != byte(stream, r, at[r] + j);
        at[r] += n;
        left -= n;
    }
}

static void *go(void *side)
{
    struct side *x = side;
    struct tsgd_holding holding = TSGD_HOLDING_INIT;
    struct tsgd_error err;
    cr_assert(tsgd_stream_init(&x->s, x->t, LABEL, &holding, &err) == TSGD_OK, "%s", err.text);
    cr_assert(x->s.chunk == CHUNK);
    x->s.look = look;
    x->s.network = x;
    for (size_t i = 0; i < STREAMS; i++) {
        tsgd_stream_begin(&x->s, bytes[i]);
        if (x->t->rank > 0)
            put(x, i);
        else if (i + 1 < STREAMS)
            take(x, i);
        tsgd_stream_end(&x->s);
    }
    tsgd_holding_release(&holding);
    return NULL;
}

Test(stream, brings_all_bytes_in_order, .timeout = 120)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct within *w = within_create(RANKS, seed, 5);
        struct side side[RANKS] = {{.t = NULL}};
        pthread_t thread[RANKS];
        for (uint32_t r = 0; r < RANKS; r++) {
            side[r].t = within_rank(w, r);
            cr_assert(pthread_create(&thread[r], NULL, go, &side[r]) == 0);
        }
        for (uint32_t r = 0; r < RANKS; r++)
            pthread_join(thread[r], NULL);
        cr_assert(side[0].wrong == 0, "%lu bytes", (unsigned long)side[0].wrong);
        cr_assert(within_is_empty(w));
        within_free(w);
    }
}

/* However many ranks there are, rank 0 gives their bytes at most 64 MiB, or 128 KiB a rank. */
Test(stream, takes_little_memory)
{
    static const uint32_t ranks[] = {2, 32, 33, 512, 1024, 100000};
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        struct tsgd_transport t = {.rank = 0, .ranks = ranks[i]};
        struct tsgd_holding holding = TSGD_HOLDING_COUNT;
        struct stream s = {.transport = NULL};
        cr_assert(tsgd_stream_init(&s, &t, LABEL, &holding, NULL) == TSGD_OK);
        size_t most = 64 << 20, each = (size_t)ranks[i] << 17;
        size_t words = ranks[i] * sizeof(struct line);
        cr_assert(holding.bytes <= (most > each ? most : each) + words, "%u ranks: %zu bytes",
                  ranks[i], holding.bytes);
    }
}
