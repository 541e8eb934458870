/* A run once more: from its log, and from what --dry-run prints. The first run itself says what has
 * to come out.                                                                                  */
#include "program.h"
#include "run/settings.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

TestSuite(repeat, .init = enter_folder, .fini = leave_folder, .timeout = 240);

#define NINE " --data digits --nodes 9 --rounds 12 --model "

static const char *const runs[] = {
    "train --data digits --model logistic --rounds 20",
    "train --seed 3 --split-seed 5 --batch 7 --momentum 0.9 --nesterov --active 4" NINE "mlp:8",
    "train --method dsgd --momentum 0.5 --momentum-home node --schedule cosine" NINE "logistic",
    "train --method d2 --lazy --lr 0.30000000000000004" NINE "logistic",
    "train --method gt --weight-decay 1e-3" NINE "logistic",
    "train --method momentum-tracking --momentum 0.9 --topology exp" NINE "logistic",
    "train --method qg-dsgdm --momentum 0.9" NINE "logistic",
    "train --method qg-dsgdm --momentum 0.9 --active 4" NINE "logistic",
    "train --method qg-dsgdm --momentum 0.9 --active 8" NINE "logistic",
    "train --method qg-dsgdm --momentum 0.9 --active 9" NINE "logistic",
    "train --method walk --active 4 --local-steps 2" NINE "logistic",
    "train --method allreduce --final-average --eval tokens --until round>=6 --eval-every 3"
        NINE "logistic",
    "train --active 3 --samples 5000 --rounds 2000 --data digits --nodes 9 --model logistic",
    "train --active 3 --samples 5000 --data digits --nodes 9 --model logistic",
    "train --active 4 --partition dirichlet:0.5 --allow-empty --subset 500" NINE "logistic",
    "train --active 4 --split split" NINE "logistic",
    "train --active 4 --normalize data --augment crop --order iid" NINE "logistic",
    "train --method dsgd --availability 0.5 --offline isolate" NINE "logistic",
    "train --active 4 --availability-trace away" NINE "logistic",
    "train --active 4 --link-cost preferred --tau 3.3 --port serial --compute-seconds 1:lognormal:1"
        NINE "logistic",
    "train --active 4 --bandwidth 123456.78901234567" NINE "logistic",
    "train --active 4 --init start" NINE "logistic",
    "train --batch 60 --step-parts 3 --active 1" NINE "logistic",
    "train --model quadratic --nodes 20 --active 4 --lr 0.01 --rounds 30",
    "train --model quadratic --nodes 20 --lr 0.01 --rounds 30 --dim 7 --zeta2 0.3 --sigma2 0 "
        "--x0 -2 --conditioning uniform",
    "train --model quadratic --nodes 20 --lr 0.01 --rounds 30 --init x --dim 7",
    "tune --lr 0.05" NINE "logistic",
    "tune --lr-grid 0.1,0.030000000000000002 --validation 0.2" NINE "logistic",
    "tune --model quadratic --nodes 25 --rounds 40 --lr 0.01",
};

/* The files that some of the runs read. */
static void write_inputs(void)
{
    struct result r = run("train --seed 9 --save-split split --save start" NINE "logistic" QUIET);
    expect_code(&r, 0);
    r = run("train --model quadratic --nodes 3 --rounds 3 --dim 7 --lr 0.01 --save x" QUIET);
    expect_code(&r, 0);
    write_file("away", "0 0 5\n1 3 4\n");
}

static json_t *first_line(const char *log)
{
    return json_array_get(parse_lines(read_file(log)), 0);
}

/* What must be the same of each evaluation and of the summary, in an order of its own. */
static char *course(const char *log)
{
    const json_t *lines = parse_lines(read_file(log)), *line;
    static const char *const keys[] = {"population", "round", "state_hash", "sim_seconds",
                                       "samples", "bytes_gossip", "chosen_active", "test_loss"};
    json_t *all = json_object();
    size_t i;
    json_array_foreach(lines, i, line) {
        char name[64];
        if (has_type(line, "config"))
            continue;
        json_t *part = json_object();
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            if (json_object_get(line, keys[k]))
                json_object_set(part, keys[k], json_object_get(line, keys[k]));
        snprintf(name, sizeof name, "%s %d %d", json_string_value(json_object_get(line, "type")),
                 (int)json_integer_value(json_object_get(line, "population")),
                 (int)json_integer_value(json_object_get(line, "round")));
        json_object_set_new(all, name, part);
    }
    cr_assert(json_object_size(all) > 1);
    char *text = keep(json_dumps(all, JSON_SORT_KEYS));
    json_decref(all);
    return text;
}

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, (void (*)(struct criterion_test_params *))cr_free);
}

ParameterizedTestParameters(repeat, a_log_gives_the_same_run)
{
    return rows(sizeof runs / sizeof *runs);
}

ParameterizedTest(size_t *row, repeat, a_log_gives_the_same_run)
{
    char words[512];
    write_inputs();
    snprintf(words, sizeof words, "%s --threads 2 --log l" QUIET, runs[*row]);
    struct result r = run(words);
    expect_code(&r, 0);
    snprintf(words, sizeof words, "%.*s --config l --threads 1 --log m" QUIET,
             (int)strcspn(runs[*row], " "), runs[*row]);
    r = run(words);
    expect_code(&r, 0);
    cr_expect(!strcmp(course("l"), course("m")), "%s", runs[*row]);
    const json_t *a = json_array_get(parse_lines(read_file("l")), 0);
    const json_t *b = json_array_get(parse_lines(read_file("m")), 0);
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting *s = &tsgd_setting_rows[i].shown;
        const json_t *x = json_object_get(a, s->name), *y = json_object_get(b, s->name);
        cr_expect(!s->changes_result || (!x && !y) || json_equal(x, y), "%s", s->name);
    }
}

/* The runs that are searches have no --dry-run. */
ParameterizedTestParameters(repeat, what_dry_run_prints_gives_the_same_run)
{
    size_t n = 0;
    while (!strncmp(runs[n], "train", 5))
        n++;
    return rows(n);
}

ParameterizedTest(size_t *row, repeat, what_dry_run_prints_gives_the_same_run)
{
    char words[512];
    write_inputs();
    snprintf(words, sizeof words, "%s --log l" QUIET, runs[*row]);
    struct result r = run(words);
    expect_code(&r, 0);
    char *first = course("l");
    cr_assert(rename("l", "k") == 0);
    strcat(words, " --dry-run");
    r = run(words);
    expect_code(&r, 0);
    write_file("f", r.out);
    r = run("train --config f");
    expect_code(&r, 0);
    cr_expect(!strcmp(first, course("l")), "%s", runs[*row]);
    for (const char *line = read_file("f"); *line; line += strcspn(line, "\n") + 1)
        cr_expect(*line == '#' || strstr(line, " = "), "%.60s", line);
}

Test(repeat, a_log_holds_every_bit_of_a_number)
{
    struct result r = run(QUAD QUIET " --rounds 2 --bandwidth 123456.78901234567 --log l");
    expect_code(&r, 0);
    cr_expect(number(first_line("l"), "bandwidth") == 123456.78901234567);
    r = run("train --config l --log m" QUIET);
    expect_code(&r, 0);
    cr_expect(number(first_line("m"), "bandwidth") == 123456.78901234567);
    r = run(QUAD QUIET " --rounds 2 --tau 0.1e2 --link-cost preferred --log l");
    expect_code(&r, 0);
    cr_expect(strstr(read_file("l"), "\"lr\":0.01,"), "%s", read_file("l"));
}

Test(repeat, dry_run_names_every_setting_of_a_run)
{
    struct result r = run(TINY " --rounds 5 --dry-run");
    expect_code(&r, 0);
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        char line[64], comment[64];
        snprintf(line, sizeof line, "\n%s = ", row->shown.name);
        snprintf(comment, sizeof comment, "\n# %s =\n", row->shown.name);
        bool named = !strncmp(r.out, line + 1, strlen(line) - 1) || strstr(r.out, line) ||
                     strstr(r.out, comment);
        bool wanted = (row->commands & TSGD_FOR_TRAIN) && i != TSGD_SET_config &&
                      i != TSGD_SET_dry_run;
        cr_expect(named == wanted, "%s in: %s", row->shown.name, r.out);
    }
}

Test(repeat, a_value_that_a_line_would_cut_is_not_printed_as_one)
{
    struct result r = run(TINY " --rounds 5 --dry-run --save ;name");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\n# save: the value does not fit in a settings file\n"), "%s", r.out);
    char words[512] = TINY " --rounds 5 --dry-run --log ";
    memset(words + strlen(words), 'x', 200);
    r = run(words);
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\n# log: the value does not fit in a settings file\n"), "%s", r.out);
}

/* The numbers of 16 channels are more than a line of a settings file holds: "data" stands there. */
Test(repeat, what_is_too_long_for_a_line_is_printed_as_it_was_asked_for)
{
    struct result r = run("train --data blobs:200,16x2x2,4 --model logistic --nodes 4 --active 2"
                          " --rounds 3 --normalize data --dry-run");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\nnormalize = data\n"), "%s", r.out);
}

Test(repeat, outputs_and_machine_settings_are_not_taken_from_a_log)
{
    struct result r = run(TINY QUIET " --rounds 4 --log l --trace t --save-split p --save s --pin "
                          "--gossip rows");
    expect_code(&r, 0);
    remove("t"), remove("p"), remove("s");
    r = run("train --config l --log m" QUIET);
    expect_code(&r, 0);
    const json_t *c = first_line("m");
    cr_expect(json_is_null(json_object_get(c, "trace")) && count_files() == 2);
    cr_expect(json_is_null(json_object_get(c, "save-split")));
    cr_expect(json_is_false(json_object_get(c, "pin")));
}

Test(repeat, the_command_line_wins_and_what_follows_from_it_follows_anew)
{
    struct result r = run(TINY QUIET " --rounds 40 --lr 0.25 --batch 64 --eval-at-start --log l");
    expect_code(&r, 0);
    r = run("train --config l --seed 7 --rounds 20 --nodes 30 --log m" QUIET);
    expect_code(&r, 0);
    const json_t *c = first_line("m");
    cr_expect(number(c, "lr") == 0.25 && number(c, "batch") == 64 && number(c, "nodes") == 30);
    cr_expect(number(c, "seed") == 7 && number(c, "split-seed") == 7, "the split has a seed too");
    cr_expect(number(c, "rounds") == 20 && number(c, "eval-every") == 2);
    cr_expect(json_is_true(json_object_get(c, "eval-at-start")));
    r = run(TINY QUIET " --rounds 40 --split-seed 5 --eval-every 9 --log l");
    expect_code(&r, 0);
    r = run("train --config l --seed 7 --rounds 20 --log m" QUIET);
    expect_code(&r, 0);
    c = first_line("m");
    cr_expect(number(c, "split-seed") == 5 && number(c, "eval-every") == 9, "these were given");
    r = run("train --method dsgd --log l" NINE "logistic" QUIET);
    expect_code(&r, 0);
    r = run("train --config l --nodes 12 --log m" QUIET);
    expect_code(&r, 0);
    cr_expect(number(first_line("m"), "active") == 12);
}

static const struct { const char *text, *sentence; } bad[] = {
    {"{\"type\":\"config\",\"command\":\"tune\",\"model\":\"quadratic\"}\n",
     "l: is a log of 'telesgd tune'; want one of 'telesgd train'"},
    {"{\"type\":\"config\",\"model\":\"quadratic\"}\n", "l: is a log of 'telesgd ?'"},
    {"{\"type\":\"eval\"}\n", "l:1: not the config line of a log"},
    {"{\"type\":", "l:1: is not JSON"},
    {"{\"type\":\"config\",\"command\":\"train\",\"lr\":-1}\n",
     "l:1: lr: '-1' is not a number above 0"},
    {"{\"type\":\"config\",\"command\":\"train\",\"nodes\":[]}\n",
     "l:1: nodes: '[]' is not a whole number"},
};

ParameterizedTestParameters(repeat, what_is_no_log_of_the_command_is_refused)
{
    return rows(sizeof bad / sizeof *bad);
}

ParameterizedTest(size_t *row, repeat, what_is_no_log_of_the_command_is_refused)
{
    write_file("l", bad[*row].text);
    struct result r = run("train --config l --model quadratic --rounds 3" QUIET);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, bad[*row].sentence), "wants %s, says %s", bad[*row].sentence, r.err);
}

Test(repeat, a_log_of_train_is_none_of_tune)
{
    struct result r = run(QUAD QUIET " --rounds 4 --log l");
    expect_code(&r, 0);
    r = run("tune --config l" QUIET);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "l: is a log of 'telesgd train'; want one of 'telesgd tune'"), "%s",
              r.err);
}

/* Every setting can stand in a settings file: those that a run takes are accepted there by name,
 * and a wrong value is refused with the line.                                                   */
Test(repeat, every_option_is_a_key_of_settings_files)
{
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        char text[64], sentence[64];
        if (!(row->commands & TSGD_FOR_TRAIN) || i == TSGD_SET_config)
            continue;
        snprintf(text, sizeof text, "\n%s =%s\n", row->shown.name,
                 row->type == TSGD_TYPE_TEXT ? "" : " wrong");
        write_file("f", text);
        snprintf(sentence, sizeof sentence, "telesgd: f:2: %s: ", row->shown.name);
        struct result r = run(QUAD QUIET " --rounds 2 --config f");
        cr_expect(r.code == 2 && !strncmp(r.err, sentence, strlen(sentence)), "%s: %s",
                  row->shown.name, r.err);
    }
}
