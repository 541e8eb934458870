/* model/optimum.h: the minimum of a strongly convex risk, by a truncated Newton method: each step
 * solves with the Hessian by conjugate gradients, as far as the step deserves, and is halved until
 * f falls. It starts from 0, and every sum has a fixed order, so the result is a function of the
 * risk alone, to the bit, whatever the number of threads.
 *
 * With decay > 0, f(x) - min f <= ||grad f(x)||^2 / (2 decay): that is the certificate, `gap`. What
 * is found has gap <= 1e-10; the method goes on to 1e-16 where rounding lets it, so that f(x) minus
 * this minimum means something far below 1e-10. Also ||x - x*|| <= ||grad f(x)|| / decay.
 * Ownership: whoever finds it releases it; borrows nothing. Threads: read-only once found.      */
#ifndef TSGD_MODEL_OPTIMUM_H
#define TSGD_MODEL_OPTIMUM_H

#include "model/risk.h"

struct tsgd_optimum {
    double *x;                  /* [dim] */
    double *loss;               /* [blocks]: tsgd_risk_loss of each at x */
    double value;               /* f(x) */
    double gap;                 /* value - min f is at most this */
    uint32_t steps;             /* of Newton's method */
    uint64_t products;          /* with the Hessian, in all of them */
    double seconds;             /* that it took */
};
#define TSGD_OPTIMUM_INIT {.x = NULL}

/* Requires decay > 0. The calling thread and up to threads - 1 more share the sums. On error *out
 * is untouched. TSGD_ENOMEM; TSGD_EINVAL: the decay is so small that rounding, or a limit
 * of its work, ends the method before the gap is 1e-10.                                         */
enum tsgd_status tsgd_optimum_find(struct tsgd_optimum *out, const struct tsgd_risk *r,
                                   uint64_t threads, struct tsgd_error *err);

void tsgd_optimum_release(struct tsgd_optimum *o);

#endif
