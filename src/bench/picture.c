#include "bench/picture.h"

#include "base/mem.h"
#include "compare/plot.h"

enum { MEASURED, AS_MANY, CURVES };

static enum tsgd_status reserve(struct tsgd_series *s, size_t n, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(TSGD_NEW(&s->x, n, "a curve", err));
    TRY(TSGD_NEW(&s->mean, n, "a curve", err));
    TRY(TSGD_NEW(&s->low, n, "a curve", err));
    TRY(TSGD_NEW(&s->high, n, "a curve", err));
done:
    return st;
}

static void put(struct tsgd_series *s, double x, double low, double middle, double high)
{
    s->x[s->n] = x;
    s->low[s->n] = low;
    s->mean[s->n] = middle;
    s->high[s->n++] = high;
}

/* The spread is of the rates; all are told as multiples of the median with one thread. */
enum tsgd_status tsgd_bench_picture(const struct tsgd_bench *b, const char *title, const char *path,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    static const struct tsgd_xaxis axis = {"threads", "threads", TSGD_COUNT, {NULL, NULL}};
    struct tsgd_series series[CURVES] = {TSGD_SERIES_INIT, TSGD_SERIES_INIT};
    struct tsgd_panel panel = {.measure = {.name = "speed_up", .title = "times one thread",
                                           .unit = TSGD_COUNT}, .series = series};
    char legend[96] = "";
    const char *const legends[CURVES] = {legend, "as many times"};
    for (int i = 0; i < CURVES; i++)
        TRY(reserve(&series[i], b->n, err));
    for (size_t i = 0; i < b->n; i++) {
        const struct tsgd_figure *f = &b->figure[i];
        if (f->group != TSGD_FIGURE_THREADS)
            continue;
        double one = f->median / f->share;
        put(&series[MEASURED], f->size, f->least / one, f->share, f->most / one);
        put(&series[AS_MANY], f->size, f->size, f->size, f->size);
        snprintf(legend, sizeof legend, "%s, %llu tokens", f->name,
                 (unsigned long long)b->tokens);
    }
    series[MEASURED].has_band = true;
    const struct tsgd_plot plot = {"bench", title, &axis, CURVES, legends, 1, &panel};
    TRY(tsgd_plot_write(&plot, path, err));
done:
    for (int i = 0; i < CURVES; i++)
        tsgd_series_release(&series[i]);
    return st;
}
