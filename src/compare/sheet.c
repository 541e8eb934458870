#include "compare/sheet.h"

#include "base/memstream.h"
#include "cli/human.h"
#include "cli/table.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- filling it ---- */

static void add_column(struct tsgd_sheet *s, const char *key, const char *heading,
                       enum tsgd_unit unit, bool is_text)
{
    struct tsgd_sheet_column *more = realloc(s->column, (s->columns + 1) * sizeof *more);
    if (more)
        s->column = more;
    if (more) {
        s->column[s->columns] = (struct tsgd_sheet_column){strdup(heading), strdup(key), unit,
                                                           is_text};
        s->failed |= !s->column[s->columns].heading || !s->column[s->columns].key;
        s->columns++;
    }
    s->failed |= !more;
}

void tsgd_sheet_texts(struct tsgd_sheet *s, const char *key, const char *heading)
{
    add_column(s, key, heading, TSGD_REAL, true);
}

void tsgd_sheet_numbers(struct tsgd_sheet *s, const char *key, enum tsgd_unit unit,
                        const char *heading)
{
    add_column(s, key, heading, unit, false);
}

static void add_cell(struct tsgd_sheet *s, struct tsgd_sheet_cell cell)
{
    struct tsgd_sheet_cell *more = realloc(s->cell, (s->cells + 1) * sizeof *more);
    if (more) {
        s->cell = more;
        s->cell[s->cells++] = cell;
    } else {
        free(cell.text);
        s->failed = true;
    }
}

void tsgd_sheet_text(struct tsgd_sheet *s, const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        s->failed = true;
    else
        add_cell(s, (struct tsgd_sheet_cell){.text = tsgd_human_text(text)});
    va_end(args);
}

void tsgd_sheet_stat(struct tsgd_sheet *s, struct tsgd_stat stat, const char *sign)
{
    add_cell(s, (struct tsgd_sheet_cell){.stat = stat, .sign = sign});
}

void tsgd_sheet_release(struct tsgd_sheet *s)
{
    for (size_t i = 0; i < s->columns; i++) {
        free(s->column[i].heading);
        free(s->column[i].key);
    }
    for (size_t i = 0; i < s->cells; i++)
        free(s->cell[i].text);
    free(s->column);
    free(s->cell);
    *s = (struct tsgd_sheet)TSGD_SHEET_INIT;
}

/* ---- text ---- */

/* Numbers that have no place as a count are shown as reals. */
static const char *count_text(double x, char *text)
{
    if (x < 1e18)
        return tsgd_human_count((uint64_t)(x + 0.5), text);
    snprintf(text, TSGD_HUMAN, "%.4g", x);
    return text;
}

const char *tsgd_unit_text(double x, enum tsgd_unit unit, char *text)
{
    switch (unit) {
    case TSGD_COUNT: return count_text(x, text);
    case TSGD_BYTES: return tsgd_human_bytes(x, text);
    case TSGD_PERCENT: snprintf(text, TSGD_HUMAN, x < 1e9 ? "%.2f" : "%.4g", 100 * x); break;
    case TSGD_REAL: snprintf(text, TSGD_HUMAN, "%.4g", x); break;
    case TSGD_SECONDS: snprintf(text, TSGD_HUMAN, x >= 1 && x < 1e9 ? "%.2f" : "%.3g", x); break;
    }
    return text;
}

/* "~75.84 +- 0.31 %". A spread of 0 is left away where it is the rule. */
static void write_stat(FILE *to, const struct tsgd_sheet_cell *cell, enum tsgd_unit unit)
{
    char mean[TSGD_HUMAN], sd[TSGD_HUMAN];
    const struct tsgd_stat *s = &cell->stat;
    bool exact = s->sd == 0 && (unit == TSGD_COUNT || unit == TSGD_BYTES);
    if (isnan(s->mean)) {
        fputc('-', to);
        return;
    }
    fprintf(to, "%s%s", cell->sign, tsgd_unit_text(s->mean, unit, mean));
    if (!isnan(s->sd) && !exact && unit == TSGD_REAL)
        fprintf(to, " +- %.2g", s->sd);
    else if (!isnan(s->sd) && !exact)
        fprintf(to, " +- %s", tsgd_unit_text(s->sd, unit, sd));
    if (unit == TSGD_PERCENT)
        fputs(" %", to);
}

/* The caller frees it; NULL: no memory. */
static char *cell_text(const struct tsgd_sheet *s, size_t i)
{
    char *text = NULL;
    size_t bytes;
    assert(s->columns > 0);
    if (s->cell[i].text)
        return strdup(s->cell[i].text);
    FILE *f = open_memstream(&text, &bytes);
    if (f)
        write_stat(f, &s->cell[i], s->column[i % s->columns].unit);
    (void)tsgd_memstream_close(f, &text);
    return text;
}

static enum tsgd_status print_text(const struct tsgd_sheet *s, FILE *out, struct tsgd_error *err)
{
    struct tsgd_table t = TSGD_TABLE_INIT(s->columns);
    for (size_t i = 0; i < s->columns; i++)
        tsgd_table_add(&t, "%s", s->column[i].heading);
    for (size_t i = 0; i < s->cells; i++) {
        char *text = cell_text(s, i);
        t.failed |= !text;
        tsgd_table_add(&t, "%s", text ? text : "");
        free(text);
    }
    enum tsgd_status st = tsgd_table_print(&t, out, err);
    tsgd_table_release(&t);
    return st;
}

/* ---- CSV ---- */

void tsgd_put_csv(FILE *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++)
        fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', out);
}

static void put_number(FILE *out, double x)
{
    if (!isnan(x))
        fprintf(out, "%.10g", x);
}

static void print_csv(const struct tsgd_sheet *s, bool headings, FILE *out)
{
    for (size_t i = 0; i < s->columns && headings; i++) {
        const struct tsgd_sheet_column *c = &s->column[i];
        fprintf(out, "%s%s", i ? "," : "", c->key);
        if (!c->is_text)
            fprintf(out, ",%s_sd", c->key);
    }
    if (headings)
        fputc('\n', out);
    assert(s->columns > 0 || s->cells == 0);
    for (size_t i = 0; i < s->cells; i++) {
        const struct tsgd_sheet_column *c = &s->column[i % s->columns];
        const struct tsgd_sheet_cell *cell = &s->cell[i];
        fputs(i % s->columns ? "," : "", out);
        if (cell->text) {
            tsgd_put_csv(out, cell->text);
        } else {
            put_number(out, cell->stat.mean);
            fputc(',', out);
            put_number(out, cell->stat.sd);
        }
        if (cell->text && !c->is_text)
            fputc(',', out);
        if ((i + 1) % s->columns == 0)
            fputc('\n', out);
    }
}

/* ---- LaTeX ---- */

/* Whether a number in scientific form starts here, "1e-05"; its length up to the e. */
static size_t mantissa(const char *text, const char *start)
{
    size_t n = strspn(text, "0123456789.");
    bool inside = text > start && strchr("0123456789.", text[-1]);
    return n > 0 && !inside && text[n] == 'e' && strchr("+-", text[n + 1]) && text[n + 1] ? n : 0;
}

static void put_latex(FILE *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        size_t n = mantissa(c, text);
        if (n > 0) {
            char *end;
            long power = strtol(c + n + 1, &end, 10);
            fprintf(out, "$%.*s \\cdot 10^{%ld}$", (int)n, c, power);
            c = end - 1;
        } else if (!strncmp(c, "+-", 2)) {
            fputs("$\\pm$", out);
            c++;
        } else if (!strncmp(c, "<=", 2)) {
            fputs("$\\le$", out);
            c++;
        } else if (*c == '~') {
            fputs("$\\sim$", out);
        } else if (*c == '\\') {
            fputs("\\textbackslash{}", out);
        } else if (*c == '^') {
            fputs("\\textasciicircum{}", out);
        } else if (*c == '<' || *c == '>') {
            fprintf(out, "$%c$", *c);
        } else {
            fprintf(out, "%s%c", strchr("&%$#_{}", *c) ? "\\" : "", *c);
        }
    }
}

static enum tsgd_status print_latex(const struct tsgd_sheet *s, FILE *out, struct tsgd_error *err)
{
    fputs("% needs \\usepackage{booktabs}\n\\begin{tabular}{", out);
    for (size_t i = 0; i < s->columns; i++)
        fputc(i == 0 || (s->column[i].is_text && i + 1 == s->columns) ? 'l' : 'r', out);
    fputs("}\n\\toprule\n", out);
    for (size_t i = 0; i < s->columns; i++) {
        put_latex(out, s->column[i].heading);
        fputs(i + 1 < s->columns ? " & " : " \\\\\n\\midrule\n", out);
    }
    assert(s->columns > 0 || s->cells == 0);
    for (size_t i = 0; i < s->cells; i++) {
        char *text = cell_text(s, i);
        if (!text)
            return tsgd_fail(err, TSGD_ENOMEM, "no memory for a table");
        put_latex(out, text);
        free(text);
        fputs((i + 1) % s->columns ? " & " : " \\\\\n", out);
    }
    fputs("\\bottomrule\n\\end{tabular}\n", out);
    return TSGD_OK;
}

enum tsgd_status tsgd_sheet_print(const struct tsgd_sheet *s, enum tsgd_sheet_form form,
                                  bool headings, FILE *out, struct tsgd_error *err)
{
    if (s->failed)
        return tsgd_fail(err, TSGD_ENOMEM, "no memory for a table");
    switch (form) {
    case TSGD_SHEET_TEXT: return print_text(s, out, err);
    case TSGD_SHEET_LATEX: return print_latex(s, out, err);
    case TSGD_SHEET_CSV: break;
    }
    print_csv(s, headings, out);
    return TSGD_OK;
}
