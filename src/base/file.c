#include "base/file.h"

#include "base/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_LINKS = 40 };       /* one after the other, as Linux has it */

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

int tsgd_lock_file(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &whole) == 0 ? 0 : errno;
}

/* ---- temporary files ---- */

/* How the names of all temporary files of this machine begin. Locks of another machine may not be
 * seen from here, so its files are left to it.                                                  */
static void start_of_names(char start[TSGD_TEMP_NAME])
{
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    snprintf(start, TSGD_TEMP_NAME, ".telesgd-%08x-", (unsigned)tsgd_hash(host, strlen(host)));
}

/* Behind the start: the process and a number, "1234-5". */
static bool is_temp(const char *name, const char *start)
{
    size_t n = strlen(start), digits;
    if (strncmp(name, start, n))
        return false;
    digits = strspn(name + n, "0123456789");
    const char *rest = name + n + digits;
    return digits > 0 && *rest == '-' && rest[1] && !rest[1 + strspn(rest + 1, "0123456789")];
}

/* Whoever made it has locked it, or will find that it is gone and make another one. */
static void remove_if_unlocked(int folder, const char *name)
{
    struct stat s;
    int fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && tsgd_lock_file(fd) == 0)
        unlinkat(folder, name, 0);
    close(fd);
}

/* What killed processes have left in the folder. */
static void remove_leftovers(int folder)
{
    char start[TSGD_TEMP_NAME];
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    start_of_names(start);
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_temp(e->d_name, start))
            remove_if_unlocked(folder, e->d_name);
    if (d)
        closedir(d);
    else if (fd >= 0)
        close(fd);
}

/* A new file that is locked, with the mode of the one that it will replace, or else as the umask
 * has it; returns -1, with errno set, if it cannot be made.                                     */
static int create_temp(int folder, char temp[TSGD_TEMP_NAME], const struct stat *old)
{
    static _Atomic unsigned count;
    char start[TSGD_TEMP_NAME];
    start_of_names(start);
    for (;;) {                          /* relaxed: it only has to be another one each time */
        unsigned number = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
        struct stat s;
        snprintf(temp, TSGD_TEMP_NAME, "%.24s%ld-%u", start, (long)getpid(), number);
        int fd = openat(folder, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EEXIST)
            continue;
        if (fd < 0)
            return -1;
        int why = tsgd_lock_file(fd);
        if (why == EAGAIN || why == EACCES || (fstat(fd, &s) == 0 && s.st_nlink == 0)) {
            close(fd);                  /* taken for a leftover before it was locked */
            continue;
        }
        if (!old || fchmod(fd, old->st_mode & 0777) == 0)
            return fd;
        why = errno;
        unlinkat(folder, temp, 0);
        close(fd);
        errno = why;
        return -1;
    }
}

/* ---- files that are written ---- */

static bool ends_with_slash(const char *path) { return path[strlen(path) - 1] == '/'; }

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The folder that a file is in, or -1 with errno set. One that may be written but not read can be
 * used all the same.                                                                            */
static int open_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder && fd < 0 && errno == EACCES)
        fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    return fd;
}

enum tsgd_status tsgd_outfile_open(struct tsgd_outfile *out, const char *path, const char *what,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_outfile o = {.what = what, .folder = -1};
    struct stat s;
    bool there = stat(path, &s) == 0;
    int fd = -1;
    if (!(o.name = strdup(path)))
        TRY(tsgd_fail(err, TSGD_ENOMEM, "%s: no memory to write '%s'", what, path));
    if (*path && !(o.path = tsgd_follow_links(path)))
        TRY(tsgd_fail(err, TSGD_EIO, "%s: cannot write '%s': %s", what, path, strerror(errno)));
    if (!*path || ends_with_slash(path) || ends_with_slash(o.path) ||
        (there && !S_ISREG(s.st_mode)))
        TRY(tsgd_fail(err, TSGD_EIO, "%s: '%s' is not a file that can be written", what, path));
    if ((there && access(path, W_OK) != 0) || (o.folder = open_folder(o.path)) < 0)
        TRY(tsgd_fail(err, TSGD_EIO, "%s: cannot write '%s': %s", what, path, strerror(errno)));
    remove_leftovers(o.folder);
    fd = create_temp(o.folder, o.temp, there ? &s : NULL);
    if (fd < 0)
        TRY(tsgd_fail(err, TSGD_EIO, "%s: cannot write '%s': %s", what, path, strerror(errno)));
    if (!(o.f = fdopen(fd, "wb"))) {
        unlinkat(o.folder, o.temp, 0);
        close(fd);
        TRY(tsgd_fail(err, TSGD_ENOMEM, "%s: no memory to write '%s'", what, path));
    }
    *out = o;
    return TSGD_OK;
done:
    if (o.folder >= 0)
        close(o.folder);
    free(o.path);
    free(o.name);
    return st;
}

/* Some file systems cannot sync a folder, and say so; nothing more can be done there. A folder that
 * cannot be read cannot be synced alone.                                                        */
static bool sync_folder(const struct tsgd_outfile *out)
{
    if (fsync(out->folder) == 0 || errno == EINVAL || errno == ENOTSUP)
        return true;
    return errno == EBADF && syncfs(fileno(out->f)) == 0;
}

/* Renamed before it is closed, so that it is locked as long as it has its temporary name. */
enum tsgd_status tsgd_outfile_commit(struct tsgd_outfile *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    bool failed = ferror(out->f);
    static const char more[1 << 16];
    errno = 0;
    if (failed)                         /* another write tells why, if it can */
        fwrite(more, 1, sizeof more, out->f);
    if (fflush(out->f) != 0 || failed || fsync(fileno(out->f)) != 0 ||
        renameat(out->folder, out->temp, out->folder, last_part(out->path)) != 0)
        TRY(tsgd_fail(err, TSGD_EIO, "%s: cannot write '%s': %s", out->what, out->name,
                      strerror(errno ? errno : EIO)));
    out->temp[0] = 0;
    if (!sync_folder(out))
        st = tsgd_fail(err, TSGD_EIO, "%s: '%s' is written, but its folder cannot be synced: %s",
                       out->what, out->name, strerror(errno));
done:
    tsgd_outfile_abandon(out);
    return st;
}

void tsgd_outfile_abandon(struct tsgd_outfile *out)
{
    if (out->f && out->temp[0])
        unlinkat(out->folder, out->temp, 0);
    if (out->f) {
        fclose(out->f);                 /* what counts is synced */
        close(out->folder);
    }
    free(out->path);
    free(out->name);
    *out = (struct tsgd_outfile)TSGD_OUTFILE_INIT;
}

bool tsgd_is_foreign(const char *path, const char *start)
{
    char text[128];
    struct stat s;
    size_t n = strlen(start);
    if (stat(path, &s) != 0 || !S_ISREG(s.st_mode) || s.st_size == 0)
        return false;
    const char *why;
    FILE *f = tsgd_open_input(path, false, &why);
    bool same = f && fread(text, 1, n, f) == n && !memcmp(text, start, n);
    if (f)
        fclose(f);
    return !same;
}

/* ---- what is open and what is read ---- */

enum tsgd_status tsgd_check_descriptors(unsigned count, struct tsgd_error *err)
{
    int fd[1024];
    unsigned n = 0;
    if (count > sizeof fd / sizeof *fd)
        count = sizeof fd / sizeof *fd;
    while (n < count && (fd[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n++;
    int why = errno;
    for (unsigned i = 0; i < n; i++)
        close(fd[i]);
    if (n == count || (why != EMFILE && why != ENFILE))
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EIO, "%u more files can be open, want %u: %s; raise 'ulimit -n'", n,
                     count, strerror(why));
}

/* A pipe that was opened without waiting reads as if it were at its end until it has a writer. */
static void await_writer(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        ;
}

FILE *tsgd_open_input(const char *path, bool streams, const char **why)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), flags;
    FILE *f = NULL;
    if (fd < 0 || fstat(fd, &s) != 0)
        goto failed;
    if (S_ISDIR(s.st_mode)) {
        errno = EISDIR;
        goto failed;
    }
    if (!S_ISREG(s.st_mode) && !streams) {
        close(fd);
        errno = EINVAL;
        *why = "it is a pipe or a device, want a file";
        return NULL;
    }
    if (S_ISFIFO(s.st_mode))
        await_writer(fd);
    if ((flags = fcntl(fd, F_GETFL)) < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0 ||
        !(f = fdopen(fd, "rb")))
        goto failed;
    return f;
failed:
    *why = strerror(errno);
    if (fd >= 0) {
        int error = errno;
        close(fd);
        errno = error;
    }
    return NULL;
}
