/* cli/parse.h: what was asked for on the command line and in a settings file. Options and keys are
 * the rows of run/settings_list.h.                                                              */
#ifndef TSGD_CLI_PARSE_H
#define TSGD_CLI_PARSE_H

#include "run/settings.h"

struct tsgd_cli {
    struct tsgd_settings *settings;
    bool help;                      /* --help was among the options: nothing else counts */
    char **operand;                 /* point into argv */
    size_t n_operands;
};
#define TSGD_CLI_INIT {.settings = NULL}

struct tsgd_command;

/* Reads the arguments that follow the command's name. Settings files are read first, wherever they
 * stand, so that the command line wins. Release `out` either way.
 * TSGD_EINVAL: an unknown option (suggests the nearest), a bad value, too few or too many operands,
 * a bad settings file; TSGD_EIO: one that cannot be read; TSGD_ENOMEM.                          */
enum tsgd_status tsgd_cli_parse(struct tsgd_cli *out, const struct tsgd_command *command, int argc,
                                char **argv, struct tsgd_error *err);
void tsgd_cli_release(struct tsgd_cli *cli);

/* The settings file `path` (cli/config.c): lines `name = value`, for settings that the commands
 * (bits) take. Errors as parse.                                                                 */
enum tsgd_status tsgd_config_read(struct tsgd_settings *s, const char *path, unsigned commands,
                                  struct tsgd_error *err);

#endif
