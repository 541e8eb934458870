#include "linalg/mix.h"

#include "base/mem.h"

#include <string.h>
#include <unistd.h>

/* Floats of all rows that are worked on at a time: they fit in the first-level cache twice over.
 * But a strip of a row is a whole cache line at least, and what is fetched ahead must fit there
 * too.                                                                                          */
enum { POOL = 4096, NARROWEST = 16, WIDEST = 128 };

static size_t pitch(uint32_t k)
{
    uint32_t width = POOL / k / NARROWEST * NARROWEST;
    return width < NARROWEST ? NARROWEST : width > WIDEST ? WIDEST : width;
}

size_t tsgd_mix_scratch(uint32_t k) { return k * pitch(k); }

static bool any(const bool *absent, uint32_t k)
{
    return absent && memchr(absent, 1, k * sizeof *absent);
}

static struct tsgd_mix matrix(const struct tsgd_csr *m, const bool *absent, size_t stride)
{
    return (struct tsgd_mix){
        .k = m->n, .ptr = m->ptr, .col = m->col, .val = m->val, .absent = absent,
        .uniform = m->uniform && !any(absent, m->n), .stride = stride,
    };
}

/* A core's share of the last cache is not worth more than this, whatever the system says: virtual
 * machines show the whole host's, which others use too. Where it says nothing, so much is
 * assumed.                                                                                      */
enum { OWN_CACHE = 1 << 20, SHARED_CACHE = 32 << 20 };

bool tsgd_mix_bypass(size_t dim, size_t bytes)
{
    long own = -1, shared = -1;
#ifdef _SC_LEVEL2_CACHE_SIZE
    own = sysconf(_SC_LEVEL2_CACHE_SIZE);
    shared = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
    own = own > 0 ? own : OWN_CACHE;
    shared = shared > 0 && shared < SHARED_CACHE ? shared : SHARED_CACHE;
    return dim > (size_t)own / sizeof(float) && bytes > (size_t)shared;
}

void tsgd_mix_row(const struct tsgd_kernels *k, const struct tsgd_csr *m, uint32_t a,
                  const bool *absent, const float *rows, size_t stride, size_t dim, bool bypass,
                  float *restrict out)
{
    struct tsgd_mix d = matrix(m, absent, stride);
    k->mix_row(&d, a, rows, tsgd_round_up(dim, 16), out, bypass);
}

void tsgd_mix_all(const struct tsgd_kernels *k, const struct tsgd_csr *m, const bool *absent,
                  float *rows, size_t stride, size_t from, size_t to, float *restrict scratch)
{
    struct tsgd_mix d = matrix(m, absent, stride);
    k->mix_all(&d, rows + from, tsgd_round_up(to - from, 16), scratch, pitch(m->n));
}
