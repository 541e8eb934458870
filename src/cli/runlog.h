/* cli/runlog.h: a log read back: what `train --log` or `tune --log` wrote, also of a run that was
 * killed.                                                                                        */
#ifndef TSGD_CLI_RUNLOG_H
#define TSGD_CLI_RUNLOG_H

#include "base/status.h"

#include <jansson.h>

struct tsgd_runlog {
    const char *path;
    json_t *config;
    json_t *evals;                  /* array, in the order of the log */
    json_t *summary;                /* NULL: the run was killed */
    bool is_search;                 /* `tune` wrote it */
};

/* The log of a search (`tune`) has evaluations of many populations. It is made to read as the log
 * of the run that was chosen: `tokens` and `lr` of config are those of the chosen population, evals
 * are its evaluations and then the summary, which alone tells its test metrics. When nothing was
 * chosen, `tokens` and `lr` are null and there are no evals.
 * A last line that is cut, as of a run that was killed, is left out.
 * TSGD_EIO; TSGD_ENOMEM; TSGD_EFORMAT: a line is not a JSON object with a type, or there is not one
 * config line, with the number of the line. On error *out is untouched.                         */
enum tsgd_status tsgd_runlog_read(struct tsgd_runlog *out, const char *path,
                                  struct tsgd_error *err);
void tsgd_runlog_release(struct tsgd_runlog *log);

/* The line that says how the run ended: its summary, else its last evaluation, else NULL. */
const json_t *tsgd_runlog_end(const struct tsgd_runlog *log);

/* Whether it trained a quadratic, not a network. */
bool tsgd_runlog_is_quadratic(const struct tsgd_runlog *log);

/* A number of a line; false when it is not there. */
bool tsgd_runlog_number(const json_t *line, const char *name, double *out);

#endif
