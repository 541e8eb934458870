#include "topology/topology.h"

static enum tsgd_status build(struct tsgd_edges *e, const char *arg, uint64_t seed,
                              struct tsgd_error *err)
{
    uint32_t k = e->n;
    (void)seed;
    uint32_t bits = tsgd_log2_ceil(k);
    for (uint32_t j = 0; j < bits; j++)
        for (uint32_t a = 0; a < k; a++) {
            tsgd_edges_weight(e, j, a, a, 0.5);
            tsgd_edges_weight(e, j, a, (a + (1u << j)) % k, 0.5);
        }
    return tsgd_topology_no_arg("onepeer-exp", arg, err);
}

const struct tsgd_topology tsgd_topology_onepeer_exp = {
    .name = "onepeer-exp",
    .usage = "onepeer-exp",
    .example = "onepeer-exp",
    .summary = "one peer a round: a reads a + 2^j, j going round (directed; Ying et al., "
               "NeurIPS 2021)",
    .build = build,
};
