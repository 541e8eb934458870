#include "compare/plot.h"

#include "base/file.h"
#include "base/lines.h"
#include "cli/human.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

/* What every picture has near its end, and after it the command. */
#define MARK "telesgd "
static const char *const commands[] = {"compare", "bench"};

enum { WIDTH = 760, PANEL = 380, LINE = 20, FEW = 12 };

/* Colours that colour-blind readers tell apart (Okabe and Ito, 2008), those that are seen best on
 * white first; with more curves than colours, dashes and points tell the rest.                  */
static const char *const colour[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00",
                                     "#56B4E9", "#000000", "#F0E442"};
static const char *const dash[] = {"1", "(14,5)", "(4,4)", "(14,4,3,4)", "(9,3,3,3,3,3)"};
static const char *const point[] = {"7", "5", "9", "13", "11", "6", "4", "8", "12"};
#define CYCLE(list, i) ((list)[(i) % (sizeof(list) / sizeof *(list))])

static const struct format { const char *ending, *terminal; double scale; } formats[] = {
    {".svg", "svg font 'Helvetica,14' background rgb 'white' dynamic size", 1},
    {".pdf", "pdfcairo font 'Helvetica,14' size", 1.0 / 72},    /* inches */
    {".png", "pngcairo font 'Helvetica,28' linewidth 2 pointscale 2 size", 2},
};

static const struct format *format_of(const char *path)
{
    const char *ending = strrchr(path, '.');
    for (size_t i = 0; ending && i < sizeof formats / sizeof *formats; i++)
        if (!strcmp(ending, formats[i].ending))
            return &formats[i];
    return NULL;
}

enum tsgd_status tsgd_plot_check_name(const char *path, struct tsgd_error *err)
{
    if (format_of(path))
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--plot: '%s' is no NAME.svg, NAME.pdf or NAME.png", path);
}

bool tsgd_plot_is_own(const char *path)
{
    char text[128];
    const char *why;
    FILE *f = tsgd_open_input(path, false, &why);
    if (!f)
        return false;
    size_t n = fseek(f, -(long)sizeof text, SEEK_END) == 0 ? fread(text, 1, sizeof text, f) : 0;
    fclose(f);
    bool own = false;
    for (size_t i = 0; i < sizeof commands / sizeof *commands && !own; i++) {
        char mark[32];
        snprintf(mark, sizeof mark, MARK "%s", commands[i]);
        own = memmem(text, n, mark, strlen(mark)) != NULL;
    }
    return own;
}

/* ---- the script ---- */

bool tsgd_panel_range(struct tsgd_range *out, const struct tsgd_plot *plot,
                      const struct tsgd_panel *panel)
{
    const struct tsgd_measure *m = &panel->measure;
    struct tsgd_range r = {INFINITY, -INFINITY, m->logarithmic};
    double above = INFINITY;            /* the least one above 0 */
    for (size_t g = 0; g < plot->n; g++)
        for (size_t i = 0; i < panel->series[g].n; i++) {
            double y = panel->series[g].mean[i];
            r.least = fmin(r.least, y);
            r.most = fmax(r.most, y);
            above = y > 0 ? fmin(above, y) : above;
        }
    r.logarithmic |= m->unit == TSGD_REAL && r.least > 0 && r.most >= 10 * r.least;
    r.logarithmic &= r.most > 0;
    if (r.logarithmic)
        r.least = above;
    *out = r;
    return r.least <= r.most;
}

/* As a string of gnuplot's in which nothing has a meaning: only a quote has one, and is doubled.
 * For a backquote, which elsewhere would start a shell, a quote stands too.                     */
static void put_quoted(FILE *f, const char *text)
{
    fputc('\'', f);
    for (; *text; text++)
        if (*text == '\'' || *text == '`')
            fputs("''", f);
        else
            text = tsgd_human_put(f, text) - 1;
    fputc('\'', f);
}

/* Counts and bytes are drawn in a unit in which the most have few digits. */
struct scale { double by; const char *unit; };

static struct scale scale_of(enum tsgd_unit unit, double most)
{
    static const char *const counts[] = {NULL, "thousand", "million", "billion", NULL};
    static const char *const bytes[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", NULL};
    const char *const *name = unit == TSGD_BYTES ? bytes : counts;
    double step = unit == TSGD_BYTES ? 1024 : 1000;
    struct scale s = {1, *name};
    if (unit == TSGD_PERCENT)
        return (struct scale){100, "%"};
    if (unit != TSGD_BYTES && unit != TSGD_COUNT)
        return s;
    while (most * s.by >= 5 * step && name[1]) {
        s.by /= step;
        s.unit = *++name;
    }
    return s;
}

static void put_label(FILE *f, const char *axis, const char *title, enum tsgd_unit unit,
                      const struct scale *s)
{
    char text[128];
    if (s->unit)
        snprintf(text, sizeof text, "%s (%s)", title, s->unit);
    else
        snprintf(text, sizeof text, "%s%s", title, unit == TSGD_SECONDS &&
                 !strstr(title, "seconds") ? " (s)" : "");
    fprintf(f, "set %slabel ", axis);
    put_quoted(f, text);
    fprintf(f, " noenhanced%s\n", *axis == 'x' ? " offset 0,0.4" : "");
}

static double most_x(const struct tsgd_plot *plot, const struct tsgd_panel *panel)
{
    double most = 0;
    for (size_t g = 0; g < plot->n; g++)
        if (panel->series[g].n > 0)
            most = fmax(most, panel->series[g].x[panel->series[g].n - 1]);
    return most;
}

static void put_data(FILE *f, const struct tsgd_series *s, size_t p, size_t g, double x, double y)
{
    fprintf(f, "$d%zu_%zu << EOD\n", p, g);
    for (size_t i = 0; i < s->n; i++)
        fprintf(f, "%.9g %.9g %.9g %.9g\n", s->x[i] * x, s->mean[i] * y, s->low[i] * y,
                s->high[i] * y);
    fputs("EOD\n", f);
}

static void put_curves(FILE *f, const struct tsgd_plot *plot, const struct tsgd_panel *panel,
                       size_t p)
{
    const char *before = "plot ";
    for (size_t g = 0; g < plot->n; g++) {
        if (!panel->series[g].has_band || panel->series[g].n < 2)
            continue;
        fprintf(f, "%s$d%zu_%zu using 1:3:4 with filledcurves fillcolor rgb '%s' fillstyle "
                "transparent solid 0.18 noborder notitle", before, p, g, CYCLE(colour, g));
        before = ", \\\n    ";
    }
    for (size_t g = 0; g < plot->n; g++) {
        size_t n = panel->series[g].n, every = n > FEW ? n / FEW : 1;
        if (n == 0)
            continue;
        fprintf(f, "%s$d%zu_%zu using 1:2 with linespoints linecolor rgb '%s' dashtype %s "
                "linewidth 2 pointtype %s pointsize 0.7 pointinterval %zu title ", before, p, g,
                CYCLE(colour, g), CYCLE(dash, g), CYCLE(point, g), every);
        put_quoted(f, plot->legend[g]);
        fputs(" noenhanced", f);
        before = ", \\\n    ";
    }
    fputc('\n', f);
}

static void put_panel(FILE *f, const struct tsgd_plot *plot, size_t p)
{
    const struct tsgd_panel *panel = &plot->panel[p];
    const struct tsgd_measure *m = &panel->measure;
    struct tsgd_range range = {0, 0, false};
    bool drawn = tsgd_panel_range(&range, plot, panel);
    struct scale x = scale_of(plot->axis->unit, most_x(plot, panel));
    struct scale y = scale_of(m->unit, range.most);
    put_label(f, "x", plot->axis->title, plot->axis->unit, &x);
    put_label(f, "y", m->title, m->unit, &y);
    fprintf(f, "set format x '%%g'\nset format y '%s'\n%s logscale y\n",
            range.logarithmic ? "10^{%T}" : "%g", range.logarithmic ? "set" : "unset");
    for (size_t g = 0; g < plot->n; g++)
        put_data(f, &panel->series[g], p, g, x.by, y.by);
    if (drawn)
        put_curves(f, plot, panel, p);
    else
        fputs("set label 1 'nothing to draw' at graph 0.5,0.5 center\n"
              "plot [0:1][0:1] NaN notitle\nunset label 1\n", f);
    fputs("unset title\n", f);
}

static size_t longest_legend(const struct tsgd_plot *plot)
{
    size_t most = 0;
    for (size_t g = 0; g < plot->n; g++)
        most = strlen(plot->legend[g]) > most ? strlen(plot->legend[g]) : most;
    return most;
}

static void put_script(FILE *f, const struct tsgd_plot *plot, const struct format *form)
{
    size_t columns = 84 / (longest_legend(plot) + 8);       /* characters that a line has */
    columns = columns < 1 ? 1 : columns > plot->n ? plot->n : columns;
    size_t lines = (plot->n + columns - 1) / columns;
    double height = (double)plot->n_panels * (PANEL + LINE * (double)lines);
    fprintf(f, "set terminal %s %g,%g\nset encoding utf8\n", form->terminal, WIDTH * form->scale,
            height * form->scale);
    fprintf(f, "set key below left Left reverse samplen 3 height 0.6 maxrows %zu\n", lines);
    fputs("set border 3 linecolor rgb '#444444'\nset tics nomirror\n"
          "set grid linecolor rgb '#dddddd' linetype 1 linewidth 0.5\n"
          "set lmargin 10\nset rmargin 3\n", f);
    if (*plot->title) {
        fputs("set title ", f);
        put_quoted(f, plot->title);
        fputs(" noenhanced\n", f);
    }
    fprintf(f, "set multiplot layout %zu,1\n", plot->n_panels);
    for (size_t p = 0; p < plot->n_panels; p++)
        put_panel(f, plot, p);
    fputs("unset multiplot\n", f);
}

/* ---- the program ---- */

/* Runs gnuplot with these files as its streams. It does not look whether it could write, so what
 * this program ignores, a file that grows too large, must end it. Returns errno, or 0 and its
 * status.                                                                                       */
static int run_gnuplot(FILE *script, FILE *picture, FILE *errors, int *status)
{
    extern char **environ;
    char *argv[] = {"gnuplot", "-d", "-", NULL};    /* -d: without the user's own settings */
    posix_spawn_file_actions_t streams;
    posix_spawnattr_t as_usual;
    pid_t child;
    sigset_t ignored_here;
    sigemptyset(&ignored_here);
    sigaddset(&ignored_here, SIGXFSZ);
    int why = posix_spawn_file_actions_init(&streams);
    if (why)
        return why;
    if ((why = posix_spawnattr_init(&as_usual)) != 0) {
        posix_spawn_file_actions_destroy(&streams);
        return why;
    }
    if (!(why = posix_spawnattr_setsigdefault(&as_usual, &ignored_here)) &&
        !(why = posix_spawnattr_setflags(&as_usual, POSIX_SPAWN_SETSIGDEF)) &&
        !(why = posix_spawn_file_actions_adddup2(&streams, fileno(script), 0)) &&
        !(why = posix_spawn_file_actions_adddup2(&streams, fileno(picture), 1)) &&
        !(why = posix_spawn_file_actions_adddup2(&streams, fileno(errors), 2)))
        why = posix_spawnp(&child, "gnuplot", &streams, &as_usual, argv, environ);
    posix_spawn_file_actions_destroy(&streams);
    posix_spawnattr_destroy(&as_usual);
    while (!why && waitpid(child, status, 0) < 0)
        why = errno == EINTR ? 0 : errno;
    return why;
}

/* The last line that says something: gnuplot repeats its input before it says what is wrong. */
static void last_line(char *text, size_t room, FILE *from)
{
    struct tsgd_lines l = {.f = from, .path = "gnuplot", .most = TSGD_LINE_OF_TEXT, .zeros = true};
    bool found = true;
    rewind(from);
    *text = 0;
    while (tsgd_lines_next(&l, &found, NULL) == TSGD_OK && found) {
        const char *begin = l.text + strspn(l.text, " \t");
        l.text[strcspn(l.text, "\n")] = 0;
        if (*begin)
            snprintf(text, room, "%s", begin);
    }
    tsgd_lines_release(&l);
}

/* The chunk goes before the last one, which is always the same. */
static bool mark_png(FILE *f, const char *command)
{
    static const unsigned char end[12] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
    char text[64];
    size_t n = (size_t)snprintf(text, sizeof text, "tEXtSoftware%c" MARK "%s", 0, command);
    unsigned long sum = crc32(0, (const unsigned char *)text, (unsigned)n);
    if (fseek(f, -(long)sizeof end, SEEK_END) != 0)
        return false;
    for (int shift = 24; shift >= 0; shift -= 8)
        fputc((int)((n - 4) >> shift & 0xff), f);
    fwrite(text, 1, n, f);
    for (int shift = 24; shift >= 0; shift -= 8)
        fputc((int)(sum >> shift & 0xff), f);
    fwrite(end, 1, sizeof end, f);
    return true;
}

/* False: the end of the file was not found. */
static bool mark(FILE *f, const char *ending, const char *command)
{
    if (!strcmp(ending, ".png"))
        return mark_png(f, command);
    if (fseek(f, 0, SEEK_END) != 0)
        return false;
    fprintf(f, !strcmp(ending, ".svg") ? "<!-- by " MARK "%s -->\n" : "%% by " MARK "%s\n",
            command);
    return true;
}

static enum tsgd_status draw(FILE *script, FILE *picture, FILE *errors, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char said[200];
    int status = 0, why = run_gnuplot(script, picture, errors, &status);
    if (why == ENOENT)
        TRY(tsgd_fail(err, TSGD_EIO, "--plot: found no program gnuplot; install it (on Debian: apt "
                      "install gnuplot-nox), or leave out --plot"));
    if (why)
        TRY(tsgd_fail(err, TSGD_EIO, "--plot: cannot run gnuplot: %s", strerror(why)));
    last_line(said, sizeof said, errors);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        TRY(tsgd_fail(err, TSGD_EIO, "--plot: gnuplot failed: %s", *said ? said : "it was killed"));
done:
    return st;
}

/* Without a plot the script is empty, and nothing is drawn or left behind. */
static enum tsgd_status write_plot(const struct tsgd_plot *plot, const char *path,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_outfile picture = TSGD_OUTFILE_INIT;
    const struct format *form = format_of(path);
    FILE *script = tmpfile(), *errors = tmpfile();
    if (!script || !errors)
        TRY(tsgd_fail(err, TSGD_EIO, "--plot: no temporary file for gnuplot: %s", strerror(errno)));
    if (plot)
        put_script(script, plot, form);
    if (fflush(script) != 0 || ferror(script) || fseek(script, 0, SEEK_SET) != 0)
        TRY(tsgd_fail(err, TSGD_EIO, "--plot: no temporary file for gnuplot: %s", strerror(errno)));
    TRY(tsgd_outfile_open(&picture, path, "--plot", err));
    TRY(draw(script, picture.f, errors, err));
    if (!plot)
        goto done;              /* and what was opened is removed */
    if (!mark(picture.f, form->ending, plot->command))
        TRY(tsgd_fail(err, TSGD_EIO, "--plot: cannot write '%s': %s", path, strerror(errno)));
    TRY(tsgd_outfile_commit(&picture, err));
done:
    tsgd_outfile_abandon(&picture);
    if (script)
        fclose(script);
    if (errors)
        fclose(errors);
    return st;
}

enum tsgd_status tsgd_plot_probe(const char *path, struct tsgd_error *err)
{
    return write_plot(NULL, path, err);
}

enum tsgd_status tsgd_plot_write(const struct tsgd_plot *plot, const char *path,
                                 struct tsgd_error *err)
{
    return write_plot(plot, path, err);
}
