/* base/hash.h: XXH3-64 (xxHash), the hash of states, splits and checkpoints. Same value on every
 * machine.                                                                                      */
#ifndef TSGD_BASE_HASH_H
#define TSGD_BASE_HASH_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

uint64_t tsgd_hash(const void *bytes, size_t n);

/* The same of bytes that come piece by piece. */
struct tsgd_hasher;

/* For the caller to free. TSGD_ENOMEM. */
enum tsgd_status tsgd_hasher_create(struct tsgd_hasher **out, struct tsgd_error *err);
void tsgd_hasher_add(struct tsgd_hasher *h, const void *bytes, size_t n);
uint64_t tsgd_hasher_value(const struct tsgd_hasher *h);

/* NULL is fine. */
void tsgd_hasher_free(struct tsgd_hasher *h);

#endif
