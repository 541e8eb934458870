/* telesgd compare: pictures that gnuplot draws, and logs that are larger than memory. */
#include "program.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(compare_plot, .init = enter_folder, .fini = leave_folder, .timeout = 240);

/* Three seeds of one method, one of another. */
static void write_logs(const char *method)
{
    char text[1024];
    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text,
                 "{\"type\":\"config\",\"method\":\"%s\",\"nodes\":4,\"tokens\":4,"
                 "\"topology\":\"ring\",\"seed\":%d,\"model\":\"mlp:8\",\"data\":\"digits\"}\n"
                 "{\"type\":\"eval\",\"gradients\":1000,\"test_accuracy\":0.2,\"grad_norm2\":9}\n"
                 "{\"type\":\"eval\",\"gradients\":3000,\"test_accuracy\":0.%d,"
                 "\"grad_norm2\":0.001}\n", i < 3 ? "dsgd" : method, i % 3, 5 + i);
        write_file((char[]){(char)('a' + i), 0}, text);
    }
}

Test(compare_plot, a_picture_has_curves_bands_titles_and_a_legend)
{
    write_logs("gt");
    struct result r = run("compare a b c d --metric test_accuracy --plot p.svg");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\nwritten  p.svg\n") && !*r.err, "%s %s", r.out, r.err);
    const char *svg = read_file("p.svg");
    cr_expect(!strncmp(svg, "<?xml", 5) && strstr(svg, "</svg>"), "%.100s", svg);
    cr_expect(strstr(svg, "test accuracy (%)") && strstr(svg, ">gradients<"));
    cr_expect(strstr(svg, "mlp:8 on digits, 4 nodes, ring"));
    cr_expect(strstr(svg, ">dsgd<") && strstr(svg, ">gt<"));
    /* the band of the three seeds is drawn in the colour of their curve; one seed has none */
    cr_expect(strstr(svg, "0, 114, 178") && strstr(svg, "213,  94,   0"), "the curves' colours");
    cr_expect(strstr(svg, "fill = 'rgb(  0, 114, 178)' fill-opacity = '0.18"));
    cr_expect(!strstr(svg, "fill = 'rgb(213,  94,   0)' fill-opacity"));
    cr_expect(count_files() == 5);
}

Test(compare_plot, a_picture_is_svg_pdf_or_png)
{
    write_logs("gt");
    struct result r = run("compare a b --plot p.pdf");
    expect_code(&r, 0);
    cr_expect(!strncmp(read_file("p.pdf"), "%PDF-", 5));
    r = run("compare a b --plot p.png");
    expect_code(&r, 0);
    cr_expect(!strncmp(read_file("p.png"), "\x89PNG\r\n", 6));
    r = run("compare a b --plot p.jpg");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--plot: 'p.jpg' is no NAME.svg, NAME.pdf or NAME.png"), "%s", r.err);
    cr_expect(count_files() == 6);
}

Test(compare_plot, only_pictures_of_its_own_are_replaced)
{
    write_logs("gt");
    static const char *const names[] = {"p.svg", "p.pdf", "p.png"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char words[64];
        snprintf(words, sizeof words, "compare a b --csv --plot %s", names[i]);
        for (int again = 0; again < 2; again++) {
            struct result r = run(words);
            expect_code(&r, 0);
            cr_expect(!strstr(r.out, "written"), "%s", r.out);
        }
        write_file(names[i], "of somebody else");
        struct result r = run(words);
        expect_code(&r, 2);
        cr_expect(strstr(r.err, "is there, and is no plot of telesgd") && !*r.out, "%s", r.err);
        cr_expect(!strcmp(read_file(names[i]), "of somebody else"));
        strcat(words, " --force");
        r = run(words);
        expect_code(&r, 0);
        cr_expect(strncmp(read_file(names[i]), "of somebody", 11));
    }
}

Test(compare_plot, a_picture_does_not_replace_a_log)
{
    write_logs("gt");
    cr_assert(rename("b", "b.svg") == 0 && symlink("b.svg", "l.svg") == 0);
    struct result r = run("compare a b.svg --plot l.svg --force");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--plot: 'l.svg' is a log that is read; want another"), "%s", r.err);
}

Test(compare_plot, without_gnuplot_the_tables_are_there_and_the_remedy_is_told)
{
    write_logs("gt");
    setenv("PATH", "/nowhere", 1);
    struct result r = run("compare a b --plot p.svg");
    expect_code(&r, 1);
    cr_expect(strstr(r.err, "--plot: found no program gnuplot; install it"), "%s", r.err);
    cr_expect(strstr(r.out, "2 logs") && count_files() == 4, "%s", r.out);
}

/* One that takes what it is given and fails, as gnuplot does at a mistake in its input. */
Test(compare_plot, what_gnuplot_says_is_told_when_it_fails)
{
    write_logs("gt");
    write_file("gnuplot", "#!/bin/sh\necho half of a picture\n"
               "printf 'set term\\n   ^\\n  no such terminal\\n\\n' >&2\nexit 1\n");
    cr_assert(chmod("gnuplot", 0755) == 0);
    char path[4096];
    snprintf(path, sizeof path, ".:%s", getenv("PATH"));
    setenv("PATH", path, 1);
    struct result r = run("compare a b --plot p.svg");
    expect_code(&r, 1);
    cr_expect(strstr(r.err, "telesgd: --plot: gnuplot failed: no such terminal\n"), "%s", r.err);
    cr_expect(count_files() == 5);
}

Test(compare_plot, nothing_that_a_log_holds_is_carried_out)
{
    write_logs("x`touch y`$(touch y)'; system('touch y'); '@m{/Bold z}_a\\\\n");
    struct result r = run("compare a b c d --plot p.svg");
    expect_code(&r, 0);
    cr_expect(access("y", F_OK) != 0);
    cr_expect(strstr(read_file("p.svg"), "$(touch y)&apos;; system(&apos;touch y&apos;)") ||
              strstr(read_file("p.svg"), "$(touch y)'; system('touch y')"));
    r = run("compare a b c d --plot ./|touch${IFS}y;.svg");
    expect_code(&r, 0);
    cr_expect(access("y", F_OK) != 0 && access("|touch${IFS}y;.svg", F_OK) == 0);
}

Test(compare_plot, a_picture_without_evaluations_says_so)
{
    write_file("a", "{\"type\":\"config\",\"method\":\"gt\"}\n"
               "{\"type\":\"summary\",\"bytes_gossip\":8,\"test_accuracy\":0.5}\n");
    struct result r = run("compare a --x bytes --plot p.svg");
    expect_code(&r, 0);
    cr_expect(strstr(read_file("p.svg"), "nothing to draw"));
}

/* 120 MB of evaluations, read by a program that may have fewer. */
#ifndef __SANITIZE_ADDRESS__
Test(compare_plot, a_log_takes_memory_for_its_numbers_alone)
{
    enum { EVALS = 200000 };
    struct rlimit limit = {96 << 20, 96 << 20};
    FILE *f = fopen("l", "w");
    char filler[512];
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = 0;
    fputs("{\"type\":\"config\",\"method\":\"gt\",\"nodes\":4,\"topology\":\"ring\"}\n", f);
    for (int i = 1; i <= EVALS; i++)
        fprintf(f, "{\"type\":\"eval\",\"gradients\":%d,\"test_accuracy\":%.9g,\"state_hash\":"
                "\"%s\"}\n", i, i / (double)EVALS, filler);
    cr_assert(ftell(f) > 115000000 && fclose(f) == 0 && setrlimit(RLIMIT_AS, &limit) == 0);
    struct result r = run("compare l --metric test_accuracy");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "  20.00 %  40.00 %  60.00 %  80.00 %  100.00 %  l (unfinished)\n"),
              "%s", r.out);
}
#endif
