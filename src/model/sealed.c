#include "model/sealed.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define BEFORE_DIGITS "\"" TSGD_SEAL "\":\""
#define NO_DIGITS "0000000000000000"
enum { DIGITS = 16 };

/* ---- headers ---- */

/* The entry of a tensor whose data begin at *offset, which moves on. NULL: no memory. */
static json_t *describe(const struct tsgd_sealed_tensor *t, uint64_t *offset)
{
    uint64_t from = *offset, to = from + t->blocks * t->block_bytes;
    json_t *extent = json_array();
    bool bad = !extent;
    for (uint32_t i = 0; i < t->rank; i++)
        bad |= json_array_append_new(extent, json_integer((json_int_t)t->extent[i])) != 0;
    json_t *entry = json_pack("{ss so s[II]}", "dtype", t->dtype, "shape", extent, "data_offsets",
                              (json_int_t)from, (json_int_t)to);
    *offset = to;
    if (!bad)
        return entry;
    json_decref(entry);
    return NULL;
}

/* The header as text; NULL: no memory. */
static char *make_header(const struct tsgd_sealed_tensor *tensor, size_t n, json_t *meta)
{
    json_t *header = json_object();
    uint64_t offset = 0;
    bool bad = json_object_set_new(meta, TSGD_SEAL, json_string(NO_DIGITS)) != 0;
    bad |= json_object_set_new(header, "__metadata__", meta) != 0;
    for (size_t i = 0; i < n; i++)
        bad |= json_object_set_new(header, tensor[i].name, describe(&tensor[i], &offset)) != 0;
    char *text = bad ? NULL : tsgd_json_text(header, JSON_COMPACT);
    json_decref(header);
    return text;
}

/* Where the digits of the checksum stand in a header; NULL: nowhere. */
static char *find_digits(char *header, size_t length)
{
    char *found = memmem(header, length, BEFORE_DIGITS, sizeof BEFORE_DIGITS - 1);
    char *digits = found ? found + sizeof BEFORE_DIGITS - 1 : NULL;
    return digits && digits + DIGITS <= header + length ? digits : NULL;
}

/* ---- writing ---- */

static void put(FILE *f, struct tsgd_hasher *h, const void *bytes, size_t n)
{
    fwrite(bytes, 1, n, f);
    tsgd_hasher_add(h, bytes, n);
}

static char *block_at(const struct tsgd_sealed_tensor *t, size_t block)
{
    return (char *)t->data + block * t->stride_bytes;
}

static bool is_here(const struct tsgd_sealed_tensor *t, size_t block)
{
    return !t->some || t->some->is_here(t->some->user, block);
}

static void put_block(FILE *f, struct tsgd_hasher *h, const struct tsgd_sealed_tensor *t,
                      size_t block)
{
    size_t left = t->block_bytes, n;
    if (is_here(t, block)) {
        put(f, h, block_at(t, block), left);
        return;
    }
    for (; left > 0; left -= n) {
        n = left;
        const void *bytes = t->some->next(t->some->user, block, &n);
        put(f, h, bytes, n);
    }
}

enum tsgd_status tsgd_sealed_write(FILE *f, const struct tsgd_sealed_tensor *tensor, size_t n,
                                   json_t *meta, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_hasher *h = NULL;
    char *text = make_header(tensor, n, meta), *padded = NULL, digits[DIGITS + 1];
    if (!text)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for the header of a checkpoint"));
    TRY(tsgd_hasher_create(&h, err));
    uint64_t length = tsgd_round_up(strlen(text), 8);   /* spaces, so that the data are aligned */
    TRY(TSGD_NEW(&padded, length + 1, "the header of a checkpoint", err));
    memset(padded, ' ', length);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): spaces follow, and a zero */
    memcpy(padded, text, strlen(text));
    put(f, h, &length, sizeof length);
    put(f, h, padded, length);
    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < tensor[i].blocks; b++)
            put_block(f, h, &tensor[i], b);
    snprintf(digits, sizeof digits, "%016" PRIx64, tsgd_hasher_value(h));
    long at = (long)sizeof length + (find_digits(padded, length) - padded);
    if (fseek(f, at, SEEK_SET) == 0)
        fwrite(digits, 1, DIGITS, f);
    else if (!ferror(f))                /* a write that failed is told by the commit */
        st = tsgd_fail(err, TSGD_EIO, "no way back to the checksum's place in a checkpoint: %s",
                       strerror(errno));
done:
    tsgd_hasher_free(h);
    free(padded);
    free(text);
    return st;
}

/* ---- reading ---- */

/* The digits as a number; only what is written is read: 16 digits, small letters. */
static bool parse_digits(const char *digits, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < DIGITS; i++) {
        const char *known = "0123456789abcdef", *d = digits[i] ? strchr(known, digits[i]) : NULL;
        if (!d)
            return false;
        *out = *out << 4 | (uint64_t)(d - known);
    }
    return true;
}

/* Compares the checksum with that of the bytes. */
static enum tsgd_status check_seal(struct tsgd_tensor_file *s, const char *path,
                                   struct tsgd_error *err)
{
    enum { CHUNK = 1 << 18 };
    enum tsgd_status st = TSGD_OK;
    struct tsgd_hasher *h = NULL;
    char *buffer = NULL;
    uint64_t length = s->start - sizeof length, wanted = 0, left = s->size;
    size_t room = length > CHUNK ? length : CHUNK;
    TRY(tsgd_hasher_create(&h, err));
    TRY(TSGD_NEW(&buffer, room, path, err));
    tsgd_hasher_add(h, &length, sizeof length);
    if (fseek(s->f, sizeof length, SEEK_SET) != 0 || fread(buffer, 1, length, s->f) != length)
        TRY(tsgd_fail(err, TSGD_EIO, "%s: cannot read", path));
    char *digits = find_digits(buffer, length);
    if (!digits || !parse_digits(digits, &wanted))
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: has no checksum (" TSGD_SEAL "), want a checkpoint",
                      path));
    memcpy(digits, NO_DIGITS, DIGITS);
    tsgd_hasher_add(h, buffer, length);
    while (left > 0) {
        size_t n = left < CHUNK ? (size_t)left : CHUNK;
        if (fread(buffer, 1, n, s->f) != n)
            TRY(tsgd_fail(err, TSGD_EIO, "%s: cannot read to its end", path));
        tsgd_hasher_add(h, buffer, n);
        left -= n;
    }
    if (tsgd_hasher_value(h) != wanted)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: is damaged: its checksum is %016" PRIx64 ", want %016"
                      PRIx64, path, tsgd_hasher_value(h), wanted));
done:
    tsgd_hasher_free(h);
    free(buffer);
    return st;
}

enum tsgd_status tsgd_sealed_open(struct tsgd_tensor_file *out, const char *path,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_tensor_file s = {.f = NULL};
    TRY(tsgd_tensor_file_open(&s, path, err));
    TRY(check_seal(&s, path, err));
    *out = s;
    s = (struct tsgd_tensor_file){.f = NULL};
done:
    tsgd_tensor_file_close(&s);
    return st;
}

const char *tsgd_sealed_meta(const struct tsgd_tensor_file *s, const char *key)
{
    return json_string_value(json_object_get(json_object_get(s->header, "__metadata__"), key));
}

/* The header's entries must be those that these tensors would be written with. */
static enum tsgd_status check_entries(const struct tsgd_tensor_file *s, const char *path,
                                      const struct tsgd_sealed_tensor *tensor, size_t n,
                                      struct tsgd_error *err)
{
    uint64_t offset = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *found = json_object_get(s->header, tensor[i].name);
        json_t *want = describe(&tensor[i], &offset);
        bool same = found && json_equal(found, want), none = !want;
        json_decref(want);
        if (none)
            return tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for its header", path);
        if (!same)
            return tsgd_fail(err, TSGD_EFORMAT, "%s: tensor '%s' is missing, or of another type, "
                             "shape or place than this run's", path, tensor[i].name);
    }
    if (json_object_size(s->header) != n + 1 || offset != s->size)
        return tsgd_fail(err, TSGD_EFORMAT, "%s: holds more tensors than this run has", path);
    return TSGD_OK;
}

/* Reads a tensor's blocks that are here; its data begin at `start` of the file. */
static enum tsgd_status read_tensor(struct tsgd_tensor_file *s, const char *path,
                                    const struct tsgd_sealed_tensor *t, uint64_t start,
                                    struct tsgd_error *err)
{
    bool stands = false;        /* the file stands where the next block begins */
    for (size_t b = 0; b < t->blocks; b++) {
        bool here = is_here(t, b);
        if (here && !stands && fseek(s->f, (long)(start + b * t->block_bytes), SEEK_SET) != 0)
            return tsgd_fail(err, TSGD_EIO, "%s: cannot read", path);
        stands = here;
        if (here && fread(block_at(t, b), 1, t->block_bytes, s->f) != t->block_bytes)
            return tsgd_fail(err, TSGD_EIO, "%s: the file ended while it was read", path);
    }
    return TSGD_OK;
}

/* Reads the tensors of which some blocks are elsewhere, or those that are here as a whole. */
static enum tsgd_status read_tensors(struct tsgd_tensor_file *s, const char *path,
                                     const struct tsgd_sealed_tensor *tensor, size_t n, bool some,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t start = s->start;
    for (size_t i = 0; i < n; i++) {
        if (some == (tensor[i].some != NULL))
            TRY(read_tensor(s, path, &tensor[i], start, err));
        start += tensor[i].blocks * tensor[i].block_bytes;
    }
done:
    return st;
}

enum tsgd_status tsgd_sealed_read(struct tsgd_tensor_file *s, const char *path,
                                  const struct tsgd_sealed_tensor *tensor, size_t n,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = check_entries(s, path, tensor, n, err);
    return st == TSGD_OK ? read_tensors(s, path, tensor, n, false, err) : st;
}

enum tsgd_status tsgd_sealed_read_blocks(struct tsgd_tensor_file *s, const char *path,
                                         const struct tsgd_sealed_tensor *tensor, size_t n,
                                         struct tsgd_error *err)
{
    return read_tensors(s, path, tensor, n, true, err);
}
