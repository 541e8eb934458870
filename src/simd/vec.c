#include "simd/update.h"

/* A row's momentum is asked for this many floats ahead: nobody has read it since the last step, and
 * where there are many rows it is no longer in the second-level cache.                          */
enum { AHEAD = 1024 };

INLINE void step(const int kind, const struct tsgd_update *given, const float *g, size_t n)
{
    const struct tsgd_update u = *given;        /* nothing that is written lies there */
    size_t j = 0;
    for (; j + 16 <= n; j += 16) {
        if (kind != PLAIN)
            __builtin_prefetch(u.m + j + AHEAD);
UNROLL(4)
        for (size_t i = j; i < j + 16; i += VL) {
            vf m = kind == PLAIN ? all(0) : loadu(u.m + i);
            vf x = stepped(kind, &u, loadu(u.x + i), &m, loadu(g + i));
            if (kind != PLAIN)
                storeu(u.m + i, m);
            storeu(u.x + i, x);
        }
    }
    for (size_t part; j < n; j += part) {
        part = n - j < VL ? n - j : VL;
        vf m = kind == PLAIN ? all(0) : load_part(u.m + j, part);
        vf x = stepped(kind, &u, load_part(u.x + j, part), &m, load_part(g + j, part));
        if (kind != PLAIN)
            store_part(u.m + j, m, part);
        store_part(u.x + j, x, part);
    }
}

void TSGD_FN(sgd)(const struct tsgd_update *u, const float *g, size_t n)
{
    int kind = step_kind(u);
    if (kind == PLAIN)
        step(PLAIN, u, g, n);
    else if (kind == HEAVY_BALL)
        step(HEAVY_BALL, u, g, n);
    else
        step(NESTEROV, u, g, n);
}

void TSGD_FN(weigh)(float *restrict sum, const float *restrict x, size_t n, float weight, bool add)
{
    if (add)
        for (size_t j = 0; j < n; j++)
            sum[j] += weight * x[j];
    else
        for (size_t j = 0; j < n; j++)
            sum[j] = weight * x[j];
}

enum { LANES = 16 };

static double add_up(const double lane[LANES])
{
    double sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += lane[i];
    return sum;
}

double TSGD_FN(fold)(double *restrict sum, const float *restrict x, const float *restrict ref,
                 size_t dim)
{
    double square[LANES] = {0};
    size_t j = 0;
    for (; j + LANES <= dim; j += LANES)
        for (size_t i = 0; i < LANES; i++) {
            double d = (double)x[j + i] - (double)ref[j + i];
            sum[j + i] += d;
            square[i] += d * d;
        }
    for (int i = 0; j < dim; j++, i++) {
        double d = (double)x[j] - (double)ref[j];
        sum[j] += d;
        square[i] += d * d;
    }
    return add_up(square);
}

double TSGD_FN(fold_finish)(float *restrict mean, const double *restrict sum,
                        const float *restrict ref, size_t dim, double count)
{
    double square[LANES] = {0};
    size_t j = 0;
    for (; j + LANES <= dim; j += LANES)
        for (size_t i = 0; i < LANES; i++) {
            double d = sum[j + i] / count;
            mean[j + i] = (float)((double)ref[j + i] + d);
            square[i] += d * d;
        }
    for (int i = 0; j < dim; j++, i++) {
        double d = sum[j] / count;
        mean[j] = (float)((double)ref[j] + d);
        square[i] += d * d;
    }
    return add_up(square);
}
