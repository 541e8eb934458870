/* data/rows.h: the rows of a text file of data, plain or gzip, in large blocks. A row is a line, or
 * in files with quotes as many lines as a text in quotes goes over. Rows are looked at where they
 * were read to: no byte is copied for a row, but for the last one of a block.
 * Ownership: whoever opens it closes it. One thread.                                            */
#ifndef TSGD_DATA_ROWS_H
#define TSGD_DATA_ROWS_H

#include "data/inflate.h"

/* Bytes of a row, at most: a file without an end, such as /dev/zero, must not take all memory. */
enum { TSGD_MOST_ROW = 1 << 26 };

struct tsgd_rows {
    struct tsgd_inflate file;
    const char *path;           /* borrowed, for sentences */
    bool quotes;                /* newlines in "..." do not end a row */

    const char *row;            /* until the next call; row[length] is part of no number: '\r' or
                                 * '\n', and TSGD_NUMBER_SLACK bytes from there can be read */
    size_t length;
    unsigned long long line;    /* on which the row begins, from 1 */

    char *text;
    size_t begin, end, room;    /* text[begin..end) is not yet a row */
    unsigned long long next_line;
    bool holds, ended;          /* holds: text is kept from the first row on; so it is at first */
};
#define TSGD_ROWS_INIT {.file = TSGD_INFLATE_INIT}

/* While it is open, *r must not be moved, nor `path` go away. It may be a pipe. TSGD_EIO: there is
 * no such file, or it cannot be read. TSGD_ENOMEM. TSGD_EFORMAT: gzip data that are corrupt, or
 * text in UTF-16. On error it is closed.                                                        */
enum tsgd_status tsgd_rows_open(struct tsgd_rows *r, const char *path, bool quotes,
                                struct tsgd_error *err);

/* The next row that is not empty; *found false: the end. TSGD_EIO; TSGD_ENOMEM; TSGD_EFORMAT: the
 * row is too long, a quote is not closed, the gzip data are corrupt.                            */
enum tsgd_status tsgd_rows_next(struct tsgd_rows *r, bool *found, struct tsgd_error *err);

/* The next row is the first one again, while rows are held; hold: they still are. */
void tsgd_rows_again(struct tsgd_rows *r, bool hold);

void tsgd_rows_close(struct tsgd_rows *r);

#endif
