/* engine/loop.h: what a worker's thread does from the beginning of a run to its end: it looks for a
 * ready task, claims it and runs it.
 *
 * A worker prefers its home tokens (their rows are in its cache), starting behind the one it ran
 * last; after a few empty looks it takes a ready task of anybody. Without one it pauses, then
 * sleeps (engine/sleep.h); over ranks it yields before. One whose core another program shares
 * leaves it now and then, between two tasks (engine/turn.h).                                    */
#ifndef TSGD_ENGINE_LOOP_H
#define TSGD_ENGINE_LOOP_H

/* Empty looks before a worker takes tasks of others, and before it goes to sleep. It does not yield
 * in between: where another program shares the core, that one would run for its whole turn, which
 * is long, while a worker that sleeps is woken and soon has the core again. So that more threads
 * than cores progress, it sleeps after some ten microseconds; one that leaves its core now and then
 * after a millisecond.                                                                          */
enum { STEAL_AFTER = 16, SLEEP_AFTER = 400 };

/* A thread's main function; `worker` is its struct worker. Returns NULL. */
void *tsgd_loop(void *worker);

#endif
