#include "base/mem.h"
#include "topology/topology.h"

static enum tsgd_status build(struct tsgd_edges *e, const char *arg, uint64_t seed,
                              struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t k = e->n, bits = tsgd_log2_ceil(k);
    (void)seed;
    if (k & (k - 1))
        return tsgd_fail(err, TSGD_EINVAL, "--topology hypercube: found %u tokens, want a power of "
                         "two: %u or %llu", k, 1u << (bits - 1), 1ull << bits);
    TRY(tsgd_topology_no_arg("hypercube", arg, err));
    TRY(tsgd_edges_reserve(e, tsgd_mul(k, bits), true, err));
    for (uint32_t a = 0; a < k; a++)
        for (uint32_t j = 0; j < bits; j++)
            tsgd_edges_link(e, 0, a, a ^ 1u << j);
done:
    return st;
}

const struct tsgd_topology tsgd_topology_hypercube = {
    .name = "hypercube",
    .usage = "hypercube",
    .example = "hypercube",
    .summary = "a and b are neighbours if they differ in one bit; tokens are a power of two",
    .build = build,
};
