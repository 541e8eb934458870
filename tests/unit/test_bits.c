/* The same bits on every processor: those of the kernels, and of what they are made of. */
#include "sim/kernels.h"
#include "simd/fused.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

ParameterizedTestParameters(bits, kernels_have_one_digest_on_every_instruction_set)
{
    size_t n = 0;
    while (kernels_bits_name(n))
        n++;
    return twin_rows(n);
}

static void expect_digest(const struct tsgd_kernels *k, size_t i)
{
    char text[KERNELS_TEXT] = "";
    cr_expect(kernels_bits_hold(k, i, text), "%s", text);
}

ParameterizedTest(size_t *row, bits, kernels_have_one_digest_on_every_instruction_set,
                  .timeout = 300)
{
    const struct tsgd_kernels *k;
    for (size_t i = 0; (k = tsgd_isa_table(i)); i++)
        if (k->fused)
            expect_digest(k, *row);
    if (tsgd_isa_find(&k, "portable", NULL) == TSGD_OK)
        expect_digest(k, *row);
}

/* ---- the emulated multiply-add beside the C library's, the processor's or an exact one ---- */

static float of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static bool agrees(float a, float b, float c)
{
    float got = tsgd_fused(a, b, c), want = fmaf(a, b, c);
    return isnan(want) ? isnan(got) : memcmp(&got, &want, sizeof got) == 0;
}

Test(bits, emulated_multiply_add_is_right_at_every_edge)
{
    static const uint32_t edges[] = {
        0x00000000, 0x00000001, 0x00000002, 0x00000003, 0x00400000, 0x007fffff, 0x00800000,
        0x00800001, 0x00ffffff, 0x01000000, 0x0b800000, 0x1f800000, 0x20000000, 0x2fffffff,
        0x33000000, 0x33000001, 0x33800000, 0x33ffffff, 0x34000000, 0x3effffff, 0x3f000000,
        0x3f000001, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x3f800002, 0x3fc00000, 0x3fffffff,
        0x40000000, 0x40400001, 0x4b7fffff, 0x4b800000, 0x4b800001, 0x4bffffff, 0x4c000000,
        0x5f000000, 0x5f7fffff, 0x5f800000, 0x7e7fffff, 0x7f000000, 0x7f7ffffe, 0x7f7fffff,
        0x7f800000, 0x7fc00000,
    };
    enum { N = sizeof edges / sizeof *edges };
    for (uint32_t i = 0; i < 8 * N * N * N; i++) {
        float a = of_bits(edges[i / 8 % N] | (i & 1) << 31);
        float b = of_bits(edges[i / 8 / N % N] | (i & 2) << 30);
        float c = of_bits(edges[i / 8 / N / N] | (i & 4) << 29);
        cr_assert(agrees(a, b, c), "%a * %a + %a: %a, want %a", (double)a, (double)b, (double)c,
                  (double)tsgd_fused(a, b, c), (double)fmaf(a, b, c));
    }
}

/* Any bits; and sums near -product, or half a last place of it away, where rounding is close. */
Test(bits, emulated_multiply_add_is_right_for_random_numbers)
{
    uint32_t r = kernels_seed(1);
    for (int i = 0; i < 2000000; i++) {
        float a = of_bits(kernels_draw(&r, UINT32_MAX));
        float b = of_bits(kernels_draw(&r, UINT32_MAX));
        float c = of_bits(kernels_draw(&r, UINT32_MAX));
        int exponent;
        cr_assert(agrees(a, b, c), "%a * %a + %a", (double)a, (double)b, (double)c);
        a = ldexpf((float)kernels_draw(&r, 1 << 24), -(int)kernels_draw(&r, 24));
        b = ldexpf((float)kernels_draw(&r, 1 << 24), (int)kernels_draw(&r, 260) - 180);
        cr_assert(agrees(a, b, -a * b), "%a * %a - their product", (double)a, (double)b);
        frexpf(a * b, &exponent);
        c = ldexpf((float)kernels_draw(&r, 4), exponent - 25 + (int)kernels_draw(&r, 3));
        cr_assert(agrees(a, b, c), "%a * %a + %a", (double)a, (double)b, (double)c);
        cr_assert(agrees(c, 1, a), "%a + %a", (double)c, (double)a);
    }
}
