/* The program: a table of commands. */
#include "command/program.h"

#include "base/build.h"
#include "base/text.h"
#include "cli/human.h"
#include "cli/parse.h"
#include "command/crew.h"
#include "linalg/backend.h"
#include "run/agree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static enum tsgd_exit run_help(const struct tsgd_command *self, const struct tsgd_cli *cli);

static const char help_about[] =
    "Tells how to use a command, or which there are; prints the manual pages and the completion "
    "for a shell that 'make install' puts in place.\n";

static const struct tsgd_command command_help = {
    .name = "help",
    .options = TSGD_FOR_HELP,
    .max_operands = 1,
    .usage = "[COMMAND] [OPTION]...",
    .summary = "how to use a command",
    .about = help_about,
    .run = run_help,
};

/* In the order in which help shows them. */
const struct tsgd_command *const tsgd_commands[] = {
    &tsgd_command_train, &tsgd_command_tune, &tsgd_command_sweep, &tsgd_command_compare,
    &tsgd_command_report, &tsgd_command_eval, &tsgd_command_topology, &tsgd_command_split,
    &tsgd_command_model, &tsgd_command_bench, &tsgd_command_list, &command_help,
};
const size_t tsgd_n_commands = sizeof tsgd_commands / sizeof *tsgd_commands;

/* Of this process, for what it prints; 0 as well where there is but one. */
static uint32_t own_rank;

void tsgd_complain(const struct tsgd_command *command, const struct tsgd_error *err)
{
    struct tsgd_error shown = *err;         /* may quote what a file holds */
    if (own_rank > 0)
        return;
    fprintf(stderr, "telesgd: %s\n", tsgd_human_text(shown.text));
    if (err->status == TSGD_EINVAL)
        fprintf(stderr, "try 'telesgd %s%s--help'\n", command ? command->name : "",
                command ? " " : "");
}

void tsgd_warn(const char *about, const char *text)
{
    flockfile(stderr);                      /* other threads may tell something too */
    fputs("telesgd: ", stderr);
    if (own_rank > 0)
        fprintf(stderr, "rank %u: ", own_rank);
    if (*about) {
        tsgd_human_print(stderr, about);
        fputs(": ", stderr);
    }
    fputs(text, stderr);
    if (*text && text[strlen(text) - 1] != '\n')
        fputc('\n', stderr);
    funlockfile(stderr);
}

static enum tsgd_status find_command(const struct tsgd_command **out, const char *name,
                                     struct tsgd_error *err)
{
    const char *names[sizeof tsgd_commands / sizeof *tsgd_commands];
    for (size_t i = 0; i < tsgd_n_commands; i++) {
        names[i] = tsgd_commands[i]->name;
        if (!strcmp(name, names[i])) {
            *out = tsgd_commands[i];
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
    printf("telesgd %s\nrevision %s\ncompiler %s\nkernels %s\nBLIS kernels %s\n", TELESGD_VERSION,
           tsgd_build_revision, tsgd_build_compiler, on.kernels->isa, tsgd_backend_told(&on));
    return TSGD_EXIT_DONE;
}

/* What decides which way a command goes must be the same on all ranks: else they would wait for
 * each other at different places.                                                               */
static enum tsgd_status agree_on_way(const struct tsgd_cli *cli, const struct tsgd_command *command,
                                     const struct tsgd_world *world, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_settings *s = cli->settings;
    char way[160];
    snprintf(way, sizeof way, "%s%s%s%s", command->name, cli->help ? " --help" : "",
             s->dry_run ? " --dry-run" : "", s->json ? " --json" : "");
    TRY(tsgd_agree_alike(world->transport, "the command", way, err));
    TRY(tsgd_agree_alike(world->transport, "--ranks", s->text[TSGD_SET_ranks], err));
    TRY(tsgd_agree_alike(world->transport, "--cores", s->text[TSGD_SET_cores], err));
done:
    return st;
}

/* What the command line says, and on all ranks the same of it. */
static enum tsgd_status read_command_line(struct tsgd_cli *cli, const struct tsgd_command *command,
                                          int argc, char **argv, const struct tsgd_world *world,
                                          struct tsgd_error *err)
{
    enum tsgd_status st = tsgd_cli_parse(cli, command, argc, argv, err);
    cli->world = world;
    st = tsgd_agree(world->transport, st, err);
    if (st == TSGD_OK)
        st = agree_on_way(cli, command, world, err);
    if (st != TSGD_OK || cli->help || command->ranks == TSGD_RANKS_FIRST)
        return st;
    if (command->ranks == TSGD_RANKS_NONE && world->transport)
        return tsgd_fail(err, TSGD_EINVAL, "%s: found %u ranks, but it runs in one process; start "
                         "it without mpirun, or 'train' and 'tune' with it", command->name,
                         world->transport->ranks);
    cli->settings->transport = world->transport;
    cli->settings->own_process = true;
    return tsgd_crew_share(cli->settings, err);
}

static enum tsgd_exit run_command(const char *name, int argc, char **argv,
                                  const struct tsgd_world *world)
{
    struct tsgd_error err;
    struct tsgd_cli cli;
    const struct tsgd_command *command = NULL;
    enum tsgd_exit code = TSGD_EXIT_DONE;
    if (tsgd_agree(world->transport, find_command(&command, name, &err), &err)) {
        tsgd_complain(NULL, &err);
        return TSGD_EXIT_USAGE;
    }
    if (read_command_line(&cli, command, argc, argv, world, &err)) {
        tsgd_complain(command, &err);
        code = TSGD_EXIT_USAGE;
    } else if (own_rank > 0 && (cli.help || command->ranks != TSGD_RANKS_ALL)) {
        code = TSGD_EXIT_DONE;
    } else if (cli.help) {
        tsgd_help(stdout, command, cli.help == TSGD_HELP_ALL);
    } else {
        code = command->run(command, &cli);
    }
    tsgd_cli_release(&cli);
    return code;
}

bool tsgd_fill_closed_streams(void)
{
    static const int mode[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    bool ok = true;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && ok; fd++)
        ok = fcntl(fd, F_GETFD) >= 0 || errno != EBADF || open("/dev/null", mode[fd]) == fd;
    return ok;
}

/* All that is not of one command, told by the first rank. */
static enum tsgd_exit run_overview(int argc, char **argv)
{
    if (own_rank > 0)
        return argc < 2 ? TSGD_EXIT_USAGE : TSGD_EXIT_DONE;
    if (argc < 2) {
        tsgd_help_overview(stderr);
        return TSGD_EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--version"))
        return print_version();
    tsgd_help_overview(stdout);
    return TSGD_EXIT_DONE;
}

static bool is_overview(int argc, char **argv)
{
    static const char *const word[] = {"--help", "-h", "--help-all", "--version"};
    bool found = argc < 2;
    for (size_t i = 0; i < sizeof word / sizeof *word && !found; i++)
        found = !strcmp(argv[1], word[i]);
    return found;
}

/* Before all else: ranks of another version, or with another command, would come to other places
 * where all wait for each other, and wait there for ever.                                       */
static enum tsgd_status agree_on_program(int argc, char **argv, const struct tsgd_world *world,
                                         struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_agree_alike(world->transport, "version", TELESGD_VERSION, err));
    TRY(tsgd_agree_alike(world->transport, "revision", tsgd_build_revision, err));
    TRY(tsgd_agree_alike(world->transport, "the command", argc < 2 ? NULL : argv[1], err));
done:
    return st;
}

int tsgd_program(int argc, char **argv, const struct tsgd_world *world)
{
    enum tsgd_exit code;
    struct tsgd_error err;
    own_rank = world->transport ? world->transport->rank : 0;
    if (!tsgd_fill_closed_streams())
        return TSGD_EXIT_FAILED;
    signal(SIGXFSZ, SIG_IGN);           /* a file that grows too large is a write that fails */
    if (agree_on_program(argc, argv, world, &err)) {
        tsgd_complain(NULL, &err);
        code = TSGD_EXIT_USAGE;
    } else if (is_overview(argc, argv)) {
        code = run_overview(argc, argv);
    } else {
        code = run_command(argv[1], argc - 2, argv + 2, world);
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == TSGD_EXIT_DONE) {
        tsgd_fail(&err, TSGD_EIO, "cannot write the standard output: %s", strerror(errno));
        tsgd_complain(NULL, &err);
        code = TSGD_EXIT_FAILED;
    }
    return (int)code;
}
