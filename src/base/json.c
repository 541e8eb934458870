#include "base/json.h"

#include "base/format.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

enum { MOST_DEPTH = 500 };      /* objects and arrays within each other */

struct reader {
    const char *start, *at, *end;
    bool unique;
    int depth;
    char *word;                 /* the last string or number, with a zero byte behind it */
    size_t length, room;
    struct tsgd_json_fault *fault;
};

static json_t *value_of(struct reader *r);

static void *wrong(struct reader *r, const char *what)
{
    if (!r->fault->no_memory && !r->fault->text[0])
        snprintf(r->fault->text, sizeof r->fault->text, "%s at byte %zu", what,
                 (size_t)(r->at - r->start) + 1);
    return NULL;
}

static void *no_memory(struct reader *r)
{
    r->fault->no_memory = true;
    return NULL;
}

/* Passes over spaces; what comes then, 0 at the end. */
static char peek(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
    if (r->at == r->end)
        return 0;
    return *r->at;
}

static bool accept(struct reader *r, char c)
{
    bool found = peek(r) == c && r->at < r->end;
    r->at += found;
    return found;
}

/* Adds n bytes to the word. */
static bool add(struct reader *r, const char *bytes, size_t n)
{
    if (r->room - r->length <= n) {
        size_t room = 2 * (r->length + n) + 64;
        char *word = realloc(r->word, room);
        if (!word)
            return no_memory(r) != NULL;
        r->word = word;
        r->room = room;
    }
    memcpy(r->word + r->length, bytes, n);
    r->length += n;
    r->word[r->length] = 0;
    return true;
}

/* Four hexadecimal digits; -1: there are none. */
static long hex(struct reader *r)
{
    long code = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        const char *known = "0123456789abcdef";
        int c = r->at < r->end ? (unsigned char)*r->at : 0;
        const char *digit = c ? strchr(known, c >= 'A' && c <= 'F' ? c + 'a' - 'A' : c) : NULL;
        if (!digit)
            return -1;
        code = code * 16 + (digit - known);
    }
    return code;
}

/* Behind \u: the character, of one or two groups of digits, as UTF-8. */
static bool add_code(struct reader *r)
{
    long code = hex(r), low;
    if (code >= 0xd800 && code < 0xdc00) {
        bool pair = r->end - r->at >= 2 && r->at[0] == '\\' && r->at[1] == 'u';
        r->at += pair ? 2 : 0;
        low = pair ? hex(r) : -1;
        code = low >= 0xdc00 && low < 0xe000 ?
            0x10000 + ((code - 0xd800) << 10) + low - 0xdc00 : -1;
    }
    if (code <= 0 || (code >= 0xdc00 && code < 0xe000))
        return wrong(r, "no character behind \\u") != NULL;
    char bytes[4];
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(first[n] | code);
    return add(r, bytes, n);
}

static bool add_escape(struct reader *r)
{
    static const char *const names = "\"\\/bfnrt", *const meant = "\"\\/\b\f\n\r\t";
    char c = 0;
    if (r->at < r->end)
        c = *r->at;
    const char *name = c ? strchr(names, c) : NULL;
    if (!name && c != 'u')
        return wrong(r, "an unknown escape") != NULL;
    r->at++;
    return name ? add(r, meant + (name - names), 1) : add_code(r);
}

/* Behind the first quote, into r->word. */
static bool read_string(struct reader *r)
{
    r->length = 0;
    if (!add(r, "", 0))
        return false;
    for (;;) {
        const char *from = r->at;
        while (r->at < r->end && *r->at != '"' && *r->at != '\\') {
            size_t n = tsgd_utf8(r->at, (size_t)(r->end - r->at));
            if (n == 0 || (unsigned char)*r->at < 0x20)
                return wrong(r, n ? "a control character" : "no UTF-8") != NULL;
            r->at += n;
        }
        if (!add(r, from, (size_t)(r->at - from)))
            return false;
        if (r->at == r->end)
            return wrong(r, "a string without an end") != NULL;
        if (*r->at++ == '"')
            return true;
        if (!add_escape(r))
            return false;
    }
}

static size_t digits(struct reader *r)
{
    const char *from = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return (size_t)(r->at - from);
}

static bool take(struct reader *r, const char *any)
{
    bool found = r->at < r->end && strchr(any, *r->at) && *r->at;
    r->at += found;
    return found;
}

static json_t *read_number(struct reader *r)
{
    const char *from = r->at;
    bool real = false;
    take(r, "-");
    bool zero = r->at < r->end && *r->at == '0';
    size_t n = digits(r);
    if (n == 0 || (zero && n > 1))
        return wrong(r, "not a number");
    if (take(r, ".")) {
        real = true;
        if (!digits(r))
            return wrong(r, "not a number");
    }
    if (take(r, "eE")) {
        real = true;
        take(r, "+-");
        if (!digits(r))
            return wrong(r, "not a number");
    }
    r->length = 0;
    if (!add(r, from, (size_t)(r->at - from)))
        return NULL;
    errno = 0;
    json_int_t whole = real ? 0 : strtoll(r->word, NULL, 10);
    double x = real ? tsgd_strtod(r->word, NULL) : 0;
    if ((!real && errno == ERANGE) || x - x != 0)
        return wrong(r, "a number that is too large");
    json_t *value = real ? json_real(x) : json_integer(whole);
    return value ? value : no_memory(r);
}

/* Behind the [ or {. */
static json_t *read_list(struct reader *r, bool names)
{
    json_t *list = names ? json_object() : json_array();
    char close = names ? '}' : ']';
    bool ok = true;
    if (!list)
        return no_memory(r);
    if (accept(r, close))
        return list;
    do {
        char *name = NULL;
        ok = !names || (accept(r, '"') ? read_string(r) : wrong(r, "a name is missing") != NULL);
        if (ok && names && !(name = strdup(r->word)))
            ok = no_memory(r) != NULL;
        if (ok && names && r->unique && json_object_get(list, name))
            ok = wrong(r, "a duplicate name") != NULL;
        if (ok && names && !accept(r, ':'))
            ok = wrong(r, "a colon is missing") != NULL;
        json_t *value = ok ? value_of(r) : NULL;
        ok = value != NULL;
        if (ok && (names ? json_object_set_new_nocheck(list, name, value) :
                           json_array_append_new(list, value)) != 0)
            ok = no_memory(r) != NULL;
        free(name);
    } while (ok && accept(r, ','));
    if (ok && !accept(r, close))
        ok = wrong(r, names ? "a comma or } is missing" : "a comma or ] is missing") != NULL;
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *read_word(struct reader *r)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(r->end - r->at) >= n && !memcmp(r->at, words[i], n)) {
            r->at += n;
            return i == 0 ? json_true() : i == 1 ? json_false() : json_null();
        }
    }
    return wrong(r, "a value is missing");
}

static json_t *value_of(struct reader *r)
{
    char c = peek(r);
    json_t *value = NULL;
    if ((c == '{' || c == '[') && r->depth == MOST_DEPTH)
        return wrong(r, "too many lists within each other");
    if (c == '{' || c == '[') {
        r->at++;
        r->depth++;
        value = read_list(r, c == '{');
        r->depth--;
        return value;
    }
    if (c == '"') {
        r->at++;
        if (read_string(r) && !(value = json_stringn_nocheck(r->word, r->length)))
            return no_memory(r);
        return value;
    }
    return c == '-' || (c >= '0' && c <= '9') ? read_number(r) : read_word(r);
}

json_t *tsgd_json_read(const char *text, size_t n, bool unique, struct tsgd_json_fault *fault)
{
    struct reader r = {.start = text, .at = text, .end = text + n, .unique = unique,
                       .fault = fault};
    *fault = (struct tsgd_json_fault){.no_memory = false};
    char c = peek(&r);
    json_t *value = c == '{' || c == '[' ? value_of(&r) : wrong(&r, "neither { nor [");
    if (value && (peek(&r), r.at < r.end)) {
        json_decref(value);
        value = wrong(&r, "something behind the end");
    }
    free(r.word);
    return value;
}

/* ---- writing ---- */

/* A text that grows; `failed`: it lacks something. */
struct sink {
    char *text;
    size_t n, room;
    bool failed;
};

/* Jansson does not look at what is returned for a name, so a failure is remembered. */
static int put(const char *bytes, size_t n, void *sink)
{
    struct sink *s = sink;
    if (s->failed)
        return -1;
    if (s->room - s->n <= n) {
        size_t room = 2 * (s->n + n) + 256;
        char *text = realloc(s->text, room);
        s->failed = !text;
        if (!text)
            return -1;
        s->text = text;
        s->room = room;
    }
    memcpy(s->text + s->n, bytes, n);
    s->n += n;
    s->text[s->n] = 0;
    return 0;
}

char *tsgd_json_text(const json_t *value, size_t flags)
{
    struct sink s = {.text = NULL};
    locale_t before = tsgd_c_locale_begin();
    int bad = value ? json_dump_callback(value, put, &s, flags) : -1;
    tsgd_c_locale_end(before);
    if (!bad && !s.failed)
        return s.text;
    free(s.text);
    return NULL;
}

enum tsgd_status tsgd_json_print(FILE *out, const json_t *value, size_t flags,
                                 struct tsgd_error *err)
{
    char *text = tsgd_json_text(value, flags);
    if (!text)
        return tsgd_fail(err, TSGD_ENOMEM, "no memory for a line of JSON");
    fprintf(out, "%s\n", text);
    free(text);
    return TSGD_OK;
}
