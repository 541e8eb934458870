/* engine/waits.h: what a task that is not ready waits for, by the rules of engine/seq.h. Readiness
 * checks fill this in for the watchdog (engine/watchdog.h). Workers ask a thousand times for each
 * time that it asks, so each check is compiled twice from one text: X_ready, which only answers,
 * for workers, and X_waits, which also says why.                                                */
#ifndef TSGD_ENGINE_WAITS_H
#define TSGD_ENGINE_WAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What id and number of a wait are stands behind each. */
enum waits_for {
    WAITS_R1,                   /* token, the phase that it must show */
    WAITS_R2,                   /* token, phase */
    WAITS_USES,                 /* token, phase: its place is in use (engine/spread.h, M3) */
    WAITS_R3_FOLD,              /* population, evaluation */
    WAITS_R3_VERDICT,           /* population, evaluation */
    WAITS_R4,                   /* token, phase */
    WAITS_R5,                   /* token, phase */
    WAITS_R6,                   /* token, phase */
    WAITS_SLICES,               /* population, round: its slices mix the token */
    WAITS_PLAN,                 /* 0, round: there is no plan of it yet */
    WAITS_PLANNER,              /* 0, round: its plan is being made */
    WAITS_ROOM,                 /* population, evaluation: must be over before more are planned */
    WAITS_ARRIVAL,              /* token, phase: a fold reads its row then */
    WAITS_ROW,                  /* token, the rank that sends its row for a fold */
    WAITS_MEASURED              /* population, evaluation: its buffers are needed */
};

struct wait_for {
    enum waits_for what;
    uint32_t id;
    uint64_t number;
};

/* In the order in which checks said no: a token between rounds is first asked about its plan. */
enum { MOST_WAITS = 4 };
struct waits {
    size_t n;
    struct wait_for wait[MOST_WAITS];
};

/* The text of a check that is compiled twice. */
#define TSGD_TWICE static inline __attribute__((always_inline))

/* Says no; and why, unless waits is NULL. */
static inline bool tsgd_waits(struct waits *waits, enum waits_for what, uint32_t id,
                              uint64_t number)
{
    if (waits && waits->n < MOST_WAITS)
        waits->wait[waits->n++] = (struct wait_for){what, id, number};
    return false;
}

#endif
