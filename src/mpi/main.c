/* The main of telesgd-mpi: one of the ranks that mpirun starts. */
#include "cli/signals.h"
#include "command/program.h"
#include "mpi/mpi.h"
#include "mpi/witness.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What the first rank returns, unless another one alone has failed; it comes once all have ended,
 * because mpirun kills the others when a rank ends with another code than 0.                    */
static int agree_on_code(struct tsgd_transport *t, int mine)
{
    int code = 0;
    for (uint32_t r = 0; r < t->ranks; r++) {
        int other = mine;
        t->ops->broadcast(t, &other, sizeof other, r);
        if (code == 0)
            code = other;
    }
    return code;
}

static int number(const char *variable)
{
    const char *text = getenv(variable);
    return text ? atoi(text) : 0;
}

/* What has started this process says how many there are, and which of them it is. */
struct launcher {
    const char *size, *rank;
};

/* An mpirun of another MPI starts processes that each believe to be alone: they would all train the
 * same, into the same files. So does an srun with another --mpi, and on Ubuntu 24.04 MPICH 4.2's
 * own mpirun: it speaks PMI, its library PMIx, as Open MPI's mpirun does. The first that is set is
 * the innermost; the last of them stands for none.                                              */
static const struct launcher *launcher(void)
{
    static const struct launcher launchers[] = {
        {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"}, {"PMI_SIZE", "PMI_RANK"},
        {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},
    };
    const struct launcher *l = launchers, *last = &launchers[2];
    while (l < last && number(l->size) == 0)
        l++;
    return l;
}

static void name_library(char name[MPI_MAX_LIBRARY_VERSION_STRING])
{
    int length;
    name[0] = 0;
    MPI_Get_library_version(name, &length);
    name[strcspn(name, ",\n")] = 0;
    for (char *c = name; *c; c++)
        *c = *c == '\t' ? ' ' : *c;
}

/* TSGD_EINVAL: what MPI gives is not what this program needs. */
static enum tsgd_status check_mpi(const struct tsgd_transport *t, int level,
                                  struct tsgd_error *err)
{
    char library[MPI_MAX_LIBRARY_VERSION_STRING];
    int n = number(launcher()->size);
    name_library(library);
    if (level < MPI_THREAD_SERIALIZED)
        return tsgd_fail(err, TSGD_EINVAL, "MPI: lets one thread alone call it; want one with "
                         "MPI_THREAD_SERIALIZED");
    if (t->ranks == 1 && n > 1)
        return tsgd_fail(err, TSGD_EINVAL, "mpirun: has started %d processes, but each is alone: "
                         "this program was built with %.60s, which does not know this mpirun; want "
                         "its own (for MPICH on Ubuntu 24.04, Open MPI's), or by srun --mpi=pmix "
                         "for Open MPI, --mpi=pmi2 for MPICH", n, library);
    return TSGD_OK;
}

/* Between machines MPICH (4.0 of Debian 12) closes its connections in MPI_Finalize, and then no
 * longer answers. A rank that still looks for messages meanwhile, in any call of MPI, sees one
 * closed, opens it anew, and waits for ever. So all leave MPI alone before any of them closes: a
 * second, in which what a network has lost has been sent again. Nothing here waits for that.   */
static void await_quiet(void)
{
    char library[MPI_MAX_LIBRARY_VERSION_STRING];
    name_library(library);
    if (strncmp(library, "MPICH", 5))
        return;
    MPI_Barrier(MPI_COMM_WORLD);
    nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
}

int main(int argc, char **argv)
{
    struct tsgd_mpi mpi;
    struct tsgd_error err;
    int level, code;
    tsgd_signals_begin();
    tsgd_fill_closed_streams();         /* before MPI opens sockets */
    tsgd_witness_start();
    tsgd_mpi_prefer();
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &level);
    tsgd_mpi_init(&mpi);
    struct tsgd_transport *t = &mpi.transport;
    struct tsgd_witness_run run = tsgd_witness_run();
    t->ops->broadcast(t, &run, sizeof run, 0);
    tsgd_witness_know(t->rank, &run);
    if (check_mpi(t, level, &err)) {
        if (t->rank == 0 && number(launcher()->rank) == 0)
            tsgd_complain(NULL, &err);
        code = TSGD_EXIT_USAGE;
    } else {
        code = tsgd_program(argc, argv, &(struct tsgd_world){t, tsgd_witness_begins});
    }
    tsgd_witness_dismiss();             /* all is written; what may go wrong now is no loss */
    code = agree_on_code(t, code);
    bool apart = t->ranks > 1 && !t->rings;
    tsgd_mpi_release(&mpi);
    if (apart)
        await_quiet();
    MPI_Finalize();
    return code;
}
