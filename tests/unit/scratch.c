#include "scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void scratch_enter(struct scratch *s, const char *name)
{
    snprintf(s->folder, sizeof s->folder, "/tmp/telesgd-%s-XXXXXX", name);
    cr_assert(mkdtemp(s->folder) != NULL && chdir(s->folder) == 0);
}

void scratch_leave(struct scratch *s)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", s->folder);
    cr_assert(chdir("/") == 0 && system(command) == 0);
}

void scratch_write(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    cr_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0, "%s", path);
}

/* The tests lie in build/VARIANT of the tree. */
void tree_path(char path[PATH_MAX], const char *name)
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 64);
    cr_assert(n > 0 && strlen(name) < 60);
    path[n] = 0;
    for (int up = 0; up < 3; up++)
        *strrchr(path, '/') = 0;
    strcat(strcat(path, "/"), name);
    cr_assert(access(path, R_OK) == 0, "no %s", path);
}
