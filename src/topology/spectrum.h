/* topology/spectrum.h: how fast mixing matrices mix. All of it is about them as gossip applies
 * them, x_a + sum_b W[a][b] (x_b - x_a): weights are fp32, and what they lack to 1 is the
 * diagonal.                                                                                     */
#ifndef TSGD_TOPOLOGY_SPECTRUM_H
#define TSGD_TOPOLOGY_SPECTRUM_H

#include "topology/topology.h"

struct tsgd_spectrum {
    uint32_t degree;            /* neighbours that a token reads in a round, at most */
    uint32_t period;
    /* 1 - sigma^2, where sigma is the largest singular value of W - 11^T/k: of round 0, and of the
     * product of a period's rounds. 1 for k = 1. Right to 1e-6, and for small gaps to 1e-4 of
     * their value.                                                                              */
    double gap, gap_period;
    /* Rounds, from round 0 on and at most a period, after which everybody holds the mean of all:
     * each entry of the product is 1/k within 1e-6, or 1e-4/k if that is less. 0: never. One entry
     * off suffices for `never`; the opposite is checked on every column of the product, but for
     * graphs so large that this takes more than 2^32 multiplications only on as many columns as
     * these allow, at least 16.                                                                 */
    uint32_t exact_after;
};

/* TSGD_ENOMEM. */
enum tsgd_status tsgd_spectrum(struct tsgd_spectrum *out, const struct tsgd_mixing *s,
                               struct tsgd_error *err);

/* All singular values of the product of `count` matrices of the period, from number `first` on, in
 * descending order into out[k]; right to 1e-6. Takes O(k^3), so it is for graphs that one can draw.
 * TSGD_ENOMEM.                                                                                  */
enum tsgd_status tsgd_singular_values(double *out, const struct tsgd_mixing *s, uint32_t first,
                                      uint32_t count, struct tsgd_error *err);

#endif
