/* engine/turn.h: a worker's turns on a core that it shares with another program.
 *
 * A system lets two threads on a core take turns of some milliseconds. If a worker's turn ends
 * within a step, the token stands still until the next one, and lets the others go on for as many
 * rounds as they are away from it: on a ring of 8 for 16 steps at most, which a worker with a core
 * of its own may be through with long before. So a worker learns how long after the beginning of a
 * turn it may begin a task, and then leaves the core, between two tasks: while the other program
 * runs, all tokens are free. It loses what is left of the turn, half a task or so. Where all share
 * their cores none runs ahead of the others, and they stay.
 *
 * A task was cut if it took longer than tasks do while the system gave its thread little of that.
 * (One that waits for memory or a file looks the same; it costs a turn that is left too early.) To
 * be sure, the clock of the thread's CPU time is read after a task that took half a millisecond
 * longer than usual, and every fifth of a second; else a task costs two comparisons. Leaving is one
 * call of the system in a turn; when it comes back at once, for as long as a turn, nobody else
 * wants the core any more. Tasks that take as long as turns are cut whatever a worker does, and are
 * not taken for cut ones.
 *
 * Threads: the worker's own. Times are ticks (base/clock.h), unless their name says ns.         */
#ifndef TSGD_ENGINE_TURN_H
#define TSGD_ENGINE_TURN_H

#include <stdbool.h>
#include <stdint.h>

struct tsgd_clocks {
    uint64_t ticks, ns, cpu_ns;
};

struct turn {
    bool shares;                /* its core with another program, as far as it knows */
    bool leaves;                /* its last turn ended by leaving, and another program ran then */
    uint64_t leave_at;          /* after a task that ends then, or later; UINT64_MAX: never */
    uint64_t read_at;           /* the clocks are read again then, or later */
    uint64_t begun;             /* when this turn began, or is taken to have begun */
    uint64_t length;            /* so long after that a task may begin; 0: not known yet */
    uint64_t usual;             /* so long tasks take: nine of ten no longer */
    uint64_t worth;             /* half a millisecond */
    uint32_t calm;              /* turns that it has ended by leaving since the last cut */
    uint64_t refused;           /* since then the system gives the core back at once: the worker has
                                 * had less than its share, or is alone. 0: it does not          */
    uint64_t until;             /* until then another cut is the second of two, and proves that the
                                 * core is shared; later, that it was is forgotten               */
    struct tsgd_clocks clocks;  /* when they were last read */
};

/* Where the worker begins to work. */
void tsgd_turn_init(struct turn *t, const struct tsgd_clocks *now);

/* Whether a task took so much longer than usual that it may have been cut. */
static inline bool tsgd_turn_is_long(const struct turn *t, uint64_t begin, uint64_t end)
{
    return end - begin > t->usual + t->usual / 4 + t->worth;
}

/* After a task: whether it was a long one, or it is time to leave or to read the clocks. */
static inline bool tsgd_turn_asks(struct turn *t, uint64_t begin, uint64_t end)
{
    if (tsgd_turn_is_long(t, begin, end) || end >= t->leave_at || end >= t->read_at)
        return true;
    if (end - begin > t->usual)
        t->usual += t->usual / 16 + 1;
    else
        t->usual -= t->usual / 128;
    return false;
}

/* What the clocks show after a task that was long, or when it is time: was the task cut? */
void tsgd_turn_read(struct turn *t, uint64_t begin, uint64_t end, const struct tsgd_clocks *now);

/* The worker had left, from `then` to now. */
void tsgd_turn_left(struct turn *t, uint64_t then, const struct tsgd_clocks *now);

/* It is time to leave, but all share their cores. */
void tsgd_turn_stay(struct turn *t, uint64_t now);

/* The worker has been asleep: this is another turn. */
void tsgd_turn_slept(struct turn *t, const struct tsgd_clocks *now);

/* The worker has waited awake. If that was beyond the end of its turn, this is another one. */
void tsgd_turn_waited(struct turn *t, uint64_t now);

/* Whether one that has waited awake since then should not sleep yet. Who leaves its core now and
 * then would not have it back before the other program's turn is over.                          */
static inline bool tsgd_turn_is_patient(const struct turn *t, uint64_t since, uint64_t now)
{
    return t->leaves && now - since < 2 * t->worth;
}

#endif
