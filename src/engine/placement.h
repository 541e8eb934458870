/* engine/placement.h: which worker runs on which CPU (--pin). Workers that follow each other have
 * tokens that follow each other, and so should share caches; hardware threads of one core come into
 * use only when every core has a worker.                                                        */
#ifndef TSGD_ENGINE_PLACEMENT_H
#define TSGD_ENGINE_PLACEMENT_H

#include "base/machine.h"

/* Chooses a CPU for each of n workers: worker i's is m->cpu[cpu[i]], and cpu[] ascends. With fewer
 * workers than CPUs, the first hardware thread of every core is taken before any second one, and
 * CPUs at the front of m->cpu before later ones, so that workers are close together. With more,
 * workers are spread evenly, and those that share a CPU follow each other. Cannot fail.         */
void tsgd_place_workers(const struct tsgd_machine *m, uint32_t n, uint32_t *cpu);

/* Returns TSGD_EINVAL, or TSGD_ENOMEM, with the sentence that the system does not keep this worker
 * on this CPU; why: the reason, as in errno.                                                    */
enum tsgd_status tsgd_pin_refused(uint32_t worker, const struct tsgd_cpu *cpu, int why,
                                  struct tsgd_error *err);

#endif
