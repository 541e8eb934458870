#include "sim/golden.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct golden runs[] = {
#define GOLDEN(words, hash, loss) {words, #hash, loss},
#include "unit/golden_list.h"
#undef GOLDEN
};

const struct golden *golden_run(size_t i)
{
    return i < sizeof runs / sizeof *runs ? &runs[i] : NULL;
}

static bool write_npy(const char *path, const char *shape, const uint8_t *bytes, size_t n)
{
    char header[118] = "";
    FILE *f = fopen(path, "wb");
    if (!f)
        return false;
    snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }",
             shape);
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f);
    fprintf(f, "%-117s\n", header);
    bool written = fwrite(bytes, 1, n, f) == n;
    return fclose(f) == 0 && written;
}

/* 96 images of side x side pixels in four classes: noise, and a square whose place tells which. */
static bool write_images(size_t channels, size_t side)
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
    if (!write_npy("x.npy", shape, pixel, IMAGES * image))
        return false;
    snprintf(shape, sizeof shape, "%d,", IMAGES);
    return write_npy("y.npy", shape, label, IMAGES);
}

bool golden_command(char words[GOLDEN_WORDS], size_t i, const char *isa)
{
    const char *own = runs[i].words, *images = strstr(own, "--images ");
    if (images && !write_images((size_t)atoi(images + 9), (size_t)atoi(strchr(images, 'x') + 1)))
        return false;
    snprintf(words, GOLDEN_WORDS, "train %.*s%s --isa %s --log l --progress off",
             images ? (int)(images - own) : (int)strlen(own), own,
             images ? "--data npz:x.npy+y.npy --test-share 0.25" : "", isa);
    for (char *c = words; (c = strchr(c, '~'));)
        *c = '\037';
    return true;
}

bool golden_holds(size_t i, const char *isa, const json_t *last, char text[GOLDEN_TEXT])
{
    const char *hash = json_string_value(json_object_get(last, "state_hash"));
    double loss = json_number_value(json_object_get(last, "test_loss"));
    snprintf(text, GOLDEN_TEXT, "%s, %s: state_hash %s, want %s; test_loss %.9g, want %.9g",
             runs[i].words, isa, hash ? hash : "missing", runs[i].hash, loss, runs[i].loss);
    return hash && !strcmp(hash, runs[i].hash) && loss == runs[i].loss;
}
