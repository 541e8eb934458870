/* model/quadratic.h: the synthetic problem of Koloskova et al. (ICML 2020), whose optimum is
 * known:
 *     F_i(x) = 1/2 ||a_i x - b_i||^2,  b_i ~ N(0, s_i^2 I),  i = 1 .. n (node i - 1)
 *     gradient = a_i (a_i x - b_i) + N(0, sigma2/d I), the noise drawn anew for each gradient
 *     koloskova   a_i = i / sqrt n,                         s_i^2 = zeta2 / i^2
 *     spread      a_i^2 = 1/2 + (i - 1) / (n - 1),          s_i^2 = zeta2 / d
 *     uniform     a_i = 1,                                  s_i^2 = zeta2 / d
 * With n = 1, spread takes 1/2. Every a_i and b_i is rounded to single precision, and the optimum
 * is that of the rounded ones. Nothing grows with n: b_i is drawn, by counters, whenever it is
 * needed. With d = 50 that takes about 0.1 us, as the noise does; reading it from rows in memory
 * would take less (5 ns for 25 nodes, 20 ns for 100,000), at 4 n d bytes.
 * Ownership: whoever inits it releases it. Threads: as model/problem.h.                         */
#ifndef TSGD_MODEL_QUADRATIC_H
#define TSGD_MODEL_QUADRATIC_H

#include "model/problem.h"
#include "simd/kernels.h"

struct tsgd_conditioning {
    const char *name;
    double (*a)(double i, double n);
    double (*deviation)(double i, double dim);  /* s_i for zeta2 = 1 */
};

/* TSGD_EINVAL: no such conditioning; suggests the nearest. */
enum tsgd_status tsgd_conditioning_find(const struct tsgd_conditioning **out, const char *name,
                                        struct tsgd_error *err);

struct tsgd_quadratic {
    struct tsgd_problem problem;    /* first: the engine sees only this */
    const struct tsgd_kernels *kernels;
    const struct tsgd_conditioning *conditioning;
    uint64_t seed;
    double zeta;
    float noise;                    /* standard deviation of each coordinate's */
    double *optimum;                /* x* [dim] = mean of a_i b_i / mean of a_i^2, once solved */
    double curvature;           /* c: the mean f of all F_i is c/2 ||x - x*||^2 and a constant;
                                 * 0 until it is solved */
};

/* Without the optimum: gradients can be asked for, evaluations not. On error *out is untouched.
 * TSGD_ENOMEM.                                                                                  */
enum tsgd_status tsgd_quadratic_init(struct tsgd_quadratic *out, const struct tsgd_kernels *kernels,
                                     const struct tsgd_conditioning *conditioning, uint32_t nodes,
                                     size_t dim, double zeta2, double sigma2, uint64_t seed,
                                     struct tsgd_error *err);
void tsgd_quadratic_release(struct tsgd_quadratic *q);

/* Finds the optimum, in time O(n dim), when it is called first. TSGD_ENOMEM. */
enum tsgd_status tsgd_quadratic_solve(struct tsgd_quadratic *q, struct tsgd_error *err);

/* a_i of the node, and b_i into b[dim]. */
float tsgd_quadratic_node(const struct tsgd_quadratic *q, uint32_t node, float *b);

#endif
