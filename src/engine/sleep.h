/* engine/sleep.h: how workers that find nothing to do sleep, and how they are woken.
 *
 * No wake-up is lost, and a publication needs no fence: whoever publishes looks for work
 * afterwards, and before it sleeps it does a read-modify-write on `sleepers` (tsgd_sleep_begin) and
 * looks at everything once more. Read-modify-writes on one word are ordered, so of the workers
 * whose publications together make a task ready, the one that comes last there sees them all, and
 * takes it. So a ready task always has somebody awake, or about to have its core back, if it has
 * left that to another program (engine/turn.h); waking a second worker, when a claimer sees more
 * than one ready task, is for speed.                                                       */
#ifndef TSGD_ENGINE_SLEEP_H
#define TSGD_ENGINE_SLEEP_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sleep {
    alignas(128) _Atomic uint32_t epoch;        /* the futex word that sleepers wait on */
    alignas(128) _Atomic uint32_t sleepers;
    uint32_t spare;             /* so many may sleep although there is work */
    uint32_t at_once;           /* that one worker wakes; 0 as 1. By slices a whole round becomes
                                 * ready at once: each that finds more than it takes wakes some, and
                                 * where more than those sleep also while others are being woken,
                                 * so that of w workers all are awake after log w wake-ups */
    _Atomic bool waking;        /* a wake-up is on its way: the woken one wakes the next */
};

/* A worker that has found nothing says that it will sleep; returns the epoch to sleep in. Then it
 * looks once more, sleeps if that finds nothing, and in any case says that it is awake.         */
uint32_t tsgd_sleep_begin(struct sleep *s);
void tsgd_sleep(struct sleep *s, uint32_t epoch);
void tsgd_sleep_end(struct sleep *s);

enum { WAKES_AT_ONCE = 4 };     /* at_once by slices */

/* Whether waking somebody is worth a look for a second task. */
static inline bool tsgd_sleep_may_wake(const struct sleep *s)
{
    /* Relaxed: a wake-up too many or too few costs time and nothing else. */
    uint32_t asleep = atomic_load_explicit(&s->sleepers, memory_order_relaxed);
    return asleep > s->spare &&
           (!atomic_load_explicit(&s->waking, memory_order_relaxed) ||
            (s->at_once > 1 && asleep - s->spare > s->at_once));
}

/* Wakes a sleeper, or at_once of them; unless nobody sleeps, or one is being woken and at_once is
 * 1: for speed, not for safety.                                                                 */
void tsgd_wake_another(struct sleep *s);

/* Wakes everybody: there is nothing left to do. */
void tsgd_wake_all(struct sleep *s);

#endif
