/* Data without test samples of their own: what is drawn is part of what a run, its files and a
 * split are, and nobody measures on samples that were trained on. Numbers that may be below 0.  */
#include "program.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

TestSuite(drawn, .init = enter_folder, .fini = leave_folder, .timeout = 240);

/* Noise with labels: what is learnt of the training samples says nothing of the others. */
static void write_noise(const char *path, const char *const names[3])
{
    unsigned state = 7;
    FILE *f = fopen(path, "w");
    cr_assert(f != NULL);
    for (int i = 0; i < 90; i++) {
        for (int j = 0; j < 12; j++) {
            state = state * 1103515245u + 12345u;
            fprintf(f, "%.3f,", (double)(state >> 16 & 1023) / 512 - 1);
        }
        state = state * 1103515245u + 12345u;
        fprintf(f, "%s\n", names[(state >> 16) % 3]);
    }
    cr_assert(fclose(f) == 0);
}

static const char *const usual[3] = {"ash", "elm", "oak"};
#define NOISE "train --data csv:n.csv --model mlp:64 --nodes 3 --active 3 --rounds 800 --lr 0.5 " \
              "--progress off --threads 1 "

static const char *line_of(const char *text, const char *begin)
{
    static char line[120];
    const char *at = strstr(text, begin);
    cr_assert(at, "no '%s' in: %s", begin, text);
    at += strlen(begin) + strspn(at + strlen(begin), " ");
    snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
    return line;
}

Test(drawn, a_file_is_measured_on_the_samples_it_was_not_trained_on)
{
    char accuracy[120];
    write_noise("n.csv", usual);
    struct result r = run(NOISE "--seed 5 --test-share 0.4 --save n.st --checkpoint n.ckpt "
                          "--checkpoint-every 400");
    expect_code(&r, 0);
    strcpy(accuracy, line_of(r.out, "test accuracy"));
    cr_expect(atof(accuracy) < 70, "it is noise: %s", accuracy);
    r = run("eval --init n.st --data csv:n.csv");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "on 36 test samples"), "%s", r.out);
    cr_expect_str_eq(line_of(r.out, "test accuracy"), accuracy);
    r = run("eval --init n.ckpt --data csv:n.csv");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "on 36 test samples") &&
              atof(line_of(r.out, "test accuracy")) < 70, "%s", r.out);
    expect_program_refuses("eval --init n.st --data csv:n.csv --test-share 0.2", 2,
                           "was trained on what a share of 0.4 left");
    expect_program_refuses("eval --init n.st --data csv:n.csv --split-seed 6", 2,
                           "were drawn by 5");
    /* Other samples, in a file of their own, are all measured. */
    write_noise("other.csv", usual);
    r = run("eval --init n.st --data csv:n.csv,other.csv");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "on 90 test samples"), "%s", r.out);
}

Test(drawn, classes_of_other_names_are_not_mixed_up)
{
    static const char *const renamed[3] = {"zelkova", "elm", "oak"};
    write_noise("n.csv", usual);
    struct result r = run(NOISE "--save n.st --checkpoint c --checkpoint-every 300");
    expect_code(&r, 0);
    write_noise("n.csv", renamed);
    expect_program_refuses("eval --init n.st --data csv:n.csv", 2,
                           "trained on classes [\"ash\",\"elm\",\"oak\"], --data has "
                           "[\"elm\",\"oak\",\"zelkova\"]");
    expect_program_refuses("train --resume c --progress off", 2, "the classes are [\"elm\"");
    write_noise("n.csv", usual);
    r = run("train --resume c --progress off");
    expect_code(&r, 0);
}

Test(drawn, a_split_is_of_the_samples_that_were_left)
{
    write_noise("n.csv", usual);
    struct result r = run("split --data csv:n.csv --nodes 3 --split-seed 4 --save-split s");
    expect_code(&r, 0);
    expect_program_refuses("split --data csv:n.csv --nodes 3 --split s", 2,
                           "--test-share 0.2 and --split-seed 4");
    expect_program_refuses(NOISE "--split s --seed 3", 2, "--split-seed 4");
    expect_program_refuses("split --data csv:n.csv --nodes 3 --split s --split-seed 4 "
                           "--test-share 0.1", 2, "--test-share 0.2");
    r = run("split --data csv:n.csv --nodes 3 --split s --split-seed 4");
    expect_code(&r, 0);
}

/* ---- coefficients of determination, which may be below 0 ---- */

static void write_line(void)
{
    FILE *f = fopen("y.csv", "w");
    cr_assert(f != NULL);
    for (int i = 0; i < 60; i++)
        fprintf(f, "%d,%d\n", i, 5 * i + 900);
    cr_assert(fclose(f) == 0);
}
#define LINE "data = csv:y.csv\nloss = mse\nnormalize = data\nmodel = logistic\nnodes = 3\n" \
             "active = 3\n"

Test(drawn, a_coefficient_below_0_is_a_number)
{
    write_line();
    struct result r = run("train --data csv:y.csv --loss mse --normalize data --model logistic "
                          "--nodes 3 --active 3 --lr 0.001 --rounds 10 --eval-every 5 --progress "
                          "off --log y.jsonl");
    expect_code(&r, 0);
    cr_expect(atof(line_of(r.out, "test R2")) < -1, "%s", r.out);
    r = run("compare y.jsonl --metric test_r2 --csv");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, ",-"), "%s", r.out);
}

Test(drawn, the_largest_coefficient_is_the_best)
{
    write_line();
    write_file("s.ini", LINE "rounds = 40\n[tune]\nlr = 0.001, 0.01, 0.1\nseed = 100\n"
               "by = validation_r2\n");
    struct result r = run("sweep s.ini -o s --progress off");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "lr 0.1"), "%s", r.out);
}

/* Each seed draws other test samples, so that means and deviations differ. */
Test(drawn, runs_that_differ_in_the_seed_stand_in_one_row)
{
    write_line();
    write_file("s.ini", LINE "rounds = 20\nseed = 0..2\n");
    struct result r = run("sweep s.ini -o s --progress off");
    expect_code(&r, 0);
    r = run("compare s");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "±") || strstr(r.out, "+-"), "%s", r.out);
    cr_expect(!strstr(r.out, "normalize"), "%s", r.out);
}

Test(drawn, a_missing_label_is_no_class)
{
    write_file("l.csv", "1,0\n2,1\n3,NA\n");
    expect_program_refuses("train --data csv:l.csv --model logistic", 2,
                           "l.csv:3: column 2 holds 'NA', want a label");
}
