/* transport/await.h: messages one after the other, before and after a training, when nobody else
 * uses the transport and nothing is posted: each call comes back when its message is complete.
 * Messages are cut into pieces where they are longer than a transport takes.
 * Threads: one at a time.                                                                       */
#ifndef TSGD_TRANSPORT_AWAIT_H
#define TSGD_TRANSPORT_AWAIT_H

#include "transport/transport.h"

/* Both sides know how many bytes there are. */
void tsgd_await_send(struct tsgd_transport *t, uint32_t to, const void *data, size_t bytes);
void tsgd_await_receive(struct tsgd_transport *t, uint32_t from, void *data, size_t bytes);

/* How far this rank's clock (tsgd_now_ns) is ahead of rank 0's, by the shortest of some round
 * trips, and how wrong that may be: by half of that trip. All ranks call it together; both are 0 on
 * rank 0.                                                                                       */
struct tsgd_clock_offset {
    int64_t ahead;              /* ns */
    uint64_t error;             /* ns */
};
struct tsgd_clock_offset tsgd_compare_clocks(struct tsgd_transport *t);

#endif
