/* engine/spread.h: tokens that are spread over ranks: what the parts of the engine tell each other
 * about messages, before engine/mail.h posts them. A run on one rank has none of this.
 *
 * A token is stepped on the rank of its holder (transport/ranks.h), and teleports as a message. Its
 * word (engine/seq.h) tells how far it has come as seen on this rank, and skips phases that are not
 * seen here. A token that is elsewhere shows a busy word, so nobody can claim it; the word then
 * belongs to whoever looks at the network. A half-step that came here only to be read is shown
 * busy too; one whose mix is here is shown free. In place of R2, R5, and what one rank knows by
 * itself:
 *
 *     M1  Round t of token a is mixed on the rank of holder(t+1, a): the teleport is the half-step.
 *         The half-step goes once to each rank, but its own, of holder(t+1, c) for c = a and for
 *         every c that reads a in W_t. In a round without gossip only c = a counts. A token that
 *         is away in round t+1, or whose population ends there, stays where it was.
 *     M2  A step of round t is claimed only when round t+1 is planned, or when the token retires:
 *         where its half-step goes is then known, and who will use it.
 *     M3  A place (token, m & 1) counts the uses of the half-step in it: mixes here that read it,
 *         and sends. They are set before its sends are queued and its word shows 2t+1, and taken
 *         down after the read, or when the send is complete. Who writes the place (a mix, a receive
 *         that is posted) asks for 0.
 *     M4  The sends of a half-step are queued before its word shows 2t+1, and posted in the order
 *         of the queue; nothing of a plan's slot is read after that, unless a use of its round is
 *         still to come. Receives of a token are posted in the order of its rounds, each when the
 *         word shows the phase that came before on this rank. So of one source, destination and
 *         tag the first send meets the first receive. Who completes the last receive of a half-step
 *         shows 2t+1.
 *     M5  What travels with the token, and no neighbour reads, goes to the new holder's rank alone;
 *         its one place on a rank is free again when its send is complete. A node's own row stays.
 *     M6  Round t is planned when, here, all uses of half-steps of round t - SLOTS are over, and
 *         tokens that ended there have retired.
 *     M7  Gates: in every GATE-th round the planners of all ranks begin to find out together
 *         whether anybody was asked to stop, has diverged, or wants a checkpoint, and whether a
 *         checkpoint is being written; what they find holds from the next such round on. So all
 *         ranks decide alike.
 *     M8  Rank 0 folds x^t: the others send it their tokens' rows, in token order, and a token's
 *         step waits until its row has been sent. The mean goes back to all, each rank measures its
 *         share of the test samples, and rank 0 reports. A buffer of means is filled anew when its
 *         sends are complete.
 *     M9  Nobody waits for the network: whoever has ended a task, or has none, looks at it, if
 *         nobody else is looking. Of several workers without a task one naps and looks.
 *
 * A rank is over when nothing is left to do on it (`left` is 0) and, read after that, nothing is
 * unfinished. Uses count as unfinished from the plan on: a rank on which no token ends would else
 * be over before the tokens that are still there have stepped.
 *
 * No deadlock: a plan of round t counts as 4t-1, a step as 4t, a send and a receive as 4t+1, a mix
 * as 4t+2, a gate as the plan that begins it; each asks for smaller ones only, also if no send is
 * complete before its receive is posted.
 *
 * Ownership: init takes, release gives back. Threads: each field says whose it is.              */
#ifndef TSGD_ENGINE_SPREAD_H
#define TSGD_ENGINE_SPREAD_H

#include "base/clock.h"
#include "base/mem.h"
#include "transport/ranks.h"
#include "transport/transport.h"

#include <stdalign.h>
#include <stdatomic.h>

enum { GATE = 4 };              /* rounds from one gate to the next */

/* What is asked in a gate; anybody's yes is a yes. And when it was asked, by rank 0's clock in ns;
 * all get to know when the last rank has asked.                                                 */
enum { GATE_STOP, GATE_DIVERGED, GATE_CHECKPOINT, GATE_WRITING, GATE_TIME, GATE_QUESTIONS };

/* What travels before a token's first row: a cache line. */
struct tsgd_head {
    double loss;                /* as struct tsgd_tally's */
    uint64_t diverged;          /* round << 32 | token + 1 of the token's first loss that was not
                                 * finite; UINT64_MAX: there was none */
    uint64_t sent_ns, came_ns;  /* when it was queued, and when it was here, by rank 0's clock; of
                                 * a half-step that has not come from elsewhere they say nothing */
};
#define TSGD_HEAD_FLOATS 16

/* When a message was on its way, by rank 0's clock in ns. */
struct tsgd_way {
    uint64_t sent, came;
};

/* What the queue holds, and what a message is for. */
enum errand {
    ERRAND_ROW,                 /* token, round: the rows that gossip mixes */
    ERRAND_OWN,                 /* token, round: the rows that travel with the token */
    ERRAND_GHOST,               /* token, round: its half-step will come */
    ERRAND_FOLD,                /* token, evaluation: its row goes to rank 0 */
    ERRAND_MEAN,                /* population, evaluation */
    ERRAND_MEASURES,            /* population, evaluation */
    ERRAND_VERDICT,             /* population, evaluation */
    ERRAND_GATE,
    ERRAND_FILE                 /* engine/checkpoint.h's */
};

/* Uses of a token's places; see M3. Release where they are taken down, acquire where 0 is asked
 * for: who writes a place comes after all who read it. Without it a mix overwrites a row that a
 * neighbour on this rank is still averaging, or that the network is still sending.              */
struct places {
    _Atomic uint32_t uses[2];
    _Atomic uint32_t own_leaves;        /* M5: sends of the own rows that are not complete */
    /* For the account: when the sends of what stands in a place were queued, and when the last one
     * so far was complete. Relaxed: they only tell time.                                        */
    _Atomic uint64_t left_ns[2], gone_ns[2];
};

struct spread {
    struct tsgd_ranks ranks;
    struct tsgd_transport *transport;
    struct places *places;      /* [tokens] */
    int64_t clock_offset;       /* rank 0's clock less this one's, ns; set before the run */

    /* The queue: whoever has something for the network adds to it, and goes on; it is emptied by
     * whoever looks. Room for all that can be in it at once.                                    */
    _Atomic uint64_t *queue;
    uint64_t mask;
    alignas(128) _Atomic uint64_t tail;
    alignas(128) uint64_t head;         /* of whoever looks */

    /* Uses, and messages of evaluations and gates, that are not over. With the count of the state
     * (`left`) it says when everything is.                                                      */
    alignas(128) _Atomic uint64_t unfinished;

    _Atomic uint64_t gates;     /* decided; the look's release pairs with the planner's acquire */
    uint64_t asked[GATE_QUESTIONS], said[GATE_QUESTIONS];       /* of the gate under way */
    uint64_t gate_came;         /* ns, when that was decided, by rank 0's clock */
};

/* Now, by rank 0's clock in ns. */
static inline uint64_t tsgd_spread_now(const struct spread *s)
{
    return tsgd_now_ns() + (uint64_t)s->clock_offset;
}

/* seen: tokens that can be on this rank, now or later. With a holding that counts, only what it
 * would take. TSGD_ENOMEM.                                                                      */
enum tsgd_status tsgd_spread_init(struct spread *s, const struct tsgd_ranks *ranks,
                                  struct tsgd_transport *transport, struct tsgd_holding *holding,
                                  uint32_t tokens, uint64_t seen, struct tsgd_error *err);

/* An errand as one number, which is also a message's label; never 0. */
static inline uint64_t tsgd_errand(enum errand what, uint32_t id, uint64_t number)
{
    return (uint64_t)(what + 1) << 60 | (number & 0xfffffff) << 32 | id;
}

static inline enum errand tsgd_errand_what(uint64_t e) { return (enum errand)((e >> 60) - 1); }
static inline uint32_t tsgd_errand_id(uint64_t e) { return (uint32_t)e; }

/* Its round or evaluation, of which it has 28 bits: the one that is nearest to `about`. */
static inline uint64_t tsgd_errand_number(uint64_t e, uint64_t about)
{
    uint64_t low = e >> 32 & 0xfffffff, high = about & ~(uint64_t)0xfffffff, n = high | low;
    if (n > about && n - about > 0x8000000 && high)
        return n - 0x10000000;
    return n < about && about - n > 0x8000000 ? n + 0x10000000 : n;
}

/* Adds to the queue. Release, pairs with the acquire in take: what the errand is about stands there
 * before it can be posted. Without it the network sends a row that is half written.             */
void tsgd_spread_queue(struct spread *s, uint64_t errand);

/* For whoever looks: the next errand, or 0. */
uint64_t tsgd_spread_take(struct spread *s);

/* n uses of the half-step in a place are over; pending: of its round. */
static inline void tsgd_use_over(struct spread *s, uint32_t a, uint32_t place, uint32_t n,
                                 _Atomic uint64_t *pending)
{
    atomic_fetch_sub_explicit(&s->places[a].uses[place], n, memory_order_release);
    atomic_fetch_sub_explicit(pending, n, memory_order_release);
    atomic_fetch_sub_explicit(&s->unfinished, n, memory_order_release);
}

/* What stands in a place leaves; it has gone, to one of those who get it. */
static inline void tsgd_place_leaves(struct spread *s, uint32_t a, uint32_t place)
{
    atomic_store_explicit(&s->places[a].left_ns[place], tsgd_spread_now(s), memory_order_relaxed);
}

static inline void tsgd_place_gone(struct spread *s, uint32_t a, uint32_t place)
{
    atomic_store_explicit(&s->places[a].gone_ns[place], tsgd_spread_now(s), memory_order_relaxed);
}

/* The way of what was sent last from a place; 0 and 0: nothing was. */
static inline struct tsgd_way tsgd_place_way(const struct spread *s, uint32_t a, uint32_t place)
{
    return (struct tsgd_way){
        atomic_load_explicit(&s->places[a].left_ns[place], memory_order_relaxed),
        atomic_load_explicit(&s->places[a].gone_ns[place], memory_order_relaxed)};
}

/* Whether nobody uses what stands in a place. */
static inline bool tsgd_place_is_free(const struct spread *s, uint32_t a, uint32_t place)
{
    return atomic_load_explicit(&s->places[a].uses[place], memory_order_acquire) == 0;
}

/* Something for the network that no use counts has begun, or is over. */
static inline void tsgd_spread_begin(struct spread *s, uint64_t n)
{
    /* Relaxed: what makes the count matter (`left`) comes later, by release. */
    atomic_fetch_add_explicit(&s->unfinished, n, memory_order_relaxed);
}

static inline void tsgd_spread_end(struct spread *s)
{
    atomic_fetch_sub_explicit(&s->unfinished, 1, memory_order_release);
}

#endif
