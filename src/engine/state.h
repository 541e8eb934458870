/* engine/state.h: what every part of the engine shares: the configuration, the rows, the
 * populations, how many things are left to do. What one part alone needs stands with that part:
 *     planner.h      who holds which token in which round
 *     evaluation.h   x^t measured while the tokens go on
 *     checkpoint.h   x^t copied for a file while the tokens go on
 *     spread.h       tokens that are spread over ranks
 *     mail.h         their messages
 *     stream.h       what they tell rank 0 for a file
 *     visit.h        a token's stay with its holder
 *     teams.h        steps that several workers share
 *     slices.h       gossip of a whole population at once
 *     tokens.h       step and mix
 *     threads.h      the workers' threads: their start, where they run, their end
 *     account.h      what workers have spent their time on
 *     watchdog.h     says what everything waits for when nothing moves
 *     tracing.h      arrows and counters of a trace
 * Each part has an init, which takes what it needs, a release, readiness checks and tasks.      */
#ifndef TSGD_ENGINE_STATE_H
#define TSGD_ENGINE_STATE_H

#include "engine/arena.h"
#include "engine/config.h"
#include "engine/sleep.h"
#include "engine/spread.h"

#define NEVER UINT64_MAX

struct pop {
    struct tsgd_population c;
    uint32_t first;             /* its tokens are first .. first + c.k - 1 */
    _Atomic uint64_t diverged;  /* smallest round << 32 | token + 1 (0: the evaluation), or NEVER */
    _Atomic uint64_t end_round; /* NEVER, or where a verdict ended it; ordered by `evaluated` */
    _Atomic uint64_t ends;      /* NEVER, or where the planner ends it; ordered by `planned` */
};

struct state {
    struct tsgd_engine_config c;
    struct tsgd_arena arena;
    uint32_t tokens, workers;
    uint32_t exchanged, own;    /* rows of the rule */
    uint64_t first_round;       /* that this engine runs: c.first_round */
    bool thinned;               /* some population does not mix in every round */
    bool sliced;                /* gossip goes by slices */
    bool bypass;                /* mixed rows are written with stores that bypass the cache
                                 * (non-temporal) */
    uint32_t *pop_of;           /* [tokens] */
    struct pop *pop;
    struct tsgd_holding holding;

    struct spread spread;
    bool is_spread;             /* over more ranks than one */
    bool *starts_here;          /* [tokens] is here in the first round; only when spread */
    uint32_t from, to;          /* tokens from .. to - 1 may ever be stepped here */
    uint32_t here;              /* how many of them */
    uint32_t nodes_here;
    uint32_t kept;              /* tokens whose rows may ever be here, to be stepped or read */

    struct sleep sleep;
    alignas(128) _Atomic uint32_t left;         /* tokens not retired + evaluations not done */
    alignas(128) _Atomic bool stop;
    _Atomic uint32_t sharing;   /* workers whose cores other programs share */
    uint64_t start_ns;          /* when it began; of a run that was resumed, as if in one go */
};

/* Requires out->holding to be set. A holding that counts only tells what would be taken.
 * TSGD_ENOMEM.                                                                                  */
enum tsgd_status tsgd_state_init(struct state *out, const struct tsgd_engine_config *c,
                                 struct tsgd_error *err);
void tsgd_state_release(struct state *s);

/* What population q was asked to do; also before the state is filled. */
static inline const struct tsgd_population *tsgd_pop_config(const struct state *s, uint32_t q)
{
    return s->pop ? &s->pop[q].c : &s->c.population[q];
}

/* A token retired, or an evaluation is done; the last one wakes everybody. */
void tsgd_state_done_one(struct state *s);

static inline bool tsgd_state_over(const struct state *s)
{
    /* Acquire, pairs with tsgd_state_done_one: who sees 0 sees everything that was done. */
    if (atomic_load_explicit(&s->left, memory_order_acquire) != 0)
        return false;
    /* Acquire, pairs with tsgd_use_over. Nothing new begins when `left` is 0: all is planned. */
    return !s->is_spread ||
           atomic_load_explicit(&s->spread.unfinished, memory_order_acquire) == 0;
}

/* Notes that the loss of `token` (UINT32_MAX: the evaluation) in this round of p is not finite; of
 * several the smallest (round, token) stays.                                                    */
void tsgd_pop_diverge(struct pop *p, uint64_t round, uint32_t token);
void tsgd_pop_diverge_as(struct pop *p, uint64_t key);  /* round << 32 | token + 1 */

/* The loss of token a in round t is not finite. */
void tsgd_state_diverge(struct state *s, uint32_t a, uint64_t t);

static inline bool tsgd_pop_diverged(const struct pop *p)
{
    /* Relaxed: what follows from it does not depend on when it is seen; each caller says why. */
    return atomic_load_explicit(&p->diverged, memory_order_relaxed) != NEVER;
}

/* Whether a minibatch is cut into parts, which several workers may share. */
static inline bool tsgd_state_shares_steps(const struct state *s)
{
    return s->c.problem->parts > 1;
}

/* Exchanged row e of token a, in round t. */
static inline float *tsgd_state_row(const struct state *s, uint64_t t, uint32_t e, uint32_t a)
{
    if (s->thinned)
        t = tsgd_mixing_turns(s->pop[s->pop_of[a]].c.mixing, t);
    return tsgd_arena_row(&s->arena, t, e, a);
}

/* Where token a stands in round t: 0 or 1. */
static inline uint32_t tsgd_state_place(const struct state *s, uint64_t t, uint32_t a)
{
    return tsgd_mixing_turns(s->pop[s->pop_of[a]].c.mixing, t) & 1;
}

/* The head before its rows; only when tokens are spread. */
static inline struct tsgd_head *tsgd_state_head(const struct state *s, uint64_t t, uint32_t a)
{
    return (struct tsgd_head *)(tsgd_state_row(s, t, 0, a) - TSGD_HEAD_FLOATS);
}

/* The losses that token a has summed up by round t. */
static inline double *tsgd_state_loss(const struct state *s, uint64_t t, uint32_t a)
{
    return s->is_spread ? &tsgd_state_head(s, t, a)->loss : &s->arena.tally[a].loss;
}

/* The rows of token a in round t; `node` is NULL. */
static inline void tsgd_state_rows(const struct state *s, uint32_t a, uint64_t t,
                                   struct tsgd_rows *out)
{
    for (uint32_t i = 0; i < TSGD_MAX_ROWS; i++) {
        out->exchanged[i] = i < s->exchanged ? tsgd_state_row(s, t, i, a) : NULL;
        out->own[i] = i < s->own ? tsgd_arena_own(&s->arena, i, a) : NULL;
    }
    out->node = NULL;
}

#endif
