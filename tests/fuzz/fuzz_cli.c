/* The command line. The words of an input are a command and what follows it; an @ at the end of one
 * stands for a settings file, which follows the line "---".                                     */
#include "cli/parse.h"
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* A settings file that does not belong to the input is left alone. */
static bool names_a_file(const struct fuzz_words *w, const char *path)
{
    for (size_t i = 0; i < w->n; i++)
        if (strstr(w->word[i], "config") && !strstr(w->word[i], path) &&
            (i + 1 == w->n || !strstr(w->word[i + 1], path)))
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_words words;
    const struct tsgd_command *command = NULL;
    struct tsgd_cli cli;
    struct tsgd_error err;
    const char *path = fuzz_file(0, "", 0);
    if (!fuzz_words(&words, path, &data, &size) || words.n == 0 || names_a_file(&words, path))
        return -1;
    fuzz_file(0, data, size);
    for (size_t i = 0; i < tsgd_n_commands; i++)
        if (!strcmp(words.word[0], tsgd_commands[i]->name))
            command = tsgd_commands[i];
    if (!command)
        return -1;
    int argc = (int)words.n - 1;
    enum tsgd_status st = tsgd_cli_parse(&cli, command, argc, words.word + 1, &err);
    if (st != TSGD_OK) {
        fuzz_refused(st, &err);
    } else if (cli.help) {
        char *text;
        size_t n;
        FILE *f = open_memstream(&text, &n);
        MUST(f);
        tsgd_help(f, command, cli.help == TSGD_HELP_ALL);
        MUST(fclose(f) == 0 && n > 0);
        free(text);
    } else {
        MUST(cli.n_operands >= command->min_operands && cli.n_operands <= command->max_operands);
        for (size_t i = 0; i < cli.n_operands; i++)
            fuzz_look(cli.operand[i], strlen(cli.operand[i]));
        for (size_t i = 0; i < TSGD_SETTINGS; i++)
            MUST(!cli.settings->given[i] || cli.settings->text[i]);
    }
    tsgd_cli_release(&cli);
    return 0;
}
