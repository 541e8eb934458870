#include "engine/watchdog.h"

#include "engine/threads.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BEFORE, ON, OVER };      /* stages */
enum {
    TEXT = 8192,                /* bytes that are told at most */
    FIRST = 8                   /* slices without a move after which it tells */
};

/* ---- text ---- */

void tsgd_watchdog_add(struct watchdog *d, const char *format, ...)
{
    size_t used = strlen(d->text);
    va_list args;
    va_start(args, format);
    vsnprintf(d->text + used, TEXT - used, format, args);
    va_end(args);
}

void tsgd_watchdog_add_time(struct watchdog *d, uint64_t slices)
{
    double seconds = (double)slices * (double)d->slice_ns * 1e-9;
    tsgd_watchdog_add(d, seconds < 1000 ? "%.3g s" : "%.0f s", seconds);
}

/* ---- looking ---- */

static void tell(struct watchdog *d, const char *what, void (*describe)(struct watchdog *d))
{
    const struct tsgd_engine_config *c = &d->s->c;
    d->text[0] = 0;
    tsgd_watchdog_add(d, "%s ", what);
    tsgd_watchdog_add_time(d, d->still);
    tsgd_watchdog_add(d, "\n");
    if (describe)
        describe(d);
    c->on_stall(d->text, c->user);
}

/* Once a slice. */
static void look(struct watchdog *d)
{
    uint64_t progress = d->watch->progress(d);
    bool moved = progress != d->progress;
    d->progress = progress;
    d->slices++;
    for (uint32_t i = 0; i < d->s->workers; i++) {
        uint64_t ended_at = tsgd_ended_at(&d->worker[i]);
        if (ended_at != d->watched[i].ended_at)
            d->watched[i] = (struct watched){ended_at, d->slices};
    }
    if (moved) {
        if (d->next > FIRST)
            tell(d, "it moves again, after", NULL);
        d->still = 0;
        d->next = FIRST;
    } else if (++d->still == d->next) {
        tell(d, "nothing has moved for", d->watch->describe);
        d->next *= 2;
    }
}

/* ---- its thread ---- */

/* Acquire and release, here and below: whoever sees a stage sees what was done before it. */
static uint32_t stage_of(const struct watchdog *d)
{
    return atomic_load_explicit(&d->stage, memory_order_acquire);
}

static void enter(struct watchdog *d, uint32_t stage)
{
    atomic_store_explicit(&d->stage, stage, memory_order_release);
    syscall(SYS_futex, &d->stage, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Sleeps a slice; false: the run is over. A signal does not end a slice, it begins another. */
static bool nap(struct watchdog *d)
{
    struct timespec slice = {(time_t)(d->slice_ns / 1000000000), (long)(d->slice_ns % 1000000000)};
    while (stage_of(d) == ON)
        if (syscall(SYS_futex, &d->stage, FUTEX_WAIT_PRIVATE, ON, &slice, NULL, 0) != 0 &&
            errno == ETIMEDOUT)
            return true;
    return false;
}

static void *run(void *arg)
{
    struct watchdog *d = arg;
    while (stage_of(d) == BEFORE)
        syscall(SYS_futex, &d->stage, FUTEX_WAIT_PRIVATE, BEFORE, NULL, NULL, 0);
    while (nap(d))
        look(d);
    return NULL;
}

enum tsgd_status tsgd_watchdog_init(struct watchdog *d, const struct state *s,
                                    const struct worker *worker, struct tsgd_engine *e,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    double slice = s->c.stall_seconds / FIRST;
    d->s = s;
    d->worker = worker;
    d->asker = (struct worker){.e = e};
    if (!s->c.on_stall || !(slice > 0))
        return TSGD_OK;
    TRY(TSGD_HOLD(&d->holding, &d->watched, s->workers, "watchdog", err));
    TRY(TSGD_HOLD(&d->holding, &d->text, TEXT, "watchdog", err));
    d->slice_ns = slice > 1e-3 ? (uint64_t)(slice * 1e9) : 1000000;
    d->next = FIRST;
done:
    return st;
}

enum tsgd_status tsgd_watchdog_start(struct watchdog *d, const struct tsgd_watch *watch,
                                     struct tsgd_error *err)
{
    if (!d->watched || d->started)
        return TSGD_OK;
    d->watch = watch;
    if (tsgd_thread_start(&d->thread, NULL, run, d) != 0)
        return tsgd_fail(err, TSGD_ENOMEM, "--stall-seconds: the thread that watches cannot be "
                         "started; 0 does without it");
    d->started = true;
    d->process = getpid();
    return TSGD_OK;
}

void tsgd_watchdog_begin(struct watchdog *d)
{
    if (d->started)
        enter(d, ON);
}

void tsgd_watchdog_end(struct watchdog *d)
{
    if (!d->started)
        return;
    d->started = false;
    enter(d, OVER);
    pthread_join(d->thread, NULL);
}

void tsgd_watchdog_release(struct watchdog *d)
{
    if (d->started && d->process == getpid())   /* in a forked child the thread does not exist */
        tsgd_watchdog_end(d);
    tsgd_holding_release(&d->holding);
}
