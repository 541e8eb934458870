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
    "train --active 4 --validation 0.2 --eval tokens --until validation_accuracy>=0.3" NINE
        "logistic",
    "train --active 4 --schedule cosine --epochs 1.5 --warmup-epochs 0.2 --data digits --nodes 9 "
        "--model logistic",
    /* as many rounds as by default */
    "train --active 1 --batch 1 --subset 200 --epochs 10 --data digits --nodes 9 --model logistic",
    "train --active 4 --mix-every 3 --topology onepeer-exp" NINE "logistic",
    "train --active 4 --split split --validation 0.3" NINE "logistic",
    "train --batch 60 --step-parts 3 --active 1" NINE "logistic",
    "train --model quadratic --nodes 20 --active 4 --lr 0.01 --rounds 30",
    "train --model quadratic --nodes 20 --lr 0.01 --rounds 30 --dim 7 --zeta2 0.3 --sigma2 0 "
        "--x0 -2 --conditioning uniform",
    "train --model quadratic --nodes 20 --lr 0.01 --rounds 30 --init x --dim 7",
    "tune --lr 0.05" NINE "logistic",
    "tune --lr 0.05 --mix-every 4" NINE "logistic",
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

/* Another batch makes other rounds of the same epochs. */
Test(repeat, epochs_follow_what_the_command_line_changes)
{
    struct result r = run(TINY QUIET " --epochs 2 --batch 8 --log l");
    expect_code(&r, 0);
    cr_expect(number(first_line("l"), "rounds") == 90 && number(first_line("l"), "epochs") == 2);
    r = run("train --config l --batch 16 --log m" QUIET);
    expect_code(&r, 0);
    cr_expect(number(first_line("m"), "rounds") == 45);
    cr_expect(number(first_line("m"), "eval-every") == 5);
    r = run("train --config l --epochs= --rounds 12 --log n" QUIET);
    expect_code(&r, 0);
    cr_expect(number(first_line("n"), "rounds") == 12);
    cr_expect(number(first_line("n"), "eval-every") == 2);
    r = run(TINY " --epochs 2 --batch 8 --dry-run");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\n# rounds = 90\nepochs = 2\n"), "%s", r.out);
    cr_expect(strstr(r.out, "for 360 gradients"), "%s", r.out);
}

/* All but what only a dry run can be asked. */
Test(repeat, dry_run_names_every_setting_of_a_run)
{
    static const bool is_of_dry_run[TSGD_SETTINGS] = {
        [TSGD_SET_dry_run] = true, [TSGD_SET_ranks] = true, [TSGD_SET_cores] = true,
        [TSGD_SET_json] = true,
    };
    struct result r = run(TINY " --rounds 5 --dry-run");
    expect_code(&r, 0);
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        char line[64], comment[64];
        snprintf(line, sizeof line, "\n%s = ", row->shown.name);
        snprintf(comment, sizeof comment, "\n# %s =", row->shown.name);
        bool named = !strncmp(r.out, line + 1, strlen(line) - 1) || strstr(r.out, line) ||
                     strstr(r.out, comment);
        bool wanted = (row->commands & TSGD_FOR_TRAIN) && i != TSGD_SET_config &&
                      !is_of_dry_run[i];
        cr_expect(named == wanted, "%s in: %s", row->shown.name, r.out);
    }
}

/* A line of a settings file would be read back as another value, or not at all. */
static const struct { const char *words, *sentence; } unwritable[] = {
    {"--save ;name", "--save: ';name' has a ; that would start a comment in a settings file"},
    {"--topology file:li\t;ne", "--topology: 'file:li?;ne' has a ; that would start a comment"},
    {"--topology file:li\v;ne", "--topology: 'file:li?;ne' has a ; that would start a comment"},
    {"--topology file:li\nne", "--topology: 'file:li?ne' has a line break in it"},
    {"--topology file:line\t", "--topology: 'file:line?' starts or ends with a space"},
};

ParameterizedTestParameters(repeat, a_value_that_a_line_cannot_hold_ends_a_dry_run)
{
    return rows(sizeof unwritable / sizeof *unwritable);
}

ParameterizedTest(size_t *row, repeat, a_value_that_a_line_cannot_hold_ends_a_dry_run)
{
    char words[512];
    const char *graph = strstr(unwritable[*row].words, "file:");
    if (graph)
        write_file(graph + 5, "0 1\n1 2\n2 3\n");
    snprintf(words, sizeof words, TINY " --rounds 5 --dry-run %s", unwritable[*row].words);
    struct result r = run(words);
    expect_code(&r, 2);
    cr_expect(!*r.out, "%s", r.out);
    cr_expect(strstr(r.err, unwritable[*row].sentence), "wants %s, says %s",
              unwritable[*row].sentence, r.err);
}

Test(repeat, a_value_that_is_too_long_for_a_line_ends_a_dry_run)
{
    char name[201] = "", words[512];
    memset(name, 'x', 200);
    write_file(name, "0 1\n1 2\n2 3\n");
    snprintf(words, sizeof words, TINY " --rounds 5 --dry-run --topology file:%s", name);
    struct result r = run(words);
    expect_code(&r, 2);
    cr_expect(!*r.out && strstr(r.err, "--topology: 'file:xxx") &&
              strstr(r.err, "..' is too long for a line of a settings file"), "%s", r.err);
}

/* The numbers of 16 channels are more than a line of a settings file holds. */
Test(repeat, what_was_given_is_printed_as_it_was_given)
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
    r = run("train --config l --log m --threads 2" QUIET);
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

/* What the log of `words` ends in. */
static const char *state_of(const char *words)
{
    char line[640];
    snprintf(line, sizeof line, "%s --log state" QUIET, words);
    struct result r = run(line);
    expect_code(&r, 0);
    return json_string_value(json_object_get(last_line(parse_lines(read_file("state"))),
                                             "state_hash"));
}

static const struct { const char *more, *fresh; } over_defaults[] = {
    {"--split split", "--split split" NINE "logistic"},
    {"--nodes 5", "--data digits --model logistic --rounds 12 --nodes 5"},
    {"--samples 999 --rounds=", "--data digits --model logistic --nodes 9 --samples 999"},
    {"--epochs 1 --rounds=", "--data digits --model logistic --nodes 9 --epochs 1"},
    {"--method momentum-tracking --momentum 0.5",
     "--method momentum-tracking --momentum 0.5" NINE "logistic"},
};

/* A run that took the default of --partition, --active and others takes what goes with the rest of
 * the command line when it is repeated, and so does the repeat of its repeat.                   */
Test(repeat, defaults_of_a_log_give_way_as_those_of_the_program_do)
{
    char words[512];
    write_inputs();
    struct result r = run("train --log l" NINE "logistic" QUIET);
    expect_code(&r, 0);
    r = run("train --config l --log m" QUIET);
    expect_code(&r, 0);
    cr_expect(json_equal(json_object_get(first_line("l"), "given"),
                         json_object_get(first_line("m"), "given")));
    for (size_t i = 0; i < 2 * sizeof over_defaults / sizeof *over_defaults; i++) {
        snprintf(words, sizeof words, "train --config %s %s", i % 2 ? "m" : "l",
                 over_defaults[i / 2].more);
        const char *again = state_of(words);
        snprintf(words, sizeof words, "train %s", over_defaults[i / 2].fresh);
        cr_expect_str_eq(again, state_of(words), "%s", words);
    }
}

/* What was given stays given, also where it is what the default is; in logs that do not tell, all
 * was given.                                                                                    */
Test(repeat, what_a_log_says_was_given_does_not_give_way)
{
    write_inputs();
    struct result r = run("train --partition iid --log l" NINE "logistic" QUIET);
    expect_code(&r, 0);
    r = run("train --config l --split split");
    cr_expect(r.code == 2 && strstr(r.err, "--partition: cannot go with --split"), "%s", r.err);
    r = run("train --log l --force" NINE "logistic" QUIET);
    expect_code(&r, 0);
    char *log = read_file("l"), *list = strstr(log, "\"given\":[");
    cr_assert(list != NULL);
    memcpy(list, "\"taken\"", strlen("\"given\""));
    write_file("old", log);
    r = run("train --config old --split split");
    cr_expect(r.code == 2 && strstr(r.err, "--partition: cannot go with --split"), "%s", r.err);
    r = run("train --config l --split split --rounds 1" QUIET);
    expect_code(&r, 0);
}

/* The log of a run, that of its repeat, and its dry run, each with another seed, are the run that
 * was never made before.                                                                        */
Test(repeat, another_seed_gives_one_run_whatever_it_is_repeated_from)
{
    static const char *const from[] = {"l", "m", "f"};
    static const char *const of[] = {
        "train --data digits --model logistic --nodes 20 --rounds 40 --partition dirichlet:0.5",
        "train --model quadratic --nodes 20 --lr 0.01 --rounds 40 --link-cost preferred",
        "train --method qg-dsgdm --momentum 0.9 --active 4" NINE "logistic",
        "train --data blobs:900,12,4 --model logistic --nodes 9 --rounds 40 --normalize data",
        "train --model quadratic --nodes 1000 --rounds 40",
    };
    char words[512];
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        snprintf(words, sizeof words, "%s --log l" QUIET, of[i]);
        struct result r = run(words);
        expect_code(&r, 0);
        r = run("train --config l --log m" QUIET);
        expect_code(&r, 0);
        const json_t *a = first_line("l"), *b = first_line("m");
        cr_expect(json_equal(json_object_get(a, "derived"), json_object_get(b, "derived")));
        cr_expect(json_equal(json_object_get(a, "asked"), json_object_get(b, "asked")));
        snprintf(words, sizeof words, "%s --dry-run", of[i]);
        r = run(words);
        expect_code(&r, 0);
        cr_expect(strstr(r.out, "\n# eval-every = "), "%s", r.out);
        write_file("f", r.out);
        snprintf(words, sizeof words, "%s --seed 5 --log n" QUIET, of[i]);
        r = run(words);
        expect_code(&r, 0);
        char *fresh = course("n");
        for (size_t j = 0; j < sizeof from / sizeof *from; j++) {
            snprintf(words, sizeof words, "train --config %s --seed 5 --log n" QUIET, from[j]);
            r = run(words);
            expect_code(&r, 0);
            cr_expect(!strcmp(course("n"), fresh), "%s, from %s", of[i], from[j]);
        }
    }
}

/* Flags, and settings that are nothing by default, can be taken back too. */
Test(repeat, the_command_line_wins_also_with_nothing)
{
    struct result r = run(TINY QUIET " --rounds 20 --samples 400 --lazy --until round>=4 --log l");
    expect_code(&r, 0);
    r = run("train --config l --lazy=false --until= --samples= --rounds= --log m" QUIET);
    expect_code(&r, 0);
    const json_t *c = first_line("m");
    cr_expect(json_is_false(json_object_get(c, "lazy")));
    cr_expect(json_is_null(json_object_get(c, "until")));
    cr_expect(json_is_null(json_object_get(c, "samples")) && number(c, "rounds") == 2000);
    r = run(TINY QUIET " --rounds 4 --nesterov=true --momentum 0.9 --log m");
    expect_code(&r, 0);
    cr_expect(json_is_true(json_object_get(first_line("m"), "nesterov")));
    r = run(TINY QUIET " --rounds 4 --until=");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--until: the value is empty"), "there is nothing to undo: %s", r.err);
    r = run("train --help-all");
    cr_expect(strstr(r.out, "--until= "), "%s", r.out);
    r = run("help --man train");
    cr_expect(strstr(r.out, "\\-\\-until= "), "%s", r.out);
}

/* ---- what a log cannot hold, or lacks ---- */

Test(repeat, a_name_that_a_log_cannot_hold_is_refused_before_the_training)
{
    struct result r = run(TINY QUIET " --rounds 3 --save \xff.st --save-split \xff.split");
    expect_code(&r, 0);
    write_file("\xff.graph", "0 1\n1 2\n2 3\n");
    static const struct { const char *words, *sentence; } named[] = {
        {"--init \xff.st", "--init: '?.st' is not UTF-8"},
        {"--split \xff.split", "--split: '?.split' is not UTF-8"},
        {"--topology file:\xff.graph", "--topology: 'file:?.graph' is not UTF-8"},
    };
    char words[512];
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        snprintf(words, sizeof words, TINY QUIET " --rounds 3 %s", named[i].words);
        r = run(words);
        expect_code(&r, 0);
        strcat(words, " --log l");
        r = run(words);
        expect_code(&r, 2);
        cr_expect(strstr(r.err, named[i].sentence), "wants %s, says %s", named[i].sentence, r.err);
    }
    cr_expect(count_files() == 3);
    r = run(TINY QUIET " --rounds 3 --log \xff.log --save-split \xed\xa0\x80.split");
    expect_code(&r, 0);
    const char *split = json_string_value(json_object_get(first_line("\xff.log"), "save-split"));
    cr_expect(split && !strcmp(split, "\\xed\\xa0\\x80.split"), "%s",
              split ? split : "an output, which is not repeated, is missing");
}

/* The log l with its first line changed. */
static void change_log(const char *key, const char *value)
{
    char *text = read_file("l");
    json_t *line = json_array_get(parse_lines(text), 0);
    if (value)
        json_object_set_new(line, key, json_string(value));
    else
        json_object_del(line, key);
    char *first = keep(json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(17)));
    FILE *f = fopen("l", "w");
    cr_assert(f && fprintf(f, "%s%s", first, strchr(text, '\n')) > 0 && fclose(f) == 0);
}

Test(repeat, a_log_that_lacks_a_setting_of_the_result_is_refused)
{
    static const struct { const char *command, *words; unsigned bit; } by[] = {
        {"train", TINY QUIET " --rounds 3 --log l --force", TSGD_FOR_TRAIN},
        {"tune", "tune --model quadratic --nodes 9 --rounds 3 --lr 0.01 --log l --force" QUIET,
         TSGD_FOR_TUNE},
    };
    for (size_t b = 0; b < sizeof by / sizeof *by; b++) {
        struct result r = run(by[b].words);
        expect_code(&r, 0);
        const json_t *whole = first_line("l");
        char words[64], sentence[64];
        snprintf(words, sizeof words, "%s --config l" QUIET, by[b].command);
        for (size_t i = 0; i < TSGD_SETTINGS; i++) {
            const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
            if (!(row->commands & by[b].bit))
                continue;
            json_t *line = json_copy((json_t *)whole);
            json_object_del(line, row->shown.name);
            char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(17));
            json_decref(line);
            cr_assert(text);
            write_file("l", text);
            free(text);
            r = run(words);
            expect_code(&r, row->shown.changes_result ? 2 : 0);
            snprintf(sentence, sizeof sentence, "l:1: '%s' is missing", row->shown.name);
            cr_expect(!row->shown.changes_result || strstr(r.err, sentence), "wants %s, says %s",
                      sentence, r.err);
        }
    }
}

Test(repeat, a_log_of_another_version_is_told_of_in_a_line)
{
    struct result r = run(TINY QUIET " --rounds 3 --log l");
    expect_code(&r, 0);
    r = run("train --config l" QUIET);
    expect_code(&r, 0);
    cr_expect(!*r.err, "%s", r.err);
    change_log("version", "0.0.1");
    change_log("new-key", "of another version");
    r = run("train --config l" QUIET);
    expect_code(&r, 0);
    cr_expect(strstr(r.err, "telesgd: l: is a log of telesgd 0.0.1, and this is ") == r.err &&
              strchr(r.err, '\n')[1] == 0, "%s", r.err);
    change_log("version", NULL);
    r = run("train --config l" QUIET);
    expect_code(&r, 0);
    cr_expect(strstr(r.err, "telesgd: l: is a log of telesgd ?"), "%s", r.err);
}

/* ---- files that a run read ---- */

Test(repeat, a_split_that_has_changed_is_noticed)
{
    struct result r = run("train --save-split p" NINE "logistic" QUIET);
    expect_code(&r, 0);
    r = run("train --split p --log l" NINE "logistic" QUIET);
    expect_code(&r, 0);
    r = run("train --config l --seed 4 --log m" QUIET);
    expect_code(&r, 0);
    r = run("train --seed 2 --save-split p" NINE "logistic" QUIET);
    expect_code(&r, 0);
    cr_assert(remove("m") == 0);
    r = run("train --config l --log m --save-split q --save s" QUIET);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--split: 'p' has changed since the run that is repeated"), "%s",
              r.err);
    cr_expect(count_files() == 2, "something was written");
    r = run("train --config l --dry-run");
    expect_code(&r, 2);
    cr_expect(!*r.out, "%s", r.out);
    r = run("tune --split p --log t" NINE "logistic" QUIET);
    expect_code(&r, 0);
    r = run("tune --config t --validation 0.3 --seed 3" QUIET);
    expect_code(&r, 0);
    r = run("train --config l --split p" QUIET);
    expect_code(&r, 0);
    r = run("train --config l --split=" QUIET);
    expect_code(&r, 0);
}

Test(repeat, parameters_that_have_changed_are_noticed)
{
    static const struct { const char *command, *run; } of[] = {
        {"train", "train" NINE "logistic --init x"},
        {"train", "train --model quadratic --nodes 9 --lr 0.01 --rounds 5 --init x"},
        {"tune", "tune --model quadratic --nodes 9 --lr 0.01 --rounds 5 --init x"},
    };
    char words[512];
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct result r = run(i ? "train --model quadratic --nodes 3 --rounds 3 --lr 0.01 --save x"
                                  QUIET : "train --save x" NINE "logistic" QUIET);
        expect_code(&r, 0);
        snprintf(words, sizeof words, "%s --log l" QUIET, of[i].run);
        r = run(words);
        expect_code(&r, 0);
        const char *hash = json_string_value(json_object_get(first_line("l"), "init_hash"));
        cr_assert(hash && strlen(hash) == 16);
        snprintf(words, sizeof words, "%s --config l --seed 3" QUIET, of[i].command);
        r = run(words);
        expect_code(&r, 0);
        r = run(i ? "train --model quadratic --nodes 3 --rounds 9 --lr 0.01 --save x" QUIET :
                    "train --seed 2 --save x" NINE "logistic" QUIET);
        expect_code(&r, 0);
        strcat(words, " --log m");
        r = run(words);
        expect_code(&r, 2);
        cr_expect(strstr(r.err, "--init: 'x' has changed since the run that is repeated"),
                  "%s", r.err);
        cr_expect(count_files() == 2, "something was written");
        strcat(words, " --init x");
        r = run(words);
        expect_code(&r, 0);
        cr_assert(remove("m") == 0);
    }
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
