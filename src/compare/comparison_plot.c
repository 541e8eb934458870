/* The pictures of telesgd compare. */
#include "compare/comparison.h"

#include "base/mem.h"
#include "cli/human.h"
#include "compare/plot.h"

/* Points of a curve, at most. */
enum { DRAWN = 300 };

static void release_panels(struct tsgd_panel *panel, size_t n, size_t groups)
{
    for (size_t p = 0; panel && p < n; p++) {
        for (size_t g = 0; panel[p].series && g < groups; g++)
            tsgd_series_release(&panel[p].series[g]);
        free(panel[p].series);
    }
    free(panel);
}

static enum tsgd_status fill_panel(struct tsgd_panel *panel, struct tsgd_comparison *c,
                                   const struct tsgd_measure *m, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    panel->measure = *m;
    TRY(tsgd_comparison_curves(c, m, err));
    TRY(TSGD_NEW(&panel->series, c->groups.n, "curves", err));
    for (size_t g = 0; g < c->groups.n; g++)
        if (tsgd_comparison_shows(c, g, m))
            TRY(tsgd_series_create(&panel->series[g], c->curve, c->groups.group[g].run,
                                   c->groups.group[g].counted, DRAWN, m, err));
done:
    return st;
}

enum tsgd_status tsgd_comparison_draw(struct tsgd_comparison *c, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_panel *panel = NULL;
    const char **legend = NULL;
    TRY(TSGD_NEW(&panel, c->n_measures, "curves", err));
    TRY(TSGD_NEW(&legend, c->groups.n, "curves", err));
    for (size_t i = 0; i < c->n_measures; i++)
        TRY(fill_panel(&panel[i], c, &c->measure[i], err));
    for (size_t g = 0; g < c->groups.n; g++)
        legend[g] = c->groups.group[g].legend;
    const struct tsgd_plot plot = {"compare", c->groups.title, c->axis, c->groups.n, legend,
                                   c->n_measures, panel};
    if (c->s->ascii)
        TRY(tsgd_plot_print(&plot, stdout, err));
    if (c->s->plot) {
        TRY(tsgd_plot_write(&plot, c->s->plot, err));
        if (c->form == TSGD_SHEET_TEXT) {
            fputs("\nwritten  ", stdout);
            tsgd_human_print(stdout, c->s->plot);
            fputc('\n', stdout);
        }
    }
done:
    release_panels(panel, c->n_measures, c->groups.n);
    free(legend);
    return st;
}
