/* Checkpoint files as users meet them: a run that goes on from any of them, with other threads,
 * ends with the file of parameters and the log of the run that was never stopped, byte by byte but
 * for wall time; what cannot be gone on with is refused in a sentence, and nothing is lost.     */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linalg/isa.h"
#include "method/method.h"
#include "program.h"
#include "telesgd.h"
#include "twin.h"

TestSuite(resume, .init = enter_folder, .fini = leave_folder, .timeout = 120);

static bool exists(const char *path) { return access(path, F_OK) == 0; }

static struct result must(int code, const char *words)
{
    struct result r = run(words);
    expect_code(&r, code);
    return r;
}

/* Of an output of another machine or another speed. */
static void strip(json_t *line)
{
    static const char *const names[] = {
        "wall_seconds", "samples_per_second", "share_step", "share_mix", "share_eval",
        "share_wait", "share_other", "share_ran", "share_slept", "share_taken", "workers", "steals",
        "sleeps", "date", "threads", "gossip", "memory_bytes",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        json_object_del(line, names[i]);
}

static bool same_logs(const char *a, const char *b)
{
    json_t *x = parse_lines(read_file(a)), *y = parse_lines(read_file(b));
    bool same = json_array_size(x) == json_array_size(y);
    for (size_t i = 0; same && i < json_array_size(x); i++) {
        json_t *p = json_array_get(x, i), *q = json_array_get(y, i);
        strip(p);
        strip(q);
        same = json_equal(p, q);
    }
    return same;
}

static bool same_files(const char *a, const char *b)
{
    char command[128];
    snprintf(command, sizeof command, "cmp -s '%s' '%s'", a, b);
    return system(command) == 0;
}

static void copy(const char *from, const char *to)
{
    char command[128];
    snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    cr_assert(system(command) == 0);
}

/* Of a checkpoint. */
static uint64_t round_of(const char *path)
{
    char words[96];
    snprintf(words, sizeof words, "train --resume %s --dry-run", path);
    const char *text = must(0, words).out, *at = strstr(text, "from round ");
    cr_assert(at, "%s", text);
    return strtoull(at + strlen("from round "), NULL, 10);
}

/* ---- the same bits ---- */

/* What a run may remember, in few rounds. */
static const char *const kinds[] = {
    "--data digits --model mlp:8 --nodes 9 --partition dirichlet-even:0.3 --eval-at-start",
    "--model quadratic --nodes 9 --dim 7 --lr 0.01 --eval-every 3",
    "--data digits --model logistic --nodes 9 --availability 0.7",
    "--data digits --model logistic --nodes 9 --link-cost slow-nodes:0.3 --compute-seconds "
        "0.1:lognormal:1 --port serial --eval tokens",
    "--data digits --model mlp:8 --nodes 9 --validation 0.2 --schedule cosine:0.001 --warmup 9 "
        "--batch 40 --step-parts 3 --final-average",
    "--data digits --model logistic --nodes 9 --augment crop --normalize data --order iid "
        "--samples 5000",
    "--data digits --model logistic --nodes 9 --epochs 1.5 --until train_loss<=0.01",
};
enum { KINDS = sizeof kinds / sizeof *kinds };

ParameterizedTestParameters(resume, any_checkpoint_leads_to_the_same_end)
{
    return twin_rows(KINDS * tsgd_n_methods);
}

/* Whether the method takes all that the kind asks for. */
static bool suits(const struct tsgd_method *m, const char *kind)
{
    return !strstr(kind, "--availability") || (m->teleports && !m->rule);
}

ParameterizedTest(size_t *row, resume, any_checkpoint_leads_to_the_same_end)
{
    const struct tsgd_method *m = tsgd_methods[*row / KINDS];
    const char *kind = kinds[*row % KINDS];
    const bool bounded = !strstr(kind, "--samples") && !strstr(kind, "--epochs");
    char words[512], more[640];
    if (!suits(m, kind))
        return;
    snprintf(words, sizeof words, "train %s --method %s%s%s --seed %zu" QUIET, kind, m->name,
             m->rule && !m->needs_momentum ? "" : " --momentum 0.9",
             bounded ? " --rounds 40" : "", *row);
    if (m->teleports && strcmp(m->name, "walk"))
        strcat(words, " --active 4");
    snprintf(more, sizeof more, "%s --threads 1 --log a.jsonl --save a.st", words);
    must(0, more);
    snprintf(more, sizeof more, "%s --threads 2 --log b.jsonl --save b.st --checkpoint c "
             "--checkpoint-every 3 --keep 4", words);
    must(0, more);
    cr_expect(same_files("a.st", "b.st") && same_logs("a.jsonl", "b.jsonl"), "%s", words);
    cr_assert(exists("c"), "%s", words);
    static const char *const kept[] = {"c", "c.1", "c.2", "c.3"};
    for (size_t i = 0; i < 4 && exists(kept[i]); i++) {
        copy("b.jsonl", "r.jsonl");
        snprintf(more, sizeof more, "train --resume %s --checkpoint other --log r.jsonl "
                 "--save r.st --force --gossip %s --threads %zu" QUIET, kept[i],
                 i % 2 ? "rows" : "slices", 1 + i);
        must(0, more);
        cr_expect(same_files("a.st", "r.st"), "%s from %s", words, kept[i]);
        cr_expect(same_logs("a.jsonl", "r.jsonl"), "%s from %s", words, kept[i]);
    }
}

/* Momentum that stays with the nodes, and that is mixed. */
Test(resume, wherever_the_momentum_is)
{
    static const char *const homes[] = {"token", "node", "mixed"};
    for (size_t i = 0; i < 3; i++) {
        char words[256];
        snprintf(words, sizeof words, TINY QUIET " --rounds 60 --momentum 0.9 --momentum-home %s "
                 "--mix-every %zu --log a.jsonl --save a.st", homes[i], 1 + i);
        must(0, words);
        snprintf(words, sizeof words, TINY QUIET " --rounds 60 --momentum 0.9 --momentum-home %s "
                 "--mix-every %zu --log b.jsonl --checkpoint c --checkpoint-every 7 --force",
                 homes[i], 1 + i);
        must(0, words);
        must(0, "train --resume c --log b.jsonl --save b.st" QUIET);
        cr_expect(same_files("a.st", "b.st") && same_logs("a.jsonl", "b.jsonl"), "%s", homes[i]);
    }
}

/* ---- signals ---- */

static void await(const char *path, const char *text)
{
    char line[4096];
    for (int i = 0; i < 6000; i++, usleep(10000)) {
        FILE *f = fopen(path, "r");
        bool found = false;
        while (f && !found && fgets(line, sizeof line, f))
            found = strstr(line, text) != NULL;
        if (f)
            fclose(f);
        if (found)
            return;
    }
    cr_assert_fail("no '%s' in %s", text, path);
}

#define LONG "train --data digits --model logistic --nodes 20 --active 4 --threads 2 --rounds " \
    "4000000 --eval-every 500" QUIET

Test(resume, sigint_writes_a_checkpoint_and_ends_and_sigusr1_writes_one_and_goes_on)
{
    struct stat s;
    pid_t child = start(STDOUT_FILENO, STDERR_FILENO, RLIM_INFINITY,
                        LONG " --log b.jsonl --checkpoint c --checkpoint-every never");
    await("b.jsonl", "\"round\":500");
    cr_expect(!exists("c"));
    kill(child, SIGUSR1);
    for (int i = 0; i < 3000 && stat("c", &s) != 0; i++)
        usleep(10000);
    cr_assert(exists("c"));
    ino_t first = s.st_ino;
    kill(child, SIGINT);
    cr_expect(code_of(child) == 130);
    cr_assert(stat("c", &s) == 0 && s.st_ino != first);
    json_t *lines = parse_lines(read_file("b.jsonl"));
    uint64_t end = (uint64_t)number(last_line(lines), "round");
    cr_expect(json_is_true(json_object_get(last_line(lines), "interrupted")) && end >= 500);
    /* It ends when it is asked again: the log then has the evaluations of a run in one go. */
    child = start(STDOUT_FILENO, STDERR_FILENO, RLIM_INFINITY,
                  "train --resume c --log b.jsonl --threads 1" QUIET);
    char next[48];
    snprintf(next, sizeof next, "\"round\":%llu,", (unsigned long long)(end / 500 + 2) * 500);
    await("b.jsonl", next);
    kill(child, SIGTERM);
    cr_expect(code_of(child) == 130);
    lines = parse_lines(read_file("b.jsonl"));
    for (size_t i = 1; i + 2 < json_array_size(lines); i++)
        cr_expect(number(json_array_get(lines, i), "round") == 500. * (double)i, "line %zu", i);
}

/* Of a terminal that is closed. */
Test(resume, sighup_writes_a_checkpoint_and_ends)
{
    signal(SIGHUP, SIG_DFL);
    pid_t child = start(STDOUT_FILENO, STDERR_FILENO, RLIM_INFINITY,
                        LONG " --log b.jsonl --checkpoint c --checkpoint-every never");
    await("b.jsonl", "\"round\":500");
    kill(child, SIGHUP);
    cr_expect(code_of(child) == 130);
    cr_expect(exists("c"));
    cr_expect(json_is_true(json_object_get(last_line(parse_lines(read_file("b.jsonl"))),
                                           "interrupted")));
}

/* It goes on for more rounds than it makes between a signal and its end. */
Test(resume, under_nohup_sighup_does_nothing)
{
    signal(SIGHUP, SIG_IGN);
    pid_t child = start(STDOUT_FILENO, STDERR_FILENO, RLIM_INFINITY,
                        LONG " --log b.jsonl --checkpoint c --checkpoint-every never");
    signal(SIGHUP, SIG_DFL);
    await("b.jsonl", "\"round\":500");
    kill(child, SIGHUP);
    await("b.jsonl", "\"round\":20000");
    cr_expect(kill(child, 0) == 0 && !exists("c"));
    kill(child, SIGINT);
    cr_expect(code_of(child) == 130);
}

/* How often it has complained so far; as it shares the file's offset, that is left alone. */
static int complaints(FILE *err)
{
    char text[8192];
    int n = 0;
    ssize_t got = pread(fileno(err), text, sizeof text - 1, 0);
    cr_assert(got >= 0);
    text[got] = 0;
    for (const char *at = text; (at = strstr(at, "cannot write 'c'")); at++)
        n++;
    return n;
}

static void await_complaint(FILE *err, int n)
{
    for (int i = 0; i < 3000 && complaints(err) < n; i++)
        usleep(10000);
    cr_assert(complaints(err) == n, "%d complaints, want %d", complaints(err), n);
}

/* Files may grow no more than so much, from now on. */
static void limit_files(pid_t child, rlim_t most)
{
    struct rlimit limit = {most, RLIM_INFINITY};
    cr_assert(prlimit(child, RLIMIT_FSIZE, &limit, NULL) == 0);
}

Test(resume, a_checkpoint_that_fails_is_told_once_while_that_lasts_and_at_the_end)
{
    static const char during[] = "; the training goes on, and the file is still that of round ";
    char last[160];
    struct stat s, now;
    FILE *out = tmpfile(), *err = tmpfile();
    cr_assert(out && err);
    pid_t child = start(fileno(out), fileno(err), RLIM_INFINITY,
                        LONG " --checkpoint c --checkpoint-every 500");
    for (int i = 0; i < 3000 && !exists("c"); i++)
        usleep(10000);
    limit_files(child, 8000);
    await_complaint(err, 1);
    usleep(300000);
    cr_expect(complaints(err) == 1, "it was told again");
    cr_assert(stat("c", &s) == 0);
    limit_files(child, RLIM_INFINITY);
    for (int i = 0; i < 3000 && stat("c", &now) == 0 && now.st_mtim.tv_sec == s.st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == s.st_mtim.tv_nsec; i++)
        usleep(10000);
    limit_files(child, 8000);
    await_complaint(err, 2);
    kill(child, SIGINT);
    cr_expect(code_of(child) == 1);
    rewind(out);
    rewind(err);
    const char *told = contents(out), *line = contents(err);
    cr_expect(strstr(told, "\ninterrupted before its end\ntrained ") &&
              strstr(told, "\nwritten         c\n"), "%s", told);
    for (int i = 0; i < 2; i++) {
        line = strstr(line, "telesgd: --checkpoint: cannot write 'c': File too large (round ");
        cr_assert(line && strstr(line, during), "%s", line);
        line = strchr(line, '\n') + 1;
    }
    snprintf(last, sizeof last, "; the file is still that of round %llu\n",
             (unsigned long long)round_of("c"));
    cr_expect(!strncmp(line, "telesgd: --checkpoint: ", 23) && strstr(line, last) &&
              !strstr(line, "goes on") && strchr(line, '\n')[1] == 0, "wants %s, says %s", last,
              line);
}

/* ---- what is refused ---- */

static void refuse(const char *words, const char *sentence)
{
    struct result r = run(words);
    cr_expect(r.code == 2 && strstr(r.err, sentence), "%s: %d, %s", words, r.code, r.err);
}

Test(resume, what_changes_the_result_must_be_as_it_was)
{
    must(0, TINY QUIET " --rounds 30 --momentum 0.5 --log a.jsonl --checkpoint c "
         "--checkpoint-every 10");
    refuse("train --resume c --lr 0.5 --seed 4", "lr 0.1 (found 0.5), seed 0 (found 4)");
    refuse("train --resume c --rounds 40", "rounds 30 (found 40)");
    refuse("train --resume c --until train_loss<=1", "until none (found train_loss<=1)");
    refuse("train --resume c --momentum-home node", "momentum-home token (found node)");
    refuse("tune --resume c", "telesgd.command train, want tune");
    refuse("train --resume c --log c", "is the file of");
    write_file("other", "x");
    refuse("train --resume c --checkpoint other", "is no checkpoint of telesgd");
    refuse("train --resume nothing", "nothing");
    refuse("train --resume a.jsonl", "a.jsonl");
    must(0, TINY QUIET " --rounds 30 --save s.st");
    refuse("train --resume s.st", "no checksum");
    refuse(TINY " --checkpoint c", "--resume 'c'");
    refuse(TINY " --checkpoint-every 10", "--checkpoint");
    refuse(TINY " --keep 2", "--checkpoint");
    refuse(TINY " --checkpoint d --checkpoint-every 0", "'0'");
    refuse(TINY " --checkpoint d --checkpoint-every 3x", "'3x'");
    refuse(TINY " --checkpoint d --checkpoint-every -3s", "'-3s'");
    refuse(TINY " --checkpoint no/folder", "no/folder");
    cr_expect(!exists("d"));
    must(0, "train --resume c --lr 0.1 --momentum 0.5 --model logistic --threads 3" QUIET);
}

/* The machine that goes on may have another instruction set than the one that began, whether it was
 * asked for or taken by default. The log begins with what the first one was.                    */
Test(resume, another_instruction_set_may_go_on_if_it_has_the_same_bits)
{
    static const char *const names[] = {"sse4", "avx2", "avx512", "portable", "neon", "plain"};
    const struct tsgd_kernels *k, *widest;
    char words[256];
    cr_assert(tsgd_isa_find(&widest, NULL, NULL) == TSGD_OK);
    for (int asked = 0; asked < 2; asked++) {
        snprintf(words, sizeof words, TINY QUIET " --rounds 30 --momentum 0.5 --log a.jsonl "
                 "--save a.st --checkpoint c --checkpoint-every 10 --force %s%s",
                 asked ? "--isa " : "", asked ? widest->isa : "");
        must(0, words);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            if (tsgd_isa_find(&k, names[i], NULL) != TSGD_OK)
                continue;
            copy("a.jsonl", "r.jsonl");
            snprintf(words, sizeof words, "train --resume c --checkpoint other --log r.jsonl "
                     "--save r.st --force --isa %s" QUIET, names[i]);
            if (k != widest && (!k->fused || !widest->fused)) {
                refuse(words, "of a run with isa");
                continue;
            }
            must(0, words);
            cr_expect(same_files("a.st", "r.st") && same_logs("a.jsonl", "r.jsonl"), "%s", words);
        }
    }
}

Test(resume, the_log_must_be_that_of_the_run)
{
    must(0, TINY QUIET " --rounds 30 --eval-every 3 --log a.jsonl --checkpoint c "
         "--checkpoint-every 10");
    must(0, TINY QUIET " --rounds 30 --eval-every 3 --lr 0.2 --log o.jsonl");
    refuse("train --resume c --log o.jsonl", "lr 0.2, want 0.1");
    char *before = read_file("a.jsonl");        /* but for its evaluations */
    strchr(before, '\n')[1] = 0;
    write_file("cut.jsonl", before);
    refuse("train --resume c --log cut.jsonl", "evaluations up to round");
    cr_expect_str_eq(read_file("cut.jsonl"), before);
    /* One that is not there begins with the config line and has what is to come. */
    must(0, "train --resume c --log new.jsonl" QUIET);
    json_t *lines = parse_lines(read_file("new.jsonl"));
    cr_expect(has_type(json_array_get(lines, 0), "config"));
    cr_expect(number(json_array_get(lines, 1), "round") > (double)round_of("c"));
    cr_expect(count_files() == 5);
}

/* ---- keeping ---- */

Test(resume, the_newest_are_kept)
{
    must(0, TINY QUIET " --rounds 3000 --checkpoint c --checkpoint-every 1 --keep 3");
    cr_assert(exists("c") && exists("c.1") && exists("c.2") && !exists("c.3"));
    cr_expect(round_of("c") > round_of("c.1") && round_of("c.1") > round_of("c.2"));
    cr_expect(count_files() == 3);
}

/* ---- the mean of the tokens ---- */

Test(resume, a_checkpoint_can_be_evaluated_and_started_from)
{
    must(0, TINY QUIET " --rounds 30 --eval-every 10 --log a.jsonl --checkpoint c "
         "--checkpoint-every 20");
    json_t *lines = parse_lines(read_file("a.jsonl"));
    struct result r = must(0, "eval --init c --data digits --json");
    json_t *e = json_loads(r.out, 0, NULL);
    cr_expect(number(e, "test_loss") == number(json_array_get(lines, 2), "test_loss"));
    json_decref(e);
    must(0, TINY QUIET " --rounds 1 --init c --eval-at-start --log s.jsonl");
    lines = parse_lines(read_file("s.jsonl"));
    cr_expect(number(json_array_get(lines, 1), "test_accuracy") > 0.5);
    must(0, QUAD QUIET " --rounds 30 --checkpoint q --checkpoint-every 20 --log q.jsonl "
         "--eval-every 20");
    must(0, QUAD QUIET " --rounds 1 --init q --eval-at-start --log t.jsonl");
    lines = parse_lines(read_file("q.jsonl"));
    json_t *again = parse_lines(read_file("t.jsonl"));
    cr_expect_float_eq(number(json_array_get(lines, 1), "grad_norm2"),
                       number(json_array_get(again, 1), "grad_norm2"), 1e-9);
    refuse("eval --init q --data digits", "quadratic");
}

/* ---- searches ---- */

/* From every checkpoint of all passes; the first grid's choice is made in its last pass, the
 * other's in the first.                                                                         */
Test(resume, a_search_goes_on_to_the_same_choice)
{
    static const char *const grids[] = {"0.05,0.5", "0.05,0.5,0.1"};
    char words[256], name[24];
    for (size_t g = 0; g < 2; g++) {
        char search[160];
        snprintf(search, sizeof search, "tune --data digits --model mlp:8 --nodes 12 --rounds 40 "
                 "--momentum 0.9 --lr-grid %s --force" QUIET, grids[g]);
        snprintf(words, sizeof words, "%s --threads 1 --log a.jsonl --save a.st", search);
        must(0, words);
        snprintf(words, sizeof words, "%s --threads 2 --log b.jsonl --checkpoint c "
                 "--checkpoint-every 1 --keep 40", search);
        must(0, words);
        json_t *p = last_line(parse_lines(read_file("a.jsonl")));
        cr_assert(number(p, "passes") >= 2);
        strip(p);
        for (int i = 0; i < 40; i++) {
            snprintf(name, sizeof name, i ? "c.%d" : "c", i);
            if (!exists(name))
                continue;
            copy("b.jsonl", "r.jsonl");
            snprintf(words, sizeof words, "tune --resume %s --checkpoint other --force --threads "
                     "%d --log r.jsonl --save r.st" QUIET, name, 1 + i % 3);
            must(0, words);
            cr_expect(same_files("a.st", "r.st"), "%s", name);
            cr_expect(system("for f in a r; do sort $f.jsonl | "
                             "grep -o 'population.*state_hash[^,]*' | "
                             "sed 's/\"wall_seconds\":[^,]*//' > $f.lines; done; "
                             "cmp -s a.lines r.lines") == 0, "%s", name);
            json_t *q = last_line(parse_lines(read_file("r.jsonl")));
            strip(q);
            cr_expect(json_equal(p, q), "%s", name);
        }
        cr_expect(system("rm -f c c.*") == 0);
    }
}

/* ---- the library ---- */

struct told {
    unsigned taken, written, failed;
    bool refuses;
    uint64_t round;
};

static bool on_checkpoint(const struct tsgd_checkpoint *c, void *user)
{
    struct told *t = user;
    t->taken += c->stage == TSGD_CHECKPOINT_TAKEN;
    t->written += c->stage == TSGD_CHECKPOINT_WRITTEN;
    t->failed += c->stage == TSGD_CHECKPOINT_FAILED;
    cr_expect(!c->error == (c->stage != TSGD_CHECKPOINT_FAILED));
    t->round = c->round;
    return !t->refuses;
}

static void train_with(struct tsgd_settings *s, struct told *told, struct tsgd_summary *end)
{
    struct tsgd_run *r;
    struct tsgd_error err;
    cr_assert(tsgd_run_create(&r, s, &err) == TSGD_OK, "%s", err.text);
    tsgd_run_on_checkpoint(r, on_checkpoint, told);
    cr_assert(tsgd_run_train(r, NULL, NULL, end, &err) == TSGD_OK, "%s", err.text);
    tsgd_run_free(r);
}

Test(resume, callers_of_the_library_are_told_and_may_give_one_up)
{
    static const char *const given[][2] = {
        {"model", "quadratic"}, {"nodes", "9"}, {"active", "3"}, {"lr", "0.01"},
        {"rounds", "100"}, {"checkpoint", "c"}, {"checkpoint-every", "10"}, {"threads", "2"},
    };
    struct tsgd_settings *s;
    struct tsgd_summary whole, end;
    struct told told = {.refuses = true};
    cr_assert(tsgd_settings_create(&s, NULL) == TSGD_OK);
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        cr_assert(tsgd_settings_set(s, given[i][0], given[i][1], NULL) == TSGD_OK);
    train_with(s, &told, &whole);
    cr_expect(told.taken > 0 && told.written == 0 && told.failed == told.taken && !exists("c"));
    cr_expect(whole.checkpoints == 0 && whole.checkpoint_failed);
    told = (struct told){0};
    train_with(s, &told, &whole);
    cr_expect(told.written > 0 && told.failed == 0 && told.written == whole.checkpoints);
    /* One that is due while the one before is being written comes a few rounds later. */
    cr_expect(!whole.checkpoint_failed && exists("c") && told.round >= 10 && told.round < 100);
    cr_assert(tsgd_settings_set(s, "resume", "c", NULL) == TSGD_OK);
    told = (struct told){0};
    train_with(s, &told, &end);
    cr_expect(end.last.state_hash == whole.last.state_hash && end.last.round == 100);
    cr_expect(end.wall_seconds > 0 && !isnan(end.samples_per_second));
    tsgd_settings_free(s);
}
