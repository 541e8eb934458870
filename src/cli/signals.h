/* cli/signals.h: SIGINT and SIGTERM ask a training to end; a second one ends the program. SIGPIPE
 * is ignored: a closed pipe is a write that fails.                                              */
#ifndef TSGD_CLI_SIGNALS_H
#define TSGD_CLI_SIGNALS_H

/* `stop` is called from the signal handler: it may store a flag and no more. */
void tsgd_signals_catch(void (*stop)(void *), void *what);
void tsgd_signals_release(void);

#endif
