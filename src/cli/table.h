/* cli/table.h: text in columns: the first and the last to the left, the others to the right. */
#ifndef TSGD_CLI_TABLE_H
#define TSGD_CLI_TABLE_H

#include "base/status.h"

#include <stdio.h>

struct tsgd_table {
    size_t columns, cells;
    char **cell;                    /* row after row; the first row holds the headings */
    bool failed;                    /* no memory for a cell */
};
#define TSGD_TABLE_INIT(columns) {(columns), 0, NULL, false}

/* The next cell of the row, or the first of the next row; control characters become '?'. */
void tsgd_table_add(struct tsgd_table *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A table that is wider than the lines of the stream (tsgd_page_limit) is folded: columns that do
 * not fit follow below with the first column again, and a long first column is broken at spaces.
 * TSGD_ENOMEM: a cell is lacking, nothing was printed.                                          */
enum tsgd_status tsgd_table_print(const struct tsgd_table *t, FILE *out, struct tsgd_error *err);

void tsgd_table_release(struct tsgd_table *t);

#endif
