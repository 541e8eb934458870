#include "base/text.h"

#include "base/format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tsgd_parse_u64(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    if (!*text)
        return false;
    for (const char *p = text; *p; p++)
        if (*p < '0' || *p > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return false;
    *out = value;
    return true;
}

bool tsgd_parse_double(const char *text, double *out)
{
    char *end;
    if (!*text || strspn(text, "+-.0123456789eE") != strlen(text))
        return false;                   /* strtod would take spaces, "inf", "nan" and hexadecimal */
    double value = tsgd_strtod(text, &end);
    if (*end || end == text || !isfinite(value))
        return false;
    *out = value;
    return true;
}

/* The least code that needs n bytes keeps out longer forms of shorter ones; the surrogates U+D800
 * to U+DFFF and what is beyond U+10FFFF are no characters.                                      */
size_t tsgd_utf8(const char *text, size_t most)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *c = (const unsigned char *)text;
    size_t n = !most ? 0 : *c < 0x80 ? 1 : *c < 0xc0 ? 0 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 :
               *c < 0xf8 ? 4 : 0;
    if (n < 2 || n > most)
        return n > most ? 0 : n;
    uint32_t code = *c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (c[i] & 0x3f);
    }
    return code < least[n] || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff ? 0 : n;
}

bool tsgd_is_utf8(const char *text)
{
    size_t n = 1;
    for (size_t left = strlen(text); left > 0 && n > 0; left -= n, text += n)
        n = tsgd_utf8(text, left);
    return n > 0;
}

const char *tsgd_show(char to[TSGD_SHOWN], const char *text, size_t n)
{
    size_t used = 0, at = 0, width;
    for (; at < n && used < TSGD_SHOWN - 8; at += width) {
        width = tsgd_utf8(text + at, n - at);
        bool plain = width > 0 && (unsigned char)text[at] >= ' ' && text[at] != 0x7f;
        width = width ? width : 1;
        memcpy(to + used, plain ? text + at : "?", plain ? width : 1);
        used += plain ? width : 1;
    }
    strcpy(to + used, at < n ? ".." : "");
    return to;
}

enum tsgd_status tsgd_spec_parse(struct tsgd_spec *out, const char *text, const char *what,
                                 struct tsgd_error *err)
{
    const char *colon = strchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    if (n == 0 || n >= sizeof out->name)
        return tsgd_fail(err, TSGD_EINVAL, "%s: '%.80s' is not a name", what, text);
    memcpy(out->name, text, n);
    out->name[n] = 0;
    out->arg = colon ? colon + 1 : NULL;
    return TSGD_OK;
}

bool tsgd_parse_list(const char *text, uint64_t *out, size_t max, size_t *count)
{
    char item[32];
    *count = 0;
    for (;;) {
        size_t n = strcspn(text, ",");
        if (n == 0 || n >= sizeof item || *count == max)
            return false;
        memcpy(item, text, n);
        item[n] = 0;
        if (!tsgd_parse_u64(item, &out[(*count)++]))
            return false;
        if (!text[n])
            return true;
        text += n + 1;
    }
}

/* Edits (insert, delete, replace, swap of neighbours) between a and b, both at most 63 long. */
static size_t edits(const char *a, const char *b)
{
    uint8_t d[65][65];                  /* no text needs more edits than 2 * 63 */
    size_t n = strlen(a), m = strlen(b);
    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j <= m; j++) {
            if (!i || !j) {
                d[i][j] = (uint8_t)(i + j);
                continue;
            }
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = d[i - 1][j] + 1 < best ? d[i - 1][j] + 1 : best;
            best = d[i][j - 1] + 1 < best ? d[i][j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = d[i - 2][j - 2] + 1 < best ? d[i - 2][j - 2] + 1 : best;
            d[i][j] = (uint8_t)best;
        }
    return d[n][m];
}

const char *tsgd_nearest(const char *found, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t least = SIZE_MAX, length = strlen(found);
    if (length > 63)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (strlen(names[i]) > 63)
            continue;
        size_t e = edits(found, names[i]);
        if (length >= 3 && !strncmp(found, names[i], length))
            e = 1;                      /* the beginning of a name: somebody stopped typing */
        if (e < least && e <= (length > strlen(names[i]) ? length : strlen(names[i])) / 3 + 1 &&
            e < strlen(names[i])) {
            least = e;
            best = names[i];
        }
    }
    return best;
}

enum tsgd_status tsgd_unknown_name(const char *what, const char *found, const char *const *names,
                                   size_t n, struct tsgd_error *err)
{
    const char *near = tsgd_nearest(found, names, n);
    char all[800] = "";             /* a sentence holds 1023 */
    if (near)
        return tsgd_fail(err, TSGD_EINVAL, "%s: unknown '%.80s'; did you mean '%s'?", what, found,
                         near);
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(all);
        bool fits = used + strlen(names[i]) + 8 < sizeof all;
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", fits ? names[i] : "..");
        if (!fits)
            break;
    }
    return tsgd_fail(err, TSGD_EINVAL, "%s: unknown '%.80s'; known are %s", what, found, all);
}

bool tsgd_is_name(const char *text, size_t most)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "_-.";
    size_t n = text ? strnlen(text, most + 1) : 0;
    return n >= 1 && n <= most && strspn(text, letters) == n;
}
