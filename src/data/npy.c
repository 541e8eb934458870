#include "data/npy.h"

#include "base/format.h"
#include "base/mem.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_HEADER = 1 << 16, MOST_ITEM = 1 << 12, BLOCK = 1 << 18 };

#define USE_LESS "use fewer samples"

/* ---- the header ---- */

struct cursor { const char *p, *end; };

static void skip_spaces(struct cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n'))
        c->p++;
}

/* Goes behind `text`, and the spaces around it, if it comes next. */
static bool take(struct cursor *c, const char *text)
{
    size_t n = strlen(text);
    skip_spaces(c);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, text, n) != 0)
        return false;
    c->p += n;
    skip_spaces(c);
    return true;
}

/* A text in quotes of either kind, without escapes, which must fit. */
static bool take_text(struct cursor *c, char *to, size_t size)
{
    const char *end;
    if (c->p == c->end || (*c->p != '\'' && *c->p != '"'))
        return false;
    end = memchr(c->p + 1, *c->p, (size_t)(c->end - c->p - 1));
    size_t n = end ? (size_t)(end - c->p - 1) : size;
    if (n >= size)
        return false;
    memcpy(to, c->p + 1, n);
    to[n] = 0;
    c->p = end + 1;
    skip_spaces(c);
    return true;
}

static bool take_size(struct cursor *c, uint64_t *out)
{
    const char *first = c->p;
    for (*out = 0; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, (uint64_t)(*c->p - '0'), out))
            return false;
    bool found = c->p > first;
    if (c->p < c->end && *c->p == 'L')          /* as Python 2 wrote it */
        c->p++;
    skip_spaces(c);
    return found;
}

/* "(60000, 28, 28)": rank TSGD_NPY_RANK + 1 stands for all that are too many. */
static bool take_shape(struct cursor *c, struct tsgd_npy *a)
{
    a->rank = 0;
    if (!take(c, "("))
        return false;
    while (!take(c, ")")) {
        uint64_t size;
        if (!take_size(c, &size))
            return false;
        if (a->rank < TSGD_NPY_RANK)
            a->shape[a->rank] = size;
        a->rank += a->rank <= TSGD_NPY_RANK;
        if (!take(c, ",") && (c->p == c->end || *c->p != ')'))
            return false;
    }
    return true;
}

/* The dictionary, whose three keys may stand in any order. */
static bool take_header(struct cursor *c, struct tsgd_npy *a)
{
    char key[16];
    unsigned seen = 0;                  /* keys, a bit each */
    if (!take(c, "{"))
        return false;
    while (!take(c, "}")) {
        if (!take_text(c, key, sizeof key) || !take(c, ":"))
            return false;
        if (!strcmp(key, "descr") && c->p < c->end && *c->p == '[') {
            strcpy(a->type, "[..]");    /* a record, whose type is refused */
            a->rank = 1;
            return true;
        }
        if (!strcmp(key, "descr") && take_text(c, a->type, sizeof a->type))
            seen |= 1;
        else if (!strcmp(key, "fortran_order") && ((a->fortran = take(c, "True")) ||
                                                   take(c, "False")))
            seen |= 2;
        else if (!strcmp(key, "shape") && take_shape(c, a))
            seen |= 4;
        else
            return false;
        if (!take(c, ",") && (c->p == c->end || *c->p != '}'))
            return false;
    }
    return seen == 7;
}

/* The type that the header names. */
static enum tsgd_status set_type(struct tsgd_npy *a, struct tsgd_error *err)
{
    static const char *const known[] = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8",
                                        "f2", "f4", "f8"};
    const bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    const char *p = a->type;
    char shown[TSGD_SHOWN];
    uint64_t size = 0;
    bool good = false;
    char order = '=';
    if (*p && strchr("<>=|", *p))
        order = *p++;
    if (*p && tsgd_parse_u64(p + 1, &size))
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            good |= !strcmp(p, known[i]);
    if (*p == 'U' || *p == 'S')
        good = size > 0 && size <= MOST_ITEM;
    if (!good)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: items of type '%s', want whole numbers, floats of "
                         "16, 32 or 64 bits, or texts (U or S) of at most %d characters", a->name,
                         tsgd_show(shown, a->type, strlen(a->type)), MOST_ITEM);
    a->kind = (enum tsgd_npy_kind)*p;
    a->item = *p == 'U' ? 4 * size : size;
    a->swapped = order == (little ? '>' : '<');
    return TSGD_OK;
}

static enum tsgd_status set_items(struct tsgd_npy *a, struct tsgd_error *err)
{
    size_t items = 1;
    if (a->rank == 0 || a->rank > TSGD_NPY_RANK)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: %s %d dimensions, want 1 to %d; reshape it",
                         a->name, a->rank ? "more than" : "has", a->rank ? TSGD_NPY_RANK : 0,
                         TSGD_NPY_RANK);
    for (uint32_t i = 0; i < a->rank; i++) {
        if (a->shape[i] == 0)
            return tsgd_fail(err, TSGD_EFORMAT, "%s: dimension %u is 0, want at least 1", a->name,
                             i);
        items = tsgd_mul(items, a->shape[i]);
    }
    if (tsgd_mul(items, a->item) > SIZE_MAX / 16)       /* so that no size overflows later */
        return tsgd_fail(err, TSGD_EFORMAT, "%s: its shape asks for more items than memory can "
                         "have", a->name);
    a->items = items;
    return TSGD_OK;
}

static enum tsgd_status read_all(struct tsgd_npy *a, void *to, size_t n, const char *part,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t got;
    TRY(a->read(a->source, to, n, &got, err));
    if (got < n)
        st = tsgd_fail(err, TSGD_EFORMAT, "%s: ends within its %s", a->name, part);
done:
    return st;
}

enum tsgd_status tsgd_npy_open(struct tsgd_npy *a, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    unsigned char start[12];
    char *text = NULL;
    size_t size;
    TRY(read_all(a, start, 10, "header", err));
    if (memcmp(start, "\x93NUMPY", 6) != 0)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: does not begin as an array of NumPy's does (.npy)",
                      a->name));
    if (start[6] < 1 || start[6] > 3)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: version %u of the format, want 1, 2 or 3", a->name,
                      start[6]));
    size = (size_t)start[8] | (size_t)start[9] << 8;
    if (start[6] > 1) {
        TRY(read_all(a, start + 10, 2, "header", err));
        size |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    if (size > MOST_HEADER)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: a header of %zu bytes, want at most %d", a->name,
                      size, MOST_HEADER));
    TRY(TSGD_NEW(&text, size, a->name, err));
    TRY(read_all(a, text, size, "header", err));
    if (!take_header(&(struct cursor){text, text + size}, a))
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: the header does not tell descr, fortran_order and "
                      "shape as NumPy's do", a->name));
    TRY(set_type(a, err));
    TRY(set_items(a, err));
done:
    free(text);
    return st;
}

/* ---- items ---- */

static enum tsgd_status fail_short(const struct tsgd_npy *a, uint64_t got, struct tsgd_error *err)
{
    return tsgd_fail(err, TSGD_EFORMAT, "%s: ends after %llu items, want %llu as its header says",
                     a->name, (unsigned long long)got, (unsigned long long)a->items);
}

/* After the last item there is nothing. */
static enum tsgd_status check_end(struct tsgd_npy *a, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    unsigned char extra;
    size_t got;
    TRY(a->read(a->source, &extra, 1, &got, err));
    if (got)
        st = tsgd_fail(err, TSGD_EFORMAT, "%s: goes on after the %llu items that its header "
                       "promises", a->name, (unsigned long long)a->items);
done:
    return st;
}

/* Up to n whole items; *got is less only at the end of the data. */
static enum tsgd_status read_items(struct tsgd_npy *a, void *to, size_t n, size_t *got,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(a->read(a->source, to, n * a->item, got, err));
    *got /= a->item;
done:
    return st;
}

static void swap(unsigned char *raw, size_t n, size_t width)
{
    for (unsigned char *p = raw; p < raw + n * width; p += width)
        for (size_t i = 0; i < width / 2; i++) {
            unsigned char byte = p[i];
            p[i] = p[width - 1 - i];
            p[width - 1 - i] = byte;
        }
}

/* A float of 16 bits. */
static float from_half(uint16_t h)
{
    uint32_t exponent = h >> 10 & 31, fraction = h & 1023;
    float v = exponent == 31 ? (fraction ? NAN : INFINITY) :
              exponent == 0 ? (float)fraction * 0x1p-24f :
              ldexpf((float)(1024 + fraction), (int)exponent - 25);
    return h >> 15 ? -v : v;
}

#define CONVERT(type, value)                                    \
    for (size_t i = 0; i < n; i++) {                            \
        type v;                                                 \
        memcpy(&v, raw + i * sizeof v, sizeof v);               \
        to[i] = value;                                          \
    }                                                           \
    break

static void convert(const struct tsgd_npy *a, const unsigned char *raw, float *to, size_t n)
{
    switch ((unsigned)a->kind << 4 | (unsigned)a->item) {
    case 'b' << 4 | 1: CONVERT(uint8_t, (float)(v != 0));
    case 'i' << 4 | 1: CONVERT(int8_t, (float)v);
    case 'i' << 4 | 2: CONVERT(int16_t, (float)v);
    case 'i' << 4 | 4: CONVERT(int32_t, (float)v);
    case 'i' << 4 | 8: CONVERT(int64_t, (float)v);
    case 'u' << 4 | 1: CONVERT(uint8_t, (float)v);
    case 'u' << 4 | 2: CONVERT(uint16_t, (float)v);
    case 'u' << 4 | 4: CONVERT(uint32_t, (float)v);
    case 'u' << 4 | 8: CONVERT(uint64_t, (float)v);
    case 'f' << 4 | 2: CONVERT(uint16_t, from_half(v));
    case 'f' << 4 | 4: CONVERT(float, v);
    case 'f' << 4 | 8: CONVERT(double, (float)v);
    default: break;             /* texts, which nobody asks for as numbers */
    }
}

enum tsgd_status tsgd_npy_bytes(struct tsgd_npy *a, uint8_t **out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t room = 0, got;
    for (size_t done = 0; done < a->items; done += got) {
        size_t n = a->items - done < BLOCK ? a->items - done : BLOCK;
        TRY(tsgd_grow((void **)out, &room, done + n, 1, a->name, USE_LESS, err));
        TRY(read_items(a, *out + done, n, &got, err));
        if (got < n)
            TRY(fail_short(a, done + got, err));
    }
    TRY(check_end(a, err));
done:
    return st;
}

enum tsgd_status tsgd_npy_floats(struct tsgd_npy *a, float **out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    unsigned char *raw = NULL;
    size_t room = 0, got, most = BLOCK / a->item;
    bool same = a->kind == TSGD_NPY_FLOAT && a->item == sizeof(float) && !a->swapped;
    TRY(TSGD_NEW(&raw, same ? 1 : BLOCK, a->name, err));
    for (size_t done = 0; done < a->items; done += got) {
        size_t n = a->items - done < most ? a->items - done : most;
        TRY(tsgd_grow((void **)out, &room, done + n, sizeof **out, a->name, USE_LESS, err));
        TRY(read_items(a, same ? (void *)(*out + done) : raw, n, &got, err));
        if (got < n)
            TRY(fail_short(a, done + got, err));
        if (a->swapped)
            swap(raw, n, a->item);
        if (!same)
            convert(a, raw, *out + done, n);
    }
    TRY(check_end(a, err));
done:
    free(raw);
    return st;
}

/* ---- items as texts ---- */

static size_t write_whole(char *to, uint64_t magnitude, bool minus)
{
    char digit[24];
    size_t n = 0, used = 0;
    do
        digit[n++] = (char)('0' + magnitude % 10);
    while ((magnitude /= 10) > 0);
    if (minus)
        to[used++] = '-';
    while (n > 0)
        to[used++] = digit[--n];
    return used;
}

static size_t write_float(char *to, double v)
{
    if (!isfinite(v))
        return 0;
    if (fabs(v) < 0x1p53 && v == floor(v))
        return write_whole(to, (uint64_t)fabs(v), v < 0);
    return (size_t)tsgd_format(to, 32, "%.17g", v);
}

/* Code points, filled up with zeros; what is none becomes a byte that is not UTF-8. */
static size_t write_unicode(char *to, const unsigned char *raw, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t c;
        memcpy(&c, raw + 4 * i, sizeof c);
        if (c < 0x80) {
            to[used++] = (char)c;
        } else if (c < 0x800) {
            to[used++] = (char)(0xc0 | c >> 6);
            to[used++] = (char)(0x80 | (c & 63));
        } else if (c < 0x10000) {
            to[used++] = (char)(0xe0 | c >> 12);
            to[used++] = (char)(0x80 | (c >> 6 & 63));
            to[used++] = (char)(0x80 | (c & 63));
        } else if (c < 0x110000) {
            to[used++] = (char)(0xf0 | c >> 18);
            to[used++] = (char)(0x80 | (c >> 12 & 63));
            to[used++] = (char)(0x80 | (c >> 6 & 63));
            to[used++] = (char)(0x80 | (c & 63));
        } else {
            to[used++] = (char)0xff;
        }
    }
    return used;
}

/* An item as a text; to has room for it, and 32 bytes at least. */
static size_t write_item(const struct tsgd_npy *a, const unsigned char *raw, char *to)
{
    int64_t v = 0;
    uint64_t u = 0;
    double d = 0;
    size_t n = a->item;
    switch (a->kind) {
    case TSGD_NPY_BYTES:
        memcpy(to, raw, n);
        break;
    case TSGD_NPY_UNICODE:
        n = write_unicode(to, raw, n / 4);
        break;
    case TSGD_NPY_BOOL:
        return write_whole(to, *raw != 0, false);
    case TSGD_NPY_INT:
        memcpy(&u, raw, n);             /* little-endian: the low bytes come first */
        v = (int64_t)(u << (64 - 8 * n)) >> (64 - 8 * n);
        return write_whole(to, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0);
    case TSGD_NPY_UINT:
        memcpy(&u, raw, n);
        return write_whole(to, u, false);
    case TSGD_NPY_FLOAT:
        if (n == sizeof d) {
            memcpy(&d, raw, n);
        } else {
            float f = 0;
            convert(a, raw, &f, 1);
            d = (double)f;
        }
        return write_float(to, d);
    }
    while (n > 0 && !to[n - 1])
        n--;
    return n;
}

enum tsgd_status tsgd_npy_texts(struct tsgd_npy *a, tsgd_npy_take *take_text_of, void *to,
                                struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    unsigned char *raw = NULL;
    char *text = NULL;
    size_t got, most = BLOCK / a->item, width = a->kind == TSGD_NPY_UNICODE ? 4 : a->item;
    TRY(TSGD_NEW(&raw, BLOCK, a->name, err));
    TRY(TSGD_NEW(&text, a->item + 32, a->name, err));
    for (size_t done = 0; done < a->items; done += got) {
        size_t n = a->items - done < most ? a->items - done : most;
        TRY(read_items(a, raw, n, &got, err));
        if (got < n)
            TRY(fail_short(a, done + got, err));
        if (a->swapped)
            swap(raw, n * (a->item / width), width);
        for (size_t i = 0; i < n; i++)
            TRY(take_text_of(to, text, write_item(a, raw + i * a->item, text), done + i, err));
    }
    TRY(check_end(a, err));
done:
    free(raw);
    free(text);
    return st;
}
