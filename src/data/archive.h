/* data/archive.h: members of a zip archive, stored or compressed; the only file to include libzip's
 * header. An archive's list of members is at its end, so it must be a file and no pipe.
 * Ownership: whoever opens archive or member closes it, members first. One thread.             */
#ifndef TSGD_DATA_ARCHIVE_H
#define TSGD_DATA_ARCHIVE_H

#include "base/status.h"

struct tsgd_archive {
    struct zip *zip;            /* NULL: not open */
    const char *path;           /* borrowed */
};
#define TSGD_ARCHIVE_INIT {NULL, NULL}

struct tsgd_member {
    struct zip_file *file;      /* NULL: not open */
    const char *path, *name;    /* borrowed, for sentences */
};
#define TSGD_MEMBER_INIT {NULL, NULL, NULL}

/* TSGD_EIO: it does not open or cannot be read. TSGD_EFORMAT: it is no zip archive. TSGD_ENOMEM. */
enum tsgd_status tsgd_archive_open(struct tsgd_archive *a, const char *path,
                                   struct tsgd_error *err);

bool tsgd_archive_has(const struct tsgd_archive *a, const char *name);

/* "x.npy, y.npy": the first members, for a sentence. */
enum { TSGD_MEMBERS_SHOWN = 200 };
const char *tsgd_archive_show(const struct tsgd_archive *a, char to[TSGD_MEMBERS_SHOWN]);

/* The member must be there. TSGD_EFORMAT: it is encrypted, or compressed in a way that libzip does
 * not know. TSGD_EIO; TSGD_ENOMEM.                                                              */
enum tsgd_status tsgd_member_open(struct tsgd_member *m, const struct tsgd_archive *a,
                                  const char *name, struct tsgd_error *err);

/* Up to n bytes; *got is less only where the member ends, and then its checksum was right.
 * TSGD_EFORMAT: it is not, or the data are corrupt. TSGD_EIO; TSGD_ENOMEM.                      */
enum tsgd_status tsgd_member_read(struct tsgd_member *m, void *to, size_t n, size_t *got,
                                  struct tsgd_error *err);

/* Fine on what is not open. */
void tsgd_member_close(struct tsgd_member *m);
void tsgd_archive_close(struct tsgd_archive *a);

#endif
