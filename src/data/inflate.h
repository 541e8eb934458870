/* data/inflate.h: bytes of a file, on disk or in memory, that may be compressed with gzip: all its
 * members, and nothing after them, which zlib's own gzread would drop without a word. What does not
 * begin as gzip does is read as it stands. Ownership: whoever opens it closes it. One thread.   */
#ifndef TSGD_DATA_INFLATE_H
#define TSGD_DATA_INFLATE_H

#include "base/status.h"

#include <stdio.h>
#include <zlib.h>

struct tsgd_inflate {
    FILE *f;                    /* NULL: not open */
    const char *path;           /* borrowed, for sentences */
    bool gzip, between;         /* between: at the end of a member, perhaps of the data */
    z_stream z;
    unsigned char *in;
};
#define TSGD_INFLATE_INIT {.f = NULL}

/* streams: it may be a pipe or a device. *found: there is such a file. While it is open, *z must
 * not be moved, nor `path` go away. TSGD_EIO: it does not open or cannot be read. TSGD_ENOMEM. On
 * error it is closed.                                                                           */
enum tsgd_status tsgd_inflate_open(struct tsgd_inflate *z, const char *path, bool streams,
                                   bool *found, struct tsgd_error *err);

/* The same for the n bytes of such a file that lie in memory and stay there; `path` is what
 * sentences call it. n is at least 1. TSGD_ENOMEM.                                              */
enum tsgd_status tsgd_inflate_open_memory(struct tsgd_inflate *z, const void *bytes, size_t n,
                                          const char *path, struct tsgd_error *err);

/* Up to n bytes; *got is less only where the contents end. TSGD_EIO; TSGD_ENOMEM; TSGD_EFORMAT: the
 * gzip data are corrupt, break off, or are followed by something else.                          */
enum tsgd_status tsgd_inflate_read(struct tsgd_inflate *z, void *to, size_t n, size_t *got,
                                   struct tsgd_error *err);

/* Fine on one that is not open. */
void tsgd_inflate_close(struct tsgd_inflate *z);

#endif
