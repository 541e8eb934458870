#include "topology/topology.h"

static enum tsgd_status build(struct tsgd_edges *e, const char *arg, uint64_t seed,
                              struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    (void)seed;
    TRY(tsgd_topology_no_arg("star", arg, err));
    TRY(tsgd_edges_reserve(e, e->n - 1, true, err));
    for (uint32_t a = 1; a < e->n; a++)
        tsgd_edges_link(e, 0, 0, a);
done:
    return st;
}

const struct tsgd_topology tsgd_topology_star = {
    .name = "star",
    .usage = "star",
    .example = "star",
    .summary = "token 0 and everybody else",
    .build = build,
};
