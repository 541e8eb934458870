/* sweep/sweep.h: the runs of a grid, some at a time in one process, from data that are loaded once.
 * What is there already stays, so a sweep that was stopped or killed goes on where it was.
 *   FOLDER/NAME.jsonl        the log of a run
 *   FOLDER/tune/NAME.jsonl   and of a candidate
 *   FOLDER/[tune/]NAME.ckpt  the checkpoint of one that has not come to its end
 * Candidates are trained first, large runs before small ones; a reported run waits until its cell's
 * choice is made. A thread for each job takes the next run that is ready. With fewer runs left than
 * jobs the last ones get more threads.
 * Ownership: whoever inits it releases it. Threads: init, run and release alone; the rest is its
 * own affair.                                                                                   */
#ifndef TSGD_SWEEP_SWEEP_H
#define TSGD_SWEEP_SWEEP_H

#include "cli/command.h"
#include "run/run.h"
#include "sweep/grid.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

enum tsgd_state {
    TSGD_STATE_WAITING,
    TSGD_STATE_RUNNING,
    TSGD_STATE_DONE,
    TSGD_STATE_DIVERGED,        /* a result too */
    TSGD_STATE_FAILED,          /* could not be trained or written, or its cell chose nothing */
    TSGD_STATES
};
extern const char *const tsgd_state_name[TSGD_STATES];

/* What is known of a run beside the grid's settings. */
struct tsgd_entry {
    const struct tsgd_grid_run *from;
    char *path;                 /* of its log */
    char *checkpoint;           /* and of its checkpoint */
    enum tsgd_state state;
    bool found;                 /* the log was there already */
    double score;               /* of a candidate: less is better; INFINITY: never chosen */
    uint64_t tokens, rounds, gradients;
    size_t bytes;               /* beside the data */
    double cost;                /* of the training: a measure for comparison */
    double step_seconds;        /* of a gradient; 0: not measured */
    const struct tsgd_run *run; /* while it is trained */
};

struct tsgd_sweep {
    struct tsgd_grid *grid;
    const char *folder;
    uint64_t jobs, cpus;
    const char *checkpoint_every;       /* as of the setting; NULL: no checkpoints */
    struct tsgd_entry *entry;   /* [grid->n_runs] */
    struct tsgd_entry **order;  /* [grid->n_runs] as they are to be trained */
    struct tsgd_shelf *shelf;
    _Atomic bool stop;          /* relaxed: nothing else is told by it */
    bool live, quiet;           /* a moving line on a terminal; no lines at all */
    struct tsgd_holding holding;

    pthread_mutex_t lock;       /* of the entries' states and of the standard error */
    pthread_cond_t changed;     /* a state has changed */
    uint64_t start_ns;
    double cost_found;          /* of what was there already */
};

/* Plans every run. All that is wrong with any of them is told on the standard error, for `self`;
 * then TSGD_EINVAL, with a sentence that sums it up. asked: --output, --jobs, --checkpoint-every;
 * with --dry-run the gradient steps are timed too. On error it can be released. TSGD_ENOMEM: all
 * jobs at once do not fit.                                                                      */
enum tsgd_status tsgd_sweep_init(struct tsgd_sweep *out, struct tsgd_grid *grid,
                                 const struct tsgd_settings *asked,
                                 const struct tsgd_command *self, struct tsgd_error *err);
void tsgd_sweep_release(struct tsgd_sweep *s);

/* Trains what is not there yet, in a folder that exists. Runs that fail are told and counted, and
 * the rest goes on. TSGD_ENOMEM: no thread could be started.                                    */
enum tsgd_status tsgd_sweep_run(struct tsgd_sweep *s, const struct tsgd_command *self,
                                struct tsgd_error *err);

/* From a signal handler: the runs end early, and no more begin. */
void tsgd_sweep_stop(void *sweep);

size_t tsgd_sweep_count(const struct tsgd_sweep *s, enum tsgd_state state);

/* Bytes of the data, and of all jobs at once in the worst case. */
size_t tsgd_sweep_bytes(const struct tsgd_sweep *s);

/* Seconds that the training will take, without evaluations; NaN: not timed. */
double tsgd_sweep_seconds(const struct tsgd_sweep *s);

#endif
