#include "cli/table.h"

#include "cli/human.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

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

static int width(const struct tsgd_table *t, size_t column)
{
    size_t most = 0;
    for (size_t i = column; i < t->cells; i += t->columns)
        most = strlen(t->cell[i]) > most ? strlen(t->cell[i]) : most;
    return (int)most;
}

enum tsgd_status tsgd_table_print(const struct tsgd_table *t, FILE *out, struct tsgd_error *err)
{
    if (t->failed)
        return tsgd_fail(err, TSGD_ENOMEM, "no memory for a table");
    for (size_t i = 0; i < t->cells; i++) {
        size_t column = i % t->columns;
        if (column + 1 == t->columns)
            fprintf(out, "%s\n", t->cell[i]);
        else
            fprintf(out, "%*s  ", column == 0 ? -width(t, column) : width(t, column), t->cell[i]);
    }
    return TSGD_OK;
}

void tsgd_table_release(struct tsgd_table *t)
{
    for (size_t i = 0; i < t->cells; i++)
        free(t->cell[i]);
    free(t->cell);
    *t = (struct tsgd_table)TSGD_TABLE_INIT(t->columns);
}
