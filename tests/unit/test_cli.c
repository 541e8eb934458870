/* The program as its users meet it: each test runs it in an empty folder and looks at what it
 * printed, wrote and returned.                                                                  */
#include "base/cpu.h"
#include "base/text.h"
#include "program.h"
#include "run/settings.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(cli, .init = enter_folder, .fini = leave_folder, .timeout = 240);

/* The config line of a quiet run with these further words. */
static json_t *config_with(const char *words)
{
    char all[512];
    snprintf(all, sizeof all, TINY QUIET " --rounds 2 --log - %s", words);
    struct result r = run(all);
    expect_code(&r, 0);
    return json_array_get(parse_lines(r.out), 0);
}

/* ---- what is refused ---- */

static const struct {
    const char *words, *sentence;
} refused[] = {
    {"trian", "did you mean 'train'?"},
    {TINY " --rounds 10 --active 21", "--active: "},
    {TINY " --rounds 10 --active 0", "--active: '0' is not a whole number from 1 up"},
    {TINY " --rounds 10 --nodes 2001", "node"},
    {TINY " --rounds 10 --nodes 0", "--nodes: '0'"},
    {TINY " --rounds 10 --nodes -5", "--nodes: '-5' is not a whole number"},
    {TINY " --rounds 10 --batch 3.5", "--batch: '3.5' is not a whole number"},
    {TINY " --rounds 10 --batch 0", "--batch: '0'"},
    {TINY " --rounds 10 --threads 0", "--threads: '0'"},
    {TINY " --rounds 10 --step-parts 0", "--step-parts: '0'"},
    {TINY " --rounds 10 --batch 33 --step-parts 4", "--step-parts: found 4, want at most 3"},
    {QUAD " --rounds 10 --step-parts 2", "--step-parts: belongs to models that learn from data"},
    {TINY " --rounds 10 --local-steps 0", "--local-steps: '0'"},
    {TINY " --rounds 0", "--rounds: '0'"},
    {TINY " --samples 0", "--samples: '0'"},
    {TINY " --rounds 10 --eval-every 0", "--eval-every: '0'"},
    {TINY " --rounds 10 --subset 0", "--subset: '0'"},
    {TINY " --rounds 10 --seed 99999999999999999999", "--seed: '99999999999999999999' is more"},
    {TINY " --rounds 10 --seed 0x10", "--seed: '0x10' is not a whole number from 0 up"},
    {TINY " --rounds 10 --lr 0", "--lr: '0' is not a number above 0"},
    {TINY " --rounds 10 --lr -0.1", "--lr: '-0.1' is not a number above 0"},
    {TINY " --rounds 10 --lr inf", "--lr: 'inf'"},
    {TINY " --rounds 10 --lr nan", "--lr: 'nan'"},
    {TINY " --rounds 10 --lr 1e999", "--lr: '1e999'"},
    {TINY " --rounds 10 --lr 0.1x", "--lr: '0.1x'"},
    {TINY " --rounds 10 --lr=", "--lr: ''"},
    {TINY " --rounds 10 --momentum 1", "'1' is not a number from 0 up to but not including 1"},
    {TINY " --rounds 10 --momentum -0.1", "--momentum: '-0.1'"},
    {TINY " --rounds 10 --weight-decay -1", "--weight-decay: '-1' is not a number from 0 up"},
    {TINY " --rounds 10 --availability 0", "--availability: '0' is not a number above 0"},
    {TINY " --rounds 10 --availability 1.1", "'1.1' is not a number above 0 and at most 1"},
    {TINY " --rounds 10 --availability half", "--availability: 'half' is not a number"},
    {TINY " --rounds 10 --availability 0.5 --availability-trace f", "cannot go with"},
    {TINY " --rounds 10 --availability-trace nowhere", "cannot open 'nowhere'"},
    {TINY " --rounds 10 --offline hold", "--offline: needs --availability"},
    {TINY " --rounds 10 --availability 0.5 --offline isolte", "did you mean 'isolate'?"},
    {TINY " --rounds 10 --availability 0.5 --offline isolate", "teleport never chooses"},
    {TINY " --rounds 10 --tau 0.5 --link-cost preferred", "--tau: '0.5' is not a number from 1 up"},
    {TINY " --rounds 10 --tau 5", "--tau: needs --link-cost"},
    {TINY " --rounds 10 --link-cost prefered", "did you mean 'preferred'?"},
    {TINY " --rounds 10 --link-cost slow-links:2", "has no share from 0 to 1"},
    {TINY " --rounds 10 --link-topology ring", "--link-topology: needs --link-cost preferred"},
    {TINY " --rounds 10 --link-cost preferred --link-topology rign",
     "--link-topology, over the nodes"},
    {TINY " --rounds 10 --link-seconds -1", "--link-seconds: '-1'"},
    {TINY " --rounds 10 --bandwidth 0", "--bandwidth: '0' is not a number above 0"},
    {TINY " --rounds 10 --port serial", "--port: needs a simulated network"},
    {TINY " --rounds 10 --compute-seconds 1:lognormal:x", "SECONDS:lognormal:SIGMA"},
    {TINY " --rounds 10 --momentun 0.9", "'--momentun'; did you mean '--momentum'?"},
    {TINY " --rounds 10 --nesterov=yes", "--nesterov: 'yes' is not true or false"},
    {TINY " --rounds 10 --dot", "unknown option '--dot'"},
    {TINY " --rounds 10 -x", "unknown option '-x'"},
    {TINY " --rounds 10 stray", "unexpected argument 'stray'"},
    {TINY " --rounds", "--rounds: needs a value"},
    {TINY " --rounds 10 --log --save", "--log: needs a value"},
    {TINY " --rounds 10 --isa avx", "--isa: unknown 'avx'"},
    {TINY " --rounds 10 --data blob", "did you mean 'blobs'?"},
    {TINY " --rounds 10 --model logistics", "did you mean 'logistic'?"},
    {TINY " --rounds 10 --topology rign", "did you mean 'ring'?"},
    {TINY " --rounds 10 --method teleprot", "did you mean 'teleport'?"},
    {TINY " --rounds 10 --partition idd", "did you mean 'iid'?"},
    {TINY " --rounds 10 --schedule cosnt", "did you mean 'const'?"},
    {TINY " --rounds 10 --order epoh", "did you mean 'epoch'?"},
    {TINY " --rounds 10 --momentum-home tokne", "did you mean 'token'?"},
    {TINY " --rounds 10 --eval meen", "did you mean 'mean'?"},
    {TINY " --rounds 10 --progress plane", "did you mean 'plain'?"},
    {TINY " --rounds 10 --until test_acuracy>=0.8", "did you mean 'test_accuracy'?"},
    {TINY " --rounds 10 --until validation_loss<=1", "want --validation, such as"},
    {TINY " --rounds 10 --until suboptimality<=1", "this run has no suboptimality; want --optimum"},
    {TINY " --rounds 10 --until test_loss_mean<=1", "want --eval tokens"},
    {TINY " --rounds 10 --nesterov", "--nesterov: needs a --momentum above 0"},
    {ALL " --method d2 --nodes 4", "its smallest eigenvalue with 4 tokens is -0.333333"},
    {ALL " --method d2 --nodes 4", "unless it is above -1/3 by 1e-06 or more; add --lazy"},
    {ALL " --method d2 --topology exp", "--topology exp: its weights are not symmetric"},
    {ALL " --method d2 --topology exp --lazy", "--topology exp: its weights are not symmetric"},
    {ALL " --method d2 --topology onepeer-exp", "changes over 4 rounds, but method d2"},
    {ALL " --method d2 --lazy --active 8", "--active: found 8, but with method d2 all 9 nodes"},
    {ALL " --method d2 --lazy --momentum 0.9", "--momentum: found 0.9, but method d2 takes none"},
    {ALL " --method d2 --lazy --nesterov", "--nesterov: method d2 does not take it"},
    {ALL " --method d2 --lazy --momentum-home mixed", "--momentum-home: found 'mixed'"},
    {ALL " --method d2 --lazy --local-steps 2", "--local-steps: found 2, but method d2 takes 1"},
    {ALL " --method d2 --lazy --allow-empty", "--allow-empty: method d2 needs a step"},
    {ALL " --method gt --active 4", "--active: found 4, but with method gt all 9 nodes"},
    {ALL " --method gt --momentum 0.5", "--momentum: found 0.5, but method gt takes none"},
    {ALL " --method gt --local-steps 3", "--local-steps: found 3, but method gt takes 1 step"},
    {ALL " --method momentum-tracking", "--momentum: found 0, but method momentum-tracking needs"},
    {ALL " --method momentum-tracking --momentum 0.9 --nesterov", "--nesterov: method momentum-"},
    {ALL " --method momentum-tracking --momentum 0.9 --local-steps 2", "--local-steps: found 2"},
    {ALL " --method momentum-tracking --momentum 0.9 --active 3", "--active: found 3, but with"},
    {ALL " --method qg-dsgdm", "--momentum: found 0, but method qg-dsgdm needs one"},
    {ALL " --method qg-dsgdm --momentum 0.9 --active 10", "--active: found 10, want at most"},
    {ALL " --method qg-dsgdm --momentum 0.9 --momentum-home node", "--momentum-home: found 'node'"},
    {"train --rounds 10 --nodes 4 --active 2 --model logistic", "--data: is missing; say what to"},
    {"train --data blobs", "--model: is missing; say what to train, as in --model lenet"},
    {"train", "--data and --model: are missing; say what to learn from and what to train, as in"},
    {"tune", "--data and --model: are missing"},
    {"eval", "--init: must be given: the file to evaluate; and --data: what to evaluate it on"},
    {TINY " --rounds 10 --save nowhere/x --log l", "--save: cannot write 'nowhere/x'"},
    {TINY " --rounds 10 --log nowhere/x --save s", "--log: cannot write 'nowhere/x'"},
    {TINY " --rounds 10 --save-split nowhere/x --log l", "--save-split: cannot write"},
    {TINY " --rounds 10 --log . --save s", "--log: cannot write '.'"},
    {TINY " --rounds 10 --log /dev/full --save-split s", "--log: cannot write '/dev/full'"},
    {TINY " --rounds 10 --log same --save same", "--log: 'same' is the file of --save too"},
    {TINY " --rounds 10 --log same --save ./same", "--log: 'same' is the file of --save too"},
    {TINY " --rounds 10 --save same --save-split same", "is the file of --save-split too"},
    {TINY " --rounds 10 --trace nowhere/x --log l", "--trace: cannot write 'nowhere/x'"},
    {TINY " --rounds 10 --trace /dev/null --log l", "--trace: '/dev/null' is not a file"},
    {TINY " --rounds 10 --save same --trace same", "--save: 'same' is the file of --trace too"},
    {TINY " --rounds 10 --trace t --trace-events 0", "--trace-events: '0' is not a whole number"},
    {TINY " --rounds 10 --trace-layers", "--trace-layers: needs --trace, the file"},
    {QUAD " --rounds 10 --trace t --trace-layers", "--trace-layers: model quadratic has no layers"},
    {TINY " --rounds 10 --config nowhere --log l", "--config: cannot read 'nowhere'"},
    {TINY " --rounds 10 --init nowhere --log l", "nowhere"},
    {TINY " --rounds 10 --split nowhere --log l", "nowhere"},
    {"eval --data digits", "--init: must be given"},
    {"eval --init nowhere --data digits", "nowhere"},
    {"eval --init nowhere --rounds 3", "unknown option '--rounds'"},
    {QUAD " --rounds 10 --data blobs", "--data: belongs to models that learn from data alone"},
    {QUAD " --rounds 10 --partition iid", "--partition: belongs to models that learn from data"},
    {QUAD " --rounds 10 --save-split s", "--save-split: belongs to models that learn from data"},
    {QUAD " --rounds 10 --batch 32", "--batch: found 32, but --model quadratic has no samples"},
    {QUAD " --rounds 10 --eval tokens", "--eval: found 'tokens', but --model quadratic"},
    {QUAD " --rounds 10 --conditioning spraed", "--conditioning: unknown 'spraed'; did you mean"},
    {QUAD " --rounds 10 --dim 0", "--dim: '0' is not a whole number from 1 up"},
    {QUAD " --rounds 10 --zeta2 -1", "--zeta2: '-1' is not a number from 0 up"},
    {QUAD " --rounds 10 --x0 one", "--x0: 'one' is not a number\n"},
    {QUAD " --rounds 10 --init nowhere", "nowhere: cannot open"},
    {QUAD " --rounds 10 --x0 2 --init nowhere", "--x0: cannot go with --init"},
    {TINY " --rounds 10 --dim 50",
     "--dim: belongs to --model quadratic alone, found --model logistic; leave it out"},
    {TINY " --rounds 10 --x0 0", "--x0: belongs to --model quadratic alone"},
    {QUAD " --rounds 10 --normalize none", "--normalize: belongs to models that learn from data"},
    {QUAD " --rounds 10 --augment crop", "--augment: belongs to models that learn from data"},
    {TINY " --rounds 10 --augment corp", "--augment: unknown 'corp'; did you mean 'crop'?"},
    {TINY " --rounds 10 --data blobs:200 --augment crop",
     "--augment: found samples of 1 x 1 x 64, want images"},
    {TINY " --rounds 10 --data blobs:200 --augment flip",
     "--augment: found samples of 1 x 1 x 64, want images"},
    {TINY " --rounds 10 --normalize dta", "--normalize: found 'dta', want none, data, or means"},
    {TINY " --rounds 10 --normalize 0,0:1,1", "--normalize: found '0,0:1,1', want none, data"},
    {TINY " --rounds 10 --normalize 0:0", "--normalize: found '0:0', want none, data"},
    {TINY " --rounds 10 --loss mse", "--loss mse: wants targets that are numbers"},
    {TINY " --rounds 10 --label 3", "--label: found '3', but --data digits has no columns"},
    {TINY " --rounds 10 --test-share 0.3", "has 360 test samples of its own"},
    {TINY " --rounds 10 --data cifar10", "--data cifar10: needs --data-dir"},
    {TINY " --rounds 10 --data cifar10 --data-dir nowhere",
     "nowhere/data_batch_1.bin: cannot open"},
    {"compare", "needs more arguments"},
    {"compare nowhere", "cannot read 'nowhere'"},
    {"topology", "needs more arguments"},
    {"topology ring", "--active: must be given"},
    {"topology ring --active 0", "--active: '0'"},
    {"topology ring --active 4294967295", "--active: '4294967295' is more than 4294967294"},
    {"topology rign --active 4", "did you mean 'ring'?"},
    {"topology ring torus --active 4", "unexpected argument 'torus'"},
    {"topology ring --active 4 --dot --json", "--dot, --matrix, --json: found several, want one"},
    {"topology ring --active 4 --rounds 3", "unknown option '--rounds'"},
    {"topology hypercube --active 12", "want a power of two: 8 or 16"},
    {"topology torus:5x5 --active 24", "found 24 tokens, want 5 times 5"},
    {"topology base:0 --active 24", "from 1 up"},
    {"topology base --active 24", "--topology base: want the neighbours a round at most"},
    {"topology er --active 24", "--topology er: want a probability above 0"},
    {"topology regular --active 24", "--topology regular: want the number of neighbours"},
    {TINY " --rounds 10 --partition shards", "shards: found '', want at least 1 shard a node, as"},
    {"topology file:nowhere --active 4", "cannot read 'nowhere'"},
    {"topology file:/dev/null --active 4", "or --allow-disconnected"},
    {TINY " --rounds 10 --topology hypercube --active 12", "want a power of two: 8 or 16"},
    {TINY " --rounds 10 --topology file:/dev/null", "or --allow-disconnected"},
    {"list modles", "did you mean 'models'?"},
    {"help trian", "did you mean 'train'?"},
};

static struct criterion_test_params rows(size_t n)
{
    size_t *row = cr_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++)
        row[i] = i;
    return cr_make_param_array(size_t, row, n, (void (*)(struct criterion_test_params *))cr_free);
}

ParameterizedTestParameters(cli, wrong_words_are_refused_and_nothing_is_written)
{
    return rows(sizeof refused / sizeof *refused);
}

ParameterizedTest(size_t *row, cli, wrong_words_are_refused_and_nothing_is_written)
{
    struct result r = run(refused[*row].words);
    cr_expect(r.code == 2, "code %d of: %s", r.code, refused[*row].words);
    cr_expect(!strncmp(r.err, "telesgd: ", 9) && strstr(r.err, refused[*row].sentence),
              "%s: wants '%s', says: %s", refused[*row].words, refused[*row].sentence, r.err);
    cr_expect(!*r.out, "stdout: %s", r.out);
    cr_expect(count_files() == 0, "files after: %s", refused[*row].words);
}

Test(cli, help_all_without_a_command_is_help)
{
    struct result help = run("--help"), all = run("--help-all");
    expect_code(&all, 0);
    cr_expect(*help.out && !strcmp(all.out, help.out), "%s%s", all.out, all.err);
}

Test(cli, without_a_command_the_usage_goes_to_stderr)
{
    struct result r = run("");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "usage: telesgd COMMAND") && strstr(r.err, "compare"), "%s", r.err);
    cr_expect(!*r.out);
}

Test(cli, a_model_and_data_alone_are_trained_and_the_defaults_are_told)
{
    struct result r = run("train --data digits --model logistic --threads 2");
    expect_code(&r, 0);
    cr_expect(!strncmp(r.err, "telesgd: by default --nodes 100 --active 8 --rounds 2000\n", 57),
              "%s", r.err);
    cr_expect(strstr(r.out, "teleport: 8 of 100 nodes active") && strstr(r.out, " 2,000 rounds"));
    r = run("train --data digits --model logistic --threads 2 --nodes 5 --rounds 3");
    expect_code(&r, 0);
    cr_expect(strncmp(r.err, "telesgd", 7) && strstr(r.out, "teleport: 5 of 5"), "%s", r.err);
    r = run("train --data digits --model logistic --threads 2 --method dsgd --rounds 3");
    expect_code(&r, 0);
    cr_expect(!strncmp(r.err, "telesgd: by default --nodes 100\n", 32), "%s", r.err);
    r = run("train --data digits --model logistic --threads 2 --active 4 --epochs 0.1");
    expect_code(&r, 0);
    cr_expect(!strncmp(r.err, "telesgd: by default --nodes 100\n", 32), "%s", r.err);
    r = run("train --model quadratic --lr 0.01 --samples 900" QUIET);
    expect_code(&r, 0);
    cr_expect(!*r.err && strstr(r.out, " 904 samples"), "%s%s", r.err, r.out);
    r = run("tune --model quadratic --lr 0.01 --rounds 3");
    expect_code(&r, 0);
    cr_expect(!strncmp(r.err, "telesgd: by default --nodes 100\n", 32), "%s", r.err);
}

Test(cli, a_wrong_option_says_where_the_help_is)
{
    struct result r = run(TINY " --lr 0");
    cr_expect(strstr(r.err, "\ntry 'telesgd train --help'\n"), "%s", r.err);
}

Test(cli, a_log_that_is_there_survives_a_failed_start)
{
    write_file("l", "old\n");
    struct result r = run(TINY " --rounds 10 --active 21 --log l");
    expect_code(&r, 2);
    cr_expect(!strcmp(read_file("l"), "old\n"));
}

/* Address space for the program, but not for the stacks of 400 threads. */
#ifndef __SANITIZE_ADDRESS__
Test(cli, threads_that_cannot_be_had_are_a_failed_start)
{
    struct rlimit limit = {1 << 28, 1 << 28};   /* less than 400 stacks take */
    write_file("l", "old\n");
    cr_assert(setrlimit(RLIMIT_AS, &limit) == 0);
    struct result r = run("train --data digits --model logistic --method dsgd --nodes 400"
                          QUIET " --threads 400 --rounds 2 --log l --save-split s --save p "
                          "--force");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "of 400 cannot be started"), "%s", r.err);
    cr_expect(!strcmp(read_file("l"), "old\n") && count_files() == 1);
}
#endif

Test(cli, a_log_that_cannot_begin_is_removed)
{
    struct result r = run_limited(100, TINY QUIET " --rounds 10 --log l");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--log: cannot write 'l': File too large"), "%s", r.err);
    cr_expect(count_files() == 0);
}

/* None of the files is there when the names are looked at. */
Test(cli, outputs_that_links_make_one_file_are_refused)
{
    static const char *const outputs[] = {
        "--log link --save real", "--log real --save link", "--save-split far --trace link",
        "--log near --save near.safetensors", "--log far --save real",
    };
    cr_assert(mkdir("d", 0777) == 0 && symlink("real", "link") == 0 &&
              symlink("../link", "d/back") == 0 && symlink("d/back", "far") == 0 &&
              symlink("d", "e") == 0 && symlink("d/x", "near") == 0 &&
              symlink("e/x", "near.safetensors") == 0);
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        char words[256];
        snprintf(words, sizeof words, TINY QUIET " --rounds 2 %s", outputs[i]);
        struct result r = run(words);
        expect_code(&r, 2);
        cr_expect(strstr(r.err, "' is the file of --"), "%s: %s", outputs[i], r.err);
        cr_expect(access("real", F_OK) != 0 && access("d/x", F_OK) != 0, "%s", outputs[i]);
    }
}

Test(cli, an_output_that_is_a_link_to_nothing_yet_makes_what_it_leads_to)
{
    static const char *const options[] = {"log", "save", "save-split", "trace"};
    struct stat s;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        char words[256];
        cr_assert(symlink("real", "link") == 0);
        snprintf(words, sizeof words, TINY QUIET " --rounds 2 --%s link", options[i]);
        struct result r = run(words);
        expect_code(&r, 0);
        cr_expect(lstat("link", &s) == 0 && S_ISLNK(s.st_mode), "--%s", options[i]);
        cr_expect(lstat("real", &s) == 0 && S_ISREG(s.st_mode) && s.st_size > 0, "--%s",
                  options[i]);
        cr_assert(unlink("link") == 0);
        unlink("real");
    }
}

Test(cli, a_log_that_cannot_begin_leaves_links_and_not_what_they_lead_to)
{
    struct stat s;
    cr_assert(symlink("real", "link") == 0);
    struct result r = run(TINY QUIET " --rounds 2 --log /dev/full --save-split link");
    expect_code(&r, 2);
    cr_expect(lstat("link", &s) == 0 && S_ISLNK(s.st_mode) && lstat("real", &s) != 0);
}

Test(cli, an_output_that_is_a_link_to_itself_is_refused)
{
    static const char *const options[] = {"log", "save", "save-split", "trace"};
    cr_assert(symlink("b", "a") == 0 && symlink("a", "b") == 0);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        char words[256], sentence[128];
        snprintf(words, sizeof words, TINY QUIET " --rounds 2 --%s a", options[i]);
        struct result r = run(words);
        expect_code(&r, 2);
        snprintf(sentence, sizeof sentence, "--%s: cannot write 'a': Too many levels of symbolic",
                 options[i]);
        cr_expect(strstr(r.err, sentence), "wants %s, says %s", sentence, r.err);
    }
}

Test(cli, a_log_that_fails_under_way_ends_the_run_with_1)
{
    struct result r = run_limited(4000, TINY QUIET " --rounds 1000000000 --eval-every 10 --log l");
    expect_code(&r, 1);
    cr_expect(strstr(r.err, "--log: cannot write 'l': File too large"), "%s", r.err);
    cr_expect(!*r.out, "%s", r.out);
}

static const char *const inputs[] = {
    "config f", "split f", "init f", "availability-trace f", "topology file:f",
};

ParameterizedTestParameters(cli, an_input_is_not_overwritten_by_an_output)
{
    return rows(sizeof inputs / sizeof *inputs);
}

ParameterizedTest(size_t *row, cli, an_input_is_not_overwritten_by_an_output)
{
    char words[256];
    write_file("f", "lr = 0.1\n");
    cr_assert(symlink("f", "link") == 0);
    snprintf(words, sizeof words, TINY " --rounds 10 --log link --%s", inputs[*row]);
    struct result r = run(words);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--log: 'link' is the file of --"), "%s", r.err);
    cr_expect(!strcmp(read_file("f"), "lr = 0.1\n"));
}

Test(cli, a_file_of_the_data_set_is_not_overwritten_by_an_output)
{
    static const char *const outputs[] = {"log", "save", "save-split", "trace"};
    write_file("t10k-images-idx3-ubyte.gz", "pixels");
    cr_assert(symlink("t10k-images-idx3-ubyte.gz", "link") == 0);
    for (int i = 0; i < 8; i++) {
        char words[256];
        snprintf(words, sizeof words, TINY " --rounds 1 --data %s%s --%s link",
                 i < 4 ? "idx:" : "mnist --data-dir ", ".", outputs[i % 4]);
        struct result r = run(words);
        expect_code(&r, 2);
        cr_expect(strstr(r.err, "'link' is a file of --data"), "%s", r.err);
    }
    cr_expect(!strcmp(read_file("t10k-images-idx3-ubyte.gz"), "pixels"));
}

Test(cli, a_bad_trace_is_refused_by_line)
{
    write_file("f", "# node from to\n3 0 10\n3 5\n");
    struct result r = run(TINY " --rounds 10 --availability-trace f --log l");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "f: line 3: found 2 fields, want three: node from to"), "%s", r.err);
    cr_expect(count_files() == 1);
}

Test(cli, a_trace_that_leaves_nobody_is_refused_when_only_samples_end_the_run)
{
    FILE *f = fopen("f", "w");
    for (int node = 0; node < 20; node++)
        fprintf(f, "%d 0 10\n", node);
    fclose(f);
    struct result r = run(TINY QUIET " --samples 1000000 --availability-trace f --log l");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "f: all 20 nodes are away in the end"), "%s", r.err);
    r = run(TINY QUIET " --samples 1000000 --availability-trace f --rounds 20 --log l");
    expect_code(&r, 0);
}

Test(cli, a_split_that_was_read_leaves_no_partition_in_the_log)
{
    struct result r = run(TINY QUIET " --rounds 2 --save-split s");
    expect_code(&r, 0);
    const json_t *config = config_with("--split s");
    cr_expect(json_is_null(json_object_get(config, "partition")));
}

Test(cli, nodes_that_are_away_take_no_step)
{
    write_file("f", "0 0 5\n1 0 0\n");
    struct result r = run(TINY QUIET " --method dsgd --active 20 --rounds 10 --offline isolate"
                          " --availability-trace f --log -");
    expect_code(&r, 0);
    const json_t *lines = parse_lines(r.out);
    cr_expect(number(last_line(lines), "gradients") == 18 * 10 + 5);
    cr_expect(json_is_null(json_object_get(json_array_get(lines, 0), "availability")));
}

Test(cli, simulated_seconds_are_logged_when_a_network_is_given)
{
    struct result r = run(TINY QUIET " --method dsgd --active 20 --rounds 10 --link-cost preferred"
                          " --compute-seconds 0.5 --log -");
    expect_code(&r, 0);
    const json_t *lines = parse_lines(r.out), *c = json_array_get(lines, 0);
    cr_expect(number(last_line(lines), "sim_seconds") == 15, "no link of the ring is slow");
    cr_expect(number(c, "tau") == 5 && number(c, "link-seconds") == 1);
    cr_expect(json_is_null(json_object_get(c, "bandwidth")));
}

Test(cli, a_run_can_end_at_a_simulated_time)
{
    struct result r = run(TINY QUIET " --rounds 100 --eval-every 1 --compute-seconds 1 --log -"
                          " --until sim_seconds>=7");
    expect_code(&r, 0);
    const json_t *s = last_line(parse_lines(r.out));
    cr_expect(json_is_true(json_object_get(s, "reached")) && number(s, "round") < 100);
    cr_expect(number(s, "sim_seconds") >= 7 && number(s, "sim_seconds") < 10);
}

/* ---- settings files ---- */

static const struct {
    const char *text, *sentence;
} bad_file[] = {
    {"batch = 2\nlr = 0\n", "f:2: lr: '0' is not a number above 0"},
    {"lr = 0.1\nbatch = 2\nlr = 0.1\n", "f:3: lr: stands there twice; want one line"},
    {"\n\nmomentun = 0.9\n", "f:3: unknown setting 'momentun'; did you mean 'momentum'?"},
    {"qqqqqqqq = 1\n", "f:1: unknown setting 'qqqqqqqq'"},
    {"[train]\nlr = 0.1\n", "f:1: a section"},
    {"lr = 0.1\n  [train]\n", "f:2: a section"},
    {"# a comment\nnesterov = yes\n", "f:2: nesterov: 'yes' is not true or false"},
    {"lr 0.1\n", "f:1: not a line 'name = value'"},
    {"config = g\n", "f:1: config: a settings file cannot name another"},
    {"dot = true\n", "f:1: unknown setting 'dot'"},
    {"save =\n", "f:1: save: the value is empty"},
    {"batch = 32 # samples\n", "f:1: batch: '32 # samples' is not a whole number"},
};

ParameterizedTestParameters(cli, a_bad_settings_file_is_refused_by_line)
{
    return rows(sizeof bad_file / sizeof *bad_file);
}

ParameterizedTest(size_t *row, cli, a_bad_settings_file_is_refused_by_line)
{
    write_file("f", bad_file[*row].text);
    struct result r = run(TINY " --rounds 10 --config f --log l");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, bad_file[*row].sentence), "wants '%s', says: %s",
              bad_file[*row].sentence, r.err);
    cr_expect(count_files() == 1);
}

Test(cli, a_long_line_of_a_settings_file_is_refused_not_cut)
{
    char text[400] = "lr = 0.1\nsave = ";
    memset(text + strlen(text), 'x', 300);
    write_file("f", text);
    struct result r = run(TINY " --rounds 10 --config f");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "f:2: a line of 307 characters, at most "), "%s", r.err);
}

Test(cli, a_settings_file_is_read)
{
    write_file("f", "\xEF\xBB\xBF; comment\n  batch = 16   ; after a space\r\nnesterov=true\n"
                    "momentum: 0.5\ntopology = exp");
    const json_t *c = config_with("--config f");
    cr_expect(number(c, "batch") == 16 && number(c, "momentum") == 0.5);
    cr_expect(json_is_true(json_object_get(c, "nesterov")));
    cr_expect(!strcmp(json_string_value(json_object_get(c, "topology")), "exp"));
}

Test(cli, a_settings_file_may_say_where_the_outputs_go)
{
    write_file("f", "log = l\nsave = s\nprogress = off\n");
    struct result r = run(TINY " --rounds 4 --config f");
    expect_code(&r, 0);
    cr_expect(!*r.err && access("l", R_OK) == 0 && access("s", R_OK) == 0, "%s", r.err);
}

Test(cli, the_command_line_wins_before_the_settings_file)
{
    write_file("f", "lr = 0.25\nbatch = 8\n");
    const json_t *c = config_with("--lr 0.5 --config f");
    cr_expect(number(c, "lr") == 0.5 && number(c, "batch") == 8);
}

Test(cli, the_command_line_wins_after_the_settings_file)
{
    write_file("f", "lr = 0.25\nbatch = 8\n");
    const json_t *c = config_with("--config=f --lr=0.5");
    cr_expect(number(c, "lr") == 0.5 && number(c, "batch") == 8);
}

Test(cli, the_last_of_a_repeated_option_wins)
{
    cr_expect(number(config_with("--lr 0.5 --lr 0.125"), "lr") == 0.125);
}

/* ---- list ---- */

Test(cli, version_names_the_kernels)
{
    struct result r = run("--version");
    expect_code(&r, 0);
    cr_expect(!strncmp(r.out, "telesgd " TELESGD_VERSION "\n", strlen(TELESGD_VERSION) + 9));
    static const char *const lines[] = {"\nrevision ", "\ncompiler ", "\nBLIS kernels "};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect(strstr(r.out, lines[i]), "%s", r.out);
}

Test(cli, list_shows_all_tables)
{
    static const char *const names[] = {
        "logistic", "lenet", "fashion-mnist", "blobs", "ring", "onepeer-exp", "teleport", "dsgd",
        "iid", "dirichlet",
    };
    struct result r = run("list");
    expect_code(&r, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect(strstr(r.out, names[i]), "no %s", names[i]);
}

Test(cli, list_of_one_kind_leaves_out_the_others)
{
    struct result r = run("list methods");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "teleport") && !strstr(r.out, "--topology"), "%s", r.out);
}

static const char *const accepted[] = {
    "--method d2 --nodes 5", "--method d2 --nodes 4 --lazy", "--method d2 --topology complete",
    "--method gt", "--method gt --topology onepeer-exp --active 9",
    "--method momentum-tracking --momentum 0.9 --topology exp",
    "--method qg-dsgdm --momentum 0.9 --nesterov", "--method qg-dsgdm --momentum 0.9 --active 4",
    "--method qg-dsgdm --momentum 0.9 --active 9 --local-steps 3 --schedule cosine",
    "--method allreduce --final-average", "--method dsgd --local-steps 2 --final-average",
};

ParameterizedTestParameters(cli, methods_train_with_what_they_take)
{
    return rows(sizeof accepted / sizeof *accepted);
}

ParameterizedTest(size_t *row, cli, methods_train_with_what_they_take)
{
    char words[256];
    snprintf(words, sizeof words, ALL QUIET " --log - %s", accepted[*row]);
    struct result r = run(words);
    expect_code(&r, 0);
    const json_t *s = last_line(parse_lines(r.out));
    bool travels = strstr(words, "qg-dsgdm") && strstr(words, "--active");
    bool averaged = strstr(words, "--final-average");
    cr_expect(number(s, "round") == 10);
    cr_expect((number(s, "bytes_teleport") > 0) == travels, "%s", words);
    cr_expect((number(s, "consensus") == 0) == averaged, "%s: consensus %g", words,
              number(s, "consensus"));
}

/* ---- topology ---- */

Test(cli, topology_tells_how_fast_a_graph_mixes)
{
    struct result r = run("topology base:1 --active 5");
    expect_code(&r, 0);
    cr_expect(!strcmp(r.out, "base:1, 5 tokens\n"
                             "  degree           1\n"
                             "  period           5\n"
                             "  gap of round 0   0\n"
                             "  gap of a period  1\n"
                             "  exact after      5 rounds\n"), "%s", r.out);
    r = run("topology ring --active 4");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "  gap of round 0   0.888889\n") && strstr(r.out, "after      never\n"),
              "%s", r.out);
}

Test(cli, topology_json_is_one_object)
{
    static const char *const keys[] = {"degree", "period", "gap", "gap_period", "exact_after"};
    struct result r = run("topology star --active 4 --json");
    expect_code(&r, 0);
    const json_t *o = json_array_get(parse_lines(r.out), 0);
    size_t i = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)o, key, value)
        cr_expect(i < 5 && !strcmp(key, keys[i++]), "key %s", key);
    cr_expect(i == 5 && number(o, "degree") == 3 && number(o, "period") == 1);
    cr_expect(fabs(number(o, "gap") - 0.4375) < 1e-7);
    cr_expect(number(o, "gap_period") == number(o, "gap"));
    cr_expect(json_is_null(json_object_get(o, "exact_after")));
    r = run("topology complete --active 4 --json");
    cr_expect(number(json_array_get(parse_lines(r.out), 0), "exact_after") == 1);
}

Test(cli, topology_matrix_lists_the_weights_of_a_period)
{
    struct result r = run("topology onepeer-exp --active 3 --matrix");
    expect_code(&r, 0);
    cr_expect(!strcmp(r.out, "0 0 0 0.5\n0 0 1 0.5\n0 1 1 0.5\n0 1 2 0.5\n0 2 0 0.5\n0 2 2 0.5\n"
                             "1 0 0 0.5\n1 0 2 0.5\n1 1 0 0.5\n1 1 1 0.5\n1 2 1 0.5\n1 2 2 0.5\n"),
              "%s", r.out);
}

Test(cli, topology_dot_draws_lines_both_ways_and_arrows_one_way)
{
    struct result r = run("topology star --active 3 --dot");
    expect_code(&r, 0);
    cr_expect(!strcmp(r.out, "digraph \"star\" {\n  0;\n  1;\n  2;\n"
                             "  1 -> 0 [label=\"\", dir=none];\n"
                             "  2 -> 0 [label=\"\", dir=none];\n}\n"),
              "%s", r.out);
    r = run("topology onepeer-exp --active 3 --dot");
    cr_expect(strstr(r.out, "\n  1 -> 0 [label=\"0\"];\n") &&
              strstr(r.out, "\n  2 -> 0 [label=\"1\"];\n") && !strstr(r.out, "dir"), "%s", r.out);
}

Test(cli, topology_draws_by_the_seed)
{
    struct result a = run("topology er:0.5 --active 12 --matrix --seed 1");
    struct result b = run("topology er:0.5 --active 12 --matrix --seed 2");
    struct result c = run("topology er:0.5 --active 12 --matrix --seed 1");
    expect_code(&a, 0);
    cr_expect(strcmp(a.out, b.out) && !strcmp(a.out, c.out));
}

Test(cli, a_graph_in_parts_is_taken_when_allowed)
{
    write_file("g", "0 1\n2 3\n");
    struct result r = run("topology file:g --active 4 --allow-disconnected");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "gap of round 0   0\n"), "%s", r.out);
    r = run(TINY " --rounds 4 --topology file:g --allow-disconnected" QUIET);
    expect_code(&r, 0);
    r = run(TINY " --rounds 4 --topology file:g --log l" QUIET);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "token 2 never hears of token 0"), "%s", r.err);
}

/* ---- tune ---- */

Test(cli, tune_logs_every_candidate_and_sums_up_what_was_spent)
{
    struct result r = run("tune --model quadratic --nodes 25 --rounds 40 --lr 0.01 --log -" QUIET);
    expect_code(&r, 0);
    const json_t *lines = parse_lines(r.out);
    const json_t *first = json_array_get(lines, 1), *end = last_line(lines);
    cr_expect(json_array_size(lines) == 1 + 5 * 10 + 1, "%zu lines", json_array_size(lines));
    cr_expect(has_type(first, "eval") && json_object_get(first, "population") &&
              json_object_get(first, "active"));
    cr_expect(has_type(end, "summary") && number(end, "rounds_spent") == 80 &&
              number(end, "rounds_grid") == 200 && number(end, "gradients_spent") == 40 * 31);
    double chosen = number(end, "chosen_active"), least = 1e9, best = 0;
    for (size_t i = 1; i + 1 < json_array_size(lines); i++) {
        const json_t *e = json_array_get(lines, i);
        if (number(e, "round") == 40 && number(e, "grad_norm2") < least) {
            least = number(e, "grad_norm2");
            best = number(e, "active");
        }
    }
    cr_expect(chosen == best, "chose k=%g, least is k=%g", chosen, best);
}

Test(cli, tune_counts_its_passes_as_people_do)
{
    struct result r = run("tune --model quadratic --nodes 3 --rounds 2 --lr 0.01" QUIET);
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\nspent           2 rounds in 1 pass, "), "%s", r.out);
    r = run("tune --model quadratic --nodes 4 --rounds 2 --lr 0.01" QUIET);
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\nspent           4 rounds in 2 passes, "), "%s", r.out);
}

Test(cli, tune_shows_the_curves_and_saves_the_winner)
{
    struct result r = run("tune --data digits --model logistic --nodes 9 --rounds 20 "
                          "--lr-grid 0.1,0.01 --save w" QUIET);
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "validation loss after as many rounds") && strstr(r.out, "chosen"),
              "%s", r.out);
    const char *said = strstr(r.out, "test accuracy   ");
    cr_assert(said, "%s", r.out);
    struct result e = run("eval --init w --data digits");
    expect_code(&e, 0);
    char accuracy[16];
    snprintf(accuracy, sizeof accuracy, "%.7s", said + strlen("test accuracy   "));
    cr_expect(strstr(e.out, accuracy), "'%s' is not in: %s", accuracy, e.out);
}

Test(cli, tune_with_a_bad_grid_or_without_teleports_is_refused)
{
    struct result r = run("tune --model quadratic --nodes 25 --rounds 5 --lr-grid 0.1,,0.2" QUIET);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--lr-grid: '' is not a number above 0"), "%s", r.err);
    r = run("tune --model quadratic --nodes 25 --rounds 5 --method dsgd" QUIET);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--method: found dsgd"), "%s", r.err);
}

/* ---- the log ---- */

static void expect_keys(const json_t *line, const char *const *keys, size_t n)
{
    size_t i = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)line, key, value) {
        cr_expect(i < n && !strcmp(key, keys[i]), "key %zu is %s, want %s", i, key,
                  i < n ? keys[i] : "no more");
        i++;
    }
    cr_expect(i == n, "%zu keys, want %zu", i, n);
}

Test(cli, the_config_line_holds_every_setting)
{
    static const char *const more[] = {"version", "revision", "compiler", "date", "machine",
                                       "split_hash", "cpu", "kernels", "parameters",
                                       "memory_bytes", "tokens"};
    const json_t *c = config_with("");
    cr_expect(has_type(c, "config"));
    for (size_t i = 0; i < tsgd_setting_count(); i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        bool wanted = (row->commands & TSGD_FOR_TRAIN) && !row->shown.of_program &&
                      strcmp(row->shown.group, "Checkpoints");
        cr_expect(!json_object_get(c, row->shown.name) == !wanted, "%s", row->shown.name);
    }
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        cr_expect(json_object_get(c, more[i]), "no %s", more[i]);
    cr_expect(strlen(json_string_value(json_object_get(c, "split_hash"))) == 16);
    cr_expect(number(c, "nodes") == 20 && number(c, "active") == 4 && number(c, "threads") == 2);
    cr_expect(json_is_null(json_object_get(c, "samples")));
}

Test(cli, an_eval_line_has_its_keys_in_order)
{
    static const char *const keys[] = {
        "type", "round", "samples", "gradients", "bytes_gossip", "bytes_teleport", "wall_seconds",
        "train_loss", "test_loss", "test_accuracy", "consensus", "lr", "state_hash",
    };
    struct result r = run(TINY QUIET " --rounds 6 --eval-every 3 --log -");
    expect_code(&r, 0);
    const json_t *lines = parse_lines(r.out);
    cr_assert(json_array_size(lines) == 4);
    for (size_t i = 1; i < 3; i++) {
        const json_t *line = json_array_get(lines, i);
        cr_expect(has_type(line, "eval") && number(line, "round") == 3 * (double)i);
        expect_keys(line, keys, sizeof keys / sizeof *keys);
        cr_expect(strlen(json_string_value(json_object_get(line, "state_hash"))) == 16);
    }
}

Test(cli, the_summary_line_repeats_the_last_evaluation)
{
    static const char *const keys[] = {
        "type", "round", "samples", "gradients", "bytes_gossip", "bytes_teleport", "wall_seconds",
        "train_loss", "test_loss", "test_accuracy", "consensus", "lr", "state_hash",
        "samples_per_second", "share_step", "share_mix", "share_eval", "share_wait", "share_other",
        "share_ran", "share_slept", "share_taken", "workers", "steals", "sleeps", "interrupted",
    };
    struct result r = run(TINY QUIET " --rounds 6 --eval-every 3 --log -");
    expect_code(&r, 0);
    const json_t *lines = parse_lines(r.out), *s = last_line(lines), *e = json_array_get(lines, 2);
    cr_expect(has_type(s, "summary"));
    expect_keys(s, keys, sizeof keys / sizeof *keys);
    for (size_t i = 1; i < 13; i++)
        if (strcmp(keys[i], "wall_seconds"))
            cr_expect(json_equal(json_object_get(s, keys[i]), json_object_get(e, keys[i])), "%s",
                      keys[i]);
    cr_expect(number(s, "wall_seconds") >= number(e, "wall_seconds"));
    double sum = number(s, "share_step") + number(s, "share_mix") + number(s, "share_eval") +
                 number(s, "share_wait") + number(s, "share_other");
    cr_expect(fabs(sum - 1) < 1e-6, "shares sum to %g", sum);
    sum = number(s, "share_ran") + number(s, "share_slept") + number(s, "share_taken");
    cr_expect(fabs(sum - 1) < 1e-6, "ran, slept and taken sum to %g", sum);
    cr_expect(number(s, "share_ran") > 0);
}

Test(cli, the_summary_line_has_the_shares_of_each_worker)
{
    static const char *const keys[] = {"step", "mix", "eval", "wait", "other",
                                       "ran", "slept", "taken"};
    struct result r = run(TINY QUIET " --rounds 6 --threads 3 --log -");
    expect_code(&r, 0);
    const json_t *all = json_object_get(last_line(parse_lines(r.out)), "workers"), *one;
    size_t i;
    cr_assert(json_array_size(all) == 3);
    json_array_foreach(all, i, one) {
        double sum = 0, presence = 0;
        expect_keys(one, keys, 8);
        for (size_t k = 0; k < 8; k++)
            *(k < 5 ? &sum : &presence) += number(one, keys[k]);
        cr_expect(fabs(sum - 1) < 1e-6 && fabs(presence - 1) < 1e-6, "worker %zu: %g, %g", i, sum,
                  presence);
    }
}

Test(cli, the_config_line_says_what_trained_and_when)
{
    time_t before = time(NULL);
    const json_t *c = config_with("");
    struct result r = run("--version");
    char revision[128], compiler[256];
    struct tm utc = {.tm_sec = -1};
    const char *date = json_string_value(json_object_get(c, "date"));
    const char *end = date ? strptime(date, "%Y-%m-%dT%H:%M:%SZ", &utc) : NULL;
    cr_assert(end && !*end, "%s", date ? date : "no date");
    cr_expect(timegm(&utc) >= before && timegm(&utc) <= time(NULL), "%s", date);
    cr_assert(sscanf(r.out, "telesgd %*s revision %127s compiler %255[^\n]", revision, compiler) ==
              2, "%s", r.out);
    cr_expect(!strcmp(json_string_value(json_object_get(c, "revision")), revision));
    cr_expect(!strcmp(json_string_value(json_object_get(c, "compiler")), compiler));
    cr_expect(number(json_object_get(c, "machine"), "cpus") >= 1);
}

Test(cli, a_log_is_replaced)
{
    char old[20001] = "{\"type\":\"config\",\"version\":\"0.0.1\",\"command\":\"tune\"}";
    memset(old + strlen(old), '\n', 20000 - strlen(old));
    write_file("l", old);
    struct result r = run(TINY QUIET " --rounds 2 --log l");
    expect_code(&r, 0);
    cr_expect(json_array_size(parse_lines(read_file("l"))) == 4);
}

static const struct { const char *option, *kind; } replaced[] = {
    {"log", "log"}, {"save", "file of parameters"}, {"save-split", "split"}, {"trace", "trace"},
};

Test(cli, a_file_of_somebody_else_is_replaced_only_by_force)
{
    for (size_t i = 0; i < sizeof replaced / sizeof *replaced; i++) {
        char words[256], sentence[128];
        write_file("f", "not by telesgd\n");
        snprintf(words, sizeof words, TINY QUIET " --rounds 2 --%s f", replaced[i].option);
        struct result r = run(words);
        expect_code(&r, 2);
        snprintf(sentence, sizeof sentence, "--%s: 'f' is there, and is no %s of telesgd; want "
                 "another name, or --force", replaced[i].option, replaced[i].kind);
        cr_expect(strstr(r.err, sentence), "wants %s, says %s", sentence, r.err);
        cr_expect(!strcmp(read_file("f"), "not by telesgd\n"));
        strcat(words, " --force");
        r = run(words);
        expect_code(&r, 0);
        cr_expect(strncmp(read_file("f"), "not by", 6));
        remove("f");
    }
    write_file("f", "not by telesgd\n");
    struct result r = run("tune --model quadratic --nodes 3 --rounds 2 --log f" QUIET);
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "--log: 'f' is there"), "%s", r.err);
}

Test(cli, a_log_of_another_program_is_replaced_only_by_force)
{
    static const char *const foreign[] = {
        "{\"type\":\"config\",\"lr\":0.1}\n",
        "{\"type\":\"config\",\"version\":\"2\"}\n{\"command\":\"train\"}\n",
        "{\"type\":\"config\",\"version\":2,\"command\":\"train\"}\n",
        "{\"type\":\"config\",\"version\":\"0.1.0\",\"command\":\"train\"",
    };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        write_file("f", foreign[i]);
        struct result r = run(TINY QUIET " --rounds 2 --log f");
        expect_code(&r, 2);
        cr_expect(strstr(r.err, "'f' is there, and is no log of telesgd"), "%s", r.err);
        cr_expect(!strcmp(read_file("f"), foreign[i]));
    }
    struct result r = run(TINY QUIET " --rounds 2 --log f --force");
    expect_code(&r, 0);
}

Test(cli, telesgd_replaces_its_own_files_and_empty_ones_and_writes_to_devices)
{
    static const char *const files[] = {"l", "s", "p", "t"};
    struct result r;
    for (size_t i = 0; i < 4; i++)
        write_file(files[i], "");
    for (int i = 0; i < 2; i++) {
        r = run(TINY QUIET " --rounds 2 --log l --save s --save-split p --trace t");
        expect_code(&r, 0);
    }
    r = run(TINY QUIET " --rounds 2 --log s");
    cr_expect(r.code == 2 && strstr(r.err, "is no log of telesgd"), "another kind: %s", r.err);
    r = run(TINY QUIET " --rounds 2 --log /dev/null");
    expect_code(&r, 0);
}

Test(cli, metrics_of_all_tokens_are_logged_when_asked_for)
{
    struct result r = run(TINY QUIET " --rounds 2 --eval tokens --log -");
    expect_code(&r, 0);
    const json_t *e = json_array_get(parse_lines(r.out), 1);
    cr_expect(number(e, "test_accuracy_worst") <= number(e, "test_accuracy_mean"));
    cr_expect(number(e, "test_loss_worst") >= number(e, "test_loss_mean"));
}

Test(cli, with_validation_the_log_and_the_report_have_both_accuracies)
{
    struct result r = run(TINY QUIET " --rounds 40 --validation 0.2 --eval tokens --log l "
                          "--save s");
    expect_code(&r, 0);
    const json_t *lines = parse_lines(read_file("l")), *s = last_line(lines);
    const json_t *e = json_array_get(lines, json_array_size(lines) - 2);
    cr_expect(has_type(e, "eval") && !json_object_get(e, "test_accuracy"));
    cr_expect(number(e, "validation_accuracy") == number(s, "validation_accuracy"));
    cr_expect(number(e, "validation_accuracy_worst") <= number(e, "validation_accuracy_mean"));
    struct result found = run("eval --init s --data digits --json");
    expect_code(&found, 0);
    cr_expect(number(s, "test_accuracy") ==
              number(last_line(parse_lines(found.out)), "test_accuracy"));
    char want[2][64];
    snprintf(want[0], sizeof want[0], "\nvalidation      %.2f %% accuracy, loss ",
             100 * number(s, "validation_accuracy"));
    snprintf(want[1], sizeof want[1], "\ntest accuracy   %.2f %%\n",
             100 * number(s, "test_accuracy"));
    for (int i = 0; i < 2; i++)
        cr_expect(strstr(r.out, want[i]), "want %s in: %s", want[i], r.out);
}

Test(cli, until_is_reported_as_reached)
{
    struct result r = run(TINY QUIET " --rounds 2000 --eval-every 1 --until round>=5 --log -");
    expect_code(&r, 0);
    const json_t *s = last_line(parse_lines(r.out));
    cr_expect(json_is_true(json_object_get(s, "reached")) && number(s, "round") == 5);
}

Test(cli, until_is_reported_as_not_reached)
{
    struct result r = run(TINY QUIET " --rounds 5 --until test_accuracy>=2 --log -");
    expect_code(&r, 0);
    cr_expect(json_is_false(json_object_get(last_line(parse_lines(r.out)), "reached")));
}

/* ---- how a run ends ---- */

Test(cli, an_interrupted_run_sums_up_saves_and_returns_130)
{
    int ends[2];
    char line[4096];
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    pid_t child = start(ends[1], STDERR_FILENO, RLIM_INFINITY,
                        TINY QUIET " --rounds 1000000000 --eval-every 100 --log - --save s");
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    while (fgets(line, sizeof line, in))
        if (strstr(line, "\"type\":\"eval\""))
            break;
    cr_assert(kill(child, SIGINT) == 0);
    const json_t *s = last_line(parse_lines(contents(in)));
    cr_expect(code_of(child) == 130);
    cr_expect(has_type(s, "summary") && json_is_true(json_object_get(s, "interrupted")));
    struct result r = run("eval --init s --data digits --json");
    expect_code(&r, 0);
    cr_expect(fabs(number(last_line(parse_lines(r.out)), "test_accuracy") -
                   number(s, "test_accuracy")) < 1e-8);
}

/* Nobody reads the log, so the program cannot end by itself. timeout(1) sends a signal twice, to
 * the program and to its group: that is one wish, as are all of half a second. Another signal is a
 * wish of its own.                                                                              */
Test(cli, a_signal_that_comes_twice_at_once_is_one_and_a_later_one_ends_the_program)
{
    int ends[2], waiting = 0, status;
    cr_assert(pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[1], F_SETPIPE_SZ, 4096) == 4096);
    pid_t child = start(ends[1], STDERR_FILENO, RLIM_INFINITY,
                        TINY QUIET " --rounds 1000000000 --eval-every 1 --log -");
    while (waiting < 3700) {
        cr_assert(ioctl(ends[0], FIONREAD, &waiting) == 0);
        usleep(1000);
    }
    for (int i = 0; i < 10; i++) {
        cr_assert(kill(child, SIGINT) == 0);
        usleep(1000);
    }
    usleep(600000);
    cr_assert(waitpid(child, &status, WNOHANG) == 0, "ended by signals that came at once");
    cr_assert(kill(child, SIGTERM) == 0);
    usleep(100000);
    cr_assert(waitpid(child, &status, WNOHANG) == 0, "ended by the first SIGTERM");
    for (int i = 0; i < 100 && waitpid(child, &status, WNOHANG) == 0; i++) {
        kill(child, SIGINT);
        usleep(600000);
    }
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT, "status %x", (unsigned)status);
    close(ends[0]);
    close(ends[1]);
}

/* The settings come through a pipe, so that the signal finds the program before its training. */
Test(cli, a_sigusr1_before_the_training_does_nothing)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    cr_assert(nowhere >= 0 && mkfifo("f", 0600) == 0);
    pid_t child = start(nowhere, STDERR_FILENO, RLIM_INFINITY,
                        TINY QUIET " --config f --checkpoint c");
    int settings = open("f", O_WRONLY | O_CLOEXEC);         /* once the program reads */
    cr_assert(settings >= 0 && kill(child, SIGUSR1) == 0);
    cr_assert(write(settings, "rounds = 10\n", 12) == 12 && close(settings) == 0);
    int code = code_of(child);
    cr_expect(code == 0, "code %d", code);
    close(nowhere);
}

Test(cli, a_diverged_run_says_where_and_saves_nothing)
{
    struct result r = run(TINY QUIET " --model mlp:8 --rounds 1000 --lr 1e30 --log l --save s");
    expect_code(&r, 3);
    cr_expect(strstr(r.err, "diverged") && strstr(r.err, "round") && strstr(r.err, "--lr"), "%s",
              r.err);
    cr_expect(access("s", F_OK) != 0);
    const json_t *s = last_line(parse_lines(read_file("l")));
    cr_expect(has_type(s, "summary") && json_is_true(json_object_get(s, "diverged")));
    cr_expect(number(s, "diverged_round") >= 0);
}

Test(cli, a_closed_pipe_is_a_failed_write)
{
    int ends[2];
    cr_assert(pipe(ends) == 0);
    close(ends[0]);
    FILE *err = tmpfile();
    int code = code_of(start(ends[1], fileno(err), RLIM_INFINITY, TINY QUIET " --rounds 2"));
    cr_expect(code == 1, "code %d", code);
    rewind(err);
    cr_expect(strstr(contents(err), "telesgd: cannot write the standard output"));
}

Test(cli, eval_reproduces_the_accuracy_of_a_saved_run)
{
    struct result r = run(TINY QUIET " --seed 3 --rounds 50 --log - --save s");
    expect_code(&r, 0);
    const json_t *s = last_line(parse_lines(r.out));
    r = run("eval --init s --data digits --seed 3 --json");
    expect_code(&r, 0);
    const json_t *e = last_line(parse_lines(r.out));
    cr_expect(number(e, "test_accuracy") == number(s, "test_accuracy"));
    cr_expect(fabs(number(e, "test_loss") - number(s, "test_loss")) < 1e-5);
    cr_expect(number(e, "test_accuracy") > 0.3, "it has learnt nothing");
}

/* Makes of a file of parameters one that does not say how samples were normalised. */
static void forget_normalize(const char *path)
{
    char bytes[4096], *key;
    FILE *f = fopen(path, "r+");
    cr_assert(f != NULL);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    cr_assert((key = memmem(bytes, n, "telesgd.normalize", 17)) != NULL);
    cr_assert(fseek(f, key - bytes, SEEK_SET) == 0 && fputs("someone", f) >= 0 && fclose(f) == 0);
}

/* Nobody tells eval how the run had normalised: the file does. */
Test(cli, eval_normalises_as_the_training_did)
{
    struct result r = run(TINY QUIET " --data blobs:2000,3x5x6,4 --normalize data --augment crop "
                          "--seed 3 --rounds 50 --log - --save s");
    expect_code(&r, 0);
    const json_t *lines = parse_lines(r.out), *s = last_line(lines);
    const json_t *c = json_array_get(lines, 0);
    const char *numbers = json_string_value(json_object_get(c, "normalize"));
    cr_expect(numbers && strchr(numbers, ':'), "%s", numbers ? numbers : "nothing");
    cr_expect(!strcmp(json_string_value(json_object_get(c, "augment")), "crop"));
    r = run("eval --init s --data blobs:2000,3x5x6,4 --seed 3 --json");
    expect_code(&r, 0);
    const json_t *e = last_line(parse_lines(r.out));
    cr_expect(number(e, "test_accuracy") == number(s, "test_accuracy"));
    cr_expect(fabs(number(e, "test_loss") - number(s, "test_loss")) < 1e-5, "%g, want %g",
              number(e, "test_loss"), number(s, "test_loss"));
    forget_normalize("s");
    r = run(TINY QUIET " --data blobs:2000,3x5x6,4 --init s --seed 3 --rounds 1 --lr 1e-9 --log -");
    expect_code(&r, 0);
    const json_t *other = last_line(parse_lines(r.out));
    cr_expect(fabs(number(other, "test_loss") - number(s, "test_loss")) > 1e-3,
              "normalising changes nothing here");
}

Test(cli, a_settings_file_normalises_and_augments)
{
    write_file("f", "data = blobs:200,1x6x6,4\nnormalize = 0.5:0.25\naugment = crop-flip\n");
    struct result r = run("train --config f --model logistic --nodes 9 --active 2 --rounds 10 "
                          "--dry-run");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\nnormalize = 0.5:0.25\n"), "%s", r.out);
    cr_expect(strstr(r.out, "\naugment = crop-flip\n"), "%s", r.out);
}

Test(cli, eval_refuses_data_of_another_kind)
{
    struct result r = run(TINY QUIET " --rounds 5 --save s");
    expect_code(&r, 0);
    r = run("eval --init s --data blobs:2000,1x8x8,5");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "s: was trained on 1x8x8 inputs and 10 classes, --data "
                     "blobs:2000,1x8x8,5 has 1x8x8 inputs and 5 classes"), "%s", r.err);
}

Test(cli, eval_prints_text_for_people)
{
    struct result r = run(TINY QUIET " --rounds 5 --save s");
    expect_code(&r, 0);
    r = run("eval --init s --data digits");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "logistic, 650 parameters, on 360 ") &&
              strstr(r.out, "test accuracy"), "%s", r.out);
}

Test(cli, a_dry_run_shows_the_settings_and_writes_nothing)
{
    struct result r = run(TINY " --rounds 50 --dry-run --log l --save s --save-split p --trace t");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\n# eval-every = 5\n") && strstr(r.out, "\n# memory  "), "%s", r.out);
    cr_expect(strstr(r.out, "\n# expected time ") && strstr(r.out, " 200 gradients "), "%s", r.out);
    cr_expect(!*r.err && count_files() == 0);
}

/* ---- what is said ---- */

Test(cli, show_placement_tells_where_each_worker_runs)
{
    struct result r = run(TINY QUIET " --rounds 2 --show-placement");
    expect_code(&r, 0);
    cr_expect(!strcmp(r.err, "worker   CPU  core cache  NUMA  home tokens\n"
                             "     0   any   any   any   any  0 to 1\n"
                             "     1   any   any   any   any  2 to 3\n"
                             "workers run where the system likes; --pin keeps each on one CPU\n"),
              "%s", r.err);
    r = run(TINY " --rounds 2 --show-placement --dry-run");
    expect_code(&r, 0);
    const char *worker = strstr(r.out, "\n# worker   CPU");
    cr_expect(worker && strstr(r.out, "# memory  ") < worker, "%s", r.out);
    cr_expect(!*r.err, "%s", r.err);
}

/* What --show-placement tells of worker 0 of a run. */
static bool is_pinned(const char *words)
{
    char all[200];
    snprintf(all, sizeof all, "train --model quadratic --nodes 4000 --rounds 2 --show-placement"
             QUIET " %s", words);
    struct result r = run(all);
    expect_code(&r, 0);
    const char *first = strstr(r.err, "\n     0 ");
    cr_assert(first, "%s", r.err);
    return strncmp(first, "\n     0   any ", 14) != 0;
}

Test(cli, threads_are_pinned_unasked_when_each_cpu_has_one)
{
    char words[80];
    uint32_t cpus = tsgd_cpu_count();
    snprintf(words, sizeof words, "--active %u", 2 * cpus);
    cr_expect_eq(is_pinned(words), cpus > 1);
    snprintf(words, sizeof words, "--active %u --pin=false", 2 * cpus);
    cr_expect(!is_pinned(words));
    snprintf(words, sizeof words, "--active %u --threads %u", 2 * cpus, cpus);
    cr_expect(!is_pinned(words));
    snprintf(words, sizeof words, "--active %u --threads %u --pin", 2 * cpus, cpus);
    cr_expect(is_pinned(words));
    cr_expect(!is_pinned("--active 1"));
}

Test(cli, threads_without_work_are_told_of)
{
    struct result r = run(TINY " --rounds 2 --active 1 --threads 5 --log l");
    expect_code(&r, 0);
    cr_expect(!strncmp(r.err, "telesgd: 1 of 5 threads are used, for 1 token; --step-parts ", 60),
              "%s", r.err);
    r = run(TINY QUIET " --rounds 2 --active 1 --threads 5");
    expect_code(&r, 0);
    cr_expect(!*r.err, "%s", r.err);
    r = run(QUAD " --rounds 2 --threads 5");
    cr_expect(!strncmp(r.err, "telesgd: 4 of 5 threads are used, for 4 tokens\n", 47), "%s", r.err);
}

Test(cli, step_parts_let_more_threads_than_tokens_work_to_the_same_end)
{
    static const char *const threads[] = {"1", "2", "3", "8"};
    char words[200], *first = NULL;
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        snprintf(words, sizeof words, TINY " --rounds 40 --active 1 --batch 60 --step-parts 3"
                 " --log l" QUIET " --threads %s", threads[i]);
        struct result r = run(words);
        expect_code(&r, 0);
        cr_expect(strstr(r.out, i == 0 ? " on 1 thread\n" : i == 1 ? " on 2 threads\n" :
                         " on 3 threads\n"), "%s", r.out);
        char *hash = strstr(strstr(read_file("l"), "\"summary\""), "\"state_hash\"");
        cr_assert(hash != NULL);
        first = first ? first : hash;
        cr_expect(!strncmp(hash, first, 32), "%s threads: %.32s, not %.32s", threads[i], hash,
                  first);
    }
}

/* The instruction sets that this machine has are those that it does not refuse. */
Test(cli, instruction_sets_without_fused_multiply_add_differ_in_rounding_and_threads_in_nothing)
{
    static const char *const sets[] = {"sse4", "avx2", "avx512", "neon", "plain"};
    const char *common = NULL;
    double accuracy = -1;
    char words[300];
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const char *first = NULL;
        for (int threads = 1; threads <= 3; threads++) {
            snprintf(words, sizeof words, "train --data blobs:2000,1x16x16,4 --model lenet --nodes "
                     "20 --active 4 --rounds 30 --log l" QUIET " --isa %s --threads %d", sets[i],
                     threads);
            struct result r = run(words);
            if (r.code == 2 && strstr(r.err, "--isa"))
                break;
            expect_code(&r, 0);
            json_t *lines = parse_lines(read_file("l"));
            const char *isa = json_string_value(json_object_get(json_array_get(lines, 0), "isa"));
            const char *hash = json_string_value(json_object_get(last_line(lines), "state_hash"));
            double got = number(last_line(lines), "test_accuracy");
            cr_assert(isa && hash);
            cr_expect(!strcmp(isa, sets[i]), "%s, want %s", isa, sets[i]);
            first = first ? first : hash;
            cr_expect(!strcmp(hash, first), "%s, %d threads: %s, want %s", isa, threads, hash,
                      first);
            const char *bits = json_string_value(json_object_get(json_array_get(lines, 0),
                                                                 "bits"));
            bool own = !strcmp(isa, "sse4") || !strcmp(isa, "plain");
            cr_expect(bits && !strcmp(bits, own ? isa : "common"), "%s: bits %s", isa, bits);
            common = own || common ? common : hash;
            cr_expect(own || !strcmp(hash, common), "%s: %s, want %s", isa, hash, common);
            accuracy = accuracy < 0 ? got : accuracy;
            cr_expect(fabs(got - accuracy) <= 0.01, "%s: %g, want %g", isa, got, accuracy);
        }
    }
    cr_assert(accuracy >= 0, "no instruction set runs");
}

/* The fields that README.md names. */
Test(cli, all_of_a_log_but_what_it_says_of_the_machine_is_the_same_for_any_threads)
{
    static const char *const of_machine[] = {
        "date", "threads", "gossip", "memory_bytes", "wall_seconds", "samples_per_second",
        "share_step", "share_mix", "share_eval", "share_wait", "share_other", "share_ran",
        "share_slept", "share_taken", "workers", "steals", "sleeps",
    };
    json_t *logs[2];
    for (int i = 0; i < 2; i++) {
        json_t *line;
        size_t n;
        struct result r = run(i ? TINY QUIET " --rounds 30 --eval-every 10 --log - --threads 5" :
                              TINY QUIET " --rounds 30 --eval-every 10 --log - --threads 1");
        expect_code(&r, 0);
        logs[i] = parse_lines(r.out);
        cr_expect(json_array_size(logs[i]) == 5);
        json_array_foreach(logs[i], n, line)
            for (size_t k = 0; k < sizeof of_machine / sizeof *of_machine; k++)
                json_object_del(line, of_machine[k]);
    }
    cr_expect(json_equal(logs[0], logs[1]));
}

Test(cli, show_placement_names_the_cpus_of_pinned_workers)
{
    char want[200];
    uint32_t cpu;
    tsgd_cpu_list(&cpu, 1);
    cr_assert(tsgd_cpu_pin(NULL, cpu) == 0);
    struct result r = run(TINY QUIET " --rounds 2 --show-placement --pin");
    expect_code(&r, 0);
    snprintf(want, sizeof want, "\n     1 %5u ", cpu);
    cr_expect(strstr(r.err, want), "%s", r.err);
    cr_expect(strstr(r.err, "  2 to 3\n2 workers share 1 CPU\n"), "%s", r.err);
}

Test(cli, a_trace_is_written_and_its_losses_are_told)
{
    struct result r = run(TINY QUIET " --rounds 5 --trace t");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "trace           t, ") && !strstr(r.out, "had no room"), "%s", r.out);
    r = run("tune --data digits --model logistic --nodes 5 --rounds 5 --trace u"
            " --trace-events 10" QUIET);
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "trace           u, ") && strstr(r.out, "had no room: give more"), "%s",
              r.out);
    cr_expect(strstr(read_file("u"), "\"traceEvents\":["));
}

Test(cli, progress_off_is_silent_on_stderr)
{
    struct result r = run(TINY QUIET " --rounds 10 --log l");
    expect_code(&r, 0);
    cr_expect(!*r.err, "%s", r.err);
}

Test(cli, a_quiet_run_that_logs_to_stdout_says_nothing_else)
{
    struct result r = run(TINY QUIET " --rounds 10 --log -");
    expect_code(&r, 0);
    cr_expect(json_array_size(parse_lines(r.out)) == 12);
    cr_expect(!*r.err, "%s", r.err);
}

Test(cli, the_report_goes_to_stderr_when_the_log_has_stdout)
{
    struct result r = run(TINY " --rounds 10 --log -");
    expect_code(&r, 0);
    cr_expect(json_array_size(parse_lines(r.out)) == 12);
    cr_expect(strstr(r.err, "teleport: 4 of 20 nodes active, topology ring"), "%s", r.err);
}

Test(cli, without_a_terminal_there_is_a_plain_line_for_each_evaluation)
{
    struct result r = run(TINY " --rounds 10 --eval-every 5");
    expect_code(&r, 0);
    cr_expect(!strncmp(r.err, "round 5/10  ", 12), "%s", r.err);
    const char *second = strchr(r.err, '\n') + 1;
    cr_expect(!strncmp(second, "round 10/10  ", 13), "%s", r.err);
    cr_expect(strchr(second, '\n')[1] == 0 && !strchr(r.err, '\r'), "%s", r.err);
}

Test(cli, the_report_tells_what_happened)
{
    static const char *const parts[] = {
        "10 rounds, 40 gradients, 1,280 samples", "test accuracy ", "test loss ", "samples/s",
        "step ", "gossiped", "teleported", "written         s, l\n",
    };
    struct result r = run(TINY QUIET " --rounds 10 --log l --save s --order iid");
    expect_code(&r, 0);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_expect(strstr(r.out, parts[i]), "no '%s' in: %s", parts[i], r.out);
}

/* What a run writes to a terminal of 60 columns. */
static char *on_terminal(const char *term)
{
    struct winsize size = {.ws_row = 24, .ws_col = 60};
    int control, terminal, nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    char *text = keep(calloc(1, 1 << 20));
    size_t n = 0;
    ssize_t got;
    setenv("TERM", term, 1);
    if (openpty(&control, &terminal, NULL, NULL, &size) != 0)
        cr_skip_test("this system has no pseudo-terminals");
    pid_t child = start(nothing, terminal, RLIM_INFINITY, TINY " --rounds 20");
    close(terminal);
    while (n < (1 << 20) - 1 && (got = read(control, text + n, (1 << 20) - 1 - n)) > 0)
        n += (size_t)got;
    cr_assert(code_of(child) == 0);
    return text;
}

Test(cli, a_line_on_a_terminal_never_wraps)
{
    char *text = on_terminal("xterm");
    cr_expect(strstr(text, "\033[K"), "nothing is redrawn: %s", text);
    for (char *part = strtok(text, "\r\n"); part; part = strtok(NULL, "\r\n")) {
        char *clear = strstr(part, "\033[K");
        size_t n = clear ? (size_t)(clear - part) : strlen(part);
        cr_expect(n < 60, "%zu columns: %s", n, part);
    }
}

Test(cli, a_dumb_terminal_gets_plain_lines)
{
    char *text = on_terminal("dumb");
    cr_expect(!strchr(text, '\033') && strstr(text, "round 20/20"), "%s", text);
}

Test(cli, nothing_in_the_name_of_a_file_commands_the_terminal)
{
    struct result r = run(TINY QUIET " --rounds 2 --save s\033[31m --log l\nx --save-split \233p "
                          "--trace \177t");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\nwritten         s?[31m, l?x, ?p\n"), "%s", r.out);
    cr_expect(strstr(r.out, "\ntrace           ?t, "), "%s", r.out);
    cr_expect(access("s\033[31m", F_OK) == 0 && access("l\nx", F_OK) == 0);
    r = run("tune --model quadratic --nodes 3 --rounds 2 --save q\033" QUIET);
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\nwritten         q?\n"), "%s", r.out);
    write_file("g\033", "0 1\n1 2\n2 3\n");
    r = run(TINY QUIET " --rounds 2 --topology file:g\033");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, ", topology file:g?; logistic on "), "%s", r.out);
}

/* ---- quadratics ---- */

Test(cli, a_quadratic_logs_its_gradient_and_nothing_of_samples)
{
    static const char *const keys[] = {
        "type", "round", "samples", "gradients", "bytes_gossip", "bytes_teleport", "wall_seconds",
        "train_loss", "consensus", "grad_norm2", "grad_norm2_tokens", "distance2", "lr",
        "state_hash",
    };
    struct result r = run(QUAD QUIET " --rounds 6 --eval-every 3 --log -");
    expect_code(&r, 0);
    const json_t *lines = parse_lines(r.out), *c = json_array_get(lines, 0);
    expect_keys(json_array_get(lines, 1), keys, sizeof keys / sizeof *keys);
    cr_expect(number(c, "dim") == 50 && number(c, "zeta2") == 1 && number(c, "sigma2") == 1);
    cr_expect(number(c, "x0") == 1 && number(c, "batch") == 1 && number(c, "parameters") == 50);
    cr_expect(!strcmp(json_string_value(json_object_get(c, "conditioning")), "koloskova"));
    cr_expect(json_is_null(json_object_get(c, "data")));
    cr_expect(json_is_null(json_object_get(c, "partition")));
    cr_expect(!json_object_get(c, "split_hash"));
}

Test(cli, a_quadratic_stops_until_its_gradient_is_small_and_tells_it)
{
    struct result r = run(QUAD " --conditioning spread --rounds 5000 --eval-every 10 "
                          "--progress plain --sigma2 0 --zeta2 0.5 --x0 -2.5 "
                          "--until grad_norm2<=0.1");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "reached grad_norm2<=0.1\n"), "%s", r.out);
    cr_expect(strstr(r.out, "\ngrad_norm2 ") && strstr(r.out, "\ndistance2 "), "%s", r.out);
    cr_expect(strstr(r.out, "topology ring; quadratic\n") && !strstr(r.out, "accuracy"), "%s",
              r.out);
    cr_expect(strstr(r.err, "grad_norm2 ") && !strstr(r.err, "accuracy"), "%s", r.err);
}

Test(cli, a_quadratic_goes_on_from_what_it_saved)
{
    struct result a = run(QUAD QUIET " --rounds 50 --save x");
    expect_code(&a, 0);
    struct result b = run(QUAD QUIET " --rounds 1 --eval-at-start --init x --log -");
    expect_code(&b, 0);
    const json_t *lines = parse_lines(b.out);
    char want[64];
    snprintf(want, sizeof want, "\ngrad_norm2      %.4g of the mean",
             number(json_array_get(lines, 1), "grad_norm2"));
    cr_expect(strstr(a.out, want), "%s, after: %s", want, a.out);
    cr_expect(json_is_null(json_object_get(json_array_get(lines, 0), "x0")));
    struct result c = run(QUAD QUIET " --rounds 1 --dim 51 --init x");
    expect_code(&c, 2);
    cr_expect(strstr(c.err, "x: tensor 'x' has shape [50], want [51]"), "%s", c.err);
}

Test(cli, eval_refuses_a_saved_quadratic)
{
    struct result r = run(QUAD QUIET " --rounds 5 --save x");
    expect_code(&r, 0);
    r = run("eval --init x --data blobs:100,16,4");
    expect_code(&r, 2);
    cr_expect(strstr(r.err, "x: holds parameters of model quadratic, which has no data"), "%s",
              r.err);
}

Test(cli, a_dry_run_of_a_quadratic_speaks_of_no_samples)
{
    struct result r = run(QUAD " --rounds 1000 --dry-run");
    expect_code(&r, 0);
    cr_expect(strstr(r.out, "\n# 4 tokens of 50 parameters\n"), "%s", r.out);
    cr_expect(strstr(r.out, "\n# memory ") && strstr(r.out, "\n# expected time "), "%s", r.out);
    cr_expect(!strstr(r.out, "samples,") && !strstr(r.out, "inputs"), "%s", r.out);
}
