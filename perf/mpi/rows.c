/* perf/mpi/rows.c: rows between two ranks, by the engine and by a bare loop of Isend and Irecv, in
 * turns:
 *     mpirun -n 2 --bind-to none rows [FLOATS [ROUNDS]]
 * Four rows go either way in each round of all. In the engine they are half-steps: each of four
 * tokens mixes with one on the other rank, and steps by a gradient that costs nothing. So there are
 * two bare loops: one that sends and receives the same bytes again and again, and one that also
 * writes what it sends and reads what it receives, by the engine's kernels: a row that another core
 * has just written costs more to fetch. check: the means are where the gradients lead.          */
#include "mpi/mpi.h"

#include "base/mem.h"
#include "engine/engine.h"
#include "engine/spread.h"
#include "linalg/isa.h"
#include "linalg/mix.h"
#include "linalg/vec.h"
#include "method/sgd.h"
#include "scenario/rate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 4, TURNS = 7 };

static int rank;

static void give_up(const char *why)
{
    fprintf(stderr, "rows: %s\n", why);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

/* Waits until ROWS rows of either rank are with the other. */
static void swap_rows(float *out, float *in, size_t row)
{
    MPI_Request request[2 * ROWS];
    MPI_Status status[2 * ROWS];
    for (int i = 0; i < ROWS; i++) {
        MPI_Irecv(in + (size_t)i * row, (int)row, MPI_FLOAT, 1 - rank, i, MPI_COMM_WORLD,
                  &request[i]);
        MPI_Isend(out + (size_t)i * row, (int)row, MPI_FLOAT, 1 - rank, i, MPI_COMM_WORLD,
                  &request[ROWS + i]);
    }
    MPI_Waitall(2 * ROWS, request, status);
}

static const struct tsgd_kernels *widest(void)
{
    const struct tsgd_kernels *kernels = NULL;
    if (tsgd_isa_find(&kernels, NULL, NULL))
        give_up("no instruction set");
    return kernels;
}

/* Token a reads the one that is half of all k tokens further. */
static struct tsgd_mixing pairs(struct tsgd_csr *w, uint32_t k)
{
    struct tsgd_entry e[4 * ROWS];
    for (uint32_t a = 0; a < k; a++) {
        e[2 * a] = (struct tsgd_entry){a, a, 0.5f};
        e[2 * a + 1] = (struct tsgd_entry){a, (a + k / 2) % k, 0.5f};
    }
    if (tsgd_csr_build(w, k, e, 2 * k, NULL) != TSGD_OK)
        give_up("no memory");
    return (struct tsgd_mixing){.period = 1, .w = w};
}

static bool is_right(const float *mean, int rounds)
{
    double want = -0x1p-10 * rounds * (2 * ROWS - 1) / 2;
    return fabs((double)mean[0] / want - 1) < 1e-4;
}

/* Seconds a row, when so many go either way at a time. */
static double bare(size_t row, int rounds)
{
    float *out, *in;
    if (TSGD_NEW(&out, ROWS * row, "rows", NULL) || TSGD_NEW(&in, ROWS * row, "rows", NULL))
        give_up("no memory");
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    for (int t = 0; t < rounds; t++)
        swap_rows(out, in, row);
    double seconds = MPI_Wtime() - start;
    free(out);
    free(in);
    return seconds / rounds / ROWS;
}

/* The same with steps and gossip: of rows of 2 * ROWS tokens, the first half is this rank's, the
 * second comes from the other one.                                                              */
static double bare_working(size_t row, size_t dim, int rounds, bool *right)
{
    const struct tsgd_kernels *kernels = widest();
    struct tsgd_csr w;
    pairs(&w, 2 * ROWS);
    float *x, *half, *gradient;
    if (TSGD_NEW(&x, ROWS * row, "rows", NULL) || TSGD_NEW(&half, 2 * ROWS * row, "rows", NULL) ||
        TSGD_NEW(&gradient, row, "a gradient", NULL))
        give_up("no memory");
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    for (int t = 0; t < rounds; t++) {
        for (int i = 0; i < ROWS; i++) {
            float *to = half + (size_t)i * row;
            gradient[0] = (float)(rank * ROWS + i);
            memcpy(to, x + (size_t)i * row, row * sizeof *x);
            tsgd_sgd(kernels, &(struct tsgd_update){.x = to, .eta = 0x1p-10f}, gradient, dim);
        }
        swap_rows(half, half + ROWS * row, row);
        for (uint32_t i = 0; i < ROWS; i++)
            tsgd_mix_row(kernels, &w, i, NULL, half, row, dim, false, x + i * row);
    }
    double seconds = MPI_Wtime() - start;
    float mine = 0, all;
    for (int i = 0; i < ROWS; i++)
        mine += x[(size_t)i * row] / (2 * ROWS);
    MPI_Allreduce(&mine, &all, 1, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    *right &= is_right(&all, rounds);
    free(x);
    free(half);
    free(gradient);
    tsgd_csr_release(&w);
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

static double by_engine(struct tsgd_transport *t, size_t dim, int rounds, bool *right)
{
    struct tsgd_error err;
    struct tsgd_csr w;
    struct tsgd_outcome o;
    struct tsgd_engine *engine;
    const struct tsgd_mixing mixing = pairs(&w, 2 * ROWS);
    const struct tsgd_problem problem = {.ops = &ops, .dim = dim, .nodes = 2 * ROWS,
                                         .scratch_bytes = 64};
    const struct tsgd_rate rate = {.eta = 0x1p-10f};
    const struct tsgd_population all = {.k = 2 * ROWS, .mixing = &mixing,
                                        .eta = tsgd_rate_step_size(&rate),
                                        .rounds = (uint64_t)rounds};
    float *zero = calloc(dim, sizeof *zero);
    struct tsgd_engine_config c = {
        .problem = &problem, .kernels = widest(), .population = &all, .n_populations = 1,
        .ranks = {.rank = t->rank, .ranks = t->ranks, .nodes = 2 * ROWS}, .transport = t,
        .local_steps = 1, .threads = 1, .init = zero,
    };
    if (!zero || tsgd_sgd_rule(&c.rule, "token", 0, false, 0, NULL) ||
        tsgd_engine_create(&engine, &c, &err) || tsgd_engine_run(engine, &o, &err))
        give_up("the engine does not run");
    *right &= is_right(tsgd_engine_mean(engine, 0), rounds);
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
    size_t row = TSGD_HEAD_FLOATS + tsgd_round_up(dim, 16), bytes = row * sizeof(float);
    double loop[TURNS], working[TURNS], engine[TURNS], ratio[TURNS];
    bool right = true;
    tsgd_mpi_prefer();
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (ranks != 2 || dim == 0 || rounds < 1 || bytes > INT32_MAX)
        give_up("want two ranks, and FLOATS and ROUNDS of 1 or more");
    tsgd_mpi_init(&mpi);
    for (int i = -1; i < TURNS; i++) {          /* -1 warms up */
        int to = i < 0 ? 0 : i;
        loop[to] = bare(row, rounds);
        working[to] = bare_working(row, dim, rounds, &right);
        engine[to] = by_engine(&mpi.transport, dim, rounds, &right);
        ratio[to] = working[to] / engine[to];
    }
    if (rank == 0)
        printf("bench=rows-between-ranks bytes=%zu ns_bare=%.0f ns_bare_working=%.0f "
               "ns_engine=%.0f GBps=%.2f of_bare_working=%.2f check=%s\n", bytes,
               1e9 * median(loop), 1e9 * median(working), 1e9 * median(engine),
               1e-9 * (double)bytes / median(engine), median(ratio), right ? "ok" : "WRONG");
    tsgd_mpi_release(&mpi);
    MPI_Finalize();
    return right ? 0 : 1;
}
