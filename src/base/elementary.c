/* Every function splits off a part of its argument for which a table has the value in twice the
 * digits of a double, and sums a short series for the small rest: its first two terms with twice
 * the digits, the others, which are below 2^-23 of the result, in double.                       */
#include "base/elementary.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* hi + lo, lo far smaller. */
struct pair {
    double hi, lo;
};

struct inverse {
    double of, log, log_low;
};

struct turn {
    double sine, sine_low, cosine, cosine_low;
};

#include "base/elementary_tables.h"

/* The sum of two numbers and its rounding error (Knuth). */
static inline struct pair sum(double a, double b)
{
    double s = a + b, part = s - a;
    return (struct pair){s, (a - (s - part)) + (b - part)};
}

/* The upper half of a number's digits (Veltkamp); |a| < 2^996. */
static inline double upper(double a)
{
    double c = 134217729 * a;
    return c - (c - a);
}

/* The product of two numbers and its rounding error (Dekker). */
static inline struct pair product(double a, double b)
{
    double p = a * b, ah = upper(a), al = a - ah, bh = upper(b), bl = b - bh;
    return (struct pair){p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

static inline struct pair square(struct pair a)
{
    struct pair p = product(a.hi, a.hi);
    p.lo += 2 * a.hi * a.lo;
    return p;
}

static inline uint64_t as_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^n, -1022 <= n <= 1023. */
static inline double power_of_two(int n)
{
    return from_bits((uint64_t)(1023 + n) << 52);
}

/* The nearest integer, |x| < 2^51: adding and taking away rounds to it. */
static inline double nearest(double x)
{
    return (x + 0x1.8p52) - 0x1.8p52;
}

/* x = (128 m + j) ln 2 / 128 + r: e^x = 2^m 2^(j / 128) e^r. */
double tsgd_exp(double x)
{
    if (!(x > -746 && x < 710))
        return x != x ? x : x > 0 ? HUGE_VAL : 0;
    double n = nearest(x * 184.66496523378731);         /* 128 / ln 2 */
    int k = (int)n, j = k & 127, m = (k - j) / 128;
    struct pair low = product(n, STEP_LOW), r = sum(x - n * STEP, -low.hi);
    r = sum(r.hi, r.lo - low.lo);
    /* e^r - 1 */
    struct pair s = square(r), e = sum(r.hi, s.hi / 2);
    double v = r.hi, rest = 1.0 / 720 + v * (1.0 / 5040);
    rest = v * s.hi * (1.0 / 6 + v * (1.0 / 24 + v * (1.0 / 120 + v * rest)));
    e = sum(e.hi, e.lo + (r.lo + s.lo / 2 + rest));
    struct pair t = powers[j], p = product(t.hi, e.hi), y = sum(t.hi, p.hi);
    double all = y.hi + (y.lo + (p.lo + t.hi * e.lo + t.lo + t.lo * e.hi));
    if (m < -1000)
        return all * power_of_two(m + 200) * 0x1p-200;
    return m > 1000 ? all * power_of_two(m - 200) * 0x1p200 : all * power_of_two(m);
}

/* log(hi + lo), hi finite, positive and not subnormal. hi = 2^e m; m is nearest to j / 128, of
 * which c is nearly the inverse: log = e ln 2 - log c + log(1 + r), 1 + r = m c.                */
static double logarithm(double hi, double lo, int e)
{
    /* from sqrt(1/2) to sqrt(2) */
    uint64_t bits = as_bits(hi) - 0x3fe6a09e667f3bcdu;
    int shift = (int)((int64_t)bits >> 52);
    double m = from_bits((bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
    struct inverse c = inverses[(int)(m * 128 + 0.5) - 90];
    double mh = upper(m);
    struct pair r = sum(mh * c.of - 1, (m - mh) * c.of);        /* exact */
    if (lo != 0) {
        double scale = power_of_two(shift > 0 ? -shift / 2 : -shift);
        scale = shift > 0 ? scale * power_of_two(-(shift - shift / 2)) : scale;
        r.lo += lo * scale * c.of;
        r = sum(r.hi, r.lo);
    }
    struct pair s = square(r);
    double v = r.hi, n = e + shift, rest = 1.0 / 10 - v * (1.0 / 11);
    rest = 1.0 / 6 - v * (1.0 / 7 - v * (1.0 / 8 - v * (1.0 / 9 - v * rest)));
    rest = v * s.hi * (1.0 / 3 - v * (1.0 / 4 - v * (1.0 / 5 - v * rest)));
    struct pair y = sum(n * LN2 + c.log, r.hi), z = sum(y.hi, -s.hi / 2);
    return z.hi + (z.lo + y.lo + ((r.lo - s.lo / 2) + (n * LN2_LOW + c.log_low) + rest));
}

double tsgd_log(double x)
{
    if (!(x > 0 && x < HUGE_VAL))
        return x == 0 ? -HUGE_VAL : x > 0 ? x : NAN;
    return x < 0x1p-1022 ? logarithm(x * 0x1p54, 0, -54) : logarithm(x, 0, 0);
}

double tsgd_log1p(double x)
{
    struct pair y = sum(1, x);
    if (!(x > -1 && x < HUGE_VAL))
        return x == -1 ? -HUGE_VAL : x > 0 ? x : NAN;
    /* the square of one that small is lost anyway, and its digits would be below the smallest */
    return fabs(x) < 0x1p-60 ? x : logarithm(y.hi, y.lo, 0);
}

/* x = k pi / 2 + r; then |r| = j / 64 + s. */
double tsgd_cos(double x)
{
    if (!(fabs(x) < HUGE_VAL))
        return NAN;
    assert(fabs(x) <= 64);
    double n = nearest(x * 0.63661977236758134);        /* 2 / pi */
    struct pair r = sum(x - n * QUARTER, -n * QUARTER_LOW), low = product(n, QUARTER_LOWEST);
    struct pair t = sum(r.hi, -low.hi);
    r = sum(t.hi, t.lo + (r.lo - low.lo));
    int quarter = (int)n & 3;
    bool back = r.hi < 0, odd = quarter & 1;
    r = back ? (struct pair){-r.hi, -r.lo} : r;
    int j = (int)(r.hi * 64 + 0.5);
    struct turn at = turns[j];
    struct pair s = sum(r.hi - j / 64.0, r.lo), q = square(s);
    /* u = sin s, v = cos s - 1 */
    double a = q.hi, fine = 1.0 / 5040 - a * (1.0 / 362880);
    struct pair u = sum(s.hi, s.lo - s.hi * a * (1.0 / 6 - a * (1.0 / 120 - a * fine)));
    fine = 1.0 / 720 - a * (1.0 / 40320);
    struct pair v = sum(-a / 2, -q.lo / 2 + a * a * (1.0 / 24 - a * fine));
    /* odd: sin |r| = S + C u + S v, else cos r = C - S u + C v */
    struct pair own = odd ? (struct pair){at.sine, at.sine_low} :
                      (struct pair){at.cosine, at.cosine_low};
    struct pair other = odd ? (struct pair){at.cosine, at.cosine_low} :
                        (struct pair){-at.sine, -at.sine_low};
    struct pair b = product(other.hi, u.hi), c = product(own.hi, v.hi);
    struct pair d = sum(own.hi, b.hi), e = sum(d.hi, c.hi);
    double tail = (b.lo + other.hi * u.lo + other.lo * u.hi) +
                  (c.lo + own.hi * v.lo + own.lo + own.lo * v.hi);
    double y = e.hi + (e.lo + d.lo + tail);
    /* cos(r + pi / 2) = -sin r, and so on */
    bool minus = (quarter == 1 && !back) || quarter == 2 || (quarter == 3 && back);
    return minus ? -y : y;
}
