/* sweep/results.h: what a sweep has found, in files that other tools read: results.csv, a row for
 * each run; curves.csv, a row for each evaluation; sweep.json, what the sweep was. Those of
 * candidates stand in the folder tune/. All is read from the logs, so it does not matter when a run
 * was made.                                                                                     */
#ifndef TSGD_SWEEP_RESULTS_H
#define TSGD_SWEEP_RESULTS_H

#include "sweep/sweep.h"

/* TSGD_EINVAL: one of them would replace a file that telesgd did not write. */
enum tsgd_status tsgd_results_check(const struct tsgd_sweep *s, struct tsgd_error *err);

/* Writes them into the sweep's folder, each whole or not at all. TSGD_EIO, TSGD_ENOMEM, and what
 * reading a log may fail with.                                                                  */
enum tsgd_status tsgd_results_write(const struct tsgd_sweep *s, struct tsgd_error *err);

#endif
