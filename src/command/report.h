/* command/report.h: what train says: before, with --dry-run, and after. */
#ifndef TSGD_COMMAND_REPORT_H
#define TSGD_COMMAND_REPORT_H

#include "cli/parse.h"

#include <stdio.h>

struct tsgd_forecast;           /* run/forecast.h */

/* In one line, how large the run is by default: what was not asked for of nodes, active nodes and
 * rounds. Nothing when all was.                                                                 */
void tsgd_report_defaults(FILE *out, const struct tsgd_settings *asked,
                          const struct tsgd_info *info);

/* Size, memory and expected time, as comments of a settings file. */
void tsgd_report_plan(FILE *out, struct tsgd_run *run);

/* What --ranks asked: as comments of a settings file, or as a line of JSON. TSGD_ENOMEM. */
void tsgd_report_forecast(FILE *out, const struct tsgd_run *run, const struct tsgd_forecast *f);
enum tsgd_status tsgd_report_forecast_json(FILE *out, const struct tsgd_run *run,
                                           const struct tsgd_forecast *f, struct tsgd_error *err);

/* What lies between so many ranks, where tokens stay with their nodes, as comments. Errors as of
 * tsgd_run_cut.                                                                                 */
enum tsgd_status tsgd_report_cut(FILE *out, struct tsgd_run *run, uint32_t ranks,
                                 struct tsgd_error *err);

/* The minimum of f, where --optimum asked for it, in a line that begins with `start`. */
void tsgd_report_minimum(FILE *out, const char *start, const struct tsgd_info *info);

/* A line for each worker: its CPU, what that shares, its home tokens. `start` begins each line. */
void tsgd_report_placement(FILE *out, const char *start, const struct tsgd_run *run);

enum { TSGD_REPORT_FILES = 3 };

/* What happened. files: that were written, besides checkpoints; NULL: none. evaluated: s->last
 * holds an evaluation.                                                                          */
void tsgd_report_end(FILE *out, const char *const files[TSGD_REPORT_FILES],
                     const struct tsgd_info *info, const struct tsgd_summary *s, bool evaluated);

/* A trace that was written to `path`. */
void tsgd_report_trace(FILE *out, const char *path, const struct tsgd_traced *t);

#endif
