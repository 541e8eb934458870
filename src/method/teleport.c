/* Decentralized SGD with TELEPORTATION (Takezawa & Stich, ICLR 2025, Algorithm 1). */
#include "method/method.h"

const struct tsgd_method tsgd_method_teleport = {
    .name = "teleport",
    .summary = "TELEPORTATION: k of n nodes are drawn each round and take over the k tokens",
    .teleports = true,
};
