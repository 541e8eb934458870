/* base/lines.h: a text file, line by line. A line has a greatest length, so that a file without an
 * end, such as /dev/zero, cannot take all memory; and an error or a want of memory is told from the
 * end of the file. One thread.                                                                  */
#ifndef TSGD_BASE_LINES_H
#define TSGD_BASE_LINES_H

#include "base/status.h"

#include <stdio.h>

/* Bytes of a line, at most: of files that people write, and of logs. */
enum { TSGD_LINE_OF_TEXT = 1 << 16, TSGD_LINE_OF_LOG = 1 << 24 };

struct tsgd_lines {
    FILE *f;                    /* borrowed, like path; nobody else reads it meanwhile */
    const char *path;           /* for sentences */
    size_t most;                /* bytes of a line, its newline aside */
    bool zeros;                 /* zero bytes may be in it, else they are refused */
    char *text;                 /* the line with its newline, which the last one may lack, and a
                                 * zero byte behind it; the reader may write into it */
    size_t length, room;
    unsigned long long number;  /* of the line, from 1 */
};

/* The next line; *found false: the end. TSGD_EFORMAT: it is too long, or has a zero byte. TSGD_EIO.
 * TSGD_ENOMEM. After an error nothing more can be read.                                         */
enum tsgd_status tsgd_lines_next(struct tsgd_lines *l, bool *found, struct tsgd_error *err);

/* Frees the text. */
void tsgd_lines_release(struct tsgd_lines *l);

#endif
