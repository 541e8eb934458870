#include "model/problem.h"

#include "base/mem.h"

void tsgd_measure_add(struct tsgd_measure *sum, const struct tsgd_measure *m)
{
    sum->samples += m->samples;
    for (int i = 0; i < TSGD_MEASURE_SUMS; i++)
        sum->sum[i] += m->sum[i];
}

enum tsgd_status tsgd_problem_measure(const struct tsgd_problem *p, const float *x, double *value,
                                      uint64_t *samples, struct tsgd_error *err)
{
    struct tsgd_measure sum = {0};
    void *scratch = NULL;
    enum tsgd_status st = tsgd_alloc(&scratch, 1, p->scratch_bytes, "scratch", err);
    if (st != TSGD_OK)
        return st;
    for (uint32_t b = 0; b < p->eval_blocks; b++) {
        struct tsgd_measure m;
        p->ops->evaluate(p, b, x, scratch, &m);
        tsgd_measure_add(&sum, &m);
    }
    free(scratch);
    p->ops->report(p, &sum, 0, value);
    *samples = sum.samples;
    return TSGD_OK;
}
