#include "sim/settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All that were made, so that leak checkers see them. */
static struct made {
    struct tsgd_settings *settings;
    struct made *before;
} *made;

static void expect(enum tsgd_status st, const struct tsgd_error *err)
{
    if (st == TSGD_OK)
        return;
    fprintf(stderr, "%s\n", err->text);
    abort();
}

static struct tsgd_settings *keep(struct tsgd_settings *s)
{
    struct made *m = malloc(sizeof *m);
    if (!m)
        abort();
    *m = (struct made){s, made};
    made = m;
    return s;
}

static enum tsgd_status change(struct tsgd_settings *s, const char *text, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char *copy = strdup(text), *rest = copy, *word;
    while (st == TSGD_OK && (word = strsep(&rest, " "))) {
        char *value = word + strcspn(word, "=");
        if (!*word)
            continue;
        if (!*value)
            abort();                    /* there is no '=' */
        *value++ = 0;
        st = tsgd_settings_set(s, word, *value ? value : NULL, err);
    }
    free(copy);
    return st;
}

static void change_list(struct tsgd_settings *s, const char *format, va_list args)
{
    struct tsgd_error err;
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        abort();
    expect(change(s, text, &err), &err);
    free(text);
}

struct tsgd_settings *settings_of(const char *format, ...)
{
    struct tsgd_settings *s;
    struct tsgd_error err;
    va_list args;
    expect(tsgd_settings_create(&s, &err), &err);
    va_start(args, format);
    change_list(s, format, args);
    va_end(args);
    return keep(s);
}

struct tsgd_settings *settings_with(const struct tsgd_settings *from, const char *format, ...)
{
    struct tsgd_settings *s;
    struct tsgd_error err;
    va_list args;
    expect(tsgd_settings_copy(&s, from, &err), &err);
    va_start(args, format);
    change_list(s, format, args);
    va_end(args);
    return keep(s);
}

void settings_change(struct tsgd_settings *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    change_list(s, format, args);
    va_end(args);
}

enum tsgd_status settings_try_run(const struct tsgd_settings *from, const char *text,
                                  struct tsgd_error *err)
{
    struct tsgd_settings *s;
    struct tsgd_run *run = NULL;
    expect(tsgd_settings_copy(&s, from, err), err);
    enum tsgd_status st = change(s, text, err);
    if (st == TSGD_OK)
        st = tsgd_run_create(&run, s, err);
    tsgd_settings_free(s);
    tsgd_run_free(run);
    return st;
}

enum tsgd_status settings_try_tune(const struct tsgd_settings *from, const char *text,
                                   struct tsgd_error *err)
{
    struct tsgd_settings *s;
    struct tsgd_tune *tune = NULL;
    expect(tsgd_settings_copy(&s, from, err), err);
    enum tsgd_status st = change(s, text, err);
    if (st == TSGD_OK)
        st = tsgd_tune_create(&tune, s, err);
    tsgd_settings_free(s);
    tsgd_tune_free(tune);
    return st;
}
