#include "topology/spectrum.h"

#include "base/mem.h"
#include "base/rng.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* y = W x */
static void mix(const struct tsgd_csr *w, const double *x, double *y)
{
    for (uint32_t a = 0; a < w->n; a++) {
        double sum = 0;
        for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++)
            sum += (double)w->val[i] * (x[w->col[i]] - x[a]);
        y[a] = x[a] + sum;
    }
}

/* y = W^T x */
static void mix_back(const struct tsgd_csr *w, const double *x, double *y)
{
    memcpy(y, x, w->n * sizeof *y);
    for (uint32_t a = 0; a < w->n; a++)
        for (uint32_t i = w->ptr[a]; i < w->ptr[a + 1]; i++) {
            double flow = (double)w->val[i] * x[a];
            y[w->col[i]] += flow;
            y[a] -= flow;
        }
}

static double dot(const double *x, const double *y, uint32_t n)
{
    double sum = 0;
    for (uint32_t a = 0; a < n; a++)
        sum += x[a] * y[a];
    return sum;
}

static void centre(double *x, uint32_t n)
{
    double sum = 0;
    for (uint32_t a = 0; a < n; a++)
        sum += x[a];
    for (uint32_t a = 0; a < n; a++)
        x[a] -= sum / n;
}

static void swap(double **x, double **y)
{
    double *z = *x;
    *x = *y;
    *y = z;
}

/* *x = A *x, A = P^T P, P the product of the first rounds less the mean; *y is scratch. */
static void apply(const struct tsgd_mixing *s, uint32_t rounds, double **x, double **y)
{
    uint32_t n = s->w[0].n;
    for (uint32_t r = 0; r < rounds; r++) {
        mix(&s->w[r], *x, *y);
        swap(x, y);
    }
    centre(*x, n);
    for (uint32_t r = rounds; r-- > 0;) {
        mix_back(&s->w[r], *x, *y);
        swap(x, y);
    }
    centre(*x, n);
}

/* ---- the largest eigenvalue of A, by Lanczos ---- */

/* A symmetric tridiagonal matrix: beside[i] stands between diagonal[i] and diagonal[i+1]. */
struct tridiagonal {
    uint32_t m;
    double *diagonal, *beside;
    double *down, *up;          /* scratch */
};

/* Whether every eigenvalue is below x: the pivots of T - x are negative. They go into `down`. */
static bool all_below(const struct tridiagonal *t, double x)
{
    for (uint32_t i = 0; i < t->m; i++) {
        t->down[i] = t->diagonal[i] - x;
        if (i > 0)
            t->down[i] -= t->beside[i - 1] * t->beside[i - 1] / t->down[i - 1];
        if (!(t->down[i] < 0))
            return false;
    }
    return true;
}

/* The largest eigenvalue, from above, so that no pivot is zero. */
static double largest(const struct tridiagonal *t)
{
    double low = -1, high = 2;          /* A is positive, its norm at most 1 */
    while (high - low > 4 * DBL_EPSILON) {
        double middle = (low + high) / 2;
        if (all_below(t, middle))
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* The last entry of its eigenvector of length 1: it times the next `beside` is how far the
 * eigenvalue can be from one of A. Pivots from both ends meet where the vector is largest (Parlett
 * & Dhillon 1997); a recurrence from one end would drown a small last entry in rounding.        */
static double last_entry(const struct tridiagonal *t, double x)
{
    uint32_t m = t->m, peak = 0;
    double least = INFINITY, entry = 1, last = 1, squares = 1;
    all_below(t, x);
    for (uint32_t i = m; i-- > 0;) {
        t->up[i] = t->diagonal[i] - x;
        if (i + 1 < m)
            t->up[i] -= t->beside[i] * t->beside[i] / t->up[i + 1];
        double both = fabs(t->down[i] + t->up[i] - (t->diagonal[i] - x));
        if (both < least) {
            least = both;
            peak = i;
        }
    }
    for (uint32_t i = peak; i + 1 < m; i++) {
        last *= -t->beside[i] / t->up[i + 1];
        squares += last * last;
    }
    for (uint32_t i = peak; i > 0; i--) {
        entry *= -t->beside[i - 1] / t->down[i - 1];
        squares += entry * entry;
    }
    return fabs(last) / sqrt(squares);
}

static bool found(const struct tridiagonal *t, double next, double *value)
{
    *value = largest(t);
    double wanted = 1e-7 * (1 - *value);
    return next * last_entry(t, *value) <= (wanted > 1e-13 ? wanted : 1e-13);
}

/* The vectors are not kept orthogonal: that makes copies of eigenvalues appear among those of T,
 * but moves none (Paige 1980). `limit` is many times what is needed.                            */
static enum tsgd_status gap_of(const struct tsgd_mixing *s, uint32_t rounds, double *out,
                               struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t n = s->w[0].n, limit = n < 100000 ? 10 * n + 100 : 1000000, check = 1;
    double *buffer = NULL, *x, *y, *before, *next, value = 0, beside = 0;
    struct tridiagonal t = {0, NULL, NULL, NULL, NULL};
    struct tsgd_rng rng = tsgd_rng(0, TSGD_RNG_SPECTRUM, 0, 0);
    TRY(TSGD_NEW(&buffer, 4 * (size_t)n, "spectrum", err));
    TRY(TSGD_NEW(&t.diagonal, 4 * (size_t)limit, "spectrum", err));
    x = buffer, before = x + n, next = before + n, y = next + n;
    t.beside = t.diagonal + limit, t.down = t.beside + limit, t.up = t.down + limit;
    for (uint32_t a = 0; a < n; a++)
        x[a] = tsgd_rng_normal(&rng);
    centre(x, n);
    double length = sqrt(dot(x, x, n));
    for (uint32_t a = 0; a < n && length > 0; a++)
        x[a] /= length;
    while (t.m < limit) {
        memcpy(next, x, n * sizeof *x);
        apply(s, rounds, &next, &y);
        double along = dot(next, x, n);
        for (uint32_t a = 0; a < n; a++)
            next[a] -= along * x[a] + beside * before[a];
        beside = sqrt(dot(next, next, n));
        t.diagonal[t.m] = along;
        t.beside[t.m++] = beside;
        if ((t.m >= check || beside < 1e-14) && found(&t, beside, &value))
            break;
        if (t.m >= check)
            check += check / 4 + 1;
        for (uint32_t a = 0; a < n; a++)
            next[a] /= beside;
        swap(&before, &x);
        swap(&x, &next);
    }
    *out = 1 - value > 1e-12 ? fmin(1 - value, 1) : 0;
done:
    free(buffer);
    free(t.diagonal);
    return st;
}

/* ---- rounds to the exact mean ---- */

/* Into exact[r] whether, after round r, column `b` of the product is still 1/k throughout; anything
 * that it has been found not to be before stays false.                                          */
static void check_column(const struct tsgd_mixing *s, uint32_t b, double **x, double **y,
                         bool *exact)
{
    uint32_t n = s->w[0].n;
    double tolerance = 1e-6 * fmin(1, 100.0 / n);
    memset(*x, 0, n * sizeof **x);
    (*x)[b] = 1;
    for (uint32_t r = 0; r < s->period; r++) {
        mix(&s->w[r], *x, *y);
        swap(x, y);
        for (uint32_t a = 0; exact[r] && a < n; a++)
            exact[r] = fabs((*x)[a] - 1.0 / n) <= tolerance;
    }
}

static enum tsgd_status find_exact(const struct tsgd_mixing *s, uint32_t *out,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint32_t n = s->w[0].n, last = s->period - 1;
    double *buffer = NULL, *x, *y, work = 0;
    bool *exact = NULL;
    TRY(TSGD_NEW(&buffer, 2 * (size_t)n, "spectrum", err));
    TRY(TSGD_NEW(&exact, s->period, "spectrum", err));
    x = buffer, y = x + n;
    memset(exact, true, s->period);
    for (uint32_t r = 0; r < s->period; r++)
        work += s->w[r].ptr[n];
    uint32_t columns = (uint32_t)fmin(n, fmax(16, 0x1p32 / work));
    for (uint32_t i = 0; i < columns && exact[last]; i++)
        check_column(s, (uint32_t)((uint64_t)i * n / columns), &x, &y, exact);
    *out = 0;
    for (uint32_t r = s->period; r-- > 0 && exact[r];)
        *out = r + 1;
done:
    free(buffer);
    free(exact);
    return st;
}

static uint32_t degree_of(const struct tsgd_mixing *s)
{
    uint32_t most = 0;
    for (uint32_t r = 0; r < s->period; r++)
        for (uint32_t a = 0; a < s->w[r].n; a++) {
            uint32_t degree = 0;
            for (uint32_t i = s->w[r].ptr[a]; i < s->w[r].ptr[a + 1]; i++)
                degree += s->w[r].col[i] != a && s->w[r].val[i] > 0;
            most = degree > most ? degree : most;
        }
    return most;
}

enum tsgd_status tsgd_spectrum(struct tsgd_spectrum *out, const struct tsgd_mixing *s,
                               struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_spectrum spectrum = {.degree = degree_of(s), .period = s->period};
    TRY(gap_of(s, 1, &spectrum.gap, err));
    TRY(gap_of(s, s->period, &spectrum.gap_period, err));
    TRY(find_exact(s, &spectrum.exact_after, err));
    *out = spectrum;
done:
    return st;
}

/* ---- all singular values ---- */

/* Turns columns x and y of length n, in their plane, until they are orthogonal (a rotation of
 * one-sided Jacobi, Hestenes 1958). Whether they were not already.                              */
static bool orthogonalise(double *x, double *y, uint32_t n)
{
    double xx = dot(x, x, n), yy = dot(y, y, n), xy = dot(x, y, n);
    if (fabs(xy) <= 1e-15 + 1e-12 * sqrt(xx * yy))
        return false;
    double half = (yy - xx) / (2 * xy);
    double t = copysign(1, half) / (fabs(half) + sqrt(1 + half * half));
    double c = 1 / sqrt(1 + t * t), s = c * t;
    for (uint32_t a = 0; a < n; a++) {
        double was = x[a];
        x[a] = c * was - s * y[a];
        y[a] = s * was + c * y[a];
    }
    return true;
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

enum tsgd_status tsgd_singular_values(double *out, const struct tsgd_mixing *s, uint32_t first,
                                      uint32_t count, struct tsgd_error *err)
{
    enum { MOST_SWEEPS = 60 };
    enum tsgd_status st = TSGD_OK;
    uint32_t n = s->w[0].n;
    double *buffer = NULL, *x, *y;
    bool turned = true;
    TRY(TSGD_NEW(&buffer, ((size_t)n + 2) * n, "spectrum", err));
    for (uint32_t b = 0; b < n; b++) {          /* column b of the product */
        x = buffer + (size_t)n * n, y = x + n;
        memset(x, 0, n * sizeof *x);
        x[b] = 1;
        for (uint32_t r = 0; r < count; r++) {
            mix(&s->w[(first + r) % s->period], x, y);
            swap(&x, &y);
        }
        memcpy(buffer + (size_t)b * n, x, n * sizeof *x);
    }
    for (int sweep = 0; turned && sweep < MOST_SWEEPS; sweep++) {
        turned = false;
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = i + 1; j < n; j++)
                turned |= orthogonalise(buffer + (size_t)i * n, buffer + (size_t)j * n, n);
    }
    for (uint32_t i = 0; i < n; i++)
        out[i] = sqrt(dot(buffer + (size_t)i * n, buffer + (size_t)i * n, n));
    qsort(out, n, sizeof *out, descending);
done:
    free(buffer);
    return st;
}
