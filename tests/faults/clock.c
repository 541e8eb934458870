/* tests/faults/clock.c: a clock that jumps, for a program that is linked with this file: these
 * calls come before those of the C library. Every few readings the time of day leaps by up to
 * months, to either side, and the steady clock by up to minutes: forward, as a machine that was
 * moved may see it; or, with TSGD_CLOCK=wild, to either side, which no system should do. With
 * TSGD_CLOCK=still it never moves, as a coarse one does not within a short run.
 * Who waits until a time of the steady clock waits as long as it would without the jumps.       */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { EVERY = 5 };                     /* readings between two jumps */
#define SECOND INT64_C(1000000000)

static _Atomic uint64_t readings;
static _Atomic int64_t steady_ahead, day_ahead;         /* ns */

static int64_t draw(uint64_t key, int64_t most)
{
    key = (key + 1) * 0x9e3779b97f4a7c15u;
    key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9u;
    return (int64_t)((key ^ key >> 27) % (uint64_t)most);
}

static bool has_mode(const char *name)
{
    const char *mode = getenv("TSGD_CLOCK");
    return mode && !strcmp(mode, name);
}

static void maybe_jump(void)
{
    uint64_t n = atomic_fetch_add(&readings, 1);
    if (n % EVERY || has_mode("still"))
        return;
    int64_t steady = draw(2 * n, 300 * SECOND), day = 2 * draw(2 * n + 1, 5000000 * SECOND);
    if (has_mode("wild"))
        steady = 2 * steady - 300 * SECOND;
    atomic_fetch_add(&steady_ahead, steady);
    atomic_store(&day_ahead, day - 5000000 * SECOND);
}

static struct timespec shifted(struct timespec t, int64_t by)
{
    int64_t ns = (int64_t)t.tv_sec * SECOND + t.tv_nsec + by;
    ns = ns < SECOND ? SECOND : ns;
    return (struct timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    struct timespec t;
    long st = syscall(SYS_clock_gettime, clock, &t);
    maybe_jump();
    if (clock == CLOCK_MONOTONIC && has_mode("still"))
        t = (struct timespec){.tv_sec = 1000};
    *out = st ? t : shifted(t, clock == CLOCK_REALTIME ? day_ahead :
                            clock == CLOCK_MONOTONIC ? steady_ahead : 0);
    return (int)st;
}

time_t time(time_t *out)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}

/* The waits of this program are all until a time of the steady clock. */
int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                           const struct timespec *until)
{
    struct timespec real = shifted(*until, -steady_ahead);
    return pthread_cond_clockwait(cond, lock, CLOCK_MONOTONIC, &real);
}

int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until)
{
    int (*wait)(sem_t *, clockid_t, const struct timespec *);
    struct timespec real = shifted(*until, -steady_ahead);
    *(void **)&wait = dlsym(RTLD_NEXT, "sem_clockwait");
    return wait(sem, clock, &real);
}
