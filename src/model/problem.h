/* model/problem.h: what the engine trains: n functions F_i of one flat row, and how good a row is.
 * The engine knows nothing of layers or data; a problem knows nothing of tokens or threads.
 * Threads: all calls from any number of threads, each with a scratch of its own; none allocates,
 * locks or fails. Same arguments, same bits.                                                    */
#ifndef TSGD_MODEL_PROBLEM_H
#define TSGD_MODEL_PROBLEM_H

#include "base/status.h"
#include "simd/kernels.h"

/* What one block of an evaluation found: numbers that are added up over the blocks, in order. What
 * they mean is the problem's own affair (see `report`).                                         */
#define TSGD_MEASURE_SUMS TSGD_MOST_METRICS
struct tsgd_measure {
    uint64_t samples;
    double sum[TSGD_MEASURE_SUMS];
};

/* A number that a problem reports of an evaluation: a double in struct tsgd_eval. A problem lists
 * them, and the first is what a search judges by.                                                */
struct tsgd_problem_metric {
    const char *name;
    size_t at;                  /* its place in struct tsgd_eval */
    size_t tokens_mean, tokens_worst;   /* places for the tokens' own; 0: they have none */
    bool more_is_better;
};

struct tsgd_problem;

struct tsgd_problem_ops {
    /* Samples in node's b-th minibatch, b = 0, 1, ..: 0 if the node has no data. O(1). */
    uint32_t (*batch_count)(const struct tsgd_problem *p, uint32_t node, uint64_t b);
    /* Gradient of the mean loss over node's b-th minibatch at x, into grad[dim] (overwritten);
     * returns the sum of the losses, before any step. Only called when batch_count > 0.         */
    double (*gradient)(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                       float *grad, void *scratch);
    /* The gradient at u->x and the step that u makes of it: the bits of `gradient` and of tsgd_sgd
     * (linalg/vec.h) after it; grad [dim] is scratch. NULL: nothing is gained by doing both.    */
    double (*step)(const struct tsgd_problem *p, uint32_t node, uint64_t b,
                   const struct tsgd_update *u, float *grad, void *scratch);
    /* Both only when p->parts > 1: minibatches are cut into so many parts, by their count alone,
     * and parts are worked on side by side. The step's gradient is then
     *     sum over parts q, ascending, of (count_q / count) * gradient of the mean loss over part q
     * in single precision, and its loss the sum of theirs in the same order. part_count may be 0,
     * but not for part 0; part_gradient is as gradient, for a part that has samples.            */
    uint32_t (*part_count)(const struct tsgd_problem *p, uint32_t node, uint64_t b, uint32_t part);
    double (*part_gradient)(const struct tsgd_problem *p, uint32_t node, uint64_t b, uint32_t part,
                            const float *x, float *grad, void *scratch);
    /* One of p->eval_blocks parts of measuring x: on held-out data, or against the optimum. */
    void (*evaluate)(const struct tsgd_problem *p, uint32_t block, const float *x, void *scratch,
                     struct tsgd_measure *out);
    /* The metrics, into value[p->n_metrics], from the sum over all blocks at the mean of the tokens
     * and the tokens' consensus distance from it (0 where one row is measured alone). One that is
     * not finite means that the training has diverged.                                           */
    void (*report)(const struct tsgd_problem *p, const struct tsgd_measure *sum, double consensus,
                   double *value);
};

struct tsgd_problem {
    const struct tsgd_problem_ops *ops;
    size_t dim;                 /* floats in a row */
    uint32_t nodes;
    uint32_t parts;             /* of a minibatch; 0 or 1: it is not cut */
    uint32_t eval_blocks;       /* independent parts of an evaluation; any worker may take one */
    size_t scratch_bytes;       /* a worker's scratch, on a cache line */
    const struct tsgd_problem_metric *metric;   /* [n_metrics], at most TSGD_MOST_METRICS */
    uint32_t n_metrics;
};

/* sum += m */
void tsgd_measure_add(struct tsgd_measure *sum, const struct tsgd_measure *m);

/* All blocks of measuring x, by the calling thread: the metrics into value[p->n_metrics]; returns
 * how many samples there were. scratch: p->scratch_bytes, as a worker's.                        */
uint64_t tsgd_problem_measure(const struct tsgd_problem *p, const float *x, void *scratch,
                              double *value);

#endif
