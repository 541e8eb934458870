#include "topology/topology.h"

static enum tsgd_status build(struct tsgd_edges *e, const char *arg, uint64_t seed,
                              struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t k = e->n;
    (void)seed;
    TRY(tsgd_topology_no_arg("line", arg, err));
    TRY(tsgd_edges_reserve(e, k - 1, true, err));
    for (uint32_t a = 1; a < k; a++)
        tsgd_edges_link(e, 0, a - 1, a);
done:
    return st;
}

const struct tsgd_topology tsgd_topology_line = {
    .name = "line",
    .usage = "line",
    .example = "line",
    .summary = "a ring cut open",
    .build = build,
};
