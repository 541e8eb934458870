/* simd/update.h: one vector of a step of SGD, for the kernels that take steps (list.h: sgd and
 * gemm_update): every product and sum is rounded by itself, so their bits are the same.         */
#ifndef TSGD_SIMD_UPDATE_H
#define TSGD_SIMD_UPDATE_H

#include "simd/simd.h"

/* What a step does with momentum: a constant wherever it is used. */
enum { PLAIN, HEAVY_BALL, NESTEROV };

INLINE int step_kind(const struct tsgd_update *u)
{
    return !u->m ? PLAIN : u->nesterov ? NESTEROV : HEAVY_BALL;
}

/* Parameters x with gradient g after the step; *m becomes their new momentum, if there is any. */
INLINE vf stepped(const int kind, const struct tsgd_update *u, vf x, vf *m, vf g)
{
    vf d = g + all(u->decay) * x;
    if (kind == PLAIN)
        return x - all(u->eta) * d;
    *m = all(u->momentum) * *m + d;
    if (kind == HEAVY_BALL)
        return x - all(u->eta) * *m;
    return x - all(u->eta) * (d + all(u->momentum) * *m);
}

#endif
