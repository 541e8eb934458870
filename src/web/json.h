/* web/json.h: JSON that stands within a page: in a script element, so no text may end it, and in
 * few bytes. Failed writes are left to whoever closes the file.                                  */
#ifndef TSGD_WEB_JSON_H
#define TSGD_WEB_JSON_H

#include "base/status.h"

#include <jansson.h>
#include <stdio.h>

struct tsgd_web {
    FILE *out;
    bool no_memory;             /* something was left out for the want of it */
};

/* A text with its quotes. What is not UTF-8 becomes '?'. */
void tsgd_web_text(struct tsgd_web *w, const char *text);

/* Any value. */
void tsgd_web_json(struct tsgd_web *w, const json_t *value);

/* A number with so many significant digits; null: it is NaN or infinite. */
void tsgd_web_number(FILE *out, double x, int digits);

/* A column of numbers, whole ones with all digits, others with five; where all are within a factor
 * of ten, with as many places behind the point as give the largest five digits. The page's function
 * `unpack` reads it. One of these, whichever should be shortest:
 *     [x, y, ..]              as it is
 *     {"v": [x, m, y, n, ..]} m times x, then n times y, ..
 *     {"d": [x, m, y, n, ..]} m numbers that grow by x each, from 0 on, then n that grow by y, ..
 *     {"s": [x, y, ..], "e": E} steps in units of 10^-E: x, x + y, ..; whole numbers             */
void tsgd_web_column(FILE *out, const double *x, size_t n);

#endif
