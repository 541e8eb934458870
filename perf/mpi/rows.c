/* perf/mpi/rows.c: rows between two ranks, by the engine and by a bare loop of Isend and Irecv, in
 * turns:
 *     mpirun -n 2 --bind-to none rows [FLOATS [ROUNDS]]
 * Four rows go either way in each round of both. In the engine they are half-steps: each of four
 * tokens mixes with one on the other rank, and steps by a gradient that costs nothing, so what is
 * left beside the messages is reading and writing rows, and the protocol. check: the mean of the
 * tokens is where their gradients lead.                                                         */
#include "mpi/mpi.h"

#include "engine/engine.h"
#include "engine/spread.h"
#include "linalg/isa.h"
#include "method/sgd.h"
#include "scenario/rate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 4, TURNS = 7 };

static int rank;

static void give_up(const char *why)
{
    fprintf(stderr, "rows: %s\n", why);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

/* Seconds a row, when so many go either way at a time. */
static double bare(size_t bytes, int rounds)
{
    MPI_Request request[2 * ROWS];
    MPI_Status status[2 * ROWS];
    char *out = calloc(ROWS, bytes), *in = calloc(ROWS, bytes);
    if (!out || !in)
        give_up("no memory");
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    for (int t = 0; t < rounds; t++) {
        for (int i = 0; i < ROWS; i++) {
            MPI_Irecv(in + (size_t)i * bytes, (int)bytes, MPI_BYTE, 1 - rank, i, MPI_COMM_WORLD,
                      &request[i]);
            MPI_Isend(out + (size_t)i * bytes, (int)bytes, MPI_BYTE, 1 - rank, i, MPI_COMM_WORLD,
                      &request[ROWS + i]);
        }
        MPI_Waitall(2 * ROWS, request, status);
    }
    double seconds = MPI_Wtime() - start;
    free(out);
    free(in);
    return seconds / rounds / ROWS;
}

static uint32_t one_sample(const struct tsgd_problem *p, uint32_t node, uint64_t b)
{
    (void)p;
    (void)node;
    (void)b;
    return 1;
}

/* The row's other coordinates were zero at the start, and stay so. */
static double slope(const struct tsgd_problem *p, uint32_t node, uint64_t b, const float *x,
                    float *grad, void *scratch)
{
    (void)p;
    (void)b;
    (void)x;
    (void)scratch;
    grad[0] = (float)node;
    return 0;
}

static const struct tsgd_problem_ops ops = {.batch_count = one_sample, .gradient = slope};

/* Token a reads the one that is as far on the other rank. */
static struct tsgd_mixing pairs(struct tsgd_csr *w)
{
    struct tsgd_entry e[4 * ROWS];
    for (uint32_t a = 0; a < 2 * ROWS; a++) {
        e[2 * a] = (struct tsgd_entry){a, a, 0.5f};
        e[2 * a + 1] = (struct tsgd_entry){a, (a + ROWS) % (2 * ROWS), 0.5f};
    }
    if (tsgd_csr_build(w, 2 * ROWS, e, 4 * ROWS, NULL) != TSGD_OK)
        give_up("no memory");
    return (struct tsgd_mixing){.period = 1, .w = w};
}

static double by_engine(struct tsgd_transport *t, size_t dim, int rounds, bool *right)
{
    struct tsgd_error err;
    struct tsgd_csr w;
    struct tsgd_outcome o;
    struct tsgd_engine *engine;
    const struct tsgd_mixing mixing = pairs(&w);
    const struct tsgd_problem problem = {.ops = &ops, .dim = dim, .nodes = 2 * ROWS,
                                         .scratch_bytes = 64};
    const struct tsgd_rate rate = {.eta = 0x1p-10f};
    const struct tsgd_population all = {.k = 2 * ROWS, .mixing = &mixing,
                                        .eta = tsgd_rate_step_size(&rate),
                                        .rounds = (uint64_t)rounds};
    float *zero = calloc(dim, sizeof *zero);
    struct tsgd_engine_config c = {
        .problem = &problem, .kernels = tsgd_isa_table(0), .population = &all, .n_populations = 1,
        .ranks = {.rank = t->rank, .ranks = t->ranks, .nodes = 2 * ROWS}, .transport = t,
        .local_steps = 1, .threads = 1, .init = zero,
    };
    if (!zero || tsgd_sgd_rule(&c.rule, "token", 0, false, 0, NULL) ||
        tsgd_engine_create(&engine, &c, &err) || tsgd_engine_run(engine, &o, &err))
        give_up("the engine does not run");
    double want = -0x1p-10 * rounds * (2 * ROWS - 1) / 2;
    *right = fabs(tsgd_engine_mean(engine, 0)[0] / want - 1) < 1e-4;
    tsgd_engine_free(engine);
    tsgd_csr_release(&w);
    free(zero);
    return o.seconds / rounds / ROWS;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x)
{
    qsort(x, TURNS, sizeof *x, ascending);
    return x[TURNS / 2];
}

int main(int argc, char **argv)
{
    struct tsgd_mpi mpi;
    size_t dim = argc > 1 ? strtoull(argv[1], NULL, 10) : 44470;
    int rounds = argc > 2 ? atoi(argv[2]) : 1000, level, ranks;
    size_t bytes = (TSGD_HEAD_FLOATS + tsgd_round_up(dim, 16)) * sizeof(float);
    double loop[TURNS], engine[TURNS], ratio[TURNS];
    bool right = true, turn;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (ranks != 2 || dim == 0 || rounds < 1 || bytes > INT32_MAX)
        give_up("want two ranks, and FLOATS and ROUNDS of 1 or more");
    tsgd_mpi_init(&mpi);
    for (int i = -1; i < TURNS; i++) {          /* -1 warms up */
        int to = i < 0 ? 0 : i;
        loop[to] = bare(bytes, rounds);
        engine[to] = by_engine(&mpi.transport, dim, rounds, &turn);
        ratio[to] = loop[to] / engine[to];
        right &= turn;
    }
    if (rank == 0)
        printf("bench=rows-between-ranks bytes=%zu ns_bare=%.0f ns_engine=%.0f GBps=%.2f "
               "of_bare=%.2f check=%s\n", bytes, 1e9 * median(loop), 1e9 * median(engine),
               1e-9 * (double)bytes / median(engine), median(ratio), right ? "ok" : "WRONG");
    tsgd_mpi_release(&mpi);
    MPI_Finalize();
    return right ? 0 : 1;
}
