#include "base/mem.h"

#include "base/cgroup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* What rounding up has added, where AddressSanitizer is to see whoever touches it; free allows it
 * again.                                                                                        */
#ifdef TSGD_EXACT_MEMORY
#include <sanitizer/asan_interface.h>
static void forbid(const void *p, size_t bytes) { __asan_poison_memory_region(p, bytes); }
#else
static void forbid(const void *p, size_t bytes) { (void)p, (void)bytes; }
#endif

enum tsgd_status tsgd_alloc(void **out, size_t count, size_t size, const char *what,
                            struct tsgd_error *err)
{
    size_t bytes = tsgd_mul(count, size);
    if (bytes > SIZE_MAX / 2)
        return tsgd_fail(err, TSGD_ENOMEM, "%s: %zu items of %zu bytes are too many", what, count,
                         size);
    size_t asked = bytes;
    bytes = tsgd_round_up(bytes ? bytes : 1, 128);
    void *p = aligned_alloc(128, bytes);
    if (!p)
        return tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for %zu bytes", what, bytes);
    memset(p, 0, bytes);
    forbid((char *)p + asked, bytes - asked);
    *out = p;
    return TSGD_OK;
}

/* flags: of mmap, besides the usual ones. */
static enum tsgd_status map(void **out, size_t bytes, int flags, const char *what,
                            struct tsgd_error *err)
{
    void *p = MAP_FAILED;
    if (bytes <= SIZE_MAX / 2)
        p = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    if (p == MAP_FAILED)
        return tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for %zu bytes", what, bytes);
    *out = p;
    return TSGD_OK;
}

enum tsgd_status tsgd_map(void **out, size_t bytes, const char *what, struct tsgd_error *err)
{
    enum tsgd_status st = map(out, bytes, 0, what, err);
    if (st == TSGD_OK)          /* a wish: without huge pages everything works the same */
        madvise(*out, bytes, MADV_HUGEPAGE);
    return st;
}

void tsgd_unmap(void *p, size_t bytes)
{
    if (p)
        munmap(p, bytes ? bytes : 1);
}

void tsgd_map_clear(void *p, size_t bytes)
{
    if (p && madvise(p, bytes, MADV_DONTNEED) != 0)
        memset(p, 0, bytes);            /* pages that are locked */
}

size_t tsgd_mem_available(void)
{
    char line[256];
    uint64_t kib;
    size_t bytes = tsgd_cgroup_memory("");
    FILE *f = fopen("/proc/meminfo", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1) {
            bytes = tsgd_mul(kib, 1024) < bytes ? tsgd_mul(kib, 1024) : bytes;
            break;
        }
    if (f)
        fclose(f);
    return bytes;
}

enum tsgd_status tsgd_mem_check(size_t bytes, const char *what, const char *remedy,
                                struct tsgd_error *err)
{
    size_t available = tsgd_mem_available();
    if (bytes != SIZE_MAX && bytes <= available)
        return TSGD_OK;
    if (bytes == SIZE_MAX)
        return tsgd_fail(err, TSGD_ENOMEM, "%s: more memory than can be counted; %s", what, remedy);
    return tsgd_fail(err, TSGD_ENOMEM, "%s: needs %.1f GiB, %.1f GiB are available; %s", what,
                     (double)bytes / 0x1p30, (double)available / 0x1p30, remedy);
}

/* What growing memory begins with, and up to which size nobody asks how much there is: the answer
 * takes the system longer than the memory.                                                      */
enum { LEAST_BYTES = 1 << 12, UNASKED_BYTES = 1 << 22 };

enum tsgd_status tsgd_grow(void **block, size_t *room, size_t count, size_t size, const char *what,
                           const char *remedy, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (count <= *room)
        return TSGD_OK;
    size_t more = count > tsgd_mul(2, *room) ? count : 2 * *room;
    more = more > LEAST_BYTES / size ? more : LEAST_BYTES / size;
    size_t bytes = tsgd_mul(more, size);
    if (bytes > UNASKED_BYTES)
        TRY(tsgd_mem_check(bytes == SIZE_MAX ? bytes : bytes - *room * size, what, remedy, err));
    void *p = realloc(*block, bytes);
    if (!p)
        return tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for %zu bytes; %s", what, bytes, remedy);
    *block = p;
    *room = more;
done:
    return st;
}

void tsgd_shrink(void **block, size_t count, size_t size)
{
    size_t bytes = count * size;
    void *p = realloc(*block, bytes > 0 ? bytes : 1);
    if (p)
        *block = p;
}

/* ---- holdings ---- */

struct tsgd_block {
    void *p;
    size_t mapped;              /* bytes of a mapping; 0: freed with free() */
};

/* Room for one more block, so that what is taken next can be remembered. */
static enum tsgd_status make_room(struct tsgd_holding *h, const char *what, struct tsgd_error *err)
{
    if (h->n < h->room)
        return TSGD_OK;
    size_t room = h->room ? 2 * h->room : 16;
    void *p = realloc(h->block, room * sizeof *h->block);
    if (!p)
        return tsgd_fail(err, TSGD_ENOMEM, "no memory for %s", what);
    h->block = p;
    h->room = room;
    return TSGD_OK;
}

static enum tsgd_status hold(struct tsgd_holding *h, void **out, size_t count, size_t size,
                             bool mapped, const char *what, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    void *p = NULL;
    size_t bytes = tsgd_mul(count, size);
    if (!h->counts) {
        TRY(make_room(h, what, err));
        TRY(mapped ? tsgd_map(&p, bytes, what, err) : tsgd_alloc(&p, count, size, what, err));
        h->block[h->n++] = (struct tsgd_block){p, mapped ? bytes : 0};
        *out = p;
    }
    h->bytes = tsgd_add(h->bytes, bytes);
done:
    return st;
}

enum tsgd_status tsgd_hold(struct tsgd_holding *h, void **out, size_t count, size_t size,
                           const char *what, struct tsgd_error *err)
{
    return hold(h, out, count, size, false, what, err);
}

enum tsgd_status tsgd_hold_map(struct tsgd_holding *h, void **out, size_t bytes, const char *what,
                               struct tsgd_error *err)
{
    return hold(h, out, bytes, 1, true, what, err);
}

enum tsgd_status tsgd_hold_sparse(struct tsgd_holding *h, void **out, size_t bytes, size_t touched,
                                  const char *what, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (touched == bytes)
        return tsgd_hold_map(h, out, bytes, what, err);
    if (!h->counts) {
        TRY(make_room(h, what, err));
        TRY(map(out, bytes, MAP_NORESERVE, what, err));
        madvise(*out, bytes, MADV_NOHUGEPAGE);  /* a huge page would take what nobody writes */
        h->block[h->n++] = (struct tsgd_block){*out, bytes};
    }
    h->bytes = tsgd_add(h->bytes, touched);
done:
    return st;
}

void tsgd_holding_release(struct tsgd_holding *h)
{
    for (size_t i = 0; i < h->n; i++) {
        if (h->block[i].mapped)
            tsgd_unmap(h->block[i].p, h->block[i].mapped);
        else
            free(h->block[i].p);
    }
    free(h->block);
    *h = (struct tsgd_holding)TSGD_HOLDING_INIT;
}
