#include "data/rows.h"

#include "base/mem.h"
#include "base/number.h"

#include <string.h>

/* BEHIND: bytes behind the text, of which the first is for a newline that the end lacks. */
enum { BLOCK = 1 << 20, BEHIND = 1 + TSGD_NUMBER_SLACK };

static const char mark[] = "\xef\xbb\xbf";      /* of UTF-8, at the beginning of a file */

/* More text behind what is there. */
static enum tsgd_status read_more(struct tsgd_rows *r, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t got, kept = r->end - r->begin;
    if (!r->holds && r->begin > 0) {
        memmove(r->text, r->text + r->begin, kept);
        r->begin = 0;
        r->end = kept;
    }
    if (kept > TSGD_MOST_ROW)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s:%llu: a row of more than %d bytes, want a shorter one",
                      r->path, r->line, TSGD_MOST_ROW));
    if (r->room - r->end < BLOCK / 2 + BEHIND)
        TRY(tsgd_grow((void **)&r->text, &r->room, r->end + BLOCK, 1, r->path, "use shorter rows",
                      err));
    TRY(tsgd_inflate_read(&r->file, r->text + r->end, r->room - r->end - BEHIND, &got, err));
    r->ended = got < r->room - r->end - BEHIND;
    r->end += got;
    memset(r->text + r->end, 0, BEHIND);
done:
    return st;
}

enum tsgd_status tsgd_rows_open(struct tsgd_rows *r, const char *path, bool quotes,
                                struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    bool found;
    *r = (struct tsgd_rows){.path = path, .quotes = quotes, .line = 1, .next_line = 1,
                            .holds = true};
    TRY(tsgd_inflate_open(&r->file, path, true, &found, err));
    if (!found)
        TRY(tsgd_fail(err, TSGD_EIO, "%s: there is no such file", path));
    TRY(read_more(r, err));
    if (r->end >= 2 && (!memcmp(r->text, "\xff\xfe", 2) || !memcmp(r->text, "\xfe\xff", 2)))
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: text in UTF-16, want UTF-8", path));
    tsgd_rows_again(r, true);
done:
    if (st != TSGD_OK)
        tsgd_rows_close(r);
    return st;
}

void tsgd_rows_again(struct tsgd_rows *r, bool hold)
{
    bool marked = r->end >= sizeof mark - 1 && !memcmp(r->text, mark, sizeof mark - 1);
    r->begin = marked ? sizeof mark - 1 : 0;
    r->line = r->next_line = 1;
    r->holds = hold;
}

/* The newline that ends the row at `from`, of which n bytes are there, if quotes matter; *open: it
 * is not there, and a quote is open.                                                            */
static const char *end_of_quoted(const char *from, size_t n, bool *open)
{
    bool inside = false;
    const char *p = from;
    for (; p < from + n && (inside || *p != '\n'); p++)
        inside ^= *p == '"';
    *open = inside;
    return p < from + n ? p : NULL;
}

/* The end of the row at text[begin], of which the first `seen` bytes have none; NULL: more text is
 * needed.                                                                                       */
static const char *find_end(const struct tsgd_rows *r, size_t seen, bool *open)
{
    const char *from = r->text + r->begin, *newline;
    size_t n = r->end - r->begin;
    *open = false;
    newline = memchr(from + seen, '\n', n - seen);
    if (r->quotes && memchr(from, '"', newline ? (size_t)(newline - from) : n))
        return end_of_quoted(from, n, open);
    return newline;
}

static unsigned long long lines_in(const char *text, size_t n)
{
    unsigned long long lines = 0;
    for (const char *p = text; (p = memchr(p, '\n', n - (size_t)(p - text))) != NULL; p++)
        lines++;
    return lines;
}

enum tsgd_status tsgd_rows_next(struct tsgd_rows *r, bool *found, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    do {
        size_t seen = 0;
        const char *newline;
        bool open;
        *found = false;
        r->line = r->next_line;
        while (!(newline = find_end(r, seen, &open)) && !r->ended) {
            seen = r->end - r->begin;
            TRY(read_more(r, err));
        }
        if (!newline && open)
            TRY(tsgd_fail(err, TSGD_EFORMAT, "%s:%llu: a quote is opened in this row and never "
                          "closed", r->path, r->line));
        if (!newline && r->begin == r->end)
            goto done;
        if (!newline) {
            r->text[r->end] = '\n';
            newline = r->text + r->end++;
        }
        r->row = r->text + r->begin;
        r->length = (size_t)(newline - r->row);
        r->begin += r->length + 1;
        r->next_line += r->quotes ? lines_in(r->row, r->length + 1) : 1;
        r->length -= r->length > 0 && r->row[r->length - 1] == '\r';
        *found = true;
    } while (r->length == 0);
done:
    return st;
}

void tsgd_rows_close(struct tsgd_rows *r)
{
    tsgd_inflate_close(&r->file);
    free(r->text);
    *r = (struct tsgd_rows)TSGD_ROWS_INIT;
}
