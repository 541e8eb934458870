/* tests/model/explorer/watchdog.c: the stages of engine/watchdog.c. */
#include "explorer.h"
#include "quiet.h"

#include <sys/syscall.h>
#include <unistd.h>

/* The futex is the explorer's; a slice of time never ends. */
static long kernel(long call, const void *place, int what, uint64_t n, ...);
#define syscall kernel
#include "engine/watchdog.c"
#undef syscall

static struct watchdog d;
static char start, end_of_run;

static long kernel(long call, const void *place, int what, uint64_t n, ...)
{
    (void)call;
    if (what == FUTEX_WAKE_PRIVATE)
        return explorer_futex_wake(place, (int)n);
    if (n == ON)                        /* it is about to look at the run */
        explorer_read(&start, "the watchdog looks at a run that has yet to begin");
    explorer_futex_wait(place, n);
    return 0;
}

static void begin(void)
{
    d = (struct watchdog){.started = true};
    atomic_init(&d.stage, BEFORE);
}

static void trains(void)
{
    explorer_write(&start, "the watchdog looks at a run that has yet to begin");
    enter(&d, ON);
    explorer_write(&end_of_run, "the watchdog sees the end before it has come");
    enter(&d, OVER);
}

static void watches(void)
{
    run(&d);
    explorer_read(&end_of_run, "the watchdog sees the end before it has come");
}

const struct program programs_of_watchdog[] = {
    {"a run begins and ends under watch", begin, {trains, watches}, NULL},
    {0},
};
