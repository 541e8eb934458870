/* Short trainings end with the same bits on every processor that has a fused multiply-add, and by
 * `--isa portable` on any x86-64: those of golden_list.h, which `make golden-update` writes.     */
#include "linalg/isa.h"
#include "program.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

TestSuite(golden, .init = enter_folder, .fini = leave_folder);

/* What is trained, and state_hash and test_loss, where there is one, at its end. `--images CxS` are
 * those of this test; ~ is a space within a word.                                               */
static const struct {
    const char *words, *hash;
    double loss;
} runs[] = {
#define GOLDEN(words, hash, loss) {words, #hash, loss},
#include "golden_list.h"
#undef GOLDEN
};
enum { N = sizeof runs / sizeof *runs };

static void write_npy(const char *path, const char *shape, const uint8_t *bytes, size_t n)
{
    char header[118] = "";
    FILE *f = fopen(path, "wb");
    cr_assert(f);
    snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }",
             shape);
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f);
    fprintf(f, "%-117s\n", header);
    cr_assert(fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

/* 96 images of side x side pixels in four classes: noise, and a square whose place tells which. */
static void write_images(size_t channels, size_t side)
{
    enum { IMAGES = 96 };
    static uint8_t pixel[IMAGES * 3 * 32 * 32], label[IMAGES];
    char shape[64];
    uint32_t r = 1;
    size_t image = channels * side * side;
    for (size_t i = 0; i < IMAGES; i++) {
        label[i] = (uint8_t)(i % 4);
        for (size_t j = 0; j < image; j++) {
            size_t row = j / side % side * 2 / side, column = j % side * 2 / side;
            r = r * 1664525u + 1013904223u;
            pixel[i * image + j] = (uint8_t)((r >> 25) + (row * 2 + column == i % 4 ? 128 : 0));
        }
    }
    snprintf(shape, sizeof shape, "%d, %zu, %zu, %zu", IMAGES, channels, side, side);
    write_npy("x.npy", shape, pixel, IMAGES * image);
    snprintf(shape, sizeof shape, "%d,", IMAGES);
    write_npy("y.npy", shape, label, IMAGES);
}

static json_t *trained(size_t i, const char *isa)
{
    char words[600];
    const char *images = strstr(runs[i].words, "--images ");
    if (images)
        write_images((size_t)atoi(images + 9), (size_t)atoi(strchr(images, 'x') + 1));
    snprintf(words, sizeof words, "train %.*s%s --isa %s --log l" QUIET,
             images ? (int)(images - runs[i].words) : (int)strlen(runs[i].words), runs[i].words,
             images ? "--data npz:x.npy+y.npy --test-share 0.25" : "", isa);
    for (char *c = words; (c = strchr(c, '~'));)
        *c = '\037';
    struct result r = run(words);
    expect_code(&r, 0);
    return last_line(parse_lines(read_file("l")));
}

static const char *hash_of(const json_t *line)
{
    const char *hash = json_string_value(json_object_get(line, "state_hash"));
    cr_assert(hash);
    return hash;
}

static double loss_of(const json_t *line)
{
    return json_number_value(json_object_get(line, "test_loss"));
}

static void expect_bits(size_t i, const char *isa)
{
    json_t *line = trained(i, isa);
    cr_expect(!strcmp(hash_of(line), runs[i].hash), "%s, %s: state_hash %s, want %s",
              runs[i].words, isa, hash_of(line), runs[i].hash);
    cr_expect(loss_of(line) == runs[i].loss, "%s, %s: test_loss %.9g, want %.9g", runs[i].words,
              isa, loss_of(line), runs[i].loss);
}

/* A row of golden_list.h, in lines of less than 100 columns. */
static void write_row(const char *path, size_t i, const char *isa)
{
    json_t *line = trained(i, isa);
    FILE *f = fopen(path, "a");
    cr_assert(f);
    fprintf(f, "GOLDEN(\"");
    for (const char *c = runs[i].words, *start = c; *c; c++) {
        fputc(*c, f);
        if ((*c == ' ' || *c == ';') && c - start > 65) {
            fprintf(f, "\"\n       \"");
            start = c;
        }
    }
    fprintf(f, "\",\n       %s, %.9g)\n", hash_of(line), loss_of(line));
    cr_assert(fclose(f) == 0);
}

ParameterizedTestParameters(golden, a_training_has_the_same_bits_on_every_processor)
{
    return twin_rows(N);
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
