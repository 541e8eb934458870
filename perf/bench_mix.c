/* perf/bench_mix.c: gossip against what memory allows one core, measured by turns in the same run:
 * all rows where they stand (slices) against an in-place scale of as many bytes, rows one by one
 * against a triad with non-temporal stores. of_limit compares bytes a second, GBps counts those
 * that must move: slices read and write each row once, rows read one for every entry of W and
 * write one. of_ring is the time as a multiple of that of a ring of as many rows. The check
 * compares coordinates with a plain loop, bit for bit.                                          */
#include "bench.h"

#include "base/mem.h"
#include "linalg/isa.h"
#include "linalg/mix.h"
#include "topology/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS = 3, PROBES = 97 };

struct gossip {
    const struct tsgd_kernels *kernels;
    const struct tsgd_csr *w;
    struct tsgd_mix_plan plan;
    size_t dim, stride;
    float *x, *out, *scratch;   /* out NULL: slices */
    bool bypass;
};

static void work(void *arg)
{
    struct gossip *g = arg;
    if (!g->out) {
        tsgd_mix_all(g->kernels, &g->plan, NULL, g->x, g->stride, 0, g->dim, g->scratch);
        return;
    }
    for (uint32_t a = 0; a < g->w->n; a++)
        tsgd_mix_row(g->kernels, g->w, a, NULL, g->x, g->stride, g->dim, g->bypass,
                     g->out + a * g->stride);
}

static float plainly(const struct gossip *g, uint32_t a, size_t j)
{
    const struct tsgd_csr *w = g->w;
    const float *x = g->x + j, *own = w->uniform ? x : x + a * g->stride;
    float sum = w->uniform ? 0 : *own;
    for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++) {
        float d = x[w->col[i] * g->stride] - *own;
        sum += w->uniform ? d : w->val[i] * d;
    }
    return w->uniform ? *own + w->val[0] * sum : sum;
}

static bool right(struct gossip *g)
{
    uint32_t k = g->w->n;
    float *want = malloc((size_t)k * PROBES * sizeof *want);
    size_t wrong = 0;
    for (size_t i = 0; i < k * g->stride; i++)
        g->x[i] = (float)(i * 2654435761u % 1000003) * 1e-6f;
    for (uint32_t a = 0; want && a < k; a++)
        for (size_t p = 0; p < PROBES; p++)
            want[a * PROBES + p] = plainly(g, a, p * (g->dim - 1) / (PROBES - 1));
    work(g);
    const float *got = g->out ? g->out : g->x;
    for (uint32_t a = 0; want && a < k; a++)
        for (size_t p = 0; p < PROBES; p++)
            wrong += want[a * PROBES + p] != got[a * g->stride + p * (g->dim - 1) / (PROBES - 1)];
    free(want);
    return want && wrong == 0;
}

static struct bench_time middle(struct bench_time t[TURNS])
{
    for (int i = 1; i < TURNS; i++)
        for (int j = i; j > 0 && t[j].median < t[j - 1].median; j--) {
            struct bench_time swap = t[j];
            t[j] = t[j - 1];
            t[j - 1] = swap;
        }
    return t[TURNS / 2];
}

/* One case; *ring is the time of the ring, which comes first. */
static bool one(const char *topology, uint32_t k, size_t dim, bool slices, bool bypass,
                double *ring)
{
    struct tsgd_mixing s = TSGD_MIXING_INIT;
    struct bench_time t[TURNS], limit[TURNS];
    size_t stride = tsgd_round_up(dim, 16), bytes = k * stride * sizeof(float);
    struct gossip g = {.dim = dim, .stride = stride, .bypass = bypass};
    void *x, *out = NULL, *scratch;
    struct tsgd_holding holding = TSGD_HOLDING_INIT;
    if (tsgd_topology_build(&s, topology, k, 0, NULL) ||
        tsgd_mix_plan_init(&g.plan, s.w, &holding, NULL) || tsgd_map(&x, bytes, "rows", NULL) ||
        (!slices && tsgd_map(&out, bytes, "rows", NULL)) ||
        tsgd_map(&scratch, tsgd_mix_scratch(k) * sizeof(float), "scratch", NULL))
        exit(1);
    if (tsgd_isa_find(&g.kernels, NULL, NULL))
        exit(1);
    g.w = s.w;
    g.x = x;
    g.out = out;
    g.scratch = scratch;
    bool ok = right(&g);
    for (int i = 0; i < TURNS; i++) {
        limit[i] = slices ? bench_scale(bytes) : bench_triad(3 * bytes / 2, true);
        t[i] = bench_run(work, &g);
    }
    struct bench_time mid = middle(t);
    double most = (slices ? 2 : 1.5) * (double)bytes / middle(limit).median;
    double moved = (double)bytes * (slices ? 2 : (double)s.w->ptr[k] / k + 1) / mid.median;
    if (!strcmp(topology, "ring"))
        *ring = mid.median;
    ok = bench_print("gossip", mid, 0, ok, "way=%s past=%d topology=%s k=%u dim=%zu GBps=%.1f "
                     "of_limit=%.2f of_ring=%.2f", slices ? "slices" : "rows", bypass, topology, k,
                     dim, moved, moved / most, mid.median / *ring);
    tsgd_unmap(x, bytes);
    tsgd_unmap(out, bytes);
    tsgd_unmap(scratch, tsgd_mix_scratch(k) * sizeof(float));
    tsgd_holding_release(&holding);
    tsgd_mixing_release(&s);
    return ok;
}

static const struct {
    const char *topology;
    uint32_t k;
    size_t dim;
    bool slices, bypass;
} cases[] = {
    {"ring", 8, 44470, true, false},
    {"ring", 8, 44470, false, false},
    {"ring", 8, 44470, false, true},
    {"ring", 8, 10000000, true, false},
    {"ring", 8, 10000000, false, false},
    {"ring", 8, 10000000, false, true},
    {"ring", 64, 1000000, true, false},
    {"line", 64, 1000000, true, false},
    {"torus", 64, 1000000, true, false},
    {"exp", 64, 1000000, true, false},
    {"complete", 64, 1000000, true, false},
    {"ring", 64, 1000000, false, true},
    {"exp", 64, 1000000, false, true},
};

int main(int argc, char **argv)
{
    bench_arguments(argc, argv, 0, "", "A round of gossip, against what memory allows one core.");
    bool ok = true;
    double ring = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ok &= one(cases[i].topology, cases[i].k, cases[i].dim, cases[i].slices, cases[i].bypass,
                  &ring);
    return !ok;
}
