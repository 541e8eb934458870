#include "run/costs.h"

#include "base/clock.h"

#include <string.h>

/* Bytes of rows that a copy goes through in turn: more than a core's own caches hold, because the
 * rows of messages come from elsewhere.                                                         */
enum { FOREIGN = 32 << 20 };

/* An operation is timed in turns, each of TURN_NS at least, until PATIENCE_NS are over or TURNS
 * turns have been taken.                                                                        */
enum { TURN_NS = 50000, PATIENCE_NS = 100000000, TURNS = 1000 };

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* In time of the CPU: other programs that run on this machine now will not run on the machines
 * that the forecast is of.                                                                      */
static uint64_t time_calls(struct tsgd_costs *b, tsgd_cost_fn *operation, uint64_t calls)
{
    uint64_t start = tsgd_thread_cpu_ns();
    for (uint64_t i = 0; i < calls; i++)
        operation(b);
    return tsgd_thread_cpu_ns() - start;
}

double tsgd_cost_seconds(struct tsgd_costs *b, tsgd_cost_fn *operation)
{
    double turn[TURNS];
    uint64_t calls = 1, spent = 0;
    size_t n = 0;
    b->calls = 0;
    operation(b);                       /* warm up */
    while (time_calls(b, operation, calls) < TURN_NS)
        calls *= 2;
    while (n < TURNS && spent < PATIENCE_NS) {
        uint64_t ns = time_calls(b, operation, calls);
        turn[n++] = (double)ns * 1e-9 / (double)calls;
        spent += ns;
    }
    qsort(turn, n, sizeof *turn, by_size);
    return turn[n / 2];
}

static float *row_of(const struct tsgd_costs *b, uint64_t i)
{
    return b->row + i % b->places * b->stride;
}

void tsgd_cost_copy(void *costs)
{
    struct tsgd_costs *b = costs;
    uint64_t i = 2 * b->calls++;
    memcpy(row_of(b, i), row_of(b, i + 1), b->dim * sizeof(float));
}

void tsgd_cost_step(void *costs)
{
    struct tsgd_costs *b = costs;
    const struct tsgd_minibatch batch = {b->job->config.problem, b->source, b->calls++, b->grad,
                                         b->scratch};
    tsgd_rule_step(&b->rule, &b->rows, &(struct tsgd_step){.count = 1}, &batch);
}

void tsgd_cost_plan(void *costs)
{
    struct tsgd_costs *b = costs;
    tsgd_holders_begin(&b->holders, b->calls++);
    tsgd_holders_next(&b->holders, 0, b->holders.tokens, b->node);
    tsgd_holders_end(&b->holders);
}

void tsgd_cost_evaluate(void *costs)
{
    struct tsgd_costs *b = costs;
    const struct tsgd_problem *p = b->job->config.problem;
    struct tsgd_measure m;
    p->ops->evaluate(p, b->first_block + (uint32_t)(b->calls++ % b->blocks), b->job->config.init,
                     b->scratch, &m);
}

double tsgd_cost_rows_read(const struct tsgd_mixing *w)
{
    double entries = 0;
    for (uint32_t i = 0; i < w->period; i++)
        entries += w->w[i].ptr[w->w[i].n];
    return entries / w->period / w->w[0].n;
}

/* Makes the rows that costs are measured on: as many different ones as a token's rule keeps, and
 * one more that stands for the gradient.                                                        */
static enum tsgd_status take(struct tsgd_costs *b, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_engine_config *c = &b->job->config;
    struct tsgd_holding *h = &b->holding;
    const char *what = "the measurement of steps";
    uint32_t e = tsgd_rule_exchanged(&c->rule), own = tsgd_rule_own(&c->rule);
    b->dim = c->problem->dim;
    b->stride = tsgd_round_up(b->dim, 16);
    size_t cold = FOREIGN / (b->stride * sizeof(float)) / 2 * 2;
    b->places = e + own + 1;
    b->places = cold > b->places ? cold : b->places;
    TRY(TSGD_HOLD(h, &b->row, tsgd_mul(b->places, b->stride), what, err));
    TRY(TSGD_HOLD(h, &b->x, b->stride, what, err));
    TRY(TSGD_HOLD(h, &b->grad, b->stride, what, err));
    TRY(TSGD_HOLD(h, &b->node, b->job->tokens, what, err));
    TRY(tsgd_hold(h, &b->scratch, 1, c->problem->scratch_bytes, what, err));
    b->first_block = tsgd_first_block(&c->ranks, c->ranks.rank, c->problem->eval_blocks);
    b->blocks = tsgd_first_block(&c->ranks, c->ranks.rank + 1, c->problem->eval_blocks) -
                b->first_block;
    b->rule = c->rule;
    b->rule.kernels = c->kernels;
    for (uint32_t i = 0; i < e; i++)
        b->rows.exchanged[i] = row_of(b, i);
    for (uint32_t i = 0; i < own; i++)
        b->rows.own[i] = row_of(b, e + i);
    b->rows.exchanged[0] = b->x;        /* steps of size 0 leave it, but D2's, as it is */
    memcpy(b->x, c->init, b->dim * sizeof(float));
    b->rows.node = c->rule.node ? row_of(b, e + own) : NULL;
    b->holders = (struct tsgd_holders){
        .nodes = c->problem->nodes, .tokens = (uint32_t)b->job->tokens, .teleports = c->teleports,
        .seed = c->seed, .presence = c->presence,
    };
    TRY(tsgd_holders_init(&b->holders, h, err));
done:
    return st;
}

enum tsgd_status tsgd_costs_find_source(struct tsgd_costs *b, struct tsgd_error *err)
{
    const struct tsgd_problem *p = b->job->config.problem;
    for (b->source = 0; b->source < p->nodes; b->source++)
        if (tsgd_is_here(&b->job->config.ranks, b->source) &&
            p->ops->batch_count(p, b->source, 0) > 0)
            return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "no node has data, so no step can be timed; give its "
                     "--compute-seconds");
}

enum tsgd_status tsgd_costs_init(struct tsgd_costs *out, const struct tsgd_job *job,
                                 struct tsgd_error *err)
{
    *out = (struct tsgd_costs){.job = job};
    return take(out, err);
}

void tsgd_costs_release(struct tsgd_costs *b)
{
    tsgd_holding_release(&b->holding);
}
