/* What this machine gives: spreads, other load, hand-offs; and `telesgd bench` over all of them,
 * for a short while. Nothing here looks at how long anything takes.                             */
#include <criterion/criterion.h>
#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cpu.h"
#include "run/handoff.h"
#include "bench/limits.h"
#include "bench/load.h"
#include "program.h"
#include "scratch.h"

TestSuite(bench, .init = enter_folder, .fini = leave_folder, .timeout = 240);

#define SHORT "bench --seconds 0.05 --progress off --model logistic --input 20 --batch 16 "

/* ---- timing ---- */

Test(bench, a_spread_is_of_sorted_times)
{
    double ns[] = {5, 1, 9, 3, 7, 2, 8, 4, 6, 10};
    struct tsgd_timing t = tsgd_timing_of(ns, 10);
    cr_expect(t.least == 1 && t.median == 6 && t.p90 == 10 && t.most == 10 && t.n == 10);
    cr_expect(tsgd_timing_of(ns, 0).n == 0 && tsgd_timing_of(ns, 0).median == 0);
}

static void count(void *calls) { ++*(unsigned *)calls; }

Test(bench, three_turns_are_timed_however_short_the_time)
{
    unsigned calls = 0;
    struct tsgd_timing t = tsgd_time_calls(count, &calls, 0);
    cr_expect(t.n >= 3 && calls >= 4, "%zu turns, %u calls", t.n, calls);
    cr_expect(t.least <= t.median && t.median <= t.p90 && t.p90 <= t.most);
    cr_expect(t.ran >= 0 && t.ran <= 1);
}

/* ---- other load ---- */

/* What the system told at two moments: `user` and `stolen` are in ticks of a hundredth. */
static struct tsgd_load told(const char *folder, int user, int stolen)
{
    struct tsgd_load load;
    char path[64], text[128];
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/stat", folder);
    snprintf(text, sizeof text, "cpu  %d 10 20 100000 77 3 4 %d 0 0\ncpu0 1 2 3 4\n", user, stolen);
    write_file(path, text);
    tsgd_load_read(&load, folder);
    return load;
}

Test(bench, others_are_what_the_machine_did_less_what_this_process_did)
{
    double ticks = (double)sysconf(_SC_CLK_TCK);
    struct tsgd_load a = told("a", 1000, 50), b = told("b", 1700, 150);
    cr_expect(fabs(a.all - (1000 + 10 + 20 + 3 + 4 + 50) / ticks) < 1e-9, "not idle, not waiting");
    cr_expect(b.own >= a.own && b.wall >= a.wall);
    b.wall = a.wall + 4;
    b.own = a.own + 3;
    cr_expect(fabs(tsgd_load_others(&a, &b) - (800 / ticks - 3) / 4) < 1e-9);
    b.own = a.own + 9;                  /* ticks are coarse */
    cr_expect(tsgd_load_others(&a, &b) == 0);
    b.wall = a.wall + 0.05;
    cr_expect(isnan(tsgd_load_others(&a, &b)), "too short to tell");
}

Test(bench, a_system_that_tells_nothing_is_not_taken_for_an_idle_one)
{
    struct tsgd_load a, b;
    tsgd_load_read(&a, "nowhere");
    b = a;
    b.wall = a.wall + 1;
    cr_expect(isnan(a.all) && isnan(tsgd_load_others(&a, &b)));
    cr_expect(isnan(tsgd_load_average("nowhere")));
    write_file("loadavg", "1.25 2.5 3 1/100 4711\n");
    cr_expect(tsgd_load_average(".") == 1.25);
}

Test(bench, it_says_what_others_did_to_a_figure)
{
    static const struct { double ran, others, spare; bool moves; const char *says; } cases[] = {
        {1, 0, 1, false, ""}, {0.99, 0.9, 1, false, ""},
        {0.8, 0.9, 1, false, "ran 80 % of its time, others kept 0.9 CPUs busy"},
        {0.8, NAN, 1, true, "ran 80 % of its time"},
        {1, 0.9, 1, true, "others kept 0.9 CPUs busy"},
        {NAN, 0.9, 0, false, "others kept 0.9 CPUs busy"}, {NAN, 0.04, 0, false, ""},
        {NAN, 0.5, -14, false, "others kept 0.5 CPUs busy"}, {NAN, NAN, 0, true, ""},
    };
    char text[96];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tsgd_load_disturbance(text, cases[i].ran, cases[i].others, cases[i].spare, cases[i].moves);
        cr_expect(!strcmp(text, cases[i].says), "case %zu: '%s'", i, text);
    }
}

/* ---- limits ---- */

Test(bench, a_hand_off_leaves_the_thread_its_cpus)
{
    struct tsgd_timing t;
    struct tsgd_error err = {.text = ""};
    uint32_t cpus = tsgd_cpu_count();
    for (int claims = 0; claims < 2; claims++) {
        enum tsgd_status st = tsgd_hand_off(&t, claims, 0.001, &err);
        if (cpus < 2) {
            cr_expect(st == TSGD_EINVAL && strstr(err.text, "needs two CPUs"), "%s", err.text);
            continue;
        }
        cr_assert(st == TSGD_OK, "%s", err.text);
        cr_expect(t.n >= 3 && t.least > 0 && t.least <= t.median && t.median <= t.most);
    }
    if (cpus > 1)
        cr_expect(tsgd_wake_up(&t, 0.001, &err) == TSGD_OK && t.n >= 3 && t.least > 0);
    cr_expect(tsgd_cpu_count() == cpus);
}

/* Operations of a run: two for each lane of each of its sums, so many steps. */
Test(bench, instruction_sets_stand_narrow_to_wide)
{
    size_t n = tsgd_limit_isas();
    cr_assert(n >= 1 && tsgd_limit_isa(n - 1) && !tsgd_limit_isa(n));
    for (size_t i = 1; i < n; i++)
        cr_expect(tsgd_limit_flops(i) > tsgd_limit_flops(i - 1));
}

/* ---- the command ---- */

static json_t *item(const json_t *o, const char *group, size_t i)
{
    json_t *found = json_array_get(json_object_get(o, group), i);
    cr_assert(found, "%s %zu", group, i);
    return found;
}

static void expect_spread(const json_t *figure, const char *unit)
{
    const json_t *spread = json_object_get(figure, unit);
    double least = number(spread, "least"), median = number(spread, "median");
    cr_expect(0 < least && least <= median && median <= number(spread, "most"), "%s", unit);
    cr_expect(number(spread, "turns") >= 3);
    cr_expect(json_is_boolean(json_object_get(figure, "disturbed")));
    const json_t *others = json_object_get(figure, "others_cpus");
    cr_expect(json_is_null(others) || json_number_value(others) >= 0);
}

static const struct { const char *group, *name, *unit; size_t least; } groups[] = {
    {"peak", "isa", "gflops", 1}, {"bandwidth", "where", "gbytes_per_second", 3},
    {"step", "model", "milliseconds", 1}, {"gossip", "how", "milliseconds", 8},
    {"training", "model", "steps_per_second", 1}, {"hand_off", "how", "nanoseconds", 0},
};

static json_t *bench_json(const char *words)
{
    char line[256];
    snprintf(line, sizeof line, SHORT "--json %s", words);
    struct result r = run(line);
    expect_code(&r, 0);
    cr_expect(!*r.err, "%s", r.err);
    json_t *lines = parse_lines(r.out), *o = json_incref(json_array_get(lines, 0));
    cr_assert(json_array_size(lines) == 1);
    return o;
}

Test(bench, the_json_has_every_figure_with_its_spread)
{
    json_t *o = bench_json("--threads 3");
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        const json_t *list = json_object_get(o, groups[g].group);
        cr_assert(json_array_size(list) >= groups[g].least, "%s", groups[g].group);
        for (size_t i = 0; i < json_array_size(list); i++) {
            cr_expect(json_is_string(json_object_get(json_array_get(list, i), groups[g].name)));
            expect_spread(json_array_get(list, i), groups[g].unit);
        }
    }
    cr_expect(number(o, "cpus") >= 1 && number(o, "machine_cpus") >= 1);
    cr_expect(json_array_size(json_object_get(o, "hand_off")) == (number(o, "cpus") > 1 ? 2 : 0));
    json_decref(o);
}

/* A logistic regression of 20 numbers and 10 classes: 210 parameters; 2 x 20 x 10 operations a
 * sample forward, as many for the gradient of the weights, and none for that of the input.      */
Test(bench, figures_are_compared_with_what_they_ought_to_be)
{
    static const double threads[] = {1, 2, 3};
    json_t *o = bench_json("--threads 3");
    const json_t *peaks = json_object_get(o, "peak"), *step = item(o, "step", 0);
    const json_t *widest = json_array_get(peaks, json_array_size(peaks) - 1);
    double peak = number(json_object_get(widest, "gflops"), "median");
    double ms = number(json_object_get(step, "milliseconds"), "median");
    double one = number(json_object_get(item(o, "training", 0), "steps_per_second"), "median");
    cr_expect(number(step, "parameters") == 210);
    cr_expect(fabs(number(step, "of_peak") * peak * ms * 1e6 / (16 * 2 * 2 * 20 * 10) - 1) < 1e-6,
              "%g operations", number(step, "of_peak") * peak * ms * 1e6);
    cr_assert(json_array_size(json_object_get(o, "training")) == 3);
    const char *hash = json_string_value(json_object_get(item(o, "training", 0), "state_hash"));
    for (size_t i = 0; i < 3; i++) {
        const json_t *f = item(o, "training", i);
        double rate = number(json_object_get(f, "steps_per_second"), "median");
        cr_expect(number(f, "threads") == threads[i]);
        cr_expect(fabs(number(f, "speed_up") - rate / one) < 1e-6 * rate / one);
        cr_expect(!strcmp(json_string_value(json_object_get(f, "state_hash")), hash),
                  "the same result with %g threads", threads[i]);
    }
    json_decref(o);
}

Test(bench, the_table_and_the_picture_show_the_same)
{
    struct result r = run(SHORT "--threads 2 --plot curve.svg");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\nwhat ") && strstr(r.out, "other load\n"), "%s", r.out);
    cr_expect(strstr(r.out, "\nstep logistic (210 floats)"), "%s", r.out);
    cr_expect(strstr(r.out, "\ntraining logistic, 1 thread ") && strstr(r.out, ", 2 threads "));
    cr_expect(strstr(r.out, "nobody else was felt") || strstr(r.out, "beside other load"));
    cr_expect(strstr(r.out, "written  curve.svg\n"));
    cr_expect(!strstr(r.out, " \n"), "no blanks at a line's end: %s", r.out);
    const char *picture = read_file("curve.svg");
    cr_expect(strstr(picture, "logistic, 8 tokens") && strstr(picture, "as many times") &&
              strstr(picture, "<!-- by telesgd bench -->"));
    write_file("mine.svg", "<svg/>\n");
    expect_program_refuses(SHORT "--plot mine.svg", 2, "--plot: 'mine.svg' is there");
    cr_expect(!strcmp(read_file("mine.svg"), "<svg/>\n"));
}

Test(bench, what_cannot_be_measured_is_refused_at_once)
{
    expect_program_refuses("bench --model lenett", 2, "--model: ");
    expect_program_refuses("bench --model quadratic", 2, "quadratic");
    expect_program_refuses("bench --model vgg11 --input 1x8x8", 2, "vgg11");
    expect_program_refuses("bench --input 3x", 2, "--input: found '3x'");
    expect_program_refuses("bench --isa mmx", 2, "--isa: ");
    expect_program_refuses("bench --seconds 0", 2, "--seconds: ");
    expect_program_refuses("bench --plot curve.gif", 2, "--plot: 'curve.gif' is no");
    expect_program_refuses("bench now", 2, "bench");
}

static void expect_lack(const char *words, const char *sentence)
{
    struct result r = run(words);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, sentence), "%s", r.err);
    cr_expect(!strstr(r.err, "--active") && !strstr(r.err, "--data"), "%s", r.err);
}

/* Test samples of 3x60000x6000, of which there are 10,000, take 10 TB; minibatches for 131,072
 * nodes 3 TB.                                                                                   */
Test(bench, where_memory_lacks_it_names_options_that_it_has, .timeout = 900)
{
    expect_lack("bench --seconds 0.05 --progress off --model logistic --input 3x60000x6000 "
                "--batch 1", "step logistic: no memory for 1 x 1 samples of 3x60000x6000 "
                "(nodes x --batch); use a smaller --model, --input or --batch\n");
    expect_lack("bench --seconds 0.05 --progress off --model logistic --input 200000 --batch 128 "
                "--threads 65536", "training logistic: no memory for 131072 x 128 samples of "
                "200000 (nodes x --batch); use a smaller --model, --input or --batch, or fewer "
                "--threads\n");
}

/* None of them begins to measure. */
Test(bench, the_benchmarks_of_perf_say_how_they_are_called_and_refuse_the_rest)
{
    char perf[PATH_MAX], pattern[PATH_MAX + 16], name[64];
    glob_t found;
    tree_path(perf, "perf");
    snprintf(pattern, sizeof pattern, "%s/bench_*.c", perf);
    cr_assert(glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc >= 8);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        snprintf(name, sizeof name, "%s", strrchr(found.gl_pathv[i], '/') + 1);
        *strrchr(name, '.') = 0;
        use_program(name);
        struct result r = run("--help");
        expect_code(&r, 0);
        cr_expect(!strncmp(r.out, "usage: ", 7) && strstr(r.out, name) && !*r.err, "%s", r.out);
        r = run("--nope");
        expect_code(&r, 2);
        cr_expect(strstr(r.err, ": found '--nope', want ") && !*r.out, "%s%s", r.err, r.out);
        r = run("1 2 3 4 5");
        expect_code(&r, 2);
        cr_expect(strstr(r.err, ": found '") && !*r.out, "%s%s", r.err, r.out);
    }
    globfree(&found);
    use_program("bench_gemm");
    expect_program_refuses("3 4", 2, "found '3', want M N K");
    expect_program_refuses("3 4 0", 2, "want M N K");
    expect_program_refuses("3 4 5x", 2, "want M N K");
    expect_program_refuses("3 4 5 c", 2, "want M N K");
}

/* Measuring takes a minute: what would be lost at its end is found before it begins. */
Test(bench, a_picture_that_cannot_be_drawn_is_refused_before_anything_is_measured)
{
    static const char line[] = "bench --seconds 0.05 --progress plain --model logistic --input 20 "
                               "--batch 16 --threads 1 --plot ";
    char words[256];
    snprintf(words, sizeof words, "%snowhere/curve.svg", line);
    struct result r = run(words);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--plot: cannot write 'nowhere/curve.svg'"), "%s", r.err);
    cr_expect(!*r.out && !strstr(r.err, "peak"), "%s%s", r.out, r.err);
    mkdir("empty", 0777);
    setenv("PATH", "empty", 1);
    snprintf(words, sizeof words, "%scurve.svg", line);
    r = run(words);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--plot: found no program gnuplot"), "%s", r.err);
    cr_expect(!*r.out && !strstr(r.err, "peak"), "%s%s", r.out, r.err);
    cr_expect(count_files() == 1, "only the folder is there");
}

Test(bench, progress_tells_what_is_measured)
{
    struct result r = run("bench --seconds 0.05 --progress plain --model logistic --input 20 "
                          "--threads 1");
    expect_code(&r, 0);
    cr_expect(strstr(r.err, "  0 %  peak ") && strstr(r.err, " %  step logistic\n") &&
              strstr(r.err, " %  gossip exp, rows, 44470 floats\n") &&
              strstr(r.err, " %  gossip exp, rows, 1000000 floats\n") &&
              strstr(r.err, " %  training logistic, 1 thread\n"), "%s", r.err);
}
