/* engine/watchdog.h: says so when a run stands still, and what everything then waits for.
 *
 * A thread of its own wakes once a slice of time, an eighth of config->stall_seconds, and looks
 * whether anything has moved: the phase of a token, the plan, an evaluation, slices, parts of
 * steps. When nothing has for eight slices it tells what everything waits for and what each worker
 * is at (engine/stall.h). It tells again after twice, four times, .. as long, and once more when
 * the run goes on. It ends nothing: a stall may be a slow disk, and an endless one is for people to
 * judge.
 *
 * Time is counted in slices that the thread itself was awake for: of a process that was stopped, of
 * a machine that was suspended and of a clock that has jumped at most one slice is counted. A slice
 * is a relative wait on a futex, so no clock is read at all.
 *
 * Workers do nothing for it but note in a word of their own what they are at, with a relaxed store;
 * it reads atomics alone, and takes no lock.
 *
 * Ownership: init takes, release ends the thread and gives back. Threads: the caller's alone.   */
#ifndef TSGD_ENGINE_WATCHDOG_H
#define TSGD_ENGINE_WATCHDOG_H

#include "engine/state.h"
#include "engine/waits.h"
#include "engine/worker.h"

#include <pthread.h>

/* What it knows of a worker. */
struct watched {
    uint64_t ended_at;          /* as it was last seen */
    uint64_t since;             /* slices counted by then */
};

struct watchdog;

/* What it asks of the parts of the engine (engine/stall.h). */
struct tsgd_watch {
    /* A number that is another one once anything has moved. */
    uint64_t (*progress)(const struct watchdog *d);
    /* Adds to the text what everything waits for. */
    void (*describe)(struct watchdog *d);
};

struct watchdog {
    const struct state *s;
    const struct worker *worker;        /* [workers] */
    const struct tsgd_watch *watch;
    struct worker asker;        /* plans are asked for in its name; it runs nothing */
    struct waits waits;         /* what they say */
    struct watched *watched;    /* [workers]; NULL: nobody is to be told, so there is no thread */
    char *text;                 /* what is told */
    uint64_t slice_ns;
    uint64_t slices;            /* counted in all */
    uint64_t progress;          /* as it was last seen */
    uint64_t still, next;       /* without a move; after how many it tells next */
    pthread_t thread;
    bool started;
    pid_t process;              /* whose thread it is: a forked child has none */
    _Atomic uint32_t stage;     /* the futex word: the run has yet to begin, is on, is over */
    struct tsgd_holding holding;
};

/* Borrows the state, its workers and the engine that they are of. With a holding that counts, only
 * what it would take. TSGD_ENOMEM.                                                              */
enum tsgd_status tsgd_watchdog_init(struct watchdog *d, const struct state *s,
                                    const struct worker *worker, struct tsgd_engine *e,
                                    struct tsgd_error *err);
void tsgd_watchdog_release(struct watchdog *d);

/* Starts the thread, unless it exists; it waits. TSGD_ENOMEM. */
enum tsgd_status tsgd_watchdog_start(struct watchdog *d, const struct tsgd_watch *watch,
                                     struct tsgd_error *err);

/* The run begins; it is over: on_stall is not called any more. */
void tsgd_watchdog_begin(struct watchdog *d);
void tsgd_watchdog_end(struct watchdog *d);

/* For describe: printf at the end of the text, which is cut where it is full; and how long so many
 * slices are.                                                                                   */
void tsgd_watchdog_add(struct watchdog *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void tsgd_watchdog_add_time(struct watchdog *d, uint64_t slices);

#endif
