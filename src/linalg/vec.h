/* linalg/vec.h: element-wise work on whole rows. Coordinates are independent of each other, except
 * in the sums, which run in 16 lanes that are added up in order: the same bits on every machine. */
#ifndef TSGD_LINALG_VEC_H
#define TSGD_LINALG_VEC_H

#include <stdbool.h>
#include <stddef.h>

/* SGD with L2 weight decay and momentum in PyTorch's form (torch.optim.SGD, dampening 0):
 *     g <- g + decay * x;  m <- momentum * m + g;  x <- x - eta * m
 * or, with nesterov, x <- x - eta * (g + momentum * m). m may be NULL when momentum is 0.       */
void tsgd_sgd(float *restrict x, float *restrict m, const float *restrict g, size_t dim, float eta,
              float momentum, bool nesterov, float decay);

/* sum[j] = weight * x[j], or, with add, sum[j] += weight * x[j]. */
void tsgd_weigh(float *restrict sum, const float *restrict x, size_t n, float weight, bool add);

/* sum[j] += x[j] - ref[j]; returns the sum of (x[j] - ref[j])^2. */
double tsgd_fold(double *restrict sum, const float *restrict x, const float *restrict ref,
                 size_t dim);

/* mean[j] = ref[j] + sum[j] / count; returns the sum of (sum[j] / count)^2. */
double tsgd_fold_finish(float *restrict mean, const double *restrict sum,
                        const float *restrict ref, size_t dim, double count);

#endif
