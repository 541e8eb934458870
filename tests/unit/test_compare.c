/* telesgd compare: logs that are written here by hand, and what the tables say of them. */
#include "program.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void enter(void)
{
    enter_folder();
    unsetenv("COLUMNS");
}

TestSuite(compare, .init = enter, .fini = leave_folder, .timeout = 240);

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, (void (*)(struct criterion_test_params *))cr_free);
}

#define CONFIG(method, active)                                                                   \
    "{\"type\":\"config\",\"method\":\"" method "\",\"nodes\":100,\"tokens\":" active            \
    ",\"topology\":\"ring\"}\n"
#define METRICS(round, gradients, accuracy)                                                      \
    "\"round\":" round ",\"samples\":64000,\"gradients\":" gradients                             \
    ",\"bytes_gossip\":1048576,\"bytes_teleport\":2048,\"wall_seconds\":12.5,"                   \
    "\"test_loss\":0.5,\"test_accuracy\":" accuracy ",\"consensus\":0.001}\n"

#define QUADRATIC(method, active)                                                                \
    "{\"type\":\"config\",\"method\":\"" method "\",\"nodes\":100,\"tokens\":" active            \
    ",\"topology\":\"ring\",\"model\":\"quadratic\"}\n"
#define EVAL(gradients, accuracy)                                                                \
    "{\"type\":\"eval\",\"gradients\":" gradients ",\"test_accuracy\":" accuracy "}\n"
#define EVAL2(gradients, norm2)                                                                  \
    "{\"type\":\"eval\",\"gradients\":" gradients ",\"grad_norm2\":" norm2 "}\n"

/* A table on one line, with one space after each cell and, but in the first cell of a line, none
 * within. Cells are parted by two spaces.                                                       */
static char *squeeze(const char *table)
{
    char *text = keep(calloc(1, strlen(table) + 1)), *to = text;
    bool first = true;
    for (const char *p = table; *p; p++) {
        if (*p != ' ' && *p != '\n') {
            *to++ = *p;
        } else if (*p == '\n' || p[1] == ' ') {
            first = *p == '\n';
            if (to > text && to[-1] != ' ')
                *to++ = ' ';
        } else if (first && p[-1] != ' ') {
            *to++ = ' ';
        }
    }
    return text;
}

static void expect_row(const char *table, const char *row)
{
    cr_assert(table != NULL);
    cr_expect(strstr(squeeze(table), row), "want: %s\nin: %s", row, table);
}

/* What the table of the course holds from its second cell on. */
static void expect_course(const char *words, const char *cells)
{
    struct result r = run(words);
    expect_code(&r, 0);
    const char *table = strstr(r.out, "\ngradients ");
    cr_assert(table, "%s", r.out);
    const char *found = squeeze(table) + strlen("gradients ");
    cr_expect(!strcmp(found, cells), "want: %s\nfound: %s\nin: %s", cells, found, r.out);
}

Test(compare, prints_a_row_for_each_log)
{
    write_file("a", CONFIG("teleport", "8") "{\"type\":\"eval\"," METRICS("125", "1000", "0.25")
               "{\"type\":\"eval\"," METRICS("250", "2000", "0.8123")
               "{\"type\":\"summary\"," METRICS("250", "2000", "0.8123"));
    write_file("b", CONFIG("dsgd", "100") "{\"type\":\"eval\"," METRICS("10", "1000", "0.5"));
    struct result r = run("compare a b");
    expect_code(&r, 0);
    const char *a = strstr(r.out, "teleport, 8 of 100, ring "), *b = strstr(r.out, "dsgd, 100 of ");
    cr_assert(a && b, "%s", r.out);
    static const char *const cells[] = {" 250 ", " 2,000 ", " 64,000 ", " 81.23 % ", " 0.5 ",
                                        " 0.001 ", " 1.00 MiB ", " 2.00 KiB ", " 12.50 "};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        cr_expect(strstr(a, cells[i]) && strstr(a, cells[i]) < b, "no%sin: %s", cells[i], r.out);
    cr_expect(strstr(b, "b (unfinished)\n") && !strstr(r.out, "a (unfinished)"), "%s", r.out);
}

Test(compare, shows_the_course_over_the_gradients_that_all_have_taken)
{
    write_file("a", CONFIG("teleport", "8") "{\"type\":\"eval\"," METRICS("50", "400", "0.11")
               "{\"type\":\"eval\"," METRICS("125", "1000", "0.22")
               "{\"type\":\"eval\"," METRICS("250", "2000", "0.33"));
    write_file("b", CONFIG("dsgd", "100") "{\"type\":\"eval\"," METRICS("6", "600", "0.44")
               "{\"type\":\"eval\"," METRICS("10", "1000", "0.55"));
    expect_course("compare a b", "200 400 600 800 1,000 log "
                  /* 400 gradients have 11, 1000 have 22: 11 more over 600 */
                  "teleport, 8 of 100, ring - 11.00% ~14.67% ~18.33% 22.00% "
                  "a(unfinished) dsgd, 100 of 100, ring - - 44.00% ~49.50% 55.00% b(unfinished) ");
}

Test(compare, finds_a_straight_line_again_between_evaluations_anywhere)
{
    /* accuracy = 0.1 + gradients / 10000, measured at different places */
    write_file("a", CONFIG("teleport", "8") EVAL("0", "0.1") EVAL("30", "0.103")
               EVAL("1000", "0.2") EVAL("3700", "0.47") EVAL("5000", "0.6"));
    write_file("b", CONFIG("dsgd", "100") EVAL("900", "0.19") EVAL("3000", "0.4")
               EVAL("5200", "0.62"));
    expect_course("compare a b", "1,000 2,000 3,000 4,000 5,000 log "
                  "teleport, 8 of 100, ring 20.00% ~30.00% ~40.00% ~50.00% 60.00% a(unfinished) "
                  "dsgd, 100 of 100, ring ~20.00% ~30.00% 40.00% ~50.00% ~60.00% b(unfinished) ");
    struct result r = run("compare a b");
    cr_expect(strstr(r.out, "\ntest accuracy after as many gradients (~: between two evaluations, "
                     "interpolated linearly)\n"), "%s", r.out);
    cr_expect(!strstr(r.out, "grad_norm2"), "%s", r.out);
}

Test(compare, takes_the_later_of_two_evaluations_after_equally_many_gradients)
{
    write_file("a", CONFIG("teleport", "8") EVAL("50", "0.1") EVAL("50", "0.2") EVAL("100", "0.3"));
    write_file("b", CONFIG("dsgd", "100") EVAL("100", "0.5"));
    expect_course("compare a b", "20 40 60 80 100 log "
                  "teleport, 8 of 100, ring - - ~22.00% ~26.00% 30.00% a(unfinished) "
                  "dsgd, 100 of 100, ring - - - - 50.00% b(unfinished) ");
}

Test(compare, interpolates_the_logarithm_of_a_quadratics_gradient)
{
    /* 10^-(gradients / 100), and one that ends at 0, whose logarithm is not to be had */
    write_file("a", QUADRATIC("dsgd", "100") EVAL2("100", "0.1") EVAL2("300", "0.001")
               EVAL2("500", "1e-5"));
    write_file("b", QUADRATIC("teleport", "8") EVAL2("100", "4") EVAL2("300", "0")
               EVAL2("500", "0"));
    expect_course("compare a b", "100 200 300 400 500 log "
                  "dsgd, 100 of 100, ring 0.1 ~0.01 0.001 ~0.0001 1e-05 a(unfinished) "
                  "teleport, 8 of 100, ring 4 - 0 - 0 b(unfinished) ");
    struct result r = run("compare a b");
    cr_expect(strstr(r.out, "\ngrad_norm2 after as many gradients (~: between two evaluations, "
                     "interpolated in the logarithm)\n"), "%s", r.out);
}

Test(compare, does_not_wait_for_a_run_that_diverged)
{
    write_file("a", CONFIG("teleport", "8") EVAL("500", "0.5") EVAL("1000", "0.6"));
    write_file("b", CONFIG("dsgd", "100") EVAL("100", "0.1") EVAL("500", "0.3")
               "{\"type\":\"summary\",\"gradients\":500,\"diverged\":true}\n");
    write_file("c", CONFIG("walk", "9") "{\"type\":\"summary\",\"diverged\":true}\n");
    expect_course("compare a b c", "200 400 600 800 1,000 log "
                  "teleport, 8 of 100, ring - - ~52.00% ~56.00% 60.00% a(unfinished) "
                  "dsgd, 100 of 100, ring ~15.00% ~25.00% - - - b(diverged) "
                  "walk, 9 of 100, ring - - - - - c(diverged) ");
    expect_course("compare b c", "100 200 300 400 500 log "
                  "dsgd, 100 of 100, ring 10.00% ~15.00% ~20.00% ~25.00% 30.00% b(diverged) "
                  "walk, 9 of 100, ring - - - - - c(diverged) ");
}

Test(compare, gives_networks_and_quadratics_courses_of_their_own)
{
    write_file("a", CONFIG("walk", "8") EVAL("1000", "0.5"));
    write_file("b", QUADRATIC("dsgd", "100") EVAL2("10", "2"));
    struct result r = run("compare a b");
    expect_code(&r, 0);
    const char *network = strstr(r.out, "\ntest accuracy after");
    const char *quadratic = strstr(r.out, "\ngrad_norm2 after");
    cr_assert(network && quadratic && network < quadratic, "%s", r.out);
    expect_row(network, "gradients 200 400 600 800 1,000 log "
               "walk, 8 of 100, ring - - - - 50.00% a(unfinished) grad_norm2 after");
    expect_row(quadratic, "gradients 2 4 6 8 10 log "
               "dsgd, 100 of 100, ring - - - - 2 b(unfinished) ");
}

Test(compare, has_no_course_when_nothing_was_evaluated)
{
    write_file("a", CONFIG("teleport", "8"));
    struct result r = run("compare a a");
    expect_code(&r, 0);
    cr_expect(!strstr(r.out, "after as many") && strstr(r.out, "a (unfinished)"), "%s", r.out);
}

/* ---- what compare calls them ---- */

static const struct {
    const char *a, *b;                  /* of the config line, after its first fields */
    const char *name_a, *name_b;
} names[] = {
    {"\"lr\":0.1,\"seed\":0", "\"lr\":0.025,\"seed\":0", "ring, lr 0.1", "ring, lr 0.025"},
    {"\"lr\":1.0,\"seed\":1", "\"lr\":2,\"seed\":2", "ring, lr 1", "ring, lr 2"},
    {"\"partition\":\"iid\"", "\"partition\":\"dirichlet:0.1\"", "ring, partition iid",
     "ring, partition dirichlet:0.1"},
    {"\"nesterov\":false,\"availability\":null", "\"nesterov\":true,\"availability\":0.9", "ring",
     "ring, availability 0.9, nesterov"},
    {"\"split-seed\":1,\"seed\":1", "\"split-seed\":2,\"seed\":1", "ring", "ring, split-seed 2"},
    {"\"model\":\"mlp\",\"data\":\"digits\",\"dim\":null",
     "\"model\":\"quadratic\",\"data\":null,\"dim\":50", "ring, model mlp",
     "ring, model quadratic"},
    /* nothing that tells them apart */
    {"\"lr\":0.1", "\"lr\":0.1", "ring #1", "ring #2"},
    {"\"threads\":1,\"cpu\":\"A\",\"isa\":\"avx2\",\"trace\":null,\"memory_bytes\":1",
     "\"threads\":2,\"cpu\":\"B\",\"isa\":\"sse4\",\"trace\":\"t\",\"memory_bytes\":2", "ring #1",
     "ring #2"},
    {"\"rounds\":10,\"eval-every\":1,\"split_hash\":\"a\"",
     "\"rounds\":20,\"eval-every\":2,\"split_hash\":\"b\"", "ring #1", "ring #2"},
    {"\"validation\":0.1", "\"eval\":\"mean\"", "ring #1", "ring #2"},
};

ParameterizedTestParameters(compare, names_runs_by_what_tells_them_apart)
{
    return rows(sizeof names / sizeof *names);
}

static void write_named(const char *path, const char *fields)
{
    char text[512];
    snprintf(text, sizeof text, "{\"type\":\"config\",\"method\":\"dsgd\",\"nodes\":9,"
             "\"tokens\":9,\"topology\":\"ring\",%s}\n", fields);
    write_file(path, text);
}

/* The line of the table that ends in `log`, without the rest of it after the name. */
static void expect_name(const char *table, const char *log, const char *name)
{
    char end[32], want[128];
    snprintf(end, sizeof end, " %s (unfinished)\n", log);
    snprintf(want, sizeof want, "\ndsgd, 9 of 9, %s  ", name);
    const char *at = strstr(table, end), *line = at;
    cr_assert(at != NULL, "no%sin: %s", end, table);
    while (line > table && *line != '\n')
        line--;
    cr_expect(!strncmp(line, want, strlen(want) - 1), "want %s, in: %s", want, table);
    line += strlen(want) - 2;
    cr_expect(line + strspn(line, " ") < at && line[strspn(line, " ")] == '-', "want %s, in: %s",
              want, table);
}

ParameterizedTest(size_t *row, compare, names_runs_by_what_tells_them_apart)
{
    write_named("a", names[*row].a);
    write_named("b", names[*row].b);
    struct result r = run("compare a b");
    expect_code(&r, 0);
    expect_name(r.out, "a", names[*row].name_a);
    expect_name(r.out, "b", names[*row].name_b);
}

Test(compare, numbers_only_names_that_are_equal)
{
    write_named("a", "\"seed\":1,\"lr\":1");
    write_named("b", "\"seed\":1,\"lr\":2");
    write_named("c", "\"seed\":1,\"lr\":1");
    struct result r = run("compare a b c");
    expect_code(&r, 0);
    expect_name(r.out, "a", "ring, lr 1 #1");
    expect_name(r.out, "b", "ring, lr 2");
    expect_name(r.out, "c", "ring, lr 1 #2");
}

/* ---- compare and searches ---- */

#define CANDIDATE(population, active, gradients, metric, hash)                                   \
    "{\"type\":\"eval\",\"population\":" population ",\"active\":" active                        \
    ",\"gradients\":" gradients "," metric ",\"state_hash\":\"" hash "\"}\n"
#define NORM(x) "\"grad_norm2\":" x

/* Two populations of k = 4, of different step sizes; the second was chosen. */
#define SEARCH                                                                                   \
    QUADRATIC("teleport", "31")                                                                  \
    CANDIDATE("0", "2", "50", NORM("7"), "a") CANDIDATE("1", "4", "100", NORM("8"), "b")         \
    CANDIDATE("2", "4", "100", NORM("1"), "c") CANDIDATE("0", "2", "100", NORM("7"), "d")        \
    CANDIDATE("2", "4", "200", NORM("0.01"), "e") CANDIDATE("1", "4", "200", NORM("8"), "f")

Test(compare, shows_of_a_search_the_population_it_chose)
{
    write_file("s", SEARCH "{\"type\":\"summary\",\"gradients\":200,\"grad_norm2\":0.01,"
               "\"state_hash\":\"e\",\"chosen_active\":4,\"chosen_lr\":0.03,\"rounds_grid\":9,"
               "\"gradients_spent\":1600,\"interrupted\":false}\n");
    write_file("b", QUADRATIC("dsgd", "100") EVAL2("50", "3") EVAL2("250", "3"));
    expect_course("compare s b", "40 80 120 160 200 log "
                  /* 0.01^(1/5), 0.01^(3/5) */
                  "teleport, 4 of 100, ring, lr 0.03 - - ~0.3981 ~0.0631 0.01 "
                  "s(search,1,600gradientsinall) "
                  "dsgd, 100 of 100, ring - ~3 ~3 ~3 ~3 b(unfinished) ");
}

Test(compare, shows_no_population_of_a_search_that_chose_none)
{
    write_file("s", SEARCH);
    write_file("n", SEARCH "{\"type\":\"summary\",\"rounds_grid\":9,\"gradients_spent\":1600,"
               "\"interrupted\":false}\n");
    write_file("i", QUADRATIC("teleport", "31") "{\"type\":\"summary\",\"rounds_grid\":9,"
               "\"gradients_spent\":0,\"interrupted\":true}\n");
    struct result r = run("compare s n i");
    expect_code(&r, 0);
    expect_row(r.out, "teleport, ? of 100, ring #1 - - - - - - s(unfinished) ");
    expect_row(r.out, "teleport, ? of 100, ring #2 - - - - - - n(search,1,600gradientsinall)"
               "(nothingchosen) ");
    expect_row(r.out, "teleport, ? of 100, ring #3 - - - - - - i(search,0gradientsinall)"
               "(interrupted) ");
    cr_expect(!strstr(r.out, "after as many"), "%s", r.out);
}

Test(compare, reads_what_tune_logs)
{
    struct result r = run("tune --data blobs:2000,16,4 --model logistic --nodes 7 --rounds 20 "
                          "--lr-grid 0.1,0.01 --log l" QUIET);
    expect_code(&r, 0);
    const json_t *lines = parse_lines(read_file("l")), *end = last_line(lines);
    char want[128];
    r = run("compare l l");
    expect_code(&r, 0);
    snprintf(want, sizeof want, "teleport, %.0f of 7, ring, lr %g #2 20 ",
             number(end, "chosen_active"), number(end, "chosen_lr"));
    expect_row(r.out, want);
    snprintf(want, sizeof want, " %.2f%% l(search,280gradientsinall) ",
             100 * number(end, "validation_accuracy"));
    expect_row(strstr(r.out, "\nvalidation accuracy after"), want);
    r = run("compare l --metric test_accuracy");
    expect_code(&r, 0);
    snprintf(want, sizeof want, " - - - - %.2f%% l(search,280gradientsinall) ",
             100 * number(end, "test_accuracy"));
    expect_row(strstr(r.out, "\ngradients "), want);
}

/* ---- compare and files that mean no good ---- */

Test(compare, nothing_that_a_log_holds_commands_the_terminal)
{
    write_file("l", "{\"type\":\"config\",\"method\":\"a\\u001b[31mb\\nc\\u007fd\\u009be\","
               "\"nodes\":4,\"topology\":\"caf\303\251 \342\202\254\"}\n");
    struct result r = run("compare l");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\na?[31mb?c?d?e, 4 of 4, caf\303\251 \342\202\254  "), "%s", r.out);
    write_file("e", "{\"type\":\"\\u001b[31m\"}\n");
    r = run("compare e");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "e: line 1 is of type '?[31m'; want a config line"), "%s", r.err);
    /* a lone byte of C1, an escape, and the first byte of a character without its second */
    write_file("\233\033\303x", CONFIG("dsgd", "4"));
    r = run("compare \233\033\303x");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "  ???x (unfinished)\n"), "%s", r.out);
}

/* A line of 1 GiB, of which nothing is on the disk. */
Test(compare, refuses_a_line_without_an_end)
{
    write_file("l", CONFIG("dsgd", "4"));
    cr_assert(truncate("l", 1 << 30) == 0);
    struct result r = run("compare l");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "l:2: a line of more than 16777216 bytes, want"), "%s", r.err);
}

Test(compare, takes_of_a_folder_its_logs_in_the_order_of_their_names)
{
    cr_assert(mkdir("f", 0777) == 0 && mkdir("f/tune", 0777) == 0);
    write_file("f/b.jsonl", CONFIG("dsgd", "4") EVAL("10", "0.5"));
    write_file("f/a.jsonl", CONFIG("gt", "4") EVAL("10", "0.5"));
    write_file("f/results.csv", "no log\n");
    write_file("f/tune/c.jsonl", CONFIG("d2", "4") EVAL("10", "0.5"));
    struct result r = run("compare f");
    expect_code(&r, 0);
    const char *a = strstr(r.out, "  f/a.jsonl"), *b = strstr(r.out, "  f/b.jsonl");
    cr_expect(a && b && a < b && !strstr(r.out, "d2"), "%s", r.out);
    r = run("compare f/tune/");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "  f/tune/c.jsonl"), "%s", r.out);
    r = run("compare .");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, ".: has no file NAME.jsonl; want a folder with logs"), "%s", r.err);
}

Test(compare, shows_the_others_when_a_file_cannot_be_read)
{
    write_file("a.jsonl", CONFIG("dsgd", "4") EVAL("10", "0.5"));
    write_file("b.jsonl", "nonsense\n");
    struct result r = run("compare nowhere a.jsonl b.jsonl");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "telesgd: cannot read 'nowhere'") &&
              strstr(r.err, "telesgd: b.jsonl: line 1 is not JSON"), "%s", r.err);
    cr_expect(strstr(r.out, "  a.jsonl (unfinished)\n"), "%s", r.out);
}

/* The lock of a run that is going on, on the file of this name. */
static void lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    cr_assert(fd >= 0 && fcntl(fd, F_OFD_SETLK, &whole) == 0);
}

Test(compare, tells_a_run_that_is_going_on_from_one_that_was_killed)
{
    write_file("l", CONFIG("dsgd", "4") EVAL("10", "0.5"));
    write_file("c", CONFIG("gt", "4") EVAL("10", "0.5") "{\"type\":\"ev");
    int whole = open("l", O_RDWR), cut = open("c", O_RDWR);
    lock(whole);
    lock(cut);
    struct result r = run("compare l c");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "  l (running)\n") && strstr(r.out, "  c (running)\n"), "%s", r.out);
    r = run(TINY QUIET " --rounds 2 --force --log l");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--log: 'l' is the log of a run that is going on"), "%s", r.err);
    close(whole);
    close(cut);
    r = run("compare l c");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "  l (unfinished)\n") && strstr(r.out, "  c (cut)\n"), "%s", r.out);
}

Test(compare, sees_that_a_training_is_going_on)
{
    FILE *out = tmpfile();
    cr_assert(out != NULL);
    pid_t child = start(fileno(out), fileno(out), RLIM_INFINITY,
                        TINY QUIET " --rounds 4000000000 --eval-every 10 --log l");
    struct result r;
    do                                          /* until it has its log */
        r = run("compare l");
    while (r.code != 0);
    kill(child, SIGKILL);
    cr_expect(strstr(r.out, "  l (running)\n"), "%s", r.out);
    cr_assert(code_of(child) == -1);
    r = run("compare l");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "  l (unfinished)\n") || strstr(r.out, "  l (cut)\n"), "%s", r.out);
    fclose(out);
}

/* As a run that was killed leaves it: cut at any byte of the second evaluation or the summary. */
Test(compare, leaves_out_the_last_line_of_a_log_if_it_is_cut)
{
    static const char first[] = CONFIG("dsgd", "4")
                                "{\"type\":\"eval\"," METRICS("10", "40", "0.5");
    static const char *const second[] = {
        "{\"type\":\"eval\"," METRICS("20", "80", "0.75"),
        "{\"type\":\"summary\"," METRICS("20", "80", "0.75"),
    };
    write_file("whole", CONFIG("gt", "4") "{\"type\":\"summary\"," METRICS("10", "40", "0.5"));
    for (size_t i = 0; i < 2; i++)
        for (size_t n = 1; n + 1 < strlen(second[i]); n += 13) {
            char text[2048];
            snprintf(text, sizeof text, "%s%.*s", first, (int)n, second[i]);
            write_file("l", text);
            struct result r = run("compare l whole");
            expect_code(&r, 0);
            cr_expect(strstr(r.out, "50.00 %") && !strstr(r.out, "75.00 %") &&
                      strstr(r.out, "  l (cut)\n"), "after %zu: %s", n, r.out);
        }
}

Test(compare, shows_simulated_seconds_when_a_log_has_them)
{
    struct result r = run(TINY QUIET " --rounds 4 --compute-seconds 2 --log l");
    expect_code(&r, 0);
    write_file("b", CONFIG("dsgd", "100") "{\"type\":\"eval\"," METRICS("10", "1000", "0.5"));
    r = run("compare l b");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, " simulated s "), "%s", r.out);
    r = run("compare b");
    cr_expect(r.code == 0 && !strstr(r.out, "simulated"), "%s", r.out);
}

Test(compare, reads_what_train_logs)
{
    struct result r = run(TINY QUIET " --rounds 20 --order iid --log l");
    expect_code(&r, 0);
    r = run("compare l");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "teleport, 4 of 20, ring       20         80    2,560 "), "%s", r.out);
}

static const struct {
    const char *text, *sentence;
} bad_log[] = {
    {"", "l: is empty"},
    {CONFIG("dsgd", "4") "{\"type\":\"eval\"}\nnonsense\n", "l: line 3 is not JSON"},
    {CONFIG("dsgd", "4") "{\"type\":\n{\"type\":\"eval\"}\n", "l: line 2 is not JSON"},
    {"{\"type\":\"config\",\"nod", "l: line 1 is not JSON"},
    {CONFIG("dsgd", "4") "{\"type\":\"summary\"}\n{\"ty", "l: line 3 is not JSON"},
    {"{\"type\":\"eval\"}\n", "l: line 1 is of type 'eval'; want a config line first"},
    {CONFIG("dsgd", "4") CONFIG("dsgd", "4"), "l: line 2 is a second config line"},
    {"[1]\n", "l: line 1 is not an object with a type"},
};

ParameterizedTestParameters(compare, refuses_what_is_not_a_log)
{
    return rows(sizeof bad_log / sizeof *bad_log);
}

ParameterizedTest(size_t *row, compare, refuses_what_is_not_a_log)
{
    write_file("l", bad_log[*row].text);
    struct result r = run("compare l");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, bad_log[*row].sentence), "wants '%s', says: %s", bad_log[*row].sentence,
              r.err);
    cr_expect(!*r.out);
}

Test(compare, shows_the_gradients_of_quadratics_and_the_accuracy_of_networks)
{
    struct result r = run(QUAD QUIET " --rounds 100 --log q");
    expect_code(&r, 0);
    r = run("compare q q");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "grad_norm2") && !strstr(r.out, "accuracy"), "%s", r.out);
    cr_expect(strstr(r.out, "\ngrad_norm2 after as many gradients"), "%s", r.out);
    r = run(TINY QUIET " --rounds 100 --log n");
    expect_code(&r, 0);
    r = run("compare n n");
    expect_code(&r, 0);
    cr_expect(!strstr(r.out, "grad_norm2") && strstr(r.out, "accuracy"), "%s", r.out);
    r = run("compare q n");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "grad_norm2") && strstr(r.out, "accuracy"), "%s", r.out);
}
