/* tests/model/explorer/stream.c: engine/stream.c, three chunks through two buffers, in a stream
 * that follows another one. Who would have to wait gives up: in other executions it need not.   */
#include "explorer.h"

#include "base/mem.h"

#include <assert.h>
#include <setjmp.h>
#include <string.h>
#include <time.h>

static jmp_buf out;
static void fills(void *to);
#define memcpy(to, from, n) fills(to)
#define nanosleep(time, rest) longjmp(out, 1)
#include "engine/stream.c"
#undef memcpy
#undef nanosleep

enum { CHUNK = 16, STREAM_CHUNKS = 3 };

static struct stream s;
static struct line l;
static char buffer[2 * CHUNK];
static int posted;

/* What the network does with a chunk, it does at once. */
static void post(uint64_t label)
{
    if (++posted > STREAM_CHUNKS)
        explorer_wrong("more chunks are posted than there are");
    tsgd_stream_done(&s, label);
}

static void sends(struct tsgd_transport *t, uint32_t to, enum tsgd_channel channel, uint32_t tag,
                  const void *data, size_t bytes, uint64_t label)
{
    (void)t, (void)to, (void)channel, (void)tag, (void)bytes;
    explorer_read(data, "a chunk is sent while it is filled");
    post(label);
}

static void receives(struct tsgd_transport *t, uint32_t from, enum tsgd_channel channel,
                     uint32_t tag, void *data, size_t bytes, uint64_t label)
{
    (void)t, (void)from, (void)channel, (void)tag, (void)bytes;
    explorer_write(data, "a chunk comes while it is read");
    post(label);
}

static const struct tsgd_transport_ops ops = {.send = sends, .receive = receives};
static struct tsgd_transport transport = {.ops = &ops, .ranks = 2};

static void looks(void *network) { (void)network; }

static void fills(void *to) { explorer_write(to, "a chunk is sent while it is filled"); }

static void begin_as(uint32_t rank)
{
    transport.rank = rank;
    l = (struct line){.buffer = buffer, .posted = 2};
    s = (struct stream){.transport = &transport, .chunk = CHUNK, .lines = 1, .line = &l,
                        .look = looks};
    posted = 0;
    atomic_init(&l.due, 2);             /* of the stream before */
    atomic_init(&l.done[0], 1);
    atomic_init(&l.done[1], 1);
    atomic_init(&s.waiting, 0);
}

static void begin_sender(void) { begin_as(1); }
static void begin_receiver(void) { begin_as(0); }

static const uint64_t bytes[2] = {0, STREAM_CHUNKS * CHUNK};

static void puts_all(void)
{
    if (setjmp(out))
        return;
    tsgd_stream_begin(&s, bytes);
    for (int i = 0; i < STREAM_CHUNKS; i++)
        tsgd_stream_put(&s, buffer, CHUNK);
}

static void takes_all(void)
{
    if (setjmp(out))
        return;
    tsgd_stream_begin(&s, bytes);
    for (int i = 0; i < STREAM_CHUNKS; i++) {
        size_t n = CHUNK;
        explorer_read(tsgd_stream_take(&s, 1, &n), "a chunk comes while it is read");
    }
}

static void posts(void)
{
    for (int i = 0; i < STREAM_CHUNKS; i++)
        tsgd_stream_post(&s);
}

const struct program programs_of_stream[] = {
    {"a rank fills chunks, the look sends them", begin_sender, {puts_all, posts}, NULL},
    {"the look receives chunks, the first rank reads them", begin_receiver, {takes_all, posts},
     NULL},
    {0},
};
