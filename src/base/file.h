/* base/file.h: files that appear whole or not at all, and files that are read.
 * What is written goes to a temporary file in the folder of the target; commit syncs it, renames it
 * and syncs the folder. A reader of the target sees the old file or the new one, also after the
 * machine lost power. The temporary file is made at open, so an unwritable place is found before
 * the work that fills the file. A target that is a link stays one, and what it leads to is
 * replaced, or made if it is not there; permissions stay, or are new as the umask has them.
 * A process that is killed leaves its temporary file. It is locked as long as its process lives:
 * whoever opens a file in that folder next removes the temporary files that nobody has locked, if
 * they were made on this machine. One thread for each file.                                     */
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

enum { TSGD_TEMP_NAME = 56 };

struct tsgd_outfile {
    FILE *f;                    /* write here; NULL when not open */
    char *path;                 /* the target, links followed */
    char *name;                 /* the same as it was given, for sentences */
    const char *what;           /* the option, borrowed */
    char temp[TSGD_TEMP_NAME];  /* in the folder; empty when renamed */
    int folder;                 /* open as long as f is */
};
#define TSGD_OUTFILE_INIT {0}

/* TSGD_EIO: the place cannot be written. `what` names the option, here and at commit. */
enum tsgd_status tsgd_outfile_open(struct tsgd_outfile *out, const char *path, const char *what,
                                   struct tsgd_error *err);

/* Flush, sync, rename, sync the folder; closes it either way. TSGD_EIO: the target is as it was; or
 * the folder could not be synced, then it is whole and new, but may not survive a loss of power. */
enum tsgd_status tsgd_outfile_commit(struct tsgd_outfile *out, struct tsgd_error *err);

/* Closes and removes the temporary file, unless committed. Fine on an empty one. */
void tsgd_outfile_abandon(struct tsgd_outfile *out);

/* Locks a whole file that is open for writing, until it is closed by all who share the descriptor.
 * 0, or why not: EAGAIN or EACCES when somebody else has it, others when there are no locks.    */
int tsgd_lock_file(int fd);

/* Whether so many more files can be opened at once. TSGD_EIO: no; what is said names ulimit -n. */
enum tsgd_status tsgd_check_descriptors(unsigned count, struct tsgd_error *err);

/* Opens a file for reading. Does not wait: a pipe or a device is refused unless `streams` is set;
 * then the first read of a pipe waits for its writer. NULL: errno says why, and so does *why, for a
 * sentence.                                                                                     */
FILE *tsgd_open_input(const char *path, bool streams, const char **why);

#endif
