/* Settings through the public interface: set, create, train, free. The words of an input are
 * settings, NAME=VALUE, over small defaults; an @ at the end of a value stands for the path of a
 * file, which follows the line "---": a split, a graph, a trace, parameters. A word "tune" asks for
 * a search, a word "data" for a small data set in place of a quadratic; "active=" takes that back
 * to its default. Settings that would make a run long, or touch other files, are left out.       */
#include "fuzz/fuzz.h"
#include "telesgd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair {
    const char *name, *value;
};
static const struct pair common[] = {{"nodes", "5"}, {"rounds", "3"}, {"threads", "2"}};
static const struct pair network[] = {{"model", "logistic"}, {"batch", "4"}};
static const struct pair quadratic[] = {{"model", "quadratic"}, {"dim", "5"}};

/* What makes a run long, and how much of it is tried. */
static const struct {
    const char *name;
    uint64_t most;
} limits[] = {
    {"nodes", 12}, {"active", 12}, {"dim", 40}, {"rounds", 6}, {"batch", 40}, {"local-steps", 3},
    {"threads", 4}, {"step-parts", 4}, {"epochs", 2}, {"subset", 200},
};

/* "mlp:4,3" and "blobs:60,4,3": no number above `most` in it. */
static bool is_small(const char *text, uint64_t most)
{
    while (*text) {
        char *end;
        text += strcspn(text, "0123456789");
        if (*text && strtoull(text, &end, 10) > most)
            return false;
        text += strspn(text, "0123456789");
    }
    return true;
}

static const struct tsgd_setting *find(const char *name)
{
    for (size_t i = 0; i < tsgd_setting_count(); i++)
        if (!strcmp(tsgd_setting_at(i)->name, name))
            return tsgd_setting_at(i);
    return NULL;
}

static bool is_tried(const char *name, const char *value, const char *path)
{
    const struct tsgd_setting *row = find(name);
    const char *argument = row && row->argument ? row->argument : "";
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (!strcmp(name, limits[i].name))
            return is_small(value, limits[i].most) && strlen(value) < 12 && *value &&
                   !strpbrk(value, "eE");
    if (!strcmp(name, "data"))
        return false;           /* the small set it is */
    if (!strcmp(name, "model"))
        return (!strncmp(value, "mlp", 3) || strlen(value) < 10) && is_small(value, 40);
    if (strstr(value, "file:") || !strcmp(argument, "FILE") || !strcmp(argument, "DIR"))
        return strstr(value, path) && !strstr(value, "..");
    return true;
}

static void set(struct tsgd_settings *s, const struct pair *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        MUST(tsgd_settings_set(s, p[i].name, p[i].value, NULL) == TSGD_OK);
}

static bool begins(const struct fuzz_words *words, const char *with)
{
    for (size_t i = 0; i < words->n; i++)
        if (!strncmp(words->word[i], with, strlen(with)))
            return true;
    return false;
}

static void apply(struct tsgd_settings *s, const struct fuzz_words *words, const char *path)
{
    for (size_t i = 0; i < words->n; i++) {
        struct tsgd_error err;
        char *equals = strchr(words->word[i], '=');
        if (!equals)
            continue;
        *equals = 0;
        if (!strcmp(words->word[i], "epochs"))
            tsgd_settings_set(s, "rounds", NULL, NULL);
        const char *name = words->word[i], *value = equals + 1;
        bool undoes = !*value && !strcmp(name, "active");
        if (!undoes && !is_tried(name, value, path))
            continue;
        enum tsgd_status st = tsgd_settings_set(s, name, undoes ? NULL : value, &err);
        if (st != TSGD_OK)
            fuzz_refused(st, &err);
        else
            MUST(undoes || tsgd_settings_get(s, name));
    }
}

/* Trains; false: the settings are refused. A result has its hash in *hash. */
static bool train(const struct tsgd_settings *s, enum tsgd_status *end, uint64_t *hash)
{
    struct tsgd_run *run;
    struct tsgd_summary summary;
    struct tsgd_error err;
    enum tsgd_status st = tsgd_run_create(&run, s, &err);
    if (st != TSGD_OK) {
        fuzz_refused(st, &err);
        MUST(!run);
        return false;
    }
    const struct tsgd_info *info = tsgd_run_info(run);
    uint64_t parameters = info->parameters, tokens = info->tokens;
    *end = tsgd_run_train(run, NULL, NULL, &summary, &err);
    MUST(*end == TSGD_OK || *end == TSGD_EDIVERGED);
    *hash = 0;
    if (*end == TSGD_OK) {
        *hash = summary.last.state_hash;
        fuzz_look(tsgd_run_mean(run), parameters * sizeof(float));
        for (uint64_t a = 0; a < tokens; a++)
            fuzz_look(tsgd_run_token(run, a), parameters * sizeof(float));
    } else {
        fuzz_refused(*end, &err);
        MUST(!tsgd_run_mean(run));
    }
    tsgd_run_free(run);
    return true;
}

/* Other threads, and the other way to mix, give the same bits. */
static void train_twice(struct tsgd_settings *s)
{
    enum tsgd_status end, again;
    uint64_t hash, other;
    if (!train(s, &end, &hash))
        return;
    MUST(tsgd_settings_set(s, "threads", "1", NULL) == TSGD_OK);
    MUST(tsgd_settings_set(s, "save-split", NULL, NULL) == TSGD_OK);
    if (train(s, &again, &other))
        MUST(again == end && other == hash);
}

static void search(const struct tsgd_settings *s)
{
    struct tsgd_tune *t;
    struct tsgd_tuning end;
    struct tsgd_error err;
    size_t n;
    enum tsgd_status st = tsgd_tune_create(&t, s, &err);
    if (st == TSGD_OK) {
        MUST(tsgd_tune_candidates(t, &n) && n > 0);
        st = tsgd_tune_run(t, NULL, NULL, &end, &err);
        MUST(st == TSGD_OK || st == TSGD_EDIVERGED);
    }
    if (st != TSGD_OK)
        fuzz_refused(st, &err);
    tsgd_tune_free(t);
}

static void write_file(const char *path, const uint8_t *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    MUST(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

static void put(uint8_t *file, size_t *n, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        file[(*n)++] = (uint8_t)(number >> shift);
}

/* IDX files: 60 samples to train on, 6 to test, of 2 x 2 pixels and three classes. */
static void make_data(const char *folder)
{
    static const char *const name[] = {
        "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    };
    for (uint32_t i = 0; i < 4; i++) {
        char path[400];
        uint8_t file[300];
        size_t n = 0;
        uint32_t count = i < 2 ? 60 : 6;
        bool images = i % 2 == 0;
        put(file, &n, images ? 0x803 : 0x801);
        put(file, &n, count);
        for (int side = 0; images && side < 2; side++)
            put(file, &n, 2);
        for (uint32_t j = 0; j < (images ? 4 * count : count); j++)
            file[n++] = (uint8_t)(images ? 37 * j + j / 4 % 3 * 50 : j % 3);
        snprintf(path, sizeof path, "%s/%s", folder, name[i]);
        write_file(path, file, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const no_files[] = {NULL};
    static struct fuzz_words words;
    static char path[300], data_set[300];
    struct tsgd_settings *s;
    if (!*path) {
        const char *folder = fuzz_folder(no_files);
        make_data(folder);
        snprintf(data_set, sizeof data_set, "idx:%s", folder);
        snprintf(path, sizeof path, "%s/file", folder);
    }
    if (!fuzz_words(&words, path, &data, &size))
        return -1;
    write_file(path, data, size);
    MUST(tsgd_settings_create(&s, NULL) == TSGD_OK);
    bool searches = begins(&words, "tune");
    set(s, common, sizeof common / sizeof *common);
    if (begins(&words, "data")) {
        set(s, network, sizeof network / sizeof *network);
        MUST(tsgd_settings_set(s, "data", data_set, NULL) == TSGD_OK);
    } else {
        set(s, quadratic, sizeof quadratic / sizeof *quadratic);
    }
    if (!searches)
        MUST(tsgd_settings_set(s, "active", "3", NULL) == TSGD_OK);
    apply(s, &words, path);
    if (searches)
        search(s);
    else
        train_twice(s);
    tsgd_settings_free(s);
    return 0;
}
