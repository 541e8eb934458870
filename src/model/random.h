/* model/random.h: the streams of random numbers that telesgd.h shows to callers, inside: a stream
 * of base/rng.h with the kernels that draw rows of normals from it.                             */
#ifndef TSGD_MODEL_RANDOM_H
#define TSGD_MODEL_RANDOM_H

#include "base/rng.h"
#include "base/status.h"
#include "simd/kernels.h"

/* The stream (seed, purpose, a, b), at its start. */
void tsgd_random_start(struct tsgd_random *out, const struct tsgd_kernels *kernels, uint64_t seed,
                       enum tsgd_purpose purpose, uint32_t a, uint64_t b);

#endif
