#include "sim/guard.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { UNTOUCHED = 0x5a };

void *guard_new(struct guard *g, size_t bytes, size_t align)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), usable = (bytes + page - 1) / page * page;
    struct guarded *a = &g->array[g->n];
    if (g->n++ == GUARD_MOST)
        abort();
    a->pages = usable + 2 * page;
    a->bytes = bytes;
    a->map = mmap(NULL, a->pages, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (a->map == MAP_FAILED ||
        (usable && mprotect(a->map + page, usable, PROT_READ | PROT_WRITE)))
        abort();
    a->p = a->map + page + (g->at_end ? usable - (bytes + align - 1) / align * align : 0);
    if (usable)
        memset(a->map + page, UNTOUCHED, usable);
    if (bytes)
        memset(a->p, g->at_end ? 0xff : 0x5b, bytes);
    return a->p;
}

void *guard_copy(struct guard *g, const void *from, size_t bytes, size_t align)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (!from)
        return NULL;
    void *p = guard_new(g, bytes, align);
    struct guarded *a = &g->array[g->n - 1];
    memcpy(p, from, bytes);
    if (bytes && mprotect(a->map + page, a->pages - 2 * page, PROT_READ))
        abort();
    return p;
}

bool guard_release(struct guard *g)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    bool whole = true;
    for (size_t i = 0; i < g->n; i++) {
        struct guarded *a = &g->array[i];
        unsigned char *end = a->map + a->pages - page;
        for (unsigned char *p = a->map + page; p < end; p = p == a->p ? p + a->bytes : p + 1)
            if (p != a->p && *p != UNTOUCHED)
                whole = false;
        munmap(a->map, a->pages);
    }
    g->n = 0;
    return whole;
}
