/* compare/plot.h: curves of groups of runs, drawn by gnuplot into a file or in characters.
 * One thread.                                                                                   */
#ifndef TSGD_COMPARE_PLOT_H
#define TSGD_COMPARE_PLOT_H

#include "compare/curve.h"

#include <stdio.h>

/* A metric over the axis, with a series for each group. */
struct tsgd_panel {
    struct tsgd_measure measure;
    struct tsgd_series *series;     /* [plot.n] */
};

/* Panels stand one below the other. Nothing here belongs to the plot. */
struct tsgd_plot {
    const char *command;            /* that draws it: "compare" or "bench" */
    const char *title;              /* "" for none */
    const struct tsgd_xaxis *axis;
    size_t n;
    const char *const *legend;      /* [n] */
    size_t n_panels;
    const struct tsgd_panel *panel;
};

/* TSGD_EINVAL: the name ends in none of .svg, .pdf, .png. */
enum tsgd_status tsgd_plot_check_name(const char *path, struct tsgd_error *err);

/* Whether tsgd_plot_write has written the file. */
bool tsgd_plot_is_own(const char *path);

/* Whether gnuplot starts and the file can be written, for work that takes long before there is
 * anything to draw. Leaves nothing behind. Errors as tsgd_plot_write.                           */
enum tsgd_status tsgd_plot_probe(const char *path, struct tsgd_error *err);

/* Draws it through gnuplot, which is started without a shell and reads only what stands in a
 * temporary file; the picture appears whole or not at all. TSGD_EIO: gnuplot is not there or
 * failed, or something was not written; TSGD_ENOMEM.                                            */
enum tsgd_status tsgd_plot_write(const struct tsgd_plot *plot, const char *path,
                                 struct tsgd_error *err);

/* In plain characters, as wide as a page on `out` (cli/page.h). TSGD_ENOMEM. */
enum tsgd_status tsgd_plot_print(const struct tsgd_plot *plot, FILE *out, struct tsgd_error *err);

/* Least and most of the means, and whether the panel is drawn in the logarithm, because they span
 * orders of magnitude. Then they are above 0. False: there is nothing to draw.                  */
struct tsgd_range { double least, most; bool logarithmic; };
bool tsgd_panel_range(struct tsgd_range *out, const struct tsgd_plot *plot,
                      const struct tsgd_panel *panel);

#endif
