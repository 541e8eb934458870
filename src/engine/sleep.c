#include "engine/sleep.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

uint32_t tsgd_sleep_begin(struct sleep *s)
{
    /* Acquire, pairs with wake: an epoch read before the last look makes the futex refuse to sleep
     * if somebody has called wake since.                                                        */
    uint32_t epoch = atomic_load_explicit(&s->epoch, memory_order_acquire);
    /* The read-modify-write of the head comment, acquire and release: it orders this worker's
     * publications before, and its last look after, those of the others. Without it two workers
     * that each publish what the other's task needs may both sleep.                             */
    atomic_fetch_add_explicit(&s->sleepers, 1, memory_order_acq_rel);
    return epoch;
}

void tsgd_sleep(struct sleep *s, uint32_t epoch)
{
    syscall(SYS_futex, &s->epoch, FUTEX_WAIT_PRIVATE, epoch, NULL, NULL, 0);
}

void tsgd_sleep_end(struct sleep *s)
{
    /* Relaxed, both: they only say whether waking somebody is worth its time. */
    atomic_fetch_sub_explicit(&s->sleepers, 1, memory_order_relaxed);
    atomic_store_explicit(&s->waking, false, memory_order_relaxed);
}

/* Wakes up to n sleepers; how many were asleep. Acquire and release on epoch: who wakes, or finds
 * epoch changed, sees what was published before.                                                */
static long wake(struct sleep *s, int n)
{
    atomic_fetch_add_explicit(&s->epoch, 1, memory_order_acq_rel);
    return syscall(SYS_futex, &s->epoch, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

void tsgd_wake_another(struct sleep *s)
{
    /* Relaxed: a wake-up too many or too few costs time and nothing else. */
    uint32_t asleep = atomic_load_explicit(&s->sleepers, memory_order_relaxed), n = 1;
    if (!asleep || (atomic_exchange_explicit(&s->waking, true, memory_order_relaxed) &&
                    s->at_once <= 1))
        return;
    if (s->at_once > 1 && asleep > s->spare + 1)
        n = asleep - s->spare < s->at_once ? asleep - s->spare : s->at_once;
    if (wake(s, (int)n) == 0)
        atomic_store_explicit(&s->waking, false, memory_order_relaxed);
}

void tsgd_wake_all(struct sleep *s) { wake(s, INT_MAX); }
