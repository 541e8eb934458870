/* compare/sheet.h: a table of texts and of means with their deviations, as text, CSV or LaTeX.
 * One thread.                                                                                   */
#ifndef TSGD_COMPARE_SHEET_H
#define TSGD_COMPARE_SHEET_H

#include "compare/curve.h"

#include <stdio.h>

enum tsgd_sheet_form { TSGD_SHEET_TEXT, TSGD_SHEET_CSV, TSGD_SHEET_LATEX };

struct tsgd_sheet_column {
    char *heading;              /* for people */
    char *key;                  /* for CSV; then KEY_sd holds the deviations */
    enum tsgd_unit unit;
    bool is_text;
};

struct tsgd_sheet_cell {
    char *text;                 /* or a number: */
    struct tsgd_stat stat;
    const char *sign;           /* "", "~" or "<=", before it */
};

/* Row after row. */
struct tsgd_sheet {
    size_t columns, cells;
    struct tsgd_sheet_column *column;
    struct tsgd_sheet_cell *cell;
    bool failed;                /* no memory for something */
};
#define TSGD_SHEET_INIT {.columns = 0}

/* Columns are added first. */
void tsgd_sheet_texts(struct tsgd_sheet *s, const char *key, const char *heading);
void tsgd_sheet_numbers(struct tsgd_sheet *s, const char *key, enum tsgd_unit unit,
                        const char *heading);

/* The next cell of the row, or the first of the next row. */
void tsgd_sheet_text(struct tsgd_sheet *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void tsgd_sheet_stat(struct tsgd_sheet *s, struct tsgd_stat stat, const char *sign);

/* The heading of a number: "1,234", "1.50 MiB". */
const char *tsgd_unit_text(double x, enum tsgd_unit unit, char *text);

/* A text table is folded to the width of the terminal. Of several CSV tables with the same columns
 * only the first wants its headings. TSGD_ENOMEM: something is lacking, nothing was printed.    */
enum tsgd_status tsgd_sheet_print(const struct tsgd_sheet *s, enum tsgd_sheet_form form,
                                  bool headings, FILE *out, struct tsgd_error *err);

void tsgd_sheet_release(struct tsgd_sheet *s);

/* A field of CSV: in quotes where it must be (RFC 4180). */
void tsgd_put_csv(FILE *out, const char *text);

#endif
