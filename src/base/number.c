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

/* How many of the eight bytes at p are digits before the first that is none, and their number;
 * without a branch, for the lengths of numbers in a file are hard to predict. The first byte is the
 * lowest of the word, and the digits are moved up until zeros stand before them; then neighbours
 * are joined to numbers below 100, below 10^4 and below 10^8.                                   */
static size_t take_digits(const char *p, uint64_t *out)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
        w = __builtin_bswap64(w);
    /* A byte is a digit if its upper half is 3, also with 6 added. A carry of this sum can only
     * touch bytes behind one that is no digit.                                                  */
    uint64_t high = 0xf0f0f0f0f0f0f0f0, three = 0x3030303030303030, six = 0x0606060606060606;
    uint64_t other = ((w & high) ^ three) | (((w + six) & high) ^ three);
    size_t n = other ? (size_t)__builtin_ctzll(other) / 8 : 8;
    w = n ? (w & 0x0f0f0f0f0f0f0f0f) << (64 - 8 * n) : 0;
    w = 10 * w + (w >> 8);
    uint64_t pairs = 0x000000ff000000ff;
    w = (w & pairs) * (100 + (1000000ull << 32)) + (w >> 16 & pairs) * (1 + (10000ull << 32));
    *out = w >> 32;
    return n;
}

/* The digits at p, put behind those of *m, whose number may become too large for it; where they
 * end.                                                                                          */
static inline const char *take_run(const char *p, uint64_t *m)
{
    static const uint64_t power[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    size_t n;
    do {
        uint64_t value;
        n = take_digits(p, &value);
        *m = *m * power[n] + value;
        p += n;
    } while (n == 8);
    return p;
}

/* 2^e for -1022 <= e <= 1023. */
static double two_to(int e)
{
    uint64_t bits = (uint64_t)(e + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* -v or v, for v >= 0. */
static double with_sign(double v, bool minus)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    bits |= (uint64_t)minus << 63;
    memcpy(&v, &bits, sizeof v);
    return v;
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
    p += minus | (*p == '+');           /* signs are hard to predict, so without branches */
    const char *first = p;
    p = take_run(p, &m);
    size_t digits = (size_t)(p - first);
    if (*p == '.') {
        const char *point = p;
        p = take_run(p + 1, &m);
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
    *out = with_sign(value, minus);
    return p;
}
