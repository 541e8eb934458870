#include "scenario/events.h"

#include "base/mem.h"

#include <stdbool.h>

static bool before(const struct tsgd_event *a, const struct tsgd_event *b)
{
    return a->time != b->time ? a->time < b->time : a->order < b->order;
}

enum tsgd_status tsgd_events_foresee(struct tsgd_events *e, struct tsgd_event event,
                                     const char *remedy, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    event.order = e->order++;
    if (e->n == e->room)
        TRY(tsgd_grow((void **)&e->event, &e->room, e->n + 1, sizeof *e->event, "the forecast",
                      remedy, err));
    size_t i = e->n++;
    for (; i > 0 && before(&event, &e->event[(i - 1) / 2]); i = (i - 1) / 2)
        e->event[i] = e->event[(i - 1) / 2];
    e->event[i] = event;
done:
    return st;
}

struct tsgd_event tsgd_events_next(struct tsgd_events *e)
{
    struct tsgd_event top = e->event[0], last = e->event[--e->n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < e->n; i = child) {
        child += child + 1 < e->n && before(&e->event[child + 1], &e->event[child]);
        if (!before(&e->event[child], &last))
            break;
        e->event[i] = e->event[child];
    }
    e->event[i] = last;
    return top;
}

void tsgd_events_free(struct tsgd_events *e)
{
    free(e->event);
    *e = (struct tsgd_events){.event = NULL};
}
