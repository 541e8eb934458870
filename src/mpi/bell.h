/* mpi/bell.h: how a rank that sleeps hears that something comes for it. MPI has calls that wait,
 * but they keep a core busy; so a rank that has nothing to do sleeps, and looks at the network now
 * and then. Ranks on one machine have a word each in memory that all of them see: whoever sends to
 * a rank, or has taken what it sent, rings there, which wakes it if it sleeps. Between machines,
 * and where there is no such memory, nobody rings.
 *
 * A bell is for speed: who misses one sleeps no longer than it had said. And none is missed: a look
 * reads the count of rings before it asks MPI, and a rest does not begin when it has changed since.
 * MPI passes some messages on in pieces, of which nobody tells; so while one is under way a rest is
 * short.
 *
 * Ownership: init and release belong to whoever opens MPI. All ranks must come to both.
 * Threads: rest from any, one at a time; all else by whoever uses MPI.                          */
#ifndef TSGD_MPI_BELL_H
#define TSGD_MPI_BELL_H

#include <mpi.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct tsgd_bell;

struct tsgd_bells {
    MPI_Comm here;              /* the ranks of this machine */
    MPI_Win memory;
    struct tsgd_bell **of;      /* [ranks]; NULL: of another machine. NULL itself: nobody rings */
    struct tsgd_bell *mine;
    bool all;                   /* all ranks are on this machine */
    uint32_t rings, looks;      /* when MPI was last asked; how often since they were so many */
    _Atomic uint32_t heard;     /* rings of which nothing more is to be expected */
    _Atomic uint32_t taken;     /* messages that have come */
    _Atomic uint32_t leaving;   /* that are under way from here */
};

/* comm: all ranks. Where one of them gets no such memory there are no bells. */
void tsgd_bells_init(struct tsgd_bells *b, MPI_Comm comm);
void tsgd_bells_release(struct tsgd_bells *b);

/* Whether that rank can hear this one. */
bool tsgd_bell_is_here(const struct tsgd_bells *b, uint32_t rank);

/* After a message to a rank has been handed to MPI; when it has left; and after one of a rank's has
 * come.                                                                                         */
void tsgd_bell_sent(struct tsgd_bells *b, uint32_t to);
void tsgd_bell_left(struct tsgd_bells *b);
void tsgd_bell_taken(struct tsgd_bells *b, uint32_t from);

/* Something else comes for all ranks. */
void tsgd_bell_all(struct tsgd_bells *b, uint32_t ranks);

/* Before MPI is asked what has come. */
void tsgd_bell_hark(struct tsgd_bells *b);

/* Sleeps until somebody rings, or has rung since the last harks; for ns at most, or longer where
 * all ranks ring and no message is under way.                                                   */
void tsgd_bell_rest(struct tsgd_bells *b, uint64_t ns);

#endif
