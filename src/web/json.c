#include "web/json.h"

#include "base/json.h"
#include "cli/human.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* "<" within a text would let it end the script element; nowhere else does JSON have one. */
static void put(FILE *out, const char *text)
{
    for (; *text; text++)
        if (*text == '<')
            fputs("\\u003c", out);
        else
            putc(*text, out);
}

void tsgd_web_json(struct tsgd_web *w, const json_t *value)
{
    char *text = tsgd_json_text(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    if (text)
        put(w->out, text);
    else
        w->no_memory = true;
    free(text);
}

void tsgd_web_text(struct tsgd_web *w, const char *text)
{
    char *copy = strdup(text);
    json_t *value = copy ? json_string(tsgd_human_text(copy)) : NULL;
    tsgd_web_json(w, value);
    json_decref(value);
    free(copy);
}

static bool is_whole(double x)
{
    return x == floor(x) && fabs(x) < 1e15;
}

void tsgd_web_number(FILE *out, double x, int digits)
{
    char text[40], *e;
    if (x - x != 0) {
        fputs("null", out);
        return;
    }
    if (is_whole(x))
        snprintf(text, sizeof text, "%.0f", x);
    else
        snprintf(text, sizeof text, "%.*g", digits, x);
    e = strchr(text, 'e');              /* e-05 becomes e-5 */
    if (e && e[2] == '0')
        memmove(e + 2, e + 3, strlen(e + 3) + 1);
    fputs(text, out);
}

/* Of values, or of what each is more than the one before. */
static double step(const double *x, size_t i, bool differences)
{
    return differences ? x[i] - (i ? x[i - 1] : 0) : x[i];
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static size_t runs_of(const double *x, size_t n, bool differences)
{
    size_t runs = n > 0;
    for (size_t i = 1; i < n; i++)
        runs += !same(step(x, i, differences), step(x, i - 1, differences));
    return runs;
}

static void put_runs(FILE *out, const double *x, size_t n, bool differences)
{
    fputs(differences ? "{\"d\":[" : "{\"v\":[", out);
    for (size_t i = 0, length; i < n; i += length) {
        for (length = 1; i + length < n; length++)
            if (!same(step(x, i, differences), step(x, i + length, differences)))
                break;
        fputs(i ? "," : "", out);
        tsgd_web_number(out, step(x, i, differences), 5);
        fprintf(out, ",%zu", length);
    }
    fputs("]}", out);
}

/* Whether steps in units of a small part of the largest number keep enough of the smallest; then
 * *places are behind the point.                                                                 */
static bool has_unit(const double *x, size_t n, int *places)
{
    double most = 0, least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs(x[i]));
        least = fmin(least, fabs(x[i]));
        if (!(fabs(x[i]) > 1e-30 && fabs(x[i]) < 1e30))
            return false;
    }
    *places = n ? 4 - (int)floor(log10(most)) : 0;
    return n > 0 && least >= most / 10;
}

static void put_steps(FILE *out, const double *x, size_t n, int places)
{
    double before = 0;
    fputs("{\"s\":[", out);
    for (size_t i = 0; i < n; i++) {
        double now = round(x[i] * pow(10, places));
        fputs(i ? "," : "", out);
        tsgd_web_number(out, now - before, 5);
        before = now;
    }
    fprintf(out, "],\"e\":%d}", places);
}

void tsgd_web_column(FILE *out, const double *x, size_t n)
{
    bool whole = true;
    int places = 0;
    for (size_t i = 0; i < n; i++)
        whole &= is_whole(x[i]);
    size_t values = runs_of(x, n, false), differences = whole ? runs_of(x, n, true) : n;
    if (2 * values < n && values <= differences) {
        put_runs(out, x, n, false);
    } else if (2 * differences < n) {
        put_runs(out, x, n, true);
    } else if (whole || has_unit(x, n, &places)) {
        put_steps(out, x, n, places);
    } else {
        putc('[', out);
        for (size_t i = 0; i < n; i++) {
            fputs(i ? "," : "", out);
            tsgd_web_number(out, x[i], 5);
        }
        putc(']', out);
    }
}
