/* engine/evaluation.h: evaluations of x^t while the tokens go on. The fold adds the tokens' rows up
 * in token order, each as soon as its token shows 2t, and a token's step waits only until its own
 * row has been read (R3). Then the mean is measured from a buffer of its own, in blocks that any
 * worker takes. There are two such buffers: one is measured while the other is folded. Sums run in
 * token order and in block order, so they do not depend on timing.
 * When tokens are spread over ranks (engine/spread.h, M8), every rank opens the same evaluations.
 * The fold of rank 0 takes rows of other ranks from a window of buffers, in which the look posts
 * receives in token order; on the others the fold only asks for rows to be sent. Each rank measures
 * its blocks: an equal share of those of the mean, and with --eval tokens those of its tokens.
 * Ownership: init takes, release gives back. Threads: each field says whose it is.              */
#ifndef TSGD_ENGINE_EVALUATION_H
#define TSGD_ENGINE_EVALUATION_H

#include "engine/state.h"
#include "engine/waits.h"
#include "engine/worker.h"

enum { RECORDS = 4 };           /* evaluations of a population that may be under way */
enum { WINDOW = 8 };            /* rows of other ranks on their way to the fold */

/* What the planner knows of x^t. */
struct due {
    uint64_t round, samples, gradients, bytes_gossip, bytes_teleport;
    uint64_t samples_before;    /* at the previous evaluation */
    uint64_t bytes_between_ranks;       /* known when it is published */
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
    _Atomic uint32_t *rank;     /* [k] where each token is; when spread. Relaxed, as `round` */
    uint8_t verdict;            /* rank 0's, once it is known; when spread */
};

/* An evaluation over ranks. What rank 0 alone has is empty on the others, and vice versa. */
struct gathered {
    /* Rank 0: rows of other ranks' tokens, in token order; row n is in buffer n % WINDOW. */
    float *row;                 /* [WINDOW][head, stride] */
    _Atomic uint64_t came[WINDOW];      /* phase of the fold that asks for it, + 1; release, pairs
                                         * with the fold's acquire */
    _Atomic uint64_t taken;     /* rows that the fold has taken; release, pairs with the look's
                                 * acquire, which then posts another receive into the buffer */
    _Atomic uint32_t leaving[2];        /* sends of the mean [i & 1] that are not complete; release,
                                         * pairs with the acquire of the fold that writes it next */
    uint64_t asks[WINDOW];      /* the look's: that phase, of a receive that is posted */
    uint64_t posted, at;        /* the look's: rows; the phase of the fold to go on from */
    /* Others: what has been sent. */
    _Atomic uint64_t *sent;     /* [k] 1 + the evaluation; release, pairs with R3's acquire */
    _Atomic uint64_t mean_came[2];      /* 1 + the evaluation whose mean is here; as `came` */
    _Atomic uint32_t concluded; /* of the evaluation under way: measures sent, verdict known */
    /* Both. */
    struct tsgd_measure *measures;      /* [blocks] in messages: by rank, then by block */
    uint32_t *begin;            /* [ranks] where each rank's begin there; as `asks`, on rank 0 */
    uint64_t means, verdicts;   /* the look's: posted so far; on rank 0 `verdicts` counts receives
                                 * of measures */
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
    uint64_t opened;            /* the planner's: evaluations, `evals` and one not published yet */
    struct gathered gathered;
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

/* When tokens are spread: counts what was opened in the round being planned, now that it is known
 * where its tokens are, rank[k], and how many bytes have passed between ranks so far.           */
void tsgd_evaluation_publish(struct evaluation *e, uint32_t q, const uint32_t *rank,
                             uint64_t bytes);

/* ---- for the tokens: R3 ---- */

/* Whether token b of population q may step away from x^t, which evaluation `index` looks at. */
TSGD_TWICE bool tsgd_evaluation_has_passed(const struct evaluation *e, uint32_t q, uint32_t b,
                                              uint64_t index, struct waits *waits)
{
    const struct evaluated_pop *p = &e->pop[q];
    /* Acquire, of `sent`: the row has been read. */
    bool passed = e->s->spread.ranks.rank == 0 ?
        tsgd_seq_reached(&p->folded, index * e->s->pop[q].c.k + b + 1) :
        atomic_load_explicit(&p->gathered.sent[b], memory_order_acquire) > index;
    if (!passed)
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

/* Of the row that the fold takes next, when it came from another rank: its way; else 0 and 0. Only
 * when tokens are spread; requires a claim.                                                     */
struct tsgd_way tsgd_fold_way(const struct evaluation *e, uint32_t q, uint64_t folded);

/* ---- for the look (engine/mail.h), when tokens are spread ---- */

/* Whether this rank measures block b of evaluation i. */
bool tsgd_block_is_of(const struct evaluation *e, uint32_t q, uint64_t i, uint32_t b,
                      uint32_t rank);

/* On rank 0: another rank's measures are there. */
void tsgd_measures_came(struct evaluation *e, struct worker *w, uint32_t q, uint64_t i);

/* On the others: measures were sent; the verdict came. The last of what there is ends evaluation
 * i.                                                                                            */
void tsgd_evaluation_conclude(struct evaluation *e, uint32_t q, uint64_t i);

/* The round of evaluation i, which nobody changes while it is under way. */
static inline uint64_t tsgd_evaluated_round(const struct evaluated_pop *p, uint64_t i)
{
    return atomic_load_explicit(&p->record[i % RECORDS].round, memory_order_relaxed);
}

/* When tokens are spread: on which rank token b of the population is then. */
static inline uint32_t tsgd_evaluated_rank(const struct evaluated_pop *p, uint64_t i, uint32_t b)
{
    return atomic_load_explicit(&p->record[i % RECORDS].rank[b], memory_order_relaxed);
}

/* ---- after the run ---- */

/* The round of the last evaluation; 0 without any. */
uint64_t tsgd_evaluation_round(const struct evaluation *e, uint32_t q);

/* The mean of the tokens at the last evaluation. */
const float *tsgd_evaluation_mean(const struct evaluation *e, uint32_t q);

#endif
