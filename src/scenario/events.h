/* scenario/events.h: what a simulation has foreseen, the earliest first; of events at one time the
 * one that was foreseen first.
 * Ownership: zeros are an empty list; whoever uses it frees it. One thread.                     */
#ifndef TSGD_SCENARIO_EVENTS_H
#define TSGD_SCENARIO_EVENTS_H

#include "base/status.h"

struct tsgd_event {
    double time;
    uint64_t order;             /* set by foresee */
    uint64_t task;              /* these three mean what the simulation wants */
    uint32_t place;
    int happens;
};

struct tsgd_events {
    struct tsgd_event *event;   /* a heap */
    size_t n, room;
    uint64_t order;
};

/* TSGD_ENOMEM, with the remedy; nothing is foreseen then. */
enum tsgd_status tsgd_events_foresee(struct tsgd_events *e, struct tsgd_event event,
                                     const char *remedy, struct tsgd_error *err);

/* The earliest, which is taken away. Requires one. */
struct tsgd_event tsgd_events_next(struct tsgd_events *e);

void tsgd_events_free(struct tsgd_events *e);

#endif
