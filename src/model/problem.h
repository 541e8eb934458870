/* model/problem.h: what the engine trains: n functions F_i of one flat row, and how good a row is.
 * The engine knows nothing of layers or data; a problem knows nothing of tokens or threads.
 * Threads: all calls from any number of threads, each with a scratch of its own; none allocates,
 * locks or fails. Same arguments, same bits.                                                    */
#ifndef TSGD_MODEL_PROBLEM_H
#define TSGD_MODEL_PROBLEM_H

#include "base/status.h"

/* What one block of an evaluation found; blocks are added up in order. */
struct tsgd_measure {
    double loss;                /* summed over samples */
    uint64_t correct, samples;
    double distance2;           /* ||x - x*||^2, where the problem has a curvature */
};

struct tsgd_problem;

struct tsgd_problem_ops {
    /* Samples in node's b-th minibatch, b = 0, 1, ..: 0 if the node has no data. O(1). */
    uint32_t (*batch_count)(const struct tsgd_problem *p, uint32_t node, uint64_t b);
    /* Gradient of the mean loss over node's b-th minibatch at x, into grad[dim] (overwritten);
     * returns the sum of the losses, before any step. Only called when batch_count > 0.         */
    double (*gradient)(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                       float *grad, void *scratch);
    /* Both only when p->parts > 1: minibatches are cut into so many parts, by their count alone, and
     * parts are worked on side by side. The step's gradient is then
     *     sum over parts q, ascending, of (count_q / count) * gradient of the mean loss over part q
     * in single precision, and its loss the sum of theirs in the same order. part_count may be 0, but
     * not for part 0; part_gradient is as gradient, for a part that has samples.                */
    uint32_t (*part_count)(const struct tsgd_problem *p, uint32_t node, uint64_t b, uint32_t part);
    double (*part_gradient)(const struct tsgd_problem *p, uint32_t node, uint64_t b, uint32_t part,
                            const float *x, float *grad, void *scratch);
    /* One of p->eval_blocks parts of measuring x: on held-out data, or against the optimum. */
    void (*evaluate)(const struct tsgd_problem *p, uint32_t block, const float *x, void *scratch,
                     struct tsgd_measure *out);
};

struct tsgd_problem {
    const struct tsgd_problem_ops *ops;
    size_t dim;                 /* floats in a row */
    uint32_t nodes;
    uint32_t parts;             /* of a minibatch; 0 or 1: it is not cut */
    uint32_t eval_blocks;       /* independent parts of an evaluation; any worker may take one */
    size_t scratch_bytes;       /* a worker's scratch, on a cache line */
    double curvature;           /* c > 0: the mean f of all F_i is c/2 ||x - x*||^2 and a constant,
                                 * so ||grad f||^2 = c^2 ||x - x*||^2; 0: f has no such form */
};

/* All blocks of measuring x, added up in order, by the calling thread: loss, correct and samples.
 * Allocates a scratch of its own. TSGD_ENOMEM: then *out is untouched.                          */
enum tsgd_status tsgd_problem_measure(const struct tsgd_problem *p, const float *x,
                                      struct tsgd_measure *out, struct tsgd_error *err);

#endif
