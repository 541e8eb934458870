/* cli/parse.h: what was asked for on the command line and in a settings file. Options and keys are
 * the rows of run/settings_list.h.                                                              */
#ifndef TSGD_CLI_PARSE_H
#define TSGD_CLI_PARSE_H

#include "cli/command.h"
#include "run/settings.h"

#include <stdio.h>

struct tsgd_cli {
    struct tsgd_settings *settings;
    /* Where help is asked for, nothing else counts. */
    enum { TSGD_HELP_NOT, TSGD_HELP_SHORT, TSGD_HELP_ALL } help;
    const struct tsgd_world *world;
    char **operand;                 /* point into argv */
    size_t n_operands;
};
#define TSGD_CLI_INIT {.settings = NULL}

/* Reads the arguments that follow the command's name; world stays NULL. --NAME VALUE and
 * --NAME=VALUE give a setting a value, --FLAG is --FLAG=true. Settings files are read first,
 * wherever they stand, so that the command line wins; beside one, an empty value takes a setting
 * back to its default. Release `out` either way.
 * TSGD_EINVAL: an unknown option (suggests the nearest), a bad value, too few or too many operands,
 * a bad settings file; TSGD_EIO: one that cannot be read; TSGD_ENOMEM.                          */
enum tsgd_status tsgd_cli_parse(struct tsgd_cli *out, const struct tsgd_command *command, int argc,
                                char **argv, struct tsgd_error *err);
void tsgd_cli_release(struct tsgd_cli *cli);

/* Told of each line of a settings file. section: "" before the first one. name: NULL for the
 * heading of a section.                                                                         */
typedef enum tsgd_status tsgd_line_fn(void *user, unsigned line, const char *section,
                                      const char *name, const char *value, struct tsgd_error *err);

/* Reads lines `name = value`, below lines `[section]` where sections are welcome, until `each`
 * fails (cli/config.c). Its error, or TSGD_EIO, TSGD_EFORMAT, TSGD_ENOMEM.                      */
enum tsgd_status tsgd_config_lines(FILE *f, const char *path, bool sections, tsgd_line_fn *each,
                                   void *user, struct tsgd_error *err);

/* Reads `path` (cli/config.c): lines `name = value` with settings that the command takes; or the
 * log of an earlier run, whose config line has the settings that its result came from, and which of
 * them were given. `derived` marks those that followed from others and ought to follow anew when
 * others change. The settings then expect the files that the run read. A log of another version is
 * told of on stderr. Errors as parse.                                                           */
enum tsgd_status tsgd_config_read(struct tsgd_settings *s, const char *path,
                                  const struct tsgd_command *command, bool derived[TSGD_SETTINGS],
                                  struct tsgd_error *err);

/* Writes settings as lines `name = value` that give the same run when they are read back: what the
 * command takes, and as comments what has no value or follows from others. `asked`: as they were
 * given. TSGD_EINVAL: a value does not fit in a line; then nothing is written.                  */
enum tsgd_status tsgd_config_write(FILE *out, const struct tsgd_settings *s,
                                   const struct tsgd_settings *asked,
                                   const struct tsgd_command *command, struct tsgd_error *err);

#endif
