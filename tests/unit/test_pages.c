/* What is made from the table of settings: help, manual pages, completion. */
#include "linalg/isa.h"
#include "program.h"
#include "run/settings.h"

#include <criterion/criterion.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(pages, .init = enter_folder, .fini = leave_folder, .timeout = 240);

static const struct { const char *name; unsigned options; } commands[] = {
    {"train", TSGD_FOR_TRAIN}, {"tune", TSGD_FOR_TUNE}, {"sweep", TSGD_FOR_SWEEP},
    {"compare", TSGD_FOR_COMPARE}, {"report", TSGD_FOR_REPORT}, {"eval", TSGD_FOR_EVAL},
    {"topology", TSGD_FOR_TOPOLOGY}, {"split", TSGD_FOR_SPLIT}, {"model", TSGD_FOR_MODEL},
    {"bench", TSGD_FOR_BENCH}, {"list", 0}, {"help", TSGD_FOR_HELP},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* Output of the program; it must have ended well. */
static char *output(const char *format, const char *command)
{
    char words[128];
    snprintf(words, sizeof words, format, command);
    struct result r = run(words);
    expect_code(&r, 0);
    cr_assert(!*r.err, "%s: %s", words, r.err);
    return r.out;
}

static bool has_option(const char *help, const char *name)
{
    char line[64];
    snprintf(line, sizeof line, "\n  --%s", name);
    for (const char *found = help; (found = strstr(found, line)); found++)
        if (strchr(" \n", found[strlen(line)]))
            return true;
    return false;
}

/* ---- help ---- */

Test(pages, every_option_stands_in_help_all_of_its_commands_and_nowhere_else)
{
    for (size_t c = 0; c < COMMANDS; c++) {
        const char *help = output("%s --help-all", commands[c].name);
        for (size_t i = 0; i < TSGD_SETTINGS; i++) {
            const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
            bool wanted = row->commands & commands[c].options;
            cr_expect(has_option(help, row->shown.name) == wanted, "%s --help-all and --%s",
                      commands[c].name, row->shown.name);
        }
    }
}

Test(pages, help_is_short_where_there_are_many_options)
{
    for (size_t c = 0; c < COMMANDS; c++) {
        const char *help = output("%s --help", commands[c].name);
        bool many = commands[c].options & (TSGD_FOR_TRAIN | TSGD_FOR_TUNE);
        size_t lines = 0, shown = 0;
        for (const char *p = help; *p; p++)
            lines += *p == '\n';
        for (size_t i = 0; i < TSGD_SETTINGS; i++) {
            const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
            bool wanted = (row->commands & commands[c].options) &&
                          (!many || (row->commands & TSGD_FOR_MOST));
            cr_expect(has_option(help, row->shown.name) == wanted, "%s --help and --%s",
                      commands[c].name, row->shown.name);
            shown += wanted;
        }
        cr_expect(lines < 45, "%s: %zu lines", commands[c].name, lines);
        cr_expect(!many || (shown <= 14 && strstr(help, "--help-all'")), "%s", help);
    }
}

Test(pages, help_tells_defaults_examples_and_exit_codes)
{
    const char *all = output("%s --help-all", "train");
    cr_expect(strstr(all, "samples in a minibatch; always 1 with --model quadratic [32]"));
    cr_expect(strstr(all, "largest curvature of a node [0.1]"));
    cr_expect(strstr(all, "worker threads [the CPUs that this"));
    cr_expect(strstr(all, "\nExamples\n") && strstr(all, "\nExit codes\n  0         done"));
    cr_expect(strstr(all, "\nNodes that come and go\n") && strstr(all, "\nMachine\n"));
    const char *eval = output("%s --help", "eval");
    cr_expect(strstr(eval, "the parameters to evaluate, as --save of 'telesgd train' wrote them"));
    cr_expect(strstr(eval, "[must be given]") && !strstr(eval, "random, by --seed"));
}

Test(pages, help_of_a_command_is_its_help_option)
{
    const char *a = output("help %s", "eval"), *b = output("%s --help", "eval");
    cr_expect(!strcmp(a, b) && strstr(a, "--init FILE"));
}

/* Lines of examples are kept as they are, to be copied. */
static void expect_columns(const char *page, size_t columns, const char *name)
{
    for (const char *line = page; *line; line += strcspn(line, "\n") + 1)
        cr_expect(strcspn(line, "\n") <= columns || !strncmp(line, "    telesgd", 11) ||
                  !strncmp(line, "      --", 8), "%s, %zu columns: %.120s", name, columns, line);
}

Test(pages, pages_fit_the_columns_that_are_asked_for)
{
    static const char *const columns[] = {"50", "72", "100"};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        setenv("COLUMNS", columns[i], 1);
        for (size_t c = 0; c < COMMANDS; c++)
            expect_columns(output("%s --help-all", commands[c].name), strtoul(columns[i], NULL, 10),
                           commands[c].name);
        expect_columns(output("help%s", ""), strtoul(columns[i], NULL, 10), "help");
    }
    setenv("COLUMNS", "9999", 1);
    expect_columns(output("%s --help-all", "train"), 100, "a very wide page");
    setenv("COLUMNS", "wide", 1);
    expect_columns(output("%s --help-all", "train"), 96, "no number");
    unsetenv("COLUMNS");
    expect_columns(output("%s --help-all", "train"), 96, "no terminal");
    expect_columns(output("%s", "list"), 100, "list");
}

Test(pages, the_width_is_that_of_the_terminal)
{
    struct winsize size = {.ws_row = 24, .ws_col = 64};
    int control, terminal;
    char *text = keep(calloc(1, 1 << 16));
    size_t n = 0, longest = 0;
    ssize_t got;
    setenv("COLUMNS", "90", 1);
    if (openpty(&control, &terminal, NULL, NULL, &size) != 0)
        cr_skip_test("no pseudo-terminal; there must be one wherever /dev/pts is mounted");
    pid_t child = start(terminal, STDERR_FILENO, RLIM_INFINITY, "train --help");
    close(terminal);
    while (n < (1 << 16) - 1 && (got = read(control, text + n, (1 << 16) - 1 - n)) > 0)
        n += (size_t)got;
    cr_assert(code_of(child) == 0);
    for (const char *line = text; *line; line += strcspn(line, "\r\n") + 1)
        longest = strcspn(line, "\r\n") > longest ? strcspn(line, "\r\n") : longest;
    cr_expect(longest <= 64 && longest > 55, "%zu columns", longest);
}

/* ---- manual pages ---- */

/* The name of an option as roff has it. */
static bool page_has(const char *page, const char *name)
{
    char roff[128] = "\\fB\\-\\-";
    for (const char *c = name; *c; c++)
        snprintf(roff + strlen(roff), sizeof roff - strlen(roff), *c == '-' ? "\\-" : "%c", *c);
    strcat(roff, "\\fR");
    return strstr(page, roff);
}

Test(pages, every_option_stands_in_the_manual_page_of_its_commands_and_nowhere_else)
{
    for (size_t c = 0; c < COMMANDS; c++) {
        const char *page = output("help %s --man", commands[c].name);
        cr_expect(!strncmp(page, ".TH TELESGD-", 12) && strstr(page, "\n.SH NAME\ntelesgd\\-") &&
                  strstr(page, "\n.SH DESCRIPTION\n") && strstr(page, "\n.SH \"SEE ALSO\"\n"));
        for (size_t i = 0; i < TSGD_SETTINGS; i++) {
            const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
            cr_expect(page_has(page, row->shown.name) ==
                      !!(row->commands & commands[c].options), "%s and --%s", commands[c].name,
                      row->shown.name);
        }
    }
}

/* With groff every warning counts; without it, that the requests are known ones. */
Test(pages, manual_pages_are_set_without_a_warning)
{
    static const char *const requests[] = {".TH ", ".SH ", ".SS ", ".TP", ".PP", ".B ", ".BR ",
                                           ".I ", ".EX", ".EE", ".RS ", ".RE"};
    bool groff = system("groff --version >/dev/null 2>&1") == 0;
    for (size_t c = 0; c <= COMMANDS; c++) {
        const char *page = c < COMMANDS ? output("help %s --man", commands[c].name) :
                                          output("help --man%s", "");
        write_file("page.1", page);
        if (groff)
            cr_expect(system("groff -ww -man -Tutf8 page.1 2>warnings >text") == 0 &&
                      !*read_file("warnings"), "%s", read_file("warnings"));
        for (const char *line = page; *line; line += strcspn(line, "\n") + 1) {
            bool known = *line != '.' && *line != '\'';
            for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
                known |= !strncmp(line, requests[i], strlen(requests[i]));
            cr_expect(known, "%.60s", line);
        }
    }
}

Test(pages, a_manual_page_reads_as_the_help_does)
{
    if (system("groff --version >/dev/null 2>&1") != 0)
        cr_skip_test("groff is not installed");
    write_file("page.1", output("help %s --man", "train"));
    cr_assert(system("groff -man -Tascii -rLL=300n -P-cbou page.1 >text") == 0);
    const char *text = read_file("text");
    cr_expect(strstr(text, "telesgd train --config paper.ini --seed 3 --until "
                           "'test_accuracy>=0.8'"));
    cr_expect(strstr(text, "--data fashion-mnist --model lenet --nodes 100 --active 8 \\\n"));
    cr_expect(strstr(text, "m <- M m + g; x <- x - RATE m"), "%s", text);
}

/* ---- completion ---- */

/* What bash offers after these words, the last of which is being typed: one a line, sorted. */
static char *offers(const char *const *words, size_t n)
{
    FILE *f = fopen("ask", "w");
    cr_assert(f != NULL);
    fputs("source ./completion 2>/dev/null\nCOMP_WORDS=(", f);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "'%s' ", words[i]);
    fprintf(f, ")\nCOMP_CWORD=%zu\n_telesgd 2>/dev/null\n"
               "printf '%%s\\n' \"${COMPREPLY[@]}\" | sort\n", n - 1);
    fclose(f);
    cr_assert(system("bash --norc ask >offered") == 0);
    return read_file("offered");
}
#define OFFERS(...) offers((const char *const[]){"telesgd", __VA_ARGS__},                        \
                           sizeof(const char *const[]){"telesgd", __VA_ARGS__} / sizeof(char *))

static bool has_line(const char *text, const char *line)
{
    size_t n = strlen(line);
    for (; *text; text += strcspn(text, "\n") + !!text[strcspn(text, "\n")])
        if (strcspn(text, "\n") == n && !strncmp(text, line, n))
            return true;
    return false;
}

Test(pages, bash_completes_every_option_of_a_command_and_no_other)
{
    write_file("completion", output("help --completion %s", "bash"));
    for (size_t c = 0; c < COMMANDS; c++) {
        const char *offered = OFFERS(commands[c].name, "--");
        for (size_t i = 0; i < TSGD_SETTINGS; i++) {
            const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
            char option[64];
            snprintf(option, sizeof option, "--%s", row->shown.name);
            cr_expect(has_line(offered, option) == !!(row->commands & commands[c].options),
                      "%s %s", commands[c].name, option);
        }
        cr_expect(has_line(offered, "--help") && has_line(offered, "--help-all"));
    }
}

Test(pages, bash_completes_every_choice)
{
    write_file("completion", output("help --completion %s", "bash"));
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        char option[64], want[128], *offered, *rest;
        if (row->type != TSGD_TYPE_CHOICE)
            continue;
        snprintf(option, sizeof option, "--%s", row->shown.name);
        offered = OFFERS(row->commands & TSGD_FOR_HELP ? "help" : "train", option, "");
        snprintf(want, sizeof want, "%s", row->shown.choices);
        for (char *w = strtok_r(want, "|", &rest); w; w = strtok_r(NULL, "|", &rest))
            cr_expect(has_line(offered, w), "%s %s", option, w);
        cr_expect(!strcmp(OFFERS("train", option, "=", ""), offered), "%s=", option);
    }
}

/* `telesgd model` says of each whether it is a network, as bench wants it; net: lacks layers. */
Test(pages, bash_completes_the_models_that_a_command_takes)
{
    write_file("completion", output("help --completion %s", "bash"));
    const char *trained = OFFERS("train", "--model", "");
    const char *measured = OFFERS("bench", "--model", "");
    char *names = strdup(output("list %s", "models")), *rest;
    size_t networks = 0, others = 0;
    for (char *w = strtok_r(names, "\n", &rest); w; w = strtok_r(NULL, "\n", &rest)) {
        char name[32], words[64];
        if (strncmp(w, "  ", 2) || w[2] == ' ' || sscanf(w, "  %31[a-z0-9]", name) != 1)
            continue;           /* the heading, or a summary that goes on */
        snprintf(words, sizeof words, "model %s --input 3x32x32", name);
        struct result r = run(words);
        bool network = !strstr(r.err, "want a network");
        networks += network;
        others += !network;
        cr_expect(has_line(measured, name) == network, "bench --model %s", name);
        cr_expect(has_line(OFFERS("model", ""), name) == network, "model %s", name);
        cr_expect(has_line(trained, name) == !!strcmp(name, "objective"), "train --model %s", name);
    }
    free(names);
    cr_expect(networks >= 6 && others == 2, "%zu networks, %zu others", networks, others);
}

Test(pages, bash_completes_the_instruction_sets_of_this_build)
{
    static const char *const commands_with_it[] = {"train", "tune", "bench"};
    const struct tsgd_kernels *k;
    struct tsgd_error err;
    write_file("completion", output("help --completion %s", "bash"));
    for (size_t c = 0; c < sizeof commands_with_it / sizeof *commands_with_it; c++) {
        char *offered = OFFERS(commands_with_it[c], "--isa", ""), *rest;
        for (size_t i = 0; (k = tsgd_isa_table(i)); i++)
            cr_expect(has_line(offered, k->isa), "%s", k->isa);
        for (char *w = strtok_r(offered, "\n", &rest); w; w = strtok_r(NULL, "\n", &rest))
            cr_expect(tsgd_isa_find(&k, w, &err) == TSGD_OK || strstr(err.text, "cannot run"),
                      "%s", err.text);
    }
#if defined(__x86_64__)
    cr_expect(!strcmp(OFFERS("bench", "--isa", "=", "p"), "portable\n"));
    cr_expect(!strcmp(OFFERS("bench", "--isa", "av"), "avx2\navx512\n"));
#endif
}

Test(pages, bash_completes_commands_names_and_files)
{
    write_file("completion", output("help --completion %s", "bash"));
    cr_expect(!strcmp(OFFERS("t"), "topology\ntrain\ntune\n"), "%s", OFFERS("t"));
    cr_expect(!strcmp(OFFERS("train", "--mo"), "--model\n--momentum\n--momentum-home\n"));
    cr_expect(!strcmp(OFFERS("train", "--model", "l"), "lenet\nlogistic\n"));
    cr_expect(!strcmp(OFFERS("train", "--model", "=", "l"), "lenet\nlogistic\n"));
    cr_expect(!strcmp(OFFERS("train", "--link-topology", "co"), "complete\n"));
    cr_expect(!strcmp(OFFERS("train", "--data", "fa"), "fashion-mnist\n"));
    cr_expect(!strcmp(OFFERS("tune", "--method", "q"), "qg-dsgdm\n"));
    cr_expect(!strcmp(OFFERS("list", "mo"), "models\n") && !strcmp(OFFERS("help", "ev"), "eval\n"));
    cr_expect(!strcmp(OFFERS("train", "--lr", ""), "\n"), "nobody can guess a number");
    write_file("a-log", "");
    cr_expect(!strcmp(OFFERS("compare", "a-"), "a-log\n"), "%s", OFFERS("compare", "a-"));
    cr_expect(!strcmp(OFFERS("train", "--log", "a-"), "a-log\n"));
}

Test(pages, zsh_completion_names_every_option_with_its_values)
{
    const char *all = output("help --completion %s", "zsh");
    cr_expect(!strncmp(all, "#compdef telesgd\n", 17));
    for (size_t c = 0; c < COMMANDS; c++) {
        char start[32];
        snprintf(start, sizeof start, "\n    %s)\n", commands[c].name);
        const char *from = strstr(all, start);
        cr_assert(from != NULL, "%s", commands[c].name);
        char *part = strndup(from, (size_t)(strstr(from, ";;") - from));
        for (size_t i = 0; i < TSGD_SETTINGS; i++) {
            const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
            char option[64], values[128] = "";
            snprintf(option, sizeof option, "'--%s%s[", row->shown.name,
                     row->shown.argument ? "=" : "");
            for (const char *v = row->shown.choices; v && *v; v++)
                snprintf(values + strlen(values), 3, "%c", *v == '|' ? ' ' : *v);
            const char *found = strstr(part, option);
            cr_expect(!found == !(row->commands & commands[c].options), "%s %s", commands[c].name,
                      option);
            cr_expect(!found || !*values || strstr(found, values), "%s: %s", option, values);
        }
        if (commands[c].options == TSGD_FOR_BENCH)
            cr_expect(strstr(part, ":MODEL:(logistic mlp lenet vgg11 resnet20 net)"), "%s", part);
        cr_expect(!strstr(part, "'--isa=") || !strstr(part, ":NAME:'"), "--isa has values");
        free(part);
    }
    if (system("zsh --version >/dev/null 2>&1") == 0) {
        write_file("_telesgd", all);
        cr_expect(system("zsh -n _telesgd") == 0);
    }
}

Test(pages, completion_is_for_known_shells_and_all_commands)
{
    struct result r = run("help --completion fish");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--completion: unknown 'fish'; did you mean 'bash'?"), "%s", r.err);
    r = run("help train --completion bash");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--completion: stands alone"), "%s", r.err);
}
