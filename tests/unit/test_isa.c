/* The kernels against their naive twins, on every instruction set that this CPU has. */
#include "sim/kernels.h"
#include "twin.h"

#include <criterion/criterion.h>

static void check(const struct kernels_check *row, uint32_t from, uint32_t step)
{
    for (uint32_t i = from; i < row->trials; i += step) {
        char text[KERNELS_TEXT] = "";
        cr_assert(row->holds(i, text), "%s, trial %u: %s", row->name, i, text);
    }
}

enum { PARTS = 8 };

ParameterizedTestParameters(isa, convolutions_agree_with_naive_ones)
{
    return twin_rows(PARTS);
}

ParameterizedTest(size_t *part, isa, convolutions_agree_with_naive_ones, .timeout = 300)
{
    for (const struct kernels_check *row = kernels_conv; row->name; row++)
        check(row, (uint32_t)*part, PARTS);
}

ParameterizedTestParameters(isa, kernels_agree_with_naive_ones)
{
    size_t n = 0;
    while (kernels_other[n].name)
        n++;
    return twin_rows(n);
}

ParameterizedTest(size_t *row, isa, kernels_agree_with_naive_ones, .timeout = 300)
{
    check(&kernels_other[*row], 0, 1);
}

/* Names of sets that other builds have, too: a checkpoint may come from anywhere. */
Test(isa, those_with_a_fused_multiply_add_have_the_bits_of_all)
{
    const struct tsgd_kernels *k;
    for (size_t i = 0; (k = tsgd_isa_table(i)); i++)
        cr_expect_str_eq(tsgd_isa_bits(k->isa), k->fused ? "common" : k->isa);
    static const char *const fused[] = {"avx2", "avx512", "neon", "portable"};
    for (size_t i = 0; i < sizeof fused / sizeof *fused; i++)
        cr_expect_str_eq(tsgd_isa_bits(fused[i]), "common");
    cr_expect_str_eq(tsgd_isa_bits("sse4"), "sse4");
    cr_expect_str_eq(tsgd_isa_bits("unheard-of"), "unheard-of");
}
