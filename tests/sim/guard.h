/* sim/guard.h: arrays of exactly their size, between pages that nobody may touch: a kernel that
 * reads or writes outside one ends the program. The rest of an array's own pages, which alignment
 * may make necessary, is looked at afterwards.                                                  */
#ifndef SIM_GUARD_H
#define SIM_GUARD_H

#include <stdbool.h>
#include <stddef.h>

enum { GUARD_MOST = 40 };

/* The arrays of one call. at_end: they end where a forbidden page begins, and new ones are NaN;
 * else they begin where one ends, and new ones are large numbers.                               */
struct guard {
    bool at_end;
    size_t n;
    struct guarded {
        unsigned char *map, *p;
        size_t pages, bytes;    /* bytes of all pages, forbidden ones included; of the array */
    } array[GUARD_MOST];
};

/* An array to be written; align is a power of two, 64 at most. */
void *guard_new(struct guard *g, size_t bytes, size_t align);

/* A copy of from[bytes] that can only be read; NULL for NULL. */
void *guard_copy(struct guard *g, const void *from, size_t bytes, size_t align);

/* Unmaps all of them. False: one was written before its beginning or behind its end. */
bool guard_release(struct guard *g);

#endif
