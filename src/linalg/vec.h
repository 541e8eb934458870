/* linalg/vec.h: element-wise work on whole rows. Coordinates are independent of each other, except
 * in the sums, which run in 16 lanes that are added up in order: the same bits on every machine. */
#ifndef TSGD_LINALG_VEC_H
#define TSGD_LINALG_VEC_H

#include "base/rng.h"
#include "simd/kernels.h"

/* SGD with L2 weight decay and momentum in PyTorch's form (torch.optim.SGD, dampening 0):
 *     g <- g + decay * x;  m <- momentum * m + g;  x <- x - eta * m
 * or, with nesterov, x <- x - eta * (g + momentum * m). m may be NULL when momentum is 0.       */
static inline void tsgd_sgd(const struct tsgd_kernels *k, const struct tsgd_update *u,
                            const float *g, size_t n)
{
    k->sgd(u, g, n);
}

/* sum[j] = weight * x[j], or, with add, sum[j] += weight * x[j]. */
static inline void tsgd_weigh(const struct tsgd_kernels *k, float *restrict sum,
                              const float *restrict x, size_t n, float weight, bool add)
{
    k->weigh(sum, x, n, weight, add);
}

/* sum[j] += x[j] - ref[j]; returns the sum of (x[j] - ref[j])^2. */
static inline double tsgd_fold(const struct tsgd_kernels *k, double *restrict sum,
                               const float *restrict x, const float *restrict ref, size_t dim)
{
    return k->fold(sum, x, ref, dim);
}

/* mean[j] = ref[j] + sum[j] / count; returns the sum of (sum[j] / count)^2. */
static inline double tsgd_fold_finish(const struct tsgd_kernels *k, float *restrict mean,
                                      const double *restrict sum, const float *restrict ref,
                                      size_t dim, double count)
{
    return k->fold_finish(mean, sum, ref, dim, count);
}

/* out[n] standard normals in single precision from the stream (seed, purpose, a, b), at about two
 * nanoseconds each. Words of 16 blocks at a time give 64 of them, so the first n are the same for
 * any larger n; n is at most 2^34. Box-Muller on 31 and 32 bits: values lie within 6.66 (beyond it
 * a normal has 3 in 10^11), and come within 1e-6 of the exact transform of the same words but for
 * pairs whose radius r is below 0.03, which are off by up to the least of 3e-8 / r and 4e-4.    */
static inline void tsgd_rng_normals(const struct tsgd_kernels *k, uint64_t seed,
                                    enum tsgd_purpose purpose, uint32_t a, uint64_t b, float *out,
                                    size_t n)
{
    k->normals(seed, tsgd_rng_tag(purpose, b), a, (uint32_t)b, 0, out, n);
}

/* The same from where the stream r stands, in whole blocks: what is left of the current one is
 * passed over, and r then stands behind the 16 that the last of out[n] came from.               */
static inline void tsgd_rng_next_normals(const struct tsgd_kernels *k, struct tsgd_rng *r,
                                         float *out, size_t n)
{
    k->normals(r->key[0] | (uint64_t)r->key[1] << 32, r->counter[3], r->counter[1], r->counter[2],
               r->counter[0], out, n);
    r->counter[0] += (uint32_t)((n + 63) / 64 * 16);
    r->used = 4;
}

#endif
