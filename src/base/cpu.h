/* base/cpu.h: the CPUs that this process may use, and the processor's name. */
#ifndef TSGD_BASE_CPU_H
#define TSGD_BASE_CPU_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* CPUs in this process's affinity mask; at least 1. */
uint32_t tsgd_cpu_count(void);

/* Their numbers, ascending, of which the first `room` go into out; returns how many there are. */
uint32_t tsgd_cpu_list(uint32_t *out, uint32_t room);

/* Keeps a thread on this one CPU: the thread that will be created with `attr`, which fails with
 * EINVAL if that cannot be; or, with attr NULL, the calling one. Returns 0 or an errno value.   */
int tsgd_cpu_pin(pthread_attr_t *attr, uint32_t os);

/* Whether threads may be kept on CPUs: some containers forbid it. */
bool tsgd_cpu_may_pin(void);

/* The CPUs that the calling thread may use, to be put back after it was pinned. */
struct tsgd_cpu_mask {
    void *set;
    size_t bytes;
};
#define TSGD_CPU_MASK_INIT {NULL, 0}
bool tsgd_cpu_mask_take(struct tsgd_cpu_mask *out);     /* false: no memory; *out is untouched */
void tsgd_cpu_mask_restore(struct tsgd_cpu_mask *m);    /* and releases it */

/* "AMD EPYC 7B13"; "unknown" where the system does not say. */
enum { TSGD_CPU_NAME = 128 };
void tsgd_cpu_name(char out[TSGD_CPU_NAME]);

#endif
