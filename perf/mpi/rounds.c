/* perf/mpi/rounds.c: rounds over ranks as they are, and as the simulation of scenario/ranksim.h
 * foretells them, with steps that sleep:
 *     mpirun -n 3 --bind-to none rounds [MILLISECONDS [ROUNDS]]
 * Sleeping needs no core, so that ranks are as many as one likes, and what is seen is the plan:
 * who waits for whom, and which ranks have more to do than others. What a step really took is
 * measured, and the simulation is told. check: the measured round is within a fifth of it.      */
#include "mpi/mpi.h"

#include "base/clock.h"
#include "engine/engine.h"
#include "linalg/isa.h"
#include "method/sgd.h"
#include "scenario/ranksim.h"
#include "scenario/rate.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DIM = 1000 };

static long nap_ns;
static _Atomic uint64_t slept_ns, naps;

static uint32_t one_sample(const struct tsgd_problem *p, uint32_t node, uint64_t b)
{
    (void)p;
    (void)node;
    (void)b;
    return 1;
}

static double sleeps(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                     float *grad, void *scratch)
{
    struct timespec nap = {0, nap_ns};
    uint64_t start = tsgd_now_ns();
    (void)node;
    (void)b;
    (void)x;
    (void)scratch;
    nanosleep(&nap, NULL);
    for (size_t i = 0; i < p->dim; i++)
        grad[i] = 0;
    atomic_fetch_add(&slept_ns, tsgd_now_ns() - start);
    atomic_fetch_add(&naps, 1);
    return 0;
}

static const struct tsgd_problem_ops ops = {.batch_count = one_sample, .gradient = sleeps};

struct example {
    const char *moves, *topology;
    uint32_t nodes, threads;
};

static void give_up(const char *why)
{
    fprintf(stderr, "rounds: %s\n", why);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

/* Seconds of a round; *step: of a step, the mean over all ranks. */
static double measure(struct tsgd_transport *t, const struct example *e,
                      const struct tsgd_mixing *mixing, uint64_t rounds, double *step)
{
    static float zero[DIM];
    struct tsgd_error err;
    struct tsgd_outcome o;
    struct tsgd_engine *engine;
    const struct tsgd_problem problem = {.ops = &ops, .dim = DIM, .nodes = e->nodes,
                                         .scratch_bytes = 64};
    const struct tsgd_rate rate = {.eta = 0.1f};
    const struct tsgd_population all = {.k = 8, .mixing = mixing,
                                        .eta = tsgd_rate_step_size(&rate), .rounds = rounds};
    struct tsgd_engine_config c = {
        .problem = &problem, .kernels = tsgd_isa_table(0), .population = &all, .n_populations = 1,
        .teleports = e->nodes > 8, .seed = 1, .local_steps = 1, .threads = e->threads,
        .ranks = {.rank = t->rank, .ranks = t->ranks, .nodes = e->nodes},
        .transport = t->ranks > 1 ? t : NULL, .init = zero,
    };
    atomic_store(&slept_ns, 0);
    atomic_store(&naps, 0);
    if (tsgd_sgd_rule(&c.rule, "token", 0, false, 0, NULL) ||
        tsgd_engine_create(&engine, &c, &err) || tsgd_engine_run(engine, &o, &err))
        give_up("the engine does not run");
    tsgd_engine_free(engine);
    double mine[2] = {(double)atomic_load(&slept_ns), (double)atomic_load(&naps)}, sum[2];
    MPI_Allreduce(mine, sum, 2, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    *step = 1e-9 * sum[0] / sum[1];
    return o.seconds / (double)rounds;
}

static double foretell(uint32_t ranks, const struct example *e, const struct tsgd_mixing *mixing,
                       double step)
{
    struct tsgd_rank_times times;
    const struct tsgd_ranksim c = {
        .tokens = 8, .teleports = e->nodes > 8, .seed = 1, .mixing = mixing,
        .ranks = {.ranks = ranks, .nodes = e->nodes}, .threads = e->threads,
        .cores = (uint64_t)ranks * e->threads, .cost = {.step = step, .row.bytes = 4 * DIM},
        .rounds = 2000,
    };
    if (tsgd_ranksim_run(&c, &times, NULL))
        give_up("no memory");
    return times.seconds;
}

int main(int argc, char **argv)
{
    static const struct example examples[] = {
        {"fixed", "ring", 8, 1}, {"teleports", "ring", 100, 1}, {"teleports", "exp", 100, 1},
        {"teleports", "ring", 100, 2},
    };
    struct tsgd_mpi mpi;
    int level;
    uint64_t rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : 60;
    bool ok = true;
    nap_ns = (argc > 1 ? atol(argv[1]) : 30) * 1000000;
    if (nap_ns <= 0 || nap_ns >= 1000000000 || rounds == 0) {
        fputs("rounds: want MILLISECONDS below 1000 and ROUNDS of 1 or more\n", stderr);
        return 2;
    }
    tsgd_mpi_prefer();
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &level);
    tsgd_mpi_init(&mpi);
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const struct example *e = &examples[i];
        struct tsgd_mixing mixing;
        double step, measured, foretold;
        if (tsgd_topology_build(&mixing, e->topology, 8, 0, NULL))
            give_up("no memory");
        measured = measure(&mpi.transport, e, &mixing, rounds, &step);
        foretold = foretell(mpi.transport.ranks, e, &mixing, step);
        bool right = fabs(foretold / measured - 1) <= 0.2;
        ok &= right;
        if (mpi.transport.rank == 0)
            printf("bench=round-of-sleeps moves=%s topology=%s ranks=%u threads=%u step_ms=%.2f "
                   "ms=%.2f foretold_ms=%.2f ratio=%.3f check=%s\n", e->moves, e->topology,
                   mpi.transport.ranks, e->threads, 1e3 * step, 1e3 * measured, 1e3 * foretold,
                   foretold / measured, right ? "ok" : "WRONG");
        tsgd_mixing_release(&mixing);
    }
    tsgd_mpi_release(&mpi);
    MPI_Finalize();
    return ok ? 0 : 1;
}
