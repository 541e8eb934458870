/* Independent random walks: tokens that teleport but never mix, the baseline that shows what the
 * gossip of TELEPORTATION adds.                                                                 */
#include "method/method.h"

const struct tsgd_method tsgd_method_walk = {
    .name = "walk",
    .summary = "k tokens that teleport from node to node and never mix",
    .teleports = true,
    .topology = "alone",
};
