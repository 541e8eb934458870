/* cli/terminal.h: a line on the standard error that is drawn again and again, where that is a
 * terminal which can. Threads: one at a time.                                                   */
#ifndef TSGD_CLI_TERMINAL_H
#define TSGD_CLI_TERMINAL_H

#include <pthread.h>
#include <stdbool.h>

/* Whether the standard error is a terminal that can redraw a line. */
bool tsgd_terminal_redraws(void);

/* One column less than it has, for writing the last one may wrap; 79: it does not say. */
int tsgd_terminal_columns(void);

/* Puts a line in place of the one that is there, cut where it is full. */
void tsgd_terminal_draw(const char *line);

/* The time between two drawings, 0.2 s: waits, with the lock held, until it is over or `wake`,
 * which wake_init has made, is signalled. Whoever sets the machine's clock changes nothing.     */
void tsgd_terminal_wake_init(pthread_cond_t *wake);
void tsgd_terminal_rest(pthread_cond_t *wake, pthread_mutex_t *lock);

/* Takes it away. */
void tsgd_terminal_clear(void);

#endif
