#include "base/hash.h"

#include "base/mem.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

struct tsgd_hasher {
    XXH3_state_t state;
};

uint64_t tsgd_hash(const void *bytes, size_t n)
{
    return XXH3_64bits(bytes, n);
}

enum tsgd_status tsgd_hasher_create(struct tsgd_hasher **out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_NEW(out, 1, "a checksum", err);
    if (st == TSGD_OK)
        XXH3_64bits_reset(&(*out)->state);
    return st;
}

void tsgd_hasher_add(struct tsgd_hasher *h, const void *bytes, size_t n)
{
    XXH3_64bits_update(&h->state, bytes, n);
}

uint64_t tsgd_hasher_value(const struct tsgd_hasher *h) { return XXH3_64bits_digest(&h->state); }

void tsgd_hasher_free(struct tsgd_hasher *h) { free(h); }
