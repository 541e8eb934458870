#include "topology/topology.h"

#include "base/mem.h"
#include "base/text.h"
#include "linalg/eigen.h"

#include <math.h>
#include <string.h>

#define TOPOLOGY(name) extern const struct tsgd_topology tsgd_topology_##name;
#include "topology/list.h"
#undef TOPOLOGY

const struct tsgd_topology *const tsgd_topologies[] = {
#define TOPOLOGY(name) &tsgd_topology_##name,
#include "topology/list.h"
#undef TOPOLOGY
};
const size_t tsgd_n_topologies = sizeof tsgd_topologies / sizeof *tsgd_topologies;

static enum tsgd_status find(const struct tsgd_topology **out, const char *name,
                             struct tsgd_error *err)
{
    const char *names[sizeof tsgd_topologies / sizeof *tsgd_topologies];
    for (size_t i = 0; i < tsgd_n_topologies; i++) {
        names[i] = tsgd_topologies[i]->name;
        if (!strcmp(name, names[i])) {
            *out = tsgd_topologies[i];
            return TSGD_OK;
        }
    }
    return tsgd_unknown_name("--topology", name, names, tsgd_n_topologies, err);
}

/* Refuses, before a graph is written down, what no graph of k tokens could do with: every row of a
 * matrix has an entry, which is sorted before it has its place.                                 */
static enum tsgd_status check_memory(uint32_t k, struct tsgd_error *err)
{
    size_t least = tsgd_add(tsgd_csr_bytes(k, k), tsgd_mul(k, sizeof(struct tsgd_entry)));
    return tsgd_mem_check(least, "--topology", "use fewer tokens (--active)", err);
}

static enum tsgd_status build(struct tsgd_mixing *out, const char *topology, uint32_t k,
                              uint64_t seed, bool allow_disconnected, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_spec spec;
    const struct tsgd_topology *t = NULL;
    struct tsgd_edges edges = TSGD_EDGES_INIT(k);
    struct tsgd_mixing s = TSGD_MIXING_INIT;
    edges.allow_disconnected = allow_disconnected;
    TRY(tsgd_spec_parse(&spec, topology, "--topology", err));
    TRY(find(&t, spec.name, err));
    TRY(check_memory(k, err));
    TRY(t->build(&edges, spec.arg, seed, err));
    TRY(TSGD_NEW(&s.w, edges.period, "--topology", err));
    TRY(tsgd_edges_finish(&edges, s.w, err));
    s.period = edges.period;
    TRY(tsgd_topology_check(&s, topology, err));
    *out = s;
    s = (struct tsgd_mixing)TSGD_MIXING_INIT;
done:
    tsgd_mixing_release(&s);
    tsgd_edges_release(&edges);
    return st;
}

enum tsgd_status tsgd_topology_build(struct tsgd_mixing *out, const char *topology, uint32_t k,
                                     uint64_t seed, struct tsgd_error *err)
{
    return build(out, topology, k, seed, false, err);
}

enum tsgd_status tsgd_topology_build_parts(struct tsgd_mixing *out, const char *topology,
                                           uint32_t k, uint64_t seed, struct tsgd_error *err)
{
    return build(out, topology, k, seed, true, err);
}

static enum tsgd_status check_sum(double sum, const char *topology, uint32_t round,
                                  const char *what, uint32_t i, struct tsgd_error *err)
{
    if (fabs(sum - 1) <= 1e-6)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--topology %s: %s %u of round %u sums to %.9g, want 1",
                     topology, what, i, round, sum);
}

enum tsgd_status tsgd_topology_check(const struct tsgd_mixing *s, const char *topology,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    double *column = NULL;
    for (uint32_t r = 0; r < s->period; r++) {
        const struct tsgd_csr *w = &s->w[r];
        TRY(TSGD_NEW(&column, w->n, "--topology", err));
        for (uint32_t a = 0; a < w->n; a++) {
            for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++) {
                column[w->col[i]] += (double)w->val[i];
                if (!(w->val[i] >= 0))
                    TRY(tsgd_fail(err, TSGD_EINVAL,
                                  "--topology %s: weight %.9g in row %u, column %u of round %u, "
                                  "want at least 0", topology, (double)w->val[i], a, w->col[i], r));
            }
            TRY(check_sum(tsgd_csr_row_sum(w, a), topology, r, "row", a, err));
        }
        for (uint32_t b = 0; b < w->n; b++)
            TRY(check_sum(column[b], topology, r, "column", b, err));
        free(column);
        column = NULL;
    }
done:
    free(column);
    return st;
}

bool tsgd_mixing_symmetric(const struct tsgd_mixing *s)
{
    for (uint32_t r = 0; r < s->period; r++)
        if (!tsgd_csr_symmetric(&s->w[r]))
            return false;
    return true;
}

size_t tsgd_mixing_bytes(const struct tsgd_mixing *s)
{
    size_t bytes = 0;
    for (uint32_t r = 0; r < tsgd_mixing_count(s); r++)
        bytes = tsgd_add(bytes, tsgd_csr_bytes(s->w[r].n, s->w[r].ptr[s->w[r].n]));
    return bytes;
}

void tsgd_mixing_release(struct tsgd_mixing *s)
{
    for (uint32_t r = 0; r < tsgd_mixing_count(s); r++)
        tsgd_csr_release(&s->w[r]);
    free(s->w);
    *s = (struct tsgd_mixing)TSGD_MIXING_INIT;
}

uint32_t tsgd_log2_ceil(uint32_t k)
{
    uint32_t bits = 0;
    while ((uint64_t)1 << bits < k)
        bits++;
    return bits;
}

enum tsgd_status tsgd_topology_no_arg(const char *name, const char *arg, struct tsgd_error *err)
{
    if (!arg)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--topology %s: takes no argument, found ':%s'", name, arg);
}
