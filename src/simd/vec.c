#include "simd/simd.h"

/* A row's momentum is asked for this many floats ahead: nobody has read it since the last step, and
 * where there are many rows it is no longer in the second-level cache.                          */
enum { AHEAD = 1024 };

void TSGD_FN(sgd)(float *restrict x, float *restrict m, const float *restrict g, size_t dim,
                  float eta, float momentum, bool nesterov, float decay)
{
    if (!m) {
        for (size_t j = 0; j < dim; j++)
            x[j] -= eta * (g[j] + decay * x[j]);
    } else if (!nesterov) {
        size_t j = 0;
        for (; j + 16 <= dim; j += 16) {
            __builtin_prefetch(m + j + AHEAD);
UNROLL(4)
            for (size_t i = j; i < j + 16; i += VL) {
                vf now = momentum * loadu(m + i) + (loadu(g + i) + decay * loadu(x + i));
                storeu(m + i, now);
                storeu(x + i, loadu(x + i) - eta * now);
            }
        }
        for (; j < dim; j++) {
            m[j] = momentum * m[j] + (g[j] + decay * x[j]);
            x[j] -= eta * m[j];
        }
    } else {
        for (size_t j = 0; j < dim; j++) {
            float d = g[j] + decay * x[j];
            m[j] = momentum * m[j] + d;
            x[j] -= eta * (d + momentum * m[j]);
        }
    }
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
