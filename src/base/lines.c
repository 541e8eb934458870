#include "base/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct tsgd_lines *l)
{
    size_t room = l->room ? 2 * l->room : 256;
    char *text = realloc(l->text, room);
    if (text) {
        l->text = text;
        l->room = room;
    }
    return text != NULL;
}

enum tsgd_status tsgd_lines_next(struct tsgd_lines *l, bool *found, struct tsgd_error *err)
{
    int c = 0;
    *found = false;
    l->length = 0;
    l->number++;
    errno = 0;
    while (c != '\n') {
        if (l->length + 2 > l->room && !make_room(l))       /* for c and the zero byte */
            return tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for line %llu", l->path, l->number);
        c = getc_unlocked(l->f);
        if (c == EOF)
            break;
        if (l->length == l->most && c != '\n')
            return tsgd_fail(err, TSGD_EFORMAT, "%s:%llu: a line of more than %zu bytes, want a "
                             "shorter one", l->path, l->number, l->most);
        if (c == 0 && !l->zeros)
            return tsgd_fail(err, TSGD_EFORMAT, "%s:%llu: a zero byte, want text", l->path,
                             l->number);
        l->text[l->length++] = (char)c;
    }
    if (ferror(l->f))
        return tsgd_fail(err, TSGD_EIO, "cannot read '%s': %s", l->path,
                         strerror(errno ? errno : EIO));
    l->text[l->length] = 0;
    *found = l->length > 0;
    return TSGD_OK;
}

void tsgd_lines_release(struct tsgd_lines *l)
{
    free(l->text);
    l->text = NULL;
    l->room = l->length = 0;
}
