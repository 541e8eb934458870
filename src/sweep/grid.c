#include "sweep/grid.h"

#include "base/file.h"
#include "base/text.h"
#include "cli/parse.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MOST_VALUES = 100000, MOST_RUNS = 1000000, MOST_NAME = 180 };

/* A section: "" is what stands before the first one. */
struct tsgd_part {
    char *name;                 /* of the section of runs; of [tune X] it is X, of [tune] "" */
    bool tunes;
    struct tsgd_axis *axis;     /* [n] */
    size_t n;
    bool fixed;                 /* the command line has taken something out of it */
};

struct reading {
    struct tsgd_grid *g;
    size_t values;                      /* of all axes together; a short range has many */
    struct tsgd_settings *tried;        /* takes every value once, to see whether it is one */
};

static enum tsgd_status keep(struct tsgd_grid *g, char **out, const char *text, size_t length,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_HOLD(&g->holding, out, length + 1, "the sweep file", err);
    if (st == TSGD_OK)
        memcpy(*out, text, length);
    return st;
}

/* Room for one more at the end of a list, whose other n move along. */
static enum tsgd_status grow(struct tsgd_grid *g, void **list, size_t n, size_t size,
                             struct tsgd_error *err)
{
    void *more = NULL;
    if (n & (n - 1))
        return TSGD_OK;         /* room is a power of two */
    enum tsgd_status st = tsgd_hold(&g->holding, &more, n ? 2 * n : 1, size, "the sweep file", err);
    if (st != TSGD_OK)
        return st;
    if (n)
        memcpy(more, *list, n * size);
    *list = more;
    return TSGD_OK;
}

/* ---- the file ---- */

static struct tsgd_part *find_part(const struct tsgd_grid *g, bool tunes, const char *name)
{
    for (size_t i = 0; i < g->n_parts; i++)
        if (g->part[i].tunes == tunes && !strcmp(g->part[i].name, name))
            return &g->part[i];
    return NULL;
}

static bool is_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-_+", *c))
            return false;
    return *name && strlen(name) <= 40;
}

/* "tune" and "tune NAME" are about what is chosen. */
static const char *name_of(const char *section, bool *tunes)
{
    *tunes = !strncmp(section, "tune", 4) && (!section[4] || section[4] == ' ');
    return *tunes ? section + 4 + strspn(section + 4, " ") : section;
}

/* The part that a section's heading stands for, made when it is new. */
static enum tsgd_status open_part(struct tsgd_part **out, struct tsgd_grid *g, const char *section,
                                  const char *where, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    bool tunes;
    const char *name = name_of(section, &tunes);
    *out = find_part(g, tunes, name);
    if (*out)
        return TSGD_OK;
    if (!tunes && !strncasecmp(name, "tune", 4) && (!name[4] || name[4] == ' '))
        TRY(tsgd_fail(err, TSGD_EINVAL, "%s: section '%.60s', want 'tune' in small letters", where,
                      section));
    if (*name && !is_name(name))
        TRY(tsgd_fail(err, TSGD_EINVAL, "%s: section '%.60s', want a name of at most 40 letters, "
                      "digits, -, _ and +", where, section));
    TRY(grow(g, (void **)&g->part, g->n_parts, sizeof *g->part, err));
    g->part[g->n_parts] = (struct tsgd_part){.tunes = tunes};
    TRY(keep(g, &g->part[g->n_parts].name, name, strlen(name), err));
    *out = &g->part[g->n_parts++];
done:
    return st;
}

static struct tsgd_axis *find_axis(const struct tsgd_part *part,
                                   const struct tsgd_setting_row *row)
{
    for (size_t i = 0; part && i < part->n; i++)
        if (part->axis[i].row == row)
            return &part->axis[i];
    return NULL;
}

static enum tsgd_status find_row(const struct tsgd_setting_row **out, const char *name,
                                 const char *where, struct tsgd_error *err)
{
    const struct tsgd_setting_row *row = tsgd_setting_find(name, TSGD_FOR_TRAIN);
    const char *near = row ? NULL : tsgd_setting_nearest(name, TSGD_FOR_TRAIN);
    if (near)
        return tsgd_fail(err, TSGD_EINVAL, "%s: unknown setting '%.60s'; did you mean '%s'?", where,
                         name, near);
    if (!row)
        return tsgd_fail(err, TSGD_EINVAL, "%s: unknown setting '%.60s'", where, name);
    if (row->effect == TSGD_EFFECT_OUTPUT || row->owner == TSGD_OWNER_PROGRAM)
        return tsgd_fail(err, TSGD_EINVAL, "%s: '%s' is not for a sweep, which names its files "
                         "itself", where, name);
    *out = row;
    return TSGD_OK;
}

static enum tsgd_status too_many_values(const char *where, struct tsgd_error *err)
{
    return tsgd_fail(err, TSGD_EINVAL, "%s: more than %d values, with those before it", where,
                     MOST_VALUES);
}

static enum tsgd_status add_value(struct reading *r, struct tsgd_axis *a, const char *text,
                                  size_t length, const char *where, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (r->values == MOST_VALUES)
        TRY(too_many_values(where, err));
    TRY(grow(r->g, (void **)&a->value, a->n, sizeof *a->value, err));
    TRY(keep(r->g, &a->value[a->n], text, length, err));
    a->n++;
    r->values++;
done:
    return st;
}

/* "0..4" of a setting that is a whole number; false: it is no range. */
static bool is_range(const struct tsgd_setting_row *row, const char *text, size_t length,
                     uint64_t *first, uint64_t *last)
{
    char room[64], *dots;
    if (row->type != TSGD_TYPE_COUNT || length >= sizeof room)
        return false;
    memcpy(room, text, length);
    room[length] = 0;
    dots = strstr(room, "..");
    if (!dots)
        return false;
    *dots = 0;
    return tsgd_parse_u64(room, first) && tsgd_parse_u64(dots + 2, last);
}

static enum tsgd_status add_item(struct reading *r, struct tsgd_axis *a, const char *text,
                                 size_t length, const char *where, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    uint64_t first, last;
    char number[24];
    if (!is_range(a->row, text, length, &first, &last))
        return add_value(r, a, text, length, where, err);
    if (last < first)
        TRY(tsgd_fail(err, TSGD_EINVAL, "%s: '%.*s' runs backwards, want the lesser number first",
                      where, (int)length, text));
    if (last - first >= MOST_VALUES)
        TRY(too_many_values(where, err));
    for (uint64_t i = first; i <= last; i++) {
        int n = snprintf(number, sizeof number, "%" PRIu64, i);
        TRY(add_value(r, a, number, (size_t)n, where, err));
    }
done:
    return st;
}

/* Where the item ends: at a comma that a space follows, or at the end. */
static size_t item_length(const char *text)
{
    size_t n = 0;
    while (text[n] && !(text[n] == ',' && (text[n + 1] == ' ' || text[n + 1] == '\t')))
        n++;
    return n;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum tsgd_status check_twice(const struct tsgd_axis *a, const char *where,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char **sorted = NULL;
    TRY(TSGD_NEW(&sorted, a->n, "the sweep file", err));
    memcpy(sorted, a->value, a->n * sizeof *sorted);
    qsort(sorted, a->n, sizeof *sorted, by_text);
    for (size_t i = 1; i < a->n; i++)
        if (!strcmp(sorted[i - 1], sorted[i]))
            TRY(tsgd_fail(err, TSGD_EINVAL, "%s: '%.80s' stands there twice", where, sorted[i]));
done:
    free(sorted);
    return st;
}

/* Every value is one of the setting's, and no two are the same. */
static enum tsgd_status check_values(struct reading *r, struct tsgd_axis *a, const char *where,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t id = (size_t)(a->row - tsgd_setting_rows);
    for (size_t i = 0; i < a->n; i++) {
        TRY(tsgd_settings_give(r->tried, a->row, a->value[i], where, err));
        const char *text = r->tried->text[id];
        TRY(keep(r->g, &a->value[i], text, strlen(text), err));     /* in its usual form */
    }
    TRY(check_twice(a, where, err));
done:
    return st;
}

/* What is reported must not have been chosen by the samples that it is reported on, nor by what is
 * a setting or another one each time.                                                           */
static enum tsgd_status set_by(struct tsgd_grid *g, const char *name, const char *where,
                               struct tsgd_error *err)
{
    static const char *const useless[] = {"lr", "wall_seconds"};
    bool bad = !strncmp(name, "test_", 5);
    for (size_t i = 0; i < sizeof useless / sizeof *useless; i++)
        bad |= !strcmp(name, useless[i]);
    if (bad)
        return tsgd_fail(err, TSGD_EINVAL, "%s: '%.40s' is nothing to choose by; want a metric of "
                         "held out samples (validation_loss, validation_accuracy, ..), of a "
                         "quadratic, or what a run spends", where, name);
    return tsgd_metric_find(&g->by, name, where, err);
}

static enum tsgd_status add_axis(struct reading *r, struct tsgd_part *part,
                                 const struct tsgd_setting_row *row, const char *value,
                                 const char *where, unsigned line, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_grid *g = r->g;
    struct tsgd_axis a = {.row = row, .line = line};
    for (const char *text = value;;) {
        size_t length = item_length(text), end = length;
        while (end > 0 && isspace((unsigned char)text[end - 1]))
            end--;
        TRY(add_item(r, &a, text, end, where, err));
        if (!text[length])
            break;
        text += length + 1;
        text += strspn(text, " \t");
    }
    struct tsgd_error why;
    st = check_values(r, &a, where, &why);
    if (st != TSGD_OK)
        TRY(tsgd_fail(err, st, "%s%s", why.text, strchr(value, ',') && a.n == 1 ?
                      " (a list has a comma and a space between its values)" : ""));
    TRY(grow(g, (void **)&part->axis, part->n, sizeof *part->axis, err));
    part->axis[part->n++] = a;
done:
    return st;
}

static enum tsgd_status read_line(void *user, unsigned line, const char *section, const char *name,
                                  const char *value, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct reading *r = user;
    struct tsgd_part *part = NULL;
    const struct tsgd_setting_row *row = NULL;
    char at[400], where[512];
    snprintf(at, sizeof at, "%.300s:%u", r->g->path, line);
    if (!name && !*section)
        TRY(tsgd_fail(err, TSGD_EINVAL, "%s: section '', want a name", at));
    TRY(open_part(&part, r->g, section, at, err));
    if (!name)
        return TSGD_OK;                 /* the heading alone */
    snprintf(where, sizeof where, "%s: %.60s", at, name);
    if (part->tunes && !strcmp(name, "by"))
        return set_by(r->g, value, where, err);
    TRY(find_row(&row, name, at, err));
    if (find_axis(part, row))
        TRY(tsgd_fail(err, TSGD_EINVAL, "%s: stands there twice; want one line, with values "
                      "separated by a comma and a space", where));
    TRY(add_axis(r, part, row, value, where, line, err));
done:
    return st;
}

static enum tsgd_status read_file(struct reading *r, struct tsgd_error *err)
{
    const char *path = r->g->path;
    const char *why;
    FILE *f = tsgd_open_input(path, true, &why);
    if (!f)
        return tsgd_fail(err, TSGD_EIO, "cannot read '%.200s': %s", path, why);
    int first = getc(f);
    ungetc(first, f);
    enum tsgd_status st = first == '{' ?
        tsgd_fail(err, TSGD_EFORMAT, "%.200s: looks like a log; want a sweep file, lines 'name = "
                  "value'", path) :
        tsgd_config_lines(f, path, true, read_line, r, err);
    fclose(f);
    return st;
}

/* ---- what the command line says in its place ---- */

static void remove_axis(struct tsgd_part *part, const struct tsgd_setting_row *row)
{
    struct tsgd_axis *a = find_axis(part, row);
    if (!a)
        return;
    part->fixed = true;
    part->n--;
    memmove(a, a + 1, (size_t)(part->axis + part->n - a) * sizeof *a);
}

/* Seeds that choices are made by stay: they are not those of the runs. */
static void remove_everywhere(struct tsgd_grid *g, const struct tsgd_setting_row *row)
{
    for (size_t i = 0; i < g->n_parts; i++)
        if (!g->part[i].tunes || row != &tsgd_setting_rows[TSGD_SET_seed])
            remove_axis(&g->part[i], row);
}

static enum tsgd_status change(struct reading *r, const char *text, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_setting_row *row = NULL;
    struct tsgd_part *part = NULL;
    char name[128];
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || *text == '.' || (size_t)(equals - text) >= sizeof name)
        TRY(tsgd_fail(err, TSGD_EINVAL, "'%.80s' is not NAME=VALUE", text));
    memcpy(name, text, (size_t)(equals - text));
    name[equals - text] = 0;
    char *dot = strchr(name, '.');
    if (dot)
        *dot = 0;
    if (dot) {
        bool tunes;
        const char *section = name_of(name, &tunes);
        part = find_part(r->g, tunes, section);
        if (!part)
            TRY(tsgd_fail(err, TSGD_EINVAL, "%.80s: '%.200s' has no section '%s'", text, r->g->path,
                          name));
        if (tunes && !strcmp(dot + 1, "by"))
            return set_by(r->g, equals + 1, text, err);
    }
    TRY(find_row(&row, dot ? dot + 1 : name, text, err));
    if (dot) {
        remove_axis(part, row);
    } else {
        remove_everywhere(r->g, row);
        part = &r->g->part[0];
    }
    TRY(add_axis(r, part, row, equals + 1, text, 0, err));
done:
    return st;
}

/* ---- the runs ---- */

/* What one section's runs are made of. */
struct plan {
    const char *section;
    const struct tsgd_axis *axis[TSGD_SETTINGS], *tuned[TSGD_SETTINGS], *seed, *tune_seed;
    const struct tsgd_axis *candidate[TSGD_SETTINGS];   /* one value each, of candidates alone */
    size_t n_axes, n_tuned, n_candidate;
};

static bool is_seed(const struct tsgd_axis *a)
{
    return a->row == &tsgd_setting_rows[TSGD_SET_seed];
}

/* How long candidates are trained, and what is held out and measured, is their own affair; nobody
 * would choose the shortest one.                                                                */
static bool is_length(const struct tsgd_setting_row *row)
{
    return !strcmp(row->shown.group, tsgd_setting_rows[TSGD_SET_validation].shown.group);
}

struct place { char text[256]; };

/* Where an axis was given. */
static struct place place_of(const struct tsgd_grid *g, const struct tsgd_axis *a)
{
    struct place p = {"the command line"};
    if (a->line)
        snprintf(p.text, sizeof p.text, "%.200s:%u", g->path, a->line);
    return p;
}

static enum tsgd_status check_candidate(const struct tsgd_grid *g, const struct tsgd_axis *a,
                                        struct tsgd_error *err)
{
    if (a->n == 1)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "%s: %s has %zu values in section tune, want one: it is not "
                     "chosen, but how every candidate is trained or measured", place_of(g, a).text,
                     a->row->shown.name, a->n);
}

static enum tsgd_status check_tuned(const struct tsgd_grid *g, const struct plan *p,
                                    const struct tsgd_axis *tuned, struct tsgd_error *err)
{
    for (size_t i = 0; i < p->n_axes; i++)
        if (p->axis[i]->row == tuned->row)
            return tsgd_fail(err, TSGD_EINVAL, "%s: %s is chosen in section tune, %s; want it in "
                             "one place", place_of(g, p->axis[i]).text, tuned->row->shown.name,
                             place_of(g, tuned).text);
    return TSGD_OK;
}

/* A section's own axis stands in place of that of the whole file. */
static void collect(struct plan *p, const struct tsgd_part *all, const struct tsgd_part *own)
{
    const struct tsgd_part *part[] = {all, own};
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; part[i] && j < part[i]->n; j++) {
            const struct tsgd_axis *a = &part[i]->axis[j];
            if (part[i] == all && own && own != all && find_axis(own, a->row))
                continue;
            if (is_seed(a))
                p->seed = a;
            else
                p->axis[p->n_axes++] = a;
        }
}

static enum tsgd_status check_seeds(const struct tsgd_grid *g, const struct plan *p,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char **sorted = NULL, *zero = "0";
    char *const *reported = p->seed ? p->seed->value : &zero;
    size_t n = p->seed ? p->seed->n : 1;
    if (!p->tune_seed)
        TRY(tsgd_fail(err, TSGD_EINVAL, "%.200s: section tune has no seed; want seeds of its own, "
                      "so that what is chosen is reported on other ones", g->path));
    TRY(TSGD_NEW(&sorted, n, "the sweep file", err));
    memcpy(sorted, reported, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_text);
    for (size_t i = 0; i < p->tune_seed->n; i++)
        if (bsearch(&p->tune_seed->value[i], sorted, n, sizeof *sorted, by_text))
            TRY(tsgd_fail(err, TSGD_EINVAL, "%s: seed %s chooses and is reported too; want other "
                          "seeds in section tune", place_of(g, p->tune_seed).text,
                          p->tune_seed->value[i]));
done:
    free(sorted);
    return st;
}

static enum tsgd_status collect_tuned(struct plan *p, const struct tsgd_grid *g,
                                      struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_part *all = find_part(g, true, "");
    const struct tsgd_part *own = *p->section ? find_part(g, true, p->section) : NULL;
    const struct tsgd_part *part[] = {all, own};
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; part[i] && j < part[i]->n; j++) {
            const struct tsgd_axis *a = &part[i]->axis[j];
            if (part[i] == all && find_axis(own, a->row))
                continue;
            if (is_seed(a))
                p->tune_seed = a;
            else if (is_length(a->row))
                p->candidate[p->n_candidate++] = a;
            else
                p->tuned[p->n_tuned++] = a;
        }
    for (size_t i = 0; i < p->n_tuned; i++)
        TRY(check_tuned(g, p, p->tuned[i], err));
    for (size_t i = 0; i < p->n_candidate; i++)
        TRY(check_candidate(g, p->candidate[i], err));
    if (p->n_tuned)
        TRY(check_seeds(g, p, err));
done:
    return st;
}

/* The value of axis number i in combination number `at`; the last axis changes fastest. */
static const char *value_at(const struct tsgd_axis *const *axis, size_t n, size_t at, size_t i)
{
    for (size_t j = n; j-- > i + 1;)
        at /= axis[j]->n;
    return axis[i]->value[at % axis[i]->n];
}

static size_t combinations(const struct tsgd_axis *const *axis, size_t n)
{
    size_t all = 1;
    for (size_t i = 0; i < n; i++)
        all = tsgd_mul(all, axis[i]->n);
    return all;
}

const char *tsgd_grid_choice(const struct tsgd_cell *c, size_t choice, size_t i)
{
    return value_at(c->tuned, c->n_tuned, choice, i);
}

static enum tsgd_status give(struct tsgd_settings *s, const struct tsgd_axis *a, const char *value,
                             struct tsgd_error *err)
{
    return tsgd_settings_give(s, a->row, value, a->row->shown.name, err);
}

/* Where a text was cut its last character may be a part of one: no UTF-8 any more. */
static void drop_last_character(char *text)
{
    size_t n = strlen(text);
    while (n && ((unsigned char)text[n - 1] & 0xC0) == 0x80)
        n--;
    text[n && (unsigned char)text[n - 1] >= 0xC0 ? n - 1 : n] = 0;
}

/* "_lr=0.1"; the name is cut where it gets long. Replaced is what a file's name cannot hold, and ~,
 * which tells equal names apart.                                                                */
static void add_to_name(char name[MOST_NAME], const struct tsgd_axis *a, const char *value)
{
    size_t used = strlen(name);
    if (a->n < 2)
        return;
    int n = snprintf(name + used, MOST_NAME - used, "%s%s=%s", used ? "_" : "", a->row->shown.name,
                     value);
    if ((size_t)n >= MOST_NAME - used)
        drop_last_character(name);
    for (char *c = name + used; *c; c++)
        if (*c == '/' || *c == '~' || (unsigned char)*c <= ' ' || *c == 127)
            *c = '-';
}

static enum tsgd_status add_run(struct tsgd_grid *g, const struct tsgd_settings *base,
                                const struct tsgd_axis *seed, const char *value, const char *name,
                                size_t choice, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_grid_run *run = NULL;
    char room[MOST_NAME];
    snprintf(room, sizeof room, "%s", name);
    if (g->n_runs == MOST_RUNS)
        TRY(tsgd_fail(err, TSGD_EINVAL, "%.200s: more than %d runs", g->path, MOST_RUNS));
    TRY(grow(g, (void **)&g->run, g->n_runs, sizeof *g->run, err));
    run = &g->run[g->n_runs];
    *run = (struct tsgd_grid_run){.cell = g->n_cells - 1, .choice = choice};
    if (seed)
        add_to_name(room, seed, value);
    if (!*room)
        snprintf(room, sizeof room, "run");
    TRY(keep(g, &run->name, room, strlen(room), err));
    TRY(tsgd_settings_copy(&run->settings, base, err));
    g->n_runs++;
    if (seed)
        TRY(give(run->settings, seed, value, err));
done:
    return st;
}

static enum tsgd_status add_candidates(struct tsgd_grid *g, const struct plan *p,
                                       const struct tsgd_settings *base, const char *cell_name,
                                       struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = NULL;
    const struct tsgd_cell *cell = &g->cell[g->n_cells - 1];
    for (size_t c = 0; c < cell->choices; c++) {
        char name[MOST_NAME];
        snprintf(name, sizeof name, "%s", cell_name);
        tsgd_settings_free(s);
        s = NULL;
        TRY(tsgd_settings_copy(&s, base, err));
        for (size_t i = 0; i < p->n_candidate; i++)
            TRY(give(s, p->candidate[i], p->candidate[i]->value[0], err));
        for (size_t i = 0; i < p->n_tuned; i++) {
            TRY(give(s, p->tuned[i], tsgd_grid_choice(cell, c, i), err));
            add_to_name(name, p->tuned[i], tsgd_grid_choice(cell, c, i));
        }
        if (s->data && isnan(s->validation))
            TRY(tsgd_settings_give(s, &tsgd_setting_rows[TSGD_SET_validation], "0.1", "validation",
                                   err));
        for (size_t i = 0; i < p->tune_seed->n; i++)
            TRY(add_run(g, s, p->tune_seed, p->tune_seed->value[i], name, c, err));
    }
done:
    tsgd_settings_free(s);
    return st;
}

static enum tsgd_status add_cell(struct tsgd_grid *g, const struct plan *p, size_t at,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = NULL;
    struct tsgd_cell *cell = NULL;
    char name[MOST_NAME];
    snprintf(name, sizeof name, "%s", p->section);
    TRY(tsgd_settings_create(&s, err));
    for (size_t i = 0; i < p->n_axes; i++) {
        const char *value = value_at(p->axis, p->n_axes, at, i);
        TRY(give(s, p->axis[i], value, err));
        add_to_name(name, p->axis[i], value);
    }
    TRY(grow(g, (void **)&g->cell, g->n_cells, sizeof *g->cell, err));
    cell = &g->cell[g->n_cells++];
    *cell = (struct tsgd_cell){.chosen = SIZE_MAX, .first_run = g->n_runs};
    TRY(keep(g, &cell->name, name, strlen(name), err));
    if (p->n_tuned) {
        TRY(TSGD_HOLD(&g->holding, &cell->tuned, p->n_tuned, "the sweep file", err));
        memcpy(cell->tuned, p->tuned, p->n_tuned * sizeof *cell->tuned);
        cell->n_tuned = p->n_tuned;
        cell->choices = combinations(p->tuned, p->n_tuned);
        TRY(add_candidates(g, p, s, name, err));
    }
    for (size_t i = 0; i < (p->seed ? p->seed->n : 1); i++)
        TRY(add_run(g, s, p->seed, p->seed ? p->seed->value[i] : NULL, name, TSGD_REPORTED, err));
    cell->n_runs = g->n_runs - cell->first_run;
done:
    tsgd_settings_free(s);
    return st;
}

/* What a run's settings take: a copy of these, which have as many values as any. */
static size_t run_bytes(const struct tsgd_settings *s)
{
    size_t bytes = tsgd_round_up(sizeof *s, 128);
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        bytes += s->text[i] ? tsgd_round_up(strlen(s->text[i]) + 1, 128) : 0;
    return bytes;
}

static enum tsgd_status add_section(const struct reading *r, const struct tsgd_part *part,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_grid *g = r->g;
    struct plan p = {.section = part->name};
    const struct tsgd_part *all = &g->part[0];
    collect(&p, all, part == all ? NULL : part);
    TRY(collect_tuned(&p, g, err));
    assert(p.n_tuned == 0 || p.tune_seed);
    size_t cells = combinations(p.axis, p.n_axes);
    size_t each = tsgd_add(p.seed ? p.seed->n : 1,
                           p.n_tuned ? tsgd_mul(combinations(p.tuned, p.n_tuned), p.tune_seed->n) :
                                       0);
    if (tsgd_mul(cells, each) > MOST_RUNS)
        TRY(tsgd_fail(err, TSGD_EINVAL, "%.200s: more than %d runs", g->path, MOST_RUNS));
    TRY(tsgd_mem_check(tsgd_mul(tsgd_mul(cells, each), run_bytes(r->tried)), g->path,
                       "use fewer values or seeds", err));
    for (size_t i = 0; i < cells; i++)
        TRY(add_cell(g, &p, i, err));
done:
    return st;
}

bool tsgd_grid_tunes(const struct tsgd_grid *g)
{
    bool found = false;
    for (size_t i = 0; i < g->n_cells; i++)
        found |= g->cell[i].choices > 0;
    return found;
}

/* Sections about choosing choose something, unless the command line says what it is to be. */
static enum tsgd_status check_choices(const struct tsgd_grid *g, struct tsgd_error *err)
{
    bool tunes = false, chooses = tsgd_grid_tunes(g);
    for (size_t i = 0; i < g->n_parts; i++) {
        tunes |= g->part[i].tunes;
        chooses |= g->part[i].tunes && g->part[i].fixed;
    }
    if (!tunes || chooses)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "%.200s: section tune has nothing to choose; want a setting "
                     "with its values in it, such as lr = 0.1, 0.01", g->path);
}

static bool is_section(const struct tsgd_part *p) { return !p->tunes && *p->name; }

static void find_differences(struct tsgd_grid *g)
{
    for (size_t i = 0; i < g->n_parts; i++)
        for (size_t j = 0; j < g->part[i].n; j++) {
            const struct tsgd_axis *a = &g->part[i].axis[j];
            g->differs[a->row - tsgd_setting_rows] |=
                a->n > 1 || is_section(&g->part[i]) || (g->part[i].tunes && !is_length(a->row));
        }
    g->differs[TSGD_SET_seed] = true;
}

/* [tune X] is about a section [X]. */
static enum tsgd_status check_parts(const struct tsgd_grid *g, struct tsgd_error *err)
{
    for (size_t i = 0; i < g->n_parts; i++)
        if (g->part[i].tunes && *g->part[i].name && !find_part(g, false, g->part[i].name))
            return tsgd_fail(err, TSGD_EINVAL, "%.200s: section 'tune %s' is about a section '%s', "
                             "which is not there", g->path, g->part[i].name, g->part[i].name);
    return TSGD_OK;
}

static bool is_reported(const struct tsgd_grid_run *r) { return r->choice == TSGD_REPORTED; }

static int by_name(const void *a, const void *b)
{
    const struct tsgd_grid_run *const *x = a, *const *y = b;
    int order = is_reported(*y) - is_reported(*x);
    order = order ? order : strcmp((*x)->name, (*y)->name);
    return order ? order : (*x > *y) - (*x < *y);
}

/* Names that were cut, or whose values differ in what a file's name cannot hold, are numbered. */
static enum tsgd_status number_equals(struct tsgd_grid *g, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_grid_run **sorted = NULL;
    TRY(TSGD_NEW(&sorted, g->n_runs, "the sweep file", err));
    for (size_t i = 0; i < g->n_runs; i++)
        sorted[i] = &g->run[i];
    qsort(sorted, g->n_runs, sizeof *sorted, by_name);
    for (size_t i = 0, first = 0; i < g->n_runs; i++) {
        char room[MOST_NAME + 32];
        bool same = i > 0 && !strcmp(sorted[first]->name, sorted[i]->name) &&
                    is_reported(sorted[first]) == is_reported(sorted[i]);
        first = same ? first : i;
        if (!same)
            continue;
        int n = snprintf(room, sizeof room, "%s~%zu", sorted[i]->name, i - first + 1);
        TRY(keep(g, &sorted[i]->name, room, (size_t)n, err));
    }
done:
    free(sorted);
    return st;
}

enum tsgd_status tsgd_grid_init(struct tsgd_grid *out, const char *path, char *const *changes,
                                size_t n, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_grid *g = out;
    struct reading r = {.g = g};
    struct tsgd_part *whole = NULL;
    bool sections = false;
    *g = (struct tsgd_grid)TSGD_GRID_INIT;
    g->path = path;
    TRY(tsgd_settings_create(&r.tried, err));
    TRY(open_part(&whole, g, "", path, err));
    TRY(read_file(&r, err));
    for (size_t i = 0; i < n; i++)
        TRY(change(&r, changes[i], err));
    TRY(check_parts(g, err));
    for (size_t i = 0; i < g->n_parts; i++)
        sections |= is_section(&g->part[i]);
    for (size_t i = 0; i < g->n_parts; i++)
        if (sections ? is_section(&g->part[i]) : i == 0)
            TRY(add_section(&r, &g->part[i], err));
    TRY(check_choices(g, err));
    find_differences(g);
    TRY(number_equals(g, err));
done:
    tsgd_settings_free(r.tried);
    return st;
}

void tsgd_grid_release(struct tsgd_grid *g)
{
    for (size_t i = 0; i < g->n_runs; i++)
        tsgd_settings_free(g->run[i].settings);
    tsgd_holding_release(&g->holding);
    *g = (struct tsgd_grid)TSGD_GRID_INIT;
}

enum tsgd_status tsgd_grid_choose(struct tsgd_grid *g, size_t cell, size_t choice,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_cell *c = &g->cell[cell];
    for (size_t i = c->first_run; i < c->first_run + c->n_runs; i++)
        for (size_t j = 0; g->run[i].choice == TSGD_REPORTED && j < c->n_tuned; j++)
            TRY(give(g->run[i].settings, c->tuned[j], tsgd_grid_choice(c, choice, j), err));
    c->chosen = choice;
done:
    return st;
}
