/* base/machine.h: the CPUs that this process may use, and what they share, as hwloc finds it.
 * HWLOC_SYNTHETIC and HWLOC_XMLFILE, hwloc's own variables, put another machine in its place; all
 * of that one's CPUs count as allowed, and pinning to those that are not there fails.
 * Ownership: whoever inits it releases it. One thread.                                          */
#ifndef TSGD_BASE_MACHINE_H
#define TSGD_BASE_MACHINE_H

#include "base/status.h"

struct tsgd_cpu {
    uint32_t os;                /* the system's number, as in /proc/cpuinfo */
    uint32_t core, cache, numa; /* hwloc's numbers of core, last-level cache, NUMA domain */
    uint32_t rank;              /* 0 for a core's first hardware thread, 1 for its sibling, .. */
};

struct tsgd_machine {
    struct tsgd_cpu *cpu;       /* by NUMA domain, cache, core, rank: neighbours share most */
    uint32_t n;                 /* at least 1 */
};
#define TSGD_MACHINE_INIT {NULL, 0}

/* Of the CPUs that the calling thread may use now. Where hwloc finds nothing, they form one domain
 * with one cache, a core each. On error *out is untouched. TSGD_ENOMEM.                         */
enum tsgd_status tsgd_machine_init(struct tsgd_machine *out, struct tsgd_error *err);
void tsgd_machine_release(struct tsgd_machine *m);

#endif
