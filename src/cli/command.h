/* cli/command.h: the commands of telesgd. One stands in a file of its own, command/cmd_NAME.c, and
 * in the table in command/main.c; options and operands are parsed, and --help answered, before it
 * runs.                                                                                         */
#ifndef TSGD_CLI_COMMAND_H
#define TSGD_CLI_COMMAND_H

#include "base/status.h"
#include "transport/transport.h"

#include <stdio.h>

/* What the program returns; users' scripts rely on these. */
enum tsgd_exit {
    TSGD_EXIT_DONE = 0,
    TSGD_EXIT_FAILED = 1,           /* reading, writing or memory failed after the start */
    TSGD_EXIT_USAGE = 2,            /* what could be known before the first thread started */
    TSGD_EXIT_DIVERGED = 3,
    TSGD_EXIT_INTERRUPTED = 130
};

/* What a command says of an option in place of run/settings_list.h. */
struct tsgd_option_help {
    const char *name;
    const char *unset, *help;       /* what stands in for it; NULL: as in the table */
};

struct tsgd_cli;                    /* cli/parse.h */

/* The processes that run this program together, each the same command. */
struct tsgd_world {
    struct tsgd_transport *transport;   /* NULL: this one alone */
    /* Told before a training begins; checkpoint: the file, or NULL. Or NULL itself. */
    void (*begins)(const char *checkpoint, bool resumes);
};

/* Who runs a command where there are more ranks than one. */
enum tsgd_command_ranks {
    TSGD_RANKS_FIRST,               /* the first, while the others wait */
    TSGD_RANKS_ALL,                 /* all, together */
    TSGD_RANKS_NONE                 /* nobody: it is refused */
};

struct tsgd_command {
    const char *name;
    unsigned options;               /* its bit, TSGD_FOR_..; 0: takes none */
    const struct tsgd_option_help *own_help;    /* up to one without a name; or NULL */
    size_t min_operands, max_operands;
    enum tsgd_command_ranks ranks;
    const char *usage;              /* what follows the name: "[OPTION]..." */
    const char *summary;            /* for the list of commands */
    const char *about, *closing;    /* of its help (cli/page.h), around the options; or NULL */
    const char *more;               /* what only --help-all and the manual page add; or NULL */
    enum tsgd_exit (*run)(const struct tsgd_command *self, const struct tsgd_cli *cli);
};

extern const struct tsgd_command *const tsgd_commands[];
extern const size_t tsgd_n_commands;

/* "telesgd: SENTENCE" on stderr and, when a setting is wrong, where the help is. `command` may be
 * NULL. The only place that prints errors. Silent on all ranks but the first: what concerns them
 * all has been agreed to (run/agree.h).                                                         */
void tsgd_complain(const struct tsgd_command *command, const struct tsgd_error *err);

/* "telesgd: ABOUT: TEXT" on stderr, of what ends nothing; text: one line or more, of which the last
 * may lack its end. about may be "". Of another rank than the first it says which.              */
void tsgd_warn(const char *about, const char *text);

/* What --help prints, or, with all options, --help-all. */
void tsgd_help(FILE *out, const struct tsgd_command *command, bool all);
void tsgd_help_overview(FILE *out);

/* What the command says of an option: its help, and what stands in for it if it is not given. */
const char *tsgd_help_of(const struct tsgd_command *command, const struct tsgd_setting *option);
const char *tsgd_unset_of(const struct tsgd_command *command, const struct tsgd_setting *option);

/* The manual page (cli/man.c); NULL: that of the program. */
void tsgd_man(FILE *out, const struct tsgd_command *command);

/* What makes a shell, "bash" or "zsh", complete (command/completion.c). */
void tsgd_completion(FILE *out, const char *shell);

/* Each stands in its own file, cmd_NAME.c. */
extern const struct tsgd_command tsgd_command_train, tsgd_command_tune, tsgd_command_sweep,
    tsgd_command_eval, tsgd_command_topology, tsgd_command_split, tsgd_command_model,
    tsgd_command_bench,
    tsgd_command_compare, tsgd_command_report, tsgd_command_list;

#endif
