/* engine/state.h: the engine's insides, shared by plan.c, token.c, slices.c, evaluate.c, worker.c,
 * engine.c.
 * Each field says who may touch it; engine/seq.h says when.                                     */
#ifndef TSGD_ENGINE_STATE_H
#define TSGD_ENGINE_STATE_H

#include "base/trace.h"
#include "engine/arena.h"
#include "engine/engine.h"
#include "engine/placement.h"
#include "scenario/simclock.h"

#include <pthread.h>

enum {
    SLOTS = 8,                  /* plans kept: how far tokens that never meet may drift apart */
    RECORDS = 4                 /* evaluations of a population that may be under way */
};
#define NOBODY UINT32_MAX       /* in place of a node: the token retires */
#define AWAY (UINT32_MAX - 1)   /* in place of a node: the token sits the round out */
#define NEVER UINT64_MAX

/* The plan of one round. Written by the planner before it publishes `planned`; read by whoever has
 * claimed the token. The atomics are also read by readiness checks, before a claim, possibly too
 * late: relaxed, because the claim then fails, and else [A] on `planned` has ordered them.      */
struct slot {
    uint32_t *node, *visit;     /* [tokens] */
    bool *absent;               /* [tokens] its links of this round are cut; NULL unless --offline isolate */
    float *eta, *eta_before;    /* [populations] step sizes of this round and of the one before */
    _Atomic uint64_t *eval;     /* [populations] 1 + index of the evaluation of x^t, or 0 */
    _Atomic uint32_t *after_token;  /* [tokens] R4: the node's previous visitor ... */
    _Atomic uint64_t *after_phase;  /* ... and the phase it must show; only with node rows */
};

/* One evaluation. The planner fills it before it publishes `evals`; the fold adds to it. */
struct record {
    _Atomic uint64_t round;     /* relaxed, as in struct slot */
    uint64_t samples, gradients, bytes_gossip, bytes_teleport;
    double sim_seconds;
    float eta;                  /* of the last completed round */
    bool last;                  /* the population ends here, as planned */
    double loss, square;        /* the fold's: sums over tokens */
};

struct pop {
    struct tsgd_population c;
    uint32_t first;             /* its tokens are first .. first + c.k - 1 */

    /* the planner's */
    bool ended;
    uint64_t samples, gradients, bytes_gossip, bytes_teleport;
    uint64_t *gossip;           /* [period] bytes that a round's gossip carries */
    uint32_t *visits;           /* [nodes] how often this population has visited a node */

    /* ordered jobs; phase = how many are done */
    struct tsgd_seq folded;     /* i * k + b: token b of evaluation i */
    struct tsgd_seq evaluated;  /* evaluations; only its phase is used */
    alignas(128) _Atomic uint64_t evals;        /* planned; [R] of the planner, [A] of the fold: the
                                                 * record is filled before it is counted */
    _Atomic uint64_t diverged;  /* smallest round << 32 | token + 1 (0: the evaluation), or NEVER */
    _Atomic uint64_t end_round; /* NEVER, or where a verdict ended it; ordered by `evaluated` */
    alignas(128) _Atomic uint64_t next_block;   /* i * blocks + b: blocks handed out */
    alignas(128) _Atomic uint32_t blocks_done;  /* of the evaluation under way */

    /* gossip by slices; see slices.c */
    uint32_t slices;            /* of one round; 0: rows are mixed one by one */
    size_t slice_floats;        /* coordinates of a slice; the last one may have fewer */
    alignas(128) _Atomic uint64_t next_slice;   /* t * slices + b: slices handed out */
    _Atomic uint32_t behind;    /* which token said no last (R6) */
    alignas(128) _Atomic uint32_t slices_done;  /* of the round under way */

    struct record record[RECORDS];
    float *ref[2], *mean[2], *copy[2];  /* by index of the evaluation: first token, mean, all tokens */
    double *sum[2];
    uint64_t *hash;             /* [k] the fold's; used up when the fold is complete */
    uint64_t state_hash[2];
    uint32_t blocks;            /* of one evaluation: eval_blocks for the mean and for each token */
    struct tsgd_measure *part;  /* [blocks] */
    uint64_t samples_before;    /* the evaluator's: at the previous evaluation */
    uint64_t folded_at;         /* ticks */
    uint64_t eval_only;         /* ticks in which everybody waited for a verdict */
};

/* A token's stay with its holder in one round. */
struct visit {
    uint64_t round, first;      /* its first minibatch */
    uint32_t node;
    struct tsgd_step step;      /* index: the local step it is at */
    struct tsgd_rows rows;
};

/* A step that several workers share (engine/team.c); only when the problem cuts its minibatches. */
struct team {
    alignas(128) _Atomic uint64_t word;     /* stage << 32 | tasks of the stage handed out */
    alignas(128) _Atomic uint32_t done;     /* tasks of the stage */
    struct visit visit;         /* theirs; written between stages, by the last one of the stage */
    float *grad;                /* [parts][stride] */
    double *loss;               /* [parts] */
};

enum spent { STEP_TIME, MIX_TIME, EVAL_TIME, WAIT_TIME, OTHER_TIME, N_TIMES };

struct worker {
    struct tsgd_engine *e;
    uint32_t id;
    uint32_t lo, hi;            /* home tokens; one that it shares, when workers are more than tokens */
    uint32_t cursor, blocker;   /* where to look first; which token said no last (R5) */
    float *grad;
    float *strip;               /* what slices are mixed in; only with those */
    void *scratch;
    uint64_t last, ticks[N_TIMES], trained_at;
    uint64_t steals, sleeps;
    uint64_t jitter;
    struct tsgd_track *track;   /* NULL: no trace */
    struct tsgd_trace_event task;       /* announced, and not charged yet; kind NULL: none */
    uint64_t slept;             /* sleeps that the trace has told */
    struct tsgd_cpu cpu;        /* where it stays, if the configuration says so */
    pthread_t thread;
};

struct tsgd_engine {
    struct tsgd_engine_config c;
    struct tsgd_arena arena;
    uint32_t tokens, n_workers;
    bool sliced;                /* gossip goes by slices */
    bool past;                  /* rows are written past the cache */
    uint32_t *pop_of;           /* [tokens] */
    struct pop *pop;
    struct team *team;          /* [tokens], or NULL: a step is one worker's */
    float *part_grad;           /* [tokens][parts][stride], one mapping */
    double *part_loss;          /* [tokens][parts] */
    struct worker *worker;
    void *scratch;              /* of all workers, one mapping */
    size_t scratch_bytes;       /* of one worker */

    struct tsgd_seq planned;    /* phase = rounds planned */
    struct slot slot[SLOTS];
    /* the planner's */
    uint32_t *order, *undo;     /* [nodes] a permutation, the identity between plans; [draws] */
    uint32_t *holder;           /* [tokens] where the token was last; before its first visit, node a */
    uint32_t *last_token;       /* [nodes] R4: the last visitor ... */
    uint64_t *last_phase;       /* ... and 2t'+1 of its visit; only with node rows */
    struct tsgd_simclock *clock;        /* NULL: off; one round behind the plan */
    bool interrupted;
    float *node_row;            /* [nodes][stride], only with node rows; ordered by R4 */
    size_t node_bytes;

    alignas(128) _Atomic uint32_t epoch;        /* the futex word of sleeping workers */
    alignas(128) _Atomic uint32_t sleepers;
    _Atomic bool waking;        /* a wake-up is on its way: the woken one wakes the next */
    alignas(128) _Atomic uint32_t left;         /* tokens not retired + evaluations not done */
    alignas(128) _Atomic bool stop;
    uint64_t start_ns;

    pthread_mutex_t gate;       /* threads wait here, and at `opened`, until the run begins */
    pthread_cond_t opened;
    bool open, abort;           /* abort: there will be no run */
    uint32_t threads;           /* that exist, worker[0] not among them, which is the caller's */
};

/* ---- plan.c ---- */
bool tsgd_plan_ready(struct worker *w, uint64_t t);
void tsgd_plan_round(struct worker *w, uint64_t t);     /* claimed */

/* ---- token.c ---- */
struct tsgd_rows tsgd_rows_of(const struct tsgd_arena *r, uint32_t a, uint64_t t); /* in round t */
bool tsgd_mix_ready(const struct tsgd_engine *e, uint32_t a, uint64_t t);
bool tsgd_step_ready(const struct tsgd_engine *e, uint32_t a, uint64_t t);
void tsgd_mix_run(struct worker *w, uint32_t a, uint64_t t);    /* claimed at 2t-1; may go on to the step */
void tsgd_step_run(struct worker *w, uint32_t a, uint64_t t);   /* claimed, shows 2t */
void tsgd_step_over(struct worker *w, uint32_t a, uint64_t t);  /* gives it back at 2t+1 */

/* ---- team.c ---- */
enum tsgd_status tsgd_team_init(struct tsgd_engine *e, struct tsgd_error *err);
void tsgd_team_release(struct tsgd_engine *e);
size_t tsgd_team_bytes(const struct tsgd_engine_config *c, size_t tokens);
void tsgd_team_begin(struct worker *w, uint32_t a, const struct visit *v);      /* goes on to step_over */
bool tsgd_part_ready(const struct tsgd_engine *e, uint32_t a, uint64_t *word);
bool tsgd_part_claim(struct tsgd_engine *e, uint32_t a, uint64_t word);
void tsgd_part_run(struct worker *w, uint32_t a, uint64_t word);                /* claimed */

/* ---- slices.c ---- */
void tsgd_slices_init(const struct tsgd_engine *e, struct pop *p);
size_t tsgd_slices_scratch(const struct tsgd_engine_config *c); /* floats of a worker's strip */
bool tsgd_slice_ready(const struct tsgd_engine *e, struct pop *p, uint64_t slice);
void tsgd_slice_run(struct worker *w, struct pop *p, uint64_t slice);   /* claimed */

/* ---- evaluate.c ---- */
bool tsgd_fold_ready(const struct tsgd_engine *e, const struct pop *p, uint64_t folded);
void tsgd_fold_run(struct worker *w, struct pop *p, uint64_t folded);   /* claimed */
bool tsgd_block_ready(const struct pop *p, uint64_t block);
void tsgd_block_run(struct worker *w, struct pop *p, uint64_t block);   /* claimed */

/* ---- worker.c ---- */
void *tsgd_worker(void *worker);

#endif
