#include "cli/human.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

const char *tsgd_human_count(uint64_t n, char *text)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, n);
    char *to = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = 0;
    return text;
}

/* x with three digits and the first unit that keeps it below `step`; what is past the last one, in
 * powers of ten of it. whole: there is no part of the smallest unit.                            */
static const char *scale(double x, double step, const char *const *units, size_t n, bool whole,
                         char *text)
{
    size_t i = 0;
    while (i + 1 < n && x >= 0.9995 * step) {
        x /= step;
        i++;
    }
    int decimals = i == 0 || x >= 99.95 ? 0 : x >= 9.995 ? 1 : 2;
    if (x >= 0.9995 * step || (i == 0 && !whole))
        snprintf(text, TSGD_HUMAN, "%.3g%s", x, units[i]);
    else
        snprintf(text, TSGD_HUMAN, "%.*f%s", decimals, x, units[i]);
    return text;
}

const char *tsgd_human_short(double x, char *text)
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    return scale(x, 1000, units, sizeof units / sizeof *units, false, text);
}

const char *tsgd_human_bytes(double bytes, char *text)
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
    return scale(bytes, 1024, units, sizeof units / sizeof *units, true, text);
}

const char *tsgd_human_time(double seconds, char *text)
{
    if (seconds < 0.9995) {
        snprintf(text, TSGD_HUMAN, "%.3g ms", seconds * 1000);
        return text;
    }
    if (seconds < 59.95) {
        snprintf(text, TSGD_HUMAN, "%.*f s", seconds < 9.995 ? 2 : 1, seconds);
        return text;
    }
    if (seconds > 1e9) {
        double years = seconds / 31557600;
        snprintf(text, TSGD_HUMAN, years < 999999.5 ? "%.0f years" : "%.3g years", years);
        return text;
    }
    unsigned long s = (unsigned long)(seconds + 0.5);
    if (s < 3600)
        snprintf(text, TSGD_HUMAN, "%lu:%02lu min", s / 60, s % 60);
    else
        snprintf(text, TSGD_HUMAN, "%lu:%02lu:%02lu h", s / 3600, s / 60 % 60, s % 60);
    return text;
}

/* Bytes of the UTF-8 character that starts here; 0: there is none. */
static size_t character(const char *text) { return tsgd_utf8(text, strnlen(text, 4)); }

/* Control characters are U+0000 to U+001F and U+007F to U+009F. */
static bool is_control(const char *text)
{
    unsigned char first = (unsigned char)text[0], second = (unsigned char)text[1];
    return first < 0x20 || first == 0x7f || (first == 0xc2 && second < 0xa0);
}

char *tsgd_human_text(char *text)
{
    const char *from = text;
    char *to = text;
    while (*from) {
        size_t n = character(from);
        if (n == 0 || is_control(from)) {
            *to++ = '?';
            from += n ? n : 1;
        } else {
            memmove(to, from, n);
            to += n;
            from += n;
        }
    }
    *to = 0;
    return text;
}

const char *tsgd_human_put(FILE *out, const char *text)
{
    size_t n = character(text);
    if (n == 0 || is_control(text))
        fputc('?', out);
    else
        fwrite(text, 1, n, out);
    return text + (n ? n : 1);
}

void tsgd_human_print(FILE *out, const char *text)
{
    while (*text)
        text = tsgd_human_put(out, text);
}
