/* tests/sim/sim.h: the same training as the engine's, written plainly: one thread, one round after
 * the other, no phases, no parity, no plan. The engine must give the same bits.
 * It shares with the engine the random streams, the step-size function and the hash, nothing
 * else.                                                                                         */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "engine/engine.h"

#define SIM_MAX_EVALS 4096

/* What a population went through: its evaluations, and where its tokens ended. */
struct sim_log {
    uint32_t n;
    struct tsgd_eval eval[SIM_MAX_EVALS];
    float *x;                   /* [k][dim] */
    float *m;                   /* [k][dim], exchanged row 1; NULL unless there is one */
};

/* How a run may end early in the simulator: after `round` rounds for all populations (a stop), or
 * at a population's first evaluation for which until(eval) holds. 0 and NULL: not.              */
struct sim_end {
    uint64_t stop_round;
    bool (*until)(const struct tsgd_eval *eval);
};

/* log[n_populations]; release each with sim_log_release. */
void sim_run(const struct tsgd_engine_config *c, struct sim_end end, struct sim_log *log);

/* Runs the engine on the same configuration, collecting the same log; config->on_eval is
 * replaced.                                                                                     */
void sim_engine(const struct tsgd_engine_config *c, struct sim_end end, struct sim_log *log,
                struct tsgd_outcome *outcome);

/* The same over so many ranks within this process (tests/sim/within.h), each with config->threads;
 * late: as within_create's. The log is rank 0's, with the tokens' rows from wherever they end; a
 * rank that differs from rank 0 in what all must agree on ends the program, and so does a message
 * that was not taken. of: as in struct tsgd_ranks. bytes: NULL, or what has been sent on each
 * channel.                                                                                      */
struct sim_ranks {
    uint32_t ranks, late;
    const uint32_t *of;
    uint64_t *bytes;
};
void sim_over_ranks(const struct tsgd_engine_config *c, struct sim_end end,
                    const struct sim_ranks *over, struct sim_log *log,
                    struct tsgd_outcome *outcome);

/* Describes the first difference in `what` (size bytes); false if there is none. Wall-clock time is
 * not compared.                                                                                 */
bool sim_differ(const struct tsgd_engine_config *c, const struct sim_log *a,
                const struct sim_log *b, char *what, size_t size);

void sim_log_release(struct sim_log *log);

/* The simulator against the engine that gossips by rows, and by slices, whatever config->gossip
 * says, and over ranks, 2 to 7 of them in turn: how many differ; prints the first difference of
 * each. `name` says what ran.                                                                   */
int sim_compare(const char *name, const struct tsgd_engine_config *c, struct sim_end end);

#endif
