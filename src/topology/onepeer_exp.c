#include "base/mem.h"
#include "topology/topology.h"

static enum tsgd_status build(struct tsgd_edges *e, const char *arg, uint64_t seed,
                              struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t k = e->n, bits = tsgd_log2_ceil(k);
    (void)seed;
    TRY(tsgd_topology_no_arg("onepeer-exp", arg, err));
    TRY(tsgd_edges_reserve(e, tsgd_mul(k, (size_t)2 * bits), false, err));
    for (uint32_t j = 0; j < bits; j++)
        for (uint32_t a = 0; a < k; a++) {
            tsgd_edges_weight(e, j, a, a, 0.5);
            tsgd_edges_weight(e, j, a, (a + (1u << j)) % k, 0.5);
        }
done:
    return st;
}

const struct tsgd_topology tsgd_topology_onepeer_exp = {
    .name = "onepeer-exp",
    .usage = "onepeer-exp",
    .example = "onepeer-exp",
    .summary = "one peer a round: a reads a + 2^j, j going round (directed; Ying et al., "
               "NeurIPS 2021)",
    .build = build,
};
