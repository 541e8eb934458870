/* tests/unit/scratch.h: for tests of scripts: an empty folder to work in, and where the tree is. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <limits.h>
#include <stddef.h>

struct scratch {
    char folder[64];
};

/* A new folder under /tmp, with `name` in its name, becomes the working directory. */
void scratch_enter(struct scratch *s, const char *name);

/* Removes it, with all that is in it. */
void scratch_leave(struct scratch *s);

void scratch_write(const char *path, const void *bytes, size_t n);

/* `name` in the tree that the tests were built in; it is there and can be read. */
void tree_path(char path[PATH_MAX], const char *name);

#endif
