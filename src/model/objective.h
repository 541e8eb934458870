/* model/objective.h: an objective of the caller (struct tsgd_objective in telesgd.h) as a problem.
 * Ownership: what the objective points to stays the caller's, and outlives the problem.
 * Threads: as model/problem.h; the callbacks are held to the same.                              */
#ifndef TSGD_MODEL_OBJECTIVE_H
#define TSGD_MODEL_OBJECTIVE_H

#include "model/layer.h"
#include "model/problem.h"
#include "simd/kernels.h"

struct tsgd_own_problem {
    struct tsgd_problem problem;    /* first: the engine sees only this */
    struct tsgd_objective objective;
    struct tsgd_problem_metric metric[TSGD_MOST_METRICS];
    const struct tsgd_kernels *kernels;
    uint64_t seed;
};

/* A copy of what a caller hands over, who may know an older or a newer struct; what he does not
 * know is 0. On error *out is untouched. TSGD_EINVAL: as tsgd_settings_set_objective.           */
enum tsgd_status tsgd_objective_take(struct tsgd_objective *out, const struct tsgd_objective *from,
                                     struct tsgd_error *err);

/* The --model of an objective, "objective:NAME", has at most this many characters with its 0. */
#define TSGD_OBJECTIVE_TEXT 48

/* Which of the objective's metrics is called this; -1: none. */
int tsgd_objective_metric_find(const struct tsgd_objective *o, const char *name);

/* Tensor i of its row, which begins at `offset`. */
void tsgd_objective_tensor_at(const struct tsgd_objective *o, uint32_t i, size_t offset,
                              struct tsgd_tensor *out);

/* Of an objective that was taken; `out` must not be moved. */
void tsgd_own_problem_init(struct tsgd_own_problem *out, const struct tsgd_objective *objective,
                           uint32_t nodes, const struct tsgd_kernels *kernels, uint64_t seed);

/* x^0 into x[dim], which is all 0. */
void tsgd_own_problem_start(const struct tsgd_own_problem *p, float *x);

#endif
