/* The command line: which words are options, values and operands. */
#include "cli/parse.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* An option as it stands on the command line. */
struct given {
    const struct tsgd_setting_row *row;
    const char *value;
};

static enum tsgd_status unknown(const struct tsgd_command *command, const char *word,
                                const char *name, struct tsgd_error *err)
{
    const char *near = tsgd_setting_nearest(name, command->options);
    if (near)
        return tsgd_fail(err, TSGD_EINVAL, "unknown option '%.80s'; did you mean '--%s'?", word,
                         near);
    return tsgd_fail(err, TSGD_EINVAL, "%s: unknown option '%.80s'", command->name, word);
}

/* Reads the option at argv[*i] and moves *i on to its last word. */
static enum tsgd_status read_option(struct given *out, const struct tsgd_command *command, int argc,
                                    char **argv, int *i, struct tsgd_error *err)
{
    const char *word = argv[*i], *start = word + (word[1] == '-' ? 2 : 1);
    const char *equals = strchr(start, '=');
    char name[64];
    size_t n = equals ? (size_t)(equals - start) : strlen(start);
    if (n >= sizeof name)
        return tsgd_fail(err, TSGD_EINVAL, "unknown option '%.80s'", word);
    memcpy(name, start, n);
    name[n] = 0;
    if (word[1] != '-' && !strcmp(name, "o"))
        strcpy(name, "output");         /* the one option with a letter */
    else if (word[1] != '-')
        return unknown(command, word, name, err);
    const struct tsgd_setting_row *row = tsgd_setting_find(name, command->options);
    if (!row)
        return unknown(command, word, name, err);
    out->row = row;
    out->value = equals ? equals + 1 : NULL;
    if (row->type == TSGD_TYPE_FLAG && !equals) {
        out->value = "true";
    } else if (!equals) {
        if (*i + 1 == argc || !strncmp(argv[*i + 1], "--", 2))
            return tsgd_fail(err, TSGD_EINVAL, "--%s: needs a value: --%s %s", name, name,
                             row->shown.argument);
        out->value = argv[++*i];
    }
    return TSGD_OK;
}

static enum tsgd_status count_operands(const struct tsgd_cli *cli,
                                       const struct tsgd_command *command, struct tsgd_error *err)
{
    if (cli->n_operands > command->max_operands)
        return tsgd_fail(err, TSGD_EINVAL, "%s: unexpected argument '%.80s'", command->name,
                         cli->operand[command->max_operands]);
    if (cli->n_operands < command->min_operands)
        return tsgd_fail(err, TSGD_EINVAL, "%s: needs more arguments: telesgd %s %s", command->name,
                         command->name, command->usage);
    return TSGD_OK;
}

enum tsgd_status tsgd_cli_parse(struct tsgd_cli *out, const struct tsgd_command *command, int argc,
                                char **argv, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct given *given = NULL;
    const char *config = NULL;
    bool derived[TSGD_SETTINGS] = {false}, changed = false;
    size_t n = 0;
    *out = (struct tsgd_cli)TSGD_CLI_INIT;
    TRY(tsgd_settings_create(&out->settings, err));
    TRY(TSGD_NEW(&given, (size_t)argc, "options", err));
    TRY(TSGD_NEW(&out->operand, (size_t)argc, "arguments", err));
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            out->help = TSGD_HELP_SHORT;
            goto done;
        }
        if (!strcmp(argv[i], "--help-all")) {
            out->help = TSGD_HELP_ALL;
            goto done;
        }
        if (argv[i][0] != '-' || !argv[i][1])
            out->operand[out->n_operands++] = argv[i];
        else
            TRY(read_option(&given[n++], command, argc, argv, &i, err));
    }
    TRY(count_operands(out, command, err));
    for (size_t i = 0; i < n; i++) {
        if (given[i].row == &tsgd_setting_rows[TSGD_SET_config])
            config = given[i].value;
        changed |= given[i].row->shown.changes_result;
    }
    if (config)
        TRY(tsgd_config_read(out->settings, config, command, derived, err));
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        if (derived[i] && changed)
            TRY(tsgd_settings_give(out->settings, &tsgd_setting_rows[i], NULL, "--config", err));
        else if (derived[i])
            out->settings->given[i] = false;    /* so that the next log calls it derived too */
    }
    for (size_t i = 0; i < n; i++) {
        char where[72];
        bool undoes = config && !*given[i].value;   /* what the file says */
        snprintf(where, sizeof where, "--%s", given[i].row->shown.name);
        TRY(tsgd_settings_give(out->settings, given[i].row, undoes ? NULL : given[i].value, where,
                               err));
        out->settings->expected.split &= given[i].row != &tsgd_setting_rows[TSGD_SET_split];
        out->settings->expected.init &= given[i].row != &tsgd_setting_rows[TSGD_SET_init];
    }
done:
    free(given);
    return st;
}

void tsgd_cli_release(struct tsgd_cli *cli)
{
    tsgd_settings_free(cli->settings);
    free(cli->operand);
    *cli = (struct tsgd_cli)TSGD_CLI_INIT;
}
