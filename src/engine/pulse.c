#include "engine/pulse.h"

#include "base/clock.h"
#include "engine/watch.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

void tsgd_charge(struct worker *w, enum spent kind)
{
    uint64_t now = tsgd_ticks();
    w->ticks[kind] += now - w->last;
    if (kind == STEP_TIME || kind == MIX_TIME)
        w->trained_at = now;            /* perhaps the last time: then only evaluation is left */
    if (tsgd_is_traced(w))
        tsgd_watch_charge(w, kind, now);
    w->last = now;
}

/* Acquire and release on epoch: who wakes, or finds epoch changed, sees what was published before. */
long tsgd_wake(struct tsgd_engine *e, int n)
{
    atomic_fetch_add_explicit(&e->epoch, 1, memory_order_acq_rel);
    return syscall(SYS_futex, &e->epoch, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

void tsgd_wake_another(struct tsgd_engine *e)
{
    /* Relaxed: a wake-up too many or too few costs time and nothing else. */
    if (atomic_load_explicit(&e->sleepers, memory_order_relaxed) &&
        !atomic_exchange_explicit(&e->waking, true, memory_order_relaxed) && tsgd_wake(e, 1) == 0)
        atomic_store_explicit(&e->waking, false, memory_order_relaxed);
}

void tsgd_done_one(struct tsgd_engine *e)
{
    /* Acquire and release: the one that counts to 0 sees, and shows, everything that was done. */
    if (atomic_fetch_sub_explicit(&e->left, 1, memory_order_acq_rel) == 1)
        tsgd_wake(e, INT_MAX);
}

void tsgd_diverged_at(struct pop *p, uint64_t round, uint32_t token)
{
    uint64_t key = round << 32 | (uint32_t)(token + 1);
    uint64_t least = atomic_load_explicit(&p->diverged, memory_order_relaxed);
    /* Relaxed: the publication that follows carries it to whoever must have seen it. */
    while (key < least &&
           !atomic_compare_exchange_weak_explicit(&p->diverged, &least, key, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

#ifdef TSGD_JITTER
void tsgd_jitter(struct worker *w, bool maybe_long)
{
    uint64_t r = w->jitter = w->jitter * 6364136223846793005u + 1442695040888963407u;
    if ((r >> 33 & 63) == 0)
        sched_yield();
    if ((r >> 40 & 31) == 0)
        for (volatile uint64_t i = r >> 50 & 255; i > 0; i--)
            ;
    if ((r >> 45 & 4095) == 0)
        usleep((useconds_t)(r >> 58));
    if (maybe_long && (r >> 20 & 31) == 0)
        usleep(150);                    /* long enough for everybody else to fall asleep */
}
#endif
