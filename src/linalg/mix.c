#include "linalg/mix.h"

#include "base/mem.h"

#include <string.h>
#include <unistd.h>

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

bool tsgd_mix_cached(size_t bytes)
{
    long shared = -1;
#ifdef _SC_LEVEL3_CACHE_SIZE
    shared = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
    return bytes <= (size_t)(shared > 0 && shared < SHARED_CACHE ? shared : SHARED_CACHE);
}

bool tsgd_mix_bypass(size_t dim, size_t bytes)
{
    long own = -1;
#ifdef _SC_LEVEL2_CACHE_SIZE
    own = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
    own = own > 0 ? own : OWN_CACHE;
    return dim > (size_t)own / sizeof(float) && !tsgd_mix_cached(bytes);
}

void tsgd_mix_row(const struct tsgd_kernels *k, const struct tsgd_csr *m, uint32_t a,
                  const bool *absent, const float *rows, size_t stride, size_t dim, bool bypass,
                  float *restrict out)
{
    struct tsgd_mix d = matrix(m, absent, stride);
    k->mix_row(&d, a, rows, tsgd_round_up(dim, 16), out, bypass);
}

/* ---- all rows where they stand ---- */

/* Whether row a reads those beside it and no others, by weights > 0: what the kernel asks of a line
 * or, with `ring`, a ring.                                                                      */
static bool reads_beside(const struct tsgd_csr *m, uint32_t a, bool ring)
{
    uint32_t k = m->n, links = 0, want = ring || (a > 0 && a + 1 < k) ? 2 : 1;
    for (uint32_t i = m->ptr[a]; i < m->ptr[a + 1]; i++) {
        uint32_t b = m->col[i];
        if (b == a)
            continue;
        bool beside = b == a + 1 || a == b + 1 || (ring && (a + b == k - 1) && (a == 0 || b == 0));
        if (!beside || !(m->val[i] > 0))
            return false;
        links++;
    }
    return links == want;
}

static enum tsgd_mix_shape shape(const struct tsgd_csr *m)
{
    bool line = m->n > 1, ring = m->n > 2;
    for (uint32_t a = 0; a < m->n; a++) {
        line = line && reads_beside(m, a, false);
        ring = ring && reads_beside(m, a, true);
    }
    return m->uniform ? TSGD_MIX_MEAN : line ? TSGD_MIX_LINE : ring ? TSGD_MIX_RING : TSGD_MIX_ANY;
}

/* The last row after a that reads row a; a if there is none. */
static uint32_t last_reader(const struct tsgd_csr *m, uint32_t a)
{
    uint32_t i = m->tptr[a + 1], c = i > m->tptr[a] ? m->tcol[i - 1] : a;
    return c > a ? c : a;
}

/* Slots that are free: a stack, of which `taken` have been taken from the bottom up for the first
 * time.                                                                                         */
struct slots {
    uint32_t *free, n, taken;
};

static uint32_t take_slot(struct slots *s)
{
    return s->n > 0 ? s->free[--s->n] : s->taken++;
}

static void fill(struct tsgd_mix_plan *p, const struct tsgd_csr *m, uint32_t *ptr,
                 struct tsgd_mix_term *term, uint32_t *keep, struct slots *s)
{
    uint32_t n = 0;
    for (uint32_t a = 0; a < m->n; a++) {
        keep[a] = last_reader(m, a) > a ? take_slot(s) : TSGD_MIX_NOT_KEPT;
        for (uint32_t i = m->ptr[a]; i < m->ptr[a + 1]; i++) {
            uint32_t b = m->col[i];
            if (b != a)
                term[n++] = (struct tsgd_mix_term){b, b < a ? m->n + keep[b] : b, m->val[i]};
            if (b < a && last_reader(m, b) == a)
                s->free[s->n++] = keep[b];
        }
        ptr[a + 1] = n;
    }
    *p = (struct tsgd_mix_plan){shape(m), m->n, s->taken, ptr, term, keep};
}

enum tsgd_status tsgd_mix_plan_init(struct tsgd_mix_plan *out, const struct tsgd_csr *m,
                               struct tsgd_holding *h, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t *ptr = NULL, *keep = NULL;
    struct tsgd_mix_term *term = NULL;
    struct slots slots = {NULL, 0, 0};
    TRY(TSGD_HOLD(h, &ptr, (size_t)m->n + 1, "gossip", err));
    TRY(TSGD_HOLD(h, &keep, m->n, "gossip", err));
    TRY(TSGD_HOLD(h, &term, m->ptr[m->n], "gossip", err));
    if (h->counts)
        return TSGD_OK;
    TRY(TSGD_NEW(&slots.free, m->n, "gossip", err));
    fill(out, m, ptr, term, keep, &slots);
done:
    free(slots.free);
    return st;
}

/* The floats of at most k slots: few are wide, many are narrow. What a line, a ring or a
 * mean needs of more than one group takes the same place.                                       */
static size_t pool(uint32_t k)
{
    size_t wide = (k < TSGD_MIX_FEW_SLOTS ? k : TSGD_MIX_FEW_SLOTS) * TSGD_MIX_WIDE;
    size_t narrow = (size_t)k * TSGD_MIX_STRIP, runs = k > TSGD_MIX_GROUP ? 2 * TSGD_MIX_RUN : 0;
    size_t slots = wide > narrow ? wide : narrow;
    return slots > runs ? slots : runs;
}

/* The kernel takes, for each row, a slot for a strip of its old values, and the addresses of the
 * row and of the slot.                                                                          */
size_t tsgd_mix_scratch(uint32_t k)
{
    return pool(k) + k * 2 * sizeof(float *) / sizeof(float);
}

void tsgd_mix_all(const struct tsgd_kernels *k, const struct tsgd_mix_plan *p, const bool *absent,
                  float *rows, size_t stride, size_t from, size_t to, float *restrict scratch)
{
    struct tsgd_mix_plan some = *p;
    bool all = !any(absent, p->k);
    some.shape = all ? p->shape : TSGD_MIX_ANY;
    k->mix_all(&some, all ? NULL : absent, rows + from, stride, tsgd_round_up(to - from, 16),
               (float **)(void *)(scratch + pool(p->k)), scratch);
}
