/* engine/placement.h: which worker runs on which CPU (--pin). Workers that follow each other have
 * tokens that follow each other, and so should share caches; hardware threads of one core come into
 * use only when every core has a worker.                                                        */
#ifndef TSGD_ENGINE_PLACEMENT_H
#define TSGD_ENGINE_PLACEMENT_H

#include "base/machine.h"

/* A CPU for each of n workers, into cpu[n], as places in m->cpu, ascending. With fewer workers than
 * CPUs, first threads of cores are taken first, from the front, so that what runs stays together;
 * with more, each CPU has as many as the others, or one more, that follow each other. It cannot
 * fail.                                                                                         */
void tsgd_place_workers(const struct tsgd_machine *m, uint32_t n, uint32_t *cpu);

/* The sentence, TSGD_EINVAL or TSGD_ENOMEM, when the system does not keep a worker on this CPU;
 * why: as errno.                                                                                */
enum tsgd_status tsgd_pin_refused(uint32_t worker, const struct tsgd_cpu *cpu, int why,
                                  struct tsgd_error *err);

#endif
