/* base/mem.h: aligned, overflow-checked memory.
 * Everything is zeroed, starts on a pair of cache lines (128 bytes) and is freed with free().   */
#ifndef TSGD_BASE_MEM_H
#define TSGD_BASE_MEM_H

#include "base/status.h"

#include <stdlib.h>

/* count * size bytes into *out. On failure *out is untouched; `what` names it in the sentence.
 * TSGD_ENOMEM: the size overflows, or the system has no more.                                   */
enum tsgd_status tsgd_alloc(void **out, size_t count, size_t size, const char *what,
                            struct tsgd_error *err);

/* tsgd_alloc for a typed pointer: TRY(TSGD_NEW(&p, n, "labels", err)). */
#define TSGD_NEW(ptr, count, what, err) \
    tsgd_alloc((void **)(ptr), (count), sizeof **(ptr), (what), (err))

/* Large memory straight from the system: zero, on a page of its own, huge pages asked for where the
 * kernel has them. A page is placed when it is first touched, near the thread that touches it.
 * Release with tsgd_unmap and the same size. TSGD_ENOMEM.                                       */
enum tsgd_status tsgd_map(void **out, size_t bytes, const char *what, struct tsgd_error *err);
void tsgd_unmap(void *p, size_t bytes);

/* Gives the pages of such memory back, which stays: it is zero again. */
void tsgd_map_clear(void *p, size_t bytes);

/* What one owner holds: taken block by block, released all at once. A holding that counts takes
 * nothing and only adds up the bytes, so the code that takes memory is the code that tells how much
 * it will be. Pointers are then left as they are.                                               */
struct tsgd_holding {
    bool counts;
    size_t bytes;               /* SIZE_MAX when they cannot be counted */
    struct tsgd_block *block;
    size_t n, room;
};
#define TSGD_HOLDING_INIT {false, 0, NULL, 0, 0}
#define TSGD_HOLDING_COUNT {true, 0, NULL, 0, 0}

/* As tsgd_alloc, as TSGD_NEW and as tsgd_map, for the holding to release. */
enum tsgd_status tsgd_hold(struct tsgd_holding *h, void **out, size_t count, size_t size,
                           const char *what, struct tsgd_error *err);
#define TSGD_HOLD(h, ptr, count, what, err) \
    tsgd_hold((h), (void **)(ptr), (count), sizeof **(ptr), (what), (err))
enum tsgd_status tsgd_hold_map(struct tsgd_holding *h, void **out, size_t bytes, const char *what,
                               struct tsgd_error *err);
/* As tsgd_hold_map, of a mapping of which only `touched` bytes, all or fewer, will ever be written,
 * here and there: only these are counted, and no more than their pages is taken.                */
enum tsgd_status tsgd_hold_sparse(struct tsgd_holding *h, void **out, size_t bytes, size_t touched,
                                  const char *what, struct tsgd_error *err);
void tsgd_holding_release(struct tsgd_holding *h);

/* Bytes this process may still take: free memory of the machine, or of its control groups where
 * that is less; SIZE_MAX if the system does not say.                                            */
size_t tsgd_mem_available(void);

/* Refuses what cannot fit before anything is allocated: TSGD_ENOMEM with both figures and the
 * remedy, a clause such as "use fewer --active tokens". SIZE_MAX bytes never fit.               */
enum tsgd_status tsgd_mem_check(size_t bytes, const char *what, const char *remedy,
                                struct tsgd_error *err);

/* Makes room for `count` items in *block, of malloc or NULL, which has room for *room of them: for
 * twice as many as before, or more. So memory grows with what has arrived, whatever a file says is
 * to come. What is new is not zeroed. TSGD_ENOMEM, as tsgd_mem_check says it; *block then stays. */
enum tsgd_status tsgd_grow(void **block, size_t *room, size_t count, size_t size, const char *what,
                           const char *remedy, struct tsgd_error *err);

/* Gives back what *block, of this header or of malloc, has beyond `count` items. It may move, and
 * is then aligned as malloc does it. Cannot fail: what the system does not take stays.          */
void tsgd_shrink(void **block, size_t count, size_t size);

/* a * b, a + b; SIZE_MAX when it overflows, so that estimates can be chained and then checked. */
static inline size_t tsgd_mul(size_t a, size_t b)
{
    size_t r;
    return a == SIZE_MAX || b == SIZE_MAX || __builtin_mul_overflow(a, b, &r) ? SIZE_MAX : r;
}

static inline size_t tsgd_add(size_t a, size_t b)
{
    size_t r;
    return __builtin_add_overflow(a, b, &r) ? SIZE_MAX : r;
}

static inline size_t tsgd_round_up(size_t n, size_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

#endif
