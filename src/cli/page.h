/* cli/page.h: texts of the help: marked lines, which become text on a terminal or a manual page.
 *     # HEADING
 *     a paragraph, as one line however long it is
 *     = NAME<tab>what it means
 *         four spaces: a line that is kept as it is
 * Nothing here is changed by the calls. One thread.                                             */
#ifndef TSGD_CLI_PAGE_H
#define TSGD_CLI_PAGE_H

#include <stdbool.h>
#include <stdio.h>

enum tsgd_block_kind { TSGD_HEADING, TSGD_PARAGRAPH, TSGD_ITEM, TSGD_CODE };

/* A line of such a text, without its mark. */
struct tsgd_block {
    enum tsgd_block_kind kind;
    const char *name, *text;    /* name: of an item */
    int name_length, length;
};

/* The line at *at, and moves on to the next; false at the end. */
bool tsgd_block_next(struct tsgd_block *out, const char **at);

/* Columns that lines on this stream may have: its terminal's, else COLUMNS, else 0: any number. */
int tsgd_page_limit(FILE *out);

/* Columns of a page on this stream: its terminal's, else COLUMNS, else 96; from 40 to 100. */
int tsgd_page_columns(FILE *out);

/* Length characters of text from `column` on; further lines are indented and fit the columns. Ends
 * the last line.                                                                                */
void tsgd_page_wrap(FILE *out, const char *text, int length, int column, int indent);

/* A name, and from column `indent` on what it means, wrapped. On a narrow page the meaning begins
 * on a line of its own, further to the left.                                                    */
void tsgd_page_item(FILE *out, const char *name, const char *text, int indent);

/* A whole text. */
void tsgd_page_print(FILE *out, const char *text);

#endif
