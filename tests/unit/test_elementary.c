/* exp, log, log1p and cos of base/elementary.h. */
#include "base/elementary.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

struct value {
    double x, want;
};

/* ---- arguments and the doubles nearest to the results, computed with 80 decimal digits by
 * Python's `decimal`: ends, those of some thousand random ones that are hardest to round, and some
 * others ---- */

static const struct value of_exp[] = {
    {0x1.0000000000000p+0, 0x1.5bf0a8b145769p+1}, {-0x1.0000000000000p+0, 0x1.78b56362cef38p-2},
    {0x1.0000000000000p-1, 0x1.a61298e1e069cp+0},
    {-0x1.0000000000000p-54, 0x1.0000000000000p+0},
    {0x1.62e3d70a3d70ap+9, 0x1.fe9ce5c4c52b4p+1023},
    {-0x1.6226666666666p+9, 0x1.19e98b83de7a3p-1022},
    {0x1.fc4ffe0863be0p-41, 0x1.0000000000fe2p+0}, {0x1.436c3eece86e4p-26, 0x1.00000050db0fcp+0},
    {-0x1.29dac4ea6277bp+9, 0x1.7cee5819ef4f3p-860},
    {-0x1.fb446b3f3260dp+8, 0x1.1f9f9a6059f3bp-732}, {0x1.f79e03d3fb2c0p+0, 0x1.c9aa4bae13d0cp+2},
    {-0x1.1b99d891836ffp+9, 0x1.a00bddcb14c24p-819},
    {0x1.a6b0ec6a69f14p+8, 0x1.c22e96397de9cp+609},
    {-0x1.e345230788110p-30, 0x1.fffffff0e5d6ep-1},
    {-0x1.eff941ab27360p-50, 0x1.ffffffffffff1p-1},
    {-0x1.7fc73386f07a0p-53, 0x1.fffffffffffffp-1},
    {-0x1.899feeb38fbf0p-43, 0x1.ffffffffff9dap-1}, {-0x1.0d5ecefb556c0p-2, 0x1.8992cc05bd6ecp-1},
    {0x1.3b3b72242fb14p+0, 0x1.b68531d4fd81ap+1}, {0x1.3ea32cb1ae170p-24, 0x1.0000013ea32d7p+0},
    {0x1.b29c566c11960p-2, 0x1.8759909e386c6p+0}, {0x1.c45cb15129c36p-12, 0x1.001c475acf837p+0},
    {-0x1.212138f2ac14ep+1, 0x1.abebe8469a15dp-4}, {0x1.305e1885d7616p+1, 0x1.590591dc096e3p+3},
    {0x1.d4d095fa67144p-49, 0x1.000000000000fp+0}, {0x1.e3f36fb13b77ap-16, 0x1.0001e3f53922ap+0},
    {0x1.658831f0afbe0p+8, 0x1.c0b7725ad5a3ep+515}, {0x1.b1ca5d8f760f4p-55, 0x1.0000000000000p+0},
    {0x1.bf10d49fce828p-1, 0x1.327f0ac0c1adep+1}, {0x1.a7ddb621b01fcp+7, 0x1.aff40d814dda4p+305},
    {-0x1.736c9a58064cap-50, 0x1.ffffffffffff4p-1},
    {-0x1.77beb2020d6f0p-34, 0x1.ffffffff4420ap-1},
    {-0x1.61ba0e93212a4p+7, 0x1.ca45ab9e77497p-256},
    {-0x1.812967c9bce10p-3, 0x1.a838e1f34e6eep-1},
};
static const struct value of_log[] = {
    {0x1.0000000000000p+1, 0x1.62e42fefa39efp-1}, {0x1.4000000000000p+3, 0x1.26bb1bbb55516p+1},
    {0x1.0000000000000p-1, -0x1.62e42fefa39efp-1}, {0x1.0000000000001p+0, 0x1.fffffffffffffp-53},
    {0x1.fffffffffffffp-1, -0x1.0000000000000p-53},
    {0x1.fffffffffffffp+1023, 0x1.62e42fefa39efp+9},
    {0x0.0000000000001p-1022, -0x1.74385446d71c3p+9},
    {0x1.0000000000000p-1022, -0x1.6232bdd7abcd2p+9},
    {0x1.6a09e667f3bccp-1, -0x1.62e42fefa39f1p-2}, {0x1.6a09e667f3bcdp-1, -0x1.62e42fefa39eep-2},
    {0x1.ffffffffffffep-1, -0x1.0000000000001p-52},
    {0x1.ffffffffffff4p-1, -0x1.8000000000005p-50},
    {0x1.ffffffffffff4p-1, -0x1.8000000000005p-50},
    {0x1.ffffffffffff4p-1, -0x1.8000000000005p-50},
    {0x1.ffffffffffff4p-1, -0x1.8000000000005p-50},
    {0x1.ffffffffffff4p-1, -0x1.8000000000005p-50}, {0x1.0000000000006p+0, 0x1.7fffffffffffcp-50},
    {0x1.0000000000006p+0, 0x1.7fffffffffffcp-50}, {0x1.0000000000006p+0, 0x1.7fffffffffffcp-50},
    {0x1.0000000000006p+0, 0x1.7fffffffffffcp-50}, {0x1.0000000000006p+0, 0x1.7fffffffffffcp-50},
    {0x1.0000000000006p+0, 0x1.7fffffffffffcp-50}, {0x1.0000000000006p+0, 0x1.7fffffffffffcp-50},
    {0x1.0000000000006p+0, 0x1.7fffffffffffcp-50}, {0x1.04b0a70c41869p+0, 0x1.29725a4cb1bdbp-6},
    {0x1.fffffff862f97p-1, -0x1.e741a4039f6adp-31}, {0x1.ce4852a7dd754p-1, -0x1.a26662f5bcb18p-4},
    {0x1.89e3ce7923b58p-1, -0x1.0c8c1f535de3ap-2}, {0x1.807d83e4e4facp+150, 0x1.a183e8ea050fep+6},
    {0x1.ea55a28d88174p-1, -0x1.62321eee8e192p-5}, {0x1.000000018bf27p+0, 0x1.8bf26ffecdcd0p-32},
    {0x1.0a83ea7d3591cp+0, 0x1.49c32b0c0957dp-5}, {0x1.0000000000015p+0, 0x1.4fffffffffff2p-48},
    {0x1.00715a3519b73p+0, 0x1.c5049079519fap-10}, {0x1.44fbaead36e26p-2, -0x1.25cf91f7b3910p+0},
    {0x1.052bafc0c84fdp+0, 0x1.479fbf1b9e1d1p-6}, {0x1.643516e5dd803p-1, -0x1.7384dde2b6bf6p-2},
    {0x1.9e3dd4c09eb6fp-1, -0x1.b1ebbdabd5d89p-3},
};
static const struct value of_log1p[] = {
    {0x1.0000000000000p+0, 0x1.62e42fefa39efp-1}, {-0x1.0000000000000p-1, -0x1.62e42fefa39efp-1},
    {0x1.0000000000000p-53, 0x1.0000000000000p-53},
    {-0x1.0000000000000p-53, -0x1.0000000000000p-53},
    {0x1.7e43c8800759cp+996, 0x1.5963447f87fb5p+9},
    {-0x1.fffffffffffffp-1, -0x1.25e4f7b2737fap+5},
    {-0x1.655509fab19d0p-1, -0x1.3271894ef2413p+0},
    {0x1.1fff1c684d330p-37, 0x1.1fff1c6848231p-37}, {0x1.e6a9e88b79a4cp+2, 0x1.137ca3c5f7a01p+1},
    {0x1.d8eb91c0a5e1ap+1, 0x1.8be2f587a0eb6p+0}, {0x1.3a5e1ea52eff4p+1, 0x1.3d77eb4e9eb7fp+0},
    {0x1.b4549218f1095p+2, 0x1.0737a3e6e55fbp+1}, {-0x1.0c927a444025ap-2, -0x1.377cf1f4676bfp-2},
    {-0x1.4f03deb47122bp-1, -0x1.0ff04a8bb4356p+0}, {0x1.3ce146fced03ap+2, 0x1.c89a177e30af7p+0},
    {0x1.5fe1ccdfe42fcp-3, 0x1.44b8f16917147p-3}, {0x1.cb061b87b40e4p-1, 0x1.47b18ac154414p-1},
    {0x1.78d99170e46aep-42, 0x1.78d99170e4259p-42},
    {0x1.980bda8c140d8p-21, 0x1.980bd0627d3f3p-21},
    {-0x1.ce1111233f82ep-45, -0x1.ce1111233f8ffp-45},
    {0x1.cdbd8ca20128cp+2, 0x1.0d8eef4d2875bp+1},
    {-0x1.72dfd9f04bfe8p-70, -0x1.72dfd9f04bfe8p-70},
    {-0x1.b861372eb83f4p-3, -0x1.efd6b327ca09ep-3},
    {-0x1.1f175189e62afp-1, -0x1.a52fa58a882d2p-1}, {0x1.b4448efbe2221p+1, 0x1.7bc692493bd70p+0},
    {-0x1.2b2baaae7a584p-68, -0x1.2b2baaae7a584p-68},
    {0x1.c698d84cf1126p+2, 0x1.0bcea79d40759p+1}, {0x1.253afaea0cf66p+2, 0x1.b83102bbe87fep+0},
    {0x1.28b8ce5d4c5dap-59, 0x1.28b8ce5d4c5dap-59}, {0x1.d8f79af91b335p+2, 0x1.10434dbd30c82p+1},
    {-0x1.a9f4abdf55a59p-1, -0x1.c891064439feep+0},
    {-0x1.feca71ff18e96p-43, -0x1.feca71ff19291p-43},
    {0x1.ce07bb69e6534p-5, 0x1.c178927b42504p-5}, {-0x1.10076fa19b452p-1, -0x1.83ff3eae49a5ep-1},
};
static const struct value of_cos[] = {
    {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54}, {0x1.921fb54442d18p+1, -0x1.0000000000000p+0},
    {0x1.2d97c7f3321d2p+2, -0x1.a79394c9e8a0ap-53}, {0x1.921fb54442d18p+2, 0x1.0000000000000p+0},
    {0x1.921fb54442d18p-1, 0x1.6a09e667f3bcdp-1}, {0x1.0000000000000p+0, 0x1.14a280fb5068cp-1},
    {0x1.0000000000000p+6, 0x1.91430595958f0p-2}, {0x1.3a28c59d5433bp+5, -0x1.1b19140c0c0d5p-52},
    {-0x1.2d97c7f3321d2p+1, -0x1.6a09e667f3bccp-1}, {0x1.257cf61ab962ep-8, 0x1.fffeaf88dc81ap-1},
    {-0x1.941c3a79e6b9bp+5, 0x1.f04c33ae4fcbcp-1}, {-0x1.171233fa285f4p+5, -0x1.e4f9102af35c3p-1},
    {0x1.0ed2f402d3e25p-4, 0x1.fee1990ef4d0fp-1}, {0x1.a14b447c80910p+4, 0x1.2a991c798401cp-1},
    {-0x1.20e03d974b660p+2, -0x1.94451d41dd956p-3}, {0x1.84d0276ffcff8p+5, -0x1.7c93995486d7cp-4},
    {-0x1.9ad7dea9be962p+4, 0x1.b5d5dec4f9e88p-1}, {-0x1.5d92597741db2p+4, -0x1.fac7a77f9d6a9p-1},
    {0x1.3d10ce9821066p-8, 0x1.fffe774d9173bp-1}, {0x1.faf6521327515p+1, -0x1.5da726aa503afp-1},
    {0x1.f21a92c3a9562p-8, 0x1.fffc36d5cbfeap-1}, {0x1.d2443832000e0p+5, -0x1.4e0ec5398ed1bp-3},
    {0x1.fa1714da4f704p+4, 0x1.f43e64c24e997p-1}, {0x1.a6423156e7898p+5, -0x1.9f4962fddb425p-1},
    {0x1.590eac6eb65e8p-1, 0x1.900f942991c26p-1}, {-0x1.0ef99923f5c38p+2, -0x1.d7698cccd912bp-2},
    {0x1.7aab51507205ap-2, 0x1.dd63c399d91f1p-1}, {0x1.27755e807805fp+2, -0x1.8800893204d8ap-4},
    {0x1.118da44119a86p-15, 0x1.fffffffb6ec26p-1}, {0x1.5edf6c06e84dfp+2, 0x1.646b9d13c14f7p-1},
    {0x1.368426652cef0p+3, -0x1.ec38e669944dfp-1}, {0x1.5bd62342b8becp+2, 0x1.5296733ef30b5p-1},
    {0x1.b4aed0894bbb2p-9, 0x1.ffff45c70fdcfp-1}, {0x1.be0ab4dab8dccp+0, -0x1.5d9f723cb29e7p-3},
    {-0x1.8033b9d81261cp+5, -0x1.3db73b56f4407p-1}, {0x1.6740bcc134f20p+2, 0x1.915c8b6224c67p-1},
    {0x1.f2d1ad0134bd0p+1, -0x1.74b945c606c64p-1},
};

static void expect(const char *name, double (*f)(double), const struct value *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cr_expect(f(v[i].x) == v[i].want, "%s %a: %a, want %a", name, v[i].x, f(v[i].x), v[i].want);
}

Test(elementary, results_are_the_doubles_nearest_to_the_exact_ones)
{
#define EXPECT(name) expect(#name, tsgd_##name, of_##name, sizeof of_##name / sizeof *of_##name)
    EXPECT(exp);
    EXPECT(log);
    EXPECT(log1p);
    EXPECT(cos);
#undef EXPECT
}

Test(elementary, ends_are_those_of_the_c_standard)
{
    cr_expect(tsgd_exp(-INFINITY) == 0 && tsgd_exp(INFINITY) == INFINITY);
    cr_expect(tsgd_exp(-1000) == 0 && tsgd_exp(1000) == INFINITY && tsgd_exp(0) == 1);
    cr_expect(tsgd_exp(-0.0) == 1 && tsgd_exp(709.782712893384) <= DBL_MAX);
    cr_expect(tsgd_log(0) == -INFINITY && tsgd_log(-0.0) == -INFINITY);
    cr_expect(tsgd_log(INFINITY) == INFINITY && isnan(tsgd_log(-1)));
    cr_expect(tsgd_log(1) == 0 && !signbit(tsgd_log(1)));
    cr_expect(tsgd_log1p(-1) == -INFINITY && isnan(tsgd_log1p(-2)));
    cr_expect(tsgd_log1p(INFINITY) == INFINITY && tsgd_log1p(5e-324) == 5e-324);
    cr_expect(tsgd_log1p(0) == 0 && signbit(tsgd_log1p(-0.0)));
    cr_expect(tsgd_cos(0) == 1 && isnan(tsgd_cos(INFINITY)));
    cr_expect(isnan(tsgd_exp(NAN)) && isnan(tsgd_log(NAN)) && isnan(tsgd_log1p(NAN)) &&
              isnan(tsgd_cos(NAN)));
}

/* ---- against the C library's in long double, where that has more digits ---- */

static uint64_t state = 88172645463325252u;

static double unit(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) * 0x1p-53;
}

static void expect_near(const char *name, double x, double got, long double want)
{
    double nearest = fabs((double)want), last = nextafter(nearest, INFINITY) - nearest;
    if (LDBL_MANT_DIG > DBL_MANT_DIG)
        cr_expect(fabsl((long double)got - want) <= 0.501L * (long double)last, "%s %a: %a, want "
                  "%La", name, x, got, want);
}

Test(elementary, errors_are_at_most_half_a_last_place)
{
    static const double half_turn = 3.141592653589793;
    for (int i = 0; i < 100000; i++) {
        double u = unit(), v = ldexp(unit() - 0.5, -(int)(60 * unit()));
        double x[] = {10 * u - 5, 1400 * u - 700, v};
        double y[] = {u, 1 + (u - 0.5) / 5, 1 + v, ldexp(1 + u, (int)(2000 * unit()) - 1000)};
        double z[] = {-u, v, ldexp(u, (int)(900 * unit()))};
        double w[] = {2 * half_turn * u, 126 * u - 63, v, half_turn / 2 * (int)(40 * u) * (1 + v)};
        for (size_t j = 0; j < sizeof x / sizeof *x; j++)
            expect_near("exp", x[j], tsgd_exp(x[j]), expl((long double)x[j]));
        for (size_t j = 0; j < sizeof y / sizeof *y; j++)
            expect_near("log", y[j], tsgd_log(y[j]), logl((long double)y[j]));
        for (size_t j = 0; j < sizeof z / sizeof *z; j++)
            expect_near("log1p", z[j], tsgd_log1p(z[j]), log1pl((long double)z[j]));
        for (size_t j = 0; j < sizeof w / sizeof *w; j++)
            if (fabs(w[j]) <= 64)
                expect_near("cos", w[j], tsgd_cos(w[j]), cosl((long double)w[j]));
    }
}
