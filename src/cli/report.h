/* cli/report.h: what train says on the standard output: before, with --dry-run, and after. */
#ifndef TSGD_CLI_REPORT_H
#define TSGD_CLI_REPORT_H

#include "cli/opts.h"

#include <stdio.h>

/* Rounds until --rounds or --samples end the training, as far as one can know before it. */
uint64_t tsgd_expected_rounds(const struct tsgd_info *info);

/* Settings (cli->settings are the resolved ones), size, memory and expected time. */
void tsgd_report_plan(FILE *out, const struct tsgd_cli *cli, struct tsgd_run *run);

/* A line for each worker: its CPU, what that shares, its home tokens. */
void tsgd_report_placement(FILE *out, const struct tsgd_run *run);

/* What happened. evaluated: s->last holds an evaluation. */
void tsgd_report_end(FILE *out, const struct tsgd_cli *cli, const struct tsgd_info *info,
                     const struct tsgd_summary *s, bool evaluated);

/* A trace that was written to `path`. */
void tsgd_report_trace(FILE *out, const char *path, const struct tsgd_traced *t);

#endif
