/* perf/bench_mix.c: gossip against what memory allows one core, measured by turns in the same run:
 * all rows where they stand (slices) against an in-place scale of as many bytes, rows one by one
 * against a triad with non-temporal stores. of_limit compares bytes a second, GBps counts those
 * that must move: slices read and write each row once, rows read one for every entry of W and
 * write one. of_ring is the time as a multiple of that of a ring of as many rows. The check
 * compares coordinates with a plain loop, bit for bit.                                          */
#include "bench.h"

#include "base/clock.h"
#include "base/mem.h"
#include "linalg/isa.h"
#include "linalg/mix.h"
#include "topology/topology.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS = 3, PROBES = 97, MIXES = 1001 };

struct gossip {
    const struct tsgd_kernels *kernels;
    const struct tsgd_csr *w;
    struct tsgd_mix_plan plan;
    size_t dim, stride, bytes;
    float *x, *out, *scratch;   /* out NULL: slices */
    bool bypass;
    struct tsgd_mixing mixing;
    struct tsgd_holding holding;
};

static size_t scratch_bytes(const struct gossip *g)
{
    return tsgd_mix_scratch(g->w->n) * sizeof(float);
}

static struct gossip begin(const char *topology, uint32_t k, size_t dim, bool slices, bool bypass)
{
    size_t stride = tsgd_round_up(dim, 16), bytes = k * stride * sizeof(float);
    struct gossip g = {.dim = dim, .stride = stride, .bytes = bytes, .bypass = bypass,
                       .mixing = TSGD_MIXING_INIT, .holding = TSGD_HOLDING_INIT};
    void *x, *out = NULL, *scratch;
    if (tsgd_topology_build(&g.mixing, topology, k, 0, NULL) ||
        tsgd_mix_plan_init(&g.plan, g.mixing.w, &g.holding, NULL) ||
        tsgd_isa_find(&g.kernels, NULL, NULL) || tsgd_map(&x, bytes, "rows", NULL) ||
        (!slices && tsgd_map(&out, bytes, "rows", NULL)))
        exit(1);
    g.w = g.mixing.w;
    if (tsgd_map(&scratch, scratch_bytes(&g), "scratch", NULL))
        exit(1);
    g.x = x;
    g.out = out;
    g.scratch = scratch;
    return g;
}

static void end(struct gossip *g)
{
    tsgd_unmap(g->x, g->bytes);
    tsgd_unmap(g->out, g->bytes);
    tsgd_unmap(g->scratch, scratch_bytes(g));
    tsgd_holding_release(&g->holding);
    tsgd_mixing_release(&g->mixing);
}

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
    struct bench_time t[TURNS], limit[TURNS];
    struct gossip g = begin(topology, k, dim, slices, bypass);
    size_t bytes = g.bytes;
    bool ok = right(&g);
    for (int i = 0; i < TURNS; i++) {
        limit[i] = slices ? bench_scale(bytes) : bench_triad(3 * bytes / 2, true);
        t[i] = bench_run(work, &g);
    }
    struct bench_time mid = middle(t);
    double most = (slices ? 2 : 1.5) * (double)bytes / middle(limit).median;
    double moved = (double)bytes * (slices ? 2 : (double)g.w->ptr[k] / k + 1) / mid.median;
    if (!strcmp(topology, "ring"))
        *ring = mid.median;
    ok = bench_print("gossip", mid, 0, ok, "way=%s past=%d topology=%s k=%u dim=%zu GBps=%.1f "
                     "of_limit=%.2f of_ring=%.2f", slices ? "slices" : "rows", bypass, topology, k,
                     dim, moved, moved / most, mid.median / *ring);
    end(&g);
    return ok;
}

/* ---- rows that another core reads ---- */

/* The other thread reads the rows when it is its turn: turns count up, and it has the odd ones. */
struct reader {
    const float *rows;
    size_t floats;
    float sum;
    _Atomic uint32_t turn;
};

static void await_turn(struct reader *r, uint32_t t)
{
    while (atomic_load_explicit(&r->turn, memory_order_acquire) != t)
        sched_yield();
}

static void *read_rows(void *arg)
{
    struct reader *r = arg;
    for (uint32_t t = 1; t < 2 * MIXES; t += 2) {
        await_turn(r, t);
        for (size_t i = 0; i < r->floats; i += 16)
            r->sum += r->rows[i];       /* a float of each cache line brings all of it */
        atomic_store_explicit(&r->turn, t + 1, memory_order_release);
    }
    return NULL;
}

/* The ring's rows by a loop that stores vector by vector. */
static void work_plainly(void *arg)
{
    const struct gossip *g = arg;
    size_t k = g->w->n, stride = g->stride;
    for (size_t a = 0; a < k; a++) {
        const float *own = g->x + a * stride, *left = g->x + (a + k - 1) % k * stride,
                    *right = g->x + (a + 1) % k * stride;
        float *restrict out = g->out + a * stride;
        for (size_t j = 0; j < stride; j++)
            out[j] = own[j] + (left[j] - own[j]) / 3 + (right[j] - own[j]) / 3;
    }
}

/* Of `floats` floats, from the first row on; 0: none. */
static struct bench_time read_elsewhere(struct gossip *g, size_t floats, void (*mix)(void *))
{
    static double ns[MIXES];
    struct reader r = {.rows = g->out, .floats = floats};
    pthread_t thread;
    if (pthread_create(&thread, NULL, read_rows, &r))
        exit(1);
    for (uint32_t i = 0; i < MIXES; i++) {
        await_turn(&r, 2 * i);
        uint64_t start = tsgd_now_ns();
        mix(g);
        ns[i] = (double)(tsgd_now_ns() - start);
        atomic_store_explicit(&r.turn, 2 * i + 1, memory_order_release);
    }
    pthread_join(thread, NULL);
    return bench_time_of(tsgd_timing_of(ns, MIXES));
}

static bool two_cores(void)
{
    struct gossip g = begin("ring", 8, 44470, false, false);
    size_t all = g.w->n * g.stride;
    bool ok = right(&g);
    struct bench_time unread = read_elsewhere(&g, 0, work);
    struct bench_time plain = read_elsewhere(&g, all, work_plainly);
    struct bench_time t = read_elsewhere(&g, all, work);
    ok = bench_print("gossip-read", t, 0, ok, "topology=ring k=8 dim=44470 of_unread=%.2f "
                     "of_plain=%.2f", unread.median / t.median, plain.median / t.median);
    end(&g);
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
    ok &= two_cores();
    return !ok;
}
