/* log/logfile.h: the log, JSON lines that are flushed one by one: a config line, a line for each
 * evaluation, a summary. An existing file is kept until the training is about to start. A failed
 * write is remembered, and everything after it does nothing. One thread at a time.
 * While a run has its log open the file is locked (an open file description lock, which also goes
 * when the process is killed): readers tell a run that is going on from one that was killed, and
 * two runs do not write one log. Where the file system has no locks there are none.             */
#ifndef TSGD_LOG_LOGFILE_H
#define TSGD_LOG_LOGFILE_H

#include "cli/command.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>

/* The start of a log file. */
#define TSGD_LOG_HEADER "{\"type\":\"config\","

struct tsgd_log {
    FILE *f;                        /* NULL: no log, all calls do nothing */
    const char *path;
    bool created;                   /* by us, so that a failed start removes it again */
    bool emptied;                   /* what it held before is gone */
    bool spread;                    /* of a run over several ranks */
    _Atomic int failure;            /* errno of the first write that failed; relaxed is enough: who
                                     * syncs has seen the lines that it is to sync */
};
#define TSGD_LOG_INIT {.f = NULL}

/* "-" is the standard output. The contents stay as they are. TSGD_EIO, also when another run is
 * writing the file.                                                                             */
enum tsgd_status tsgd_log_open(struct tsgd_log *out, const char *path, struct tsgd_error *err);

/* Refuses settings of the result whose values the config line cannot hold, for they are not UTF-8:
 * a log that lacks one would repeat another run. TSGD_EINVAL.                                   */
enum tsgd_status tsgd_log_check(const struct tsgd_settings *s, const struct tsgd_command *command,
                                struct tsgd_error *err);

/* A text, with each byte that is of no UTF-8 character as \x and two digits. NULL: no memory. */
json_t *tsgd_log_text(const char *text);

/* The config line: what is about to train, when and where, the resolved settings that the command
 * takes, the names of those that followed from others, those that were asked for in other words,
 * and what the run found. For the caller to json_decref; NULL: no memory.                       */
json_t *tsgd_log_config(const struct tsgd_info *info, const struct tsgd_settings *asked,
                        const struct tsgd_command *command);

/* Empties the file and writes the config line. TSGD_EIO. */
enum tsgd_status tsgd_log_begin(struct tsgd_log *log, const struct tsgd_info *info,
                                const struct tsgd_settings *asked,
                                const struct tsgd_command *command, struct tsgd_error *err);

void tsgd_log_eval(struct tsgd_log *log, const struct tsgd_eval *e);

/* The last evaluation of candidate number `population` of a search. */
void tsgd_log_candidate(struct tsgd_log *log, const struct tsgd_candidate *c, uint64_t population);

/* The summary of a search. */
void tsgd_log_tuning(struct tsgd_log *log, const struct tsgd_tuning *t);

/* Of a run that was trained. evaluated: s->last holds an evaluation. */
void tsgd_log_summary(struct tsgd_log *log, const struct tsgd_run *run,
                      const struct tsgd_summary *s, bool evaluated, bool diverged);

/* Waits until all lines so far are on the disk; from any thread. False: one was not written. */
bool tsgd_log_sync(const struct tsgd_log *log);

/* TSGD_EIO: something was not written. */
enum tsgd_status tsgd_log_close(struct tsgd_log *log, struct tsgd_error *err);

/* Whether a run has the file open as its log. */
bool tsgd_log_is_written(int fd);

/* Closes a log whose run never started, and removes the file if it was not there before. */
void tsgd_log_abandon(struct tsgd_log *log);

#endif
