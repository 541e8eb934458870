#include "model/problem.h"

void tsgd_measure_add(struct tsgd_measure *sum, const struct tsgd_measure *m)
{
    sum->samples += m->samples;
    for (int i = 0; i < TSGD_MEASURE_SUMS; i++)
        sum->sum[i] += m->sum[i];
}

uint64_t tsgd_problem_measure(const struct tsgd_problem *p, const float *x, void *scratch,
                              double *value)
{
    struct tsgd_measure sum = {0};
    for (uint32_t b = 0; b < p->eval_blocks; b++) {
        struct tsgd_measure m;
        p->ops->evaluate(p, b, x, scratch, &m);
        tsgd_measure_add(&sum, &m);
    }
    p->ops->report(p, &sum, 0, value);
    return sum.samples;
}
