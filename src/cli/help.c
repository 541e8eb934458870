/* What --help prints: the options, from their table, between what the command says of itself. */
#include "cli/page.h"
#include "cli/parse.h"

#include <string.h>

/* Where the descriptions of options, and of commands, start; with how many options a command shows
 * only the common ones.                                                                         */
enum { INDENT = 27, COMMANDS_INDENT = 13, MANY = 20 };

static const struct tsgd_option_help *own_help(const struct tsgd_command *command, const char *name)
{
    for (const struct tsgd_option_help *h = command->own_help; h && h->name; h++)
        if (!strcmp(h->name, name))
            return h;
    return NULL;
}

const char *tsgd_help_of(const struct tsgd_command *command, const struct tsgd_setting *option)
{
    const struct tsgd_option_help *own = own_help(command, option->name);
    return own && own->help ? own->help : option->help;
}

const char *tsgd_unset_of(const struct tsgd_command *command, const struct tsgd_setting *option)
{
    const struct tsgd_option_help *own = own_help(command, option->name);
    return own && own->unset ? own->unset :
           option->default_text ? option->default_text : option->unset;
}

static void print_option(FILE *out, const struct tsgd_command *command,
                         const struct tsgd_setting *o)
{
    char name[64], text[640];
    snprintf(name, sizeof name, "--%s%s%s", o->name, o->argument ? " " : "",
             o->argument ? o->argument : "");
    snprintf(text, sizeof text, "%s [%s]", tsgd_help_of(command, o), tsgd_unset_of(command, o));
    tsgd_page_item(out, name, text, INDENT);
}

static size_t count_options(const struct tsgd_command *command)
{
    size_t n = 0;
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        n += !!(tsgd_setting_rows[i].commands & command->options);
    return n;
}

/* Under their headings, or the common ones without. */
static void print_options(FILE *out, const struct tsgd_command *command, bool all)
{
    const char *group = "";
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        if (!(row->commands & command->options) || (!all && !(row->commands & TSGD_FOR_MOST)))
            continue;
        if (all && strcmp(group, row->shown.group))
            fprintf(out, "\n%s\n", row->shown.group);
        group = row->shown.group;
        print_option(out, command, &row->shown);
    }
}

void tsgd_help(FILE *out, const struct tsgd_command *command, bool all)
{
    size_t options = count_options(command);
    bool few = options <= MANY;
    char text[160];
    snprintf(text, sizeof text, "usage: telesgd %s %s", command->name, command->usage);
    tsgd_page_wrap(out, text, (int)strlen(text), 0, 7);
    if (command->about) {
        fputc('\n', out);
        tsgd_page_print(out, command->about);
    }
    if (!all && !few)
        fprintf(out, "\nOptions that most runs need\n");
    print_options(out, command, all || few);
    if (!all && !few) {
        snprintf(text, sizeof text, "'telesgd %s --help-all' tells of all %zu options, with "
                 "examples and exit codes; so does 'man telesgd-%s'.", command->name, options,
                 command->name);
        fputc('\n', out);
        tsgd_page_wrap(out, text, (int)strlen(text), 0, 0);
        return;
    }
    if (command->closing)
        tsgd_page_print(out, command->closing);
    if (command->more && all)
        tsgd_page_print(out, command->more);
    if (command->more && !all) {
        snprintf(text, sizeof text, "'telesgd %s --help-all' tells more; so does 'man "
                 "telesgd-%s'.", command->name, command->name);
        fputc('\n', out);
        tsgd_page_wrap(out, text, (int)strlen(text), 0, 0);
    }
}

void tsgd_help_overview(FILE *out)
{
    fputs("usage: telesgd COMMAND [ARGUMENT]...\n\n", out);
    tsgd_page_print(out, "Trains models by decentralized SGD with TELEPORTATION on one machine.\n"
                         "# Commands\n");
    for (size_t i = 0; i < tsgd_n_commands; i++)
        tsgd_page_item(out, tsgd_commands[i]->name, tsgd_commands[i]->summary, COMMANDS_INDENT);
    fputc('\n', out);
    tsgd_page_item(out, "--help", "this text; telesgd COMMAND --help tells more, --help-all all",
                   COMMANDS_INDENT);
    tsgd_page_item(out, "--version", "version, compiler and matrix kernels", COMMANDS_INDENT);
}
