/* Curves in plain characters. */
#include "compare/plot.h"

#include "base/mem.h"
#include "cli/human.h"
#include "cli/page.h"
#include "compare/sheet.h"

#include <math.h>
#include <string.h>

enum { HEIGHT = 18, MARGIN = 12 };

static const char marks[] = "*o+x#@%&ABCDEFGHIJKLMNOPQRSTUVWXYZ";

static char mark_of(size_t g)
{
    return marks[g % (sizeof marks - 1)];
}

/* Where a panel's values are drawn. */
struct frame {
    int width;
    double from, to;            /* of x */
    struct tsgd_range y;
    char *cell;                 /* [HEIGHT][width] */
};

static double on_scale(const struct frame *f, double y)
{
    return f->y.logarithmic ? log10(y) : y;
}

/* The row of a value, from the top. */
static int row_of(const struct frame *f, double y)
{
    double low = on_scale(f, f->y.least), high = on_scale(f, f->y.most);
    double share = high > low ? (on_scale(f, y) - low) / (high - low) : 0.5;
    return HEIGHT - 1 - (int)(share * (HEIGHT - 1) + 0.5);
}

/* In every column in which the series can be told. */
static void draw(struct frame *f, const struct tsgd_series *s, const struct tsgd_measure *m,
                 char mark)
{
    const struct tsgd_curve c = {s->n, s->x, s->mean};
    bool between;
    for (size_t i = 0; i < s->n; i++) {
        double share = f->to > f->from ? (s->x[i] - f->from) / (f->to - f->from) : 0;
        if (s->mean[i] >= f->y.least)
            f->cell[row_of(f, s->mean[i]) * f->width + (int)(share * (f->width - 1) + 0.5)] = mark;
    }
    for (int column = 0; column < f->width; column++) {
        double x = f->from + (f->to - f->from) * column / (f->width - 1);
        double y = tsgd_curve_at(&c, x, m->logarithmic, &between);
        if (y >= f->y.least && y <= f->y.most)      /* false for NaN */
            f->cell[row_of(f, y) * f->width + column] = mark;
    }
}

static void print_frame(const struct frame *f, const struct tsgd_plot *plot,
                        const struct tsgd_measure *m, FILE *out)
{
    char text[2][TSGD_HUMAN];
    for (int row = 0; row < HEIGHT; row++) {
        double share = 1 - row / (double)(HEIGHT - 1);
        double low = on_scale(f, f->y.least), high = on_scale(f, f->y.most);
        double y = low + share * (high - low);
        bool told = row % 4 == 0 || row == HEIGHT - 1;
        fprintf(out, "%*s %c%.*s\n", MARGIN - 2,
                told ? tsgd_unit_text(f->y.logarithmic ? pow(10, y) : y, m->unit, text[0]) : "",
                told ? '+' : '|', f->width, f->cell + (ptrdiff_t)row * f->width);
    }
    fprintf(out, "%*s+", MARGIN - 1, "");
    for (int column = 0; column < f->width; column++)
        fputc('-', out);
    tsgd_unit_text(f->from, plot->axis->unit, text[0]);
    tsgd_unit_text(f->to, plot->axis->unit, text[1]);
    fprintf(out, "\n%*s%s%*s\n", MARGIN, "", text[0], f->width - (int)strlen(text[0]), text[1]);
}

static enum tsgd_status print_panel(const struct tsgd_plot *plot, const struct tsgd_panel *panel,
                                    FILE *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct frame f = {.width = tsgd_page_columns(out) - MARGIN, .from = INFINITY, .to = -INFINITY};
    const struct tsgd_measure *m = &panel->measure;
    fprintf(out, "\n%s%s over %s%s\n", m->title, m->unit == TSGD_PERCENT ? " (%)" : "",
            plot->axis->title, tsgd_panel_range(&f.y, plot, panel) ? "" : ": nothing to draw");
    if (!(f.y.least <= f.y.most))
        return TSGD_OK;
    TRY(TSGD_NEW(&f.cell, (size_t)HEIGHT * (size_t)f.width, "a plot", err));
    memset(f.cell, ' ', (size_t)HEIGHT * (size_t)f.width);
    for (size_t g = 0; g < plot->n; g++) {
        const struct tsgd_series *s = &panel->series[g];
        f.from = s->n > 0 ? fmin(f.from, s->x[0]) : f.from;
        f.to = s->n > 0 ? fmax(f.to, s->x[s->n - 1]) : f.to;
    }
    for (size_t g = 0; g < plot->n; g++)
        draw(&f, &panel->series[g], m, mark_of(g));
    print_frame(&f, plot, m, out);
done:
    free(f.cell);
    return st;
}

enum tsgd_status tsgd_plot_print(const struct tsgd_plot *plot, FILE *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    for (size_t p = 0; p < plot->n_panels; p++)
        TRY(print_panel(plot, &plot->panel[p], out, err));
    for (size_t g = 0; g < plot->n; g++) {
        fprintf(out, "%*s%c  ", MARGIN, "", mark_of(g));
        tsgd_human_print(out, plot->legend[g]);
        fputc('\n', out);
    }
done:
    return st;
}
