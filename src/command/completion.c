/* Completion for shells: commands, their options, and values where there is a choice. */
#include "cli/parse.h"
#include "command/list.h"
#include "linalg/isa.h"

#include <string.h>

#define ANY_COMMAND (~0U)

/* The kind of things that the option chooses by name, or NULL. */
static const struct tsgd_list_kind *list_of(const struct tsgd_setting *o)
{
    const char *dash = strrchr(o->name, '-');           /* link-topology is a topology too */
    for (size_t i = 0; i < tsgd_n_list_kinds; i++)
        if (!strcmp(o->name, tsgd_list_kinds[i].option) ||
            (dash && !strcmp(dash + 1, tsgd_list_kinds[i].option)))
            return &tsgd_list_kinds[i];
    return NULL;
}

static bool is_isa(const struct tsgd_setting *o)
{
    return o == &tsgd_setting_rows[TSGD_SET_isa].shown;
}

/* The values that an option can have, with spaces between them. Among things of a list, those that
 * one of the commands (bits) takes.                                                             */
static void put_values(FILE *out, const struct tsgd_setting *o, unsigned commands)
{
    struct tsgd_list_item item;
    const struct tsgd_list_kind *kind = list_of(o);
    const char *before = "";
    for (const char *c = o->choices; c && *c; c++)
        fputc(*c == '|' ? ' ' : *c, out);
    for (size_t i = 0; kind && kind->item(i, &item); i++)
        if (commands & ~item.refused_by) {
            fprintf(out, "%s%s", before, item.name);
            before = " ";
        }
    for (size_t i = 0; is_isa(o) && tsgd_isa_name(i); i++)
        fprintf(out, "%s%s", i ? " " : "", tsgd_isa_name(i));
}

/* Whether a command refuses some of the values that others take. */
static bool is_choosy(const struct tsgd_command *command, const struct tsgd_setting *o)
{
    struct tsgd_list_item item;
    const struct tsgd_list_kind *kind = list_of(o);
    for (size_t i = 0; kind && kind->item(i, &item); i++)
        if (item.refused_by != ANY_COMMAND && (item.refused_by & command->options))
            return true;
    return false;
}

static bool is_file(const struct tsgd_setting *o)
{
    return o->argument && !strcmp(o->argument, "FILE");
}

static bool is_folder(const struct tsgd_setting *o)
{
    return o->argument && !strcmp(o->argument, "DIR");
}

static bool has_values(const struct tsgd_setting *o)
{
    return o->choices || list_of(o) || is_isa(o);
}

/* ---- bash ---- */

static void put_bash_choice(FILE *out, const struct tsgd_setting *o, unsigned commands)
{
    fputs("COMPREPLY=($(compgen -W '", out);
    put_values(out, o, commands);
    fputs("' -- \"$cur\")); ", out);
}

/* What follows an option: its values, files, folders; or something that nobody can guess. */
static void put_bash_values(FILE *out)
{
    fputs("    case \"${COMP_WORDS[1]} $prev\" in\n", out);
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting *o = &tsgd_setting_rows[i].shown;
        if (!o->argument)
            continue;
        for (size_t c = 0; c < tsgd_n_commands; c++)
            if ((tsgd_setting_rows[i].commands & tsgd_commands[c]->options) &&
                is_choosy(tsgd_commands[c], o)) {
                fprintf(out, "    '%s --%s') ", tsgd_commands[c]->name, o->name);
                put_bash_choice(out, o, tsgd_commands[c]->options);
                fputs("return ;;\n", out);
            }
        fprintf(out, "    *' --%s') ", o->name);
        if (has_values(o)) {
            put_bash_choice(out, o, ANY_COMMAND);
        } else if (is_file(o) || is_folder(o)) {
            fprintf(out, "compopt -o filenames; "
                         "mapfile -t COMPREPLY < <(compgen -%c -- \"$cur\"); ",
                    is_file(o) ? 'f' : 'd');
        }
        fputs("return ;;\n", out);
    }
    fputs("    esac\n", out);
}

static void put_bash_words(FILE *out, const struct tsgd_command *command)
{
    fprintf(out, "    %s) words='--help --help-all", command->name);
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        if (tsgd_setting_rows[i].commands & command->options)
            fprintf(out, " --%s", tsgd_setting_rows[i].shown.name);
    if (!strcmp(command->name, "list"))
        for (size_t i = 0; i < tsgd_n_list_kinds; i++)
            fprintf(out, " %s", tsgd_list_kinds[i].name);
    if (!strcmp(command->name, "help"))
        for (size_t i = 0; i < tsgd_n_commands; i++)
            fprintf(out, " %s", tsgd_commands[i]->name);
    if (!strcmp(command->name, "model")) {
        fputc(' ', out);
        put_values(out, &tsgd_setting_rows[TSGD_SET_model].shown, command->options);
    }
    fputs("' ;;\n", out);
}

static void put_bash(FILE *out)
{
    fputs("# bash completion for telesgd; written by 'telesgd help --completion bash'\n"
          "_telesgd() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
          "    COMPREPLY=()\n"
          "    if [[ $cur == '=' ]]; then cur=\n"
          "    elif [[ $prev == '=' ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        COMPREPLY=($(compgen -W '", out);
    for (size_t i = 0; i < tsgd_n_commands; i++)
        fprintf(out, "%s ", tsgd_commands[i]->name);
    fputs("--help --version' -- \"$cur\"))\n"
          "        return\n"
          "    fi\n", out);
    put_bash_values(out);
    fputs("    case ${COMP_WORDS[1]} in\n", out);
    for (size_t i = 0; i < tsgd_n_commands; i++)
        put_bash_words(out, tsgd_commands[i]);
    fputs("    esac\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "    if [[ ${COMP_WORDS[1]} == compare && $cur != -* ]]; then\n"
          "        compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
          "    fi\n"
          "}\n"
          "complete -F _telesgd telesgd\n", out);
}

/* ---- zsh ---- */

/* The first clause of a help text, within single quotes and brackets. */
static void put_clause(FILE *out, const char *text)
{
    for (const char *c = text; *c && *c != ';' && *c != ':' && strncmp(c, ". ", 2); c++)
        if (*c == '\'')
            fputs("'\\''", out);
        else if (*c == '[' || *c == ']' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else
            fputc(*c, out);
}

static void put_zsh_option(FILE *out, const struct tsgd_command *command,
                           const struct tsgd_setting *o)
{
    fprintf(out, "            '--%s%s[", o->name, o->argument ? "=" : "");
    put_clause(out, tsgd_help_of(command, o));
    fputc(']', out);
    if (o->argument) {
        fprintf(out, ":%s:", o->argument);
        if (has_values(o)) {
            fputc('(', out);
            put_values(out, o, command->options);
            fputc(')', out);
        } else if (is_file(o) || is_folder(o)) {
            fputs(is_file(o) ? "_files" : "_files -/", out);
        }
    }
    fputs("' \\\n", out);
}

static void put_zsh_command(FILE *out, const struct tsgd_command *command)
{
    fprintf(out, "    %s)\n        _arguments \\\n", command->name);
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        if (tsgd_setting_rows[i].commands & command->options)
            put_zsh_option(out, command, &tsgd_setting_rows[i].shown);
    if (!strcmp(command->name, "list")) {
        fputs("            '1:kind:(", out);
        for (size_t i = 0; i < tsgd_n_list_kinds; i++)
            fprintf(out, "%s%s", i ? " " : "", tsgd_list_kinds[i].name);
        fputs(")' \\\n", out);
    } else if (!strcmp(command->name, "help")) {
        fputs("            '1:command:(", out);
        for (size_t i = 0; i < tsgd_n_commands; i++)
            fprintf(out, "%s%s", i ? " " : "", tsgd_commands[i]->name);
        fputs(")' \\\n", out);
    } else if (!strcmp(command->name, "model")) {
        fputs("            '1:network:(", out);
        put_values(out, &tsgd_setting_rows[TSGD_SET_model].shown, command->options);
        fputs(")' \\\n", out);
    } else if (!strcmp(command->name, "compare")) {
        fputs("            '*:log:_files' \\\n", out);
    }
    fputs("            '--help[the most common options]' '--help-all[all options]' ;;\n", out);
}

static void put_zsh(FILE *out)
{
    fputs("#compdef telesgd\n# written by 'telesgd help --completion zsh'\n"
          "local -a commands\ncommands=(\n", out);
    for (size_t i = 0; i < tsgd_n_commands; i++) {
        fprintf(out, "    '%s:", tsgd_commands[i]->name);
        put_clause(out, tsgd_commands[i]->summary);
        fputs("'\n", out);
    }
    fputs(")\n"
          "if (( CURRENT == 2 )); then\n"
          "    _describe command commands\n"
          "    return\n"
          "fi\n"
          "shift words\n"
          "(( CURRENT-- ))\n"
          "case $words[1] in\n", out);
    for (size_t i = 0; i < tsgd_n_commands; i++)
        put_zsh_command(out, tsgd_commands[i]);
    fputs("esac\n", out);
}

void tsgd_completion(FILE *out, const char *shell)
{
    if (!strcmp(shell, "bash"))
        put_bash(out);
    else
        put_zsh(out);
}
