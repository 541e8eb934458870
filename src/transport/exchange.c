#include "transport/exchange.h"

#include "base/clock.h"

enum { AT_ONCE = 4, LEAST_ROUNDS = 8, MOST_ROUNDS = 200, NAP_NS = 20000 };

/* Bytes that go either way, unless that is too few or too many rounds. */
#define ENOUGH ((size_t)64 << 20)

size_t tsgd_exchange_room(size_t bytes) { return 2 * AT_ONCE * bytes; }

/* Like a worker that has nothing else to do, it naps where nothing has come. */
static void exchange(struct tsgd_transport *t, size_t bytes, char *room)
{
    uint64_t label[2 * AT_ONCE];
    uint32_t other = 1 - t->rank;
    size_t done = 0;
    for (uint32_t i = 0; i < AT_ONCE; i++) {
        t->ops->receive(t, other, TSGD_CHANNEL_ROWS, i, room + i * bytes, bytes, i);
        t->ops->send(t, other, TSGD_CHANNEL_ROWS, i, room + (AT_ONCE + i) * bytes, bytes,
                     AT_ONCE + i);
    }
    while (done < 2 * AT_ONCE) {
        size_t n = t->ops->look(t, label, 2 * AT_ONCE);
        if (n == 0)
            nanosleep(&(struct timespec){0, NAP_NS}, NULL);
        done += n;
    }
}

double tsgd_exchange_seconds(struct tsgd_transport *t, size_t bytes, char *room)
{
    size_t rounds = ENOUGH / (AT_ONCE * bytes);
    rounds = rounds < LEAST_ROUNDS ? LEAST_ROUNDS : rounds > MOST_ROUNDS ? MOST_ROUNDS : rounds;
    exchange(t, bytes, room);           /* warm up: connections are made */
    uint64_t start = tsgd_thread_cpu_ns();
    for (size_t i = 0; i < rounds; i++)
        exchange(t, bytes, room);
    return 1e-9 * (double)(tsgd_thread_cpu_ns() - start) / (double)(2 * AT_ONCE * rounds);
}
