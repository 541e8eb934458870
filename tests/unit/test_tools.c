/* The scripts around the benchmarks (perf), on lines made up for them. */
#include "scratch.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct scratch scratch;
static char perf[PATH_MAX];
static char output[1 << 15];

static void enter_folder(void)
{
    tree_path(perf, "perf");
    scratch_enter(&scratch, "tools");
}

static void leave_folder(void) { scratch_leave(&scratch); }

TestSuite(tools, .init = enter_folder, .fini = leave_folder);

static void write_file(const char *name, const char *text)
{
    scratch_write(name, text, strlen(text));
}

/* What awk -f SCRIPT FILES prints, into `output`; its exit code. */
static int awk(const char *script, const char *files)
{
    char command[3 * PATH_MAX];
    snprintf(command, sizeof command, "awk -v date=today -v script='%s/flame.js' -f '%s/%s' %s "
             "2>errors", perf, perf, script, files);
    FILE *f = popen(command, "r");
    cr_assert(f != NULL);
    output[fread(output, 1, sizeof output - 1, f)] = 0;
    return WEXITSTATUS(pclose(f));
}

Test(tools, lines_become_json_objects_with_their_keys)
{
    json_error_t why;
    write_file("lines", "# cpu: A \"B\" C\\\n# isa: avx2\nnoise\n"
               "bench=step model=mlp:8 dim=50 ns_med=1234 of_peak=0.81 steps_per_s=2.3M check=ok"
               " rev=12345\n"
               "bench=peak set=sse ns_med=7 ns_p90=1e+06 check=ok rev=0123\n");
    cr_assert(awk("json.awk", "lines") == 0);
    json_t *all = json_loads(output, 0, &why);
    cr_assert(json_array_size(all) == 2, "%s: %s", why.text, output);
    json_t *step = json_array_get(all, 0), *peak = json_array_get(all, 1);
    cr_expect(json_object_size(step) == 11);
    cr_expect(json_integer_value(json_object_get(step, "ns_med")) == 1234);
    cr_expect(json_real_value(json_object_get(step, "of_peak")) == 0.81);
    cr_expect(json_is_string(json_object_get(step, "steps_per_s")));
    cr_expect(!strcmp(json_string_value(json_object_get(step, "rev")), "12345"));
    cr_expect(!strcmp(json_string_value(json_object_get(step, "cpu")), "A \"B\" C\\"));
    cr_expect(!strcmp(json_string_value(json_object_get(peak, "isa")), "avx2"));
    cr_expect(!strcmp(json_string_value(json_object_get(peak, "date")), "today"));
    cr_expect(!strcmp(json_string_value(json_object_get(peak, "rev")), "0123"));
    cr_expect(json_number_value(json_object_get(peak, "ns_p90")) == 1e6);
    json_decref(all);
}

Test(tools, a_comparison_pairs_cases_by_turn_and_shows_the_spread)
{
    write_file("base.1", "bench=s k=8 of_x=0.5 ns_med=100 check=ok rev=base\n"
               "bench=old ns_med=1 check=ok\n");
    write_file("base.2", "bench=s k=8 of_x=0.6 ns_med=300 check=ok rev=base\n");
    write_file("base.3", "bench=s k=8 of_x=0.7 ns_med=200 check=ok rev=base\n");
    write_file("new.1", "bench=s k=8 of_x=0.9 ns_med=50 check=ok rev=new\n"
               "bench=s k=9 ns_med=2 check=ok\n");
    write_file("new.2", "bench=s k=8 of_x=1.2 ns_med=100 check=ok rev=new\n");
    write_file("new.3", "bench=s k=8 of_x=1.3 ns_med=80 check=ok rev=new\n");
    cr_expect(awk("compare.awk", "base.* new.*") == 0);
    cr_expect(strstr(output, "bench=s k=8 ratio=2.500 least=2.000 most=3.000 turns=3 ns_base=200 "
                     "ns_new=80 check=ok\n"), "%s", output);
    cr_expect(strstr(output, "# only in the base: bench=old\n"), "%s", output);
    cr_expect(strstr(output, "# only here: bench=s k=9\n"), "%s", output);
    cr_expect(strstr(output, "ratio=") == strstr(output, "ratio=2.500"));
}

Test(tools, a_wrong_result_is_not_compared_in_silence)
{
    write_file("base.1", "bench=s k=8 ns_med=100 check=ok\nbench=t ns_med=100 check=ok\n");
    write_file("new.1", "bench=s k=8 ns_med=1 check=FAILED\nbench=t ns_med=100 check=ok\n");
    cr_expect(awk("compare.awk", "base.1 new.1") == 1);
    cr_expect(strstr(output, "ns_new=1 check=FAILED in new\n"), "%s", output);
    cr_expect(strstr(output, "bench=t ratio=1.000 least=1.000 most=1.000 turns=1 ns_base=100 "
                     "ns_new=100 check=ok\n"), "%s", output);
}

static void expect_box(const char *title, const char *place)
{
    const char *found = strstr(output, title);
    cr_expect(found, "no '%s' in %s", title, output);
    cr_expect(found && !strncmp(found + strlen(title), place, strlen(place)), "%s is not at %s: %s",
              title, place, output);
}

/* What a script prints that cannot do its work; its exit code. telesgd: the program it calls. */
static int script(const char *name, const char *words, const char *telesgd)
{
    char command[3 * PATH_MAX];
    snprintf(command, sizeof command, "TELESGD=%s '%s/%s' %s 2>&1", telesgd, perf, name, words);
    FILE *f = popen(command, "r");
    cr_assert(f != NULL);
    output[fread(output, 1, sizeof output - 1, f)] = 0;
    return WEXITSTATUS(pclose(f));
}

Test(tools, one_process_is_not_compared_where_a_run_fails)
{
    cr_expect(script("crew.sh", "0", "false") == 1 && strstr(output, "REPEATS: found '0'"));
    cr_expect(script("crew.sh", "3x", "false") == 1 && strstr(output, "REPEATS: found '3x'"));
    cr_expect(script("crew.sh", "1 nothing", "false") == 1);
    cr_expect(strstr(output, "no case has a name like 'nothing'"), "%s", output);
    cr_expect(script("crew.sh", "2 'lenet-ring-3-*'", "false") != 0);
    cr_expect(!strstr(output, "ratio"), "%s", output);
}

Test(tools, no_shared_cores_are_told_of_where_a_run_fails)
{
    cr_expect(script("shared.sh", "0", "false") == 1 && strstr(output, "REPEATS: found '0'"));
    cr_expect(script("shared.sh", "2", "false") == 1);
    cr_expect(!strstr(output, "of_one"), "%s", output);
}

Test(tools, no_tables_are_made_of_forecasts_that_failed)
{
    cr_expect(script("scaling.sh", "out/crew", "false") != 0);
    cr_expect(!strstr(output, "written"), "%s", output);
    cr_expect(script("scaling_crew.sh", "out/crew", "false") != 0);
    cr_expect(!strstr(output, "written"), "%s", output);
    cr_expect(access("out/crew.md", F_OK) != 0 && access("out/crew.svg", F_OK) != 0);
    cr_expect(setenv("SERIES", "nothing", 1) == 0);
    cr_expect(script("scaling_crew.sh", "out/crew", "false") == 1);
    cr_expect(strstr(output, "is there a series like 'nothing'?"), "%s", output);
}

/* A perf that may not sample, and a program that is not there. */
Test(tools, no_flame_graph_passes_that_was_not_drawn)
{
    cr_assert(mkdir("bin", 0777) == 0);
    write_file("bin/perf", "#!/bin/sh\necho 'no permission' >&2\nexit 255\n");
    cr_assert(chmod("bin/perf", 0755) == 0);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "bin:%s", getenv("PATH"));
    cr_assert(setenv("PATH", path, 1) == 0);
    cr_expect(script("flame.sh", "true 'a b'", "") == 1 && strstr(output, "no permission"));
    cr_expect(script("flame.sh", "/nowhere flames", "") == 1);
    cr_expect(strstr(output, "'/nowhere' trains with no instruction set"), "%s", output);
}

/* Two samples of main > step > mul, one of main > mix; the leaf comes first. */
Test(tools, a_flame_graph_is_as_wide_as_its_samples)
{
    static const char head[] = "telesgd 1 1.0: 1 cpu-clock: \n";
    static const char mul[] = "\t 4010 mul<4>+0x1 (x)\n\t 4020 step+0x2 (x)\n"
                              "\t 4030 main+0x3 (x)\n";
    static const char mix[] = "\t 4040 mix (x)\n\t 4030 main+0x9 (x)\n";
    char text[1024];
    snprintf(text, sizeof text, "%s%s\n%s%s\n%s%s\n", head, mul, head, mix, head, mul);
    write_file("stacks", text);
    cr_expect(awk("flame.awk", "-v title='a < b' stacks") == 0);
    cr_expect(strstr(output, ">a &lt; b</text>") && strstr(output, ">3 samples, 0 of them orp"));
    expect_box("<title>all: 3 samples, 100.0 %</title>",
               "<rect x=\"0.0\" y=\"96\" width=\"1200.0\"");
    expect_box("<title>main: 3 samples, 100.0 %</title>",
               "<rect x=\"0.0\" y=\"80\" width=\"1200.0\"");
    expect_box("<title>mix: 1 samples, 33.3 %</title>",
               "<rect x=\"0.0\" y=\"64\" width=\"400.0\"");
    expect_box("<title>step: 2 samples, 66.7 %</title>",
               "<rect x=\"400.0\" y=\"64\" width=\"800.0\"");
    expect_box("<title>mul&lt;4&gt;: 2 samples, 66.7 %</title>", "<rect x=\"400.0\" y=\"48\"");
    write_file("empty", "");
    cr_expect(awk("flame.awk", "empty") == 1);
}

/* One stack from a thread's begin, one of the loader, two that end nowhere: in a kernel that keeps
 * no frame pointer, and in the C library.                                                       */
Test(tools, a_flame_graph_counts_the_stacks_that_begin_nowhere)
{
    write_file("stacks", "telesgd 1 1.0: 1 cpu-clock: \n\t 4010 tile+0x1 (/x/telesgd)\n"
               "\t 4020 tsgd_loop+0x2 (/x/telesgd)\n\t 4030 start_thread+0x3 (/lib/libc.so.6)\n\n"
               "telesgd 1 1.1: 1 cpu-clock: \n\t 50 do_lookup_x+0x1 (/lib/ld-linux-x86-64.so.2)\n\n"
               "telesgd 1 1.2: 1 cpu-clock: \n\t 4110 bli_sgemm+0x8 (/x/telesgd)\n\n"
               "telesgd 1 1.3: 1 cpu-clock: \n\t 60 munmap+0x7 (/lib/libc.so.6)\n"
               "\t 0 [unknown] ([unknown])\n\n");
    cr_expect(awk("flame.awk", "stacks") == 0);
    cr_expect(strstr(output, ">4 samples, 2 of them orphans (50.0 %)<"), "%s", output);
    expect_box("<title>(no way to the begin of the thread): 2 samples, 50.0 %</title>",
               "<rect x=\"0.0\" y=\"80\" width=\"600.0\"");
    expect_box("<title>bli_sgemm: 1 samples, 25.0 %</title>",
               "<rect x=\"0.0\" y=\"64\" width=\"300.0\"");
    expect_box("<title>do_lookup_x: 1 samples, 25.0 %</title>",
               "<rect x=\"600.0\" y=\"80\" width=\"300.0\"");
    expect_box("<title>tile: 1 samples, 25.0 %</title>",
               "<rect x=\"900.0\" y=\"48\" width=\"300.0\"");
    FILE *said = fopen("errors", "r");
    cr_assert(said && fgets(output, sizeof output, said));
    fclose(said);
    cr_expect(!strncmp(output, "flame.awk: 2 of 4 stacks are orphans, most of them (1) in ", 57),
              "%s", output);
}

/* The log of a run of 100 nodes: three evaluations, the last after 1,000 gradients. */
static void write_log(const char *name, const char *method, const char *at_500, const char *at_1000)
{
    char text[1024];
    snprintf(text, sizeof text,
             "{\"type\":\"config\",\"data\":\"d\",\"partition\":\"iid\",\"model\":\"m\","
             "\"method\":\"%s\",\"nodes\":100,\"active\":8,\"topology\":\"<&>\",\"seed\":0}\n"
             "{\"type\":\"eval\",\"gradients\":0,\"test_accuracy\":0.0}\n"
             "{\"type\":\"eval\",\"gradients\":500,\"test_accuracy\":%s}\n"
             "{\"type\":\"eval\",\"gradients\":1000,\"test_accuracy\":%s}\n"
             "{\"type\":\"summary\",\"gradients\":1000,\"test_accuracy\":%s}\n",
             method, at_500, at_1000, at_1000);
    write_file(name, text);
}

/* The frame is 672 wide from x = 64, and 302 high up from y = 362. */
Test(tools, a_picture_has_both_curves_where_the_logs_say_and_where_the_upper_one_overtook)
{
    write_log("low", "dsgd", "0.25", "0.5");
    write_log("high", "teleport", "0.75", "1.0");
    cr_assert(awk("picture.awk", "high low") == 0);
    static const char *const parts[] = {
        "\"high\" points=\"64.0,362.0 400.0,135.5 736.0,60.0\"",
        "\"low\" points=\"64.0,362.0 400.0,286.5 736.0,211.0\"",
        ">50.0 % by 500<",
        ">D-SGD: all 100 nodes on a &lt;&amp;&gt;<",
        ">TELEPORTATION: 8 of 100 nodes active, on a &lt;&amp;&gt;<",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_expect(strstr(output, parts[i]) != NULL, "%s in %s", parts[i], output);
    cr_expect(!strcmp(output + strlen(output) - 7, "</svg>\n"), "%s", output);
}

Test(tools, a_picture_of_other_than_two_logs_with_accuracies_is_refused)
{
    write_log("good", "dsgd", "0.25", "0.5");
    write_file("empty", "");
    write_file("without", "{\"type\":\"config\",\"method\":\"dsgd\"}\n"
               "{\"type\":\"eval\",\"gradients\":0,\"grad_norm2\":1.0}\n");
    cr_expect(awk("picture.awk", "good") == 1 && output[0] == 0);
    cr_expect(awk("picture.awk", "good empty") == 1 && output[0] == 0);
    cr_expect(awk("picture.awk", "good good good") == 1 && output[0] == 0);
    cr_expect(awk("picture.awk", "good without") == 1 && output[0] == 0);
}
