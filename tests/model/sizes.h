/* tests/model/sizes.h: the sizes of a model, for spin and for the C that it makes of it; given by
 * -D, the same to both. What each means is told in protocol.pml.                                */
#ifndef K
#define K 3
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef ROUNDS
#define ROUNDS 3
#endif
#ifndef EVERY
#define EVERY 1
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef RECORDS
#define RECORDS 2
#endif
#ifndef EVAL_EVERY
#define EVAL_EVERY 0
#endif
#ifndef BLOCKS
#define BLOCKS 1
#endif
#ifndef AWAITS
#define AWAITS 0
#endif
#ifndef STOP
#define STOP 0
#endif
#ifndef NODES
#define NODES 0
#endif
#ifndef SHIFTS
#define SHIFTS NODES
#endif
#ifndef BUFFER
#define BUFFER 2
#endif
#ifndef COPIES
#define COPIES 0
#endif
#ifndef LOCAL
#define LOCAL 1
#endif
#ifndef SLICED
#define SLICED 0
#endif
#ifndef TEAMS
#define TEAMS 0
#endif
#ifndef PARTS
#define PARTS 2
#endif
#ifndef PIECES
#define PIECES 1
#endif
#ifndef SLOW
#define SLOW 0
#endif
#define PLACES (2 - SLICED)

/* Of ranks.pml. */
#ifndef RANKS
#define RANKS 2
#endif
#ifndef GATE
#define GATE 0
#endif
#ifndef WINDOW
#define WINDOW 1
#endif
#ifndef PRIVATE
#define PRIVATE 0
#endif
#ifndef EAGER
#define EAGER 0
#endif
#ifndef FINE
#define FINE 0
#endif
#if EVAL_EVERY
#define EVALS (ROUNDS / EVAL_EVERY + 1)
#else
#define EVALS 0
#endif
#define MESSAGES (ROUNDS * K * (RANKS + 1) + EVALS * (K + 3 * RANKS))
#define QUEUE (2 * K * RANKS + EVALS * (K + 2 * RANKS))
#if GATE
#define GATES (ROUNDS / GATE + 1)
#else
#define GATES 1
#endif
