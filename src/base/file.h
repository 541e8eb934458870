/* base/file.h: files that appear whole or not at all.
 * Bytes go to a temporary file beside the target; commit syncs and renames it. A reader of the
 * target sees the old file or the new one, also after a crash. The temporary file is made at open,
 * so an unwritable place is found before the work that fills the file. A target that is a link
 * stays one, and what it leads to is replaced, or made if it is not there; permissions stay, or are
 * new as the umask has them. One thread.                                                        */
#ifndef TSGD_BASE_FILE_H
#define TSGD_BASE_FILE_H

#include "base/status.h"

#include <stdio.h>

/* The file that a path leads to when all links are followed, whether it is there or not. The caller
 * frees it. NULL, with errno set: it cannot be told; ELOOP: the links lead in a circle.         */
char *tsgd_follow_links(const char *path);

/* Whether a write to this path would replace a file that does not begin with `start`, of at most
 * 128 bytes. Empty ones, pipes and devices are nobody's.                                        */
bool tsgd_is_foreign(const char *path, const char *start);

struct tsgd_outfile {
    FILE *f;                    /* write here; NULL when not open */
    char *path, *temp;
};
#define TSGD_OUTFILE_INIT {0}

/* TSGD_EIO: the place cannot be written. `what` names the option in the sentence. */
enum tsgd_status tsgd_outfile_open(struct tsgd_outfile *out, const char *path, const char *what,
                                   struct tsgd_error *err);

/* Flush, sync, rename; closes it either way. TSGD_EIO: something was not written; the target is
 * as it was.                                                                                    */
enum tsgd_status tsgd_outfile_commit(struct tsgd_outfile *out, struct tsgd_error *err);

/* Closes and removes the temporary file, unless committed. Fine on an empty one. */
void tsgd_outfile_abandon(struct tsgd_outfile *out);

#endif
