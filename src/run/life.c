#include "run/life.h"

#include <stdatomic.h>
#include <unistd.h>

enum stage { CREATED, TRAINING, TRAINED, FAILED };

void tsgd_life_create(struct tsgd_life *life)
{
    atomic_init(&life->stage, CREATED);
    life->process = getpid();
}

enum tsgd_status tsgd_life_begin(struct tsgd_life *life, const char *call, struct tsgd_error *err)
{
    int stage = CREATED;
    if (getpid() != life->process)
        return tsgd_fail(err, TSGD_EINVAL, "%s: the process has forked since this was created, and "
                         "its threads are not in the child, which may only free it; create after "
                         "the fork", call);
    /* Sequentially consistent, here and below: these are rare, and nobody should have to think. */
    if (!atomic_compare_exchange_strong(&life->stage, &stage, TRAINING))
        return tsgd_fail(err, TSGD_EINVAL, "%s: it %s; want a new one for each training", call,
                         stage == TRAINING ? "is being trained" : "has been trained already");
    return TSGD_OK;
}

void tsgd_life_end(struct tsgd_life *life, bool result)
{
    atomic_store(&life->stage, result ? TRAINED : FAILED);
}

enum tsgd_status tsgd_life_ended(const struct tsgd_life *life, bool wants_result, const char *call,
                                 struct tsgd_error *err)
{
    int stage = atomic_load(&life->stage);
    if (stage == TRAINED || (stage == FAILED && !wants_result))
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "%s: %s", call,
                     stage == CREATED ? "it has not been trained yet" :
                     stage == TRAINING ? "it is being trained" :
                     "its training came to no result");
}

bool tsgd_life_is_new(const struct tsgd_life *life)
{
    return atomic_load(&life->stage) == CREATED;
}

bool tsgd_life_is_training(const struct tsgd_life *life)
{
    return atomic_load(&life->stage) == TRAINING && getpid() == life->process;
}

bool tsgd_life_has_result(const struct tsgd_life *life)
{
    return atomic_load(&life->stage) == TRAINED;
}
