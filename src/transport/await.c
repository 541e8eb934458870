#include "transport/await.h"

#include "base/clock.h"

#include <sched.h>

/* Looks before a waiting rank naps: an answer comes soon, or somebody has much to do. */
enum { PATIENCE = 2000, NAP_NS = 50000, MOST_BYTES = 1 << 30, TRIPS = 16 };

static void await(struct tsgd_transport *t)
{
    const struct timespec nap = {.tv_nsec = NAP_NS};
    uint64_t label;
    for (uint32_t looks = 0; t->ops->look(t, &label, 1) == 0; looks++)
        if (looks < PATIENCE)
            sched_yield();
        else
            nanosleep(&nap, NULL);
}

static size_t piece(size_t bytes) { return bytes < MOST_BYTES ? bytes : MOST_BYTES; }

void tsgd_await_send(struct tsgd_transport *t, uint32_t to, const void *data, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += piece(bytes - at)) {
        t->ops->send(t, to, TSGD_CHANNEL_FILES, 0, (const char *)data + at, piece(bytes - at), 0);
        await(t);
    }
}

void tsgd_await_receive(struct tsgd_transport *t, uint32_t from, void *data, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += piece(bytes - at)) {
        t->ops->receive(t, from, TSGD_CHANNEL_FILES, 0, (char *)data + at, piece(bytes - at), 0);
        await(t);
    }
}

/* Rank 0 finds how far another one's clock is ahead, and tells it. */
static void ask(struct tsgd_transport *t, uint32_t rank)
{
    struct tsgd_clock_offset best = {.error = UINT64_MAX};
    char ping = 0;
    for (int i = 0; i < TRIPS; i++) {
        uint64_t theirs, begin = tsgd_now_ns();
        tsgd_await_send(t, rank, &ping, sizeof ping);
        tsgd_await_receive(t, rank, &theirs, sizeof theirs);
        uint64_t half = (tsgd_now_ns() - begin + 1) / 2;
        if (half < best.error)
            best = (struct tsgd_clock_offset){(int64_t)(theirs - begin - half), half};
    }
    tsgd_await_send(t, rank, &best, sizeof best);
}

static struct tsgd_clock_offset answer(struct tsgd_transport *t)
{
    struct tsgd_clock_offset told;
    char ping;
    for (int i = 0; i < TRIPS; i++) {
        tsgd_await_receive(t, 0, &ping, sizeof ping);
        uint64_t now = tsgd_now_ns();
        tsgd_await_send(t, 0, &now, sizeof now);
    }
    tsgd_await_receive(t, 0, &told, sizeof told);
    return told;
}

struct tsgd_clock_offset tsgd_compare_clocks(struct tsgd_transport *t)
{
    if (t->rank != 0)
        return answer(t);
    for (uint32_t rank = 1; rank < t->ranks; rank++)
        ask(t, rank);
    return (struct tsgd_clock_offset){0, 0};
}
