#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "scenario/rate.h"

static struct tsgd_rate parse(const char *text, uint64_t rounds, uint64_t warmup)
{
    struct tsgd_rate r;
    struct tsgd_error err;
    cr_assert(tsgd_rate_parse(&r, text, 0.2, rounds, warmup, &err) == TSGD_OK, "%s", err.text);
    return r;
}

static bool near(double a, double b) { return fabs(a - b) < 1e-7; }

Test(rate, const_stays)
{
    struct tsgd_rate r = parse("const", 0, 0);
    cr_expect(near(tsgd_rate_at(&r, 0), 0.2) && near(tsgd_rate_at(&r, 1000000), 0.2));
}

Test(rate, cosine_goes_from_eta_through_the_middle_to_its_minimum)
{
    struct tsgd_rate r = parse("cosine:0.1", 100, 0);
    cr_expect(near(tsgd_rate_at(&r, 0), 0.2));
    cr_expect(near(tsgd_rate_at(&r, 50), 0.15));
    cr_expect(near(tsgd_rate_at(&r, 100), 0.1));
    cr_expect(near(tsgd_rate_at(&r, 200), 0.1));
}

Test(rate, steps_multiply_from_their_round_on)
{
    struct tsgd_rate r = parse("step:10,20:0.5", 0, 0), tenth = parse("step:3", 0, 0);
    cr_expect(near(tsgd_rate_at(&r, 9), 0.2));
    cr_expect(near(tsgd_rate_at(&r, 10), 0.1));
    cr_expect(near(tsgd_rate_at(&r, 20), 0.05));
    cr_expect(near(tsgd_rate_at(&tenth, 3), 0.02));
}

Test(rate, warm_up_rises_linearly_to_the_schedule)
{
    struct tsgd_rate r = parse("const", 0, 4);
    cr_expect(near(tsgd_rate_at(&r, 0), 0.05));
    cr_expect(near(tsgd_rate_at(&r, 2), 0.15));
    cr_expect(near(tsgd_rate_at(&r, 4), 0.2));
}

Test(rate, nonsense_is_refused)
{
    static const char *const bad[] = {
        "const:1", "cosin", "cosine:-1", "cosine:x", "step", "step:", "step:5,5", "step:9,3",
        "step:1,a", "cosine:0.11", "step:1,2,3:1e30", "step:1:0", "step:1:-2", "step:1:", "", ":1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tsgd_rate r;
        struct tsgd_error err = {TSGD_OK, ""};
        cr_expect(tsgd_rate_parse(&r, bad[i], 0.1, 100, 0, &err) == TSGD_EINVAL, "'%s'", bad[i]);
        cr_expect(strstr(err.text, "--schedule"), "'%s': %s", bad[i], err.text);
    }
    struct tsgd_rate r;
    cr_expect(tsgd_rate_parse(&r, "cosine", 0.1, 0, 0, NULL) == TSGD_EINVAL,
              "cosine without rounds");
}
