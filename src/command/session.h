/* command/session.h: what every command that trains has in common. Outputs are looked at before
 * anything is done; then the log is opened and the training runs, until its end or a signal; and
 * there is one ending: what was asked to be kept is kept, the log is closed, and all is told, at
 * last what could not be kept.                                                                  */
#ifndef TSGD_COMMAND_SESSION_H
#define TSGD_COMMAND_SESSION_H

#include "cli/missed.h"
#include "cli/parse.h"
#include "log/logfile.h"

/* What is trained: a run or a search, and how its calls are called. */
struct tsgd_trainee {
    void *what;                 /* handed to all of these */
    const struct tsgd_info *info;
    /* From a signal handler. */
    void (*stop)(void *what);
    void (*ask_checkpoint)(void *what);
    /* Trains, and keeps the end for `log` and `report`. *interrupted: it ended early. As
     * tsgd_run_train.                                                                           */
    enum tsgd_status (*train)(void *what, bool *interrupted, struct tsgd_error *err);
    /* The log's last line. diverged: there is no result. */
    void (*log)(void *what, bool diverged);
    /* Whether there are parameters to save; NULL: whenever it did not diverge. */
    bool (*has_result)(void *what);
    enum tsgd_status (*save)(void *what, const char *path, struct tsgd_error *err);
    enum tsgd_status (*save_trace)(void *what, struct tsgd_traced *out, struct tsgd_error *err);
    /* What happened, for people. TSGD_ENOMEM. */
    enum tsgd_status (*report)(void *what, FILE *out, struct tsgd_error *err);
};

struct tsgd_session {
    const struct tsgd_command *self;
    const struct tsgd_world *world;
    const struct tsgd_settings *asked;
    struct tsgd_log log;
    bool split_is_new;          /* a start that fails takes the split file away again */
    const char *saved, *logged; /* once it is written: where parameters and log are; or NULL */
    struct tsgd_missed missed;
    _Atomic bool stops;         /* relaxed: it carries no data */
};

/* Whether outputs may be written, and can be; before the trainee is made. The same on all ranks, of
 * which the first alone writes. TSGD_EINVAL, TSGD_EIO.                                          */
enum tsgd_status tsgd_session_init(struct tsgd_session *out, const struct tsgd_command *self,
                                   const struct tsgd_cli *cli, struct tsgd_error *err);

/* Opens the log, trains, ends. Complains of what goes wrong. */
enum tsgd_exit tsgd_session_run(struct tsgd_session *s, const struct tsgd_trainee *t);

/* To be called with each checkpoint: the log is on the disk before a checkpoint is that counts on
 * it, and a training whose last checkpoint failed ends as one that failed. Returns what
 * tsgd_checkpoint_fn wants; what is to be told, or nothing, is in `tell`.                       */
bool tsgd_session_checkpoint(struct tsgd_session *s, const struct tsgd_checkpoint *c,
                             struct tsgd_error *tell);

/* The training was asked to stop, by a signal; from its handler. */
void tsgd_session_stops(struct tsgd_session *s);

/* How people are to be told while it trains: "auto", "plain" or "off", as on all ranks but one. */
const char *tsgd_session_progress(const struct tsgd_session *s);

/* Whether they are to be told anything. */
bool tsgd_session_tells(const struct tsgd_session *s);

/* Whether the log goes to the standard output. */
bool tsgd_session_logs_to_stdout(const struct tsgd_session *s);

#endif
