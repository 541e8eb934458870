/* base/machine.h: the CPUs that this process may use, and what they share, as Linux tells it below
 * /sys/devices/system.
 * Ownership: whoever inits it releases it. One thread.                                          */
#ifndef TSGD_BASE_MACHINE_H
#define TSGD_BASE_MACHINE_H

#include "base/status.h"

struct tsgd_cpu {
    uint32_t os;                /* the system's number, as in /proc/cpuinfo */
    uint32_t core, cache;       /* the least number of a CPU that has the same core, or the same
                                 * last-level cache */
    uint32_t numa;              /* the system's number of its NUMA domain */
    uint32_t rank;              /* 0 for a core's first hardware thread, 1 for its sibling, .. */
};

struct tsgd_machine {
    struct tsgd_cpu *cpu;       /* by NUMA domain, cache, core, rank: neighbours share most */
    uint32_t n;                 /* at least 1 */
};
#define TSGD_MACHINE_INIT {NULL, 0}

/* Of the CPUs that the calling thread may use now. sys: "/sys", or a folder laid out like it. What
 * the system does not tell counts as one domain with one cache, a core for each CPU. On error *out
 * is untouched. TSGD_ENOMEM.                                                                    */
enum tsgd_status tsgd_machine_init(struct tsgd_machine *out, const char *sys,
                                   struct tsgd_error *err);

/* The same for these CPUs, `os` in any order. */
enum tsgd_status tsgd_machine_describe(struct tsgd_machine *out, const char *sys,
                                       const uint32_t *os, uint32_t n, struct tsgd_error *err);

/* How large the machine is, whatever this process may use of it. A number that the system does not
 * tell is 0.                                                                                    */
struct tsgd_machine_size {
    uint32_t cpus;              /* online */
    uint32_t numa_domains;
    uint64_t memory_bytes;
};
void tsgd_machine_measure(struct tsgd_machine_size *out, const char *sys);

void tsgd_machine_release(struct tsgd_machine *m);

#endif
