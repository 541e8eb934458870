/* run/life.h: the life of a run or a search: created, training, trained, freed; and the process it
 * lives in. Calls that come out of order are told so, in a sentence, and do nothing.
 * Threads: any.                                                                                 */
#ifndef TSGD_RUN_LIFE_H
#define TSGD_RUN_LIFE_H

#include "base/status.h"

#include <sys/types.h>

struct tsgd_life {
    _Atomic int stage;
    pid_t process;              /* whose threads it has; a fork copies memory, not threads */
};

void tsgd_life_create(struct tsgd_life *life);

/* The training begins. `call` is the name of the public call, for the sentence. TSGD_EINVAL: it has
 * begun before, or the process has forked since create.                                         */
enum tsgd_status tsgd_life_begin(struct tsgd_life *life, const char *call, struct tsgd_error *err);

/* The training has ended: with a result, or, when it diverged or could not begin, without one. */
void tsgd_life_end(struct tsgd_life *life, bool result);

/* What must not happen before the training has ended. TSGD_EINVAL: it has not; or, when a result is
 * wanted, there is none.                                                                        */
enum tsgd_status tsgd_life_ended(const struct tsgd_life *life, bool wants_result, const char *call,
                                 struct tsgd_error *err);

/* Whether the training has not begun. */
bool tsgd_life_is_new(const struct tsgd_life *life);

/* Whether it is under way, in this process. */
bool tsgd_life_is_training(const struct tsgd_life *life);

/* Whether it has ended with a result. */
bool tsgd_life_has_result(const struct tsgd_life *life);

#endif
