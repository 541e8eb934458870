/* cli/opts.h: options. One table drives the command line, the settings file, --help, the log's
 * config line and the listing of --dry-run; a new option is a row in opts.c.                    */
#ifndef TSGD_CLI_OPTS_H
#define TSGD_CLI_OPTS_H

#include "base/status.h"

/* Everything that was asked for. Strings point into argv or into `owned`. */
struct tsgd_cli {
    struct tsgd_settings settings;  /* first: tsgd_opt_is_setting */
    const char *save, *log, *progress, *config, *lr_grid;
    bool dry_run, show_placement, json, dot, matrix;
    bool help;                      /* --help was among the options: nothing else counts */
    char **operand;
    size_t n_operands;
    char **owned;                   /* values read from the settings file */
    size_t n_owned;
};
#define TSGD_CLI_INIT {.operand = NULL}

enum tsgd_opt_type { TSGD_OPT_COUNT, TSGD_OPT_REAL, TSGD_OPT_TEXT, TSGD_OPT_FLAG };

/* Commands, as bits. */
enum { TSGD_OPT_TRAIN = 1, TSGD_OPT_EVAL = 2, TSGD_OPT_TOPOLOGY = 4, TSGD_OPT_TUNE = 8 };

struct tsgd_opt {
    const char *name, *metavar;
    enum tsgd_opt_type type;
    unsigned commands;
    const char *group;              /* heading in the help; options of a group stand together */
    size_t at;                      /* the value, in struct tsgd_cli */
    size_t given;                   /* a bool beside it that says whether it was given; 0: none */
    double min, below;              /* numbers: min <= value < below; below 0, min -inf: no limit */
    bool above;                     /* min < value instead */
    const char *choices;            /* texts: "a|b|c", nothing else; NULL: anything */
    const char *unset;              /* what 0, NaN or a NULL text stands for; NULL: 0 is a number like
                                     * others, a NULL text is "none" */
    const char *help;               /* one or two sentences, without the default */
};

extern const struct tsgd_opt tsgd_opts[];
extern const size_t tsgd_n_opts;

struct tsgd_command;

/* Reads the arguments that follow the command's name. Settings files are read first, wherever they
 * stand, so that the command line wins. Release `out` either way.
 * TSGD_EINVAL: an unknown option (suggests the nearest), a bad value, too few or too many operands,
 * a bad settings file; TSGD_EIO: one that cannot be read.                                       */
enum tsgd_status tsgd_cli_parse(struct tsgd_cli *out, const struct tsgd_command *command, int argc,
                                char **argv, struct tsgd_error *err);
void tsgd_cli_release(struct tsgd_cli *cli);

/* The option of this name that the commands (bits) take; NULL: none. */
const struct tsgd_opt *tsgd_opt_find(const char *name, unsigned commands);

/* The nearest name among them, or NULL. */
const char *tsgd_opt_nearest(const char *name, unsigned commands);

/* Parses, checks and stores one value; flags take "true" or "false". `where` starts the sentence:
 * "--lr" or "FILE:3: lr".                                                                       */
enum tsgd_status tsgd_opt_set(struct tsgd_cli *cli, const struct tsgd_opt *o, const char *value,
                              const char *where, struct tsgd_error *err);

/* The settings file `path` (cli/config.c): lines `name = value`. */
enum tsgd_status tsgd_config_read(struct tsgd_cli *cli, const char *path, unsigned commands,
                                  struct tsgd_error *err);

/* Whether it belongs to struct tsgd_settings, not to the program. */
bool tsgd_opt_is_setting(const struct tsgd_opt *o);

/* Whether it has a value, given or by default. */
bool tsgd_opt_has_value(const struct tsgd_opt *o, const struct tsgd_cli *cli);

/* The value, by type. */
uint64_t tsgd_opt_count(const struct tsgd_opt *o, const struct tsgd_cli *cli);
double tsgd_opt_real(const struct tsgd_opt *o, const struct tsgd_cli *cli);
const char *tsgd_opt_text(const struct tsgd_opt *o, const struct tsgd_cli *cli);
bool tsgd_opt_flag(const struct tsgd_opt *o, const struct tsgd_cli *cli);

/* The value as people read it, into text[size]; what `unset` says when there is none. */
void tsgd_opt_show(const struct tsgd_opt *o, const struct tsgd_cli *cli, char *text, size_t size);

#endif
