#include "cli/table.h"

#include "cli/human.h"
#include "cli/page.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Columns between two cells, and what further lines of a broken cell are indented by. */
enum { GAP = 2 };

void tsgd_table_add(struct tsgd_table *t, const char *format, ...)
{
    va_list args;
    char *text = NULL, **more = realloc(t->cell, (t->cells + 1) * sizeof *more);
    if (more)
        t->cell = more;
    va_start(args, format);
    if (!more || vasprintf(&text, format, args) < 0)
        t->failed = true;
    else
        t->cell[t->cells++] = tsgd_human_text(text);
    va_end(args);
}

/* Characters of UTF-8 text. */
static int characters(const char *text, size_t bytes)
{
    int n = 0;
    for (size_t i = 0; i < bytes; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static int width(const struct tsgd_table *t, size_t column)
{
    int most = 0;
    for (size_t i = column; i < t->cells; i += t->columns) {
        int n = characters(t->cell[i], strlen(t->cell[i]));
        most = n > most ? n : most;
    }
    return most;
}

static void pad(FILE *out, int columns)
{
    fprintf(out, "%*s", columns > 0 ? columns : 0, "");
}

/* Bytes of the text that fit into so many columns: all, or up to a space, best behind a comma. */
static size_t fitting(const char *text, int columns)
{
    size_t bytes = 0, at_space = 0, at_comma = 0;
    while (text[bytes] && characters(text, bytes + 1) <= columns) {
        bytes++;
        if (text[bytes] == ' ')
            *(text[bytes - 1] == ',' ? &at_comma : &at_space) = bytes;
    }
    while (((unsigned char)text[bytes] & 0xc0) == 0x80)
        bytes++;
    if (!text[bytes])
        return bytes;
    return at_comma ? at_comma : at_space ? at_space : bytes ? bytes : strlen(text);
}

/* A row's cells of columns from..to-1 behind its first one, which is `first` wide; the others have
 * the widths `wide`.                                                                            */
static void print_row(const struct tsgd_table *t, size_t row, size_t from, size_t to, int first,
                      const int *wide, FILE *out)
{
    char *const *cell = &t->cell[row * t->columns];
    const char *rest = cell[0];
    size_t n = fitting(rest, first);
    fwrite(rest, 1, n, out);
    while (to > from && !*cell[to - 1])
        to--;                   /* no blanks at a line's end */
    pad(out, from < to ? first - characters(rest, n) : 0);
    for (size_t c = from; c < to; c++) {
        int free_columns = wide[c] - characters(cell[c], strlen(cell[c]));
        bool to_the_left = c + 1 == t->columns;
        pad(out, GAP + (to_the_left ? 0 : free_columns));
        fputs(cell[c], out);
    }
    fputc('\n', out);
    for (rest += n; *rest; rest += n) {
        rest += strspn(rest, " ");
        n = fitting(rest, first - GAP);
        fprintf(out, "%*s%.*s\n", GAP, "", (int)n, rest);
    }
}

enum tsgd_status tsgd_table_print(const struct tsgd_table *t, FILE *out, struct tsgd_error *err)
{
    int *wide = t->failed ? NULL : malloc(t->columns * sizeof *wide);
    if (!wide)
        return tsgd_fail(err, TSGD_ENOMEM, "no memory for a table");
    for (size_t c = 0; c < t->columns; c++)
        wide[c] = width(t, c);
    int limit = tsgd_page_limit(out), all = wide[0], first = all;
    for (size_t c = 1; c < t->columns; c++)
        all += GAP + wide[c];
    limit = limit ? limit : INT_MAX;
    if (all > limit && first > limit / 2)
        first = limit / 2 > 2 * GAP ? limit / 2 : 2 * GAP;
    for (size_t from = 1, to; from == 1 || from < t->columns; from = to) {
        int used = first;
        for (to = from; to < t->columns && (to == from || used + GAP + wide[to] <= limit); to++)
            used += GAP + wide[to];
        if (from > 1)
            fputc('\n', out);
        for (size_t row = 0; row * t->columns < t->cells; row++)
            print_row(t, row, from, to, first, wide, out);
    }
    free(wide);
    return TSGD_OK;
}

void tsgd_table_release(struct tsgd_table *t)
{
    for (size_t i = 0; i < t->cells; i++)
        free(t->cell[i]);
    free(t->cell);
    *t = (struct tsgd_table)TSGD_TABLE_INIT(t->columns);
}
