/* Gives every kept input to its target: replay CORPUS, where CORPUS/NAME/ holds those of target
 * NAME. Each target has a process of its own, which prints nothing unless it fails; then the input
 * that ended it is named, and the exit status is 1. So it is when a target has no inputs, or inputs
 * have no target.                                                                               */
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TARGET(name) int fuzz_##name(const uint8_t *data, size_t size);
#include "fuzz/list.h"
#undef TARGET

static const struct {
    const char *name;
    int (*run)(const uint8_t *data, size_t size);
} targets[] = {
#define TARGET(name) {#name, fuzz_##name},
#include "fuzz/list.h"
#undef TARGET
};
enum { TARGETS = sizeof targets / sizeof *targets, MOST_PATH = PATH_MAX + 300 };

static int visible(const struct dirent *e) { return e->d_name[0] != '.'; }

/* The names in a folder; their number, or -1. */
static int names_in(const char *folder, struct dirent ***out)
{
    int n = scandir(folder, out, visible, alphasort);
    if (n < 0)
        fprintf(stderr, "replay: cannot read '%s'\n", folder);
    return n;
}

static void run_file(size_t target, const char *path)
{
    static uint8_t data[1 << 20];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(data, 1, sizeof data, f) : sizeof data;
    if (n == sizeof data) {
        fprintf(stderr, "replay: cannot read '%s'\n", path);
        exit(1);
    }
    fclose(f);
    uint8_t *exact = malloc(n ? n : 1);     /* so that a sanitizer sees who reads beyond it */
    memcpy(exact, data, n);
    targets[target].run(exact, n);
    free(exact);
}

/* In the process of the target: each name before it is read, so that the last one is to blame. */
static void run_all(size_t target, const char *folder, struct dirent **file, int n, FILE *said,
                    int names)
{
    dup2(fileno(said), STDERR_FILENO);
    if (!freopen("/dev/null", "w", stdout))
        exit(1);
    for (int i = 0; i < n; i++) {
        char path[MOST_PATH] = "";
        snprintf(path, sizeof path, "%s/%s", folder, file[i]->d_name);
        if (pwrite(names, path, sizeof path, 0) < 0)
            exit(1);
        run_file(target, path);
    }
    exit(0);            /* what was left to do at the end is done, leaks are looked for */
}

static bool replay(size_t target, const char *corpus)
{
    char folder[PATH_MAX], last[MOST_PATH] = "", text[4096];
    struct dirent **file = NULL;
    int status = 1;
    snprintf(folder, sizeof folder, "%s/%s", corpus, targets[target].name);
    int n = names_in(folder, &file);
    FILE *said = tmpfile(), *names = tmpfile();
    fflush(NULL);
    pid_t child = n > 0 && said && names ? fork() : -1;
    if (child == 0)
        run_all(target, folder, file, n, said, fileno(names));
    bool good = child > 0 && waitpid(child, &status, 0) == child && status == 0;
    if (good) {
        printf("replay: %-14s %d inputs\n", targets[target].name, n);
    } else {
        if (names)
            (void)!pread(fileno(names), last, sizeof last, 0);
        fprintf(stderr, "replay: target %s failed (status %#x, %d inputs) at '%s'\n",
                targets[target].name, (unsigned)status, n, last);
        if (said)
            rewind(said);
        for (size_t got; said && (got = fread(text, 1, sizeof text, said)) > 0;)
            fwrite(text, 1, got, stderr);
    }
    if (said)
        fclose(said);
    if (names)
        fclose(names);
    for (int i = 0; i < n; i++)
        free(file[i]);
    free(file);
    return good;
}

static bool is_target(const char *name)
{
    for (size_t i = 0; i < TARGETS; i++)
        if (!strcmp(name, targets[i].name))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    struct dirent **folder = NULL;
    int n = argc == 2 ? names_in(argv[1], &folder) : -1;
    bool good = n >= 0;
    for (int i = 0; i < n; i++) {
        if (!is_target(folder[i]->d_name)) {
            fprintf(stderr, "replay: no target for '%s/%s'\n", argv[1], folder[i]->d_name);
            good = false;
        }
        free(folder[i]);
    }
    free(folder);
    for (size_t i = 0; i < TARGETS && n >= 0; i++)
        good &= replay(i, argv[1]);
    return good ? 0 : 1;
}
