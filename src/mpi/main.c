/* The main of telesgd-mpi: one of the ranks that mpirun starts. */
#include "base/clock.h"
#include "command/program.h"
#include "mpi/mpi.h"
#include "mpi/witness.h"

#include <stdio.h>
#include <unistd.h>

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

int main(int argc, char **argv)
{
    struct tsgd_mpi mpi;
    int level, code;
    tsgd_witness_start();
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &level);
    tsgd_mpi_init(&mpi);
    struct tsgd_transport *t = &mpi.transport;
    uint64_t run = tsgd_now_ns() ^ (uint64_t)getpid() << 32;
    t->ops->broadcast(t, &run, sizeof run, 0);
    tsgd_witness_know(t->rank, run);
    if (level < MPI_THREAD_SERIALIZED) {
        if (t->rank == 0)
            fputs("telesgd: this MPI lets one thread alone call it; want MPI_THREAD_SERIALIZED\n",
                  stderr);
        code = TSGD_EXIT_USAGE;
    } else {
        code = tsgd_program(argc, argv, &(struct tsgd_world){t, tsgd_witness_begins});
    }
    tsgd_witness_dismiss();             /* all is written; what may go wrong now is no loss */
    code = agree_on_code(t, code);
    tsgd_mpi_release(&mpi);
    MPI_Finalize();
    return code;
}
