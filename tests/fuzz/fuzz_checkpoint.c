/* Checkpoints, to go on from and to start from. The target lets a small run write one, changes it
 * as the input says, and computes its checksum anew, so that the fuzzer gets behind that. An input
 * is a byte that chooses the run; a byte that chooses what is done with the file:
 *   bit 0   the checksum stays as it was: a file that has changed must be refused
 *   bit 1   parameters to start from (--init) in place of a checkpoint to go on from
 * then words up to a line "---": KEY=VALUE for the metadata, TENSOR=INDEX:NUMBER for an element;
 * then changes of the bytes behind the header: where (two bytes, the lower one first), how many
 * (one), and the bytes themselves.                                                              */
#include "base/hash.h"
#include "fuzz/fuzz.h"
#include "telesgd.h"

#include <float.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 18 };

/* The runs; all have five nodes, six rounds, and a checkpoint of round 4. */
static const char *const runs[] = {
    "model=quadratic dim=3 active=3 momentum=0.9 momentum-home=node availability=0.8",
    "data=digits subset=40 model=logistic active=2 batch=3 validation=0.2 eval-every=2",
    "model=quadratic dim=3 method=gt lr=0.01 eval-every=1",
    "model=quadratic dim=2 method=d2 lazy=true local-steps=1 schedule=cosine",
    "model=quadratic dim=2 active=3 link-cost=slow-links:0.5 compute-seconds=1:lognormal:1",
    "model=quadratic dim=2 method=momentum-tracking momentum=0.5 topology=complete",
    "model=quadratic dim=2 active=2 samples=12 mix-every=2 gossip=slices",
};
enum { RUNS = sizeof runs / sizeof *runs };

static struct base {
    uint8_t *bytes;
    size_t n;
    uint64_t hash;              /* of the state at the end of the run that was not interrupted */
} base[RUNS];

static const char *folder;

static struct tsgd_settings *settings_of(size_t run)
{
    struct tsgd_settings *s;
    char text[200], *rest = text, *word;
    MUST(tsgd_settings_create(&s, NULL) == TSGD_OK);
    snprintf(text, sizeof text, "nodes=5 rounds=6 threads=2 %s", runs[run]);
    while ((word = strsep(&rest, " "))) {
        char *equals = strchr(word, '=');
        *equals = 0;
        MUST(tsgd_settings_set(s, word, equals + 1, NULL) == TSGD_OK);
    }
    return s;
}

/* Trains to the end; 0: it diverged. */
static uint64_t train(struct tsgd_run *run)
{
    struct tsgd_summary end;
    struct tsgd_error err;
    enum tsgd_status st = tsgd_run_train(run, NULL, NULL, &end, &err);
    uint64_t parameters = tsgd_run_info(run)->parameters;
    if (st == TSGD_OK) {
        fuzz_look(tsgd_run_mean(run), parameters * sizeof(float));
        return end.last.state_hash;
    }
    MUST(st == TSGD_EDIVERGED);
    fuzz_refused(st, &err);
    return 0;
}

static void make_base(size_t number)
{
    static uint8_t file[MOST];
    char path[300];
    struct base *b = &base[number];
    struct tsgd_settings *s = settings_of(number);
    struct tsgd_run *run;
    if (!folder)
        folder = fuzz_folder((const char *const[]){NULL});
    snprintf(path, sizeof path, "%s/base", folder);
    MUST(tsgd_settings_set(s, "checkpoint", path, NULL) == TSGD_OK);
    MUST(tsgd_settings_set(s, "checkpoint-every", "4", NULL) == TSGD_OK);
    MUST(tsgd_run_create(&run, s, NULL) == TSGD_OK);
    b->hash = train(run);
    MUST(b->hash);
    tsgd_run_free(run);
    tsgd_settings_free(s);
    FILE *f = fopen(path, "rb");
    MUST(f);
    b->n = fread(file, 1, sizeof file, f);
    MUST(b->n > 0 && b->n < sizeof file && fclose(f) == 0);
    MUST((b->bytes = malloc(b->n)));
    memcpy(b->bytes, file, b->n);
}

/* "1:5": element 1 becomes 5. */
static void change_number(uint8_t *data, const json_t *entry, const char *text)
{
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    const json_t *offsets = json_object_get(entry, "data_offsets");
    size_t from = (size_t)json_integer_value(json_array_get(offsets, 0));
    size_t bytes = (size_t)json_integer_value(json_array_get(offsets, 1)) - from;
    size_t width = strstr(type, "64") ? 8 : 4;
    char *number;
    unsigned long long index = strtoull(text, &number, 10);
    if (*number != ':' || bytes < width)
        return;
    uint8_t *at = data + from + index % (bytes / width) * width;
    double real = strtod(number + 1, NULL);
    float single = fabs(real) <= FLT_MAX ? (float)real : INFINITY;
    uint64_t whole = strtoull(number + 1, NULL, 10);
    const void *value = *type == 'I' ? (void *)&whole : width == 8 ? (void *)&real : &single;
    memcpy(at, value, width);
}

/* The header of the base with other metadata, into `file`; the file's size. */
static size_t with_words(uint8_t *file, const struct base *b, const struct fuzz_words *words)
{
    uint64_t length;
    memcpy(&length, b->bytes, sizeof length);
    memcpy(file, b->bytes, b->n);
    if (words->n == 0)
        return b->n;
    json_t *header = json_loadb((const char *)b->bytes + 8, length, 0, NULL);
    json_t *meta = json_object_get(header, "__metadata__");
    uint8_t *data = file + 8 + length;
    for (size_t i = 0; i < words->n; i++) {
        char *equals = strchr(words->word[i], '=');
        if (!equals)
            continue;
        *equals = 0;
        const json_t *entry = json_object_get(header, words->word[i]);
        if (json_object_get(entry, "dtype"))
            change_number(data, entry, equals + 1);
        if (entry || !strcmp(words->word[i], "telesgd.xxh3"))
            continue;
        /* Leaves what is not UTF-8 as it was. */
        json_object_set_new(meta, words->word[i], json_string(equals + 1));
    }
    char *text = json_dumps(header, JSON_COMPACT);
    MUST(text);
    uint64_t written = (strlen(text) + 7) / 8 * 8;
    size_t rest = b->n - 8 - length;
    MUST(8 + written + rest <= MOST);
    memmove(file + 8 + written, data, rest);
    memset(file + 8, ' ', written);
    memcpy(file, &written, sizeof written);
    memcpy(file + 8, text, strlen(text));
    free(text);
    json_decref(header);
    return 8 + written + rest;
}

static void change_bytes(uint8_t *bytes, size_t n, const uint8_t *data, size_t size)
{
    while (size > 3) {
        size_t at = fuzz_byte(&data, &size);
        at += 256u * fuzz_byte(&data, &size);
        for (size_t count = fuzz_byte(&data, &size) % 9; count > 0 && size > 0; count--)
            bytes[at++ % n] = fuzz_byte(&data, &size);
    }
}

/* The checksum of the file with 0 for its digits, into their place. */
static void seal(uint8_t *file, size_t n)
{
    static const char before[] = "\"telesgd.xxh3\":\"";
    char digits[17];
    uint8_t *at = memmem(file, n, before, sizeof before - 1);
    MUST(at);
    at += sizeof before - 1;
    memset(at, '0', 16);
    snprintf(digits, sizeof digits, "%016" PRIx64, tsgd_hash(file, n));
    memcpy(at, digits, 16);
}

static void use(const struct base *b, size_t number, const char *path, uint8_t how, bool changed)
{
    struct tsgd_settings *s = settings_of(number);
    struct tsgd_run *run;
    struct tsgd_error err;
    const char *name = how & 2 ? "init" : "resume";
    MUST(tsgd_settings_set(s, name, path, NULL) == TSGD_OK);
    if (!(how & 2)) {
        MUST(tsgd_settings_set(s, "checkpoint-every", "never", NULL) == TSGD_OK);
        MUST(tsgd_settings_set(s, "checkpoint", path, NULL) == TSGD_OK);
    }
    enum tsgd_status st = tsgd_run_create(&run, s, &err);
    MUST(st != TSGD_OK || !changed || !(how & 1));
    if (st == TSGD_OK) {
        uint64_t hash = train(run);
        MUST(changed || how & 2 || hash == b->hash);
    } else {
        MUST(changed);
        fuzz_refused(st, &err);
    }
    tsgd_run_free(run);
    tsgd_settings_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_words words;
    static uint8_t file[MOST];
    char path[300];
    uint64_t length;
    size_t number = fuzz_byte(&data, &size) % RUNS;
    uint8_t how = fuzz_byte(&data, &size);
    const struct base *b = &base[number];
    if (!b->bytes)
        make_base(number);
    if (!fuzz_words(&words, "x", &data, &size))
        return -1;
    size_t n = with_words(file, b, &words);
    memcpy(&length, file, sizeof length);
    change_bytes(file + 8 + length, n - 8 - length, data, size);
    if (!(how & 1))
        seal(file, n);
    bool changed = n != b->n || memcmp(file, b->bytes, n);
    snprintf(path, sizeof path, "%s/file", folder);
    FILE *f = fopen(path, "wb");
    MUST(f && fwrite(file, 1, n, f) == n && fclose(f) == 0);
    use(b, number, path, how, changed);
    return 0;
}
