/* engine/tasks.h: the kinds of work that a worker may find. Each is a row of a table: when it is
 * ready, how it is claimed, how it is run. A task is claimed only after a look has found it ready;
 * when the look is out of date, the claim fails.                                                */
#ifndef TSGD_ENGINE_TASKS_H
#define TSGD_ENGINE_TASKS_H

#include "engine/parts.h"

struct task_kind;

struct task {
    const struct task_kind *kind;
    uint32_t id;                /* token, or population */
    uint64_t phase;             /* what its word showed at the look that found it */
};

/* A ready task: of a population, or of the worker's home tokens, behind the one it ran last; with
 * `steal` also of any other token. False: there is none.                                        */
bool tsgd_task_find(struct worker *w, struct task *out, bool steal);

/* Finds one and claims it. */
bool tsgd_task_take(struct worker *w, struct task *out, bool steal);

/* When the message was on its way that came last of those which a claimed task needs; 0 and 0: it
 * needs none. Only when tokens are spread over ranks.                                           */
struct tsgd_way tsgd_task_way(const struct worker *w, const struct task *t);

/* A task that was claimed. */
void tsgd_task_run(struct worker *w, const struct task *t);

#endif
