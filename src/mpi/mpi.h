/* mpi/mpi.h: ranks that are processes of MPI, perhaps on several machines, as transport/transport.h
 * wants them. This folder is compiled into the program telesgd-mpi alone.
 *
 * Each channel is a communicator of its own, so that no message of one meets a receive of another.
 * Sends, receives and all-reduces under way stand in one array, which grows; a look tests a window
 * of it, the next look the window behind that. A look at all of them would cost as much as there
 * are, and an oversubscribed Open MPI gives its CPU away in every call that finds nothing.
 *
 * Long messages to a rank of the same machine are posted one at a time. It copies them in the calls
 * of MPI that look, and Open MPI goes on for as long as more come: would four rows follow each
 * other, it would copy all of them before it takes up the first, and the sender would wait so long
 * for what comes back. One is put off until that before it has been taken, or should have been;
 * never for good, as the other may need it before it can take that before.
 *
 * Ownership: init and release belong to whoever initialises MPI; release comes before MPI_Finalize.
 * Threads: one at a time (MPI_THREAD_SERIALIZED).
 * Errors: a sentence on the standard error, and MPI_Abort.                                      */
#ifndef TSGD_MPI_MPI_H
#define TSGD_MPI_MPI_H

#include "mpi/bell.h"
#include "transport/transport.h"

#include <mpi.h>

/* One message or all-reduce under way. */
struct tsgd_mpi_posted {
    uint64_t label;
    enum { TSGD_MPI_SEND, TSGD_MPI_RECEIVE, TSGD_MPI_LARGEST } kind;
    int bytes;                  /* of a send; that a receive must bring */
    uint32_t rank;              /* it goes to, or comes from */
};

/* A message that is still to be posted. */
struct tsgd_mpi_send {
    uint64_t label;
    const void *data;
    int bytes;
    uint32_t to, tag;
    enum tsgd_channel channel;
};

/* Messages to a rank. */
struct tsgd_mpi_way {
    uint32_t posted;            /* long ones that are not complete */
    uint32_t put_off;
    uint64_t look, ns;          /* when the last long one was posted */
    uint64_t stays;             /* the last look that left one put off: none overtakes it */
};

/* The all-reduce under way. Its numbers travel as signed ones that are in the same order, because
 * not every MPI takes the largest of unsigned ones of 64 bits: MPICH 4.0 finds 0 above 2^63.    */
enum { TSGD_MPI_NUMBERS = 16 };
struct tsgd_mpi_largest {
    int64_t in[TSGD_MPI_NUMBERS], out[TSGD_MPI_NUMBERS];
    uint64_t *to;               /* the caller's */
    uint32_t n;
};

struct tsgd_mpi {
    struct tsgd_transport transport;    /* first: what the operations are handed */
    MPI_Comm channel[TSGD_CHANNELS];
    MPI_Comm all;               /* for what all ranks do together */
    MPI_Request *request;       /* [room], the first n are under way */
    struct tsgd_mpi_posted *posted;     /* [room] */
    size_t n, room;
    size_t at;                  /* where the next look begins */
    uint64_t looks;             /* at what was put off; from 1 */
    struct tsgd_mpi_send *put_off;      /* [room_put_off], n_put_off wait, in their order */
    size_t n_put_off, room_put_off;
    struct tsgd_mpi_way *way;   /* [ranks] */
    struct tsgd_mpi_largest largest;
    struct tsgd_bells bells;
};

/* Before MPI_Init_thread: how Open MPI is to carry messages between ranks of one machine, unless
 * the user has said how, by mpirun --mca or OMPI_MCA_btl_vader_eager_limit (it goes before what a
 * file of parameters says). Other libraries do not read it.                                     */
void tsgd_mpi_prefer(void);

/* After MPI_Init_thread. All ranks must come to both. */
void tsgd_mpi_init(struct tsgd_mpi *m);
void tsgd_mpi_release(struct tsgd_mpi *m);

#endif
