/* engine/stream.h: bytes that rank 0 gets from each of the other ranks, for a file that it writes
 * for all. Both sides know how many bytes come, and in which order; so nobody asks for any, and
 * rank 0 holds no more of another rank's than two chunks at a time.
 *
 *     D1  A rank's bytes are cut into chunks of s->chunk bytes, the last one perhaps shorter. Chunk
 *         i goes through buffer i & 1 on both sides.
 *     D2  Who reads or fills the stream (the writer of checkpoints) says by `due` which chunks may
 *         be posted: a receive when the bytes that its buffer held before are used up, a send when
 *         its buffer is full. Whoever looks at the network posts them, in order.
 *     D3  A chunk counts in `done` of its buffer when its message is complete. Only then is a
 *         received one read, or the buffer of one that was sent filled again.
 *
 * Ownership: init takes, release gives back. Threads: begin, take, put and end are the writer's;
 * post and done are for whoever holds the look at the network.                                  */
#ifndef TSGD_ENGINE_STREAM_H
#define TSGD_ENGINE_STREAM_H

#include "base/mem.h"
#include "transport/transport.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

/* From one other rank to rank 0. */
struct line {
    char *buffer;               /* [2][chunk] */
    uint64_t bytes, at;         /* how many come; that have been taken, or put. The writer's */
    uint64_t posted;            /* chunks; of whoever looks */
    /* D2. Release, pairs with the acquire of whoever looks: the buffer is full, or is read no more.
     * Without it the network sends half a chunk, or overwrites one that is being written to the
     * file.                                                                                     */
    alignas(128) _Atomic uint64_t due;
    /* D3, [2]. Release, pairs with the writer's acquire: what has been received is seen whole, and
     * what is sent is no longer read.                                                           */
    alignas(128) _Atomic uint64_t done[2];
};

struct stream {
    struct tsgd_transport *transport;   /* NULL: there are no other ranks */
    uint64_t label;             /* of a message of line i through buffer b: label + b << 32 + i */
    size_t chunk;
    uint32_t lines;             /* rank 0: to each other rank; others: to rank 0 */
    struct line *line;          /* [lines] of rank i + 1; or of this one */
    struct line *last;          /* whose bytes take has given */
    alignas(128) _Atomic uint64_t waiting;      /* chunks that are due and not posted */
    /* Looks once at the network, unless somebody else does. */
    void (*look)(void *network);
    void *network;
};

/* With a holding that counts, only what it would take. TSGD_ENOMEM. */
enum tsgd_status tsgd_stream_init(struct stream *s, struct tsgd_transport *transport,
                                  uint64_t label, struct tsgd_holding *holding,
                                  struct tsgd_error *err);

/* ---- the writer's ---- */

/* bytes: [ranks] that come from each. */
void tsgd_stream_begin(struct stream *s, const uint64_t *bytes);

/* On rank 0: the next bytes of `rank`, at most *bytes, which then says how many; there must be some
 * left. They are valid until the next call.                                                     */
const void *tsgd_stream_take(struct stream *s, uint32_t rank, size_t *bytes);

/* .. a whole object of them. */
void tsgd_stream_take_all(struct stream *s, uint32_t rank, void *out, size_t bytes);

/* On another rank: the next bytes for rank 0. */
void tsgd_stream_put(struct stream *s, const void *data, size_t bytes);

/* On rank 0: lets what has not been taken pass. On another rank, where all has been put: waits
 * until it has been sent.                                                                       */
void tsgd_stream_end(struct stream *s);

/* ---- for whoever looks ---- */

/* Posts what is due. */
void tsgd_stream_post(struct stream *s);

/* A message of this label is complete. */
void tsgd_stream_done(struct stream *s, uint64_t label);

#endif
