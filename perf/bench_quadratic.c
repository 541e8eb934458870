/* perf/bench_quadratic.c: node steps a second on one core: rows of normals, a gradient, and whole
 * runs of the synthetic quadratic with few and with many nodes. A step is a gradient, its step, and
 * the token's gossip and teleport. The check is that every repeat ends in the same state.       */
#include "bench.h"

#include "linalg/isa.h"
#include "linalg/vec.h"
#include "model/quadratic.h"
#include "sim/settings.h"

#include <stdio.h>
#include <stdlib.h>

enum { REPEATS = 7, DIM = 50, TOKENS = 8, ROUNDS = 50000 };

struct work {
    struct tsgd_quadratic q;
    uint32_t turn;
    float x[DIM], grad[DIM], scratch[DIM];
};

static void normals(void *arg)
{
    struct work *w = arg;
    tsgd_rng_normals(tsgd_isa_table(0), 1, TSGD_RNG_TEST, w->turn++, 0, w->grad, DIM);
}

static void gradient(void *arg)
{
    struct work *w = arg;
    uint32_t b = w->turn++;
    w->q.problem.ops->gradient(&w->q.problem, b % w->q.problem.nodes, b, w->x, w->grad, w->scratch);
}

static bool parts(void)
{
    struct work w = {.turn = 0};
    const struct tsgd_conditioning *c;
    struct tsgd_error err;
    if (tsgd_conditioning_find(&c, "spread", &err) ||
        tsgd_quadratic_init(&w.q, tsgd_isa_table(0), c, 25, DIM, 1, 1, 0, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    bool ok = bench_print("normals", bench_run(normals, &w), 0, true, "n=%d", DIM);
    ok &= bench_print("quadratic-gradient", bench_run(gradient, &w), 0, true, "dim=%d", DIM);
    tsgd_quadratic_release(&w.q);
    return ok;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool steps(uint64_t nodes)
{
    double ns[REPEATS];
    uint64_t hash = 0;
    bool ok = true;
    const struct tsgd_settings *s =
        settings_of("model=quadratic conditioning=spread dim=%d nodes=%d active=%d lr=0.01 "
                    "rounds=%d eval-every=%d threads=1", DIM, (int)nodes, TOKENS, ROUNDS, ROUNDS);
    for (int r = -1; r < REPEATS; r++) {            /* -1 warms up */
        struct tsgd_run *run;
        struct tsgd_error err;
        struct tsgd_summary end;
        if (tsgd_run_create(&run, s, &err) || tsgd_run_train(run, NULL, NULL, &end, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return false;
        }
        ok &= r < 0 || end.last.state_hash == hash;
        hash = end.last.state_hash;
        ns[r < 0 ? 0 : r] = 1e9 / end.samples_per_second;
        tsgd_run_free(run);
    }
    qsort(ns, REPEATS, sizeof *ns, ascending);
    struct bench_time t = {ns[REPEATS / 2], ns[REPEATS * 9 / 10]};
    return bench_print("quadratic-step", t, 0, ok, "n=%llu k=%d dim=%d topology=ring threads=1 "
                       "steps_per_s=%.3gM", (unsigned long long)nodes, TOKENS, DIM, 1e3 / t.median);
}

int main(int argc, char **argv)
{
    bench_arguments(argc, argv, 0, "", "Node steps a second on the synthetic quadratic.");
    bool ok = parts();
    ok &= steps(25);
    ok &= steps(100000);
    return !ok;
}
