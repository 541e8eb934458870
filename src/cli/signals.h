/* cli/signals.h: SIGINT, SIGTERM and SIGHUP ask a training to end; the same one again, half a
 * second later or after that, ends the program. (timeout(1) sends a signal twice, to the program
 * and to its group; queues of jobs send SIGINT and then SIGTERM; a terminal that is closed sends
 * SIGHUP.) A SIGHUP that was ignored when the program started, as under nohup(1), still is. SIGUSR1
 * asks for a checkpoint. SIGPIPE is ignored: a closed pipe is a write that fails.               */
#ifndef TSGD_CLI_SIGNALS_H
#define TSGD_CLI_SIGNALS_H

/* Before all else that the program does: a SIGUSR1 that comes before a training can write a
 * checkpoint, or once it has ended, does nothing.                                               */
void tsgd_signals_begin(void);

/* `stop` and `ask` (NULL: SIGUSR1 does nothing) are called from the signal handler: they may store
 * a flag and no more.                                                                           */
void tsgd_signals_catch(void (*stop)(void *), void (*ask)(void *), void *what);
void tsgd_signals_release(void);

/* From now on none of them does anything. */
void tsgd_signals_ignore(void);

#endif
