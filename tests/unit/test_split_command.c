/* telesgd split: what it counts, what follows from the counts, and the picture. */
#include "data/dataset.h"
#include "data/source.h"
#include "program.h"
#include "run/split_view.h"
#include "sim/settings.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(split, .init = enter_folder, .fini = leave_folder, .timeout = 240);

enum { MOST_COUNTS = 1 << 14 };

/* ---- what JSON says ---- */

static json_t *split_json(const char *options)
{
    char words[512];
    snprintf(words, sizeof words, "split --json %s", options);
    struct result r = run(words);
    expect_code(&r, 0);
    cr_assert(!*r.err, "%s: %s", words, r.err);
    cr_assert(strchr(r.out, '\n') == r.out + strlen(r.out) - 1, "one line, found %s", r.out);
    return json_array_get(parse_lines(r.out), 0);
}

static uint32_t whole(const json_t *o, const char *name)
{
    const json_t *value = json_object_get(o, name);
    cr_assert(json_is_integer(value), "%s", name);
    return (uint32_t)json_integer_value(value);
}

/* counts[node * classes + class], and how many there are. */
static size_t counts_of(const json_t *o, uint32_t *count)
{
    const json_t *node, *value;
    size_t i, c, n = 0;
    json_array_foreach(json_object_get(o, "counts"), i, node)
        json_array_foreach(node, c, value) {
            cr_assert(n < MOST_COUNTS);
            count[n++] = (uint32_t)json_integer_value(value);
        }
    cr_assert_eq(n, (size_t)whole(o, "nodes") * whole(o, "classes"));
    return n;
}

static void expect_real(const json_t *o, const char *name, double wanted)
{
    double found = json_number_value(json_object_get(o, name));
    cr_expect(fabs(found - wanted) <= 1e-8 * fmax(1, fabs(wanted)), "%s: found %.12g, want %.12g",
              name, found, wanted);
}

/* ---- the naive twin: from the file of --save-split and the labels ---- */

static void naive_counts(const char *path, const char *data, uint64_t seed, uint32_t *count)
{
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    cr_assert(tsgd_dataset_load(&d, data, &(struct tsgd_request){.seed = seed}, NULL) == TSGD_OK);
    char *rest = read_file(path), *line;
    uint32_t node = 0;
    memset(count, 0, MOST_COUNTS * sizeof *count);
    while ((line = strsep(&rest, "\n")) && (*line || rest)) {
        if (*line == '#')
            continue;
        for (char *word; (word = strsep(&line, " "));)
            if (*word)
                count[node * d.classes + d.train.labels[atoi(word)]]++;
        node++;
    }
    tsgd_dataset_release(&d);
}

static const struct { const char *options, *data; uint64_t seed; } splits[] = {
    {"--data digits --nodes 9", "digits", 0},
    {"--data digits --nodes 20 --partition dirichlet:0.3", "digits", 0},
    {"--data digits --nodes 33 --partition dirichlet:0.05 --allow-empty", "digits", 0},
    {"--data digits --nodes 20 --partition dirichlet-even:0.1 --seed 4", "digits", 0},
    {"--data digits --nodes 10 --partition shards:2 --subset 500 --split-seed 7", "digits", 0},
    {"--data blobs:3000,4,50 --nodes 20 --split-seed 5 --seed 2", "blobs:3000,4,50", 5},
    {"--data digits --nodes 1", "digits", 0},
};
enum { SPLITS = sizeof splits / sizeof *splits };

Test(split, counts_are_those_of_the_saved_split)
{
    static uint32_t found[MOST_COUNTS], wanted[MOST_COUNTS];
    for (size_t k = 0; k < SPLITS; k++) {
        char options[256];
        snprintf(options, sizeof options, "%s --save-split file", splits[k].options);
        const json_t *o = split_json(options);
        size_t n = counts_of(o, found);
        naive_counts("file", splits[k].data, splits[k].seed, wanted);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(found[i], wanted[i], "%s: count %zu: found %u, want %u", options, i,
                         found[i], wanted[i]);
    }
}

Test(split, the_saved_split_and_the_hash_are_those_of_train)
{
    for (size_t k = 0; k < SPLITS; k++) {
        char options[256], words[512];
        snprintf(options, sizeof options, "%s --save-split one", splits[k].options);
        const json_t *o = split_json(options);
        snprintf(words, sizeof words, "train --model logistic --rounds 1 --active 1 --threads 1 "
                 "%s --save-split two --log log" QUIET, splits[k].options);
        struct result r = run(words);
        expect_code(&r, 0);
        cr_assert_str_eq(read_file("one"), read_file("two"), "%s", options);
        const json_t *config = json_array_get(parse_lines(read_file("log")), 0);
        cr_assert_str_eq(json_string_value(json_object_get(o, "split_hash")),
                         json_string_value(json_object_get(config, "split_hash")), "%s", options);
        cr_assert_eq(whole(o, "samples"), (uint32_t)number(config, "train_samples"), "%s", options);
    }
}

Test(split, a_split_that_is_read_is_the_one_that_was_saved)
{
    static uint32_t drawn[MOST_COUNTS], read[MOST_COUNTS];
    const json_t *a = split_json("--data digits --nodes 30 --partition dirichlet:0.2 --allow-empty "
                                 "--subset 900 --save-split file");
    const json_t *b = split_json("--data digits --nodes 30 --split file --allow-empty");
    size_t n = counts_of(a, drawn);
    cr_assert_eq(n, counts_of(b, read));
    cr_expect(!memcmp(drawn, read, n * sizeof *drawn));
    cr_expect(json_equal(json_object_get(a, "split_hash"), json_object_get(b, "split_hash")));
    cr_expect_eq(whole(a, "samples"), 900);
    cr_expect_eq(whole(a, "left_out"), 537);
}

Test(split, validation_holds_out_what_training_holds_out)
{
    static uint32_t all[MOST_COUNTS], kept[MOST_COUNTS];
#define HELD "--data digits --nodes 12 --partition dirichlet:0.5 "
    const json_t *a = split_json(HELD "--save-split whole");
    const json_t *b = split_json(HELD "--validation 0.2 --save-split held");
    struct result r = run("train --model logistic --rounds 1 --validation 0.2 --threads 1 "
                          "--log log --save-split trained " HELD QUIET);
    expect_code(&r, 0);
    const json_t *config = json_array_get(parse_lines(read_file("log")), 0);
    cr_expect_eq(whole(b, "samples"), (uint32_t)number(config, "train_samples"));
    cr_expect_eq(whole(b, "left_out"), whole(a, "samples") - whole(b, "samples"));
    cr_expect(json_equal(json_object_get(b, "split_hash"), json_object_get(config, "split_hash")));
    cr_expect_str_eq(read_file("whole"), read_file("held"), "the file is the split before that");
    cr_expect_str_eq(read_file("whole"), read_file("trained"));
    size_t n = counts_of(a, all);
    cr_assert_eq(n, counts_of(b, kept));
    for (size_t i = 0; i < n; i++)
        cr_assert(kept[i] <= all[i]);
}

/* The library as others call it: no program, the settings of a run. */
Test(split, a_view_has_the_hash_of_the_run_with_the_same_settings)
{
    struct tsgd_settings *s = settings_of("data=digits model=logistic nodes=11 rounds=1 threads=1 "
                                          "partition=dirichlet:0.4 seed=6");
    struct tsgd_run *run = NULL;
    struct tsgd_shelf *shelf = NULL;
    struct tsgd_split_view v = TSGD_SPLIT_VIEW_INIT;
    uint32_t sum = 0;
    cr_assert(tsgd_run_create(&run, s, NULL) == TSGD_OK);
    cr_assert(tsgd_shelf_create(&shelf, NULL) == TSGD_OK);
    cr_assert(tsgd_split_view_make(&v, shelf, s, NULL) == TSGD_OK);
    tsgd_shelf_free(shelf);
    cr_expect_eq(v.hash, tsgd_run_info(run)->split_hash);
    for (uint32_t i = 0; i < 11; i++)
        sum += tsgd_split_view_samples(&v, i);
    cr_expect(v.nodes == 11 && v.classes == 10 && sum == v.samples);
    tsgd_split_view_release(&v);
    tsgd_split_view_release(&v);
    tsgd_run_free(run);
}

/* ---- statistics, by closed forms ---- */

Test(split, parts_of_iid_differ_by_at_most_one_sample)
{
    const json_t *o = split_json("--data digits --nodes 100");
    cr_expect_eq(whole(o, "samples_least"), 14);        /* 1437 = 63 * 14 + 37 * 15 */
    cr_expect_eq(whole(o, "samples_most"), 15);
    expect_real(o, "samples_mean", 14.37);
    expect_real(o, "samples_median", 14);
    cr_expect_eq(whole(o, "empty_nodes"), 0);
}

Test(split, one_node_is_all_nodes)
{
    const json_t *o = split_json("--data digits --nodes 1");
    expect_real(o, "distance", 0);
    expect_real(o, "effective_classes", json_number_value(
                json_object_get(o, "effective_classes_together")));
    cr_expect(json_equal(json_array_get(json_object_get(o, "counts"), 0),
                         json_object_get(o, "class_samples")));
    cr_expect_eq(whole(o, "classes_least"), 10);
    cr_expect_eq(whole(o, "samples_least"), 1437);
}

/* A shard of 71 or 72 samples, fewer than any class has, holds at most two classes. */
Test(split, shards_hold_few_classes)
{
    const json_t *o = split_json("--data digits --nodes 20 --partition shards:1");
    cr_expect(whole(o, "classes_least") >= 1 && whole(o, "classes_most") <= 2);
    cr_expect(json_number_value(json_object_get(o, "effective_classes")) < 2);
    cr_expect(json_number_value(json_object_get(o, "distance")) > 0.75);
}

/* The first n samples of a class that are not used yet, at the end of `line`. */
static void append_samples(char *line, const struct tsgd_samples *s, bool *used, uint8_t class,
                           int n)
{
    for (uint32_t i = 0; i < s->count && n > 0; i++)
        if (s->labels[i] == class && !used[i]) {
            sprintf(line + strlen(line), "%u ", i);
            used[i] = true;
            n--;
        }
    cr_assert_eq(n, 0);
}

/* A split file of how many samples of which class every node has: {0, 3}, {1, 1}, END_OF_NODE, ..;
 * at most 3000 samples in all.                                                                  */
struct part { int class, n; };
#define END_OF_NODE {-1, 0}
static void write_parts(const char *path, const char *data, const struct part *part, size_t n)
{
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    bool used[3000] = {false};
    char text[512] = "";
    cr_assert(tsgd_dataset_load(&d, data, NULL, NULL) == TSGD_OK);
    for (size_t i = 0; i < n; i++)
        if (part[i].class < 0)
            strcat(text, "\n");
        else
            append_samples(text, &d.train, used, (uint8_t)part[i].class, part[i].n);
    write_file(path, text);
    tsgd_dataset_release(&d);
}

/* Together 3 of class 0, 5 of class 1 and 2 of class 9. */
static void write_small_split(const char *path)
{
    static const struct part parts[] = {
        {0, 3}, {1, 1}, END_OF_NODE, END_OF_NODE, {1, 4}, END_OF_NODE, {9, 2}, END_OF_NODE,
    };
    write_parts(path, "digits", parts, sizeof parts / sizeof *parts);
}

#define SMALL "--data digits --nodes 4 --split small --allow-empty"

Test(split, statistics_of_a_small_split)
{
    write_small_split("small");
    const json_t *o = split_json(SMALL);
    cr_expect_eq(whole(o, "samples"), 10);
    cr_expect_eq(whole(o, "left_out"), 1427);
    cr_expect_eq(whole(o, "samples_least"), 0);
    cr_expect_eq(whole(o, "samples_most"), 4);
    cr_expect_eq(whole(o, "empty_nodes"), 1);
    cr_expect_eq(whole(o, "classes_least"), 1);
    cr_expect_eq(whole(o, "classes_most"), 2);
    expect_real(o, "samples_mean", 2.5);
    expect_real(o, "samples_median", 3);
    expect_real(o, "classes_mean", 4.0 / 3);
    /* p^-p over the shares 3/4 and 1/4, and one class twice */
    expect_real(o, "effective_classes", (pow(4.0 / 3, 0.75) * pow(4, 0.25) + 1 + 1) / 3);
    expect_real(o, "effective_classes_together", pow(1 / 0.3, 0.3) * pow(2, 0.5) * pow(5, 0.2));
    /* 3/4, 1/4, 0 and 0, 1, 0 and 0, 0, 1 from 3/10, 5/10, 2/10 */
    expect_real(o, "distance", (0.45 + 0.5 + 0.8) / 3);
}

/* ---- the picture ---- */

/* Characters of the line at `text`, and where it ends. */
static size_t line_width(const char *text, const char **end)
{
    size_t n = 0;
    for (; *text && *text != '\n'; text++)
        n += (*text & 0xc0) != 0x80;
    *end = text;
    return n;
}

static void expect_line(const char *out, const char *line)
{
    char wanted[256];
    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    cr_expect(strstr(out, wanted) != NULL, "no line '%s' in %s", line, out);
}

/* Levels are for shares of up to (l / levels)^2: 1/4 is level 5 of 9, 4 of 8; 3/10 and 5/10 are 5
 * and 7 of 9, 5 and 6 of 8.                                                                     */
Test(split, the_picture_of_a_small_split)
{
    write_small_split("small");
    setenv("COLUMNS", "80", 1);
    setenv("LC_ALL", "C", 1);
    struct result r = run("split " SMALL);
    expect_code(&r, 0);
    expect_line(r.out, "node  samples  0   1   2   3   4   5   6   7   8   9     distance");
    expect_line(r.out, "   0        4  %%% +++                                   0.450");
    expect_line(r.out, "   1        0                                            -");
    expect_line(r.out, "   2        4      @@@                                   0.500");
    expect_line(r.out, "   3        2                                      @@@   0.800");
    expect_line(r.out, " all       10  +++ ###                             +++");
    expect_line(r.out, "  samples a node     0 to 4, mean 2.5, median 3");
    expect_line(r.out, "  empty nodes        1");
    setenv("LC_ALL", "C.UTF-8", 1);
    r = run("split " SMALL);
    expect_line(r.out, "   0        4  ▇▇▇ ▄▄▄                                   0.450");
    expect_line(r.out, " all       10  ▅▅▅ ▆▆▆                             ▄▄▄");
}

Test(split, the_picture_is_ascii_where_the_locale_is_not_utf8)
{
    static const char *const ascii[] = {"C", "POSIX", "no_SUCH.UTF-8", ""};
    unsetenv("LANG");
    unsetenv("LC_CTYPE");
    for (size_t i = 0; i < sizeof ascii / sizeof *ascii; i++) {
        setenv("LC_ALL", ascii[i], 1);
        struct result r = run("split --data digits --nodes 5");
        expect_code(&r, 0);
        for (const char *c = r.out; *c; c++)
            cr_assert((unsigned char)*c < 0x80, "LC_ALL=%s: %s", ascii[i], r.out);
    }
}

Test(split, the_picture_fits_the_columns)
{
    static const char *const data[] = {
        "digits --nodes 7", "digits --nodes 300",
        "blobs:3000,2,256 --nodes 20 --partition shards:2",
        "blobs:3000,2,97 --nodes 200", "digits --nodes 1000000 --allow-empty",
    };
    char text[16], words[128];
    for (int columns = 40; columns <= 100; columns += 12)
        for (size_t i = 0; i < 2 * sizeof data / sizeof *data; i++) {
            snprintf(text, sizeof text, "%d", columns);
            snprintf(words, sizeof words, "split --data %s", data[i / 2]);
            setenv("COLUMNS", text, 1);
            setenv("LC_ALL", i % 2 ? "C" : "C.UTF-8", 1);
            struct result r = run(words);
            expect_code(&r, 0);
            const char *line = strchr(r.out, '\n'), *end;
            while (strncmp(line, "  samples a node", 16)) {
                size_t n = line_width(line, &end);
                cr_assert(n <= (size_t)columns, "%d columns: '%.*s'", columns, (int)(end - line),
                          line);
                cr_assert(end == line || end[-1] != ' ', "a blank at the end: '%.*s'",
                          (int)(end - line), line);
                line = end + 1;
            }
        }
}

/* 31 classes in 15 columns: 3 a column makes 11, the last of which has class 30 alone. Half of node
 * 0's samples are in column 0, half in column 1; of node 1's, 1/4 and 3/4 in the last two. So 3/4
 * is level 9; the levels of 1/2 and 1/4 are 9 (2/3)^(1/2) = 7.3 and 9 (1/3)^(1/2) = 5.2, rounded
 * up.
 * No class is on both nodes, and they are of one size: half of all is far from each.            */
Test(split, a_column_of_several_classes_has_the_sum_of_their_shares)
{
    static const struct part parts[] = {
        {0, 1}, {2, 1}, {3, 2}, END_OF_NODE, {30, 3}, {29, 1}, END_OF_NODE,
    };
    write_parts("split", "blobs:3000,2,31", parts, sizeof parts / sizeof *parts);
    setenv("COLUMNS", "40", 1);
    setenv("LC_ALL", "C", 1);
    struct result r = run("split --data blobs:3000,2,31 --nodes 2 --split split");
    expect_code(&r, 0);
    expect_line(r.out, "   0        4  %%           0.500");
    expect_line(r.out, "   1        4           *@  0.500");
    expect_line(r.out, "a column is 3 classes");
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

Test(split, many_nodes_are_shown_by_the_first_and_by_quantiles_of_the_distance)
{
    static const char *const notes[] = {"nearest", "10 %", "25 %", "median", "75 %", "90 %",
                                        "farthest"};
    static const int places[] = {0, 4, 10, 20, 30, 36, 40};
    static uint32_t count[MOST_COUNTS];
    double distance[41];
    char text[64];
#define MANY "--data digits --nodes 41 --partition dirichlet:0.5"
    const json_t *o = split_json(MANY), *all = json_object_get(o, "class_samples");
    struct result r = run("split " MANY);
    expect_code(&r, 0);
    counts_of(o, count);
    for (size_t i = 0; i < 41; i++) {
        double samples = 0, sum = 0;
        for (size_t c = 0; c < 10; c++)
            samples += count[10 * i + c];
        for (size_t c = 0; c < 10; c++)
            sum += fabs(count[10 * i + c] / samples -
                        (double)json_integer_value(json_array_get(all, c)) / 1437);
        distance[i] = sum / 2;
    }
    qsort(distance, 41, sizeof *distance, by_size);
    for (size_t q = 0; q < sizeof places / sizeof *places; q++) {
        snprintf(text, sizeof text, " %.3f  %s\n", distance[places[q]], notes[q]);
        cr_expect(strstr(r.out, text), "no '%s' in %s", text, r.out);
    }
    for (int i = 0; i < 12; i++) {
        snprintf(text, sizeof text, "\n%4d ", i);
        cr_expect(strstr(r.out, text), "no node %d in %s", i, r.out);
    }
    cr_expect(strstr(r.out, "\n... 41 not empty, by distance:\n"));
}

Test(split, a_million_nodes_take_no_more_lines)
{
    struct result r = run("split --data digits --nodes 1000000 --allow-empty");
    size_t lines = 0;
    expect_code(&r, 0);
    for (const char *c = r.out; *c; c++)
        lines += *c == '\n';
    cr_expect(lines < 40, "%zu lines", lines);
    expect_line(r.out, "  samples a node     0 to 1, mean 0.001437, median 0");
    expect_line(r.out, "  empty nodes        998,563");
}

/* ---- what is refused ---- */

static const struct { const char *options, *sentence; } refused[] = {
    {"", "--data: is missing"},
    {"--nodes 5", "--data: is missing"},
    {"--data digits --model lenet", "unknown option '--model'"},
    {"--data digits --nodes 1000000", "cannot share 1437 samples"},
    {"--data digits x", "unexpected argument 'x'"},
    {"--data digits --validation 1", "--validation: '1' is not a number above 0 and below 1"},
    {"--data digits --nodes 1000 --validation 0.1 --subset 1000", "--validation: 0.1 of 1000"},
    {"--data digits --save-split mine", "is there, and is no split of telesgd"},
    {"--data digits --split mine --save-split mine", "is the file of --split too"},
    {"--data digits --save-split nowhere/x", "--save-split: cannot write"},
    {"--data digits --nodes 4294967294 --allow-empty", "--nodes: needs "},
};

Test(split, what_is_refused_is_told_in_one_sentence)
{
    write_file("mine", "do not lose me\n");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char words[256];
        snprintf(words, sizeof words, "split %s", refused[i].options);
        struct result r = run(words);
        cr_expect(r.code == 2 && !*r.out, "%s: code %d, %s", words, r.code, r.out);
        cr_expect(strstr(r.err, refused[i].sentence), "%s: %s", words, r.err);
        cr_expect_eq(count_files(), 1, "%s left a file", words);
    }
    cr_expect_str_eq(read_file("mine"), "do not lose me\n");
}

/* The same option means the same, so that it is refused in the same words. */
static const char *const refused_as_in_train[] = {
    "--data digit", "--data digits:3", "--data idx", "--data blobs --data-dir here",
    "--data idx --data-dir nowhere", "--data digits --partition id",
    "--data digits --partition dirichlet", "--data digits --partition shards:2000",
    "--data digits --partition dirichlet:0.01 --nodes 100", "--data digits --nodes 0",
    "--data digits --subset 1438", "--data digits --nodes 1438",
    "--data digits --split nowhere", "--data digits --split mine",
    "--data digits --split mine --partition iid", "--data digits --split mine --subset 5",
    "--data digits --split mine --nodes 3", "--data digits --seed -1",
};

Test(split, settings_are_refused_in_the_words_of_train)
{
    write_file("mine", TSGD_SPLIT_HEADER "nodes=2 samples=3 hash=0123456789abcdef\n0 1\n2\n");
    for (size_t i = 0; i < sizeof refused_as_in_train / sizeof *refused_as_in_train; i++) {
        char words[256];
        snprintf(words, sizeof words, "split %s", refused_as_in_train[i]);
        struct result a = run(words);
        snprintf(words, sizeof words, "train --model logistic %s", refused_as_in_train[i]);
        struct result b = run(words);
        cr_expect(a.code == 2 && b.code == 2, "%s: codes %d and %d", words, a.code, b.code);
        *strchrnul(a.err, '\n') = *strchrnul(b.err, '\n') = 0;
        cr_expect_str_eq(a.err, b.err);
    }
}

Test(split, a_file_of_telesgd_is_replaced_and_any_other_by_force)
{
    write_file("file", "something\n");
    struct result r = run("split --data digits --nodes 5 --save-split file --force");
    expect_code(&r, 0);
    const char *first = read_file("file");
    r = run("split --data digits --nodes 5 --seed 1 --save-split file");
    expect_code(&r, 0);
    cr_expect(strcmp(first, read_file("file")) != 0);
    cr_expect_eq(count_files(), 1);
}

/* Names of files cannot command the terminal. */
Test(split, control_characters_of_names_are_not_printed)
{
    struct result r = run("split --data digits --nodes 5 --save-split s\033[31m");
    expect_code(&r, 0);
    r = run("split --data digits --nodes 5 --split s\033[31m");
    expect_code(&r, 0);
    cr_expect(!strncmp(r.out, "digits, s?[31m: 1,437 samples of 10 classes on 5 nodes\n", 55), "%s",
              r.out);
}

/* In both forms. */
Test(split, classes_are_called_what_the_data_call_them)
{
    FILE *f = fopen("t.csv", "w");
    cr_assert(f != NULL);
    for (int i = 0; i < 60; i++)
        fprintf(f, "%d,%s\n", i, i % 3 == 0 ? "oak" : i % 3 == 1 ? "ash" : "\"red, dark\"");
    cr_assert(fclose(f) == 0);
    struct result r = run("split --data csv:t.csv --nodes 5");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "class names        0 ash, 1 oak, 2 red, dark\n"), "%s", r.out);
    r = run("split --data csv:t.csv --nodes 5 --json");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\"class_names\":[\"ash\",\"oak\",\"red, dark\"],\"counts\":[["), "%s",
              r.out);
    r = run("split --data digits --nodes 5");
    cr_expect(!strstr(r.out, "class names"), "%s", r.out);
}

Test(split, a_full_disk_is_told)
{
    static const char *const options[] = {"", " --json"};
    FILE *full = fopen("/dev/full", "w"), *err;
    cr_assert(full != NULL);
    for (size_t i = 0; i < 2; i++) {
        char words[64];
        snprintf(words, sizeof words, "split --data digits%s", options[i]);
        err = tmpfile();
        cr_assert(err != NULL);
        cr_expect_eq(code_of(start(fileno(full), fileno(err), RLIM_INFINITY, words)), 1);
        rewind(err);
        const char *sentence = contents(err);
        cr_expect(strstr(sentence, "cannot write the standard output"), "%s", sentence);
    }
    fclose(full);
    struct result r = run_limited(512, "split --data digits --save-split file");
    cr_expect_eq(r.code, 2);
    cr_expect(strstr(r.err, "--save-split") || strstr(r.err, "file"), "%s", r.err);
    cr_expect_eq(count_files(), 0);
}
