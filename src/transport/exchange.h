/* transport/exchange.h: what a message costs a rank's worker, tried out between the first two. */
#ifndef TSGD_TRANSPORT_EXCHANGE_H
#define TSGD_TRANSPORT_EXCHANGE_H

#include "transport/transport.h"

/* Before a training; ranks 0 and 1 must come to it, with the same number of bytes, 1 to INT32_MAX.
 * Seconds of the CPU, of the calling rank, for a message that is sent or received, when four at a
 * time go either way. room: tsgd_exchange_room of the bytes.                                    */
double tsgd_exchange_seconds(struct tsgd_transport *t, size_t bytes, char *room);
size_t tsgd_exchange_room(size_t bytes);

#endif
