/* mpi/witness.h: who tells how to go on when a rank has died. mpirun then ends all other ranks by
 * SIGKILL: MPICH's at once, Open MPI's within two seconds, in which it stops passing on what they
 * print. So no rank could tell. Each has a witness, a child process that was forked before MPI is
 * initialised, and sleeps on a socket whose other end its parent holds open. When the parent ends
 * without having said that it is done, the witness writes a sentence on the standard error: that
 * its rank has died, which checkpoint there is, and how to go on from it. Of the witnesses on a
 * machine the first to find that out speaks, which is that of the rank that has died first.
 * Only a parent that has said what it trains is mourned. One thread.                            */
#ifndef TSGD_MPI_WITNESS_H
#define TSGD_MPI_WITNESS_H

#include <stdbool.h>
#include <stdint.h>

/* Before MPI_Init_thread. Where there can be no child there is none, and the rest does nothing. */
void tsgd_witness_start(void);

/* What all ranks of a run have, and no other run; rank 0 says it. */
struct tsgd_witness_run {
    uint64_t number;
    char host[64];              /* of rank 0, which writes the checkpoints */
};
struct tsgd_witness_run tsgd_witness_run(void);

/* Which rank the parent is, and of which run. */
void tsgd_witness_know(uint32_t rank, const struct tsgd_witness_run *run);

/* A training begins; checkpoint: the file that it writes, or NULL. resumes: what stands in it is of
 * this training; else a file that is there already, and stays as it is, is of another.          */
void tsgd_witness_begins(const char *checkpoint, bool resumes);

/* The parent has done what it had to; returns when the witness is gone. */
void tsgd_witness_dismiss(void);

#endif
