/* base/text.h: names and numbers that people type. */
#ifndef TSGD_BASE_TEXT_H
#define TSGD_BASE_TEXT_H

#include "base/status.h"

/* Read a decimal number that fills the whole text, without spaces: an unsigned one without a sign,
 * or a finite one with a point whatever the locale. False: it is none, and *out is untouched.   */
bool tsgd_parse_u64(const char *text, uint64_t *out);
bool tsgd_parse_double(const char *text, double *out);

/* Bytes of the UTF-8 character that begins a text of n bytes; 0: none does. */
size_t tsgd_utf8(const char *text, size_t n);

/* Whether the whole text is UTF-8, which is what JSON can hold. */
bool tsgd_is_utf8(const char *text);

/* The n bytes of a text from a file as a sentence shows them: not too long, and without what is not
 * UTF-8 or a terminal would obey. Returns `to`.                                                 */
enum { TSGD_SHOWN = 64 };
const char *tsgd_show(char to[TSGD_SHOWN], const char *text, size_t n);

/* Whether it is a name: 1 to `most` letters, digits, '_', '-' and '.'. NULL is none. */
bool tsgd_is_name(const char *text, size_t most);

/* A thing chosen by name, with an optional argument after a colon: "dirichlet:0.1". */
struct tsgd_spec {
    char name[64];
    const char *arg;            /* into the text; NULL without a colon */
};

/* TSGD_EINVAL: the name is empty or has more than 63 characters. `what` is the option's name. */
enum tsgd_status tsgd_spec_parse(struct tsgd_spec *out, const char *text, const char *what,
                                 struct tsgd_error *err);

/* Comma-separated unsigned numbers into out[0..max-1]; the count into *count. False: not such a
 * list, empty, or too long.                                                                     */
bool tsgd_parse_list(const char *text, uint64_t *out, size_t max, size_t *count);

/* "option X: unknown value 'foo'; did you mean 'fob'?" or, when nothing is near, all the names.
 * names[n]. Always returns TSGD_EINVAL.                                                         */
enum tsgd_status tsgd_unknown_name(const char *what, const char *found, const char *const *names,
                                   size_t n, struct tsgd_error *err);

/* The nearest of names[n] within a third of the length in edits, else NULL. */
const char *tsgd_nearest(const char *found, const char *const *names, size_t n);

#endif
