/* tests/arm/kernels.c: the checks of sim/kernels.h, without Criterion or any other library: for a
 * processor that the cross compiler knows and an emulator has. make check-arm.                  */
#include "sim/kernels.h"

#include <stdio.h>

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

int main(void)
{
    int failed = failures(kernels_conv) + failures(kernels_other);
    const struct tsgd_kernels *k;
    printf("kernels:");
    for (size_t i = 0; (k = tsgd_isa_table(i)); i++)
        printf(" %s", k->isa);
    printf(", %d failed\n", failed);
    return failed != 0;
}
