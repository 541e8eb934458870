/* tests/model/explorer/explorer.h: runs a small program of a few threads in every way in which the
 * memory model of C11 lets it run, and says whether any of them goes wrong. The programs call the
 * engine's own functions, compiled from src/engine with the header stdatomic.h of this folder.
 *
 * The memory model is RC11 (Lahav and others, PLDI 2017) as a machine of views (Kang and others,
 * POPL 2017, without promises): a load of a value that is written later is the one thing that C11
 * allows and this machine does not do. Memory is, for each atomic word, the list of all messages
 * ever written, in modification order. A thread has a view: for each word the message it must not
 * go behind. A relaxed load takes any message from there on; a store may be put anywhere behind
 * it; a read-modify-write stands right behind the message it read. A release store leaves the
 * thread's view in its message, and an acquire load of it takes that view over. A release sequence
 * goes on through read-modify-writes alone, as in C++20: later plain stores of the same thread do
 * not continue it, which C11 would allow; so nothing here rests on that.
 *
 * Data that is not atomic is told of by explorer_read and explorer_write. Views carry vector clocks
 * as well: two accesses of one datum, one of them a write, without an order between them are a data
 * race, and an error.
 *
 * Every way is explored: the program is run again and again from its beginning, each time with
 * another choice of who goes next and which message is read. Orders of steps that do not touch the
 * same word lead to the same state, and only one of them is run (sleep sets, Godefroid 1996).    */
#ifndef EXPLORER_H
#define EXPLORER_H

#include "stdatomic.h"

enum { MOST_THREADS = 4, SITES = 128 };

struct program {
    const char *name;
    void (*begin)(void);                /* before the threads: initial values */
    void (*thread[MOST_THREADS])(void); /* NULL ends them */
    /* After the threads. false: this execution ended with what the program looks for. */
    bool (*end)(void);
};

struct result {
    uint64_t executions;
    const char *wrong;          /* the first thing that went wrong, or NULL */
};

/* Explores all executions of a program, or up to the first that goes wrong. */
struct result explorer_run(const struct program *p);

/* false: runs all orders of steps, also those that lead to the same. */
extern bool explorer_reduces;

/* For programs. Something of data that is not atomic; `what` is named in errors. */
void explorer_read(const void *data, const char *what);
void explorer_write(const void *data, const char *what);
void explorer_wrong(const char *what);  /* ends this execution, which has gone wrong */
uint64_t explorer_last(const void *place);      /* at the end: the last value of an atomic word */

/* Which thread calls: 0, 1, .. */
int explorer_self(void);

/* A futex and a semaphore: waits until the word differs, or somebody wakes it; wakes up to n, and
 * says how many. All asleep is an error.                                                         */
void explorer_futex_wait(const void *place, uint64_t value);
long explorer_futex_wake(const void *place, int n);

/* Places with an order other than relaxed that were executed so far, and a way to weaken one. */
extern struct explorer_site explorer_sites[];
extern int explorer_n_sites;
extern bool explorer_site_used[];       /* since it was last set to false */
void explorer_weaken(int site, enum explorer_order to);      /* site -1: none */

/* The programs of a part of the engine; one without a name ends them. */
extern const struct program programs_of_seq[], programs_of_sleep[], programs_of_slices[],
    programs_of_teams[], programs_of_evaluation[], programs_of_checkpoint[], programs_of_ranks[],
    programs_of_stream[], programs_of_watchdog[];

int classic(void);                      /* how many classic programs gave another answer */

#endif
