/* cli/missed.h: checkpoints that could not be written, as people are told of them: what went wrong
 * and what the file holds now; once for as long as the same goes wrong again and again. Begins with
 * zeros. One thread at a time.                                                                  */
#ifndef TSGD_CLI_MISSED_H
#define TSGD_CLI_MISSED_H

#include "base/status.h"

#include <stdbool.h>
#include <sys/stat.h>

struct tsgd_missed {
    bool last;                  /* the last one was; then the next three are of that one */
    struct tsgd_error why;
    uint64_t round;
    const char *path;           /* borrowed */
    bool wrote;                 /* one before it was written; of which round, as which file */
    uint64_t written;
    struct stat file;
};

/* Takes note of what becomes of a checkpoint. Whether there is something new to tell. */
bool tsgd_missed_note(struct tsgd_missed *m, const struct tsgd_checkpoint *c);

/* The sentence about the last one, which was missed. goes_on: it says that the training does. */
void tsgd_missed_say(const struct tsgd_missed *m, bool goes_on, struct tsgd_error *out);

#endif
