/* command/progress.h: how far the training is, on the standard error.
 *   live    on a terminal: one line, drawn five times a second by a thread of its own, and above it
 *           a lasting line for each evaluation
 *   plain   the lasting lines alone
 * start and stop from the thread that trains; eval from whichever thread has evaluated.         */
#ifndef TSGD_COMMAND_PROGRESS_H
#define TSGD_COMMAND_PROGRESS_H

#include "base/status.h"

#include <pthread.h>

#define TSGD_PROGRESS_WINDOW 25     /* intervals over which the speed is measured: 5 s */

struct tsgd_progress {
    enum { TSGD_PROGRESS_OFF, TSGD_PROGRESS_PLAIN, TSGD_PROGRESS_LIVE } mode;
    const struct tsgd_run *run;
    uint64_t rounds;                /* expected in all: short batches make --samples last longer */
    bool is_exact;
    uint64_t gradients_per_round;
    pthread_t thread;
    pthread_mutex_t lock;           /* of all below, and of the terminal's line */
    pthread_cond_t wake;
    bool stop, has_last;
    struct tsgd_eval last;
    struct {
        uint64_t ns, rounds;
    } past[TSGD_PROGRESS_WINDOW];   /* ring */
    uint64_t measured;
    double per_second;              /* rounds; 0: not known yet */
};

/* how: "auto", "plain" or "off". log_on_terminal: JSON lines go to the terminal too, so nothing
 * may be redrawn there. Cannot fail: without a thread it is plain.                              */
void tsgd_progress_start(struct tsgd_progress *p, const char *how, bool log_on_terminal,
                         const struct tsgd_run *run);
void tsgd_progress_eval(struct tsgd_progress *p, const struct tsgd_eval *e);

/* Shows what is not progress, whatever the mode; a whole line or more. From any thread. */
void tsgd_progress_warn(struct tsgd_progress *p, const char *text);

/* Of a checkpoint that was written; from any thread. */
void tsgd_progress_checkpoint(struct tsgd_progress *p, const struct tsgd_checkpoint *c);

/* Clears the line. */
void tsgd_progress_stop(struct tsgd_progress *p);

#endif
