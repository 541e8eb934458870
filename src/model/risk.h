/* model/risk.h: the function that a linear model minimises, in double precision:
 *     f(x) = 1/m sum over the m nodes with samples of F_i(x) + decay/2 ||x||^2
 *     F_i(x) = 1/n_i sum over node i's n_i samples of the loss
 * x is the row of the model `logistic`: [outputs][features] weights, then [outputs] biases. The
 * loss is cross-entropy after softmax, or where targets are numbers the squared error, the mean
 * over the outputs. f is convex, and with decay > 0 strongly convex:
 *     f(x) - min f <= ||grad f(x)||^2 / (2 decay)
 *
 * The first term is a sum over blocks of TSGD_RISK_BLOCK samples, in the order of the split. Each
 * call below is about one block, so that threads can share a sum; whoever adds the blocks up in
 * order has the same bits for any number of threads, and for any instruction set.
 * Ownership: borrows all that it is given. Threads: read-only after init; each call needs a scratch
 * of its own, of tsgd_risk_scratch bytes, on a cache line.                                      */
#ifndef TSGD_MODEL_RISK_H
#define TSGD_MODEL_RISK_H

#include "data/decode.h"
#include "data/partition.h"

#define TSGD_RISK_BLOCK 256

struct tsgd_risk {
    const struct tsgd_dataset *data;
    const struct tsgd_split *split;
    const struct tsgd_decoder *decoder;
    uint32_t outputs;
    size_t features, dim;
    uint32_t blocks;
    uint32_t with_samples;      /* m: nodes that have some */
    double decay;
};

/* The split has samples. */
void tsgd_risk_init(struct tsgd_risk *out, const struct tsgd_dataset *data,
                    const struct tsgd_split *split, const struct tsgd_decoder *decoder,
                    double decay);

size_t tsgd_risk_scratch(const struct tsgd_risk *r);

/* Doubles that tsgd_risk_gradient keeps of all samples for tsgd_risk_product: a block's start at
 * block * TSGD_RISK_BLOCK * outputs. SIZE_MAX: they cannot be counted.                          */
size_t tsgd_risk_kept(const struct tsgd_risk *r);

/* The block's share of f(x), without the decay. */
double tsgd_risk_loss(const struct tsgd_risk *r, uint32_t block, const double *x, void *scratch);

/* As loss; adds the block's share of the gradient to grad[dim], and puts what the products at this
 * x need where the block's own start in `kept`.                                                 */
double tsgd_risk_gradient(const struct tsgd_risk *r, uint32_t block, const double *x, double *kept,
                          double *grad, void *scratch);

/* out[dim] += the block's share of (Hessian at the x of `kept`) v. */
void tsgd_risk_product(const struct tsgd_risk *r, uint32_t block, const double *kept,
                       const double *v, double *out, void *scratch);

/* out[dim] += the block's share of the diagonal of that Hessian. */
void tsgd_risk_diagonal(const struct tsgd_risk *r, uint32_t block, const double *kept, double *out,
                        void *scratch);

#endif
