#include "cli/page.h"

#include "base/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum { LEAST = 40, MOST = 100, USUAL = 96, NARROW = 70 };

bool tsgd_block_next(struct tsgd_block *out, const char **at)
{
    const char *line = *at;
    if (!*line)
        return false;
    int length = (int)strcspn(line, "\n");
    *at = line + length + (line[length] == '\n');
    *out = (struct tsgd_block){TSGD_PARAGRAPH, NULL, line, 0, length};
    if (!strncmp(line, "# ", 2) || !strncmp(line, "= ", 2)) {
        out->kind = *line == '#' ? TSGD_HEADING : TSGD_ITEM;
        out->text += 2;
        out->length -= 2;
    } else if (!strncmp(line, "    ", 4)) {
        out->kind = TSGD_CODE;
        out->text += 4;
        out->length -= 4;
    }
    if (out->kind == TSGD_ITEM) {
        const char *tab = strchr(out->text, '\t');
        out->name = out->text;
        out->name_length = (int)(tab - out->name);
        out->length -= out->name_length + 1;
        out->text = tab + 1;
    }
    return true;
}

int tsgd_page_limit(FILE *out)
{
    struct winsize w;
    const char *text = getenv("COLUMNS");
    uint64_t columns;
    if (ioctl(fileno(out), TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
        return w.ws_col;
    return text && tsgd_parse_u64(text, &columns) && columns < INT_MAX ? (int)columns : 0;
}

int tsgd_page_columns(FILE *out)
{
    int limit = tsgd_page_limit(out), columns = limit ? limit : USUAL;
    return columns < LEAST ? LEAST : columns > MOST ? MOST : columns;
}

void tsgd_page_wrap(FILE *out, const char *text, int length, int column, int indent)
{
    const char *end = text + length;
    int columns = tsgd_page_columns(out);
    for (const char *p = text; p < end; p += strspn(p, " ")) {
        int n = (int)strcspn(p, " ");
        n = n > end - p ? (int)(end - p) : n;
        if (p > text && column + 1 + n > columns)
            column = fprintf(out, "\n%*s", indent, "") - 1;
        else if (p > text)
            column += fprintf(out, " ");
        column += fprintf(out, "%.*s", n, p);
        p += n;
        if (p == end)
            break;
    }
    fputc('\n', out);
}

static void item(FILE *out, const char *name, int name_length, const char *text, int length,
                 int indent)
{
    if (tsgd_page_columns(out) < NARROW && indent > 12)
        indent = 8;
    int column = fprintf(out, "  %.*s", name_length, name);
    if (column + 2 > indent) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", indent - column, "");
    tsgd_page_wrap(out, text, length, indent, indent);
}

void tsgd_page_item(FILE *out, const char *name, const char *text, int indent)
{
    item(out, name, (int)strlen(name), text, (int)strlen(text), indent);
}

void tsgd_page_print(FILE *out, const char *text)
{
    struct tsgd_block b;
    int margin = 0;
    bool again = false;         /* the line before was a paragraph too */
    while (tsgd_block_next(&b, &text)) {
        if (b.kind == TSGD_HEADING || (b.kind == TSGD_PARAGRAPH && again))
            fputc('\n', out);
        switch (b.kind) {
        case TSGD_HEADING:
            fprintf(out, "%.*s\n", b.length, b.text);
            margin = 2;
            break;
        case TSGD_PARAGRAPH:
            fprintf(out, "%*s", margin, "");
            tsgd_page_wrap(out, b.text, b.length, margin, margin);
            break;
        case TSGD_ITEM:
            item(out, b.name, b.name_length, b.text, b.length, 12);
            break;
        case TSGD_CODE:
            fprintf(out, "    %.*s\n", b.length, b.text);
            break;
        }
        again = b.kind == TSGD_PARAGRAPH;
    }
}
