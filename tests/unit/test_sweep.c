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
        "threads", "gossip", "memory_bytes", "date", "wall_seconds", "samples_per_second",
        "share_step", "share_mix", "share_eval", "share_wait", "share_other", "steals", "sleeps",
        "workers",
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
        usleep(1000);
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
    static const long long at[] = {1, 3000, 100000, 400000};
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
