/* tests/sim/within.h: ranks of one run within one process: a transport (transport/transport.h)
 * whose messages are late and come in any order that MPI allows. Most small ones, and some others,
 * are copied when they are sent, and are then complete for the sender; the rest are read from its
 * buffer when they arrive, late, so that a buffer that is given up too early is noticed.
 * Ownership: whoever creates it frees it, when no rank uses it. Threads: as the interface says, a
 * lock a rank; ranks at once.                                                                   */
#ifndef TSGD_SIM_WITHIN_H
#define TSGD_SIM_WITHIN_H

#include "transport/transport.h"

#include <stdbool.h>

struct within;

/* late: how many looks a message may take at most; 0: none. */
struct within *within_create(uint32_t ranks, uint64_t seed, uint32_t late);
struct tsgd_transport *within_rank(struct within *w, uint32_t rank);

/* Bytes that have been sent on a channel so far. */
uint64_t within_bytes(struct within *w, enum tsgd_channel channel);

/* Whether anything was posted and never taken: a run must leave nothing. */
bool within_is_empty(struct within *w);

void within_free(struct within *w);

#endif
