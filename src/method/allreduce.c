/* Centralized SGD: the exact mean of all nodes every round. */
#include "method/method.h"

const struct tsgd_method tsgd_method_allreduce = {
    .name = "allreduce",
    .summary = "centralized SGD: all n nodes step and average exactly",
    .topology = "complete",
};
