#include "base/number.h"

#include "base/text.h"

#include <string.h>

/* Digits that fit 64 bits whatever they are, and the largest power of five that does. */
enum { DIGITS = 19, FIVES = 27, MOST = 1000 };

/* Powers of ten that a double holds exactly. */
static const double ten[] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};
enum { TENS = sizeof ten / sizeof *ten };

static const uint64_t five[FIVES + 1] = {
    1, 5, 25, 125, 625, 3125, 15625, 78125, 390625, 1953125, 9765625, 48828125, 244140625,
    1220703125, 6103515625, 30517578125, 152587890625, 762939453125, 3814697265625, 19073486328125,
    95367431640625, 476837158203125, 2384185791015625, 11920928955078125, 59604644775390625,
    298023223876953125, 1490116119384765625, 7450580596923828125,
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* 2^e for -1022 <= e <= 1023. */
static double two_to(int e)
{
    uint64_t bits = (uint64_t)(e + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Of (q + a fraction) * 2^e, q > 0: `more` says that the fraction is not 0. Requires a result that
 * is a normal double.                                                                           */
static double nearest(unsigned __int128 q, bool more, int e)
{
    uint64_t high = (uint64_t)(q >> 64);
    int width = high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll((uint64_t)q);
    int drop = width - 53;
    if (drop <= 0)
        return (double)(uint64_t)q * two_to(e);
    uint64_t kept = (uint64_t)(q >> drop);
    unsigned __int128 rest = q - ((unsigned __int128)kept << drop);
    unsigned __int128 half = (unsigned __int128)1 << (drop - 1);
    if (rest > half || (rest == half && (more || (kept & 1))))
        kept++;
    return (double)kept * two_to(e + drop);
}

/* m * 10^e in whole numbers, m > 0, |e| <= FIVES: 10^e is 5^e * 2^e. A quotient has at least 64
 * bits, more than are kept, so its remainder only has to say whether it is 0.                   */
static double scaled(uint64_t m, int e)
{
    if (e >= 0)
        return nearest((unsigned __int128)m * five[e], false, e);
    int shift = __builtin_clzll(m);
    unsigned __int128 n = (unsigned __int128)(m << shift) << 63, q = n / five[-e];
    return nearest(q, q * five[-e] != n, e - shift - 63);
}

/* A number of any length, by the C library. */
static const char *slowly(const char *text, const char *end, double *out)
{
    char copy[MOST + 1];
    size_t n = (size_t)(end - text);
    if (n > MOST)
        return NULL;
    memcpy(copy, text, n);
    copy[n] = 0;
    return tsgd_parse_double(copy, out) ? end : NULL;
}

/* The exponent after an 'e', added to *e; where it ends, or `text` again if there is none. */
static const char *exponent(const char *text, int *e)
{
    const char *p = text + 1;
    int value = 0;
    bool minus = *p == '-';
    p += minus || *p == '+';
    if (!is_digit(*p))
        return text;
    for (; is_digit(*p); p++)
        value = value < 100000 ? 10 * value + (*p - '0') : value;
    *e += minus ? -value : value;
    return p;
}

const char *tsgd_scan_double(const char *text, double *out)
{
    const char *p = text;
    bool minus = *p == '-';
    uint64_t m = 0;
    int e = 0;
    p += minus || *p == '+';
    const char *first = p;
    for (; is_digit(*p); p++)
        m = 10 * m + (uint64_t)(*p - '0');
    size_t digits = (size_t)(p - first);
    if (*p == '.') {
        const char *point = p++;
        for (; is_digit(*p); p++)
            m = 10 * m + (uint64_t)(*p - '0');
        digits += (size_t)(p - point - 1);
        if (p - point > MOST)
            return NULL;
        e = (int)(point + 1 - p);
    }
    if (digits == 0)
        return NULL;
    if ((*p | 32) == 'e')
        p = exponent(p, &e);
    if (digits > DIGITS)        /* of which some may be zeros in front, which do not count */
        for (const char *c = first; *c == '0' || *c == '.'; c++)
            digits -= *c == '0';
    if (digits > DIGITS || e < -FIVES || e > FIVES)
        return slowly(text, p, out);
    double value = 0;
    if (m >> 53 == 0 && e > -TENS && e < TENS)      /* both exact, so one operation rounds once */
        value = e < 0 ? (double)m / ten[-e] : (double)m * ten[e];
    else if (m > 0)
        value = scaled(m, e);
    *out = minus ? -value : value;
    return p;
}
