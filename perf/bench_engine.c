/* perf/bench_engine.c: what the engine costs beside the gradients: threads, hand-offs, plans, the
 * number of nodes. Ratios come from runs that take turns, so that a drifting clock hits all alike;
 * each line's check is that the state after the run is the same as that of the first run.        */
#include "bench.h"

#include "linalg/isa.h"
#include "engine/engine.h"
#include "method/sgd.h"
#include "scenario/rate.h"
#include "sim/settings.h"
#include "telesgd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 7, MOST = 4 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct bench_time spread(double *v, size_t n)
{
    qsort(v, n, sizeof *v, ascending);
    return (struct bench_time){v[n / 2], v[n * 9 / 10]};
}

/* One way to run; the first of a list is what the others are compared with. */
struct way {
    struct tsgd_settings *s;
    double ns[REPEATS], ratio[REPEATS], outside[REPEATS];
    uint64_t hash;
};

static void run_once(struct way *w, int repeat)
{
    struct tsgd_run *run;
    struct tsgd_error err;
    struct tsgd_summary end;
    if (tsgd_run_create(&run, w->s, &err) || tsgd_run_train(run, NULL, NULL, &end, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    double seconds = (double)end.last.samples / end.samples_per_second;
    w->ns[repeat] = seconds * 1e9 / (double)end.last.gradients;
    w->outside[repeat] = (end.share_mix + end.share_wait + end.share_other) / (1 - end.share_eval);
    w->hash = end.last.state_hash;
    tsgd_run_free(run);
}

static bool compare(const char *name, struct way *ways, size_t n, bool same_state, int repeats)
{
    bool ok = true;
    for (int r = repeats > 1 ? -1 : 0; r < repeats; r++)    /* -1 warms up */
        for (size_t i = 0; i < n; i++) {
            run_once(&ways[i], r < 0 ? 0 : r);
            ways[i].ratio[r < 0 ? 0 : r] = ways[0].ns[r < 0 ? 0 : r] / ways[i].ns[r < 0 ? 0 : r];
        }
    for (size_t i = 0; i < n; i++) {
        bool right = !same_state || ways[i].hash == ways[0].hash;
        struct bench_time ratio = spread(ways[i].ratio, (size_t)repeats);
        struct bench_time outside = spread(ways[i].outside, (size_t)repeats);
        ok &= bench_print(name, spread(ways[i].ns, (size_t)repeats), 0, right,
                          "model=%s k=%s n=%s threads=%s of_first=%.2f outside_steps=%.3f",
                          tsgd_settings_get(ways[i].s, "model"),
                          tsgd_settings_get(ways[i].s, "active"),
                          tsgd_settings_get(ways[i].s, "nodes"),
                          tsgd_settings_get(ways[i].s, "threads"), ratio.median, outside.median);
    }
    return ok;
}

static struct tsgd_settings *lenet(uint64_t k, uint64_t threads)
{
    int rounds = (int)(800 / k);
    return settings_of("data=blobs:4000,1x28x28,10 model=lenet nodes=25 active=%d momentum=0.9 "
                       "rounds=%d eval-every=%d threads=%d", (int)k, rounds, rounds, (int)threads);
}

/* of_first is the speed-up over one thread. */
static bool threads(uint64_t k)
{
    static const uint64_t counts[] = {1, 2, 16};
    struct way ways[MOST] = {0};
    for (int i = 0; i < 3; i++)
        ways[i].s = lenet(k, counts[i]);
    return compare("threads", ways, 3, true, REPEATS);
}

/* Two threads against one: with as many tokens, and, k = 1, in a team that shares each step. */
static bool pair(const char *name, const char *model, const char *data, uint64_t k, uint64_t rounds,
                 int repeats)
{
    struct way ways[MOST] = {0};
    for (int i = 0; i < 2; i++) {
        ways[i].s = lenet(k, (uint64_t)i + 1);
        settings_change(ways[i].s, "model=%s data=%s rounds=%d eval-every=%d", model, data,
                        (int)rounds, (int)rounds);
    }
    return compare(name, ways, 2, true, repeats);
}

/* of_first is the time of a round with 25 nodes over that with this many. */
static bool nodes(const char *order)
{
    struct way ways[MOST] = {0};
    for (int i = 0; i < 2; i++)
        ways[i].s = settings_of("data=blobs:2000000 model=logistic order=%s nodes=%d active=8 "
                                "rounds=20000 eval-every=20000 threads=2", order, i ? 1000000 : 25);
    char name[32];
    snprintf(name, sizeof name, "nodes order=%s", order);
    return compare(name, ways, 2, false, REPEATS);
}

/* ---- a task without work ---- */

static uint32_t one_sample(const struct tsgd_problem *p, uint32_t node, uint64_t b)
{
    (void)p;
    (void)node;
    (void)b;
    return 1;
}

static double nothing(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                      float *grad, void *scratch)
{
    (void)node;
    (void)b;
    (void)x;
    (void)scratch;
    memset(grad, 0, p->dim * sizeof *grad);
    return 0;
}

static bool empty_steps(const char *topology, uint32_t k, uint32_t threads)
{
    static const struct tsgd_problem_ops ops = {.batch_count = one_sample, .gradient = nothing};
    struct tsgd_problem problem = {.ops = &ops, .dim = 16, .nodes = 2 * k};
    struct tsgd_mixing mixing = TSGD_MIXING_INIT;
    struct tsgd_rule rule;
    double ns[REPEATS];
    float x[16] = {0};
    uint64_t rounds = 2000000 / k;
    if (tsgd_topology_build(&mixing, topology, k, 0, NULL) ||
        tsgd_sgd_rule(&rule, "token", 0, false, 0, NULL))
        exit(1);
    for (int r = 0; r < REPEATS; r++) {
        struct tsgd_population p = {
            .k = k, .mixing = &mixing, .rounds = rounds,
            .eta = tsgd_rate_step_size(&(struct tsgd_rate){.eta = 0.1}),
        };
        struct tsgd_engine_config c = {
            .problem = &problem, .kernels = tsgd_isa_table(0),
            .population = &p, .n_populations = 1, .teleports = true,
            .rule = rule, .local_steps = 1, .threads = threads, .init = x,
        };
        struct tsgd_engine *e;
        struct tsgd_outcome o;
        if (tsgd_engine_create(&e, &c, NULL) || tsgd_engine_run(e, &o, NULL))
            exit(1);
        ns[r] = o.busy_seconds * 1e9 / (double)(rounds * k);
        tsgd_engine_free(e);
    }
    tsgd_mixing_release(&mixing);
    return bench_print("empty-step", spread(ns, REPEATS), 0, true, "topology=%s k=%u threads=%u",
                       topology, k, threads);
}

int main(int argc, char **argv)
{
    bench_arguments(argc, argv, 0, "",
                    "What the engine costs beside the gradients: threads, hand-offs, plans.");
    bool ok = true;
    ok &= empty_steps("ring", 8, 1);
    ok &= empty_steps("ring", 8, 2);
    ok &= empty_steps("exp", 64, 1);
    ok &= empty_steps("ring", 1000, 1);
    ok &= threads(8);
    ok &= threads(5);
    ok &= pair("threads", "mlp", "blobs:4000,1x28x28,10", 8, 200, REPEATS);
    ok &= pair("threads", "vgg11", "blobs:800,3x32x32,10", 2, 20, 1);
    ok &= pair("team", "resnet20", "blobs:800,3x32x32,10", 1, 100, 1);
    ok &= nodes("epoch");
    ok &= nodes("iid");
    return !ok;
}
