/* What stands between telesgd-mpi and MPI in tests, by MPI's profiling interface; to be preloaded.
 *     SHIM_DELAY=SEED   completions are seen late and in another order; some sends are not complete
 *                       before their receive is posted (rendezvous, whatever their length)
 *     SHIM_COUNT=FILE   rank 0 writes how many messages were sent on each communicator, and their
 *                       bytes, in lines "NAME MESSAGES BYTES"; rows with an odd tag are private
 *     SHIM_FAIL=FILE    what rank 0 sends fails as soon as there is such a file
 * All at once are fine. Threads: one at a time, as telesgd calls MPI.                          */
#include <mpi.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 64, NAMES = 16 };

static uint64_t state;
static int delays = -1;

static struct counted {
    char name[MPI_MAX_OBJECT_NAME];
    unsigned long long messages, bytes;
} counted[NAMES];

int MPI_Testsome(int n, MPI_Request request[], int *done, int index[], MPI_Status status[]);

static uint32_t draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static int is_late(void)
{
    const char *seed = getenv("SHIM_DELAY");
    if (delays < 0) {
        int rank = 0;
        PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
        delays = seed != NULL;
        state = seed ? (uint64_t)strtoull(seed, NULL, 10) * 1000003u + (unsigned)rank : 0;
    }
    return delays;
}

static void dawdle(void)
{
    if (draw(10) == 0)
        usleep(draw(300));
}

/* Looks at some of the requests, in any order, as if the others were not complete yet. */
int MPI_Testsome(int n, MPI_Request request[], int *done, int index[], MPI_Status status[])
{
    MPI_Request some[MOST];
    int at[MOST], chosen = 0, found[MOST];
    if (!is_late() || n > MOST)
        return PMPI_Testsome(n, request, done, index, status);
    dawdle();
    for (int i = 0; i < n; i++)
        if (request[i] != MPI_REQUEST_NULL && draw(3) != 0)
            at[chosen++] = i;
    for (int i = chosen - 1; i > 0; i--) {
        int j = (int)draw((uint32_t)i + 1), other = at[i];
        at[i] = at[j];
        at[j] = other;
    }
    for (int i = 0; i < chosen; i++)
        some[i] = request[at[i]];
    *done = 0;
    int code = chosen ? PMPI_Testsome(chosen, some, done, found, status) : MPI_SUCCESS;
    for (int i = 0; i < chosen; i++)
        request[at[i]] = some[i];
    for (int i = 0; i < *done; i++)
        index[i] = at[found[i]];
    return code;
}

static void count(MPI_Comm comm, int tag, int bytes)
{
    char name[MPI_MAX_OBJECT_NAME + 16];
    int length, i = 0;
    PMPI_Comm_get_name(comm, name, &length);
    if (!strcmp(name, "telesgd rows") && tag % 2)
        strcpy(name, "telesgd private");
    while (i < NAMES - 1 && *counted[i].name && strcmp(counted[i].name, name))
        i++;
    strcpy(counted[i].name, name);
    counted[i].messages++;
    counted[i].bytes += (unsigned long long)bytes;
}

int MPI_Isend(const void *data, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm,
              MPI_Request *request)
{
    int rank = 0;
    const char *fails = getenv("SHIM_FAIL");
    if (fails)
        PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (fails && rank == 0 && access(fails, F_OK) == 0)
        return MPI_ERR_OTHER;
    count(comm, tag, n);
    if (is_late() && draw(2))
        return PMPI_Issend(data, n, type, to, tag, comm, request);
    return PMPI_Isend(data, n, type, to, tag, comm, request);
}

int MPI_Iallreduce(const void *in, void *out, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                   MPI_Request *request)
{
    count(comm, 0, n * 8);
    return PMPI_Iallreduce(in, out, n, type, op, comm, request);
}

/* The sums of all ranks. */
int MPI_Finalize(void)
{
    static const char *const name[] = {"telesgd rows", "telesgd private", "telesgd evaluation",
                                       "telesgd control", "telesgd files", "telesgd all"};
    const char *path = getenv("SHIM_COUNT");
    unsigned long long mine[2 * NAMES] = {0}, sum[2 * NAMES];
    int rank, n = (int)(sizeof name / sizeof *name);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < NAMES; j++)
            if (!strcmp(counted[j].name, name[i])) {
                mine[2 * i] = counted[j].messages;
                mine[2 * i + 1] = counted[j].bytes;
            }
    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    PMPI_Reduce(mine, sum, 2 * n, MPI_UNSIGNED_LONG_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    FILE *f = path && rank == 0 ? fopen(path, "w") : NULL;
    for (int i = 0; f && i < n; i++)
        fprintf(f, "%s %llu %llu\n", name[i] + strlen("telesgd "), sum[2 * i], sum[2 * i + 1]);
    if (f)
        fclose(f);
    return PMPI_Finalize();
}
