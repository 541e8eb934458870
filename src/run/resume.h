/* run/resume.h: going on from a checkpoint file (run/checkpoint.h). What changes the result must be
 * as it was: what was given then is given again, and what is found otherwise is refused. Machine
 * and outputs may be others, so the instruction set too, if it has the same bits.
 *
 *     settings (before they are resolved), check (after), read and read_rows (once there is an
 *     engine)
 *
 * Ownership: whoever opens it closes it. One thread.                                            */
#ifndef TSGD_RUN_RESUME_H
#define TSGD_RUN_RESUME_H

#include "run/checkpoint.h"

struct tsgd_resume {
    char *path;
    struct tsgd_tensor_file file;
    uint64_t round, pass;
    double seconds;             /* that the training had taken */
    json_t *settings, *asked;   /* of the result: resolved, and as they were given */
};

/* A copy of the settings, for the caller to free. If they resume, opens the file, sees that it is
 * whole, and gives what was given then. command: "train" or "tune". TSGD_EIO; TSGD_EFORMAT:
 * damaged, or no checkpoint. TSGD_EINVAL: of the other command, or another version, or of other
 * settings that change the result; the sentence lists them. TSGD_ENOMEM. On error *out is NULL, and
 * the file may be closed.                                                                       */
enum tsgd_status tsgd_resume_settings(struct tsgd_settings **out, struct tsgd_resume *file,
                                      const struct tsgd_settings *settings, const char *command,
                                      struct tsgd_error *err);
void tsgd_resume_close(struct tsgd_resume *r);

/* Sees that all that the result depends on came out as it was then. TSGD_EINVAL. */
enum tsgd_status tsgd_resume_check(const struct tsgd_resume *r, const struct tsgd_setup *setup,
                                   struct tsgd_error *err);

/* Fills these contents and their snapshot with what every rank of a run knows: all but the rows.
 * TSGD_EFORMAT: the settings are others, or the file is broken. TSGD_EIO, TSGD_ENOMEM.          */
enum tsgd_status tsgd_resume_read(struct tsgd_resume *r, const struct tsgd_contents *contents,
                                  struct tsgd_snapshot *x, struct tsgd_error *err);

/* After that, when the snapshot says which tokens are on this rank: reads the rows that are, and
 * closes the file; the rest of *r stays. TSGD_EFORMAT, TSGD_EIO.                                */
enum tsgd_status tsgd_resume_read_rows(struct tsgd_resume *r, const struct tsgd_contents *contents,
                                       struct tsgd_error *err);

#endif
