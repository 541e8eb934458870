#include "fuzz/fuzz.h"

#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLOTS = 8 };

static struct {
    int fd;                     /* 0: not yet made */
    char path[32];
} slot[SLOTS];

static char folder[256];

/* Stands before tsgd_mem_check (the linker's --wrap). */
enum tsgd_status __real_tsgd_mem_check(size_t bytes, const char *what, const char *remedy,
                                       struct tsgd_error *err);
enum tsgd_status __wrap_tsgd_mem_check(size_t bytes, const char *what, const char *remedy,
                                       struct tsgd_error *err);

enum tsgd_status __wrap_tsgd_mem_check(size_t bytes, const char *what, const char *remedy,
                                       struct tsgd_error *err)
{
    if (bytes > FUZZ_MEMORY && bytes != SIZE_MAX)
        return tsgd_fail(err, TSGD_ENOMEM, "%s: needs %zu bytes, %d are available; %s", what, bytes,
                         FUZZ_MEMORY, remedy);
    return __real_tsgd_mem_check(bytes, what, remedy, err);
}

_Noreturn void fuzz_broken(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

const char *fuzz_file(int number, const void *bytes, size_t n)
{
    if (!slot[number].fd) {
        slot[number].fd = memfd_create("fuzz", MFD_CLOEXEC);
        MUST(slot[number].fd > 0);
        snprintf(slot[number].path, sizeof slot[number].path, "/proc/self/fd/%d", slot[number].fd);
    }
    MUST(ftruncate(slot[number].fd, 0) == 0);
    MUST(pwrite(slot[number].fd, bytes, n, 0) == (ssize_t)n);
    return slot[number].path;
}

static void remove_folder(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "cannot remove '%s'\n", folder);
}

const char *fuzz_folder(const char *const *name)
{
    char path[400];
    const char *under = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/telesgd-fuzz-XXXXXX", under ? under : "/tmp");
    MUST(mkdtemp(folder));
    atexit(remove_folder);
    for (int i = 0; name[i]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, name[i]);
        MUST(symlink(fuzz_file(i, "", 0), path) == 0);
    }
    return folder;
}

bool fuzz_words(struct fuzz_words *out, const char *path, const uint8_t **data, size_t *size)
{
    char *line = out->text, *end;
    if (*size > FUZZ_MOST_TEXT)
        return false;
    memcpy(out->text, *data, *size);
    out->text[*size] = 0;
    for (out->n = 0; *line && strncmp(line, "---\n", 4); line = end) {
        size_t length = strcspn(line, "\n");
        end = line + length + (line[length] == '\n');
        line[length] = 0;
        if (out->n == FUZZ_MOST_WORDS)
            return false;
        if (length && line[length - 1] == '@') {
            char *named = out->named[out->n];
            int n = snprintf(named, sizeof out->named[0], "%.*s%s", (int)length - 1, line, path);
            if ((size_t)n >= sizeof out->named[0])
                return false;
            line = named;
        }
        out->word[out->n++] = line;
    }
    size_t used = (size_t)(line - out->text) + (*line ? 4 : 0);
    *data += used;
    *size -= used;
    return true;
}

void fuzz_refused(enum tsgd_status st, const struct tsgd_error *err)
{
    MUST(st != TSGD_OK && st == err->status);
    if (getenv("FUZZ_SAY"))
        fprintf(stderr, "refused: %s\n", err->text);
    MUST(err->text[0] && memchr(err->text, 0, sizeof err->text));
    fuzz_look(err->text, strlen(err->text));
}

void fuzz_look(const void *bytes, size_t n)
{
    static volatile unsigned odd;
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((const uint8_t *)bytes)[i];
    if (sum & 1)
        odd++;
}

uint8_t fuzz_byte(const uint8_t **data, size_t *size)
{
    if (*size == 0)
        return 0;
    --*size;
    return *(*data)++;
}
