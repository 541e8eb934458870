/* command/crew.h: ranks that share a machine share its CPUs. One thread, before a training. */
#ifndef TSGD_COMMAND_CREW_H
#define TSGD_COMMAND_CREW_H

#include "run/settings.h"

/* Where --threads was not given, the ranks that may use the same CPUs of a machine divide them.
 * Rank 0 warns where it may use fewer CPUs than it has threads, or a single one, although its
 * machine has more: mpirun binds ranks to CPUs. Nothing is done in a program without MPI. The same
 * on all ranks: TSGD_ENOMEM.                                                                    */
enum tsgd_status tsgd_crew_share(struct tsgd_settings *s, struct tsgd_error *err);

#endif
