#include "engine/placement.h"

#include <errno.h>
#include <string.h>

void tsgd_place_workers(const struct tsgd_machine *m, uint32_t n, uint32_t *cpu)
{
    uint32_t most = 0, taken = 0, chosen = 0;
    if (n >= m->n) {
        for (uint32_t i = 0; i < n; i++)
            cpu[i] = (uint32_t)((uint64_t)i * m->n / n);
        return;
    }
    /* Threads of rank below `most` are all taken; of rank `most`, those that are still needed. */
    for (uint32_t before = 0;; most++) {
        for (uint32_t i = 0; i < m->n; i++)
            taken += m->cpu[i].rank == most;
        if (taken >= n) {
            taken = n - before;
            break;
        }
        before = taken;
    }
    for (uint32_t i = 0; chosen < n; i++)
        if (m->cpu[i].rank < most || (m->cpu[i].rank == most && taken > 0)) {
            taken -= m->cpu[i].rank == most;
            cpu[chosen++] = i;
        }
}

enum tsgd_status tsgd_pin_refused(uint32_t worker, const struct tsgd_cpu *cpu, int why,
                                  struct tsgd_error *err)
{
    return tsgd_fail(err, why == ENOMEM ? TSGD_ENOMEM : TSGD_EINVAL, "--pin: worker %u cannot be "
                     "kept on CPU %u: %s; leave --pin out", worker, cpu->os, strerror(why));
}
