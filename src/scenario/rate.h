/* scenario/rate.h: the step size as a function of the round (--lr, --schedule, --warmup).
 *   const                    eta
 *   cosine[:MIN]             from eta to MIN (default 0) along half a cosine over all rounds
 *   step:R1,R2,..[:FACTOR]   times FACTOR (default 0.1) from round R1 on, again from R2 on, ..
 * A linear warm-up takes (t + 1) / warmup of that in rounds t < warmup.
 * Ownership: no memory of its own. Threads: read-only after parse.                              */
#ifndef TSGD_SCENARIO_RATE_H
#define TSGD_SCENARIO_RATE_H

#include "engine/hooks.h"

#define TSGD_RATE_STEPS 32

struct tsgd_rate {
    enum { TSGD_RATE_CONST, TSGD_RATE_COSINE, TSGD_RATE_STEP } kind;
    double eta, least, factor;
    uint64_t rounds, warmup;
    uint64_t step[TSGD_RATE_STEPS];
    size_t n_steps;
};

/* rounds 0: unknown, which cosine refuses. TSGD_EINVAL: no such schedule, or an argument that it
 * cannot have.                                                                                  */
enum tsgd_status tsgd_rate_parse(struct tsgd_rate *out, const char *schedule, double eta,
                                 uint64_t rounds, uint64_t warmup, struct tsgd_error *err);

/* Step size of round t, counted from 0. */
float tsgd_rate_at(const struct tsgd_rate *r, uint64_t t);

/* The same for the engine, which borrows r. */
struct tsgd_step_size tsgd_rate_step_size(const struct tsgd_rate *r);

#endif
