#include "base/mem.h"
#include "topology/topology.h"

static enum tsgd_status build(struct tsgd_edges *e, const char *arg, uint64_t seed,
                              struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t k = e->n, bits = tsgd_log2_ceil(k);
    (void)seed;
    TRY(tsgd_topology_no_arg("exp", arg, err));
    TRY(tsgd_edges_reserve(e, tsgd_mul(k, bits + 1), false, err));
    for (uint32_t a = 0; a < k; a++) {
        tsgd_edges_weight(e, 0, a, a, 1.0 / (bits + 1));
        for (uint32_t j = 0; j < bits; j++)
            tsgd_edges_weight(e, 0, a, (a + (1u << j)) % k, 1.0 / (bits + 1));
    }
done:
    return st;
}

const struct tsgd_topology tsgd_topology_exp = {
    .name = "exp",
    .usage = "exp",
    .example = "exp",
    .summary = "exponential graph: a reads a + 1, a + 2, a + 4, .. (directed; Ying et al., "
               "NeurIPS 2021)",
    .build = build,
};
