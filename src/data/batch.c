#include "data/batch.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

/* Half-rounds of the permutation. With more than SMALL samples, 6 are enough that the joint
 * distribution of three positions over a million keys cannot be told from that of a shuffle; 8
 * leave a margin. With a handful of samples even 16 are too few, and with two odd sides half of all
 * orders never come up; there a shuffle is quick.                                               */
enum { ROUNDS = 8, SMALL = 128 };

enum tsgd_status tsgd_order_parse(enum tsgd_order *out, const char *name, struct tsgd_error *err)
{
    static const char *const names[] = {
        [TSGD_ORDER_EPOCH] = "epoch",
        [TSGD_ORDER_IID] = "iid",
        [TSGD_ORDER_SEQUENTIAL] = "sequential",
    };
    const size_t n = sizeof names / sizeof *names;
    for (size_t i = 0; i < n; i++)
        if (!strcmp(name, names[i])) {
            *out = (enum tsgd_order)i;
            return TSGD_OK;
        }
    return tsgd_unknown_name("--order", name, names, n, err);
}

/* Where batch b of the passes over a shard lies: `count` samples from `first` on, in `pass`. */
struct range {
    uint64_t pass;
    uint32_t first, count;
};

static struct range range_of(const struct tsgd_batcher *m, uint32_t shard, uint64_t b)
{
    uint32_t batches = shard / m->size + (shard % m->size != 0);
    struct range s = {.pass = b / batches, .first = (uint32_t)(b % batches) * m->size};
    s.count = shard - s.first < m->size ? shard - s.first : m->size;
    return s;
}

uint32_t tsgd_batch_count(const struct tsgd_batcher *m, uint32_t shard, uint64_t b)
{
    if (!shard)
        return 0;
    return m->order == TSGD_ORDER_IID ? m->size : range_of(m, shard, b).count;
}

/* A permutation of 0..m-1 that is evaluated at a point, for m > SMALL. A point of the a x b >= m
 * rectangle is (left, right); half-rounds add a keyed function of one to the other, so each is
 * undone by subtracting, and what falls outside 0..m-1 goes through again until it falls inside. */
struct permutation {
    uint32_t m, a, b;
    uint64_t key[ROUNDS];
};

static void permutation_init(struct permutation *p, uint32_t m, struct tsgd_rng r)
{
    uint64_t a = (uint64_t)sqrt((double)m);     /* exact for 32 bits */
    a += a * a < m;
    p->m = m;
    p->a = (uint32_t)a;
    p->b = (uint32_t)((m + a - 1) / a);
    for (int i = 0; i < ROUNDS; i++)
        p->key[i] = tsgd_rng_u64(&r);
}

/* A keyed function of x with values in 0..n-1: splitmix64's mixing (Steele et al. 2014), then
 * the high half scaled down.                                                                    */
static inline uint32_t scramble(uint64_t key, uint32_t x, uint32_t n)
{
    uint64_t z = key ^ x;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (uint32_t)((z >> 32) * n >> 32);
}

static inline uint32_t add_mod(uint32_t x, uint32_t y, uint32_t n)
{
    uint32_t sum = x + y;       /* sides are at most 2^16 */
    return sum >= n ? sum - n : sum;
}

static uint32_t permute(const struct permutation *p, uint32_t x)
{
    do {
        uint32_t left = x / p->b, right = x % p->b;
        for (int i = 0; i < ROUNDS; i += 2) {
            left = add_mod(left, scramble(p->key[i], right, p->a), p->a);
            right = add_mod(right, scramble(p->key[i + 1], left, p->b), p->b);
        }
        x = left * p->b + right;
    } while (x >= p->m);
    return x;
}

static void epoch(struct tsgd_rng r, uint32_t shard, struct range s, uint32_t *out)
{
    uint32_t order[SMALL];
    struct permutation p;
    if (shard <= SMALL) {
        for (uint32_t i = 0; i < shard; i++)
            order[i] = i;
        tsgd_rng_shuffle(&r, order, shard);
        memcpy(out, order + s.first, s.count * sizeof *out);
    } else {
        permutation_init(&p, shard, r);
        for (uint32_t i = 0; i < s.count; i++)
            out[i] = permute(&p, s.first + i);
    }
}

uint32_t tsgd_batch_positions(const struct tsgd_batcher *m, uint32_t node, uint32_t shard,
                              uint64_t b, uint32_t *out)
{
    struct range s;
    if (!shard)
        return 0;
    if (m->order == TSGD_ORDER_IID) {
        struct tsgd_rng r = tsgd_rng(m->seed, TSGD_RNG_BATCH, node, b);
        for (uint32_t i = 0; i < m->size; i++)
            out[i] = tsgd_rng_below(&r, shard);
        return m->size;
    }
    s = range_of(m, shard, b);
    if (m->order == TSGD_ORDER_SEQUENTIAL) {
        for (uint32_t i = 0; i < s.count; i++)
            out[i] = s.first + i;
    } else {
        epoch(tsgd_rng(m->seed, TSGD_RNG_PASS, node, s.pass), shard, s, out);
    }
    return s.count;
}
