#include "engine/arena.h"

size_t tsgd_arena_bytes(size_t tokens, size_t dim, uint32_t places, uint32_t exchanged,
                        uint32_t private_rows)
{
    if (dim > SIZE_MAX / 8)
        return SIZE_MAX;
    size_t row = tsgd_mul(tsgd_arena_stride(dim), sizeof(float));
    size_t rows = tsgd_mul(tsgd_mul(tokens, places * (size_t)exchanged + private_rows), row);
    size_t words = tsgd_mul(tokens, sizeof(struct tsgd_seq) + sizeof(struct tsgd_tally));
    return tsgd_add(words, rows);
}

enum tsgd_status tsgd_arena_init(struct tsgd_arena *out, size_t tokens, size_t dim, uint32_t places,
                                 uint32_t exchanged, uint32_t private_rows, struct tsgd_error *err)
{
    struct tsgd_arena a = {.tokens = tokens, .dim = dim, .stride = tsgd_arena_stride(dim),
                           .places = places, .exchanged = exchanged, .private_rows = private_rows};
    void *p;
    a.bytes = tsgd_arena_bytes(tokens, dim, places, exchanged, private_rows);
    enum tsgd_status st = tsgd_map(&p, a.bytes, "token rows", err);
    if (st != TSGD_OK)
        return st;
    a.seq = p;
    a.tally = (struct tsgd_tally *)(a.seq + tokens);
    a.row = (float *)(a.tally + tokens);
    a.own = a.row + places * exchanged * tokens * a.stride;
    *out = a;
    return TSGD_OK;
}

void tsgd_arena_release(struct tsgd_arena *a)
{
    tsgd_unmap(a->seq, a->bytes);
    *a = (struct tsgd_arena)TSGD_ARENA_INIT;
}
