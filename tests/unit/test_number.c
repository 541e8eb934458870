/* Numbers of long texts, against the C library's strtod: the tests run in the C locale. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/rng.h"

TestSuite(number, .timeout = 300);

static bool same(double a, double b) { return memcmp(&a, &b, sizeof a) == 0; }

/* With what must be readable behind it. */
static const char *behind(const char *text)
{
    static char copy[1200 + TSGD_NUMBER_SLACK];
    size_t n = strlen(text);
    cr_assert(n < 1200);
    memset(copy, '7', n + TSGD_NUMBER_SLACK);
    memcpy(copy, text, n + 1);
    return copy;
}

/* The text is a number as a whole, and the double that strtod says. */
static void expect_number(const char *text)
{
    double got = 42, want = strtod(text, NULL);
    text = behind(text);
    const char *end = tsgd_scan_double(text, &got);
    cr_assert(end && *end == 0, "'%s' ends at '%s'", text, end ? end : "(none)");
    cr_assert(same(got, want), "'%s': %a, want %a", text, got, want);
}

static struct tsgd_rng draws(uint32_t a) { return tsgd_rng(7, TSGD_RNG_TEST, a, 0); }

/* Any mantissa of up to 19 digits, a point anywhere in it, and exponents around those that are
 * computed here and those left to the C library.                                               */
Test(number, a_million_mantissas_with_points_and_exponents)
{
    struct tsgd_rng r = draws(1);
    char digits[32], text[64];
    for (int i = 0; i < 1000000; i++) {
        uint64_t m = tsgd_rng_u64(&r) >> tsgd_rng_below(&r, 64);
        int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)m);
        int point = (int)tsgd_rng_below(&r, (uint32_t)n + 1);
        int e = (int)tsgd_rng_below(&r, 81) - 40;
        bool with_exponent = tsgd_rng_below(&r, 2);
        n = snprintf(text, sizeof text, "%s%.*s.%s", i % 3 ? "" : "-", point, digits,
                     digits + point);
        if (with_exponent)
            snprintf(text + n, sizeof text - (size_t)n, "%c%+d", i & 1 ? 'e' : 'E', e);
        expect_number(text);
    }
}

/* What programs write of doubles: 17 digits, or as few as they were asked for. */
Test(number, a_million_doubles_as_printf_writes_them)
{
    struct tsgd_rng r = draws(2);
    char text[64];
    for (int i = 0; i < 1000000; i++) {
        double v = tsgd_rng_normal(&r) * exp(20 * (tsgd_rng_unit(&r) - 0.5));
        snprintf(text, sizeof text, i & 1 ? "%.*g" : "%.*e", 1 + (int)tsgd_rng_below(&r, 19), v);
        expect_number(text);
    }
}

Test(number, doubles_of_any_bits_that_are_finite)
{
    struct tsgd_rng r = draws(3);
    char text[64];
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = tsgd_rng_u64(&r);
        double v;
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v))
            continue;
        snprintf(text, sizeof text, "%.17g", v);
        expect_number(text);
    }
}

/* Halves between two neighbouring doubles, which go to the even one, and what lies a digit beside
 * them. From 2^53 on the halves are whole numbers.                                              */
Test(number, halves_between_doubles_go_to_the_even_one)
{
    struct tsgd_rng r = draws(4);
    char text[64];
    for (int i = 0; i < 300000; i++) {
        uint64_t shift = 1 + tsgd_rng_below(&r, 10);
        uint64_t kept = (tsgd_rng_u64(&r) >> 11) | 1ull << 52, half = 1ull << (shift - 1);
        uint64_t m = kept << shift | half;
        int beside = (int)tsgd_rng_below(&r, 3) - 1;
        snprintf(text, sizeof text, "%llu", (unsigned long long)(m + (uint64_t)beside));
        expect_number(text);
        snprintf(text, sizeof text, "%llue-%u", (unsigned long long)(m + (uint64_t)beside),
                 tsgd_rng_below(&r, 28));
        expect_number(text);
        if (m < UINT64_MAX / 10) {      /* the same number, by a division without a remainder */
            snprintf(text, sizeof text, "%llu0e-1", (unsigned long long)m);
            expect_number(text);
        }
    }
    /* 1 + 2^-53 and its neighbours in 19 digits are not halves; 9007199254740993 is one. */
    expect_number("9007199254740993");
    expect_number("900719925474099.3e1");
    expect_number("9007199254740993.0000000000000000000000000000000001");
}

Test(number, forms_that_files_have)
{
    const char *text[] = {
        "0", "-0", "+1", "007", "1.", ".5", "-.5e1", "1e5", "1E+05", "1e-05", "0.0", "-0.0e7",
        "0.000000000000000000000000012345", "123456789012345678901234567890", "1e22", "1e23",
        "1e27", "1e28", "1e-22", "1e-23", "1e-27", "1e-28", "1e300", "2.2250738585072011e-308",
        "5e-324", "1e-999", "0e999999999999", "1.7976931348623157e308", "18446744073709551615",
        "18446744073709551616", "9999999999999999999", "0000000000000000000000000000000001.5",
    };
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        expect_number(text[i]);
}

Test(number, the_longest_number_is_taken_and_the_rest_left)
{
    static const struct { const char *text; double value; const char *rest; } row[] = {
        {"1,2", 1, ",2"}, {"1.5.5", 1.5, ".5"}, {"2e", 2, "e"}, {"2e+", 2, "e+"}, {"2ex", 2, "ex"},
        {"0x10", 0, "x10"}, {"1 2", 1, " 2"}, {"3\n4", 3, "\n4"}, {"1-2", 1, "-2"}, {"5%", 5, "%"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        double v = 42;
        const char *end = tsgd_scan_double(behind(row[i].text), &v);
        cr_expect(end && v == row[i].value && !strcmp(end, row[i].rest), "'%s'", row[i].text);
    }
}

Test(number, what_is_no_finite_number_leaves_the_value)
{
    const char *bad[] = {"", "-", "+", ".", "-.", "e5", "inf", "nan", "-inf", " 1", "x", "--1",
                         "+-1", "1e309", "1e999", "-1e400", ".e1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double v = 42;
        cr_expect(!tsgd_scan_double(behind(bad[i]), &v), "'%s'", bad[i]);
        cr_expect(v == 42, "'%s'", bad[i]);
    }
}

Test(number, long_numbers_are_read_up_to_a_thousand_bytes)
{
    char text[1100];
    double v;
    memset(text, '0', sizeof text);
    memcpy(text, "0.", 2);
    text[999] = '7';
    text[1000] = 0;
    expect_number(text);
    memset(text, '1', 1000);
    text[1000] = 0;
    cr_expect(!tsgd_scan_double(behind(text), &v));         /* 1e999 */
    memcpy(text, "1.", 2);
    expect_number(text);
    memset(text + 2, '3', 1097);
    text[1099] = 0;
    cr_expect(!tsgd_scan_double(behind(text), &v));
}
