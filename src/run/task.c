#include "run/task.h"

const struct tsgd_task_ops *tsgd_task_kind(enum tsgd_model_kind kind)
{
    static const struct tsgd_task_ops *const kinds[TSGD_MODEL_KINDS] = {
        [TSGD_MODEL_NETWORK] = &tsgd_task_network,
        [TSGD_MODEL_QUADRATIC] = &tsgd_task_quadratic,
        [TSGD_MODEL_OBJECTIVE] = &tsgd_task_objective,
    };
    return kinds[kind];
}
