/* tests/faults/tree.h: all files of a folder in memory, to be compared and put back; and what a run
 * writes without what clocks and chance of scheduling put into it.                              */
#ifndef TESTS_FAULTS_TREE_H
#define TESTS_FAULTS_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct tree_file {
    char *path;                     /* within the folder; of a folder with a '/' at its end */
    char *bytes;                    /* with a zero byte behind them */
    size_t n;
};

struct tree {
    struct tree_file *file;         /* in the order of their paths */
    size_t n;
};

/* All of these end the process with a sentence when the machine does not let them work. */
struct tree tree_read(const char *folder);
void tree_release(struct tree *t);

/* Makes the folder hold these files and nothing else. */
void tree_restore(const struct tree *t, const char *folder);

/* After its files were put together by hand. */
void tree_sort(struct tree *t);

/* NULL: it is not there. */
const struct tree_file *tree_find(const struct tree *t, const char *path);

/* What was written, or printed, with '#' in place of what differs from one run to the next: wall
 * times, shares of them, steals, sleeps and dates in JSON lines, CSV and reports, and how many
 * threads a run of a sweep got; of what is told of the machine, as far as it can be found out; and
 * of checkpoints, which change no result. What ranks add is left out. The caller frees it. A file
 * that was cut anywhere gives the start of what the whole one gives.                            */
struct tree_file tree_mask(const struct tree_file *f);
/* Where a file first differs from another, in a few words. */
void tree_differ(const struct tree_file *got, const struct tree_file *want, char *out, size_t room);

/* In the log of a search the lines of its candidates may change places. */
bool tree_same(const struct tree_file *a, const struct tree_file *b);
bool tree_has_line(const struct tree_file *f, const char *line, size_t n);
bool tree_starts(const struct tree_file *part, const struct tree_file *whole);

#endif
