/* base/clock.h: time. Ticks are the processor's own counter where it has a steady one: reading it
 * costs a few ns and no system call, so every task of the engine can be timed.                  */
#ifndef TSGD_BASE_CLOCK_H
#define TSGD_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t tsgd_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Of the calling thread: what else runs on the machine hardly matters. A system call. */
static inline uint64_t tsgd_thread_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* 0 if the clock has gone back since, which it ought not to. */
static inline uint64_t tsgd_ns_since(uint64_t start)
{
    uint64_t ns = tsgd_now_ns() - start;
    return ns >> 63 ? 0 : ns;
}

/* Unit unknown but constant: compare with tsgd_now_ns over the same interval. */
static inline uint64_t tsgd_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t t;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
    return t;
#else
    return tsgd_now_ns();
#endif
}

/* Tells the core that this thread spins. */
static inline void tsgd_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
