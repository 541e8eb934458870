/* engine/engine.h: the decentralized training loop: tokens that step, gossip and teleport.
 *
 *     round t, every token a:   node i = holder(t, a)
 *                               x_a <- x_a - eta_t * step(gradient of F_i on i's next minibatch)
 *                               x_a <- x_a + sum over b of W_t[a][b] * (x_b - x_a)
 *
 * Threads share an arena of rows and hand tokens over by sequence counters (engine/seq.h); there is
 * no barrier. Parameters, metrics and hashes depend on the configuration alone, never on the number
 * of threads or their timing.                                                                   */
#ifndef TSGD_ENGINE_ENGINE_H
#define TSGD_ENGINE_ENGINE_H

#include "engine/config.h"

/* What workers spend their time on, and whether they had a CPU: struct tsgd_worker_shares, in its
 * order.                                                                                        */
enum { TSGD_SHARES = 6, TSGD_PRESENCES = 3 };

/* What became of a run. */
struct tsgd_outcome {
    bool interrupted;
    bool diverged;
    uint64_t diverged_round;    /* the smallest (round, token) */
    uint32_t diverged_token;    /* UINT32_MAX: the evaluation of x of that round */
    double seconds;             /* wall time */
    double busy_seconds;        /* without the intervals in which only evaluation was left to do */
    double share[TSGD_SHARES];  /* of the workers' time; sum 1 */
    double presence[TSGD_PRESENCES];    /* of the same time; sum 1 */
    uint64_t steals, sleeps;    /* of all ranks, as `share` */
};

/* Bytes that create would take: rows, plans, means, scratch; SIZE_MAX: too many to count. */
size_t tsgd_engine_bytes(const struct tsgd_engine_config *config);

/* Copies the configuration and the populations; borrows what they point to. Requires 1 <= sum of k
 * <= nodes, and = nodes when holders are fixed. On error *out is untouched. TSGD_ENOMEM.        */
enum tsgd_status tsgd_engine_create(struct tsgd_engine **out,
                                    const struct tsgd_engine_config *config,
                                    struct tsgd_error *err);

/* Of an engine that resumes, before its start: the snapshot, with room for all that it holds, for
 * the caller to fill; resume then takes it over. It must be one that an engine of the same
 * configuration wrote, but for threads, gossip, pin, ranks and lengths; rows and losses may also be
 * filled in after resume, which tells in `at` which tokens are here. False: none could have written
 * it.                                                                                           */
struct tsgd_snapshot *tsgd_engine_snapshot(struct tsgd_engine *e);
bool tsgd_engine_resume(struct tsgd_engine *e);

/* Starts the threads, which wait for tsgd_engine_run; without this call that one starts them.
 * Called before files are written, it finds out in time that there are too few threads.
 * TSGD_ENOMEM: one cannot be started. TSGD_EINVAL: one cannot be kept on its CPU.               */
enum tsgd_status tsgd_engine_start(struct tsgd_engine *e, struct tsgd_error *err);

/* Trains, in the calling thread and those that were started, and returns when all have ended; once
 * an engine. Errors as tsgd_engine_start; nothing has run then. With pin, the calling thread may
 * afterwards use the same CPUs as before.                                                       */
enum tsgd_status tsgd_engine_run(struct tsgd_engine *e, struct tsgd_outcome *out,
                                 struct tsgd_error *err);

/* Ends a run early; from any thread or a signal handler, also before the run. */
void tsgd_engine_stop(struct tsgd_engine *e);

/* After the run: how many checkpoints were written. last: what became of the last one. */
uint64_t tsgd_engine_checkpoints(const struct tsgd_engine *e, struct tsgd_error *last);

/* Where worker i runs, 0 <= i < workers, and its home tokens. */
void tsgd_engine_place(const struct tsgd_engine *e, uint32_t worker, struct tsgd_placement *out);

/* After the run: how many workers all ranks have, and shares of the time of worker i of them, which
 * are numbered rank by rank.                                                                    */
uint32_t tsgd_engine_all_workers(const struct tsgd_engine *e);
void tsgd_engine_shares(const struct tsgd_engine *e, uint32_t worker, double share[TSGD_SHARES],
                        double presence[TSGD_PRESENCES]);

/* Rounds planned so far; from any thread. */
uint64_t tsgd_engine_progress(const struct tsgd_engine *e);

/* After the run: the row of token a, exchanged row `row` (0 is x), at the end of its population. */
const float *tsgd_engine_row(const struct tsgd_engine *e, uint32_t a, uint32_t row);

/* Whether its rows are here; false: they are on another rank. */
bool tsgd_engine_has_row(const struct tsgd_engine *e, uint32_t a);

/* After the run: the mean over a population's tokens at its last evaluation. */
const float *tsgd_engine_mean(const struct tsgd_engine *e, uint32_t population);

/* Before and after the run: samples that a population has used in gradients. */
uint64_t tsgd_engine_samples(const struct tsgd_engine *e, uint32_t population);

/* After the run: rounds that a population completed. */
uint64_t tsgd_engine_rounds(const struct tsgd_engine *e, uint32_t population);

/* Whether a population diverged: it then reported no evaluation from that round on. */
bool tsgd_engine_diverged(const struct tsgd_engine *e, uint32_t population);

/* NULL is fine. */
void tsgd_engine_free(struct tsgd_engine *e);

#endif
