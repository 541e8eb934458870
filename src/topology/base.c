/* The Base-(M+1) Graph (Takezawa, Sato, Bao, Niwa & Yamada, NeurIPS 2023, arXiv:2305.11420): for
 * any number of tokens, at most M neighbours a round, the exact mean after finitely many rounds.
 * Their Algorithm 1 is hyper_*, 2 is simple_*, 3 is build; `base` is M + 1 everywhere.          */
#include "base/mem.h"
#include "base/text.h"
#include "topology/topology.h"

#include <assert.h>

/* Tokens first, first + stride, .. */
struct set {
    uint32_t first, stride, count;
};

static uint32_t member(struct set s, uint32_t i) { return s.first + i * s.stride; }

static struct set part(struct set s, uint32_t from, uint32_t count)
{
    return (struct set){member(s, from), s.stride, count};
}

/* Everybody in the set gets its mean. */
static void average(struct tsgd_edges *e, uint32_t round, struct set s)
{
    for (uint32_t i = 0; i < s.count; i++)
        for (uint32_t j = 0; j < s.count; j++)
            tsgd_edges_weight(e, round, member(s, i), member(s, j), 1.0 / s.count);
}

/* ---- Algorithm 1: Hyper-Hypercube, for sizes whose prime factors are at most the base ---- */

/* The size as a product of as few factors, none above the base, as can be; ascending. A round
 * averages along one digit of the numbers that these factors are the radices of.                */
struct hyper {
    uint32_t rounds;
    uint32_t factor[32];
};

/* The largest divisor of n without a prime factor above the base. */
static uint32_t smooth_part(uint32_t n, uint32_t base)
{
    uint32_t rest = n;
    for (uint32_t d = 2; d <= base && d <= rest; d++)
        while (rest % d == 0)
            rest /= d;
    assert(rest > 0);
    return n / rest;
}

static bool split(uint32_t n, uint32_t most, uint32_t factors, uint32_t *factor)
{
    if (factors == 0)
        return n == 1;
    for (uint32_t f = most < n ? most : n; f > 1; f--) {
        uint64_t reach = 1;
        for (uint32_t i = 0; i < factors && reach < n; i++)
            reach *= f;
        if (reach < n)
            return false;               /* smaller factors reach less */
        if (n % f == 0 && split(n / f, f, factors - 1, factor)) {
            factor[factors - 1] = f;
            return true;
        }
    }
    return false;
}

/* n has no prime factor above the base. */
static struct hyper hyper_plan(uint32_t n, uint32_t base)
{
    struct hyper h = {0, {0}};
    while (!split(n, base, h.rounds, h.factor))
        h.rounds++;
    return h;
}

/* Round r; after the last it starts again. A single token has no rounds and stays as it is. */
static void hyper_round(struct tsgd_edges *e, uint32_t round, struct set s, const struct hyper *h,
                        uint32_t r)
{
    uint32_t stride = 1, factor = 1;
    if (h->rounds > 0) {
        factor = h->factor[r % h->rounds];
        for (uint32_t i = 0; i < r % h->rounds; i++)
            stride *= h->factor[i];
    }
    for (uint32_t i = 0; i < s.count; i++)
        if (i / stride % factor == 0)
            average(e, round, (struct set){member(s, i), s.stride * stride, factor});
}

/* ---- Algorithm 2: the Simple Base-(M+1) Graph, for any size ---- */

/* The size in the base's digits: part l, `count` tokens, is `digit` blocks of a power of the base;
 * digits that are zero are left out, powers descend.                                            */
struct simple {
    uint32_t base, rounds;
    bool smooth;                /* no prime factor above the base: it is one Hyper-Hypercube */
    struct hyper all;           /* then this one */
    uint32_t parts;
    struct digit {
        uint32_t from, count;   /* in the set */
        uint32_t digit, block;
        struct hyper whole, within;
    } part[32];
};

static struct simple simple_plan(uint32_t n, uint32_t base)
{
    struct simple s = {.base = base, .smooth = smooth_part(n, base) == n};
    uint64_t power = 1;
    if (s.smooth) {
        s.all = hyper_plan(n, base);
        s.rounds = s.all.rounds;
        return s;
    }
    while (power * base <= n)
        power *= base;
    for (uint32_t done = 0; done < n; power /= base) {
        assert(base > 1 && (uint32_t)power > 0);
        uint32_t block = (uint32_t)power, digit = (n - done) / block;
        if (digit == 0)
            continue;
        s.part[s.parts++] = (struct digit){
            done, digit * block, digit, block,
            hyper_plan(digit * block, base), hyper_plan(block, base),
        };
        done += digit * block;
    }
    s.rounds = s.part[0].whole.rounds + 1 + s.part[0].within.rounds;
    return s;
}

/* Part j, all of whose tokens hold its mean, meets the parts after it: every token of these reads
 * one token of each of j's blocks, and is read by it, so weighted that the later parts taken
 * together and each block on its own then have the mean of all. Blocks are used up from their
 * ends, by the last part first, as in the authors' program.                                     */
static void meet(struct tsgd_edges *e, uint32_t round, struct set all, const struct simple *s,
                 uint32_t j)
{
    const struct digit *d = &s->part[j];
    double share = (double)d->count / (all.count - d->from), weight = share / d->digit;
    uint32_t met = 0;
    for (uint32_t l = s->parts - 1; l > j; l--)
        for (uint32_t i = 0; i < s->part[l].count; i++, met++) {
            uint32_t a = member(all, s->part[l].from + i);
            tsgd_edges_weight(e, round, a, a, 1 - share);
            for (uint32_t block = 0; block < d->digit; block++) {
                uint32_t b = member(all, d->from + (block + 1) * d->block - 1 - met);
                tsgd_edges_weight(e, round, a, b, weight);
                tsgd_edges_weight(e, round, b, a, weight);
                tsgd_edges_weight(e, round, b, b, 1 - weight);
            }
        }
}

/* The tokens of j whom nobody met, `most` at a time. */
static void average_idle(struct tsgd_edges *e, uint32_t round, struct set all,
                         const struct digit *j, uint32_t most)
{
    uint32_t met = all.count - j->from - j->count, idle = j->block - met;
    uint64_t count = (uint64_t)idle * j->digit;
    for (uint64_t from = 0; from < count; from += most) {
        uint64_t to = from + most < count ? from + most : count;
        for (uint64_t p = from; p < to; p++)
            for (uint64_t q = from; q < to; q++) {
                uint32_t a = (uint32_t)(p / idle * j->block + p % idle);
                uint32_t b = (uint32_t)(q / idle * j->block + q % idle);
                tsgd_edges_weight(e, round, member(all, j->from + a), member(all, j->from + b),
                                  1.0 / (double)(to - from));
            }
    }
}

/* Round r: first each part finds its mean; then the parts, one a round, meet those after them; a
 * part that has met all goes on within its blocks, or as a whole when they are single tokens.   */
static void simple_round(struct tsgd_edges *e, uint32_t round, struct set all,
                         const struct simple *s, uint32_t r)
{
    if (s->smooth) {
        hyper_round(e, round, all, &s->all, r);
        return;
    }
    uint32_t start = s->part[0].whole.rounds;
    for (uint32_t l = 0; l < s->parts; l++) {
        const struct digit *d = &s->part[l];
        struct set whole = part(all, d->from, d->count);
        bool last = l + 1 == s->parts;
        if (r < start) {
            hyper_round(e, round, whole, &d->whole, r);
        } else if (r == start + l && !last) {
            meet(e, round, all, s, l);
            average_idle(e, round, all, d, s->base);
        } else if (r >= start + l) {
            uint32_t since = r - start - l - (last ? 0 : 1);
            if (d->block == 1)
                hyper_round(e, round, whole, &d->whole, since);
            for (uint32_t i = 0; d->block > 1 && i < d->digit; i++)
                hyper_round(e, round, part(whole, i * d->block, d->block), &d->within, since);
        }
    }
}

/* ---- Algorithm 3: the Base-(M+1) Graph ---- */

static enum tsgd_status build(struct tsgd_edges *e, const char *arg, uint64_t seed,
                              struct tsgd_error *err)
{
    uint64_t most;
    uint32_t k = e->n, round = 0;
    (void)seed;
    if (!arg || !tsgd_parse_u64(arg, &most) || most == 0)
        return tsgd_fail(err, TSGD_EINVAL, "--topology base%s%.80s: want the neighbours a "
                         "round at most, from 1 up, as in base:1", arg ? ":" : "", arg ? arg : "");
    uint32_t base = most < k ? (uint32_t)most + 1 : k > 1 ? k : 2;
    uint32_t groups = smooth_part(k, base), size = k / groups;
    struct simple all = simple_plan(k, base), within = simple_plan(size, base);
    struct hyper across = hyper_plan(groups, base);
    /* A token that averages has at most `base` edges in a round; who meet have fewer than three for
     * each of them.                                                                             */
    enum tsgd_status st = tsgd_edges_reserve(e, tsgd_mul(tsgd_mul(k, (size_t)base + 1), all.rounds),
                                             false, err);
    if (st != TSGD_OK)
        return st;
    struct set everybody = {0, 1, k};
    if (all.rounds < within.rounds + across.rounds) {   /* else groups first, then across them */
        for (; round < all.rounds; round++)
            simple_round(e, round, everybody, &all, round);
        return TSGD_OK;
    }
    for (uint32_t r = 0; r < within.rounds; r++, round++)
        for (uint32_t g = 0; g < groups; g++)
            simple_round(e, round, part(everybody, g * size, size), &within, r);
    for (uint32_t r = 0; r < across.rounds; r++, round++)
        for (uint32_t i = 0; i < size; i++)
            hyper_round(e, round, (struct set){i, size, groups}, &across, r);
    return TSGD_OK;                     /* no rounds, for a single token: it stays as it is */
}

const struct tsgd_topology tsgd_topology_base = {
    .name = "base",
    .usage = "base:M",
    .example = "base:2",
    .summary = "Base-(M+1) Graph: M neighbours a round at most, the exact mean after a period for "
               "any number of tokens (Takezawa et al., NeurIPS 2023)",
    .build = build,
};
