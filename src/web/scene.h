/* web/scene.h: what the settings of a run tell without its training: the graph that its tokens
 * mix on, who held which token, which node has samples of which class.                           */
#ifndef TSGD_WEB_SCENE_H
#define TSGD_WEB_SCENE_H

#include "log/runlog.h"

#include <stdio.h>

/* Writes a JSON array, as web/json.h does, with an object for each of these runs, which are
 * numbers of logs in the set:
 *     {run, graph, holders, split}
 * each of the last three is {"why": SENTENCE} when it cannot be told, {"same": J} when it is that
 * of object J before it, or
 *     graph      {topology, lazy, every, tokens, period, degree, gap, gap_period, exact_after,
 *                 weights: [w, ..], rounds: [{n: [entries of each row], c: [columns], w: [numbers
 *                 of weights]}] or null, values: [[singular values], ..] of each matrix of the
 *                 period, product: [..]; null when there are too many tokens}
 *     holders    {nodes, tokens, stay, rounds, of, node: [rounds * tokens numbers; -1: the token
 *                 sits the round out]}: the first `rounds` of `of`
 *     split      {nodes, of, classes, left_out, counts: [nodes * classes]}: the first `nodes` of
 *                 `of`
 * TSGD_ENOMEM.                                                                                  */
enum tsgd_status tsgd_webscenes_write(FILE *out, const struct tsgd_logset *set, const size_t *run,
                                      size_t n, struct tsgd_error *err);

#endif
