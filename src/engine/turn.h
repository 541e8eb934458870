/* engine/turn.h: a worker's turns on a core that it shares with another program.
 *
 * A system lets two threads on a core take turns of some milliseconds. If one ends within a step,
 * the token stands still until the next, and lets the others go on for as many rounds as they are
 * away from it: on a ring of 8 for 16 steps at most, which a worker with a core of its own may be
 * through with long before. So a worker learns how long after the beginning of a turn it may begin
 * a task, and then leaves the core, between two tasks: while the other program runs, all tokens are
 * free. It loses what is left of the turn, half a task or so. Where all workers share their cores
 * none runs ahead of the others, and they stay.
 *
 * A task was cut if it took much longer than tasks do while the system gave its thread little of
 * that. Other tasks cost two comparisons each, and no system call. Leaving is one, in a turn; when
 * it comes back at once, for as long as a turn, nobody else wants the core any more.
 *
 * Threads: the worker's own. Times are ticks (base/clock.h), unless their name says ns.         */
#ifndef TSGD_ENGINE_TURN_H
#define TSGD_ENGINE_TURN_H

#include <stdbool.h>
#include <stdint.h>

struct tsgd_clocks {
    uint64_t ticks, ns, cpu_ns;
    uint64_t idle;              /* ticks in which the thread did not want its core */
};

struct turn {
    bool shares;                /* its core */
    bool leaves;                /* so the last turn ended */
    uint64_t leave_at;          /* who ends a task then, or later, leaves; UINT64_MAX: nobody */
    uint64_t begun;             /* as far as it is known */
    uint64_t length;            /* so long after that a task may begin; 0: not known yet */
    uint64_t usual;             /* so long a task takes, of those of different kinds a long one */
    uint32_t calm;              /* turns that it has ended by leaving since the last cut */
    uint64_t refused;           /* since then the system gives the core back at once: the worker has
                                 * had less than its share, or is alone. 0: it does not          */
    uint64_t until;             /* the last cut matters */
    uint64_t left;              /* the sum of the times in which it had left */
    struct tsgd_clocks clocks;  /* when it began to work, or was last cut */
};

/* Where the worker begins to work. */
void tsgd_turn_init(struct turn *t, const struct tsgd_clocks *now);

static inline bool tsgd_turn_is_long(const struct turn *t, uint64_t begin, uint64_t end)
{
    return end - begin > 4 * t->usual;
}

/* After a task: whether it was a long one, or it is time to leave. */
static inline bool tsgd_turn_asks(struct turn *t, uint64_t begin, uint64_t end)
{
    uint64_t took = end - begin;
    if (tsgd_turn_is_long(t, begin, end) || end >= t->leave_at)
        return true;
    if (took > t->usual)
        t->usual += (took - t->usual) / 2;
    else
        t->usual -= (t->usual - took) / 64;
    return false;
}

/* A long task is over, and what the clocks show after it: was it cut? */
void tsgd_turn_long(struct turn *t, uint64_t begin, uint64_t end, const struct tsgd_clocks *now);

/* The worker had left, from then to now. */
void tsgd_turn_left(struct turn *t, uint64_t then, uint64_t now, uint64_t ns);

/* It is time to leave, but all share their cores. */
void tsgd_turn_stay(struct turn *t, uint64_t now);

/* This is another turn: the worker has been asleep. */
static inline void tsgd_turn_begin(struct turn *t, uint64_t now)
{
    t->begun = now;
    t->refused = 0;
    t->leave_at = t->shares ? now + t->length : UINT64_MAX;
}

/* The worker has waited awake. If that was beyond the end of its turn, this is another one. */
static inline void tsgd_turn_waited(struct turn *t, uint64_t now)
{
    if (now >= t->leave_at && !t->refused)
        tsgd_turn_begin(t, now);
}

#endif
