#include "base/mem.h"
#include "topology/topology.h"

static enum tsgd_status build(struct tsgd_edges *e, const char *arg, uint64_t seed,
                              struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t k = e->n;
    (void)seed;
    TRY(tsgd_topology_no_arg("ring", arg, err));
    TRY(tsgd_edges_reserve(e, tsgd_mul(3, k), false, err));
    double w = k == 1 ? 1 : k == 2 ? 1.0 / 2 : 1.0 / 3;
    for (uint32_t a = 0; a < k; a++) {
        tsgd_edges_weight(e, 0, a, a, w);
        if (k > 1)
            tsgd_edges_weight(e, 0, a, (a + 1) % k, w);
        if (k > 2)
            tsgd_edges_weight(e, 0, a, (a + k - 1) % k, w);
    }
done:
    return st;
}

const struct tsgd_topology tsgd_topology_ring = {
    .name = "ring",
    .usage = "ring",
    .example = "ring",
    .summary = "two neighbours each, in a circle",
    .build = build,
};
