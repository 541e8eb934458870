/* web/data.h: what a page shows of logs: groups of runs, their settings, curves and ends, and
 * what their settings alone tell (web/scene.h).                                               */
#ifndef TSGD_WEB_DATA_H
#define TSGD_WEB_DATA_H

#include "log/runlog.h"

#include <stdio.h>

/* Writes one JSON object, as web/json.h does:
 *     version    of this program
 *     title      what all runs have in common
 *     groups     [{name, counted, runs: [number of a run, ..]}], as compare/groups.h has them;
 *                a mean is over the first `counted`
 *     settings   {given, default: [[name, value], ..], the same for all;
 *                 differing: [name, ..], rows: [[value, ..], ..] of each group;
 *                 other: [[name, [value, ..]], ..] all else that the config lines tell}
 *     runs       [{file, group, seed, state, search, end: {metric: number}, share: [..] or null,
 *                 workers: [[..], ..] or null, curves: {metric: column}}]; shares are of step, mix,
 *                 eval, wait, other
 *     scenes     of each group, as tsgd_webscenes_write does, of its first run
 * Requires set->n > 0, and logs read with every metric. TSGD_ENOMEM.                             */
enum tsgd_status tsgd_webdata_write(FILE *out, const struct tsgd_logset *set,
                                    struct tsgd_error *err);

#endif
