#include "base/file.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ROOM = 40,                  /* for what a temporary name adds */
    MOST_LINKS = 40,            /* one after the other, as Linux has it */
};

/* What `link`, the text of the symbolic link at `path`, names: from the folder of the link. */
static char *named_by_link(const char *path, const char *link)
{
    const char *slash = strrchr(path, '/');
    size_t folder = slash && *link != '/' ? (size_t)(slash - path) + 1 : 0;
    char *name = malloc(folder + strlen(link) + 1);
    if (name) {
        memcpy(name, path, folder);
        strcpy(name + folder, link);
    }
    return name;
}

/* realpath knows only files that are there; to others the last links are followed one by one. */
char *tsgd_follow_links(const char *path)
{
    char link[PATH_MAX];
    char *now = realpath(path, NULL);
    if (now || errno != ENOENT)
        return now;
    now = strdup(path);
    for (int links = 0; now; links++) {
        ssize_t n = readlink(now, link, sizeof link - 1);
        if (n < 0)
            return now;                 /* no link, or nothing */
        link[n] = 0;
        char *next = links < MOST_LINKS ? named_by_link(now, link) : NULL;
        free(now);
        now = next;
        if (links == MOST_LINKS)
            errno = ELOOP;
    }
    return NULL;
}

/* A new file beside the target, with the mode of the one that it will replace, or else as the umask
 * has it; returns -1, with errno set, if it cannot be made.                                     */
static int create_temp(char *temp, const char *target, const struct stat *old)
{
    static _Atomic unsigned count;
    int fd;
    do                                  /* relaxed: it only has to be another one each time */
        snprintf(temp, strlen(target) + ROOM, "%s.tmp-%ld-%u", target, (long)getpid(),
                 atomic_fetch_add_explicit(&count, 1, memory_order_relaxed));
    while ((fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) < 0 && errno == EEXIST);
    if (fd >= 0 && old && fchmod(fd, old->st_mode & 0777) != 0) {
        int why = errno;
        close(fd);
        unlink(temp);
        errno = why;
        fd = -1;
    }
    return fd;
}

static bool ends_with_slash(const char *path) { return path[strlen(path) - 1] == '/'; }

enum tsgd_status tsgd_outfile_open(struct tsgd_outfile *out, const char *path, const char *what,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_outfile o = TSGD_OUTFILE_INIT;
    struct stat s;
    bool there = stat(path, &s) == 0;
    int fd = -1;
    if (*path && !(o.path = tsgd_follow_links(path)))
        TRY(tsgd_fail(err, TSGD_EIO, "%s: cannot write '%s': %s", what, path, strerror(errno)));
    if (!*path || ends_with_slash(path) || ends_with_slash(o.path) ||
        (there && !S_ISREG(s.st_mode)))
        TRY(tsgd_fail(err, TSGD_EIO, "%s: '%s' is not a file that can be written", what, path));
    if (there && access(path, W_OK) != 0)
        TRY(tsgd_fail(err, TSGD_EIO, "%s: cannot write '%s': %s", what, path, strerror(errno)));
    TRY(TSGD_NEW(&o.temp, strlen(o.path) + ROOM, what, err));
    fd = create_temp(o.temp, o.path, there ? &s : NULL);
    if (fd < 0)
        TRY(tsgd_fail(err, TSGD_EIO, "%s: cannot write '%s': %s", what, path, strerror(errno)));
    if (!(o.f = fdopen(fd, "wb"))) {
        close(fd);
        unlink(o.temp);
        TRY(tsgd_fail(err, TSGD_ENOMEM, "%s: no memory to write '%s'", what, path));
    }
    *out = o;
    o = (struct tsgd_outfile)TSGD_OUTFILE_INIT;
done:
    free(o.path);
    free(o.temp);
    return st;
}

enum tsgd_status tsgd_outfile_commit(struct tsgd_outfile *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    bool ok = !ferror(out->f) && fflush(out->f) == 0 && fsync(fileno(out->f)) == 0;
    int why = errno;
    if (fclose(out->f) != 0 && ok) {
        ok = false;
        why = errno;
    }
    out->f = NULL;
    if (ok && rename(out->temp, out->path) != 0) {
        ok = false;
        why = errno;
    }
    if (ok)
        out->temp[0] = 0;
    else
        st = tsgd_fail(err, TSGD_EIO, "cannot write '%s': %s", out->path, strerror(why));
    tsgd_outfile_abandon(out);
    return st;
}

bool tsgd_is_foreign(const char *path, const char *start)
{
    char text[128];
    struct stat s;
    size_t n = strlen(start);
    if (stat(path, &s) != 0 || !S_ISREG(s.st_mode) || s.st_size == 0)
        return false;
    FILE *f = fopen(path, "r");
    bool same = f && fread(text, 1, n, f) == n && !memcmp(text, start, n);
    if (f)
        fclose(f);
    return !same;
}

void tsgd_outfile_abandon(struct tsgd_outfile *out)
{
    if (out->f)
        fclose(out->f);
    if (out->temp && out->temp[0])
        unlink(out->temp);
    free(out->path);
    free(out->temp);
    *out = (struct tsgd_outfile)TSGD_OUTFILE_INIT;
}
