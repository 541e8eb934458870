/* run/costs.h: what the tasks of a planned run cost here, each by itself, in the calling thread and
 * on memory of its own; nothing is trained.
 * Ownership: whoever inits it releases it, before the job. One thread.                          */
#ifndef TSGD_RUN_COSTS_H
#define TSGD_RUN_COSTS_H

#include "base/mem.h"
#include "engine/holders.h"
#include "run/job.h"

struct tsgd_costs {
    const struct tsgd_job *job;
    struct tsgd_holding holding;
    struct tsgd_rule rule;
    struct tsgd_rows rows;
    struct tsgd_holders holders;
    uint32_t *node;
    float *row;                 /* [places][stride] */
    float *x, *grad;            /* where steps are taken, and their gradient */
    void *scratch;
    size_t places, stride, dim;
    uint32_t source;            /* a node with data that are here, for gradients */
    uint32_t first_block, blocks;       /* of evaluations that this rank measures */
    uint64_t calls;
};

/* Of a job that was planned and need not have been started. Release it either way. TSGD_ENOMEM. */
enum tsgd_status tsgd_costs_init(struct tsgd_costs *out, const struct tsgd_job *job,
                                 struct tsgd_error *err);
void tsgd_costs_release(struct tsgd_costs *b);

/* Before gradients are timed. TSGD_EINVAL: no node has any data. */
enum tsgd_status tsgd_costs_find_source(struct tsgd_costs *b, struct tsgd_error *err);

/* What can be timed; each takes a struct tsgd_costs. */
typedef void tsgd_cost_fn(void *costs);
tsgd_cost_fn tsgd_cost_step;            /* a gradient and the update by it */
tsgd_cost_fn tsgd_cost_copy;            /* a row that comes from elsewhere */
tsgd_cost_fn tsgd_cost_plan;            /* the draw of a round's holders */
tsgd_cost_fn tsgd_cost_evaluate;        /* a block */

/* Seconds of a call, in time of the CPU: the median over turns of as many calls each, a tenth of a
 * second in all, or a call that takes longer.                                                   */
double tsgd_cost_seconds(struct tsgd_costs *b, tsgd_cost_fn *operation);

/* Rows that a token reads when it mixes, its own too: the mean over a period. */
double tsgd_cost_rows_read(const struct tsgd_mixing *w);

#endif
