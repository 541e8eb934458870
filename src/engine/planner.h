/* engine/planner.h: who holds which token, round after round. A plan is a task of its own, claimed
 * on `planned`, in round order; its cost is O(k), whatever n is. A population is ended by the
 * planner alone, or, in a run that awaits verdicts, by a verdict, after which nothing is planned
 * for it.
 * Ownership: init takes, release gives back. Threads: a plan is made by whoever has claimed it; its
 * slot is read by whoever has claimed a token.                                                  */
#ifndef TSGD_ENGINE_PLANNER_H
#define TSGD_ENGINE_PLANNER_H

#include "engine/checkpoint.h"
#include "engine/holders.h"

enum { SLOTS = 8 };             /* plans kept: how far tokens that never meet may drift apart */
#define NOBODY UINT32_MAX       /* in place of a node: the token retires */

/* The plan of one round. Written by the planner before it publishes `planned`; read by whoever has
 * claimed the token. The atomics are also read by readiness checks, before a claim, perhaps when
 * the slot holds a later round already. Relaxed is enough: then the claim fails, and otherwise [A]
 * on `planned` has ordered them.                                                                */
struct slot {
    uint32_t *node;             /* [tokens] the holder, TSGD_AWAY or NOBODY */
    uint32_t *visit;            /* [tokens] how often the population had visited it before */
    bool copies;                /* x^t goes into a checkpoint */
    uint64_t opened;            /* checkpoints up to this round */
    bool *steps;                /* [tokens] takes at least one gradient step */
    bool *absent;               /* [tokens] its links are cut this round; NULL unless nodes
                                 * isolate */
    float *eta, *eta_before;    /* [populations] step sizes of this round and of the one before */
    _Atomic uint64_t *eval;     /* [populations] 1 + index of the evaluation of x^t, or 0 */
    _Atomic uint32_t *after_token;  /* [tokens] R4: the node's previous visitor ... */
    _Atomic uint64_t *after_phase;  /* ... and the phase it must show; only with node rows */

    /* Only when tokens are spread over ranks. All but `rank` and `pending` are filled in when the
     * round after is planned, which a step waits for (M2).                                      */
    uint32_t *rank;             /* [tokens] where each is */
    uint32_t *uses;             /* [tokens] M3: of its half-step here, 0: it never is here */
    bool *sums;                 /* [populations] x^t is evaluated: losses are summed anew */
    uint8_t *way;               /* [tokens] what becomes of its half-step here: WAY_ bits */
    uint64_t *before;           /* [tokens] M4, with WAY_COMES: the phase that its word shows here
                                 * before */
    _Atomic uint64_t pending;   /* M6: uses here, and tokens that retire here, not over */
};

enum {
    WAY_STAYS = 1,              /* it is mixed here */
    WAY_SENT = 2,               /* it goes to other ranks */
    WAY_MOVES = 4,              /* the token leaves for another rank, or comes from there */
    WAY_COMES = 8               /* it comes from another rank */
};

/* What the planner knows of a population. */
struct planned_pop {
    uint64_t samples, gradients, bytes_gossip, bytes_teleport;  /* so far */
    uint64_t bytes_between_ranks;       /* what its half-steps and own rows have cost so far */
    uint64_t evaluated;         /* samples at the last evaluation */
    uint32_t *visits;           /* [nodes] how often this population has visited a node */
    uint64_t *gossip;           /* [period] bytes that a round's gossip carries */
    uint64_t end;               /* the round that it ends in, once that is known; else NEVER */
    bool over;                  /* it is at its planned end */
};

struct planner {
    struct state *s;
    struct evaluation *evaluation;
    struct checkpoint *checkpoint;
    struct tsgd_seq planned;    /* phase = rounds planned */
    struct slot slot[SLOTS];
    struct planned_pop *pop;
    struct tsgd_holders holders;
    uint32_t *holder;           /* [tokens] where it was last; before its first visit, node a */
    uint32_t *last_token;       /* [nodes] R4: the last visitor ... */
    uint64_t *last_phase;       /* ... and 2t'+1 of its visit; only with node rows */
    void *clock;                /* NULL: there is none; one round behind the plan */
    bool interrupted;           /* a stop has ended a population */
    uint64_t *last;             /* [tokens] the last phase planned to be shown here; when spread */
    uint64_t *seen, seeing;     /* [ranks] a set, of one look: members say `seeing`; when spread */
    struct tsgd_holding holding;
};

/* Borrows the others. With a holding that counts, only what it would take. TSGD_ENOMEM. */
enum tsgd_status tsgd_planner_init(struct planner *p, struct state *s,
                                   struct evaluation *evaluation, struct checkpoint *checkpoint,
                                   struct tsgd_error *err);
void tsgd_planner_release(struct planner *p);

/* What a stopped run must remember, of the planner. */
void tsgd_planner_memory(void *planner, tsgd_memory_fn *each, void *user);

/* What it remembers has been filled from a snapshot; false: no run could have had that. */
bool tsgd_planner_resumed(struct planner *p);

/* Whether round t can be planned: it is the next one, there is room for an evaluation of it, and R5
 * holds.                                                                                        */
bool tsgd_plan_ready(struct planner *p, struct worker *w, uint64_t t);
bool tsgd_plan_waits(struct planner *p, struct worker *w, uint64_t t, struct waits *waits);

/* Plans round t, which is claimed. */
void tsgd_plan_round(struct planner *p, struct worker *w, uint64_t t);

/* Plans round t if that is ready and nobody else has claimed it. */
void tsgd_plan_try(struct planner *p, struct worker *w, uint64_t t);

/* When tokens are spread: whether the next round can be planned, which no token asks for; *t: which
 * it is.                                                                                        */
bool tsgd_plan_next_ready(struct planner *p, uint64_t *t);

/* .. and once it is claimed, the way of the gate that it had to wait for; 0 and 0: for none. */
struct tsgd_way tsgd_plan_way(const struct planner *p, uint64_t t);

/* When tokens are spread: where the run begins; once, when all that it remembers stands there. */
void tsgd_planner_begin(struct planner *p);

/* M1: which ranks the half-step of token a in round t goes to; calls `to` for each. seen: a set of
 * the caller's, as the planner's own. Rounds t and t + 1 must be planned.                        */
typedef void tsgd_target_fn(void *user, uint32_t rank);
void tsgd_plan_targets(const struct planner *p, uint32_t a, uint64_t t, uint64_t *seen,
                       uint64_t *seeing, tsgd_target_fn *to, void *user);

/* The plan of round t, which must not be over for the token that asks (R5). */
static inline const struct slot *tsgd_plan_of(const struct planner *p, uint64_t t)
{
    return &p->slot[t % SLOTS];
}

#endif
