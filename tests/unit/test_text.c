#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

Test(text, whole_numbers_are_read, .timeout = 60)
{
    uint64_t v;
    cr_expect(tsgd_parse_u64("0", &v) && v == 0);
    cr_expect(tsgd_parse_u64("007", &v) && v == 7);
    cr_expect(tsgd_parse_u64("18446744073709551615", &v) && v == UINT64_MAX);
}

Test(text, what_is_not_a_whole_number_is_refused_and_leaves_the_value, .timeout = 60)
{
    const char *bad[] = {"", " 1", "1 ", "-1", "+1", "1.0", "0x10", "1e3", "one",
                         "18446744073709551616", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t v = 42;
        cr_expect(!tsgd_parse_u64(bad[i], &v), "'%s'", bad[i]);
        cr_expect(v == 42, "'%s'", bad[i]);
    }
}

Test(text, real_numbers_are_read, .timeout = 60)
{
    double v;
    cr_expect(tsgd_parse_double("0.1", &v) && v == 0.1);
    cr_expect(tsgd_parse_double("-2.5e-3", &v) && v == -0.0025);
    cr_expect(tsgd_parse_double("1E300", &v) && v == 1e300);
    cr_expect(tsgd_parse_double(".5", &v) && v == 0.5);
}

Test(text, what_is_not_a_finite_decimal_number_is_refused_and_leaves_the_value, .timeout = 60)
{
    const char *bad[] = {"", "inf", "nan", "1e999", "0x1p3", " 1", "1 ", "1,5", "1.2.3", "e", "-"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double v = 42;
        cr_expect(!tsgd_parse_double(bad[i], &v), "'%s'", bad[i]);
        cr_expect(v == 42, "'%s'", bad[i]);
    }
}

Test(text, a_spec_is_a_name_and_what_follows_the_first_colon, .timeout = 60)
{
    struct tsgd_spec s;
    cr_assert(tsgd_spec_parse(&s, "idx:/a:b", "--data", NULL) == TSGD_OK);
    cr_expect(!strcmp(s.name, "idx"));
    cr_expect(!strcmp(s.arg, "/a:b"));
}

Test(text, a_spec_without_a_colon_has_no_argument, .timeout = 60)
{
    struct tsgd_spec s;
    cr_assert(tsgd_spec_parse(&s, "ring", "--topology", NULL) == TSGD_OK);
    cr_expect(!strcmp(s.name, "ring") && s.arg == NULL);
    cr_assert(tsgd_spec_parse(&s, "ring:", "--topology", NULL) == TSGD_OK);
    cr_expect(s.arg && !*s.arg);
}

Test(text, a_spec_needs_a_name_of_sane_length, .timeout = 60)
{
    struct tsgd_spec s;
    struct tsgd_error err;
    char name[66] = "";
    cr_expect(tsgd_spec_parse(&s, ":0.1", "--partition", &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "--partition") && strstr(err.text, ":0.1"), "%s", err.text);
    memset(name, 'a', 63);
    cr_expect(tsgd_spec_parse(&s, name, "--data", NULL) == TSGD_OK);
    name[63] = 'a';
    cr_expect(tsgd_spec_parse(&s, name, "--data", NULL) == TSGD_EINVAL);
}

Test(text, a_list_is_numbers_between_commas, .timeout = 60)
{
    uint64_t v[3];
    size_t n;
    cr_assert(tsgd_parse_list("5,60,700", v, 3, &n));
    cr_expect(n == 3 && v[0] == 5 && v[1] == 60 && v[2] == 700);
    cr_assert(tsgd_parse_list("8", v, 3, &n));
    cr_expect(n == 1 && v[0] == 8);
}

Test(text, what_is_not_a_list_is_refused, .timeout = 60)
{
    const char *bad[] = {"", ",", "1,", ",1", "1,,2", "1,2,3,4", "1;2", "1, 2", "-1"};
    uint64_t v[3];
    size_t n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect(!tsgd_parse_list(bad[i], v, 3, &n), "'%s'", bad[i]);
}

static const char *const names[] = {"ring", "line", "exp", "onepeer-exp", "complete"};
enum { NAMES = sizeof names / sizeof *names };

Test(text, the_nearest_name_is_a_slip_away, .timeout = 60)
{
    const struct { const char *typed, *meant; } slips[] = {
        {"rng", "ring"}, {"rign", "ring"}, {"rings", "ring"}, {"comlpete", "complete"},
        {"onepeer", "onepeer-exp"}, {"comp", "complete"}, {"ringg", "ring"},
    };
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        const char *near = tsgd_nearest(slips[i].typed, names, NAMES);
        cr_expect(near && !strcmp(near, slips[i].meant), "'%s' gives %s", slips[i].typed,
                  near ? near : "nothing");
    }
}

Test(text, nothing_is_near_to_something_else, .timeout = 60)
{
    cr_expect(tsgd_nearest("hypercube", names, NAMES) == NULL);
    cr_expect(tsgd_nearest("", names, NAMES) == NULL);
}

Test(text, an_unknown_name_is_answered_with_the_nearest, .timeout = 60)
{
    struct tsgd_error err;
    cr_expect(tsgd_unknown_name("--topology", "rng", names, NAMES, &err) == TSGD_EINVAL);
    cr_expect(!strcmp(err.text, "--topology: unknown 'rng'; did you mean 'ring'?"), "%s", err.text);
}

Test(text, of_more_names_than_a_sentence_holds_the_first_are_told_whole, .timeout = 60)
{
    struct tsgd_error err;
    const char *many[100];
    for (size_t i = 0; i < 100; i++)
        many[i] = "abcdefghijklmnopqrst";
    cr_expect(tsgd_unknown_name("--by", "123", many, 100, &err) == TSGD_EINVAL);
    cr_expect(strstr(err.text, "qrst, abcdefghijklmnopqrst, .."), "%s", err.text);
    cr_expect(!strcmp(err.text + strlen(err.text) - 8, "qrst, .."), "%s", err.text);
}

Test(text, a_far_name_is_answered_with_all, .timeout = 60)
{
    struct tsgd_error err;
    cr_expect(tsgd_unknown_name("--topology", "hypercube", names, NAMES, &err) == TSGD_EINVAL);
    for (size_t i = 0; i < NAMES; i++)
        cr_expect(strstr(err.text, names[i]), "%s in '%s'", names[i], err.text);
}
