#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "topology/topology.h"

#include <string.h>

/* A simple graph that grows: near[a * most .. + degree[a]) are the neighbours of a. */
struct graph {
    uint32_t n, most;
    uint32_t *near, *degree;
    uint32_t *end;              /* ends of links that still look for their other end */
};

static bool has(const struct graph *g, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < g->degree[a]; i++)
        if (g->near[(size_t)a * g->most + i] == b)
            return true;
    return false;
}

static bool join(struct graph *g, uint32_t a, uint32_t b)
{
    if (a == b || has(g, a, b))
        return false;
    g->near[(size_t)a * g->most + g->degree[a]++] = b;
    g->near[(size_t)b * g->most + g->degree[b]++] = a;
    return true;
}

/* Whether two of the ends could still be joined. */
static bool can_go_on(const struct graph *g, uint32_t ends)
{
    for (uint32_t i = 0; i < ends; i++)
        for (uint32_t j = 0; j < i; j++)
            if (g->end[i] != g->end[j] && !has(g, g->end[i], g->end[j]))
                return true;
    return false;
}

/* Joins ends at random where that is allowed, and then tries again with the ends that are left
 * (Steger & Wormald 1999). False: those that are left cannot be joined.                         */
static bool draw(struct graph *g, struct tsgd_rng *rng)
{
    uint32_t ends = g->n * g->most;
    memset(g->degree, 0, g->n * sizeof *g->degree);
    for (uint32_t i = 0; i < ends; i++)
        g->end[i] = i / g->most;
    while (ends > 0) {
        uint32_t left = 0;
        tsgd_rng_shuffle(rng, g->end, ends);
        for (uint32_t i = 0; i < ends; i += 2) {
            uint32_t a = g->end[i], b = g->end[i + 1];
            if (!join(g, a, b)) {
                g->end[left++] = a;
                g->end[left++] = b;
            }
        }
        if (left == ends && !can_go_on(g, ends))
            return false;
        ends = left;
    }
    return true;
}

/* The links of g, or those that it lacks. */
static void write_down(struct tsgd_edges *e, const struct graph *g, bool complement)
{
    tsgd_edges_clear(e);
    for (uint32_t a = 0; a < g->n; a++) {
        for (uint32_t i = 0; !complement && i < g->degree[a]; i++)
            if (g->near[(size_t)a * g->most + i] < a)   /* once, not from both ends */
                tsgd_edges_link(e, 0, a, g->near[(size_t)a * g->most + i]);
        for (uint32_t b = 0; complement && b < a; b++)
            if (!has(g, a, b))
                tsgd_edges_link(e, 0, a, b);
    }
}

/* Where each token has more than half of all links, the links that it lacks are drawn instead:
 * being fewer, they fit more easily.                                                            */
static enum tsgd_status draw_connected(struct tsgd_edges *e, uint32_t degree, uint64_t seed,
                                       struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t k = e->n;
    bool complement = degree > (k - 1) / 2;
    struct graph g = {.n = k, .most = complement ? k - 1 - degree : degree};
    TRY(TSGD_NEW(&g.near, (size_t)k * g.most, "--topology regular", err));
    TRY(TSGD_NEW(&g.end, (size_t)k * g.most, "--topology regular", err));
    TRY(TSGD_NEW(&g.degree, k, "--topology regular", err));
    for (uint32_t i = 0; i < TSGD_TOPOLOGY_DRAWS; i++) {
        struct tsgd_rng rng = tsgd_rng(seed, TSGD_RNG_REGULAR, i, 0);
        if (!draw(&g, &rng))
            continue;
        write_down(e, &g, complement);
        if (tsgd_edges_cut_off(e) == k)
            goto done;
    }
    st = tsgd_fail(err, TSGD_EINVAL, "--topology regular:%u: none of %d graphs drawn for %u tokens "
                   "was connected; want a larger D or another seed", degree, TSGD_TOPOLOGY_DRAWS,
                   k);
done:
    free(g.near);
    free(g.end);
    free(g.degree);
    return st;
}

static enum tsgd_status build(struct tsgd_edges *e, const char *arg, uint64_t seed,
                              struct tsgd_error *err)
{
    uint64_t degree;
    uint32_t k = e->n;
    if (!arg || !tsgd_parse_u64(arg, &degree))
        return tsgd_fail(err, TSGD_EINVAL, "--topology regular%s%.80s: want the number of "
                         "neighbours, as in regular:4", arg ? ":" : "", arg ? arg : "");
    if (degree >= k || (degree == 0 && k > 1))
        return tsgd_fail(err, TSGD_EINVAL, "--topology regular:%s: %u tokens can have %s%u "
                         "neighbours each", arg, k, k > 1 ? "1 to " : "", k - 1);
    if (k % 2 && degree % 2)
        return tsgd_fail(err, TSGD_EINVAL, "--topology regular:%s: found %u tokens, want an even "
                         "number of them or of neighbours", arg, k);
    size_t ends = tsgd_mul(k, degree);
    enum tsgd_status st = tsgd_mem_check(tsgd_mul(ends, 64), "--topology regular",
                                         "use fewer tokens or neighbours", err);
    if (st != TSGD_OK)
        return st;
    if (ends > UINT32_MAX)
        return tsgd_fail(err, TSGD_EINVAL, "--topology regular:%s: %u tokens would have %zu links, "
                         "want at most %u", arg, k, ends / 2, UINT32_MAX / 2);
    st = tsgd_edges_reserve(e, ends / 2, true, err);
    return st == TSGD_OK ? draw_connected(e, (uint32_t)degree, seed, err) : st;
}

const struct tsgd_topology tsgd_topology_regular = {
    .name = "regular",
    .usage = "regular:D",
    .example = "regular:4",
    .summary = "D neighbours each, drawn by --seed until connected; tokens times D is even",
    .build = build,
};
