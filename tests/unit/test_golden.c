/* Short trainings end with the same bits on every processor that has a fused multiply-add, and by
 * `--isa portable` on any x86-64: those of golden_list.h, which `make golden-update` writes.     */
#include "linalg/isa.h"
#include "program.h"
#include "sim/golden.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <stdlib.h>

TestSuite(golden, .init = enter_folder, .fini = leave_folder);

static json_t *trained(size_t i, const char *isa)
{
    char words[GOLDEN_WORDS];
    cr_assert(golden_command(words, i, isa));
    struct result r = run(words);
    expect_code(&r, 0);
    return last_line(parse_lines(read_file("l")));
}

static void expect_bits(size_t i, const char *isa)
{
    char text[GOLDEN_TEXT];
    cr_expect(golden_holds(i, isa, trained(i, isa), text), "%s", text);
}

/* A row of golden_list.h, in lines of less than 100 columns. */
static void write_row(const char *path, size_t i, const char *isa)
{
    json_t *line = trained(i, isa);
    FILE *f = fopen(path, "a");
    cr_assert(f);
    fprintf(f, "GOLDEN(\"");
    for (const char *c = golden_run(i)->words, *start = c; *c; c++) {
        fputc(*c, f);
        if ((*c == ' ' || *c == ';') && c - start > 65) {
            fprintf(f, "\"\n       \"");
            start = c;
        }
    }
    fprintf(f, "\",\n       %s, %.9g)\n",
            json_string_value(json_object_get(line, "state_hash")),
            json_number_value(json_object_get(line, "test_loss")));
    cr_assert(fclose(f) == 0);
}

ParameterizedTestParameters(golden, a_training_has_the_same_bits_on_every_processor)
{
    size_t n = 0;
    while (golden_run(n))
        n++;
    return twin_rows(n);
}

ParameterizedTest(size_t *row, golden, a_training_has_the_same_bits_on_every_processor,
                  .timeout = 600)
{
    const struct tsgd_kernels *k;
    const char *update = getenv("GOLDEN_UPDATE");
    if (update) {
        cr_assert(tsgd_isa_find(&k, NULL, NULL) == TSGD_OK);
        write_row(update, *row, k->isa);
        return;
    }
    for (size_t i = 0; (k = tsgd_isa_table(i)); i++)
        if (k->fused)
            expect_bits(*row, k->isa);
    if (tsgd_isa_find(&k, "portable", NULL) == TSGD_OK)
        expect_bits(*row, k->isa);
}
