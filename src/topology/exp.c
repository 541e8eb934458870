#include "topology/topology.h"

static enum tsgd_status build(struct tsgd_edges *e, const char *arg, uint64_t seed,
                              struct tsgd_error *err)
{
    uint32_t k = e->n;
    (void)seed;
    uint32_t bits = tsgd_log2_ceil(k);
    for (uint32_t a = 0; a < k; a++) {
        tsgd_edges_weight(e, 0, a, a, 1.0 / (bits + 1));
        for (uint32_t j = 0; j < bits; j++)
            tsgd_edges_weight(e, 0, a, (a + (1u << j)) % k, 1.0 / (bits + 1));
    }
    return tsgd_topology_no_arg("exp", arg, err);
}

const struct tsgd_topology tsgd_topology_exp = {
    .name = "exp",
    .usage = "exp",
    .example = "exp",
    .summary = "exponential graph: a reads a + 1, a + 2, a + 4, .. (directed; Ying et al., "
               "NeurIPS 2021)",
    .build = build,
};
