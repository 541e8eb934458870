/* log/runlog.h: a log read back: what `train --log` or `tune --log` wrote, whether the run came to
 * its end, was killed, or is going on. The file is read line by line; of its evaluations only the
 * numbers asked for stay in memory, so a log may be larger than that.
 * The caller owns what is read. One thread.                                                     */
#ifndef TSGD_LOG_RUNLOG_H
#define TSGD_LOG_RUNLOG_H

#include "base/status.h"

#include <jansson.h>

enum tsgd_log_state {
    TSGD_LOG_DONE,                  /* it came to its planned end */
    TSGD_LOG_INTERRUPTED,           /* it was told to stop before that */
    TSGD_LOG_DIVERGED,
    TSGD_LOG_NOTHING_CHOSEN,        /* a search that found no candidate to choose */
    /* These have no summary: */
    TSGD_LOG_RUNNING,               /* somebody is writing the file: it is locked (log/logfile.h) */
    TSGD_LOG_CUT,                   /* the last line lacks its end; it is left out */
    TSGD_LOG_UNFINISHED             /* it ends after a whole line */
};

/* Metrics are numbered as in the table tsgd_metrics (run/metrics.h), which has at most so many. A
 * set of them is a number with these bits.                                                      */
enum { TSGD_LOG_METRICS = 64 };
#define TSGD_EVERY_METRIC UINT64_MAX

struct tsgd_runlog {
    char *path;
    enum tsgd_log_state state;
    bool is_search;                 /* `tune` wrote it */
    json_t *config;                 /* the line, an object */
    json_t *summary;                /* the line; NULL: there is none */
    size_t n;                       /* evaluations */
    /* Only for tsgd_runlog_value: rows of `width` numbers; where each metric stands in a row. */
    double *row;
    size_t width;
    short column[TSGD_LOG_METRICS];
    /* How it ended: the numbers of the summary, else of the last evaluation. NaN: there is none. */
    double end[TSGD_LOG_METRICS];
};

/* Keeps the metrics in `wanted`. A number that no run can have, such as a negative loss, counts as
 * not there. What the summary tells of the last evaluation, and that evaluation itself does not, is
 * added to it: the test metrics of a search, and of a run with validation.
 * The log of a search has evaluations of many populations. It is made to read as the log of the run
 * that was chosen: `tokens` and `lr` of config are those of the chosen population, the evaluations
 * are its own. When nothing was chosen, `tokens` and `lr` are null and there are no evaluations.
 * TSGD_EIO; TSGD_ENOMEM; TSGD_EFORMAT: a line is not a JSON object with a type, or there is not one
 * config line, with the number of the line. On error *out is untouched.                         */
enum tsgd_status tsgd_runlog_read(struct tsgd_runlog *out, const char *path, uint64_t wanted,
                                  struct tsgd_error *err);
void tsgd_runlog_release(struct tsgd_runlog *log);

/* A metric at evaluation i; NaN: it is not there. */
double tsgd_runlog_value(const struct tsgd_runlog *log, size_t i, size_t metric);

/* Whether the end or an evaluation has it. Evaluations tell only of metrics that were asked for. */
bool tsgd_runlog_has(const struct tsgd_runlog *log, size_t metric);

/* The state in a word: "diverged", "running". */
const char *tsgd_log_state_name(enum tsgd_log_state state);

/* The number of a metric of this name, which must be in the table. */
size_t tsgd_metric_number(const char *name);

/* ---- many of them ---- */

struct tsgd_logset {
    struct tsgd_runlog *log;
    size_t n;
    size_t unreadable;              /* files and folders that were told of and left out */
};
#define TSGD_LOGSET_INIT {.log = NULL}

struct tsgd_command;                /* cli/command.h; it complains */

/* Reads logs, and of a folder every FOLDER/NAME.jsonl, in the order of names. What cannot be read
 * is told of on the standard error and does not stop the others. TSGD_ENOMEM. Release it either
 * way.                                                                                          */
enum tsgd_status tsgd_logset_read(struct tsgd_logset *out, const struct tsgd_command *command,
                                  char *const *path, size_t n, uint64_t wanted,
                                  struct tsgd_error *err);
void tsgd_logset_release(struct tsgd_logset *set);

#endif
