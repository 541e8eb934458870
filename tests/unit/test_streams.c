/* What the program was started with: closed streams, and limits on files and memory. */
#include "program.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(streams, .init = enter_folder, .fini = leave_folder, .timeout = 60);

#define SMALL "train --data digits --model logistic --nodes 4 --active 4 --rounds 4"

/* ---- closed streams ---- */

/* The log "l" must be that of an undisturbed run: as many lines, and the same parameters. */
static void expect_whole_log(void)
{
    struct result r = run(SMALL QUIET " --log whole");
    expect_code(&r, 0);
    const json_t *whole = parse_lines(read_file("whole")), *found = parse_lines(read_file("l"));
    cr_expect(json_array_size(found) == json_array_size(whole));
    cr_expect(json_equal(json_object_get(last_line(found), "state_hash"),
                         json_object_get(last_line(whole), "state_hash")));
}

Test(streams, with_a_closed_standard_error_the_log_has_its_lines_alone)
{
    FILE *out = tmpfile();
    cr_assert(out != NULL);
    pid_t child = start(fileno(out), -1, RLIM_INFINITY, SMALL " --log l --progress plain");
    cr_expect(code_of(child) == 0);
    fclose(out);
    expect_whole_log();
}

Test(streams, with_a_closed_standard_output_no_file_gets_what_was_printed)
{
    FILE *err = tmpfile();
    cr_assert(err != NULL);
    cr_expect(code_of(start(-1, fileno(err), RLIM_INFINITY, "split --data digits --nodes 3 "
                            "--save-split s")) == 1);
    rewind(err);
    const char *said = contents(err);
    cr_expect(strstr(said, "cannot write the standard output: Bad file descriptor"), "%s", said);
    struct result r = run("split --data digits --nodes 3 --split s");
    expect_code(&r, 0);
}

Test(streams, with_all_of_them_closed_a_run_writes_what_it_should)
{
    cr_expect(code_of(start(-1, -1, RLIM_INFINITY, SMALL " --log l --save w --save-split s")) == 1);
    expect_whole_log();
    struct result r = run("eval --data digits --init w");
    expect_code(&r, 0);
}

/* ---- limits ---- */

/* Nothing may be left that was not there: neither half a file nor a temporary one. */
Test(streams, a_file_that_grows_too_large_is_told_and_leaves_nothing)
{
    static const char *const words[] = {
        "split --data digits --nodes 4 --save-split s", SMALL " --save-split s", SMALL " --save s",
        "report l -o s", "compare l --plot s.svg", "compare l --plot s.png",
    };
    struct result r = run(SMALL QUIET " --log l");
    expect_code(&r, 0);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        r = run_limited(1000, words[i]);
        cr_expect(r.code == 1 || r.code == 2, "%s: code %d: %s", words[i], r.code, r.err);
        cr_expect(strcasestr(r.err, "too large") || strstr(r.err, "--plot"), "%s: %s", words[i],
                  r.err);
        cr_expect(count_files() == 1, "%s left a file", words[i]);
    }
}

/* The last line, without its end. */
static const char *last_of(char *text)
{
    size_t n = strlen(text);
    cr_assert(n > 0 && text[n - 1] == '\n', "'%s'", text);
    text[n - 1] = 0;
    const char *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

/* A training is long; what it came to must not be lost for want of room. */
Test(streams, a_result_is_printed_also_when_a_file_of_it_cannot_be_written)
{
#define WITH " --data digits --model mlp:64 --nodes 16 --rounds 40 --eval-every 20 --threads 2"
    static const struct {
        const char *words, *result, *written, *last;
    } row[] = {
        {"train" WITH " --save s", "\ntest accuracy ", "l", "--save: cannot write 's'"},
        {"train" WITH " --save s --trace t", "\ntest accuracy ", "l", "--trace: cannot write 't'"},
        {"train" WITH " --checkpoint c --checkpoint-every 9", "\ntest accuracy ", "l",
         "--checkpoint: cannot write 'c'"},
        {"tune" WITH " --save s", "\ntest accuracy ", NULL, "--save: cannot write 's'"},
        {"tune" WITH " --checkpoint c --checkpoint-every 9", "\ntest accuracy ", NULL,
         "--checkpoint: cannot write 'c'"},
    };
#undef WITH
    char words[240], written[80], last[120];
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        snprintf(words, sizeof words, "%s --log l", row[i].words);
        struct result r = run_limited(9000, words);
        expect_code(&r, 1);
        cr_expect(strstr(r.out, row[i].result), "%s: %s", words, r.out);
        const char *list = strstr(r.out, "\nwritten  ");
        if (row[i].written)
            snprintf(written, sizeof written, "\nwritten         %s\n", row[i].written);
        cr_expect(row[i].written ? list && !strcmp(list, written) : !list, "%s: %s", words, r.out);
        snprintf(last, sizeof last, "telesgd: %s: File too large", row[i].last);
        const char *line = last_of(r.err);
        cr_expect(!strncmp(line, last, strlen(last)), "%s: %s", words, line);
        cr_expect(!strstr(line, "goes on"), "%s", line);
        cr_expect(has_type(last_line(parse_lines(read_file("l"))), "summary"), "%s", words);
        cr_expect(count_files() == 1, "%s left a file", words);
    }
}

Test(streams, too_few_descriptors_are_found_before_the_training)
{
    for (rlim_t n = 4; n < 10; n++) {
        limit_next(RLIMIT_NOFILE, n);
        struct result r = run(SMALL QUIET " --log l --save w");
        cr_expect(r.code == 2 && strstr(r.err, "ulimit -n"), "%d: code %d: %s", (int)n, r.code,
                  r.err);
        cr_expect(count_files() == 0, "%d", (int)n);
    }
    write_file("grid.ini", "model = quadratic\nnodes = 4\nrounds = 2\nlr = 0.01, 0.02\n");
    limit_next(RLIMIT_NOFILE, 10);
    struct result r = run("sweep grid.ini -o out");
    cr_expect(r.code == 2 && strstr(r.err, "ulimit -n") && count_files() == 1, "%s", r.err);
}

/* What cannot be had is told before anything is written, by a search as by a run. */
#ifndef __SANITIZE_ADDRESS__
Test(streams, a_search_that_memory_does_not_suffice_for_ends_as_such_a_run_does)
{
    static const char *const words[] = {"train --active 4", "tune"};
    for (size_t i = 0; i < 2; i++) {
        char all[160];
        snprintf(all, sizeof all, "%s --model quadratic --dim 9000000 --nodes 4 --rounds 2 "
                 "--lr 0.01 --threads 2 --log l" QUIET, words[i]);
        limit_next(RLIMIT_AS, 400 << 20);
        struct result r = run(all);
        cr_expect(r.code == 2 && strstr(r.err, "no memory"), "%s: %d: %s", all, r.code, r.err);
        cr_expect(count_files() == 0, "%s", all);
    }
}
#endif
