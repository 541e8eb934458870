/* The program by a clock that jumps (tests/faults/clock.c): the bits are those of any clock, and no
 * number that it writes or shows is out of its mind.                                            */
#include <criterion/criterion.h>
#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "program.h"

TestSuite(clock, .init = enter_folder, .fini = leave_folder, .timeout = 120);

static const char *const modes[] = {"forward", "wild"};

static void let_jump(const char *mode)
{
    use_program("telesgd-jumping");
    cr_assert(setenv("TSGD_CLOCK", mode, 1) == 0);
}

static void let_be(void) { use_program("telesgd"); }

/* Every evaluation of a log is that of the same round in another one, up to the same end. */
static void expect_same_training(const char *path, const char *other)
{
    json_t *a = parse_lines(read_file(path)), *b = parse_lines(read_file(other)), *x, *y;
    double last = -1, end = -1;
    size_t i, j, evaluations = 0;
    json_array_foreach(a, i, x) {
        if (!has_type(x, "eval"))
            continue;
        json_object_del(x, "wall_seconds");
        last = number(x, "round");
        evaluations++;
        json_array_foreach(b, j, y) {
            if (!has_type(y, "eval"))
                continue;
            json_object_del(y, "wall_seconds");
            end = number(y, "round");
            cr_expect(end != last || json_equal(x, y), "%s: the evaluation of round %g", path, end);
        }
    }
    cr_expect(evaluations > 0 && last == end, "%s ends in round %g, want %g", path, last, end);
}

/* Times go on (unless the clock goes back), speeds are not negative, shares are shares. */
static void expect_sane_log(const char *path, bool goes_on)
{
    static const char *const shares[] = {"share_step", "share_mix", "share_eval", "share_wait",
                                         "share_other", "share_ran", "share_slept", "share_taken"};
    json_t *lines = parse_lines(read_file(path)), *line;
    double before = 0;
    size_t i;
    json_array_foreach(lines, i, line) {
        if (has_type(line, "config"))
            continue;
        double seconds = number(line, "wall_seconds");
        cr_expect(seconds >= 0 && seconds < 1e9, "%s: %g s", path, seconds);
        cr_expect(!goes_on || seconds >= before, "%s: %g s after %g s", path, seconds, before);
        before = seconds;
    }
    line = last_line(lines);
    if (json_object_get(line, "samples_per_second"))
        cr_expect(number(line, "samples_per_second") >= 0);
    for (i = 0; i < sizeof shares / sizeof *shares; i++)
        cr_expect(number(line, shares[i]) >= 0 && number(line, shares[i]) <= 1);
}

/* No number in a text for people is negative or none. */
static void expect_sane_text(const char *text)
{
    cr_expect(!strstr(text, "nan") && !strstr(text, "inf "), "%s", text);
    for (const char *at = text; (at = strchr(at, '-')); at++)
        cr_expect(!isdigit((unsigned char)at[1]) || (at > text && at[-1] == 'e'), "%s", text);
}

Test(clock, a_run_has_the_same_bits_and_sane_times)
{
    static const char words[] = TINY " --rounds 60 --eval-every 2 --progress plain --trace t.json"
                                " --checkpoint c --checkpoint-every 30s --log %s --force";
    char text[300];
    struct result r;
    snprintf(text, sizeof text, words, "calm");
    r = run(text);
    expect_code(&r, 0);
    for (int i = 0; i < 2; i++) {
        let_jump(modes[i]);
        snprintf(text, sizeof text, words, modes[i]);
        r = run(text);
        expect_code(&r, 0);
        expect_same_training(modes[i], "calm");
        expect_sane_log(modes[i], i == 0);
        expect_sane_text(r.err);
        expect_sane_text(r.out);
        const char *trace = read_file("t.json");
        cr_expect(!strstr(trace, "\"ts\":-") && !strstr(trace, "\"dur\":-"));
        let_be();
    }
}

Test(clock, where_it_stands_still_no_speed_is_told)
{
    let_jump("still");
    struct result r = run(TINY " --rounds 3 --eval-every 3 --log log" QUIET);
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\nspeed           unknown, for the clock stood still; 0 ms on 2 "
                     "threads\n"), "%s", r.out);
    expect_sane_text(r.out);
    expect_sane_log("log", true);
    cr_expect(!json_object_get(last_line(parse_lines(read_file("log"))), "samples_per_second"));
}

/* The last checkpoint is older than the end, so that there is something to do again. */
Test(clock, a_run_that_is_resumed_has_the_same_bits)
{
    struct result r = run(TINY " --rounds 60 --eval-every 2 --log calm" QUIET);
    expect_code(&r, 0);
    for (int i = 0; i < 2; i++) {
        let_jump(modes[i]);
        r = run(TINY " --rounds 60 --eval-every 2 --log torn --checkpoint c --checkpoint-every 25"
                " --force" QUIET);
        expect_code(&r, 0);
        r = run(TINY " --rounds 60 --eval-every 2 --log torn --resume c --checkpoint c --force"
                QUIET);
        expect_code(&r, 0);
        expect_same_training("torn", "calm");
        expect_sane_log("torn", false);
        let_be();
    }
}

Test(clock, a_search_and_a_sweep_have_the_same_bits)
{
    static const char search[] = "tune --data digits --model logistic --nodes 7 --rounds 20 "
                                 "--threads 2 --eval-every 10 --force --log ";
    char words[300];
    struct result r;
    write_file("grid.ini", "data = digits\nmodel = logistic\nnodes = 9\nrounds = 20\n"
               "seed = 0..3\n");
    snprintf(words, sizeof words, "%s%s", search, "calm");
    r = run(words);
    expect_code(&r, 0);
    cr_expect(r.out && *r.out);
    const char *chosen = strstr(r.out, "chosen  ");
    cr_assert(chosen);
    size_t n = strcspn(chosen, "\n");
    r = run("sweep grid.ini -o calm-sweep");
    expect_code(&r, 0);
    for (int i = 0; i < 2; i++) {
        let_jump(modes[i]);
        snprintf(words, sizeof words, "%s%s", search, modes[i]);
        r = run(words);
        expect_code(&r, 0);
        const char *again = strstr(r.out, "chosen  ");
        cr_expect(again && !strncmp(again, chosen, n), "%s", r.out);
        expect_sane_text(r.out);
        snprintf(words, sizeof words, "sweep grid.ini --jobs 2 -o %s-sweep", modes[i]);
        r = run(words);
        expect_code(&r, 0);
        expect_sane_text(r.err);
        for (int seed = 0; seed < 4; seed++) {
            char a[100], b[100];
            snprintf(a, sizeof a, "%s-sweep/seed=%d.jsonl", modes[i], seed);
            snprintf(b, sizeof b, "calm-sweep/seed=%d.jsonl", seed);
            expect_same_training(a, b);
            expect_sane_log(a, i == 0);
        }
        let_be();
    }
}

/* A terminal for the standard error, on which a line is drawn again and again. */
Test(clock, the_moving_line_shows_sane_numbers)
{
    struct winsize size = {.ws_row = 40, .ws_col = 200};
    for (int i = 0; i < 2; i++) {
        int master = posix_openpt(O_RDWR | O_NOCTTY);
        cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
        int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
        int nowhere = open("/dev/null", O_WRONLY);
        cr_assert(terminal >= 0 && nowhere >= 0 && ioctl(terminal, TIOCSWINSZ, &size) == 0);
        cr_assert(setenv("TERM", "xterm", 1) == 0);
        let_jump(modes[i]);
        /* Long enough for some drawings; a signal ends it. */
        pid_t child = start(nowhere, terminal, RLIM_INFINITY,
                            TINY " --rounds 2000000 --eval-every 2000000");
        close(terminal);
        close(nowhere);
        char *text = keep(calloc(1, 1 << 16));
        size_t used = 0, drawn = 0;
        while (drawn < 6 && used < (1 << 16) - 1) {
            ssize_t got = read(master, text + used, (1 << 16) - 1 - used);
            cr_assert(got > 0);
            used += (size_t)got;
            drawn = 0;
            for (const char *at = text; (at = strstr(at, "  round ")); at++)
                drawn++;
        }
        cr_assert(kill(child, SIGINT) == 0);
        while (read(master, text + used, (1 << 16) - 1 - used) > 0)
            ;
        cr_expect(code_of(child) == 130);
        expect_sane_text(text);
        cr_expect(!strstr(text, "years"), "%s", text);
        close(master);
        let_be();
    }
}
