/* Manual pages, in the macros of man(7), from what the help says. */
#include "cli/page.h"
#include "cli/parse.h"

#include <string.h>

/* Text as roff takes it: a hyphen is a minus, a backslash itself. No text may begin with a dot. */
static void put(FILE *out, const char *text, int length)
{
    for (int i = 0; i < length && text[i]; i++)
        switch (text[i]) {
        case '-': fputs("\\-", out); break;
        case '\\': fputs("\\e", out); break;
        case '\'': fputs("\\(aq", out); break;
        case '^': fputs("\\(ha", out); break;
        case '~': fputs("\\(ti", out); break;
        default: fputc(text[i], out);
        }
}

static void put_text(FILE *out, const char *text) { put(out, text, (int)strlen(text)); }

static void put_page(FILE *out, const char *text)
{
    struct tsgd_block b;
    bool code = false;
    while (tsgd_block_next(&b, &text)) {
        if (code != (b.kind == TSGD_CODE))
            fputs(code ? ".EE\n.RE\n" : ".RS 4\n.EX\n", out);
        code = b.kind == TSGD_CODE;
        if (b.kind == TSGD_HEADING)
            fputs(".SH \"", out);
        else if (b.kind == TSGD_PARAGRAPH)
            fputs(".PP\n", out);
        else if (b.kind == TSGD_ITEM)
            fputs(".TP 12\n", out);
        for (int i = 0; b.kind == TSGD_HEADING && i < b.length; i++)
            fputc(b.text[i] >= 'a' && b.text[i] <= 'z' ? b.text[i] - 'a' + 'A' : b.text[i], out);
        if (b.kind == TSGD_ITEM) {
            put(out, b.name, b.name_length);
            fputc('\n', out);
        }
        if (b.kind != TSGD_HEADING)
            put(out, b.text, b.length);
        fputs(b.kind == TSGD_HEADING ? "\"\n" : "\n", out);
    }
    if (code)
        fputs(".EE\n.RE\n", out);
}

static void put_option(FILE *out, const struct tsgd_command *command, const struct tsgd_setting *o)
{
    fputs(".TP\n\\fB\\-\\-", out);
    put_text(out, o->name);
    fputs("\\fR", out);
    if (o->argument) {
        fputs(" \\fI", out);
        put_text(out, o->argument);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    put_text(out, tsgd_help_of(command, o));
    fputs(" [", out);
    put_text(out, tsgd_unset_of(command, o));
    fputs("]\n", out);
}

static void put_options(FILE *out, const struct tsgd_command *command)
{
    const char *group = "";
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting *o = &tsgd_setting_rows[i].shown;
        if (!(tsgd_setting_rows[i].commands & command->options))
            continue;
        if (!*group)
            fputs(".SH OPTIONS\n", out);
        if (strcmp(group, o->group))
            fprintf(out, ".SS \"%s\"\n", o->group);
        group = o->group;
        put_option(out, command, o);
    }
}

static void put_title(FILE *out, const char *command, const char *summary)
{
    fputs(".TH TELESGD", out);
    for (const char *c = command; *c; c++)
        fputc(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, out);
    fprintf(out, " 1 \"\" \"telesgd %s\" \"User Commands\"\n.SH NAME\ntelesgd", TELESGD_VERSION);
    put_text(out, command);
    fputs(" \\- ", out);
    put_text(out, summary);
    fputs("\n.SH SYNOPSIS\n", out);
}

static void put_others(FILE *out, const struct tsgd_command *but)
{
    fputs(".SH \"SEE ALSO\"\n", out);
    if (but)
        fputs(".BR telesgd (1)", out);
    for (size_t i = 0; i < tsgd_n_commands; i++)
        if (tsgd_commands[i] != but)
            fprintf(out, "%s.BR telesgd\\-%s (1)", but || i ? " ,\n" : "", tsgd_commands[i]->name);
    fputc('\n', out);
}

static void put_program(FILE *out)
{
    put_title(out, "", "decentralized SGD with TELEPORTATION on one machine");
    fputs(".B telesgd\n.I COMMAND\n[\\fIARGUMENT\\fR]...\n.SH DESCRIPTION\n", out);
    put_text(out, "Trains models on up to a million simulated nodes, each with its own share of "
                  "the data, of which a few are active in a round (Takezawa and Stich, ICLR 2025). "
                  "The same settings give the same bits for any number of threads.");
    fputs("\n.SH COMMANDS\n", out);
    for (size_t i = 0; i < tsgd_n_commands; i++) {
        fprintf(out, ".TP 12\n\\fB%s\\fR\n", tsgd_commands[i]->name);
        put_text(out, tsgd_commands[i]->summary);
        fputc('\n', out);
    }
    fputs(".SH OPTIONS\n.TP 12\n\\fB\\-\\-help\\fR\nlist the commands; after a command, its most "
          "common options\n.TP 12\n\\fB\\-\\-help\\-all\\fR\nafter a command: all its options\n"
          ".TP 12\n\\fB\\-\\-version\\fR\nversion, revision, compiler and matrix kernels\n", out);
    put_others(out, NULL);
}

void tsgd_man(FILE *out, const struct tsgd_command *command)
{
    char name[64];
    if (!command) {
        put_program(out);
        return;
    }
    snprintf(name, sizeof name, "-%s", command->name);
    put_title(out, name, command->summary);
    fprintf(out, ".B telesgd %s\n", command->name);
    put_text(out, command->usage);
    fputs("\n.SH DESCRIPTION\n", out);
    put_page(out, command->about ? command->about : command->summary);
    put_options(out, command);
    if (command->closing)
        put_page(out, command->closing);
    if (command->more)
        put_page(out, command->more);
    put_others(out, command);
}
