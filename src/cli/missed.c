#include "cli/missed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool tsgd_missed_note(struct tsgd_missed *m, const struct tsgd_checkpoint *c)
{
    if (c->stage == TSGD_CHECKPOINT_WRITTEN) {
        m->last = false;
        m->wrote = stat(c->path, &m->file) == 0;
        m->written = c->round;
    }
    if (c->stage != TSGD_CHECKPOINT_FAILED)
        return false;
    bool again = m->last && !strcmp(m->why.text, c->error->text);
    m->last = true;
    m->why = *c->error;
    m->round = c->round;
    m->path = c->path;
    return !again;
}

/* A file that is neither lacking nor the one that was written is as it was before the training; or
 * it is new, and its folder could not be synced, as the error says: then nothing is said of it. */
void tsgd_missed_say(const struct tsgd_missed *m, bool goes_on, struct tsgd_error *out)
{
    struct stat now;
    char end[96] = "";
    const char *option = strncmp(m->why.text, "--", 2) ? "--checkpoint: " : "";
    const char *and = goes_on ? ", and" : ";";
    bool there = stat(m->path, &now) == 0;
    if (!there)
        snprintf(end, sizeof end, "%s there is none%s", and, m->wrote ? " any more" : " yet");
    else if (m->wrote && now.st_dev == m->file.st_dev && now.st_ino == m->file.st_ino)
        snprintf(end, sizeof end, "%s the file is still that of round %" PRIu64, and, m->written);
    tsgd_fail(out, m->why.status, "%s%.800s (round %" PRIu64 ")%s%s", option, m->why.text,
              m->round, goes_on ? "; the training goes on" : "", end);
}
