#include "paper.h"

#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool paper_full(void)
{
    const char *full = getenv("FULL");
    return full && !strcmp(full, "1");
}

static void *grow(void *p, size_t bytes)
{
    void *more = realloc(p, bytes);
    if (!more) {
        fprintf(stderr, "no memory for %zu bytes\n", bytes);
        exit(1);
    }
    return more;
}

/* ---- one run ---- */

static bool keep(const struct tsgd_eval *eval, void *user)
{
    struct paper_run *r = user;
    if ((r->count & (r->count - 1)) == 0)       /* room is the next power of two */
        r->eval = grow(r->eval, (r->count ? 2 * r->count : 1) * sizeof *r->eval);
    r->eval[r->count++] = *eval;
    return false;
}

struct job {
    pthread_t thread;
    struct tsgd_run *run;
    struct paper_run *out;
    enum tsgd_status st;
    struct tsgd_error err;
};

static void check(enum tsgd_status st, const struct tsgd_error *err)
{
    if (st == TSGD_OK || st == TSGD_EDIVERGED)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static void *train(void *arg)
{
    struct job *j = arg;
    struct tsgd_summary end;
    j->st = tsgd_run_train(j->run, keep, j->out, &end, &j->err);
    return NULL;
}

void paper_train_all(struct paper_run *out, struct tsgd_settings *const *s, size_t count)
{
    struct job *job = grow(NULL, count * sizeof *job);
    for (size_t i = 0; i < count; i++) {        /* creating is for one thread at a time */
        out[i] = (struct paper_run){.count = 0};
        job[i].out = &out[i];
        check(tsgd_run_create(&job[i].run, s[i], &job[i].err), &job[i].err);
    }
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&job[i].thread, NULL, train, &job[i])) {
            fprintf(stderr, "cannot start thread %zu of %zu\n", i + 1, count);
            exit(1);
        }
    for (size_t i = 0; i < count; i++) {
        pthread_join(job[i].thread, NULL);
        check(job[i].st, &job[i].err);
        out[i].diverged = job[i].st == TSGD_EDIVERGED;
        tsgd_run_free(job[i].run);
    }
    free(job);
}

void paper_train(struct paper_run *out, struct tsgd_settings *s)
{
    paper_train_all(out, &s, 1);
}

void paper_release(struct paper_run *r)
{
    free(r->eval);
    *r = (struct paper_run){.count = 0};
}

void paper_progress(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* ---- statistics ---- */

struct paper_stat paper_stat(const double *value, size_t n)
{
    struct paper_stat s = {.mean = NAN, .spread = NAN};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(value[i])) {
            sum += value[i];
            s.found++;
        }
    s.missing = n - s.found;
    if (s.found > 0)
        s.mean = sum / (double)s.found;
    for (size_t i = 0; i < n; i++)
        if (isfinite(value[i]))
            squares += (value[i] - s.mean) * (value[i] - s.mean);
    if (s.found > 1)
        s.spread = sqrt(squares / (double)(s.found - 1));
    return s;
}

/* sign 1: the smaller mean is better; -1: the larger. */
static bool better(struct paper_stat a, struct paper_stat b, double sign)
{
    if (a.found == 0 || b.found == 0)
        return a.found > b.found;
    if (a.missing != b.missing)
        return a.missing < b.missing;
    return sign * a.mean < sign * b.mean;
}

bool paper_less(struct paper_stat a, struct paper_stat b) { return better(a, b, 1); }
bool paper_more(struct paper_stat a, struct paper_stat b) { return better(a, b, -1); }

const char *paper_text(struct paper_stat s, int decimals, char *out, size_t size)
{
    char spread[32] = "", some[32] = "";
    if (s.found == 0)
        return "-";
    if (s.found > 1)
        snprintf(spread, sizeof spread, " +- %.*f", decimals, s.spread);
    if (s.missing > 0)
        snprintf(some, sizeof some, " (%zu of %zu)", s.found, s.found + s.missing);
    snprintf(out, size, "%.*f%s%s", decimals, s.mean, spread, some);
    return out;
}

/* ---- tables ---- */

enum { COLUMNS = 16, LINE = 512 };

void paper_row(struct paper_table *t, const char *format, ...)
{
    char *row = grow(NULL, LINE);
    va_list args;
    va_start(args, format);
    vsnprintf(row, LINE, format, args);
    va_end(args);
    t->row = grow(t->row, (t->rows + 1) * sizeof *t->row);
    t->row[t->rows++] = row;
}

/* Length of the cell at *at, which moves to the next one, or to NULL after the last. */
static int cell(const char **at)
{
    size_t n = strcspn(*at, "\t");
    *at = (*at)[n] ? *at + n + 1 : NULL;
    return (int)n;
}

void paper_print(struct paper_table *t)
{
    int width[COLUMNS] = {0};
    for (size_t r = 0; r < t->rows; r++) {
        const char *at = t->row[r];
        for (size_t c = 0; at && c < COLUMNS; c++) {
            int n = cell(&at);
            width[c] = n > width[c] ? n : width[c];
        }
    }
    for (size_t r = 0; r < t->rows; r++) {
        const char *at = t->row[r];
        for (size_t c = 0; at && c < COLUMNS; c++) {
            const char *text = at;
            int n = cell(&at), pad = width[c] - n;
            bool left = c < t->left;
            printf("%s%*s%.*s%*s", c ? "  " : "", left ? 0 : pad, "", n, text,
                   left && at ? pad : 0, "");
        }
        putchar('\n');
        free(t->row[r]);
    }
    free(t->row);
    *t = (struct paper_table){.left = t->left};
    fflush(stdout);
}
