#include "base/format.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* The C library has the C locale ready and hands it out without taking memory, so this cannot fail,
 * and there is nothing to free.                                                                 */
locale_t tsgd_c_locale_begin(void)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    assert(c);
    return uselocale(c);
}

void tsgd_c_locale_end(locale_t before)
{
    uselocale(before);
}

int tsgd_format_list(char *text, size_t size, const char *format, va_list args)
{
    locale_t before = tsgd_c_locale_begin();
    int length = vsnprintf(text, size, format, args);
    tsgd_c_locale_end(before);
    return length;
}

int tsgd_format(char *text, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = tsgd_format_list(text, size, format, args);
    va_end(args);
    return length;
}

double tsgd_strtod(const char *text, char **end)
{
    locale_t before = tsgd_c_locale_begin();
    double value = strtod(text, end);
    tsgd_c_locale_end(before);
    return value;
}
