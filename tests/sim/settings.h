/* tests/sim/settings.h: settings from texts. All that is made here lasts until the program ends, so
 * that tests may pass settings around as they like.
 * A text is made of "name=value" with spaces between them; "name=" takes a setting back to its
 * default. Where nothing is said of errors, one ends the program with its sentence.             */
#ifndef TSGD_TESTS_SETTINGS_H
#define TSGD_TESTS_SETTINGS_H

#include "telesgd.h"

/* The defaults, but for these. */
struct tsgd_settings *settings_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A copy, but for these. */
struct tsgd_settings *settings_with(const struct tsgd_settings *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Changes these in place. */
void settings_change(struct tsgd_settings *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Changes the settings and creates a run of them, or a search; the status of what failed first, and
 * *err filled. For texts that ought to be refused, by whichever call.                           */
enum tsgd_status settings_try_run(const struct tsgd_settings *s, const char *text,
                                  struct tsgd_error *err);
enum tsgd_status settings_try_tune(const struct tsgd_settings *s, const char *text,
                                   struct tsgd_error *err);

#endif
