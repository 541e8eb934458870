/* run/run.h: a run in two steps, for whoever has many of them: plan finds all that is wrong with it
 * and what it will take, start takes that. tsgd_run_create does both. The rest is in telesgd.h. */
#ifndef TSGD_RUN_RUN_H
#define TSGD_RUN_RUN_H

#include "run/shelf.h"

struct tsgd_forecast;           /* run/forecast.h */

/* All of tsgd_run_create but the engine: no row of parameters and no thread is there yet, and
 * nothing is written. The run may be asked for its info and its step's seconds, started, and freed.
 * shelf: where its data are, which must outlive it; NULL: on one of its own. stop: ends the
 * training early when it becomes true, as tsgd_run_stop does, also before it starts; or NULL.
 * Errors as of tsgd_run_create.                                                                 */
enum tsgd_status tsgd_run_plan(struct tsgd_run **out, const struct tsgd_settings *settings,
                               struct tsgd_shelf *shelf, const _Atomic bool *stop,
                               struct tsgd_error *err);

/* Then it may be trained. On error it can still be freed. TSGD_ENOMEM, TSGD_EIO. */
enum tsgd_status tsgd_run_start(struct tsgd_run *run, struct tsgd_error *err);

/* Of a planned run whose settings have --ranks, what it would be on them. Errors as of
 * tsgd_forecast_make.                                                                           */
enum tsgd_status tsgd_run_forecast(const struct tsgd_run *run, double message,
                                   struct tsgd_forecast *out, struct tsgd_error *err);

/* As tsgd_forecast_exchange: for all ranks, before rank 0 makes its forecast. */
enum tsgd_status tsgd_run_exchange(const struct tsgd_run *run, double *out,
                                   struct tsgd_error *err);

/* Whether its tokens travel from node to node. */
bool tsgd_run_teleports(const struct tsgd_run *run);

/* What lies between so many ranks, of a run whose tokens stay with their nodes: as --place has it,
 * and in blocks. Errors as of tsgd_place_cut and tsgd_place_graph.                              */
struct tsgd_cut;                /* run/place.h */
enum tsgd_status tsgd_run_cut(struct tsgd_run *run, uint32_t ranks, struct tsgd_cut *placed,
                              struct tsgd_cut *blocks, struct tsgd_error *err);

/* Bytes that it takes beside what is on the shelf. */
size_t tsgd_run_own_bytes(const struct tsgd_run *run);

/* Rounds until --rounds or --samples end the training, as far as one can know before it. */
uint64_t tsgd_expected_rounds(const struct tsgd_info *info);

#endif
