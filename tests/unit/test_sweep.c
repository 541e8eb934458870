/* telesgd sweep, through the program. What a run of a sweep has to give says `telesgd train` with
 * the same settings, alone; what is chosen is computed here from the candidates' logs.          */
#include "program.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(sweep, .init = enter_folder, .fini = leave_folder, .timeout = 240);

#define SMALL "data = digits\nmodel = logistic\nnodes = 6\nactive = 3\nrounds = 8\nbatch = 8\n"
#define ALONE "train --data digits --model logistic --nodes 6 --active 3 --rounds 8 --batch 8"
#define QUAD20 "train --model quadratic --nodes 6 --active 3 --rounds 20"
#define CONVEX "model = quadratic\nnodes = 6\nactive = 3\nrounds = 20\n"

/* Runs the program with words made as by printf. */
static struct result runf(const char *format, ...) __attribute__((format(printf, 1, 2)));
static struct result runf(const char *format, ...)
{
    char words[1024];
    va_list args;
    va_start(args, format);
    cr_assert(vsnprintf(words, sizeof words, format, args) < (int)sizeof words);
    va_end(args);
    return run(words);
}

/* A sweep of this file into the folder out. */
static struct result sweep(const char *grid, const char *words)
{
    write_file("grid.ini", grid);
    return runf("sweep grid.ini -o out --progress off %s", words);
}

static void expect_sweep(const char *grid, const char *words, int code)
{
    struct result r = sweep(grid, words);
    expect_code(&r, code);
}

/* It ends with this code and says this, before anything is made. */
static void expect_refusal(const char *grid, const char *words, const char *says)
{
    struct result r = sweep(grid, words);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, says), "%s lacks: %s", r.err, says);
    cr_expect(access("out", F_OK) != 0, "a folder was made");
}

static json_t *read_json(const char *path)
{
    char *text = read_file(path);
    for (char *c = text; *c; c++)
        if (*c == '\n')
            *c = ' ';                   /* one line, for parse_lines */
    size_t n = strlen(text);
    cr_assert(n > 0);
    text[n - 1] = '\n';
    return json_array_get(parse_lines(text), 0);
}

/* The lines of a log as text, without what need not be the same in two runs (src/README.md). */
static char *course(const char *path)
{
    static const char *const free_to_differ[] = {
        "threads", "pin", "gossip", "memory_bytes", "date", "wall_seconds", "samples_per_second",
        "share_step", "share_mix", "share_eval", "share_wait", "share_other", "share_ran",
        "share_slept", "share_taken", "steals", "sleeps", "workers",
    };
    char *all = NULL;
    size_t size, lines = 0;
    FILE *out = open_memstream(&all, &size);
    for (char *line = read_file(path); *line; line += strcspn(line, "\n") + 1, lines++) {
        json_t *object = json_loadb(line, strcspn(line, "\n"), 0, NULL);
        cr_assert(object != NULL, "%s: %s", path, line);
        for (size_t i = 0; i < sizeof free_to_differ / sizeof *free_to_differ; i++)
            json_object_del(object, free_to_differ[i]);
        cr_assert(json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(17)) == 0);
        fputc('\n', out);
        json_decref(object);
    }
    cr_assert(fclose(out) == 0 && lines >= 3, "%s has %zu lines", path, lines);
    return keep(all);
}

static void expect_same_course(const char *a, const char *b)
{
    cr_expect(!strcmp(course(a), course(b)), "%s:\n%s\n%s:\n%s", a, course(a), b, course(b));
}

/* The log's name is out/NAME.jsonl; the words are those of train. */
static void expect_alone(const char *name, const char *words)
{
    char path[512];
    snprintf(path, sizeof path, "out/%s.jsonl", name);
    struct result r = runf("%s --log alone" QUIET, words);
    expect_code(&r, 0);
    expect_same_course(path, "alone");
}

static int count_logs(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        n += strstr(e->d_name, ".jsonl") != NULL;
    if (d)
        closedir(d);
    return n;
}

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, (void (*)(struct criterion_test_params *))cr_free);
}

/* When a file was written last. */
static long long stamp(const char *path)
{
    struct stat s;
    cr_assert(stat(path, &s) == 0, "no %s", path);
    return (long long)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec;
}

/* ---- the runs are those of train ---- */

/* Two images of every class, 2x2; each pixel is a function of the place and of `salt`. */
static void write_images(const char *dir, unsigned salt, unsigned labels)
{
    static const char *const part[] = {"train", "t10k"};
    const uint32_t n = 60;
    cr_assert(mkdir(dir, 0777) == 0);
    for (int p = 0; p < 2; p++) {
        char path[64];
        const unsigned char image_head[] = {0, 0, 8, 3, 0, 0, 0, 60, 0, 0, 0, 2, 0, 0, 0, 2};
        const unsigned char label_head[] = {0, 0, 8, 1, 0, 0, 0, 60};
        snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", dir, part[p]);
        FILE *f = fopen(path, "w");
        cr_assert(f && fwrite(image_head, 1, sizeof image_head, f) == sizeof image_head);
        for (uint32_t i = 0; i < 4 * n; i++)
            fputc((int)((i * 37 + salt * 91) % 251), f);
        cr_assert(fclose(f) == 0);
        snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte", dir, part[p]);
        f = fopen(path, "w");
        cr_assert(f && fwrite(label_head, 1, sizeof label_head, f) == sizeof label_head);
        for (uint32_t i = 0; i < n; i++)
            fputc((int)((i * labels) % 10), f);
        cr_assert(fclose(f) == 0);
    }
}

/* Sections whose runs differ in one thing each that data, splits and shares depend on. */
static const struct {
    const char *name, *common[4];
    struct { const char *name, *value[2]; } axis[3];
} sections[] = {
    {"size", {"data=digits", "model=logistic", "seed=7"}, {{"subset", {"300", "400"}}}},
    {"share", {"data=digits", "model=mlp:8", "seed=7"},
     {{"partition", {"iid", "dirichlet:0.7"}}, {"nodes", {"6", "7"}},
      {"validation", {"0.2", "0.4"}}}},
    {"made", {"model=logistic", "seed=7"},
     {{"data", {"blobs:200,8,3", "blobs:200,8,4"}}, {"split-seed", {"3", "4"}}}},
    {"files", {"data=mnist", "model=logistic", "partition=dirichlet:1"},
     {{"data-dir", {"a", "b"}}, {"seed", {"1", "2"}}}},
    {"split", {"data=digits", "model=logistic"}, {{"split", {"s1", "s2"}}, {"seed", {"1", "2"}}}},
    {"whole", {"data=digits", "model=logistic"}, {{"seed", {"1", "2"}}}},
    {"no-data", {"model=quadratic", "lr=0.01"}, {{"dim", {"5", "6"}}, {"seed", {"1", "2"}}}},
};

enum { N_SECTIONS = sizeof sections / sizeof *sections };

static void write_mixed_grid(void)
{
    FILE *f = fopen("grid.ini", "w");
    fprintf(f, "nodes = 6\nactive = 3\nrounds = 8\n");
    for (size_t i = 0; i < N_SECTIONS; i++) {
        fprintf(f, "[%s]\n", sections[i].name);
        for (size_t j = 0; j < 4 && sections[i].common[j]; j++)
            fprintf(f, "%s\n", sections[i].common[j]);
        for (size_t j = 0; j < 3 && sections[i].axis[j].name; j++)
            fprintf(f, "%s = %s, %s\n", sections[i].axis[j].name, sections[i].axis[j].value[0],
                    sections[i].axis[j].value[1]);
    }
    cr_assert(fclose(f) == 0);
}

/* The name and the words of train of combination `at` of a section: a bit for each axis. */
static void name_combination(size_t section, size_t at, char name[256], char words[512])
{
    int n = snprintf(name, 256, "%s", sections[section].name);
    int w = snprintf(words, 512, "train --nodes 6 --active 3 --rounds 8");
    for (size_t j = 0; j < 4 && sections[section].common[j]; j++)
        w += snprintf(words + w, 512 - (size_t)w, " --%s", sections[section].common[j]);
    for (size_t j = 0; j < 3 && sections[section].axis[j].name; j++) {
        const char *axis = sections[section].axis[j].name;
        const char *value = sections[section].axis[j].value[at >> j & 1];
        n += snprintf(name + n, 256 - (size_t)n, "_%s=%s", axis, value);
        w += snprintf(words + w, 512 - (size_t)w, " --%s %s", axis, value);
    }
}

static size_t combinations(size_t section)
{
    size_t n = 1;
    for (size_t j = 0; j < 3 && sections[section].axis[j].name; j++)
        n *= 2;
    return n;
}

static void write_inputs(void)
{
    write_images("a", 1, 3);
    write_images("b", 2, 7);
    struct result r = run(ALONE " --seed 5 --save-split s1" QUIET);
    expect_code(&r, 0);
    r = run(ALONE " --seed 6 --save-split s2" QUIET);
    expect_code(&r, 0);
}

ParameterizedTestParameters(sweep, every_log_is_that_of_train_alone)
{
    static int jobs[] = {1, 2, 5};
    return cr_make_param_array(int, jobs, 3);
}

ParameterizedTest(int *jobs, sweep, every_log_is_that_of_train_alone)
{
    int runs = 0;
    write_inputs();
    write_mixed_grid();
    struct result r = runf("sweep grid.ini -o out --progress off --jobs %d", *jobs);
    expect_code(&r, 0);
    for (size_t i = 0; i < N_SECTIONS; i++)
        for (size_t at = 0; at < combinations(i); at++, runs++) {
            char name[256], words[512];
            name_combination(i, at, name, words);
            expect_alone(name, words);
        }
    cr_expect(count_logs("out") == runs, "%d logs, want %d", count_logs("out"), runs);
}

Test(sweep, a_split_with_an_empty_node_on_the_shelf_is_not_for_who_refuses_it)
{
    const char *grid = "data = digits\nmodel = logistic\nnodes = 60\nsubset = 50\nrounds = 3\n"
                       "active = 3\nallow-empty = true, false\n";
    expect_refusal(grid, "", "1 of 2 runs cannot be made");
}

/* Files are read when the runs are planned, once; nobody needs them after that. */
Test(sweep, data_are_read_once_for_all_runs)
{
    write_images("a", 1, 3);
    write_file("grid.ini", "data = mnist\ndata-dir = a\nmodel = logistic\nnodes = 6\nactive = 3\n"
               "seed = 0..9\nrounds = 20000\n");
    FILE *null = fopen("/dev/null", "w");
    pid_t child = start(fileno(null), fileno(null), RLIM_INFINITY,
                        "sweep grid.ini -o out --jobs 1 --progress off");
    while (count_logs("out") == 0)
        usleep(1000);           /* one that never comes ends in the suite's timeout */
    cr_expect(count_logs("out") < 10, "they are over too soon for this test");
    cr_assert(rename("a", "b") == 0);
    cr_expect(code_of(child) == 0);
    fclose(null);
    cr_expect(count_logs("out") == 10);
    cr_assert(rename("b", "a") == 0);
    expect_alone("seed=9", "train --data mnist --data-dir a --model logistic --nodes 6 --active 3 "
                 "--seed 9 --rounds 20000");
}

/* The most memory that a sweep held, in KiB. */
static long peak(const char *words)
{
    FILE *null = fopen("/dev/null", "w");
    struct rusage after;
    int status;
    pid_t child = start(fileno(null), fileno(null), RLIM_INFINITY, words);
    cr_assert(wait4(child, &status, 0, &after) == child && status == 0);
    fclose(null);
    return after.ru_maxrss;
}

Test(sweep, eight_runs_at_a_time_hold_the_data_once)
{
    write_file("one.ini", "data = blobs:60000,500,10\nmodel = logistic\nnodes = 6\nactive = 1\n"
               "rounds = 3\nsplit-seed = 0\n");
    write_file("eight.ini", "data = blobs:60000,500,10\nmodel = logistic\nnodes = 6\nactive = 1\n"
               "rounds = 3\nsplit-seed = 0\nseed = 0..7\n");
    long one = peak("sweep one.ini -o one --jobs 1 --progress off");
    long eight = peak("sweep eight.ini -o eight --jobs 8 --progress off");
    cr_expect(eight < one + one / 2, "%ld KiB for one run, %ld for eight", one, eight);
}

/* ---- what is there stays ---- */

#define LONG "data = digits\nmodel = logistic\nnodes = 6\nactive = 3\nbatch = 8\nrounds = 3000\n" \
             "eval-every = 10\nseed = 0..3\nlr = 0.1, 0.01\n"

static const char *const long_names[] = {
    "lr=0.1_seed=0", "lr=0.1_seed=1", "lr=0.1_seed=2", "lr=0.1_seed=3",
    "lr=0.01_seed=0", "lr=0.01_seed=1", "lr=0.01_seed=2", "lr=0.01_seed=3",
};
enum { N_LONG = 8 };

static bool is_whole(const char *path)
{
    const char *summary = access(path, F_OK) == 0 ? strstr(read_file(path), "{\"type\":\"summary\"")
                                                  : NULL;
    return summary && strchr(summary, '\n') && !strstr(summary, "\"interrupted\":true");
}

static void log_path(char path[256], const char *folder, size_t i)
{
    snprintf(path, 256, "%s/%s.jsonl", folder, long_names[i]);
}

/* Sends it this signal when so many bytes of logs are there; its exit code. */
static int stop_at(long long bytes, int signal, const char *words)
{
    FILE *null = fopen("/dev/null", "w");
    pid_t child = start(fileno(null), fileno(null), RLIM_INFINITY, words);
    for (long long there = 0; there < bytes; usleep(500)) {
        there = 0;
        for (size_t i = 0; i < N_LONG; i++) {
            char path[256];
            struct stat s;
            log_path(path, "out", i);
            there += stat(path, &s) == 0 ? (long long)s.st_size : 0;
        }
    }
    kill(child, signal);
    int code = code_of(child);
    fclose(null);
    return code;
}

/* Goes on with a sweep that has ended early: whole logs stay, and all are those of an undisturbed
 * one, which is in the folder undisturbed. Returns how many were whole.                         */
static int go_on(void)
{
    long long before[N_LONG];
    char path[256], want[256];
    int whole = 0;
    for (size_t i = 0; i < N_LONG; i++) {
        log_path(path, "out", i);
        before[i] = is_whole(path) ? stamp(path) : -1;
        whole += before[i] >= 0;
    }
    struct result r = run("sweep grid.ini -o out --jobs 2 --progress off");
    expect_code(&r, 0);
    for (size_t i = 0; i < N_LONG; i++) {
        log_path(path, "out", i);
        log_path(want, "undisturbed", i);
        cr_expect(before[i] < 0 || before[i] == stamp(path), "%s was written again", path);
        expect_same_course(path, want);
    }
    return whole;
}

static void make_undisturbed(void)
{
    write_file("grid.ini", LONG);
    struct result r = run("sweep grid.ini -o undisturbed --progress off");
    expect_code(&r, 0);
}

Test(sweep, after_a_kill_the_same_command_makes_what_is_missing)
{
    static const long long at[] = {1, 3000, 100000, 250000};
    make_undisturbed();
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        struct result r = run("sweep grid.ini -o out --dry-run");
        expect_code(&r, 0);
        int code = stop_at(at[i], SIGKILL, "sweep grid.ini -o out --jobs 2 --progress off");
        cr_expect(code == -1, "ended with %d before it was killed", code);
        int whole = go_on();
        cr_expect(whole < N_LONG, "nothing was missing");
        cr_assert(rename("out", i == 0 ? "old0" : i == 1 ? "old1" : i == 2 ? "old2" : "old3") == 0);
    }
}

Test(sweep, an_interrupted_sweep_ends_in_order_and_goes_on)
{
    make_undisturbed();
    for (int jobs = 1; jobs <= 3; jobs += 2) {
        int code = stop_at(150000, SIGINT, jobs == 1 ?
                           "sweep grid.ini -o out --jobs 1 --progress off" :
                           "sweep grid.ini -o out --jobs 3 --progress off");
        cr_expect(code == 130, "code %d", code);
        const json_t *runs = json_object_get(read_json("out/sweep.json"), "runs"), *one;
        int done = 0, waiting = 0;
        size_t i;
        json_array_foreach(runs, i, one) {
            done += !strcmp(json_string_value(json_object_get(one, "state")), "done");
            waiting += !strcmp(json_string_value(json_object_get(one, "state")), "waiting");
        }
        int whole = go_on();
        cr_expect(whole == done && done + waiting == N_LONG && waiting > 0, "%d whole logs, %d "
                  "done, %d waiting", whole, done, waiting);
        cr_assert(rename("out", jobs == 1 ? "old1" : "old3") == 0);
    }
}

/* At the first byte, within the config line, in the middle of numbers, before the last newline. */
Test(sweep, a_log_that_was_cut_anywhere_is_made_again)
{
    unsigned random = 1;
    expect_sweep(SMALL "seed = 0..2\n", "", 0);
    for (int i = 0; i < 24; i++) {
        char path[64], other[64];
        struct stat s;
        snprintf(path, sizeof path, "out/seed=%d.jsonl", i % 3);
        snprintf(other, sizeof other, "out/seed=%d.jsonl", (i + 1) % 3);
        char *want = course(path);
        cr_assert(stat(path, &s) == 0);
        random = random * 1103515245 + 12345;
        off_t at = i < 3 ? 0 : i < 6 ? s.st_size - 1 : i < 12 ? (off_t)(random >> 8) % 900 :
                   (off_t)(random >> 8) % s.st_size;
        long long untouched = stamp(other);
        cr_assert(truncate(path, at) == 0);
        struct result r = run("sweep grid.ini -o out --progress off");
        expect_code(&r, 0);
        cr_expect(!strcmp(want, course(path)), "cut at %d", (int)at);
        cr_expect(stamp(other) == untouched, "%s was written again", other);
    }
}

Test(sweep, more_values_later_make_the_new_runs_alone)
{
    expect_sweep(SMALL "lr = 0.1, 0.01\nseed = 0, 1\n", "", 0);
    long long before = stamp("out/lr=0.01_seed=1.jsonl");
    struct result r = sweep(SMALL "lr = 0.1, 0.05, 0.01\nseed = 0..2\n", "");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "runs            9 of 9 done; 4 were there before"), "%s", r.out);
    cr_expect(count_logs("out") == 9);
    cr_expect(stamp("out/lr=0.01_seed=1.jsonl") == before);
    expect_alone("lr=0.05_seed=2", ALONE " --lr 0.05 --seed 2");
    r = sweep(SMALL "lr = 0.1, 0.05, 0.01\nseed = 0..2\n", "");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "9 of 9 done; 9 were there before"), "%s", r.out);
}

/* ---- what is chosen ---- */

static const json_t *summary_of(const char *path)
{
    const json_t *line = last_line(parse_lines(read_file(path)));
    cr_assert(has_type(line, "summary"), "%s has no summary", path);
    return line;
}

/* What the first cell has chosen of a setting. */
static const char *chosen(const char *setting)
{
    const json_t *cells = json_object_get(read_json("out/sweep.json"), "cells");
    const json_t *values = json_object_get(json_array_get(cells, 0), "chosen");
    const char *text = json_string_value(json_object_get(values, setting));
    return keep(strdup(text ? text : "nothing"));
}

#define TUNED SMALL "seed = 0, 1\n[tune]\nlr = 0.003, 0.3, 30, 1\nmomentum = 0, 0.9\n" \
              "seed = 100, 101\n"

static const struct { const char *name; int better; } judges[] = {
    {"", -1}, {"validation_loss", -1}, {"validation_accuracy", 1}, {"train_loss", -1},
    {"consensus", -1},
};

ParameterizedTestParameters(sweep, the_choice_is_best_on_average_over_the_seeds)
{
    return rows(sizeof judges / sizeof *judges);
}

ParameterizedTest(size_t *row, sweep, the_choice_is_best_on_average_over_the_seeds)
{
    static const char *const lr[] = {"0.003", "0.3", "30", "1"}, *const momentum[] = {"0", "0.9"};
    const char *by = judges[*row].name, *metric = *by ? by : "validation_loss";
    int better = judges[*row].better;
    const char *best_lr = "", *best_momentum = "";
    double best = 0;
    char grid[1024], path[256], words[256];
    snprintf(grid, sizeof grid, *by ? TUNED "by = %s\n" : TUNED, by);
    expect_sweep(grid, "", 0);
    cr_expect(count_logs("out") == 2 && count_logs("out/tune") == 16);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 2; j++) {
            double mean = 0;
            for (int seed = 100; seed < 102; seed++) {
                snprintf(path, sizeof path, "out/tune/lr=%s_momentum=%s_seed=%d.jsonl", lr[i],
                         momentum[j], seed);
                mean += number(summary_of(path), metric) / 2;
            }
            if (!*best_lr || mean * better > best * better) {
                best = mean;
                best_lr = lr[i];
                best_momentum = momentum[j];
            }
        }
    cr_expect(!strcmp(chosen("lr"), best_lr) && !strcmp(chosen("momentum"), best_momentum),
              "by %s: lr %s, momentum %s, want %s, %s", metric, chosen("lr"), chosen("momentum"),
              best_lr, best_momentum);
    for (int seed = 0; seed < 2; seed++) {      /* trained on all samples: without --validation */
        snprintf(path, sizeof path, "seed=%d", seed);
        snprintf(words, sizeof words, ALONE " --seed %d --lr %s --momentum %s", seed, best_lr,
                 best_momentum);
        expect_alone(path, words);
    }
    snprintf(path, sizeof path, "tune/lr=%s_momentum=0_seed=101", lr[2]);
    expect_alone(path, ALONE " --lr 30 --momentum 0 --seed 101 --validation 0.1");
}

/* The first seed alone would choose another one. */
Test(sweep, all_seeds_have_a_say)
{
    static const char *const lr[] = {"0.06", "0.08", "0.1"};
    const char *first = "", *mean = "";
    double least = 1e300, least_sum = 1e300;
    expect_sweep(CONVEX "[tune]\nlr = 0.06, 0.08, 0.1\nseed = 1..3\n", "", 0);
    for (int i = 0; i < 3; i++) {
        double score[3];
        for (int seed = 1; seed <= 3; seed++) {
            char path[64];
            snprintf(path, sizeof path, "out/tune/lr=%s_seed=%d.jsonl", lr[i], seed);
            score[seed - 1] = number(summary_of(path), "grad_norm2");
        }
        double sum = score[0] + score[1] + score[2];
        first = score[0] < least ? lr[i] : first;
        mean = sum < least_sum ? lr[i] : mean;
        least = score[0] < least ? score[0] : least;
        least_sum = sum < least_sum ? sum : least_sum;
    }
    cr_assert(strcmp(first, mean), "both are %s", mean);
    cr_expect(!strcmp(chosen("lr"), mean), "%s, want %s", chosen("lr"), mean);
}

/* With a batch of 1 the condition is not reached, after fewer samples than any that reaches it. */
Test(sweep, what_missed_its_condition_is_never_chosen)
{
    const char *grid = "data = digits\nmodel = logistic\nnodes = 6\nactive = 3\nrounds = 30\n"
                       "lr = 0.5\n[tune]\nbatch = 1, 64\nuntil = validation_accuracy>=0.85\n"
                       "eval-every = 1\nby = samples\nseed = 9\n";
    expect_sweep(grid, "", 0);
    const json_t *missed = summary_of("out/tune/batch=1.jsonl");
    const json_t *reached = summary_of("out/tune/batch=64.jsonl");
    cr_assert(json_is_false(json_object_get(missed, "reached")));
    cr_assert(json_is_true(json_object_get(reached, "reached")));
    cr_assert(number(missed, "samples") < number(reached, "samples"));
    cr_expect(!strcmp(chosen("batch"), "64"));
    expect_alone("run", "train --data digits --model logistic --nodes 6 --active 3 --rounds 30 "
                 "--lr 0.5 --batch 64");
}

Test(sweep, sections_choose_for_themselves_and_quadratics_by_their_gradient)
{
    const char *grid = CONVEX "[plain]\n[heavy]\nzeta2 = 2\n[tune]\nlr = 0.001, 0.05, 0.002\n"
                       "seed = 9\n[tune heavy]\nmomentum = 0.5, 0.9\nseed = 7, 8\n";
    static const char *const lr[] = {"0.001", "0.05", "0.002"}, *const momentum[] = {"0.5", "0.9"};
    double best[2] = {1e300, 1e300};
    char path[256], words[2][256];
    expect_sweep(grid, "", 0);
    cr_expect(count_logs("out") == 2 && count_logs("out/tune") == 3 + 12);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "out/tune/plain_lr=%s.jsonl", lr[i]);
        double score = number(summary_of(path), "grad_norm2");
        if (score < best[0])
            snprintf(words[0], 256, QUAD20 " --lr %s", lr[i]);
        best[0] = score < best[0] ? score : best[0];
        for (int j = 0; j < 2; j++) {
            score = 0;
            for (int seed = 7; seed < 9; seed++) {
                snprintf(path, sizeof path, "out/tune/heavy_lr=%s_momentum=%s_seed=%d.jsonl", lr[i],
                         momentum[j], seed);
                score += number(summary_of(path), "grad_norm2");
            }
            if (score < best[1])
                snprintf(words[1], 256, QUAD20 " --zeta2 2 --lr %s --momentum %s", lr[i],
                         momentum[j]);
            best[1] = score < best[1] ? score : best[1];
        }
    }
    expect_alone("plain", words[0]);
    expect_alone("heavy", words[1]);
}

static const char *state_of(const char *name)
{
    const json_t *runs = json_object_get(read_json("out/sweep.json"), "runs"), *one;
    size_t i;
    json_array_foreach(runs, i, one)
        if (!strcmp(json_string_value(json_object_get(one, "run")), name))
            return json_string_value(json_object_get(one, "state"));
    return "not there";
}

Test(sweep, a_cell_without_a_choice_is_told_and_the_others_go_on)
{
    const char *grid = CONVEX "[bad]\n[good]\n[tune]\nlr = 0.01, 0.02\nseed = 5\n[tune bad]\n"
                       "lr = 1e30, 1e31\n";
    for (int again = 0; again < 2; again++) {
        struct result r = sweep(grid, "");
        expect_code(&r, 1);
        cr_expect(strstr(r.err, "bad: nothing could be chosen: every candidate diverged, missed "
                         "its --until or has no grad_norm2;"), "%s", r.err);
        cr_expect(strstr(r.out, "runs            3 of 6 done, 2 diverged, 1 failed"), "%s", r.out);
        cr_expect(access("out/bad.jsonl", F_OK) != 0 && access("out/good.jsonl", F_OK) == 0);
        cr_expect(!strcmp(state_of("bad"), "failed") && !strcmp(state_of("good"), "done"));
        cr_expect(!strcmp(chosen("lr"), "nothing"));
    }
}

/* Somebody writes the log of one of them. */
Test(sweep, nothing_is_chosen_while_a_candidate_lacks)
{
    const char *grid = SMALL "[tune]\nlr = 0.001, 0.3\nseed = 9\n";
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    cr_assert(mkdir("out", 0777) == 0 && mkdir("out/tune", 0777) == 0);
    int fd = open("out/tune/lr=0.3.jsonl", O_RDWR | O_CREAT, 0666);
    cr_assert(fd >= 0 && fcntl(fd, F_OFD_SETLK, &all) == 0);
    struct result r = sweep(grid, "");
    expect_code(&r, 1);
    cr_expect(strstr(r.err, "nothing is chosen, for a candidate failed"), "%s", r.err);
    cr_expect(strstr(r.out, "1 of 3 done, 2 failed"), "%s", r.out);
    cr_expect(count_logs("out") == 0 && !strcmp(chosen("lr"), "nothing"));
    close(fd);
    expect_sweep(grid, "", 0);
    cr_expect(number(summary_of("out/tune/lr=0.3.jsonl"), "validation_loss") <
              number(summary_of("out/tune/lr=0.001.jsonl"), "validation_loss"));
    expect_alone("run", ALONE " --lr 0.3");
}

Test(sweep, a_sweep_that_goes_on_chooses_alike)
{
    expect_sweep(TUNED, "", 0);
    char *want = course("out/seed=1.jsonl");
    long long before = stamp("out/seed=0.jsonl");
    for (int candidates = 0; candidates < 2; candidates++) {
        cr_assert(unlink("out/seed=1.jsonl") == 0);
        cr_assert(!candidates || unlink("out/tune/lr=0.3_momentum=0.9_seed=100.jsonl") == 0);
        expect_sweep(TUNED, "", 0);
        cr_expect(!strcmp(want, course("out/seed=1.jsonl")));
        cr_expect(before == stamp("out/seed=0.jsonl"), "it was written again");
    }
}

/* ---- the grid ---- */

/* The names that --dry-run lists, with spaces between them. */
static char *names(const struct result *r)
{
    char *all = NULL;
    size_t size;
    FILE *out = open_memstream(&all, &size);
    const char *line = strchr(r->out, '\n');
    cr_assert(line != NULL, "%s", r->out);
    for (line++; *line && *line != '\n'; line += strcspn(line, "\n") + 1)
        fprintf(out, "%s%.*s", ftell(out) ? " " : "", (int)strcspn(line, " "), line);
    cr_assert(fclose(out) == 0);
    return keep(all);
}

static const struct { const char *grid, *words, *want; } grids[] = {
    {SMALL, "", "run"},
    {SMALL "seed = 3..5, 9\n", "", "seed=3 seed=4 seed=5 seed=9"},
    {SMALL "seed = 1, 2\nlr = 0.1, 1e-2\nlazy = false, true\n", "",
     "lr=0.1_lazy=false_seed=1 lr=0.1_lazy=false_seed=2 lr=0.1_lazy=true_seed=1 "
     "lr=0.1_lazy=true_seed=2 lr=0.01_lazy=false_seed=1 lr=0.01_lazy=false_seed=2 "
     "lr=0.01_lazy=true_seed=1 lr=0.01_lazy=true_seed=2"},
    {SMALL "[a]\n[b]\n[c-2]\n", "", "a b c-2"},
    {SMALL "lr = 0.1, 0.2\n[a]\nlr = 0.5\n[b]\n", "", "a b_lr=0.1 b_lr=0.2"},
    {SMALL "lr = 0.1\n[a]\nlr = 0.5, 0.6\n[b]\n[a]\nseed = 1, 2\n", "",
     "a_lr=0.5_seed=1 a_lr=0.5_seed=2 a_lr=0.6_seed=1 a_lr=0.6_seed=2 b"},
    {SMALL "lr = 0.1, 0.2\n[a]\nlr = 0.5\n[b]\n", "lr=0.3", "a b"},
    {SMALL "lr = 0.1, 0.2\n[a]\nlr = 0.5\n[b]\n", "lr=0.3,\0370.4",
     "a_lr=0.3 a_lr=0.4 b_lr=0.3 b_lr=0.4"},
    {SMALL "lr = 0.1, 0.2\n[a]\nlr = 0.5\n[b]\n", "b.lr=0.7 seed=0..1",
     "a_seed=0 a_seed=1 b_seed=0 b_seed=1"},
    {SMALL "[tune]\nlr = 0.1, 0.2\nseed = 8, 9\n", "tune.seed=7 seed=3",
     "tune/lr=0.1 tune/lr=0.2 run"},
    {SMALL "[tune]\nlr = 0.1, 0.2\nseed = 8, 9\n", "tune.lr=0.3 seed=3",
     "tune/seed=8 tune/seed=9 run"},
    {SMALL "[tune]\nlr = 0.1, 0.2\nseed = 8, 9\n", "lr=0.3,\0370.4", "lr=0.3 lr=0.4"},
    {SMALL "[tune]\nlr = 0.1\nseed = 8\n", "tune.by=validation_accuracy", "tune/run run"},
    {SMALL "[a]\n[tune]\nseed = 8\n[tune a]\nlr = 0.1, 0.2\n", "tune\037a.lr=0.3,\0370.4,\0370.5",
     "tune/a_lr=0.3 tune/a_lr=0.4 tune/a_lr=0.5 a"},
    {"data = digits\nnodes = 6\nactive = 3\nmodel = mlp:32,16, mlp:8\n", "",
     "model=mlp:32,16 model=mlp:8"},
    {"# what\n; why\n" SMALL "  lr = 0.1, 0.2 ; as usual\n\n", "", "lr=0.1 lr=0.2"},
    {"\xEF\xBB\xBF" "data = digits\r\nmodel = logistic\r\nlr = 0.1, 0.2\r\n[a]\r\n", "",
     "a_lr=0.1 a_lr=0.2"},
    {SMALL "threads = 1, 2\n", "", "threads=1 threads=2"},
    {SMALL "[tune2]\n[-]\n[tuned]\n", "", "tune2 - tuned"},
};

Test(sweep, runs_are_named_by_what_differs)
{
    for (size_t i = 0; i < sizeof grids / sizeof *grids; i++) {
        write_file("grid.ini", grids[i].grid);
        struct result r = runf("sweep grid.ini -o out --dry-run %s", grids[i].words);
        expect_code(&r, 0);
        cr_expect(!strcmp(names(&r), grids[i].want), "%zu: %s, want %s", i, names(&r),
                  grids[i].want);
        cr_expect(strstr(r.out, "\nexpected time   "), "%s", r.out);
        cr_expect(access("out", F_OK) != 0, "--dry-run made a folder");
    }
}

Test(sweep, the_command_line_stands_in_place_of_the_file)
{
    expect_sweep(SMALL "lr = 0.1, 0.2\n[a]\nlr = 0.5\n[b]\nmomentum = 0.5\n",
                 "lr=0.3 b.momentum=0.9 a.batch=4 seed=0..1", 0);
    cr_expect(count_logs("out") == 4);
    expect_alone("a_seed=1", ALONE " --lr 0.3 --batch 4 --seed 1");
    expect_alone("b_seed=0", ALONE " --lr 0.3 --momentum 0.9 --seed 0");
}

/* Values that a file's name cannot hold, or not all of. */
Test(sweep, names_of_files_are_told_apart)
{
    char deep[200] = "d/", words[1024];
    memset(deep + 2, 'x', 190);
    cr_assert(mkdir("d", 0777) == 0);
    struct result r = run(ALONE " --seed 5 --save-split d/s" QUIET);
    expect_code(&r, 0);
    r = run(ALONE " --seed 6 --save-split d-s" QUIET);
    expect_code(&r, 0);
    r = runf(ALONE " --seed 7 --save-split %s" QUIET, deep);
    expect_code(&r, 0);
    r = runf(ALONE " --seed 8 --save-split %sy" QUIET, deep);
    expect_code(&r, 0);
    r = run(ALONE " --seed 9 --save-split d-s~2" QUIET);
    expect_code(&r, 0);
    snprintf(words, sizeof words, "split=d/s,\037d-s,\037%s,\037%sy,\037d-s~2", deep, deep);
    expect_sweep(SMALL, words, 0);
    cr_expect(count_logs("out") == 5, "%d logs", count_logs("out"));
    expect_alone("split=d-s", ALONE " --split d/s");
    expect_alone("split=d-s~2", ALONE " --split d-s");
    expect_alone("split=d-s-2", ALONE " --split d-s~2");
    expect_sweep(SMALL, words, 0);
}

/* A name is not cut within a character: sweep.json is UTF-8. */
Test(sweep, long_names_in_other_scripts_stay_text)
{
    char name[200] = "x", words[1024];
    for (int i = 0; i < 80; i++)
        strcat(name, "\xC3\xA9");
    struct result r = runf(ALONE " --seed 5 --save-split %s" QUIET, name);
    expect_code(&r, 0);
    r = runf(ALONE " --seed 6 --save-split y%s" QUIET, name);
    expect_code(&r, 0);
    for (int pad = 0; pad < 2; pad++) {
        snprintf(words, sizeof words, "lr=0.1,\037%s split=%s,\037y%s seed=0..1",
                 pad ? "0.2" : "0.25", name, name);
        expect_sweep(SMALL, words, 0);
        cr_expect(json_array_size(json_object_get(read_json("out/sweep.json"), "runs")) == 8);
    }
}

/* Logs and sweep.json are UTF-8. */
Test(sweep, names_that_are_not_text_are_replaced_or_refused)
{
    write_file("g\xFF", SMALL);
    struct result r = run("sweep g\xFF -o o\xFF --progress off");
    expect_code(&r, 0);
    const json_t *o = read_json("o\xFF/sweep.json");
    cr_expect(!strcmp(json_string_value(json_object_get(o, "file")), "g\\xff"));
    r = run(ALONE " --save-split s\xFF" QUIET);
    expect_code(&r, 0);
    expect_refusal(SMALL "split = s\xFF\n", "", "--split: 's?' is not UTF-8");
}

/* ---- what is wrong ---- */

static const struct { const char *grid, *words, *says; } wrongs[] = {
    {SMALL "momentun = 0.9\n", "",
     "grid.ini:7: unknown setting 'momentun'; did you mean 'momentum'?"},
    {SMALL, "momentun=0.9", "momentun=0.9: unknown setting 'momentun'; did you mean 'momentum'?"},
    {SMALL "log = x\n", "", "'log' is not for a sweep"},
    {SMALL "save = x\n", "", "'save' is not for a sweep"},
    {SMALL "save-split = x\n", "", "'save-split' is not for a sweep"},
    {SMALL "trace = x\n", "", "'trace' is not for a sweep"},
    {SMALL "config = x\n", "", "'config' is not for a sweep"},
    {SMALL "dry-run = true\n", "", "'dry-run' is not for a sweep"},
    {SMALL "output = x\n", "", "'output'"},
    {SMALL "jobs = 2\n", "", "'jobs'"},
    {SMALL, "log=x", "'log' is not for a sweep"},
    {SMALL "lr = 0.1, 0.10\n", "", "grid.ini:7: lr: '0.1' stands there twice"},
    {SMALL "seed = 0..1500, 7\n", "", "grid.ini:7: seed: '7' stands there twice"},
    {SMALL "seed = 5..3\n", "", "'5..3' runs backwards"},
    {SMALL "lr = 0.1\nlr = 0.2\n", "", "grid.ini:8: lr: stands there twice"},
    {SMALL "lr = -1\n", "", "grid.ini:7: lr: '-1' is not a number above 0"},
    {SMALL "lr =\n", "", "grid.ini:7: lr: '' is not a number above 0"},
    {SMALL "lr = 0.1, , 0.2\n", "", "grid.ini:7: lr: '' is not a number above 0"},
    {SMALL "split =\n", "", "grid.ini:7: split: the value is empty"},
    {SMALL "seed = 0..200000\n", "", "more than 100000 values"},
    {SMALL "seed = 0..59999\nsubset = 1..50000\n", "",
     "subset: more than 100000 values, with those before it"},
    {SMALL "seed = 0..9999\nbatch =\n", "", "batch"},
    {"seed = 0..9999\nnodes = 1..1000\n", "", "more than 1000000 runs"},
    {"seed = 0..9999\nnodes = 1..9999\nactive = 1..9999\nbatch = 1..9999\ndim = 1..9999\n", "",
     "more than 1000000 runs"},
    {SMALL, "nonsense", "'nonsense' is not NAME=VALUE"},
    {SMALL, "=3", "'=3' is not NAME=VALUE"},
    {SMALL, "a.lr=0.1", "'grid.ini' has no section 'a'"},
    {SMALL, "tune.lr=0.1", "'grid.ini' has no section 'tune'"},
    {SMALL "[a b]\n", "", "section 'a b'"},
    {SMALL "[a/b]\n", "", "section 'a/b'"},
    {SMALL "[.a]\n", "", "section '.a'"},
    {SMALL "[\xC3\xA9]\n", "", "section"},
    {SMALL "[tune tune]\nlr = 1\nseed = 1\n", "", "about a section 'tune', which is not there"},
    {SMALL "[tune a]\nlr = 1\nseed = 1\n", "", "about a section 'a', which is not there"},
    {SMALL "[tune]\nlr = 0.1, 0.2\n", "", "section tune has no seed"},
    {SMALL "[tune]\nseed = 100\n", "", "section tune has nothing to choose"},
    {SMALL "[TUNE]\nlr = 0.1, 0.2\n", "", "section 'TUNE', want 'tune' in small letters"},
    {SMALL "lr = 0.1,0.2\n", "", "(a list has a comma and a space between its values)"},
    {SMALL "[tune]\nlr = 0.1, 0.2\nseed = 9\nby = test_loss\n", "",
     "'test_loss' is nothing to choose by"},
    {SMALL "[tune]\nlr = 0.1, 0.2\nseed = 9\nby = sim_seconds\n", "",
     "by: sim_seconds asks for a clock"},
    {SMALL "[tune]\nlr = 0.1, 0.2\nseed = 9\nby = suboptimality\n", "",
     "by: suboptimality asks for optimum = true"},
    {SMALL "[tune]\nlr = 0.1, 0.2\nseed = 9\nby = distance2\n", "",
     "by: distance2 asks for model = quadratic, or optimum = true"},
    {SMALL "[tune]\nlr = 0.1, 0.2\nseed = 0\n", "",
     "grid.ini:9: seed 0 chooses and is reported too"},
    {SMALL "seed = 1..3\n[tune]\nlr = 0.1, 0.2\nseed = 5, 2\n", "",
     "grid.ini:10: seed 2 chooses and is reported too"},
    {SMALL "seed = 1..3\n[tune]\nlr = 0.1, 0.2\nseed = 5\n", "tune.seed=2",
     "the command line: seed 2 chooses and is reported too"},
    {SMALL "[tune]\nbatch = 4, 8\nseed = 1\n", "",
     "grid.ini:6: batch is chosen in section tune, grid.ini:8; want it in one place"},
    {SMALL "[tune]\nlr = 0.1, 0.2\nseed = 1\n[a]\nlr = 0.1\n", "", "lr is chosen in section tune"},
    {SMALL "[tune]\nlr = 0.1\nepochs = 1, 2\nseed = 1\n", "",
     "grid.ini:9: epochs has 2 values in section tune"},
    {SMALL "[tune]\nlr = 0.1\nby = validation_los\nseed = 1\n", "",
     "did you mean 'validation_loss'?"},
    {SMALL "[tune]\nlr = 0.1\nby = state_hash\nseed = 1\n", "", "state_hash"},
    {SMALL, "active=2,\0377,\0378", "active=7: --active: "},
    {SMALL, "active=2,\0377,\0378", "active=8: --active: "},
    {SMALL, "active=2,\0377,\0378", "2 of 3 runs cannot be made; nothing was trained"},
    {SMALL, "active=7..40", "34 of 34 runs cannot be made (the first are told above)"},
    {"", "", "1 of 1 runs cannot be made"},
    {"{\"type\":\"config\",\"version\":\"1\"}\n", "", "looks like a log"},
    {"lr\n", "", "grid.ini:1"},
    {SMALL "[]\nlr = 0.1\n", "", "grid.ini:7: section ''"},
    {SMALL "[a] lr = 0.1\n", "", "grid.ini:7: 'lr = 0.1"},
    {SMALL "[a\n", "", "grid.ini:7: not a line"},
    {SMALL, ".lr=0.1", "'.lr=0.1' is not NAME=VALUE"},
};

ParameterizedTestParameters(sweep, what_is_wrong_is_told_before_anything_is_made)
{
    return rows(sizeof wrongs / sizeof *wrongs);
}

ParameterizedTest(size_t *row, sweep, what_is_wrong_is_told_before_anything_is_made)
{
    expect_refusal(wrongs[*row].grid, wrongs[*row].words, wrongs[*row].says);
}

Test(sweep, files_that_cannot_be_are_told)
{
    write_file("grid.ini", SMALL);
    write_file("file", "mine\n");
    static const struct { const char *words, *says; } all[] = {
        {"sweep grid.ini", "--output: is missing"},
        {"sweep -o out", "FILE"},
        {"sweep nothing -o out", "cannot read 'nothing'"},
        {"sweep . -o out", "cannot read '.'"},
        {"sweep grid.ini -o file", "--output: 'file' is not a folder"},
        {"sweep grid.ini -o file/out", "--output: cannot make the folder 'file/out'"},
        {"sweep grid.ini -o /proc/no/out", "--output: cannot make the folder '/proc/no/out'"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct result r = run(all[i].words);
        expect_code(&r, 2);
        cr_expect(strstr(r.err, all[i].says), "%s: %s", all[i].words, r.err);
    }
    cr_expect(access("out", F_OK) != 0 && !strcmp(read_file("file"), "mine\n"));
}

/* Puts `to` in place of the first `from` in a file. */
static void alter(const char *path, const char *from, const char *to)
{
    char *text = read_file(path), *at = strstr(text, from);
    cr_assert(at != NULL, "no %s in %s", from, text);
    FILE *f = fopen(path, "w");
    fprintf(f, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    cr_assert(fclose(f) == 0);
}

Test(sweep, a_log_that_is_not_of_this_sweep_is_kept)
{
    const char *grid = SMALL "seed = 0, 1\n";
    static const struct { const char *from, *to, *says; } changes[] = {
        {"\"lr\":0.1", "\"lr\":0.2", "out/seed=1.jsonl: is of a run with lr 0.2, want 0.1"},
        {"\"command\":\"train\"", "\"command\":\"tune\"", "is of a run with command tune"},
        {"\"version\":\"", "\"version\":\"0.", "out/seed=1.jsonl: is of a run with version 0."},
        {"\"split_hash\":\"", "\"split_hash\":\"x", "is of a run with split_hash x"},
        {"{\"type\":\"config\"", "{\"kind\":\"config\"",
         "out/seed=1.jsonl: is not a log of telesgd"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        expect_sweep(grid, "", 0);
        alter("out/seed=1.jsonl", changes[i].from, changes[i].to);
        char *before = read_file("out/seed=1.jsonl");
        struct result r = sweep(grid, "");
        expect_code(&r, 2);
        cr_expect(strstr(r.err, changes[i].says), "%s", r.err);
        cr_expect(!strcmp(before, read_file("out/seed=1.jsonl")));
        cr_assert(unlink("out/seed=1.jsonl") == 0);
    }
    write_file("out/seed=1.jsonl", "mine\n");
    struct result r = sweep(grid, "");
    expect_code(&r, 2);
    cr_expect(!strcmp(read_file("out/seed=1.jsonl"), "mine\n"));
    cr_assert(unlink("out/seed=1.jsonl") == 0 && mkdir("out/seed=1.jsonl", 0777) == 0);
    r = sweep(grid, "");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "out/seed=1.jsonl"), "%s", r.err);
}

/* What decides neither results nor who made them may differ. */
Test(sweep, a_log_of_other_threads_is_of_this_sweep)
{
    expect_sweep(SMALL "threads = 2\nseed = 0, 1\n", "", 0);
    struct result r = sweep(SMALL "threads = 1\nseed = 0, 1\n", "");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "2 were there before"), "%s", r.out);
}

Test(sweep, files_that_telesgd_did_not_write_are_not_replaced)
{
    static const char *const name[] = {"results.csv", "curves.csv", "sweep.json",
                                       "tune/results.csv", "tune/curves.csv"};
    cr_assert(mkdir("out", 0777) == 0 && mkdir("out/tune", 0777) == 0);
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        char path[64];
        snprintf(path, sizeof path, "out/%s", name[i]);
        write_file(path, "mine");
        struct result r = sweep(SMALL "[tune]\nlr = 0.1, 0.3\nseed = 9\n", "");
        expect_code(&r, 2);
        cr_expect(strstr(r.err, path) && strstr(r.err, "is of no sweep of telesgd"), "%s", r.err);
        cr_expect(!strcmp(read_file(path), "mine") && count_logs("out") == 0);
        write_file(path, "");
    }
    for (int again = 0; again < 2; again++)
        expect_sweep(SMALL "[tune]\nlr = 0.1, 0.3\nseed = 9\n", "", 0);
}

Test(sweep, a_folder_is_for_one_sweep_at_a_time)
{
    cr_assert(mkdir("out", 0777) == 0 && symlink("out", "link") == 0);
    int fd = open("out", O_RDONLY);
    cr_assert(fd >= 0 && flock(fd, LOCK_EX) == 0);
    write_file("grid.ini", SMALL);
    struct result r = run("sweep grid.ini -o link/ --progress off");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "another sweep is at work in 'link/'"), "%s", r.err);
    close(fd);
    r = run("sweep grid.ini -o link/ --progress off");
    expect_code(&r, 0);
    expect_alone("run", ALONE);
}

Test(sweep, a_run_that_fails_is_told_and_the_others_go_on)
{
    write_file("grid.ini", SMALL "eval-every = 1\n[short]\n[long]\nrounds = 300\n[other]\n");
    struct result r = run_limited(20000, "sweep grid.ini -o out --jobs 1 --progress off");
    expect_code(&r, 1);
    cr_expect(strstr(r.err, "long: --log: cannot write 'out/long.jsonl'"), "%s", r.err);
    cr_expect(!strcmp(state_of("long"), "failed"));
    cr_expect(!strcmp(state_of("short"), "done") && !strcmp(state_of("other"), "done"));
    cr_expect(strstr(r.out, "2 of 3 done, 1 failed"), "%s", r.out);
    long long before = stamp("out/short.jsonl");
    r = run("sweep grid.ini -o out --jobs 1 --progress off");
    expect_code(&r, 0);
    cr_expect(before == stamp("out/short.jsonl"));
    expect_alone("long", ALONE " --eval-every 1 --rounds 300");
}

Test(sweep, checkpoints_that_cannot_be_written_are_told_once_a_run_and_the_runs_go_on)
{
    static const char *const names[] = {"a", "b"};
    write_file("grid.ini", "data = digits\nmodel = mlp:64\nnodes = 6\nactive = 2\n"
               "rounds = 1000\neval-every = 500\n[a]\n[b]\nseed = 2\n");
    struct result r = run_limited(20000, "sweep grid.ini -o out --jobs 1 --checkpoint-every 2 "
                                  "--progress off");
    expect_code(&r, 0);
    const char *line = r.err;
    for (size_t i = 0; i < 2; i++) {
        char start[120], end[] = "; the training goes on, and there is none yet\n";
        snprintf(start, sizeof start, "telesgd: %s: --checkpoint: cannot write 'out/%s.ckpt': "
                 "File too large (round 2)", names[i], names[i]);
        cr_assert(!strncmp(line, start, strlen(start)), "wants %s, says %s", start, r.err);
        line += strlen(start);
        cr_assert(!strncmp(line, end, strlen(end)), "%s", r.err);
        line += strlen(end);
    }
    cr_expect(!*line, "%s", line);
}

Test(sweep, a_file_may_come_through_a_pipe)
{
    write_file("grid.ini", SMALL);
    FILE *null = fopen("/dev/null", "w");
    int ends[2];
    cr_assert(pipe(ends) == 0 && write(ends[1], SMALL, strlen(SMALL)) > 0);
    cr_assert(dup2(ends[0], STDIN_FILENO) >= 0 && close(ends[1]) == 0);
    cr_expect(code_of(start(fileno(null), fileno(null), RLIM_INFINITY,
                            "sweep /dev/stdin -o out --progress off")) == 0);
    fclose(null);
    expect_alone("run", ALONE);
}

/* ---- results ---- */

struct table {
    char *cell[64][64];         /* row 0 is the heading */
    size_t rows, columns;
};

/* A file of comma-separated values, with quotes as in RFC 4180. */
static struct table *read_table(const char *path)
{
    struct table *t = (struct table *)keep(calloc(1, sizeof *t));
    char *in = read_file(path), *out = keep(malloc(strlen(in) + 1));
    for (size_t column = 0; *in;) {
        bool quoted = *in == '"';
        t->cell[t->rows][column] = out;
        for (in += quoted; quoted ? *in != '"' || in[1] == '"' : !strchr(",\n", *in); in++) {
            in += quoted && *in == '"';
            *out++ = *in;
        }
        in += quoted;
        *out++ = 0;
        column++;
        cr_assert(*in == ',' || *in == '\n', "%s: %s", path, in);
        if (*in++ == ',')
            continue;
        t->columns = t->rows ? t->columns : column;
        cr_assert(column == t->columns, "%s: row %zu has %zu cells", path, t->rows, column);
        column = 0;
        cr_assert(++t->rows < 64);
    }
    return t;
}

static size_t column_of(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->columns; i++)
        if (!strcmp(t->cell[0][i], name))
            return i;
    cr_assert_fail("no column %s", name);
    return 0;
}

/* A cell says what the log does; an empty one that there is no such field, or null. */
static void expect_cell(const char *cell, const json_t *value, const char *name)
{
    if (json_is_string(value))
        cr_expect(!strcmp(cell, json_string_value(value)), "%s: %s", name, cell);
    else if (json_is_number(value))
        cr_expect(*cell && strtod(cell, NULL) == json_number_value(value), "%s: %s, want %.17g",
                  name, cell, json_number_value(value));
    else if (json_is_boolean(value))
        cr_expect(!strcmp(cell, json_is_true(value) ? "true" : "false"), "%s: %s", name, cell);
    else
        cr_expect(!*cell, "%s: %s", name, cell);
}

/* Settings come from the config line; a number of the same name is NAME_used. */
static void expect_row(const struct table *t, size_t row, size_t settings, const json_t *config,
                       const json_t *line)
{
    for (size_t i = 1; i < t->columns; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", t->cell[0][i]);
        if (!strcmp(name, "state") || !strcmp(name, "log"))
            continue;
        if (i > settings && strlen(name) > 5 && !strcmp(name + strlen(name) - 5, "_used"))
            name[strlen(name) - 5] = 0;
        expect_cell(t->cell[row][i], json_object_get(i <= settings ? config : line, name),
                    t->cell[0][i]);
    }
}

#define RESULTS "seed = 0, 1\n[net]\ndata = digits\nmodel = mlp:8,4, logistic\nnodes = 6\n" \
                "active = 3\nrounds = 12\neval-every = 5\nlr = 0.12345678901234\nsplit = a\"b,c\n" \
                "[convex]\nmodel = quadratic\nnodes = 6\nactive = 2\nrounds = 10\nlr = 0.01\n" \
                "[away]\nmodel = quadratic\nnodes = 6\nactive = 2\nrounds = 10\nlr = 1e30\n"

Test(sweep, every_number_of_the_results_is_that_of_a_log)
{
    struct result r = run(ALONE " --save-split a\"b,c" QUIET);
    expect_code(&r, 0);
    expect_sweep(RESULTS, "", 0);
    const struct table *t = read_table("out/results.csv"), *curves = read_table("out/curves.csv");
    size_t log = column_of(t, "log"), state = column_of(t, "state"), at = 1;
    cr_expect(t->rows == 1 + 8, "%zu rows", t->rows);
    for (size_t row = 1; row < t->rows; row++) {
        char path[512], column[64];
        snprintf(path, sizeof path, "out/%s", t->cell[row][log]);
        const json_t *lines = parse_lines(read_file(path)), *config = json_array_get(lines, 0);
        const json_t *summary = last_line(lines), *value;
        const char *name;
        bool diverged = json_is_true(json_object_get(summary, "diverged"));
        cr_expect(diverged == !strncmp(t->cell[row][0], "away", 4));
        cr_expect(!strcmp(t->cell[row][state], diverged ? "diverged" : "done"));
        cr_expect(!strcmp(t->cell[row][state], state_of(t->cell[row][0])));
        snprintf(path, sizeof path, "%s.jsonl", t->cell[row][0]);
        cr_expect(!strcmp(path, t->cell[row][log]));
        expect_row(t, row, state - 1, config, summary);
        json_object_foreach((json_t *)summary, name, value) {
            bool both = json_object_get(config, name) != NULL;
            snprintf(column, sizeof column, "%s%s", name, both ? "_used" : "");
            if (strcmp(name, "type") && !json_is_array(value))
                column_of(t, column);
        }
        for (size_t i = 1; i + 1 < json_array_size(lines); i++, at++) {
            cr_assert(at < curves->rows, "%zu rows", curves->rows);
            cr_expect(!strcmp(curves->cell[at][0], t->cell[row][0]));
            expect_row(curves, at, state - 1, config, json_array_get(lines, i));
        }
    }
    cr_expect(at == curves->rows, "%zu rows, want %zu", curves->rows, at);
    column_of(t, "test_accuracy");
    column_of(t, "grad_norm2");
    column_of(curves, "test_accuracy");
    column_of(curves, "grad_norm2");
}

Test(sweep, sweep_json_says_what_the_sweep_was)
{
    expect_sweep(TUNED, "", 0);
    const json_t *o = read_json("out/sweep.json"), *runs = json_object_get(o, "runs"), *one;
    size_t i, reported = 0;
    cr_expect(has_type(o, "sweep"));
    cr_expect(!strcmp(json_string_value(json_object_get(o, "file")), "grid.ini"));
    const json_t *common = json_object_get(o, "settings");
    cr_expect(!strcmp(json_string_value(json_object_get(common, "nodes")), "6"));
    cr_expect(json_object_get(common, "lr") == NULL && json_object_get(common, "seed") == NULL);
    cr_expect(json_array_size(runs) == 18);
    json_array_foreach(runs, i, one) {
        char path[256];
        const json_t *settings = json_object_get(one, "settings"), *value;
        const char *name;
        snprintf(path, sizeof path, "out/%s", json_string_value(json_object_get(one, "log")));
        const json_t *config = json_array_get(parse_lines(read_file(path)), 0);
        json_object_foreach((json_t *)settings, name, value)
            cr_expect(strtod(json_string_value(value), NULL) == number(config, name), "%s %s",
                      path, name);
        cr_expect(json_object_get(settings, "lr") && json_object_get(settings, "seed"));
        reported += strncmp(path, "out/tune/", 9) != 0;
    }
    cr_expect(reported == 2);
    const struct table *t = read_table("out/tune/results.csv");
    cr_expect(t->rows == 17 && read_table("out/results.csv")->rows == 3);
    column_of(t, "validation_loss");
}

Test(sweep, dry_run_counts_the_runs_and_those_that_are_there)
{
    expect_sweep(SMALL "seed = 0..2\n", "", 0);
    write_file("grid.ini", SMALL "seed = 0..4\n");
    struct result r = run("sweep grid.ini -o out --dry-run");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\n5 runs; 3 there already\n"), "%s", r.out);
    cr_expect(strstr(r.out, "\nexpected time   "), "%s", r.out);
    cr_expect(count_logs("out") == 3);
}

/* Choices follow from logs that are there, and with them which runs are. */
Test(sweep, dry_run_knows_what_was_chosen)
{
    expect_sweep(TUNED, "", 0);
    struct result r = run("sweep grid.ini -o out --dry-run");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "; 18 there already\n"), "%s", r.out);
    cr_assert(unlink("out/tune/lr=30_momentum=0_seed=100.jsonl") == 0);
    r = run("sweep grid.ini -o out --dry-run");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "; 15 there already\n"), "%s", r.out);
}
