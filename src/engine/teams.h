/* engine/teams.h: a step that several workers share. With a problem that cuts its minibatches, a
 * local step is two stages, of tasks that any worker takes:
 *     gradients   one task a part: its gradient, into a row of its own
 *     update      one task a range of coordinates: the parts summed in order, then the update rule
 * Coordinates are independent and parts are summed in their order, so the bits do not depend on who
 * took what. Nobody waits: whoever ends the last task of a stage opens the next, of the next local
 * step too, and in the end gives the token back.
 *
 * All this happens while the token's own word is busy (engine/seq.h). A team has a word of its own,
 *     word = stage << 32 | tasks of the stage handed out
 * and a count of the tasks that are done. Stages are counted from 1; odd ones are gradients.
 *
 *     T1  A task is claimed by one compare-and-swap of the team's word, so nobody does it twice. It
 *         reads the visit, the token's rows and the stages before, all of which the word was
 *         released after.
 *     T2  What a task writes (its part's row, its range of the token's rows) nobody else touches
 *         until the stage is done. Each task ends by counting itself; the one that completes the
 *         count sees all of them, and is from then on the one writer of S1: it opens the next
 *         stage, or publishes 2t+1. The claim of the token so passes to it from the worker that
 *         began.
 *     T3  Nothing waits: who has opened a stage takes tasks of it until all are handed out, and
 *         each that was handed out is running. So a busy token is running, as S3 wants, and a
 *         wake-up for a stage is for speed alone. Stages are not reused, so a claim of an old one
 *         fails.
 *
 * Ownership: init takes, release gives back.                                                    */
#ifndef TSGD_ENGINE_TEAMS_H
#define TSGD_ENGINE_TEAMS_H

#include "engine/visit.h"

struct team {
    alignas(128) _Atomic uint64_t word;
    alignas(128) _Atomic uint32_t done;     /* tasks of the stage */
    struct visit visit;         /* the team's; written between stages, by who ended one */
    float *grad;                /* [parts][stride] */
    double *loss;               /* [parts] */
};

struct teams {
    struct state *s;
    const struct visits *visits;
    struct team *team;          /* [tokens], or NULL: a step is one worker's */
    float *grad;                /* [tokens][parts][stride], one mapping */
    double *loss;               /* [tokens][parts] */
    struct tsgd_holding holding;
};

/* Borrows the others; takes nothing where the problem does not cut its minibatches. With a holding
 * that counts, only what it would take. TSGD_ENOMEM.                                            */
enum tsgd_status tsgd_teams_init(struct teams *m, struct state *s, const struct visits *visits,
                                 struct tsgd_error *err);
void tsgd_teams_release(struct teams *m);

/* Begins the visit of token a, takes tasks of it, and sees to it that the token is given back. */
void tsgd_team_begin(struct teams *m, struct worker *w, uint32_t a, const struct visit *v);

/* Whether token a's team has a task to hand out; *word, the team's word, then says which. */
bool tsgd_part_ready(const struct teams *m, uint32_t a, uint64_t *word);
bool tsgd_part_claim(struct teams *m, uint32_t a, uint64_t word);
void tsgd_part_run(struct teams *m, struct worker *w, uint32_t a, uint64_t word);

#endif
