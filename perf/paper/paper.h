/* perf/paper/paper.h: what the programs that run the paper's figures share: training one setting,
 * mean and spread over seeds, tables. They have nobody to hand an error to, so it prints its
 * sentence and exits. Threads: the main thread alone. Tables go to stdout, progress to stderr.  */
#ifndef PAPER_H
#define PAPER_H

#include "sim/settings.h"
#include "telesgd.h"

/* FULL=1 in the environment: all seeds and step sizes, and longer runs. */
bool paper_full(void);

/* ---- one run ---- */

struct paper_run {
    struct tsgd_eval *eval;     /* in round order; those before the divergence, if it diverged */
    size_t count;
    bool diverged;
};

/* Trains; counts as diverged what telesgd says has diverged. The caller releases it. */
void paper_train(struct paper_run *out, struct tsgd_settings *s);

/* The same for `count` settings at once, which keeps the cores busy where a run of one thread is
 * faster than one of many.                                                                      */
void paper_train_all(struct paper_run *out, struct tsgd_settings *const *s, size_t count);
void paper_release(struct paper_run *r);

/* A line on stderr: what is being run now. */
void paper_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- statistics ---- */

/* Over the finite values among n; the others are counted as missing. */
struct paper_stat {
    size_t found, missing;
    double mean;                /* NaN if none is finite */
    double spread;              /* sample standard deviation (n - 1); NaN for fewer than two */
};
struct paper_stat paper_stat(const double *value, size_t n);

/* Which of two is better: fewer missing first, then the smaller mean, or the larger. */
bool paper_less(struct paper_stat a, struct paper_stat b);
bool paper_more(struct paper_stat a, struct paper_stat b);

/* "12.3 +- 0.4", "12.3 +- 0.4 (2 of 3)" with some missing, "-" with none found. */
const char *paper_text(struct paper_stat s, int decimals, char *out, size_t size);

/* ---- tables ---- */

/* Rows of cells; the first row is the heading. Columns are as wide as their widest cell, the first
 * `left` of them flush left. Release prints nothing.                                            */
struct paper_table {
    size_t left, rows;
    char **row;
};

/* Cells are separated by tabs. */
void paper_row(struct paper_table *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void paper_print(struct paper_table *t);        /* and release it */

#endif
