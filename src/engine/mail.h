/* engine/mail.h: the messages of tokens that are spread over ranks (engine/spread.h). Whoever has
 * nothing else to do for a moment looks: it empties the queue, posts sends and receives, and takes
 * down what is complete. One looks at a time, and nobody waits for that: who finds somebody looking
 * goes on. What is complete is dealt with after the look, so that the next one can begin.
 *
 * Messages: rows under the token's number; of a population the mean, measures and verdict. The
 * transport (transport/transport.h) brings each to the first receive posted for it; what that rests
 * on is M4, and for evaluations that all ranks open them in the same order.
 *
 * Ownership: init takes, release gives back. Threads: each field says whose it is.              */
#ifndef TSGD_ENGINE_MAIL_H
#define TSGD_ENGINE_MAIL_H

#include "engine/planner.h"

struct mail {
    struct state *s;
    struct planner *planner;
    struct evaluation *evaluation;
    alignas(128) _Atomic bool looking;
    alignas(128) _Atomic bool listening;        /* a worker without a task naps and looks (M9) */

    /* Of whoever looks. */
    uint64_t *ghost;            /* [ghosts] errands: half-steps that will come, and whose receives
                                 * cannot be posted yet */
    size_t ghosts;
    uint64_t *seen, seeing;     /* [ranks] a set, see struct planner */

    /* Of a token whose receives are posted, messages that have not come. Acquire and release: the
     * one that takes the last down sees all of them.                                            */
    _Atomic uint8_t *missing;   /* [tokens] */

    /* For the watchdog: 1 + the rank that a token is awaited from, once its receives are posted; 0:
     * from none. Relaxed: it is only told.                                                      */
    _Atomic uint32_t *from;     /* [tokens] */
    struct tsgd_holding holding;
};

/* Borrows the others; takes nothing in a run on one rank. With a holding that counts, only what it
 * would take. TSGD_ENOMEM.                                                                      */
enum tsgd_status tsgd_mail_init(struct mail *m, struct state *s, struct planner *planner,
                                struct evaluation *evaluation, struct tsgd_error *err);
void tsgd_mail_release(struct mail *m);

/* The rank from which token a's half-step is awaited, or TSGD_NO_RANK. For any thread. */
#define TSGD_NO_RANK UINT32_MAX
static inline uint32_t tsgd_mail_awaited(const struct mail *m, uint32_t a)
{
    return atomic_load_explicit(&m->from[a], memory_order_relaxed) - 1;
}

/* Looks, unless somebody else does. Whether anything was posted or complete. */
bool tsgd_mail_look(struct mail *m, struct worker *w);

/* Before the run, in the calling thread: all ranks agree on what the time is, for heads and traces.
 * After it: on who diverged when.                                                               */
void tsgd_mail_begin(struct mail *m);
void tsgd_mail_end(struct mail *m);

#endif
