/* telesgd report: what it refuses, and whether the data in the page are those of the logs. What the
 * page does with them is seen in a browser (tests/page).                                         */
#include "program.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(report, .init = enter_folder, .fini = leave_folder, .timeout = 240);

#define TELEPORT TINY " --partition dirichlet:0.5 --allow-empty --rounds 40 --eval-every 4" QUIET
#define DSGD ALL " --method dsgd" QUIET

static void expect_done(const char *words)
{
    struct result r = run(words);
    expect_code(&r, 0);
}

/* The data of a page; the caller drops them. */
static json_t *data_of(const char *page)
{
    static const char open[] = "<script type=\"application/json\" id=\"data\">";
    json_error_t why;
    const char *text = read_file(page), *from = strstr(text, open);
    cr_assert(from != NULL);
    from += sizeof open - 1;
    const char *to = strstr(from, "</script>");
    cr_assert(to != NULL);
    json_t *data = json_loadb(from, (size_t)(to - from), JSON_REJECT_DUPLICATES, &why);
    cr_assert(data != NULL, "%s: %s at %d", page, why.text, why.position);
    return data;
}

/* data.NAME[i] */
static json_t *item(const json_t *data, const char *name, size_t i)
{
    json_t *found = json_array_get(json_object_get(data, name), i);
    cr_assert(found != NULL, "no %s[%zu]", name, i);
    return found;
}

static const char *word(const json_t *of, const char *name)
{
    const char *text = json_string_value(json_object_get(of, name));
    return text ? text : "";
}

static double at(const json_t *array, size_t i)
{
    return json_number_value(json_array_get(array, i));
}

/* A column as the page packs it (src/web/json.h), into x[most]; returns how many there are. */
static size_t unpack(const json_t *column, double *x, size_t most)
{
    const json_t *differences = json_object_get(column, "d");
    const json_t *pairs = differences ? differences : json_object_get(column, "v");
    const json_t *steps = json_object_get(column, "s");
    size_t n = 0;
    double sum = 0;
    for (size_t i = 0; i < json_array_size(steps); i++)
        x[n++] = (sum += at(steps, i)) / pow(10, number(column, "e"));
    for (size_t i = 0; !pairs && i < json_array_size(column); i++)
        x[n++] = at(column, i);
    for (size_t i = 0; i < json_array_size(pairs); i += 2)
        for (double m = at(pairs, i + 1); m > 0 && n < most; m--)
            x[n++] = differences ? (sum += at(pairs, i)) : at(pairs, i);
    return n;
}

/* ---- what it refuses ---- */

Test(report, needs_logs_and_a_page)
{
    expect_done(TELEPORT " --log a.jsonl");
    expect_program_refuses("report -o page.html", 2, "needs more arguments");
    expect_program_refuses("report a.jsonl", 2, "--output: is missing");
    expect_program_refuses("report nowhere.jsonl -o page.html", 2, "nowhere.jsonl");
    expect_program_refuses("report a.jsonl -o nowhere/page.html", 1, "--output");
    cr_expect(count_files() == 1, "no page was written");
}

Test(report, of_a_folder_is_of_its_logs_but_not_of_those_in_folders_in_it)
{
    cr_assert(mkdir("f", 0777) == 0 && mkdir("f/tune", 0777) == 0);
    expect_program_refuses("report f -o page.html", 2, "f");
    expect_done(TELEPORT " --log f/b.jsonl");
    expect_done(TELEPORT " --log f/a.jsonl --seed 4");
    expect_done(TELEPORT " --log f/tune/c.jsonl");
    expect_done("report f -o page.html");
    json_t *data = data_of("page.html");
    cr_expect(json_array_size(json_object_get(data, "runs")) == 2);
    cr_expect(!strcmp(word(item(data, "runs", 0), "file"), "f/a.jsonl"));
    json_decref(data);
}

Test(report, goes_on_without_a_log_that_it_cannot_read_and_says_so)
{
    expect_done(TELEPORT " --log a.jsonl");
    write_file("b.jsonl", "{\"type\":\"config\"}\nno JSON\n{}\n");
    expect_program_refuses("report a.jsonl b.jsonl -o page.html", 2, "b.jsonl");
    json_t *data = data_of("page.html");
    cr_expect(json_array_size(json_object_get(data, "runs")) == 1);
    json_decref(data);
}

Test(report, replaces_its_own_pages_and_others_with_force)
{
    expect_done(TELEPORT " --log a.jsonl");
    write_file("page.html", "<!DOCTYPE html>\n<p>somebody else's\n");
    expect_program_refuses("report a.jsonl -o page.html", 2, "is no report of telesgd");
    cr_expect(strstr(read_file("page.html"), "somebody"));
    expect_done("report a.jsonl -o page.html --force");
    expect_done("report a.jsonl -o page.html");
    cr_expect(strstr(read_file("page.html"), "<!-- telesgd report -->"));
}

Test(report, never_replaces_a_log_that_it_shows)
{
    expect_done(TELEPORT " --log a.jsonl");
    expect_program_refuses("report a.jsonl -o ./a.jsonl --force", 2, "is one of the logs too");
    cr_expect(strstr(read_file("a.jsonl"), "\"type\":\"summary\""));
}

Test(report, that_cannot_be_written_whole_leaves_the_old_page)
{
    expect_done(TELEPORT " --log a.jsonl");
    expect_done("report a.jsonl -o page.html");
    const char *old = read_file("page.html");
    struct result r = run_limited(20000, "report a.jsonl -o page.html");
    expect_code(&r, 1);
    cr_expect(!strcmp(old, read_file("page.html")) && count_files() == 2);
}

/* ---- curves and ends ---- */

/* Every number of every evaluation; whole numbers are exact, and others are right to five digits,
 * or to five digits of the largest of them.                                                     */
static void expect_curves(const json_t *run, const json_t *lines)
{
    const json_t *curves = json_object_get(run, "curves"), *column, *value;
    const char *name;
    double x[64];
    json_object_foreach((json_t *)curves, name, column) {
        size_t n = unpack(column, x, 64), i = 0, l;
        double most = 0, least = INFINITY;
        for (size_t j = 0; j < n; j++) {
            most = fmax(most, fabs(x[j]));
            least = fmin(least, fabs(x[j]));
        }
        json_array_foreach(lines, l, value) {
            if (!has_type(value, "eval"))
                continue;
            double want = number(value, name), off = fabs(x[i] - want);
            double large = fmax(fabs(want), least >= most / 10 ? most : 0);
            bool exact = i < n && off == 0, near = off <= 5.1e-5 * large;
            cr_expect(i < n && (exact || (near && want != floor(want))),
                      "%s of evaluation %zu: %.9g, want %.9g", name, i, x[i], want);
            i++;
        }
        cr_expect(i == n, "%s: %zu numbers, want %zu", name, n, i);
    }
    cr_expect(json_object_size(curves) >= 9);
}

static void expect_end(const json_t *run, const json_t *summary)
{
    const char *name;
    const json_t *value;
    json_object_foreach(json_object_get(run, "end"), name, value) {
        double want = number(summary, name);
        cr_expect(fabs(json_number_value(value) - want) <= 1e-8 * fabs(want), "%s: %.12g, want "
                  "%.12g", name, json_number_value(value), want);
    }
    cr_expect(json_object_size(json_object_get(run, "end")) >= 10);
}

Test(report, has_the_numbers_of_the_logs)
{
    expect_done(TELEPORT " --eval tokens --link-cost preferred --log a.jsonl");
    expect_done(DSGD " --log b.jsonl");
    expect_done("report a.jsonl b.jsonl -o page.html");
    json_t *data = data_of("page.html");
    for (size_t i = 0; i < 2; i++) {
        const json_t *run = item(data, "runs", i);
        const json_t *lines = parse_lines(read_file(word(run, "file")));
        expect_curves(run, lines);
        expect_end(run, last_line(lines));
        cr_expect(!strcmp(word(run, "state"), "done"));
        double share = at(json_object_get(run, "share"), 0);
        cr_expect(fabs(share - number(last_line(lines), "share_step")) < 1e-4);
    }
    json_decref(data);
}

Test(report, has_the_time_of_every_worker_or_else_of_all)
{
    static const char *const activity[] = {"step", "mix", "eval", "wait", "other"};
    expect_done(TELEPORT " --log a.jsonl");
    char *text = read_file("a.jsonl");
    const json_t *summary = last_line(parse_lines(text));
    memcpy(strstr(text, "\"workers\""), "\"without\"", 9);
    write_file("b.jsonl", text);
    expect_done("report a.jsonl b.jsonl -o page.html");
    json_t *data = data_of("page.html");
    const json_t *workers = json_object_get(item(data, "runs", 0), "workers");
    cr_assert(json_array_size(workers) == 2);
    for (size_t w = 0; w < 2; w++)
        for (size_t i = 0; i < 5; i++) {
            const json_t *logged = json_array_get(json_object_get(summary, "workers"), w);
            cr_expect(fabs(at(json_array_get(workers, w), i) - number(logged, activity[i])) < 1e-4);
        }
    cr_expect(json_is_null(json_object_get(item(data, "runs", 1), "workers")));
    cr_expect(json_array_size(json_object_get(item(data, "runs", 1), "share")) == 6);
    json_decref(data);
}

Test(report, tells_how_runs_ended)
{
    static const struct { const char *file, *state; } want[] = {
        {"cut.jsonl", "cut"}, {"unfinished.jsonl", "unfinished"}, {"config.jsonl", "unfinished"},
        {"diverged.jsonl", "diverged"}, {"running.jsonl", "running"},
    };
    expect_done(TELEPORT " --log a.jsonl");
    char *text = read_file("a.jsonl"), *last = strstr(text, "{\"type\":\"summary\"");
    *strchr(text, '\n') = 0;
    write_file("config.jsonl", text);
    text[strlen(text)] = '\n';
    last[30] = 0;
    write_file("cut.jsonl", text);
    *last = 0;
    write_file("unfinished.jsonl", text);
    write_file("running.jsonl", text);
    struct result r = run(QUAD " --conditioning uniform --lr 5 --rounds 4000 --log diverged.jsonl"
                          QUIET);
    expect_code(&r, 3);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int held = open("running.jsonl", O_RDWR);
    cr_assert(held >= 0 && fcntl(held, F_OFD_SETLK, &whole) == 0);
    expect_done("report cut.jsonl unfinished.jsonl config.jsonl diverged.jsonl running.jsonl "
                "-o page.html");
    close(held);
    json_t *data = data_of("page.html");
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        cr_expect(!strcmp(word(item(data, "runs", i), "state"), want[i].state), "%s: '%s'",
                  want[i].file, word(item(data, "runs", i), "state"));
    const json_t *bare = item(data, "runs", 2);
    cr_expect(json_object_size(json_object_get(bare, "curves")) == 0);
    json_decref(data);
}

/* ---- groups, settings ---- */

Test(report, groups_runs_that_differ_in_their_seed_alone)
{
    expect_done(TELEPORT " --log a.jsonl --seed 1");
    expect_done(TELEPORT " --log b.jsonl --seed 2");
    expect_done(TELEPORT " --log c.jsonl --seed 2 --lr 0.2");
    expect_done("report a.jsonl c.jsonl b.jsonl -o page.html");
    json_t *data = data_of("page.html");
    cr_assert(json_array_size(json_object_get(data, "groups")) == 2);
    const json_t *runs = json_object_get(item(data, "groups", 0), "runs");
    cr_expect(json_array_size(runs) == 2 && at(runs, 0) == 0 && at(runs, 1) == 2);
    cr_expect(!strstr(word(item(data, "groups", 0), "name"), "seed"));
    const json_t *settings = json_object_get(data, "settings");
    const json_t *differing = json_object_get(settings, "differing");
    const json_t *rows = json_object_get(settings, "rows");
    cr_expect(json_array_size(differing) == 1);
    cr_expect(!strcmp(json_string_value(json_array_get(differing, 0)), "lr"));
    cr_expect(at(json_array_get(rows, 0), 0) == 0.1 && at(json_array_get(rows, 1), 0) == 0.2);
    json_decref(data);
}

static bool has_setting(const json_t *list, const char *name, const char *value)
{
    size_t i;
    json_t *pair;
    json_array_foreach(list, i, pair) {
        char *text = json_dumps(json_array_get(pair, 1),
                                JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
        bool found = !strcmp(json_string_value(json_array_get(pair, 0)), name) &&
                     !strcmp(text, value);
        free(text);
        if (found)
            return true;
    }
    return false;
}

Test(report, tells_settings_from_their_defaults)
{
    expect_done(TELEPORT " --log a.jsonl");
    expect_done("report a.jsonl -o page.html");
    json_t *data = data_of("page.html"), *settings = json_object_get(data, "settings");
    cr_expect(has_setting(json_object_get(settings, "given"), "nodes", "20"));
    cr_expect(has_setting(json_object_get(settings, "given"), "partition", "\"dirichlet:0.5\""));
    cr_expect(has_setting(json_object_get(settings, "default"), "lr", "0.1"));
    cr_expect(has_setting(json_object_get(settings, "default"), "method", "\"teleport\""));
    cr_expect(has_setting(json_object_get(settings, "other"), "parameters", "[650]"));
    json_decref(data);
}

/* ---- what settings tell ---- */

/* `telesgd topology --matrix` prints every weight. */
static void expect_weights(const json_t *graph, char *text, const char *words)
{
    const json_t *rounds = json_object_get(graph, "rounds");
    const json_t *weights = json_object_get(graph, "weights");
    for (size_t r = 0; r < json_array_size(rounds); r++) {
        const json_t *round = json_array_get(rounds, r), *rows = json_object_get(round, "n");
        size_t i = 0;
        for (size_t a = 0; a < json_array_size(rows); a++)
            for (double left = at(rows, a); left > 0; left--, i++) {
                char *line = strsep(&text, "\n");
                double want[4];
                cr_assert(sscanf(line, "%lf %lf %lf %lf", want, want + 1, want + 2, want + 3) == 4);
                double w = at(weights, (size_t)at(json_object_get(round, "w"), i));
                cr_expect(want[0] == (double)r && want[1] == (double)a &&
                          want[2] == at(json_object_get(round, "c"), i) && fabs(want[3] - w) < 1e-5,
                          "%s: round %zu, row %zu: %s", words, r, a, line);
            }
    }
    cr_expect(!*text, "%s: weights are lacking: %s", words, text);
}

Test(report, has_the_graph_that_telesgd_topology_shows)
{
    expect_done(TELEPORT " --topology base:1 --active 6 --log a.jsonl");
    expect_done(DSGD " --topology exp --log b.jsonl");
    expect_done("report a.jsonl b.jsonl -o page.html");
    json_t *data = data_of("page.html");
    static const char *const words[] = {"topology base:1 --active 6", "topology exp --active 9"};
    for (size_t i = 0; i < 2; i++) {
        char with[64];
        const json_t *graph = json_object_get(item(data, "scenes", i), "graph");
        snprintf(with, sizeof with, "%s --matrix", words[i]);
        expect_weights(graph, run(with).out, with);
        snprintf(with, sizeof with, "%s --json", words[i]);
        const json_t *line = last_line(parse_lines(run(with).out));
        cr_expect(number(graph, "period") == number(line, "period") &&
                  number(graph, "degree") == number(line, "degree"));
        /* The gap is 1 - sigma^2 of the second singular value. */
        const json_t *values = json_array_get(json_object_get(graph, "values"), 0);
        const json_t *product = json_object_get(graph, "product");
        cr_expect(fabs(at(values, 0) - 1) < 1e-5 && fabs(at(product, 0) - 1) < 1e-5);
        cr_expect(fabs(1 - pow(at(values, 1), 2) - number(line, "gap")) < 1e-4);
        cr_expect(fabs(1 - pow(at(product, 1), 2) - number(line, "gap_period")) < 1e-4);
    }
    json_decref(data);
}

/* The trace of the run says who held which token. */
Test(report, has_the_holders_that_the_trace_of_the_run_shows)
{
    expect_done(TELEPORT " --gossip rows --availability 0.3 --log a.jsonl --trace trace.json");
    expect_done("report a.jsonl -o page.html");
    json_t *data = data_of("page.html"), *trace = json_loads(read_file("trace.json"), 0, NULL), *e;
    const json_t *holders = json_object_get(item(data, "scenes", 0), "holders");
    const json_t *node = json_object_get(holders, "node");
    size_t i, steps = 0, shown = 0;
    cr_assert(json_array_size(node) == 4 * 40 && number(holders, "rounds") == 40);
    cr_expect(json_is_false(json_object_get(holders, "stay")) && number(holders, "nodes") == 20);
    json_array_foreach(json_object_get(trace, "traceEvents"), i, e) {
        const json_t *args = json_object_get(e, "args");
        if (strcmp(word(e, "cat"), "step") || !json_object_get(args, "node"))
            continue;
        size_t place = (size_t)(4 * number(args, "round") + number(args, "token"));
        cr_expect(at(node, place) == number(args, "node"), "round and token %zu", place);
        steps++;
    }
    for (i = 0; i < 4 * 40; i++)
        shown += at(node, i) >= 0;
    cr_expect(shown >= steps && steps > 100, "%zu steps, %zu shown", steps, shown);
    json_decref(trace);
    json_decref(data);
}

/* A line of a split file has the samples of a node. */
Test(report, has_the_split_of_the_run)
{
    double classes[10] = {0}, all = 0;
    expect_done(TELEPORT " --save-split split.txt --log a.jsonl");
    expect_done("report a.jsonl -o page.html");
    json_t *data = data_of("page.html");
    const json_t *split = json_object_get(item(data, "scenes", 0), "split");
    const json_t *counts = json_object_get(split, "counts");
    cr_assert(number(split, "nodes") == 20 && number(split, "classes") == 10);
    char *text = read_file("split.txt");
    strsep(&text, "\n");
    for (size_t i = 0; i < 20; i++) {
        char *line = strsep(&text, "\n");
        double samples = 0, want = *line != 0;
        for (; *line; line++)
            want += *line == ' ';
        for (size_t c = 0; c < 10; c++) {
            samples += at(counts, 10 * i + c);
            classes[c] += at(counts, 10 * i + c);
        }
        cr_expect(samples == want, "node %zu: %g samples, want %g", i, samples, want);
        all += samples;
    }
    /* Alpaydin and Kaynak's digits are nearly equally frequent. */
    for (size_t c = 0; c < 10; c++)
        cr_expect(classes[c] > 130 && classes[c] < 160, "class %zu: %g", c, classes[c]);
    cr_expect(all == 1437);
    json_decref(data);
}

Test(report, says_what_cannot_be_told_and_goes_on)
{
    expect_done(TELEPORT " --log a.jsonl");
    expect_done(QUAD " --rounds 20 --log quadratic.jsonl" QUIET);
    expect_done("tune --data digits --model logistic --nodes 20 --rounds 20 --log tune.jsonl"
                QUIET);
    char *text = read_file("a.jsonl"), *hash = strstr(text, "\"split_hash\":\"");
    hash[14] = hash[14] == '0' ? '1' : '0';
    write_file("changed.jsonl", text);
    char *dir = strstr(text, "\"data-dir\":null");
    FILE *f = fopen("gone.jsonl", "w");
    fprintf(f, "%.*s\"data-dir\":\"/nowhere\"%s", (int)(dir - text), text, dir + 15);
    fclose(f);
    expect_done("report quadratic.jsonl tune.jsonl changed.jsonl -o page.html");
    json_t *data = data_of("page.html");
    const json_t *split[4], *scene;
    for (size_t i = 0; i < 3; i++)
        split[i] = json_object_get(item(data, "scenes", i), "split");
    cr_expect(strstr(word(split[0], "why"), "no samples"));
    cr_expect(json_object_get(split[1], "counts") != NULL, "a search has a split");
    cr_expect(strstr(word(split[2], "why"), "have changed"));
    scene = item(data, "scenes", 1);
    cr_expect(strstr(word(json_object_get(scene, "graph"), "why"), "a search"));
    cr_expect(strstr(word(json_object_get(scene, "holders"), "why"), "a search"));
    cr_expect(json_object_get(json_object_get(item(data, "scenes", 2), "holders"), "node") != NULL);
    json_decref(data);
    expect_done("report gone.jsonl -o page.html");
    data = data_of("page.html");
    cr_expect(strstr(word(json_object_get(item(data, "scenes", 0), "split"), "why"), "/nowhere"));
    cr_expect(json_object_get(json_object_get(item(data, "scenes", 0), "graph"), "rounds") != NULL);
    json_decref(data);
}

Test(report, tells_what_a_search_chose)
{
    expect_done("tune --data digits --model logistic --nodes 20 --rounds 20 --lr-grid 0.1,0.01 "
                "--log tune.jsonl" QUIET);
    expect_done("report tune.jsonl -o page.html");
    json_t *data = data_of("page.html");
    const json_t *run = item(data, "runs", 0);
    const json_t *end = last_line(parse_lines(read_file("tune.jsonl")));
    cr_expect(json_is_true(json_object_get(run, "search")));
    cr_expect(number(json_object_get(run, "end"), "chosen_active") == number(end, "chosen_active"));
    cr_expect(fabs(number(json_object_get(run, "end"), "test_accuracy") -
                   number(end, "test_accuracy")) < 1e-8);
    json_decref(data);
}

/* ---- the page ---- */

static size_t count_text(const char *text, const char *what)
{
    size_t n = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}

Test(report, names_of_files_are_no_markup)
{
    static const char odd[] = "</script><b>\"&'\\\xff\x1b.jsonl";
    expect_done(TELEPORT " --log a.jsonl");
    expect_done("report a.jsonl -o plain.html");
    cr_assert(mkdir("f", 0777) == 0 && mkdir("f/<", 0777) == 0);
    cr_assert(chdir("f/<") == 0);
    char path[64] = "";
    for (size_t i = 0, n = 0; i < sizeof odd; i++)      /* a name cannot have a slash */
        if (odd[i] != '/')
            path[n++] = odd[i];
    cr_assert(link("../../a.jsonl", path) == 0 && chdir("../..") == 0);
    expect_done("report f/< -o page.html");
    const char *plain = read_file("plain.html"), *page = read_file("page.html");
    cr_expect(count_text(page, "<b>") == count_text(plain, "<b>"));
    cr_expect(count_text(page, "<script") == count_text(plain, "<script"));
    json_t *data = data_of("page.html");
    cr_expect(!strcmp(word(item(data, "runs", 0), "file"), "f/</<script><b>\"&'\\??.jsonl"), "%s",
              word(item(data, "runs", 0), "file"));
    json_decref(data);
}

Test(report, texts_of_logs_are_no_markup)
{
    expect_done(TELEPORT " --log a.jsonl");
    char *text = read_file("a.jsonl"), *cpu = strstr(text, "\"cpu\":\"");
    FILE *f = fopen("b.jsonl", "w");
    fprintf(f, "%.*s\"cpu\":\"</script><script>alert(1)</script>%s", (int)(cpu - text), text,
            cpu + 7);
    fclose(f);
    expect_done("report b.jsonl -o page.html");
    cr_expect(!strstr(read_file("page.html"), "alert(1)</script>"));
    json_t *data = data_of("page.html");
    json_decref(data);
}

Test(report, loads_nothing_from_elsewhere)
{
    static const char *const loads[] = {"<link", "<img", "<iframe", "<script src", "@import",
                                        "url(", "fetch(", "XMLHttpRequest", "import(", "srcset"};
    expect_done(TELEPORT " --log a.jsonl");
    expect_done("report a.jsonl -o page.html");
    const char *page = read_file("page.html");
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++)
        cr_expect(!strstr(page, loads[i]), "%s", loads[i]);
    cr_expect(strstr(page, "default-src 'none'"));
    cr_expect(strstr(page, "Copyright (c) 2022 Leon Sorokin"));
}

/* 5 runs of 1,000 evaluations with numbers that do not repeat: 100 of them are 4.5 megabytes. */
Test(report, is_small_for_many_evaluations)
{
    expect_done(TELEPORT " --log a.jsonl");
    char *text = read_file("a.jsonl"), words[256] = "report";
    *strchr(text, '\n') = 0;
    for (int run = 0; run < 5; run++) {
        char name[32];
        snprintf(name, sizeof name, "m%d.jsonl", run);
        snprintf(words + strlen(words), sizeof words - strlen(words), " %s", name);
        FILE *f = fopen(name, "w");
        fprintf(f, "%s\n", text);
        for (int i = 1; i <= 1000; i++) {
            double x = fmod(0.6180339887 * (i + 1000 * run), 1);
            fprintf(f, "{\"type\":\"eval\",\"round\":%d,\"samples\":%d,\"gradients\":%d,"
                    "\"bytes_gossip\":%d,\"bytes_teleport\":%d,\"wall_seconds\":%.9g,"
                    "\"train_loss\":%.9g,\"test_loss\":%.9g,\"test_accuracy\":%.9g,"
                    "\"consensus\":%.9g,\"lr\":0.1}\n", 10 * i, 3200 * i + i % 7, 40 * i, 9600 * i,
                    7200 * i + i % 5, i * 0.1 + x, x + 1, x + 2, x, x / 1e4);
        }
        fclose(f);
    }
    strcat(words, " -o many.html");
    expect_done("report a.jsonl -o one.html");
    expect_done(words);
    size_t more = strlen(read_file("many.html")) - strlen(read_file("one.html"));
    cr_expect(more < 5 * 45000, "%zu bytes", more);
}
