/* engine/start.h: the rows that a run begins with. Each worker fills those of its home tokens, so
 * that they lie in memory near it: with x^0, or with those of a snapshot. A
 * rule that begins with the first gradients (engine/rule.h) makes the workers meet once, before the
 * first round: the last one to come adds the gradients up, in token order.
 * Ownership: init takes, release gives back.                                                    */
#ifndef TSGD_ENGINE_START_H
#define TSGD_ENGINE_START_H

#include "engine/state.h"
#include "engine/worker.h"

#include <pthread.h>

struct start {
    struct state *s;
    const struct tsgd_snapshot *from;   /* the run goes on from there; NULL: it begins anew */
    bool meets;                 /* the rule wants the mean of the first gradients */
    float *mean;                /* [dim] that mean */
    double *sum;                /* [dim] and what it is the quotient of */
    uint32_t met;               /* workers that have come */
    pthread_mutex_t lock;       /* guards `met` and `mean` */
    pthread_cond_t all;         /* signalled when all have come */
    bool made;                  /* lock and all exist */
    struct tsgd_holding holding;
};

/* Borrows both. With a holding that counts, only what it would take. TSGD_ENOMEM. */
enum tsgd_status tsgd_start_init(struct start *f, struct state *s,
                                 const struct tsgd_snapshot *from, struct tsgd_error *err);
void tsgd_start_release(struct start *f);

/* Fills the rows of the worker's home tokens, and gives the tokens back at their first phase. */
void tsgd_start_fill(struct start *f, struct worker *w);

#endif
