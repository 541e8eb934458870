/* The program: a table of commands. */
#include "cli/parse.h"

#include "base/text.h"
#include "cli/human.h"
#include "linalg/backend.h"

#include <errno.h>
#include <string.h>

static enum tsgd_exit run_help(const struct tsgd_command *self, const struct tsgd_cli *cli);

static const char train_about[] =
    "Trains a model on --nodes participants, each with its own share of the data. Each round, "
    "--active of them take a step on a row of parameters (a token) and mix it over --topology; "
    "with method teleport the tokens then move on to other nodes. Defaults are in [brackets].\n";

static const char train_closing[] =
    "# Settings files\n"
    "--config reads lines 'name = value' with the names of the options, without --; flags are "
    "true or false. A line that starts with # or ; is a comment, and so is what follows a ; after "
    "a space. --dry-run prints such a file. The log of an earlier run (--log) may stand in its "
    "place: then what changes the result is as it was there, and the run is repeated; it is "
    "refused when a file of --split or --init has changed.\n"
    "What the command line says wins over the file: --until= (nothing after the =) takes a setting "
    "back to its default, and --lazy=false a flag. What followed from other settings follows anew "
    "when the command line changes the result.\n"
    "# Examples\n"
    "A first run, on data that are part of the program:\n"
    "    telesgd train --data digits --model mlp:64 --nodes 25 --active 4 --rounds 500\n"
    "LeNet on 100 nodes, 8 of them active each round, in a ring:\n"
    "    telesgd train --data fashion-mnist --model lenet --nodes 100 --active 8 \\\n"
    "      --lr 0.05 --rounds 2000\n"
    "Plain D-SGD on 25 nodes with very different data, with a log and the result kept:\n"
    "    telesgd train --method dsgd --nodes 25 --data fashion-mnist --model lenet \\\n"
    "      --partition dirichlet:0.1 --momentum 0.9 --lr 0.01 --rounds 1000 \\\n"
    "      --log dsgd.jsonl --save dsgd.safetensors\n"
    "Settings from a file, another seed, an end at 80 % accuracy:\n"
    "    telesgd train --config paper.ini --seed 3 --until 'test_accuracy>=0.8'\n"
    "The run of a log once more:\n"
    "    telesgd train --config dsgd.jsonl\n"
    "# Exit codes\n"
    "= 0\tdone, also when --until ended it\n"
    "= 1\treading, writing or memory failed during the training\n"
    "= 2\tan option, input or output is wrong: nothing was trained, no file touched\n"
    "= 3\tthe training diverged: a loss was not finite; nothing was saved\n"
    "= 130\tinterrupted by SIGINT or SIGTERM; --log and --save hold what there was by then\n";

static const char tune_about[] =
    "Searches the number of active nodes k (Algorithm 2 of the paper): k = 1, 2, 4, .. train side "
    "by side for --rounds rounds, on disjoint sets of nodes, then the largest power of two alone "
    "if the nodes do not suffice for all at once. The least loss on validation samples wins "
    "(quadratics: the least grad_norm2), and its parameters are trained already. Several step "
    "sizes (--lr-grid) are tried for every k, in as few passes as the nodes have room for.\n";

static const char tune_closing[] =
    "# Examples\n"
    "    telesgd tune --data digits --model mlp:64 --nodes 25 --rounds 300 --save k.safetensors\n"
    "    telesgd tune --model quadratic --nodes 100 --rounds 2000 --lr-grid 0.1,0.01,0.001\n"
    "# Exit codes\n"
    "As of 'telesgd train'; 3: every candidate diverged.\n";

static const struct tsgd_option_help tune_options[] = {
    {"progress", NULL,
     "on the standard error: a line for each evaluation (auto, plain), nothing (off)"},
    {NULL, NULL, NULL},
};

static const char eval_about[] =
    "Measures parameters that 'telesgd train --save' wrote, on the test samples of --data. The "
    "file says which model it is.\n";

static const char eval_closing[] =
    "# Example\n"
    "    telesgd eval --init lenet.safetensors --data fashion-mnist\n";

static const struct tsgd_option_help eval_options[] = {
    {"init", "must be given",
     "the parameters to evaluate, as --save of 'telesgd train' wrote them"},
    {"seed", NULL, "of generated data: --split-seed, or else --seed, of the training"},
    {NULL, NULL, NULL},
};

static const char compare_about[] =
    "Prints a table of the runs whose logs ('telesgd train --log LOG') are given: how far they "
    "came, how good they are, what they sent. A run is named by method, k of n, topology, and "
    "every other setting of the result in which it differs from another run; equal names are "
    "numbered. Of a search ('telesgd tune --log LOG') it shows the chosen k and step size; the "
    "seconds alone are those of the whole search.\n"
    "With several logs a second table shows the test accuracy (quadratics: grad_norm2) of each "
    "after the same numbers of gradients, as far as the shortest run came (one that diverged is "
    "not waited for):\n"
    "= 75.84 %\tan evaluation was made after exactly so many gradients\n"
    "= ~75.84 %\tinterpolated between the evaluations just before and just after: the accuracy "
    "linearly, grad_norm2 linearly in its logarithm\n"
    "= -\tbefore the first evaluation or after the last, or between two of which one found "
    "grad_norm2 = 0\n"
    "A search measures test accuracy only at its end.\n";

static const char topology_about[] =
    "Tells how fast the tokens of a graph (telesgd list topologies) come to agree: how many "
    "neighbours one reads in a round, after how many rounds the graph repeats, the spectral gap 1 "
    "- sigma^2 (sigma: the second largest singular value) of round 0 and of a whole period, and "
    "after how many rounds everybody holds the exact mean.\n";

static const char topology_closing[] =
    "# Examples\n"
    "    telesgd topology base:1 --active 25\n"
    "    telesgd topology torus --active 12 --dot | dot -Tsvg > torus.svg\n";

static const struct tsgd_option_help topology_options[] = {
    {"active", "must be given", "tokens that mix"},
    {"seed", NULL, "of graphs that are drawn, regular and er; the same as of a training"},
    {NULL, NULL, NULL},
};

static const char help_about[] =
    "Tells how to use a command, or which there are; prints the manual pages and the completion "
    "for a shell that 'make install' puts in place.\n";

const struct tsgd_command tsgd_commands[] = {
    {
        .name = "train",
        .options = TSGD_FOR_TRAIN,
        .usage = "[OPTION]...",
        .summary = "train a model on simulated nodes",
        .about = train_about,
        .closing = train_closing,
        .run = tsgd_cmd_train,
    },
    {
        .name = "tune",
        .options = TSGD_FOR_TUNE,
        .own_help = tune_options,
        .usage = "[OPTION]...",
        .summary = "search for the number of active nodes, and the step size",
        .about = tune_about,
        .closing = tune_closing,
        .run = tsgd_cmd_tune,
    },
    {
        .name = "eval",
        .options = TSGD_FOR_EVAL,
        .own_help = eval_options,
        .usage = "--init FILE [OPTION]...",
        .summary = "loss and accuracy of saved parameters",
        .about = eval_about,
        .closing = eval_closing,
        .run = tsgd_cmd_eval,
    },
    {
        .name = "topology",
        .options = TSGD_FOR_TOPOLOGY,
        .own_help = topology_options,
        .min_operands = 1,
        .max_operands = 1,
        .usage = "GRAPH --active K [OPTION]...",
        .summary = "how fast a graph mixes, its picture, its weights",
        .about = topology_about,
        .closing = topology_closing,
        .run = tsgd_cmd_topology,
    },
    {
        .name = "compare",
        .min_operands = 1,
        .max_operands = SIZE_MAX,
        .usage = "LOG...",
        .summary = "runs side by side, from their logs",
        .about = compare_about,
        .run = tsgd_cmd_compare,
    },
    {
        .name = "list",
        .max_operands = 1,
        .usage = "[models | data | topologies | methods | partitions]",
        .summary = "what --model, --data, --topology, --method and --partition can be",
        .about = "Prints the values of one option, or of all these options.\n",
        .run = tsgd_cmd_list,
    },
    {
        .name = "help",
        .options = TSGD_FOR_HELP,
        .max_operands = 1,
        .usage = "[COMMAND] [OPTION]...",
        .summary = "how to use a command",
        .about = help_about,
        .run = run_help,
    },
};
const size_t tsgd_n_commands = sizeof tsgd_commands / sizeof *tsgd_commands;

void tsgd_complain(const struct tsgd_command *command, const struct tsgd_error *err)
{
    struct tsgd_error shown = *err;         /* may quote what a file holds */
    fprintf(stderr, "telesgd: %s\n", tsgd_human_text(shown.text));
    if (err->status == TSGD_EINVAL)
        fprintf(stderr, "try 'telesgd %s%s--help'\n", command ? command->name : "",
                command ? " " : "");
}

static enum tsgd_status find_command(const struct tsgd_command **out, const char *name,
                                     struct tsgd_error *err)
{
    const char *names[sizeof tsgd_commands / sizeof *tsgd_commands];
    for (size_t i = 0; i < tsgd_n_commands; i++) {
        names[i] = tsgd_commands[i].name;
        if (!strcmp(name, names[i])) {
            *out = &tsgd_commands[i];
            return TSGD_OK;
        }
    }
    return tsgd_unknown_name("command", name, names, tsgd_n_commands, err);
}

static enum tsgd_exit run_help(const struct tsgd_command *self, const struct tsgd_cli *cli)
{
    struct tsgd_error err;
    const struct tsgd_command *command = NULL;
    const struct tsgd_settings *s = cli->settings;
    bool named = cli->n_operands > 0;
    enum tsgd_status st = named ? find_command(&command, cli->operand[0], &err) : TSGD_OK;
    if (st == TSGD_OK && s->completion && (named || s->man))
        st = tsgd_fail(&err, TSGD_EINVAL, "--completion: stands alone; it is for all commands");
    if (st != TSGD_OK) {
        tsgd_complain(self, &err);
        return TSGD_EXIT_USAGE;
    }
    if (s->completion)
        tsgd_completion(stdout, s->completion);
    else if (s->man)
        tsgd_man(stdout, command);
    else if (named)
        tsgd_help(stdout, command, false);
    else
        tsgd_help_overview(stdout);
    return TSGD_EXIT_DONE;
}

static enum tsgd_exit print_version(void)
{
    struct tsgd_error err;
    struct tsgd_backend on;
    if (tsgd_backend_init(&on, NULL, &err)) {
        tsgd_complain(NULL, &err);
        return TSGD_EXIT_USAGE;
    }
    printf("telesgd %s\ncompiler %s\nkernels %s\nBLIS kernels %s\n", TELESGD_VERSION, __VERSION__,
           on.kernels->isa, tsgd_backend_name(&on));
    return TSGD_EXIT_DONE;
}

static enum tsgd_exit run_command(const char *name, int argc, char **argv)
{
    struct tsgd_error err;
    struct tsgd_cli cli;
    const struct tsgd_command *command = NULL;
    enum tsgd_exit code = TSGD_EXIT_DONE;
    if (find_command(&command, name, &err)) {
        tsgd_complain(NULL, &err);
        return TSGD_EXIT_USAGE;
    }
    if (tsgd_cli_parse(&cli, command, argc, argv, &err)) {
        tsgd_complain(command, &err);
        code = TSGD_EXIT_USAGE;
    } else if (cli.help) {
        tsgd_help(stdout, command, cli.help == TSGD_HELP_ALL);
    } else {
        code = command->run(command, &cli);
    }
    tsgd_cli_release(&cli);
    return code;
}

int main(int argc, char **argv)
{
    enum tsgd_exit code;
    if (argc < 2) {
        tsgd_help_overview(stderr);
        return TSGD_EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "--help-all")) {
        tsgd_help_overview(stdout);
        code = TSGD_EXIT_DONE;
    } else if (!strcmp(argv[1], "--version")) {
        code = print_version();
    } else {
        code = run_command(argv[1], argc - 2, argv + 2);
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == TSGD_EXIT_DONE) {
        struct tsgd_error err;
        tsgd_fail(&err, TSGD_EIO, "cannot write the standard output: %s", strerror(errno));
        tsgd_complain(NULL, &err);
        code = TSGD_EXIT_FAILED;
    }
    return code;
}
