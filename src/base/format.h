/* base/format.h: numbers in texts as the C locale has them ("0.5"), whatever locale the host has
 * set for its process or thread. Neither is changed: only the calling thread's locale is another
 * one during a call, and is put back. Any thread.                                               */
#ifndef TSGD_BASE_FORMAT_H
#define TSGD_BASE_FORMAT_H

#include <locale.h>
#include <stdarg.h>
#include <stddef.h>

/* snprintf and vsnprintf. */
int tsgd_format(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int tsgd_format_list(char *text, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* strtod. */
double tsgd_strtod(const char *text, char **end);

/* For what other libraries write and read: between the two, the calling thread's locale is C. The
 * second takes what the first returned.                                                         */
locale_t tsgd_c_locale_begin(void);
void tsgd_c_locale_end(locale_t before);

#endif
