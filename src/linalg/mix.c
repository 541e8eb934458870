#include "linalg/mix.h"

#include <string.h>

/* A strip stays in registers while the neighbours pass by. Narrow strips take what wide ones leave:
 * half of a short row. POOL floats of all rows together fit in the first cache twice over.      */
enum { STRIP = 64, NARROW = 16, POOL = 4096, WIDEST = 512 };

static bool alone(const struct tsgd_csr *m, uint32_t a, const bool *absent)
{
    return (m->ptr[a + 1] - m->ptr[a] == 1 && m->col[m->ptr[a]] == a) || (absent && absent[a]);
}

/* Every row becomes the plain mean of all. */
static bool averages(const struct tsgd_csr *m, const bool *absent)
{
    for (uint32_t a = 0; m->uniform && absent && a < m->n; a++)
        if (absent[a])
            return false;
    return m->uniform;
}

static inline __attribute__((always_inline)) void
mix_strip(const struct tsgd_csr *m, uint32_t a, const bool *absent, const float *rows,
          size_t stride, const int width, float *restrict out)
{
    const float *self = rows + a * stride;
    float acc[STRIP];
    for (int j = 0; j < width; j++)
        acc[j] = self[j];
    for (uint32_t i = m->ptr[a]; i < m->ptr[a + 1]; i++) {
        const float *x = rows + m->col[i] * stride;
        float w = m->val[i];
        if (m->col[i] == a || (absent && absent[m->col[i]]))
            continue;
        for (int j = 0; j < width; j++)
            acc[j] += w * (x[j] - self[j]);
    }
    for (int j = 0; j < width; j++)
        out[j] = acc[j];
}

static inline __attribute__((always_inline)) void
mean_strip(const struct tsgd_csr *m, const float *rows, size_t stride, const int width,
           float *restrict out)
{
    float sum[STRIP];
    for (int j = 0; j < width; j++)
        sum[j] = 0;
    for (uint32_t b = 1; b < m->n; b++)
        for (int j = 0; j < width; j++)
            sum[j] += rows[b * stride + j] - rows[j];
    for (int j = 0; j < width; j++)
        out[j] = rows[j] + m->val[0] * sum[j];
}

static void mix(const struct tsgd_csr *m, uint32_t a, const bool *absent, const float *rows,
                size_t stride, size_t dim, float *restrict out)
{
    size_t j = 0;
    for (; j + STRIP <= dim; j += STRIP)
        mix_strip(m, a, absent, rows + j, stride, STRIP, out + j);
    for (; j + NARROW <= dim; j += NARROW)
        mix_strip(m, a, absent, rows + j, stride, NARROW, out + j);
    for (; j < dim; j++)
        mix_strip(m, a, absent, rows + j, stride, 1, out + j);
}

static void mean(const struct tsgd_csr *m, const float *rows, size_t stride, size_t dim,
                 float *restrict out)
{
    size_t j = 0;
    for (; j + STRIP <= dim; j += STRIP)
        mean_strip(m, rows + j, stride, STRIP, out + j);
    for (; j + NARROW <= dim; j += NARROW)
        mean_strip(m, rows + j, stride, NARROW, out + j);
    for (; j < dim; j++)
        mean_strip(m, rows + j, stride, 1, out + j);
}

void tsgd_mix_row(const struct tsgd_csr *m, uint32_t a, const bool *absent, const float *rows,
                  size_t stride, size_t dim, float *restrict out)
{
    if (alone(m, a, absent))
        memcpy(out, rows + a * stride, dim * sizeof *out);
    else if (averages(m, absent))
        mean(m, rows, stride, dim, out);
    else
        mix(m, a, absent, rows, stride, dim, out);
}

/* Columns that fit in the pool, of k rows. */
static size_t strip_width(uint32_t k)
{
    size_t width = POOL / k / NARROW * NARROW;
    return width < NARROW ? NARROW : width > WIDEST ? WIDEST : width;
}

size_t tsgd_mix_scratch(uint32_t k) { return k * strip_width(k); }

/* Fetches what will be written next: as many columns of a row as are being worked on. */
static void prefetch(const float *next, size_t width)
{
    for (size_t j = 0; j < width; j += 16)
        __builtin_prefetch(next + j, 1);
}

void tsgd_mix_all(const struct tsgd_csr *m, const bool *absent, float *rows, size_t stride,
                  size_t from, size_t to, float *restrict scratch)
{
    size_t most = strip_width(m->n);
    bool same = averages(m, absent);
    for (size_t j = from; j < to; j += most) {
        size_t width = to - j < most ? to - j : most;
        for (uint32_t a = 0; a < m->n; a++) {
            memcpy(scratch + a * most, rows + a * stride + j, width * sizeof *rows);
            if (j + 2 * most <= to)
                prefetch(rows + a * stride + j + most, most);
        }
        if (same)
            mean(m, scratch, most, width, rows + j);
        for (uint32_t a = same; a < m->n; a++) {
            if (same)
                memcpy(rows + a * stride + j, rows + j, width * sizeof *rows);
            else if (!alone(m, a, absent))
                mix(m, a, absent, scratch, most, width, rows + a * stride + j);
        }
    }
}
