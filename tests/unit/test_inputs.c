/* Files that the program reads, where they are not what they should be: without an end, pipes,
 * larger than memory, with commands to the terminal.                                            */
#include "program.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(inputs, .init = enter_folder, .fini = leave_folder, .timeout = 60);

#define SMALL "train --data digits --model logistic --nodes 4 --active 4 --rounds 4"

/* So that a program that reads without an end is stopped before the machine is out of memory. The
 * sanitizers reserve more than that at once.                                                    */
static void limit_memory(rlim_t bytes)
{
#ifndef __SANITIZE_ADDRESS__
    limit_next(RLIMIT_AS, bytes);
#else
    (void)bytes;
#endif
}

static void expect_refusal(const char *words, const char *sentence)
{
    limit_memory(1 << 30);
    struct result r = run(words);
    cr_expect(r.code == 2 && strstr(r.err, sentence), "%s: code %d: %s", words, r.code, r.err);
}

Test(inputs, a_device_without_an_end_is_refused)
{
    cr_assert(mkdir("data", 0777) == 0);
    cr_assert(symlink("/dev/zero", "data/train-images-idx3-ubyte") == 0);
    expect_refusal("train --config /dev/zero", "/dev/zero:1: a zero byte, want text");
    expect_refusal("sweep /dev/zero -o out", "/dev/zero:1: a zero byte, want text");
    expect_refusal(SMALL " --topology file:/dev/zero", "/dev/zero:1: a zero byte, want text");
    expect_refusal("topology file:/dev/zero --active 4", "/dev/zero:1: a zero byte, want text");
    expect_refusal(SMALL " --split /dev/zero", "/dev/zero:1: a zero byte, want text");
    expect_refusal(SMALL " --availability-trace /dev/zero", "/dev/zero:1: a zero byte, want text");
    expect_refusal("compare /dev/zero", "/dev/zero:1: a line of more than 16777216 bytes");
    expect_refusal("report /dev/zero -o r.html", "/dev/zero:1: a line of more than 16777216");
    expect_refusal(SMALL " --init /dev/zero", "/dev/zero: cannot open: it is a pipe or a device");
    expect_refusal("eval --data digits --init /dev/zero", "it is a pipe or a device, want a file");
    expect_refusal("train --data mnist --data-dir data --model logistic --nodes 4",
                   "train-images-idx3-ubyte: cannot open: it is a pipe or a device, want a file");
}

Test(inputs, a_pipe_is_refused_where_a_file_is_read_in_any_order)
{
    cr_assert(mkfifo("p", 0600) == 0);
    expect_refusal(SMALL " --init p", "p: cannot open: it is a pipe or a device, want a file");
    expect_refusal("eval --data digits --init p", "p: cannot open: it is a pipe or a device");
}

/* Writes `text` into the pipe "p" from a process of its own, then runs the program. */
static struct result run_fed(const char *words, const char *text)
{
    int status;
    cr_assert(mkfifo("p", 0600) == 0);
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        int fd = open("p", O_WRONLY);
        _exit(write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : 1);
    }
    struct result r = run(words);
    cr_assert(waitpid(child, &status, 0) == child && status == 0);
    cr_assert(unlink("p") == 0);
    return r;
}

Test(inputs, what_is_read_from_its_start_to_its_end_may_be_a_pipe)
{
    struct result r = run_fed("train --config p" QUIET, "model = quadratic\nnodes = 4\nrounds = 2\n"
                              "lr = 0.01\nlog = l\n");
    expect_code(&r, 0);
    char *log = read_file("l");
    r = run_fed("compare p", log);
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "teleport"), "%s", r.out);
    r = run_fed("report p -o r.html", log);
    cr_expect(r.code == 2 && strstr(r.err, "a report reads a log twice"), "%s", r.err);
    r = run_fed("train --config p --log m" QUIET, log);
    expect_code(&r, 0);
    r = run_fed("topology file:p --active 3 --json", "0 1\n1 2\n");
    expect_code(&r, 0);
}

/* Before there was a greatest length, a line that memory did not suffice for was taken for the end
 * of the file, and what stood before it for all of it.                                          */
Test(inputs, a_line_that_memory_may_not_suffice_for_is_refused)
{
    static const struct { const char *words, *start, *rest; } all[] = {
        {"topology file:f --active 4", "0 1\n1 2\n2 3\n3 0\n#", "\n0 2\n"},
        {"train --config f", "model = quadratic\nnodes = 4\nrounds = 2\n#", "\nlr = 0.01\n"},
        {SMALL " --availability-trace f", "0 0 2\n#", "\n1 0 2\n"},
        {SMALL " --split f --allow-empty", "1\n2\n3\n4\n#", "\n5\n"},
    };
    enum { LONG = 1 << 20 };
    static char line[LONG + 1];
    memset(line, 'x', LONG);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        FILE *f = fopen("f", "w");
        cr_assert(f && fprintf(f, "%s%s%s", all[i].start, line, all[i].rest) > LONG);
        cr_assert(fclose(f) == 0);
        expect_refusal(all[i].words, ": a line of more than ");
    }
}

/* ---- text out of files, on a terminal ---- */

#define HOSTILE "\\u001b[31m\\u009b\\u0007"
#define CONFIG(type, more) \
    "{\"type\":\"" type "\",\"version\":\"1" HOSTILE "\",\"command\":\"train" HOSTILE "\"," \
    "\"method\":\"" HOSTILE "\",\"model\":\"" HOSTILE "\",\"data\":\"" HOSTILE "\"," \
    "\"topology\":\"" HOSTILE "\"" more "}\n"

static bool has_commands(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if ((*c < 0x20 && *c != '\n') || *c == 0x7f || (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
            return true;
    return false;
}

Test(inputs, what_is_printed_out_of_a_file_cannot_command_the_terminal)
{
    static const char *const words[] = {
        "compare l", "compare l --ascii", "compare l --csv", "compare l --latex",
        "compare l --by topology", "compare m", "compare n", "compare \033[31m",
        "report l -o r.html", "report m -o r.html", "train --config l", "train --config m",
        "train --config s", "sweep s -o out", "topology file:g --active 4",
        SMALL " --split g", SMALL " --availability-trace g", SMALL " --init g",
        ("sweep t -o out" QUIET),
    };
    write_file("l", CONFIG("config", "") "{\"type\":\"eval\",\"round\":1,\"test_loss\":1}\n");
    write_file("m", CONFIG("config" HOSTILE, ""));
    write_file("n", CONFIG("config", "") "{\"\033[31m\":");
    write_file("g", "\033[31m 1 2\n");
    write_file("s", "[\033[31m]\nmodel = \033[31m\n");
    write_file("t", "model = quadratic\nnodes = 4\nrounds = 2\nlr = 0.01\n");
    cr_assert(mkdir("out", 0777) == 0);
    write_file("out/run.jsonl", CONFIG("config", ""));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct result r = run(words[i]);
        cr_expect(r.code == 0 || r.code == 2, "%s: code %d: %s", words[i], r.code, r.err);
        cr_expect(!has_commands(r.out) && !has_commands(r.err), "%s: %s%s", words[i], r.out, r.err);
    }
}

/* ---- parameters of another kind ---- */

Test(inputs, init_refuses_parameters_of_another_model_or_normalisation)
{
    struct result r = run(SMALL QUIET " --save w");
    expect_code(&r, 0);
    r = run("train --model quadratic --nodes 4 --lr 0.01 --rounds 2 --save q" QUIET);
    expect_code(&r, 0);
    expect_refusal("train --data digits --model mlp:8 --nodes 4 --rounds 4 --init w",
                   "--init: 'w' holds parameters of --model logistic, want mlp:8");
    expect_refusal("train --model quadratic --nodes 4 --lr 0.01 --rounds 2 --init w",
                   "--init: 'w' holds parameters of --model logistic, want quadratic");
    expect_refusal(SMALL " --init q",
                   "--init: 'q' holds parameters of --model quadratic, want logistic");
    expect_refusal(SMALL " --normalize 0.5:0.25 --init w",
                   "--init: 'w' was trained on samples normalised by none, these are by 0.5:0.25; "
                   "give --normalize none");
    expect_refusal("tune --data digits --model logistic --nodes 4 --normalize 0.5:0.25 --init w",
                   "give --normalize none");
    r = run(SMALL QUIET " --init w");
    expect_code(&r, 0);
}
