/* telesgd compare: runs of several seeds, other metrics and axes, targets, the best step size, and
 * what is printed for spreadsheets, papers and narrow terminals.                                */
#include "program.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void enter(void)
{
    enter_folder();
    unsetenv("COLUMNS");
}

TestSuite(compare_groups, .init = enter, .fini = leave_folder, .timeout = 240);

#define BEGIN(method, topology, lr, seed)                                                        \
    "{\"type\":\"config\",\"method\":\"" method "\",\"nodes\":4,\"tokens\":4,\"topology\":\""    \
    topology "\",\"lr\":" lr ",\"seed\":" seed ",\"split-seed\":" seed "}\n"
#define RING(seed) BEGIN("dsgd", "ring", "0.1", seed)
#define ACCURACY(gradients, accuracy)                                                            \
    "{\"type\":\"eval\",\"gradients\":" gradients ",\"test_accuracy\":" accuracy "}\n"
#define NORM(gradients, norm)                                                                    \
    "{\"type\":\"eval\",\"gradients\":" gradients ",\"grad_norm2\":" norm "}\n"
#define END(fields) "{\"type\":\"summary\"," fields "}\n"
#define GOOD(gradients, accuracy)                                                                \
    END("\"gradients\":" gradients ",\"test_accuracy\":" accuracy)
#define LOST(gradients) END("\"gradients\":" gradients ",\"diverged\":true")

/* Output without runs of spaces: cells stand one space apart. */
static char *cells(const char *text)
{
    char *out = keep(calloc(1, strlen(text) + 1)), *to = out;
    for (; *text; text++)
        if (*text != ' ' || (to > out && to[-1] != ' '))
            *to++ = *text;
    return out;
}

/* Runs it, and expects each of the texts that follow, up to NULL. */
static void expect(const char *words, ...)
{
    struct result r = run(words);
    expect_code(&r, 0);
    const char *found = cells(r.out), *want;
    va_list args;
    va_start(args, words);
    while ((want = va_arg(args, const char *)))
        cr_expect(strstr(found, want), "want: %s\nin: %s", want, r.out);
    va_end(args);
}

static void expect_refusal(const char *words, const char *sentence)
{
    struct result r = run(words);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, sentence), "want: %s\nfound: %s", sentence, r.err);
    cr_expect(!*r.out, "%s", r.out);
}

/* ---- groups ---- */

Test(compare_groups, runs_that_differ_in_their_seed_are_one_row_with_mean_and_deviation)
{
    write_file("a", RING("0") ACCURACY("100", "0.5") GOOD("100", "0.5"));
    write_file("b", RING("1") ACCURACY("100", "0.6") GOOD("100", "0.6"));
    write_file("c", RING("2") ACCURACY("100", "0.7") GOOD("100", "0.7"));
    write_file("d", BEGIN("gt", "ring", "0.1", "0") ACCURACY("100", "0.9") GOOD("100", "0.9"));
    /* (0.1^2 + 0 + 0.1^2) / 2 = 0.1^2; the one of another method stands alone */
    expect("compare a b c d", "dsgd, 4 of 4, ring 3 - 100 - 60.00 +- 10.00 % - - - - - 3 logs\n",
           "gt, 4 of 4, ring 1 - 100 - 90.00 % - - - - - d\n",
           "mean +- standard deviation (n - 1) over runs of different seeds\n", NULL);
}

Test(compare_groups, a_split_seed_of_its_own_parts_runs)
{
    write_file("a", "{\"type\":\"config\",\"method\":\"dsgd\",\"nodes\":4,\"topology\":\"ring\","
               "\"seed\":0,\"split-seed\":0,\"derived\":[]}\n" GOOD("10", "0.5"));
    write_file("b", "{\"type\":\"config\",\"method\":\"dsgd\",\"nodes\":4,\"topology\":\"ring\","
               "\"seed\":1,\"split-seed\":0,\"derived\":[]}\n" GOOD("10", "0.5"));
    write_file("c", "{\"type\":\"config\",\"method\":\"dsgd\",\"nodes\":4,\"topology\":\"ring\","
               "\"seed\":2,\"split-seed\":2,\"derived\":[\"split-seed\"]}\n" GOOD("10", "0.5"));
    expect("compare a b c", "dsgd, 4 of 4, ring, split-seed 0 2 ", " 2 logs\n",
           "dsgd, 4 of 4, ring 1 ", " c\n", NULL);
}

Test(compare_groups, rounds_that_follow_from_epochs_do_not_part_runs)
{
    static const char config[] = "{\"type\":\"config\",\"method\":\"dsgd\",\"nodes\":4,"
                                 "\"topology\":\"ring\",\"seed\":%d,\"rounds\":%d,"
                                 "\"derived\":[%s]}\n" GOOD("10", "0.5");
    char text[512];
    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text, config, i, 100 + i, i < 2 ? "\"rounds\"" : "");
        write_file((char[]){(char)('a' + i), 0}, text);
    }
    expect("compare a b c d", "dsgd, 4 of 4, ring #1 2 ", "ring #2 1 ", "ring #3 1 ", NULL);
}

Test(compare_groups, a_run_that_diverged_is_left_out_of_the_mean_and_told)
{
    write_file("a", RING("0") ACCURACY("100", "0.4") GOOD("100", "0.4"));
    write_file("b", RING("1") ACCURACY("50", "0.1") LOST("50"));
    write_file("c", RING("2") ACCURACY("100", "0.8") GOOD("100", "0.8"));
    write_file("d", RING("3") ACCURACY("20", "0.2"));
    /* sqrt(2 * 0.2^2) = 0.2828 */
    expect("compare a b c d", "ring 2 - 100 - 60.00 +- 28.28 % - - - - - "
           "2 of 4 logs (left out: 1 diverged, 1 unfinished)\n",
           "gradients seeds 20 40 60 80 100 log\n", NULL);
}

Test(compare_groups, a_group_of_runs_that_all_diverged_says_so)
{
    write_file("a", RING("0") ACCURACY("50", "0.1") LOST("50"));
    write_file("b", RING("1") ACCURACY("50", "0.3") LOST("50"));
    expect("compare a b", "ring 2 - 50 - - - - - - 2 logs (2 diverged)\n", NULL);
}

Test(compare_groups, values_at_a_common_place_are_those_of_every_run_there)
{
    write_file("a", RING("0") ACCURACY("0", "0") ACCURACY("100", "1"));
    write_file("b", RING("1") ACCURACY("0", "0.2") ACCURACY("40", "0.4") ACCURACY("110", "0.61"));
    /* after 20: 0.2 and 0.3, mean 0.25, deviation 0.1 / sqrt 2; after 40: 0.4 twice; then b rises
     * by 0.003 a gradient: 0.46, 0.52, 0.58 beside 0.6, 0.8, 1                                  */
    expect("compare a b", "gradients seeds 20 40 60 80 100 log\n",
           "ring 2 ~25.00 +- 7.07 % ~40.00 +- 0.00 % ~53.00 +- 9.90 % ~66.00 +- 19.80 % "
           "~79.00 +- 29.70 % 2 logs (2 unfinished)\n", NULL);
}

Test(compare_groups, by_names_the_settings_that_make_a_row)
{
    write_file("a", BEGIN("dsgd", "ring", "0.1", "0") GOOD("10", "0.1"));
    write_file("b", BEGIN("gt", "ring", "0.1", "0") GOOD("10", "0.3"));
    write_file("c", BEGIN("gt", "ring", "0.5", "1") GOOD("10", "0.9"));
    write_file("d", BEGIN("gt", "exp", "0.5", "1") GOOD("10", "0.7"));
    expect("compare a b c d --by lr", "\nlr 0.1 1 - 10 - 20.00 +- 14.14 % ",
           "\nlr 0.5 1 - 10 - 80.00 +- 14.14 % ",
           "runs of a row differ in method, topology too, not in the seed alone\n", NULL);
    expect("compare a b c d --by topology,lr", "\ntopology ring, lr 0.1 1 ",
           "\ntopology exp, lr 0.5 1 ", " d\n", NULL);
    expect_refusal("compare a --by topolgy", "--by: unknown 'topolgy'; did you mean 'topology'?");
    expect_refusal("compare a --by lr,threads", "--by: unknown 'threads'");
}

/* ---- metrics and axes ---- */

Test(compare_groups, any_number_of_the_evaluations_is_shown_over_what_was_spent)
{
    static const char log[] = RING("0")
        "{\"type\":\"eval\",\"round\":1,\"bytes_gossip\":0,\"bytes_teleport\":0,"
        "\"wall_seconds\":0.5,\"train_loss\":3}\n"
        "{\"type\":\"eval\",\"round\":5,\"bytes_gossip\":3072,\"bytes_teleport\":2048,"
        "\"wall_seconds\":2.5,\"train_loss\":1}\n";
    write_file("a", log);
    /* 1 KiB of 5 lies a fifth of the way from 3 to 1; 0.5 s is the first evaluation */
    expect("compare a --metric train_loss --x bytes",
           "\ntrain loss after as many bytes sent (~: between two evaluations, interpolated "
           "linearly)\nbytes sent 1.00 KiB 2.00 KiB 3.00 KiB 4.00 KiB 5.00 KiB log\n",
           "ring ~2.6 ~2.2 ~1.8 ~1.4 1 a (unfinished)\n", NULL);
    expect("compare a --metric train_loss --x wall_seconds",
           "\nseconds 0.5 1.00 1.50 2.00 2.50 log\n", "ring 3 ~2.5 ~2 ~1.5 1 a", NULL);
    expect("compare a --metric train_loss --x rounds", "\nrounds 1 2 3 4 5 log\n",
           "ring 3 ~2.5 ~2 ~1.5 1 a", NULL);
    expect_refusal("compare a --metric test_acuracy", "did you mean 'test_accuracy'?");
    expect_refusal("compare a --x byte", "did you mean 'bytes'?");
    struct result r = run("compare a --metric test_accuracy");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--metric: no log has evaluations with test_accuracy over gradients"),
              "%s", r.err);
}

Test(compare_groups, an_axis_that_no_log_has_is_refused_before_anything_is_shown)
{
    write_file("a", RING("0") ACCURACY("10", "0.5") GOOD("10", "0.5"));
    static const char *const how[] = {"", " --csv", " --latex", " --ascii", " --target 0.4",
                                      " --target 0.4 --csv", " --plot p.svg"};
    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        char words[96];
        snprintf(words, sizeof words, "compare a --x sim_seconds%s", how[i]);
        expect_refusal(words, "--x: no log has sim_seconds");
    }
    cr_expect(access("p.svg", F_OK) != 0);
}

Test(compare_groups, a_run_with_validation_is_shown_by_it)
{
    write_file("v", RING("0")
               "{\"type\":\"eval\",\"gradients\":50,\"validation_accuracy\":0.25}\n"
               "{\"type\":\"eval\",\"gradients\":100,\"validation_accuracy\":0.5}\n"
               END("\"gradients\":100,\"validation_accuracy\":0.5,\"test_accuracy\":0.4"));
    write_file("w", BEGIN("gt", "ring", "0.1", "0") ACCURACY("100", "0.3") GOOD("100", "0.3"));
    expect("compare v w", "\nvalidation accuracy after as many gradients",
           "dsgd, 4 of 4, ring - - ~30.00 % ~40.00 % 50.00 % v\n", NULL);
}

/* ---- targets ---- */

Test(compare_groups, a_target_is_reached_between_evaluations)
{
    write_file("a", RING("0") ACCURACY("100", "0.5") ACCURACY("200", "0.7") ACCURACY("300", "0.5"));
    write_file("b", BEGIN("gt", "ring", "0.1", "0") ACCURACY("100", "0.3") ACCURACY("200", "0.6"));
    write_file("c", BEGIN("d2", "ring", "0.1", "0") ACCURACY("100", "0.9") ACCURACY("200", "0.9"));
    write_file("d", BEGIN("walk", "ring", "0.1", "0") ACCURACY("100", "0.1"));
    expect("compare a b c d --target 0.6 --metric test_accuracy",
           "\ngradients until test accuracy is at least 0.6 (~: between two evaluations, "
           "interpolated linearly; <=: by the first)\ntest accuracy reached gradients log\n",
           "dsgd, 4 of 4, ring 1 of 1 ~150 a", "gt, 4 of 4, ring 1 of 1 200 b",
           "d2, 4 of 4, ring 1 of 1 <=100 c", "walk, 4 of 4, ring 0 of 1 - d", NULL);
}

Test(compare_groups, a_gradient_reaches_its_target_in_the_logarithm)
{
    write_file("a", RING("0") NORM("100", "1") NORM("300", "0.01"));
    write_file("b", BEGIN("gt", "ring", "0.1", "0") NORM("100", "1") NORM("300", "0"));
    expect("compare a b --target 0.1", "gradients until grad_norm2 is at most 0.1",
           "dsgd, 4 of 4, ring 1 of 1 ~200 a", "gt, 4 of 4, ring 1 of 1 <=300 b", NULL);
    struct result r = run("compare a b --target 0.1 --csv");
    cr_expect(strstr(r.out, ",1 of 1,~,200") && strstr(r.out, ",1 of 1,<=,300"), "%s", r.out);
}

Test(compare_groups, seeds_that_miss_the_target_are_told_and_not_averaged_away)
{
    write_file("a", RING("0") ACCURACY("0", "0") ACCURACY("100", "1"));
    write_file("b", RING("1") ACCURACY("0", "0") ACCURACY("100", "0.5") ACCURACY("150", "0.75"));
    write_file("c", RING("2") ACCURACY("0", "0") ACCURACY("200", "0.4"));
    write_file("d", BEGIN("gt", "ring", "0.1", "0") ACCURACY("0", "0") ACCURACY("100", "1"));
    write_file("e", BEGIN("gt", "ring", "0.1", "1") ACCURACY("0", "0") ACCURACY("300", "1"));
    /* 60 and 180 of gt: mean 120, deviation 120 / sqrt 2 */
    expect("compare a b c d e --target 0.6 --metric test_accuracy",
           "test accuracy seeds reached gradients least most log\n",
           "dsgd, 4 of 4, ring 3 2 of 3 not by all ~60 ~120 3 logs",
           "gt, 4 of 4, ring 2 2 of 2 ~120 +- 85 ~60 ~180 2 logs", NULL);
}

Test(compare_groups, a_target_is_of_one_metric)
{
    write_file("a", RING("0") ACCURACY("0", "0") NORM("100", "1"));
    struct result r = run("compare a --target 1");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--target: found 2 metrics, want one: --metric NAME"), "%s", r.err);
}

/* ---- the best ---- */

#define JUDGED(validation, test)                                                                 \
    END("\"gradients\":10,\"validation_loss\":" validation ",\"test_accuracy\":" test)

Test(compare_groups, the_best_step_size_is_chosen_on_validation_and_not_on_test_samples)
{
    write_file("a", BEGIN("dsgd", "ring", "0.1", "0") JUDGED("2.0", "0.9"));
    write_file("b", BEGIN("dsgd", "ring", "0.1", "1") JUDGED("1.0", "0.9"));
    write_file("c", BEGIN("dsgd", "ring", "0.2", "0") JUDGED("1.2", "0.5"));
    write_file("d", BEGIN("dsgd", "ring", "0.2", "1") JUDGED("1.6", "0.6"));   /* 1.4 < 1.5 */
    write_file("e", BEGIN("gt", "ring", "0.1", "0") JUDGED("0.5", "0.2"));
    write_file("f", BEGIN("gt", "ring", "0.2", "0") JUDGED("0.6", "0.8"));
    write_file("g", BEGIN("gt", "ring", "0.3", "0") LOST("1"));
    struct result r = run("compare a b c d e f g --best lr");
    expect_code(&r, 0);
    const char *found = cells(r.out);
    cr_expect(strstr(found, "\ndsgd, 4 of 4, ring, lr 0.2 2 - 10 - 55.00 +- 7.07 % "), "%s", r.out);
    cr_expect(strstr(found, "\ngt, 4 of 4, ring, lr 0.1 1 - 10 - 20.00 % "), "%s", r.out);
    cr_expect(strstr(found, "\nbest lr by the mean validation_loss; 3 others left out\n"), "%s",
              r.out);
    cr_expect(!strstr(found, "dsgd, 4 of 4, ring, lr 0.1") && !strstr(found, "lr 0.3"), "%s",
              r.out);
}

Test(compare_groups, where_tokens_are_evaluated_the_best_is_chosen_by_their_mean)
{
    write_file("a", BEGIN("dsgd", "ring", "0.1", "0")
               END("\"gradients\":1,\"validation_loss_mean\":0.2,\"validation_loss\":0.5"));
    write_file("b", BEGIN("dsgd", "ring", "0.2", "0")
               END("\"gradients\":1,\"validation_loss_mean\":0.4,\"validation_loss\":0.1"));
    expect("compare a b --best lr", "ring, lr 0.1 ", "best lr by the mean validation_loss_mean;",
           NULL);
}

Test(compare_groups, one_that_diverges_on_a_seed_is_not_the_best)
{
    write_file("a", BEGIN("dsgd", "ring", "0.1", "0") JUDGED("2", "0.9"));
    write_file("b", BEGIN("dsgd", "ring", "0.1", "1") JUDGED("2", "0.9"));
    write_file("c", BEGIN("dsgd", "ring", "0.2", "0") JUDGED("1", "0.5"));
    write_file("d", BEGIN("dsgd", "ring", "0.2", "1") LOST("1"));
    expect("compare a b c d --best lr", "ring, lr 0.1 2 ", "; 1 other left out\n", NULL);
}

Test(compare_groups, the_best_is_not_chosen_without_validation)
{
    write_file("a", BEGIN("dsgd", "ring", "0.1", "0") GOOD("10", "0.5"));
    write_file("b", BEGIN("dsgd", "ring", "0.2", "0") GOOD("10", "0.6"));
    expect_refusal("compare a b --best lr", "--best: 'a' has no validation metric to choose by");
    expect_refusal("compare a b --best lrr", "--best: unknown 'lrr'; did you mean 'lr'?");
}

Test(compare_groups, the_best_is_not_chosen_of_what_a_row_is_the_mean_over)
{
    write_file("a", RING("0") JUDGED("1", "0.9"));
    write_file("b", RING("1") JUDGED("2", "0.5"));
    expect_refusal("compare a b --best seed", "--best: runs of a row may differ in 'seed'");
    expect("compare a b --by method,seed --best seed", "\nmethod dsgd, seed 0 - 10 - 90.00 % ",
           NULL);
}

Test(compare_groups, what_names_begin_with_is_not_said_again_of_the_best)
{
    write_file("a", BEGIN("dsgd", "ring", "0.1", "0") JUDGED("2", "0.9"));
    write_file("b", BEGIN("dsgd", "exp", "0.2", "0") JUDGED("1", "0.5"));
    expect("compare a b --best topology,lr", "\ndsgd, 4 of 4, exp, lr 0.2 - 10 - 50.00 % ", NULL);
}

Test(compare_groups, the_best_of_quadratics_has_the_least_gradient)
{
    write_file("a", BEGIN("dsgd", "ring", "0.1", "0") NORM("10", "0.5"));
    write_file("b", BEGIN("dsgd", "ring", "0.2", "0") NORM("10", "0.25"));
    write_file("c", BEGIN("dsgd", "ring", "0.4", "0") NORM("10", "0.75"));
    expect("compare a b c --best lr", "ring, lr 0.2 ", "best lr by the mean grad_norm2; 2 others",
           NULL);
}

Test(compare_groups, the_best_number_of_tokens_takes_the_rounds_with_it)
{
    for (int k = 1; k <= 4; k *= 2) {
        char text[512];
        snprintf(text, sizeof text, "{\"type\":\"config\",\"method\":\"teleport\",\"nodes\":8,"
                 "\"active\":%d,\"tokens\":%d,\"topology\":\"ring\",\"seed\":0,\"rounds\":%d,"
                 "\"derived\":[\"rounds\"]}\n" END("\"gradients\":10,\"validation_loss\":%d"), k, k,
                 100 / k, (k - 2) * (k - 2));
        write_file((char[]){(char)('0' + k), 0}, text);
    }
    struct result r = run("compare 1 2 4 --best active");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\nteleport, 2 of 8, ring ") && !strstr(r.out, "4 of 8"), "%s", r.out);
}

/* ---- for spreadsheets and papers ---- */

Test(compare_groups, csv_has_numbers_in_full_and_a_deviation_beside_each)
{
    write_file("a", RING("0") ACCURACY("100", "0.123456789") GOOD("100", "0.123456789"));
    write_file("b", RING("1") ACCURACY("100", "0.123456789") GOOD("100", "0.123456789"));
    struct result r = run("compare a b --csv");
    expect_code(&r, 0);
    cr_expect(!strcmp(r.out, "group,method,nodes,topology,tokens,seeds,round,round_sd,gradients,"
                      "gradients_sd,samples_used,samples_used_sd,test_accuracy,"
                      "test_accuracy_sd,test_loss,test_loss_sd,consensus,"
                      "consensus_sd,bytes_gossip,bytes_gossip_sd,bytes_teleport,bytes_teleport_sd,"
                      "wall_seconds,wall_seconds_sd,log\n"
                      "\"dsgd, 4 of 4, ring\",dsgd,4,ring,4,2,,,100,0,,,0.123456789,0,,,,,,,,,,,"
                      "2 logs\n"), "%s", r.out);
}

Test(compare_groups, csv_of_a_metric_has_a_line_for_each_place)
{
    write_file("a,\"b", RING("0") ACCURACY("20", "0.25") ACCURACY("100", "0.75"));
    struct result r = run("compare a,\"b --csv --metric test_accuracy");
    expect_code(&r, 0);
    cr_expect(!strcmp(r.out, "group,method,nodes,topology,tokens,seeds,metric,gradients,"
                      "interpolated,value,value_sd\n"
                      "\"dsgd, 4 of 4, ring\",dsgd,4,ring,4,1,test_accuracy,20,0,0.25,\n"
                      "\"dsgd, 4 of 4, ring\",dsgd,4,ring,4,1,test_accuracy,40,1,0.375,\n"
                      "\"dsgd, 4 of 4, ring\",dsgd,4,ring,4,1,test_accuracy,60,1,0.5,\n"
                      "\"dsgd, 4 of 4, ring\",dsgd,4,ring,4,1,test_accuracy,80,1,0.625,\n"
                      "\"dsgd, 4 of 4, ring\",dsgd,4,ring,4,1,test_accuracy,100,0,0.75,\n"),
              "%s", r.out);
    r = run("compare a,\"b --csv");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, ",\"a,\"\"b (unfinished)\"\n"), "%s", r.out);
}

Test(compare_groups, csv_has_the_settings_that_make_a_row)
{
    write_file("a", BEGIN("gt", "ring", "0.1", "0")
               END("\"gradients\":10,\"samples\":20,\"test_accuracy\":0.3"));
    write_file("b", BEGIN("gt", "ring", "0.5", "1")
               END("\"gradients\":10,\"samples\":20,\"test_accuracy\":0.9"));
    struct result r = run("compare a b --csv");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "group,method,nodes,topology,lr,tokens,seeds,") &&
              strstr(r.out, "\n\"gt, 4 of 4, ring, lr 0.5\",gt,4,ring,0.5,4,1,"), "%s", r.out);
    r = run("compare a b --csv --by method --x samples --target 0.5 --metric test_accuracy");
    expect_code(&r, 0);
    cr_expect(!strcmp(r.out, "group,method,seeds,reached,sign,samples_used,samples_used_sd,least,"
                      "least_sd,most,most_sd,log\nmethod gt,gt,2,0 of 2,,,,,,,,2 logs\n"), "%s",
              r.out);
}

Test(compare_groups, latex_is_escaped)
{
    write_file("a", BEGIN("a_b%c&d#e$f{g}h~i^j\\\\k", "ring", "0.1", "0")
               END("\"gradients\":1,\"grad_norm2\":1.5e-7"));
    write_file("b", BEGIN("gt", "ring", "0.1", "0") END("\"gradients\":1,\"grad_norm2\":1")
               );
    write_file("c", BEGIN("gt", "ring", "0.1", "1") END("\"gradients\":1,\"grad_norm2\":3"));
    struct result r = run("compare a b c --latex");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\\begin{tabular}{lrrrrrrrrr}\n\\toprule\nmethod, k of n, topology & "
                     "seeds & rounds & gradients & grad\\_norm2 & of tokens & "), "%s", r.out);
    cr_expect(strstr(r.out, "\na\\_b\\%c\\&d\\#e\\$f\\{g\\}h$\\sim$i\\textasciicircum{}j"
                     "\\textbackslash{}k, 4 of 4, ring & 1 & - & 1 & $1.5 \\cdot 10^{-7}$ & - & "),
              "%s", r.out);
    cr_expect(strstr(r.out, "\ngt, 4 of 4, ring & 2 & - & 1 & 2 $\\pm$ 1.4 & - & - &"), "%s",
              r.out);
    cr_expect(strstr(r.out, " \\\\\n\\bottomrule\n\\end{tabular}\n"), "%s", r.out);
    cr_expect(!strstr(r.out, "logs") && !strstr(r.out, "+-"), "%s", r.out);
}

Test(compare_groups, latex_tells_what_is_not_as_it_should_be)
{
    write_file("a", RING("0") GOOD("10", "0.5"));
    write_file("b", RING("1") LOST("10"));
    write_file("c", BEGIN("gt", "ring", "0.1", "0") ACCURACY("10", "0.5"));
    struct result r = run("compare a b c --latex");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, " & remarks \\\\\n"), "%s", r.out);
    cr_expect(strstr(r.out, " & 1 of 2 logs (left out: 1 diverged) \\\\\n") &&
              strstr(r.out, " & unfinished \\\\\n"), "%s", r.out);
}

Test(compare_groups, one_form_is_printed)
{
    write_file("a", RING("0") GOOD("10", "0.5"));
    expect_refusal("compare a --csv --latex", "--csv, --latex, --ascii: found several, want one");
}

/* ---- widths ---- */

Test(compare_groups, a_table_is_folded_to_the_columns_there_are)
{
    static const char *const columns[] = {"40", "60", "79", "80", "120"};
    write_file("a", BEGIN("dsgd", "caf\303\251-caf\303\251", "0.1", "0") ACCURACY("100", "0.5"));
    write_file("b", BEGIN("teleport", "ring", "0.25", "0") ACCURACY("100", "0.75"));
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        setenv("COLUMNS", columns[i], 1);
        struct result r = run("compare a b");
        expect_code(&r, 0);
        char *rest = strdup(r.out), *all = rest;
        for (char *line; (line = strsep(&rest, "\n"));) {
            size_t n = 0;
            for (const char *c = line; *c; c++)
                n += ((unsigned char)*c & 0xc0) != 0x80;
            cr_expect(n <= strtoul(columns[i], NULL, 10) || strstr(line, " after as many "),
                      "%s columns, found %zu: %s", columns[i], n, line);
        }
        free(all);
        static const char *const held[] = {"rounds", "gradients", "accuracy", "consensus",
                                           "seconds", "75.00 %", "50.00 %", "a (unfinished)"};
        for (size_t h = 0; h < sizeof held / sizeof *held; h++)
            cr_expect(strstr(r.out, held[h]), "%s columns, no %s: %s", columns[i], held[h], r.out);
        cr_expect(strcmp(columns[i], "60") || strstr(r.out, "\n  lr 0.25\n"),
                  "a name is broken behind a comma: %s", r.out);
    }
    unsetenv("COLUMNS");
    struct result r = run("compare a b");
    cr_expect(strstr(r.out, "seconds  log\n"), "%s", r.out);
}

/* ---- in characters ---- */

Test(compare_groups, a_straight_line_leads_from_corner_to_corner_in_characters)
{
    write_file("a", RING("0") ACCURACY("0", "0.25") ACCURACY("1000", "0.75"));
    setenv("COLUMNS", "72", 1);
    struct result r = run("compare a --ascii");
    expect_code(&r, 0);
    for (const char *c = r.out; *c; c++)
        cr_expect(*c == '\n' || (*c >= ' ' && *c <= '~'), "byte %d: %s", *c, r.out);
    const char *top = strstr(r.out, "\n     75.00 +"), *bottom = strstr(r.out, "\n     25.00 +");
    cr_assert(top && bottom && top < bottom, "%s", r.out);
    cr_expect(top[1 + 12 + 59] == '*' && top[1 + 12] == ' ', "%s", r.out);
    cr_expect(bottom[1 + 12] == '*' && bottom[1 + 12 + 59] == ' ', "%s", r.out);
    cr_expect(strstr(r.out, "\ntest accuracy (%) over gradients\n") &&
              strstr(r.out, "            *  dsgd, 4 of 4, ring\n"), "%s", r.out);
    cr_expect(strstr(r.out, "\n            0") && strstr(r.out, " 1,000\n"), "%s", r.out);
    /* every line between has one star, further to the left than the one above */
    const char *last = top + 1 + 12 + 59;
    for (const char *line = strchr(top + 1, '\n'); line < bottom; line = strchr(line + 1, '\n')) {
        const char *end = strchr(line + 1, '\n'), *star = memchr(line, '*', (size_t)(end - line));
        cr_assert(star != NULL, "%s", r.out);
        cr_expect(star - line < last - top, "%s", r.out);
    }
}

Test(compare_groups, a_gradient_is_drawn_in_its_logarithm)
{
    write_file("a", RING("0") NORM("0", "100") NORM("600", "0.0001"));
    struct result r = run("compare a --ascii");
    expect_code(&r, 0);
    /* ticks are 4 of 17 lines apart: of six decades 10^(-24/17) each */
    cr_expect(strstr(r.out, "\n       100 +") && strstr(r.out, "\n     3.875 +") &&
              strstr(r.out, "\n    0.0001 +"), "%s", r.out);
}
