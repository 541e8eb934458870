/* What is made of logs: the tables of `telesgd compare` and the page of `telesgd report`. The first
 * byte of an input says which; the words are options of compare; after the line "---" come up to
 * four logs, with lines "===" between them.                                                     */
#include "compare/comparison.h"
#include "fuzz/fuzz.h"
#include "web/data.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_LOGS = 4 };

/* Puts the logs into files, whose paths go into path[]; returns their number. */
static size_t split_logs(char *path[MOST_LOGS], const uint8_t *data, size_t size)
{
    static const char between[] = "===\n";
    size_t n = 0;
    while (n < MOST_LOGS) {
        const uint8_t *end = memmem(data, size, between, sizeof between - 1);
        size_t length = end ? (size_t)(end - data) : size;
        path[n] = (char *)(uintptr_t)fuzz_file((int)n, data, length);
        n++;
        if (!end)
            break;
        data += length + sizeof between - 1;
        size -= length + sizeof between - 1;
    }
    return n;
}

static void compare(const struct fuzz_words *words, char *const *path, size_t n)
{
    struct tsgd_cli cli;
    struct tsgd_error err;
    char *argv[FUZZ_MOST_WORDS + MOST_LOGS];
    memcpy(argv, words->word, words->n * sizeof *argv);
    memcpy(argv + words->n, path, n * sizeof *argv);
    enum tsgd_status st = tsgd_cli_parse(&cli, &tsgd_command_compare, (int)(words->n + n), argv,
                                         &err);
    struct tsgd_comparison c = {.s = cli.settings};
    if (st == TSGD_OK && !cli.help && !cli.settings->plot) {
        st = tsgd_comparison_create(&c, &tsgd_command_compare, &cli, &err);
        if (st == TSGD_OK && c.set.n > 0)
            st = tsgd_comparison_print(&c, &err);
        if (st == TSGD_OK && c.set.n > 0 && cli.settings->ascii)
            st = tsgd_comparison_draw(&c, &err);
    }
    if (st != TSGD_OK)
        fuzz_refused(st, &err);
    tsgd_comparison_release(&c);
    tsgd_cli_release(&cli);
}

/* The page's data are JSON that no text in them can end. */
static void report(char *const *path, size_t n)
{
    struct tsgd_logset set = TSGD_LOGSET_INIT;
    struct tsgd_error err;
    MUST(tsgd_logset_read(&set, &tsgd_command_report, path, n, TSGD_EVERY_METRIC, &err) == TSGD_OK);
    if (set.n > 0) {
        char *text;
        size_t length;
        json_error_t why;
        FILE *f = open_memstream(&text, &length);
        MUST(f);
        enum tsgd_status st = tsgd_webdata_write(f, &set, &err);
        MUST(fclose(f) == 0);
        if (st == TSGD_OK) {
            json_t *data = json_loadb(text, length, 0, &why);
            MUST(data);
            json_decref(data);
            MUST(!memmem(text, length, "</", 2) && !memmem(text, length, "<!--", 4));
        } else {
            fuzz_refused(st, &err);
        }
        free(text);
    }
    tsgd_logset_release(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_words words;
    char *path[MOST_LOGS];
    uint8_t how = fuzz_byte(&data, &size);
    if (!fuzz_words(&words, "x", &data, &size))
        return -1;
    size_t n = split_logs(path, data, size);
    if (how & 1)
        compare(&words, path, n);
    else
        report(path, n);
    return 0;
}
