/* engine/arena.h: every byte of the tokens that workers share and change, in one mapping.
 *   seq       [tokens]                 one counter a token, 128 bytes apart
 *   tally     [tokens]                 what a token adds up between evaluations, 128 bytes apart
 *   row       [P][E][tokens][stride]   fp32, exchanged; with P = 2 a row alternates between two
 *                                      places, each time it is mixed; with P = 1 it stays
 *   own       [R][tokens][stride]      fp32, private to whoever steps the token (momentum, ..)
 * Rows start on a cache line; stride >= dim counts floats; padding stays zero. Huge pages are asked
 * for; a row is first touched by the worker whose home token it is. Size: (P E + R) * tokens *
 * stride floats, however many nodes there are.
 * When tokens are spread over ranks (engine/spread.h), what travels together stands together:
 *   row       [P][tokens][head, E * stride]
 *   own       [tokens][R * stride]
 * and only pages of tokens that are or were on this rank are ever touched, and so taken.
 * Ownership: the holding's, which is released after the workers are joined.
 * Threads: init alone; addresses from anywhere. Who may touch a row's contents, and
 * when, is decided by engine/seq.h and nothing else.                                            */
#ifndef TSGD_ENGINE_ARENA_H
#define TSGD_ENGINE_ARENA_H

#include "base/mem.h"
#include "engine/seq.h"

/* Written by whoever steps the token; read and cleared by the fold, when R3 keeps steps away. */
struct tsgd_tally {
    alignas(128) double loss;
};

struct tsgd_arena {
    struct tsgd_seq *seq;
    struct tsgd_tally *tally;
    float *row, *own;
    size_t tokens, dim, stride;
    uint32_t places, exchanged, private_rows;   /* P, E, R */
    size_t head;                /* floats before a token's exchanged rows */
    /* Floats from one place, row and token to the next; of own rows from one row and token. */
    size_t place_step, row_step, token_step, own_row_step, own_token_step;
};

/* Floats from one row to the next. */
static inline size_t tsgd_arena_stride(size_t dim) { return tsgd_round_up(dim, 16); }

/* Maps an arena with everything zero. places: 1 or 2. head: 0, or a multiple of 16 where tokens are
 * spread over ranks. here: so many tokens' rows will ever be written, all or fewer. On error *out
 * is untouched. TSGD_ENOMEM.                                                                    */
enum tsgd_status tsgd_arena_init(struct tsgd_arena *out, struct tsgd_holding *holding,
                                 size_t tokens, size_t dim, uint32_t places, uint32_t exchanged,
                                 uint32_t private_rows, size_t head, size_t here,
                                 struct tsgd_error *err);

/* Exchanged row e of `token` when it has been mixed so many times. */
static inline float *tsgd_arena_row(const struct tsgd_arena *a, uint64_t turns, uint32_t e,
                                    size_t token)
{
    return a->row + (turns & (a->places - 1)) * a->place_step + e * a->row_step +
           token * a->token_step;
}

/* Private row r of `token`. */
static inline float *tsgd_arena_own(const struct tsgd_arena *a, uint32_t r, size_t token)
{
    return a->own + r * a->own_row_step + token * a->own_token_step;
}

#endif
