/* method/sgd.h: the update rule of most methods: SGD with momentum (heavy ball or Nesterov,
 * PyTorch's form) and L2 weight decay.                                                          */
#ifndef TSGD_METHOD_SGD_H
#define TSGD_METHOD_SGD_H

#include "engine/rule.h"

/* `home` says where the momentum buffer lives: "token" (travels, is not mixed), "node" (stays with
 * the node: O(n) memory), "mixed" (travels and is gossiped). Without momentum there is no buffer,
 * whatever the home. TSGD_EINVAL: another home.                                                 */
enum tsgd_status tsgd_sgd_rule(struct tsgd_rule *out, const char *home, double momentum,
                               bool nesterov, double decay, struct tsgd_error *err);

#endif
