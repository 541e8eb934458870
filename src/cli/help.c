/* What --help prints: the options, from their table, between what the command says of itself. */
#include "cli/command.h"

#include <string.h>

enum { PAGE = 96, INDENT = 27 };        /* columns; where the descriptions of options start */

void tsgd_help_item(FILE *out, const char *name, const char *text, int indent)
{
    int column = fprintf(out, "  %s", name);
    if (column + 2 > indent)
        column = fprintf(out, "\n") - 1;
    fprintf(out, "%*s", indent - column, "");
    column = indent;
    for (const char *p = text; *p; p += strspn(p, " ")) {
        int n = (int)strcspn(p, " ");
        if (p > text && column + 1 + n > PAGE)
            column = fprintf(out, "\n%*s", indent, "") - 1;
        else if (p > text)
            column += fprintf(out, " ");
        column += fprintf(out, "%.*s", n, p);
        p += n;
    }
    fputc('\n', out);
}

/* What a command says of an option in place of the table, or NULL. */
static const struct tsgd_option_help *own_help(const struct tsgd_command *command, const char *name)
{
    for (const struct tsgd_option_help *h = command->own_help; h && h->name; h++)
        if (!strcmp(h->name, name))
            return h;
    return NULL;
}

static void print_option(FILE *out, const struct tsgd_command *command,
                         const struct tsgd_setting *o)
{
    char name[64], text[640];
    const struct tsgd_option_help *own = own_help(command, o->name);
    const char *value = own && own->unset ? own->unset :
                        o->default_text ? o->default_text : o->unset;
    snprintf(name, sizeof name, "--%s%s%s", o->name, o->argument ? " " : "",
             o->argument ? o->argument : "");
    snprintf(text, sizeof text, "%s [%s]", own && own->help ? own->help : o->help, value);
    tsgd_help_item(out, name, text, INDENT);
}

void tsgd_help(FILE *out, const struct tsgd_command *command)
{
    const char *group = "";
    fprintf(out, "usage: telesgd %s %s\n", command->name, command->usage);
    if (command->about)
        fprintf(out, "\n%s", command->about);
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting *o = &tsgd_setting_rows[i].shown;
        if (!(tsgd_setting_rows[i].commands & command->options))
            continue;
        if (strcmp(group, o->group))
            fprintf(out, "\n%s\n", o->group);
        group = o->group;
        print_option(out, command, o);
    }
    if (command->closing)
        fprintf(out, "\n%s", command->closing);
}

void tsgd_help_overview(FILE *out)
{
    fprintf(out, "usage: telesgd COMMAND [ARGUMENT]...\n\n"
                 "Trains models by decentralized SGD with TELEPORTATION on one machine.\n\n"
                 "Commands\n");
    for (size_t i = 0; i < tsgd_n_commands; i++)
        tsgd_help_item(out, tsgd_commands[i].name, tsgd_commands[i].summary, 13);
    fputc('\n', out);
    tsgd_help_item(out, "--help", "this text; telesgd COMMAND --help tells more", 13);
    tsgd_help_item(out, "--version", "version, compiler and matrix kernels", 13);
}
