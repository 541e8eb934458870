/* tests/arm/kernels.c: the checks of sim/kernels.h, without Criterion or any other library: for a
 * processor that the cross compiler knows and an emulator has. make check-arm, make check-bits.  */
#include "sim/kernels.h"

#include <stdio.h>
#include <string.h>

static int failures(const struct kernels_check *check)
{
    int failed = 0;
    for (; check->name; check++) {
        for (uint32_t i = 0; i < check->trials; i++) {
            char text[KERNELS_TEXT] = "";
            if (!check->holds(i, text)) {
                printf("FAIL %s, trial %u: %s\n", check->name, i, text);
                failed++;
            }
        }
        printf("%s: %u trials\n", check->name, check->trials);
    }
    return failed;
}

/* tests/sim/kernels_bits.h, as this processor's widest instruction set has it. */
static int print_bits(const char *isa)
{
    const struct tsgd_kernels *k;
    if (tsgd_isa_find(&k, isa, NULL))
        return 1;
    printf("/* Written by `make bits-update`. A row changes only with what its kernel computes,\n"
           " * and then trainings have other bits than before. */\n");
    for (size_t i = 0; kernels_bits_name(i); i++)
        printf("BITS(%s, 0x%016llxu)\n", kernels_bits_name(i),
               (unsigned long long)kernels_bits(k, i));
    return 0;
}

/* The digests of an instruction set that should have them. */
static int wrong_digests(const struct tsgd_kernels *k)
{
    int failed = 0;
    size_t i = 0;
    for (; k->fused && kernels_bits_name(i); i++) {
        char text[KERNELS_TEXT] = "";
        if (!kernels_bits_hold(k, i, text)) {
            printf("FAIL %s\n", text);
            failed++;
        }
    }
    printf("%s: %zu digests\n", k->isa, i);
    return failed;
}

static int all_digests(void)
{
    const struct tsgd_kernels *k;
    int failed = 0;
    for (size_t i = 0; (k = tsgd_isa_table(i)); i++)
        failed += wrong_digests(k);
    if (tsgd_isa_find(&k, "portable", NULL) == TSGD_OK)
        failed += wrong_digests(k);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--bits"))
        return print_bits(argv[2]);
    if (argc > 1 && !strcmp(argv[1], "--digests"))
        return all_digests() != 0;
    int failed = failures(kernels_conv) + failures(kernels_other) + all_digests();
    const struct tsgd_kernels *k;
    printf("kernels:");
    for (size_t i = 0; (k = tsgd_isa_table(i)); i++)
        printf(" %s", k->isa);
    printf(", %d failed\n", failed);
    return failed != 0;
}
