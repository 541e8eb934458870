#include "model/model.h"
#include "model/safetensors.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>


static struct tsgd_net build(const char *model, struct tsgd_shape in, uint32_t classes)
{
    struct tsgd_net net;
    struct tsgd_error err;
    struct tsgd_backend on = twin_on(NULL);
    cr_assert(tsgd_model_build(&net, model, in, classes, &on, &err) == TSGD_OK, "%s", err.text);
    return net;
}

/* A file of its own for every test; the caller unlinks it. */
static FILE *temporary(char path[64])
{
    strcpy(path, "/tmp/telesgd-test-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    return fdopen(fd, "wb");
}

static const struct {
    const char *model;
    struct tsgd_shape in;
} written[] = {{"lenet", {1, 28, 28}}, {"vgg11", {3, 32, 32}}, {"resnet20", {3, 32, 32}}};

ParameterizedTestParameters(safetensors, what_is_written_is_read_back)
{
    return twin_rows(sizeof written / sizeof *written);
}

static struct tsgd_saved saved_as(const char *model, const struct tsgd_net *net)
{
    return (struct tsgd_saved){.model = model, .shape = net->in, .classes = net->outputs,
                               .outputs = net->outputs};
}

ParameterizedTest(size_t *row, safetensors, what_is_written_is_read_back, .timeout = 60)
{
    const char *model = written[*row].model;
    char path[64];
    struct tsgd_error err;
    struct tsgd_rng rng = tsgd_rng(12, TSGD_RNG_TEST, 0, 0);
    struct tsgd_net net = build(model, written[*row].in, 10);
    float *x = twin_floats(net.dim), *y = twin_floats(net.dim);
    FILE *f = temporary(path);
    twin_random(&rng, x, net.dim);
    x[7] = NAN;
    x[8] = -INFINITY;
    struct tsgd_saved saved = saved_as(model, &net);
    cr_assert(tsgd_safetensors_write(f, &net, &saved, x, &err) == TSGD_OK, "%s", err.text);
    cr_assert(fclose(f) == 0);
    cr_assert(tsgd_safetensors_read(path, &net, y, &err) == TSGD_OK, "%s", err.text);
    cr_assert(!memcmp(x, y, net.dim * sizeof *x));
    unlink(path);
    free(x), free(y);
    tsgd_net_release(&net);
}

Test(safetensors, a_file_says_what_it_is, .timeout = 60)
{
    char path[64];
    struct tsgd_error err;
    struct tsgd_saved saved;
    float mean[] = {1.0f / 3, -2, 0}, deviation[] = {1e-7f, 0.7f, 5};
    struct tsgd_net net = build("mlp:5,4", (struct tsgd_shape){3, 2, 7}, 11);
    float *x = twin_floats(net.dim);
    FILE *f = temporary(path);
    saved = saved_as("mlp:5,4", &net);
    saved.norm = (struct tsgd_norm){3, mean, deviation};
    cr_assert(tsgd_safetensors_write(f, &net, &saved, x, NULL) == TSGD_OK);
    cr_assert(fclose(f) == 0);
    cr_assert(tsgd_safetensors_identify(path, &saved, &err) == TSGD_OK, "%s", err.text);
    cr_assert(!strcmp(saved.model, "mlp:5,4"), "%s", saved.model);
    cr_assert(saved.shape.channels == 3 && saved.shape.height == 2 && saved.shape.width == 7);
    cr_assert(saved.classes == 11);
    cr_assert(saved.outputs == 11 && saved.norm.parts == 3);
    for (int c = 0; c < 3; c++)
        cr_assert(saved.norm.mean[c] == mean[c] && saved.norm.deviation[c] == deviation[c]);
    tsgd_saved_release(&saved);
    unlink(path);
    free(x);
    tsgd_net_release(&net);
}

Test(safetensors, the_data_are_aligned_and_the_header_begins_with_a_brace, .timeout = 60)
{
    char path[64];
    unsigned char head[9];
    struct tsgd_net net = build("mlp:5", (struct tsgd_shape){1, 2, 7}, 3);
    float *x = twin_floats(net.dim);
    FILE *f = temporary(path);
    struct tsgd_saved saved = saved_as("mlp:5", &net);
    cr_assert(tsgd_safetensors_write(f, &net, &saved, x, NULL) == TSGD_OK);
    long size = ftell(f);
    cr_assert(fclose(f) == 0);
    f = fopen(path, "rb");
    cr_assert(fread(head, 1, 9, f) == 9);
    fclose(f);
    unlink(path);
    size_t length = head[0] + 256u * head[1];
    cr_assert(length % 8 == 0 && head[2] == 0 && head[7] == 0 && head[8] == '{');
    cr_assert((size_t)size == 8 + length + 4 * net.dim, "%ld", size);
    free(x);
    tsgd_net_release(&net);
}

/* The files below are for logistic on 1x1x3 with two classes: fc.weight [2, 3], fc.bias [2]. */
#define WEIGHT "\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}"
#define BIAS "\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]}"

static void write_file(char path[64], const char *header, uint64_t length, size_t data)
{
    FILE *f = temporary(path);
    for (int i = 0; i < 8; i++)
        fputc((int)(length >> (8 * i) & 0xff), f);
    fputs(header, f);
    for (size_t i = 0; i < data; i++)
        fputc((int)i, f);
    cr_assert(fclose(f) == 0);
}

static enum tsgd_status read_file(const char *path, float x[8], struct tsgd_error *err)
{
    struct tsgd_net net = build("logistic", (struct tsgd_shape){1, 1, 3}, 2);
    enum tsgd_status st = tsgd_safetensors_read(path, &net, x, err);
    tsgd_net_release(&net);
    return st;
}

Test(safetensors, order_and_white_space_of_a_header_are_free, .timeout = 60)
{
    char path[64];
    unsigned char bytes[32];
    float x[8];
    struct tsgd_error err;
    const char *header = "{ \"fc.bias\": {\"shape\":[2], \"data_offsets\":[0,8],\"dtype\":\"F32\"},"
                         "\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]}"
                         ",\"__metadata__\":{\"by\":\"hand\"}}  \n ";
    write_file(path, header, strlen(header), 32);
    cr_assert(read_file(path, x, &err) == TSGD_OK, "%s", err.text);
    memcpy(bytes, x, 32);
    cr_assert(bytes[0] == 8 && bytes[23] == 31, "weight");
    cr_assert(bytes[24] == 0 && bytes[31] == 7, "bias");
    unlink(path);
}

static const struct {
    const char *header;
    long longer;                /* the length that the file claims, less the header's own */
    size_t data;
    const char *says;
} broken[] = {
    {"{" WEIGHT "," BIAS "}", 1000, 32, "cut off"},
    {"{" WEIGHT "," BIAS "}", INT64_MAX, 32, "cut off"},
    {"{" WEIGHT "," BIAS "}", 33, 32, "cut off"},
    {"{" WEIGHT "," BIAS "}", -1, 32, "JSON"},
    {"{" WEIGHT "," BIAS "}", 1, 32, "JSON"},
    {"", 0, 32, "JSON"},
    {"[1, 2]", 0, 32, "JSON object"},
    {"{" WEIGHT "," BIAS "," BIAS "}", 0, 32, "duplicate"},
    {"{" WEIGHT "}", 0, 24, "'fc.bias' of shape [2] is missing"},
    {"{" WEIGHT "," BIAS ",\"fc.more\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[32,36]}}",
     0, 36, "'fc.more' of shape [1]"},
    {"{" WEIGHT ",\"fc.bias\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[24,40]}}", 0, 40,
     "'F64', want F32"},
    {"{" WEIGHT ",\"fc.bias\":{\"shape\":[2],\"data_offsets\":[24,32]}}", 0, 32, "want F32"},
    {"{" WEIGHT ",\"fc.bias\":7}", 0, 32, "'fc.bias'"},
    {"{" WEIGHT ",\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[24,32]}}", 0, 32,
     "shape [2, 1], want [2]"},
    {"{" WEIGHT ",\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[24,36]}}", 0, 36,
     "shape [3], want [2]"},
    {"{" WEIGHT ",\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[24,32]}}", 0, 32,
     "shape"},
    {"{" WEIGHT ",\"fc.bias\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[24,32]}}", 0, 32,
     "shape"},
    {"{" WEIGHT ",\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[28,36]}}", 0, 32,
     "data_offsets [28, 36]"},
    {"{" WEIGHT ",\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 0, 32,
     "data_offsets [-8, 0]"},
    {"{" WEIGHT ",\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[32,24]}}", 0, 32,
     "data_offsets"},
    {"{" WEIGHT ",\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24]}}", 0, 32,
     "data_offsets"},
    {"{" WEIGHT ",\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,31]}}", 0, 32,
     "7 bytes, want 8"},
    {"{" WEIGHT ",\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[20,28]}}", 0, 32,
     "overlap"},
    {"{" WEIGHT ",\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[28,36]}}", 0, 36,
     "4 bytes before tensor 'fc.bias'"},
    {"{" WEIGHT "," BIAS "}", 0, 31, "data_offsets"},
    {"{" WEIGHT "," BIAS "}", 0, 33, "1 bytes are left over"},
};

ParameterizedTestParameters(safetensors, a_broken_file_is_refused)
{
    return twin_rows(sizeof broken / sizeof *broken);
}

ParameterizedTest(size_t *row, safetensors, a_broken_file_is_refused, .timeout = 60)
{
    char path[64];
    struct tsgd_error err = {.text = ""};
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const char *header = broken[*row].header;
    write_file(path, header, strlen(header) + (uint64_t)broken[*row].longer, broken[*row].data);
    enum tsgd_status st = read_file(path, x, &err);
    unlink(path);
    cr_assert(st == TSGD_EFORMAT, "%s", err.text);
    cr_assert(strstr(err.text, broken[*row].says) && strstr(err.text, path), "%s", err.text);
    cr_assert(x[0] == 1 && x[7] == 8, "x has been written to");
}

Test(safetensors, a_file_without_a_whole_length_is_refused, .timeout = 60)
{
    char path[64];
    struct tsgd_error err;
    float x[8];
    FILE *f = temporary(path);
    fputs("1234567", f);
    fclose(f);
    cr_assert(read_file(path, x, &err) == TSGD_EFORMAT);
    cr_assert(strstr(err.text, "7 bytes"), "%s", err.text);
    unlink(path);
}

Test(safetensors, a_missing_file_is_named, .timeout = 60)
{
    struct tsgd_error err;
    float x[8];
    cr_assert(read_file("/tmp/telesgd-no-such-file", x, &err) == TSGD_EIO);
    cr_assert(strstr(err.text, "/tmp/telesgd-no-such-file"), "%s", err.text);
}

Test(safetensors, a_directory_is_no_file, .timeout = 60)
{
    struct tsgd_error err;
    float x[8];
    cr_assert(read_file("/tmp", x, &err) == TSGD_EIO);
}

static enum tsgd_status identify(const char *header, struct tsgd_saved *out, struct tsgd_error *err)
{
    char path[64];
    write_file(path, header, strlen(header), 0);
    enum tsgd_status st = tsgd_safetensors_identify(path, out, err);
    unlink(path);
    return st;
}

Test(safetensors, a_file_of_another_program_has_no_model, .timeout = 60)
{
    struct tsgd_saved saved = {.model = "x"};
    cr_assert(identify("{\"__metadata__\":{\"format\":\"pt\"}}", &saved, NULL) == TSGD_OK);
    cr_assert(!saved.model[0]);
    cr_assert(identify("{}", &saved, NULL) == TSGD_OK);
    cr_assert(!saved.model[0]);
}

#define META(shape, classes) "{\"__metadata__\":{\"telesgd.model\":\"lenet\",\"telesgd.shape\":\"" \
                             shape "\",\"telesgd.classes\":\"" classes "\"}}"

#define NORM(text) "{\"__metadata__\":{\"telesgd.model\":\"lenet\",\"telesgd.shape\":\"1x28x28\"," \
                   "\"telesgd.classes\":\"10\",\"telesgd.normalize\":" text "}}"

/* Files from before there was normalisation. */
Test(safetensors, a_file_that_says_nothing_of_it_is_not_normalised, .timeout = 60)
{
    struct tsgd_saved saved = {.norm.parts = 7};
    cr_assert(identify(META("1x28x28", "10"), &saved, NULL) == TSGD_OK && !saved.norm.parts);
    cr_assert(identify(NORM("\"0.5:0.25\""), &saved, NULL) == TSGD_OK && saved.norm.parts == 1);
    cr_assert(identify(NORM("\"none\""), &saved, NULL) == TSGD_OK && !saved.norm.parts);
}

static const struct {
    const char *header, *says;
} contradictory[] = {
    {NORM("\"data\""), "telesgd.normalize: found 'data'"},
    {NORM("\"0.5,0.5:1,1\""), "telesgd.normalize: found '0.5,0.5:1,1', want"},
    {NORM("\"0.5:0\""), "telesgd.normalize: found '0.5:0', want"},
    {NORM("7"), "telesgd.normalize: found '', want"},
    {META("1x28", "10"), "1x28"},
    {META("1x28x28x1", "10"), "1x28x28x1"},
    {META("1,28,28", "10"), "1,28,28"},
    {META("0x28x28", "10"), "0x28x28"},
    {META("1x28x4294967296", "10"), "4294967296"},
    {META("65536x65536x2", "10"), "65536x65536x2"},
    {META("1x28x28", "1"), "classes"},
    {META("1x28x28", "65537"), "65537"},
    {META("1x28x28", ""), "classes"},
    {"{\"__metadata__\":{\"telesgd.model\":\"lenet\"}}", "telesgd.shape"},
};

ParameterizedTestParameters(safetensors, wrong_metadata_are_refused)
{
    return twin_rows(sizeof contradictory / sizeof *contradictory);
}

ParameterizedTest(size_t *row, safetensors, wrong_metadata_are_refused, .timeout = 60)
{
    struct tsgd_saved saved;
    struct tsgd_error err;
    cr_assert(identify(contradictory[*row].header, &saved, &err) == TSGD_EFORMAT);
    cr_assert(strstr(err.text, contradictory[*row].says), "%s", err.text);
}
