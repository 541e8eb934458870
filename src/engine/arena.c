#include "engine/arena.h"

/* With rows of so many tokens. */
static size_t bytes(const struct tsgd_arena *a, size_t tokens)
{
    if (a->dim > SIZE_MAX / 8)
        return SIZE_MAX;
    size_t row = tsgd_mul(a->stride, sizeof(float));
    size_t rows = tsgd_mul(tokens, a->places * (size_t)a->exchanged + a->private_rows);
    size_t heads = tsgd_mul(tokens, a->places * a->head * sizeof(float));
    size_t words = tsgd_mul(a->tokens, sizeof(struct tsgd_seq) + sizeof(struct tsgd_tally));
    return tsgd_add(words, tsgd_add(heads, tsgd_mul(rows, row)));
}

static void lay_out(struct tsgd_arena *a)
{
    bool together = a->head > 0;
    a->token_step = together ? a->head + a->exchanged * a->stride : a->stride;
    a->row_step = together ? a->stride : a->tokens * a->stride;
    a->place_step = a->tokens * (together ? a->token_step : a->exchanged * a->stride);
    a->own_token_step = together ? a->private_rows * a->stride : a->stride;
    a->own_row_step = together ? a->stride : a->tokens * a->stride;
}

enum tsgd_status tsgd_arena_init(struct tsgd_arena *out, struct tsgd_holding *holding,
                                 size_t tokens, size_t dim, uint32_t places, uint32_t exchanged,
                                 uint32_t private_rows, size_t head, size_t here,
                                 struct tsgd_error *err)
{
    struct tsgd_arena a = {.tokens = tokens, .dim = dim, .stride = tsgd_arena_stride(dim),
                           .places = places, .exchanged = exchanged, .private_rows = private_rows,
                           .head = head};
    void *p = NULL;
    enum tsgd_status st = tsgd_hold_sparse(holding, &p, bytes(&a, tokens), bytes(&a, here),
                                           "token rows", err);
    if (st != TSGD_OK)
        return st;
    if (p) {
        lay_out(&a);
        a.seq = p;
        a.tally = (struct tsgd_tally *)(a.seq + tokens);
        a.row = (float *)(a.tally + tokens) + head;
        a.own = a.row - head + places * a.place_step;
    }
    *out = a;
    return TSGD_OK;
}
