/* engine/evaluation.h: evaluations of x^t while the tokens go on. The fold adds the tokens' rows up
 * in token order, each as soon as its token shows 2t, and a token's step waits only until its own
 * row has been read (R3). Then the mean is measured from a buffer of its own, in blocks that any
 * worker takes. There are two such buffers: one is measured while the other is folded. Sums run in
 * token order and in block order, so they do not depend on timing.
 * Ownership: init takes, release gives back. Threads: each field says whose it is.              */
#ifndef TSGD_ENGINE_EVALUATION_H
#define TSGD_ENGINE_EVALUATION_H

#include "engine/state.h"
#include "engine/waits.h"
#include "engine/worker.h"

enum { RECORDS = 4 };           /* evaluations of a population that may be under way */

/* What the planner knows of x^t. */
struct due {
    uint64_t round, samples, gradients, bytes_gossip, bytes_teleport;
    uint64_t samples_before;    /* at the previous evaluation */
    double sim_seconds;
    float eta;                  /* of the last completed round */
    bool ends;                  /* the population ends here, as planned */
    bool stopped;               /* x^t would not be evaluated had the run not been stopped: what
                                 * tokens have summed up is left for a checkpoint */
};

/* One evaluation. The planner fills it before it counts it in `evals`; the fold adds to it. */
struct record {
    _Atomic uint64_t round;     /* relaxed: a readiness check may read that of a later evaluation,
                                 * but then its claim fails; otherwise the acquire of `evals` has
                                 * ordered it */
    struct due due;
    double loss, square;        /* the fold's: sums over tokens */
};

/* The evaluations of a population. */
struct evaluated_pop {
    struct tsgd_seq folded;     /* phase i * k + b: token b of evaluation i is next */
    struct tsgd_seq evaluated;  /* phase: evaluations done; nobody claims it */
    alignas(128) _Atomic uint64_t evals;        /* evaluations planned. The planner's release pairs
                                                 * with the fold's acquire: a record is filled
                                                 * before it is counted */
    alignas(128) _Atomic uint64_t next_block;   /* i * blocks + b: blocks handed out */
    alignas(128) _Atomic uint32_t blocks_done;  /* of the evaluation under way */

    struct record record[RECORDS];
    float *ref[2], *mean[2], *copy[2];  /* [i & 1] of evaluation i: first token, mean, all */
    double *sum[2];
    uint64_t *hash;             /* [k] the fold's; used up when the fold is complete */
    uint64_t state_hash[2];
    uint32_t blocks;            /* of one evaluation: eval_blocks for the mean and for each token */
    struct tsgd_measure *part;  /* [blocks] */
    uint64_t folded_at;         /* ticks */
    uint64_t eval_only;         /* ticks in which everybody waited for a verdict */
};

struct evaluation {
    struct state *s;
    struct evaluated_pop *pop;
    struct tsgd_holding holding;
};

/* Borrows the state. With a holding that counts, only what it would take. TSGD_ENOMEM. */
enum tsgd_status tsgd_evaluation_init(struct evaluation *e, struct state *s,
                                      struct tsgd_error *err);
void tsgd_evaluation_release(struct evaluation *e);

/* ---- for the planner ---- */

/* Whether the next round may be planned: there is a record for an evaluation of it, and when a
 * verdict can end the run, all verdicts are in.                                                 */
TSGD_TWICE bool tsgd_evaluation_has_room(const struct evaluation *e, struct waits *waits)
{
    for (uint32_t q = 0; q < e->s->c.n_populations; q++) {
        const struct evaluated_pop *p = &e->pop[q];
        /* Relaxed: the planner's own count. */
        uint64_t evals = atomic_load_explicit(&p->evals, memory_order_relaxed);
        uint64_t over = e->s->c.awaits_verdict ? evals :
                        evals < RECORDS ? 0 : evals - RECORDS + 1;
        if (!tsgd_seq_reached(&p->evaluated, over))
            return tsgd_waits(waits, WAITS_ROOM, q, over - 1);
    }
    return true;
}

/* Opens an evaluation of population q; returns its index. */
uint64_t tsgd_evaluation_open(struct evaluation *e, uint32_t q, const struct due *due);

/* ---- for the tokens: R3 ---- */

/* Whether token b of population q may step away from x^t, which evaluation `index` looks at. */
TSGD_TWICE bool tsgd_evaluation_has_passed(const struct evaluation *e, uint32_t q, uint32_t b,
                                              uint64_t index, struct waits *waits)
{
    const struct evaluated_pop *p = &e->pop[q];
    if (!tsgd_seq_reached(&p->folded, index * e->s->pop[q].c.k + b + 1))
        return tsgd_waits(waits, WAITS_R3_FOLD, q, index);
    return !e->s->c.awaits_verdict || tsgd_seq_reached(&p->evaluated, index + 1) ||
           tsgd_waits(waits, WAITS_R3_VERDICT, q, index);
}

/* ---- the tasks, of population q; run requires a claim ---- */

bool tsgd_fold_ready(const struct evaluation *e, uint32_t q, uint64_t folded);
bool tsgd_fold_waits(const struct evaluation *e, uint32_t q, uint64_t folded, struct waits *waits);
void tsgd_fold_run(struct evaluation *e, struct worker *w, uint32_t q, uint64_t folded);
bool tsgd_block_ready(const struct evaluation *e, uint32_t q, uint64_t block);
bool tsgd_block_claim(struct evaluation *e, uint32_t q, uint64_t block);
void tsgd_block_run(struct evaluation *e, struct worker *w, uint32_t q, uint64_t block);

/* The round of evaluation i, which nobody changes while it is under way. */
static inline uint64_t tsgd_evaluated_round(const struct evaluated_pop *p, uint64_t i)
{
    return atomic_load_explicit(&p->record[i % RECORDS].round, memory_order_relaxed);
}

/* ---- after the run ---- */

/* The round of the last evaluation; 0 without any. */
uint64_t tsgd_evaluation_round(const struct evaluation *e, uint32_t q);

/* The mean of the tokens at the last evaluation. */
const float *tsgd_evaluation_mean(const struct evaluation *e, uint32_t q);

#endif
