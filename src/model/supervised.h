/* model/supervised.h: the problem of training a network on a split data set.
 * F_i is the mean loss over node i's shard: cross-entropy, or the squared error where the targets
 * are numbers. Evaluation is on the test samples (test_loss, and test_accuracy or test_r2), or on
 * training samples that are held out (validation_..); where the minimum of f is asked for, on all
 * training samples too (objective, suboptimality, distance2).
 * Borrows everything it is given: net, data and split must outlive it.                          */
#ifndef TSGD_MODEL_SUPERVISED_H
#define TSGD_MODEL_SUPERVISED_H

#include "data/decode.h"
#include "data/partition.h"
#include "model/net.h"
#include "model/optimum.h"
#include "model/problem.h"

struct tsgd_supervised {
    struct tsgd_problem problem;    /* first: the engine sees only this */
    const struct tsgd_net *net;
    const struct tsgd_dataset *data;
    const struct tsgd_split *split;
    struct tsgd_batcher batcher;
    struct tsgd_decoder decoder;
    const uint32_t *held;       /* evaluate on these training samples; NULL: on the test samples */
    uint32_t n_held;
    uint32_t measured;          /* samples that it is evaluated on; of them, number */
    uint32_t first;             /* `first` and the next ones are here: those above */
    double variance;            /* of the targets that it is evaluated on; what test_r2 is 1 minus
                                 * the loss over */
    const struct tsgd_risk *risk;       /* f; NULL: its minimum is not known */
    const struct tsgd_optimum *optimum;
};

/* held: may be NULL. Cannot fail; problem.scratch_bytes is SIZE_MAX when a batch is too large to
 * count its scratch. problem.parts is 1; whoever sets it to more has minibatches cut into that
 * many parts, of whole groups of TSGD_LANES samples. What it is evaluated on is cut into blocks of
 * TSGD_EVAL_BLOCK samples.                                                                      */
#define TSGD_EVAL_BLOCK 256
void tsgd_supervised_init(struct tsgd_supervised *out, const struct tsgd_net *net,
                          const struct tsgd_dataset *data, const struct tsgd_split *split,
                          struct tsgd_batcher batcher, const uint32_t *held, uint32_t n_held);

/* The loss of guessing the means of the targets that it is evaluated on: the mean over the outputs
 * of their variance. Of data whose targets are numbers.                                         */
double tsgd_supervised_variance(const struct tsgd_dataset *data, const uint32_t *held,
                                uint32_t n_held);

/* On one rank of several: what it was given to be evaluated on is a part, from sample number
 * `first` on, of `measured` samples whose targets have this variance. Only blocks of samples that
 * are here may then be evaluated. After init.                                                   */
void tsgd_supervised_set_part(struct tsgd_supervised *p, uint32_t first, uint32_t measured,
                              double variance);

/* Has evaluations measure f too, and how far it is above `optimum`, which need not be found before
 * the first of them. After init; borrows both.                                                  */
void tsgd_supervised_set_optimum(struct tsgd_supervised *p, const struct tsgd_risk *risk,
                                 const struct tsgd_optimum *optimum);

#endif
