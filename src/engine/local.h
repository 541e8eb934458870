/* engine/local.h: what a local step does with a gradient, and which rows it needs for it.
 * E exchanged rows a token (row 0 is x; all are mixed by W) and R private ones (they travel with the
 * token but are not mixed), or a row that stays with the node.                                  */
#ifndef TSGD_ENGINE_LOCAL_H
#define TSGD_ENGINE_LOCAL_H

#include "base/status.h"

#define TSGD_MAX_ROWS 4

/* Where one token's rows stand during a step. */
struct tsgd_rows {
    float *exchanged[TSGD_MAX_ROWS], *own[TSGD_MAX_ROWS];
    float *node;                /* the holder's own row; NULL unless the rule keeps one */
};

/* Which step it is. */
struct tsgd_step {
    float eta, eta_before;      /* of this round, and of the one before (round 0: its own) */
    uint32_t index, count;      /* step `index` of the `count` that a token takes in this round */
};

struct tsgd_local {
    uint32_t exchanged, private_rows;   /* E >= 1, R */
    bool node_row;
    /* Called when x^0 stands in exchanged[0] and all other rows are zero; NULL: they stay so. */
    void (*init)(const struct tsgd_rows *rows, size_t dim);
    /* One step with the gradient at x. grad may be used as scratch. Coordinates are independent of
     * each other, so a step may also be taken range by range, in any order.                     */
    void (*step)(const struct tsgd_local *l, const struct tsgd_rows *rows, float *grad, size_t dim,
                 const struct tsgd_step *s);
    float momentum, decay;
    bool nesterov;
};

/* SGD with momentum (heavy ball or Nesterov, PyTorch's form) and L2 weight decay. `home` says where
 * the momentum buffer lives: "token" (travels, is not mixed), "node" (stays with the node: O(n)
 * memory), "mixed" (travels and is gossiped). Without momentum there is no buffer, whatever the
 * home. TSGD_EINVAL: another home.                                                              */
enum tsgd_status tsgd_local_sgd(struct tsgd_local *out, const char *home, double momentum,
                                bool nesterov, double decay, struct tsgd_error *err);

#endif
