#include "base/elementary.h"
#include "base/rng.h"
#include "base/text.h"
#include "topology/topology.h"

#include <math.h>

/* Every pair is linked with probability p. The pairs a > b stand in a row, (1, 0), (2, 0), (2, 1),
 * ..; how many to pass over until the next link is geometrically distributed, so a draw costs as
 * much as it has links (Batagelj & Brandes 2005).                                               */
static void draw(struct tsgd_edges *e, double p, struct tsgd_rng *rng)
{
    double pairs = (double)e->n * (e->n - 1.0) / 2, log_miss = tsgd_log1p(-p);
    uint64_t b = 0;
    uint32_t a = 1;
    for (;;) {
        double skip = floor(tsgd_log1p(-tsgd_rng_unit(rng)) / log_miss);
        if (!(skip < pairs))
            return;
        b += (uint64_t)skip;
        while (b >= a) {
            b -= a++;
            if (a >= e->n || e->no_memory)
                return;
        }
        tsgd_edges_link(e, 0, a, (uint32_t)b++);
    }
}

static enum tsgd_status build(struct tsgd_edges *e, const char *arg, uint64_t seed,
                              struct tsgd_error *err)
{
    uint32_t k = e->n;
    double p;
    if (!arg || !tsgd_parse_double(arg, &p) || !(p > 0 && p <= 1))
        return tsgd_fail(err, TSGD_EINVAL, "--topology er%s%.80s: want a probability above "
                         "0, at most 1, as in er:0.3", arg ? ":" : "", arg ? arg : "");
    double links = p * (double)k * ((double)k - 1) / 2;     /* on average; six deviations more */
    enum tsgd_status st = tsgd_edges_reserve(e, (size_t)fmin(links + 6 * sqrt(links), 0x1p62), true,
                                             err);
    if (st != TSGD_OK || k == 1)
        return st;
    for (uint32_t i = 0; i < TSGD_TOPOLOGY_DRAWS; i++) {
        struct tsgd_rng rng = tsgd_rng(seed, TSGD_RNG_ER, i, 0);
        tsgd_edges_clear(e);
        draw(e, p, &rng);
        if (tsgd_edges_cut_off(e) == k)
            return TSGD_OK;
    }
    return tsgd_fail(err, TSGD_EINVAL, "--topology er:%s: none of %d graphs drawn for %u tokens "
                     "was connected; want P well above %.2g", arg, TSGD_TOPOLOGY_DRAWS, k,
                     tsgd_log(k) / k);
}

const struct tsgd_topology tsgd_topology_er = {
    .name = "er",
    .usage = "er:P",
    .example = "er:0.3",
    .summary = "Erdos-Renyi: each pair linked with probability P; drawn by --seed until connected",
    .build = build,
};
