#include "base/cgroup.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* How a version names its files, and where its groups are mounted. In version 1 the memory has a
 * tree of its own, and `cache` and `shared` of a group are told with those of its children. */
struct version {
    const char *mount;
    const char *limit, *usage;
    const char *cache, *shared;     /* lines of memory.stat */
};

static const struct version versions[] = {
    {"sys/fs/cgroup", "memory.max", "memory.current", "file ", "shmem "},
    {"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache ",
     "total_shmem "},
};

/* The number behind `key` in a file of a group; false where there is none, as in a limit "max". */
static bool read_number(const char *folder, const char *file, const char *key, uint64_t *out)
{
    char path[PATH_MAX], line[256];
    bool found = false;
    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
        return false;
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    while (!found && fgets(line, sizeof line, f))
        found = !strncmp(line, key, strlen(key)) &&
                sscanf(line + strlen(key), "%" SCNu64, out) == 1;
    fclose(f);
    return found;
}

static size_t left_by(const char *folder, const struct version *v)
{
    uint64_t limit, used, cache, shared = 0;
    if (!read_number(folder, v->limit, "", &limit) || !read_number(folder, v->usage, "", &used))
        return SIZE_MAX;
    if (read_number(folder, "memory.stat", v->cache, &cache)) {
        read_number(folder, "memory.stat", v->shared, &shared);
        cache -= shared < cache ? shared : cache;
        used -= cache < used ? cache : used;
    }
    return limit > used ? limit - used : 0;
}

/* Of the group at `path` below the mount and of all that it is in, up to the mount itself. A
 * container sees its own group as the mount, and its path may be one of the host's, of which
 * nothing is there, or begin with "/..".                                                        */
static size_t left_by_all(const char *root, const struct version *v, const char *path)
{
    char folder[PATH_MAX];
    int mount = snprintf(folder, sizeof folder, "%s/%s", root, v->mount);
    if (mount >= (int)sizeof folder)
        return SIZE_MAX;
    int n = snprintf(folder + mount, sizeof folder - (size_t)mount, "%s", path);
    if (n >= (int)sizeof folder - mount || strstr(path, "/.."))
        folder[mount] = 0;
    size_t least = SIZE_MAX;
    for (;;) {
        size_t left = left_by(folder, v);
        least = left < least ? left : least;
        char *end = strrchr(folder + mount, '/');
        if (!end)
            return least;
        *end = 0;
    }
}

/* Whether a comma-separated list has this word. */
static bool lists(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (;; list++) {
        if (!strncmp(list, word, n) && (list[n] == ',' || !list[n]))
            return true;
        list = strchr(list, ',');
        if (!list)
            return false;
    }
}

size_t tsgd_cgroup_memory(const char *root)
{
    char line[PATH_MAX + 256];
    size_t least = SIZE_MAX;
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *f = fopen(line, "re");
    while (f && fgets(line, sizeof line, f)) {  /* hierarchy:controllers:path */
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'), *path;
        if (!controllers || !(path = strchr(controllers + 1, ':')))
            continue;
        *controllers++ = 0;
        *path++ = 0;
        bool unified = !strcmp(line, "0") && !*controllers;
        if (!unified && !lists(controllers, "memory"))
            continue;
        size_t left = left_by_all(root, &versions[!unified], path);
        least = left < least ? left : least;
    }
    if (f)
        fclose(f);
    return least;
}
