/* run/pair.h: the calling thread and another one, each kept on a CPU of its own, on two cores where
 * there are two: what passes between workers is measured with them.
 * Threads: the calling one alone inits, starts and ends a pair.                                 */
#ifndef TSGD_RUN_PAIR_H
#define TSGD_RUN_PAIR_H

#include "base/cpu.h"
#include "base/status.h"

struct tsgd_pair {
    uint32_t cpu[2];            /* the calling thread's, and the other one's */
    struct tsgd_cpu_mask before;
    pthread_t thread;
};
#define TSGD_PAIR_INIT {{0, 0}, TSGD_CPU_MASK_INIT, 0}

/* Chooses the CPUs. TSGD_EINVAL: this process may use one alone. */
enum tsgd_status tsgd_pair_choose(struct tsgd_pair *out, struct tsgd_error *err);

/* After tsgd_pair_choose. The other thread begins with tsgd_cpu_pin on cpu[1]. On error nothing has
 * been started. TSGD_EINVAL: the CPU was lost meanwhile; TSGD_ENOMEM: no thread.                */
enum tsgd_status tsgd_pair_start(struct tsgd_pair *p, void *(*other)(void *), void *arg,
                                 struct tsgd_error *err);

/* Waits for the other one's end; the calling thread may then use the same CPUs as before. *pinned:
 * what the other one's tsgd_cpu_pin returned. TSGD_EINVAL: it was not kept on its CPU.          */
enum tsgd_status tsgd_pair_end(struct tsgd_pair *p, const int *pinned, struct tsgd_error *err);

#endif
