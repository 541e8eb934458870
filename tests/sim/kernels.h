/* sim/kernels.h: every kernel of simd/ against a naive twin, on every instruction set that this CPU
 * has. Needs the C library alone, so that it also runs where nothing else is installed. Numbers are
 * small integers wherever sums of them are exact: then every bit must be right, in any order.
 * Arguments stand between forbidden pages, once at the end and once at the beginning, and what is
 * written is different rubbish before: the same arguments must give the same bits.              */
#ifndef SIM_KERNELS_H
#define SIM_KERNELS_H

#include "linalg/isa.h"

enum { KERNELS_TEXT = 240 };

struct kernels_check {
    const char *name;
    uint32_t trials;
    /* False: text says what differs where. */
    bool (*holds)(uint32_t trial, char text[KERNELS_TEXT]);
};

/* Rows end with a NULL name. The direct convolutions; everything else. */
extern const struct kernels_check kernels_conv[], kernels_other[];

/* The same bits on every instruction set with a fused multiply-add: kernel i of simd/list.h, by
 * name, NULL behind the last; a digest of what it computes from random numbers of random shapes,
 * whose sums are rounded; and whether that is what tests/sim/kernels_bits.h has of it.          */
const char *kernels_bits_name(size_t i);
uint64_t kernels_bits(const struct tsgd_kernels *k, size_t i);
bool kernels_bits_hold(const struct tsgd_kernels *k, size_t i, char text[KERNELS_TEXT]);

/* ---- what the checks share ---- */

/* Numbers for a trial: state 0 is not a state. */
static inline uint32_t kernels_draw(uint32_t *state, uint32_t below)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return (uint32_t)((uint64_t)*state * below >> 32);
}

static inline uint32_t kernels_seed(uint32_t trial)
{
    uint32_t state = (trial + 1) * 2654435761u;
    for (int i = 0; i < 8; i++)
        kernels_draw(&state, 2);
    return state;
}

/* n floats from malloc: integers from -7 to 7, never 0, or, if uniform, in [-1, 1). */
float *kernels_integers(uint32_t *state, size_t n);
float *kernels_uniform(uint32_t *state, size_t n);

/* n zeros from malloc. */
void *kernels_zeros(size_t n, size_t size);

/* False, and a sentence in text, at the first of n floats that differs, whatever its bits. */
bool kernels_equal(const char *what, const float *got, const float *want, size_t n,
                   char text[KERNELS_TEXT]);

#endif
