/* Parameters in safetensors files. The first byte of an input says
 *   bits 0, 1   into what they are read: one of two networks, or the one tensor of a quadratic
 *   bit 2       the rest is the file as it stands; otherwise it is the header up to the first zero
 *               byte, and the data: the target writes the header's length, so that the fuzzer can
 *               change the header freely                                                        */
#include "fuzz/fuzz.h"
#include "model/safetensors.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 16 };

struct kind {
    const char *model;
    struct tsgd_shape in;
};
static const struct kind kinds[] = {{"logistic", {1, 1, 2}}, {"mlp:2", {2, 1, 1}}};

static const struct tsgd_tensor whole = {.name = "x", .count = 3, .rank = 1, .extent = {3}};

static void identify(const char *path)
{
    struct tsgd_saved saved;
    struct tsgd_error err;
    memset(&saved, 0x5a, sizeof saved);
    enum tsgd_status st = tsgd_safetensors_identify(path, &saved, &err);
    if (st != TSGD_OK) {
        fuzz_refused(st, &err);
        MUST((uintptr_t)saved.model % 256 == 0x5a && saved.classes == 0x5a5a5a5a);
        return;
    }
    MUST(saved.model == saved.text && strlen(saved.model) < TSGD_MODEL_TEXT);
    MUST(saved.norm.parts <= TSGD_NORM_MOST);
    MUST(!saved.norm.parts || saved.norm.parts == saved.shape.channels ||
         saved.norm.parts == tsgd_shape_size(saved.shape));
    for (uint32_t c = 0; c < saved.norm.parts; c++)
        MUST(saved.norm.deviation[c] > 0);
    tsgd_saved_release(&saved);
}

/* What was read is written and read once more: the same bits. */
static void read_network(const char *path, const struct kind *kind)
{
    static struct tsgd_backend on;
    float x[64], y[64];
    struct tsgd_error err;
    struct tsgd_net net;
    if (!on.kernels)
        MUST(tsgd_backend_init(&on, NULL, NULL) == TSGD_OK);
    MUST(tsgd_model_build(&net, kind->model, kind->in, 2, &on, NULL) == TSGD_OK);
    MUST(net.dim <= 64);
    enum tsgd_status st = tsgd_safetensors_read(path, &net, x, &err);
    MUST(tsgd_safetensors_check(path, &net, NULL) == st);
    if (st == TSGD_OK) {
        char *text;
        size_t n;
        FILE *f = open_memstream(&text, &n);
        MUST(f);
        fuzz_look(x, net.dim * sizeof *x);
        struct tsgd_saved saved = {.model = kind->model, .shape = net.in, .classes = 2,
                                   .outputs = 2};
        MUST(tsgd_safetensors_write(f, &net, &saved, x, NULL) == TSGD_OK);
        MUST(fclose(f) == 0);
        MUST(tsgd_safetensors_read(fuzz_file(1, text, n), &net, y, NULL) == TSGD_OK);
        MUST(!memcmp(x, y, net.dim * sizeof *x));
        free(text);
    } else {
        fuzz_refused(st, &err);
    }
    tsgd_net_release(&net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[MOST + 8];
    float x[3];
    struct tsgd_error err;
    uint8_t how = fuzz_byte(&data, &size);
    const uint8_t *end = memchr(data, 0, size);
    if (size > MOST)
        return -1;
    memcpy(file + 8, data, size);
    if (!(how & 4)) {
        uint64_t length = end ? (uint64_t)(end - data) : size;
        memcpy(file, &length, sizeof length);
        size_t rest = size - length - (end != NULL);
        memcpy(file + 8 + length, data + size - rest, rest);
        size = length + rest + 8;
    }
    const char *path = fuzz_file(0, how & 4 ? file + 8 : file, size);
    identify(path);
    if ((how & 3) < 2)
        read_network(path, &kinds[how & 3]);
    else if (tsgd_safetensors_read_list(path, &(const struct tsgd_tensor *){&whole}, 1, x,
                                        &err) == TSGD_OK)
        fuzz_look(x, sizeof x);
    else
        fuzz_refused(err.status, &err);
    return 0;
}
