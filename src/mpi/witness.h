/* mpi/witness.h: who tells how to go on when a rank has died. mpirun ends all other ranks then, by
 * SIGKILL, the first too (MPICH's at once, Open MPI's two seconds later), so that no rank could
 * tell. The witness is a child process, forked before MPI is initialised, that sleeps on a socket
 * whose other end its parent holds open. When the parent ends without having said that it is done, the witness
 * writes a sentence on the standard error: that the training has ended before its end, which
 * checkpoint there is, and how to go on from it.
 * Only a parent that has said what it trains is mourned. One thread.                            */
#ifndef TSGD_MPI_WITNESS_H
#define TSGD_MPI_WITNESS_H

/* Before MPI_Init_thread. Where there can be no child there is none, and the rest does nothing. */
void tsgd_witness_start(void);

/* A training begins; checkpoint: the file that it writes, or NULL. */
void tsgd_witness_begins(const char *checkpoint);

/* The parent ends as it should; returns when the witness is gone. */
void tsgd_witness_dismiss(void);

#endif
