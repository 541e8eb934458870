/* Decentralized SGD (Lian et al., NeurIPS 2017): every node keeps its own parameters. */
#include "method/method.h"

const struct tsgd_method tsgd_method_dsgd = {
    .name = "dsgd",
    .summary = "Decentralized SGD: all n nodes step and gossip every round",
};
