/* base/json.h: JSON as values of jansson, read and written so that a want of memory is always told.
 * Jansson itself (2.14) does not look whether its reader and its writer could make room: a key is
 * then left out of what is written, and a letter out of what is read, or the process ends. Its
 * functions for values do look. Numbers have a point whatever the locale. Any thread.           */
#ifndef TSGD_BASE_JSON_H
#define TSGD_BASE_JSON_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Why a text could not be read. */
struct tsgd_json_fault {
    bool no_memory;
    char text[96];              /* else: what is wrong with it, and at which byte */
};

/* The value that fills the whole text, an object or an array, for the caller to json_decref. NULL:
 * none. `unique`: an object that has a name twice is refused; else the last one counts.         */
json_t *tsgd_json_read(const char *text, size_t n, bool unique, struct tsgd_json_fault *fault);

/* As json_dumps, with its flags: for the caller to free. NULL: no memory, or no value. */
char *tsgd_json_text(const json_t *value, size_t flags);

/* The same and a newline to `out`. TSGD_ENOMEM: no memory, or no value; nothing is written. */
enum tsgd_status tsgd_json_print(FILE *out, const json_t *value, size_t flags,
                                 struct tsgd_error *err);

#endif
