/* Settings files, and logs in their place, for --config. The first byte of an input says for which
 * command.                                                                                      */
#include "cli/parse.h"
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Written as --dry-run does it and read again, they are the same. */
static void write_and_read(const struct tsgd_settings *s, const struct tsgd_command *command)
{
    bool derived[TSGD_SETTINGS] = {false};
    struct tsgd_settings *again;
    struct tsgd_error err;
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    MUST(f && tsgd_settings_create(&again, NULL) == TSGD_OK);
    enum tsgd_status st = tsgd_config_write(f, s, s, command, &err);
    MUST(fclose(f) == 0);
    if (st == TSGD_OK) {
        MUST(tsgd_config_read(again, fuzz_file(1, text, n), command, derived, NULL) == TSGD_OK);
        for (size_t i = 0; i < TSGD_SETTINGS; i++)
            MUST(!s->given[i] || i == TSGD_SET_dry_run || !strcmp(s->text[i], again->text[i]));
    } else {
        fuzz_refused(st, &err);
    }
    free(text);
    tsgd_settings_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tsgd_command *command =
        fuzz_byte(&data, &size) & 1 ? &tsgd_command_tune : &tsgd_command_train;
    bool derived[TSGD_SETTINGS] = {false};
    struct tsgd_settings *s;
    struct tsgd_error err;
    MUST(tsgd_settings_create(&s, NULL) == TSGD_OK);
    enum tsgd_status st = tsgd_config_read(s, fuzz_file(0, data, size), command, derived, &err);
    if (st == TSGD_OK) {
        for (size_t i = 0; i < TSGD_SETTINGS; i++) {
            MUST(!s->given[i] || s->text[i]);
            fuzz_look(s->text[i] ? s->text[i] : "", s->text[i] ? strlen(s->text[i]) : 0);
        }
        if (size == 0 || data[0] != '{')
            write_and_read(s, command);
    } else {
        fuzz_refused(st, &err);
    }
    tsgd_settings_free(s);
    return 0;
}
