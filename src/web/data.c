#include "web/data.h"

#include "base/mem.h"
#include "compare/groups.h"
#include "run/metrics.h"
#include "run/settings.h"
#include "web/json.h"
#include "web/scene.h"

#include <math.h>
#include <string.h>

struct page {
    FILE *out;
    struct tsgd_web *web;           /* the same file, for texts */
    const struct tsgd_logset *set;
    struct tsgd_groups groups;
    size_t *group;                  /* [runs] */
};

/* ---- groups ---- */

static void write_groups(const struct page *p)
{
    for (size_t g = 0; g < p->groups.n; g++) {
        const struct tsgd_group *group = &p->groups.group[g];
        fputs(g ? ",{\"name\":" : "{\"name\":", p->out);
        tsgd_web_text(p->web, group->name);
        fprintf(p->out, ",\"counted\":%zu,\"runs\":[", group->counted);
        for (size_t i = 0; i < group->n; i++) {
            fprintf(p->out, i ? ",%zu" : "%zu", group->run[i]);
            p->group[group->run[i]] = g;
        }
        fputs("]}", p->out);
    }
}

/* ---- settings ---- */

/* Fields of the config line that are no setting a reader would look for. */
static bool is_hidden(const char *name)
{
    static const char *const hidden[] = {"type", "derived", "asked", "seed", "split_hash",
                                         "init_hash"};
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (!strcmp(name, hidden[i]))
            return true;
    return false;
}

static const json_t *field(const struct page *p, size_t run, const char *name)
{
    return json_object_get(p->set->log[run].config, name);
}

/* The field as the first run of a group has it. */
static const json_t *field_of(const struct page *p, size_t g, const char *name)
{
    return field(p, p->groups.group[g].run[0], name);
}

/* Whether it stands in a log before this one, and was dealt with there. */
static bool was_seen(const struct page *p, size_t run, const char *name)
{
    for (size_t i = 0; i < run; i++)
        if (field(p, i, name))
            return true;
    return false;
}

static bool is_equal(const json_t *a, const json_t *b)
{
    return json_equal(a, b) || (!a && json_is_null(b)) || (!b && json_is_null(a));
}

static bool groups_differ(const struct page *p, const char *name)
{
    for (size_t g = 1; g < p->groups.n; g++)
        if (!is_equal(field_of(p, g, name), field_of(p, 0, name)))
            return true;
    return false;
}

static bool runs_differ(const struct page *p, const char *name)
{
    for (size_t i = 1; i < p->set->n; i++)
        if (!is_equal(field(p, i, name), field(p, 0, name)))
            return true;
    return false;
}

static bool is_default(const struct tsgd_setting_row *row, const json_t *value)
{
    const char *standard = row->shown.default_text;
    double number;
    if (json_is_string(value))
        return standard && !strcmp(standard, json_string_value(value));
    if (json_is_boolean(value))
        return json_is_true(value) == (standard && !strcmp(standard, "true"));
    return json_is_null(value) || (standard && sscanf(standard, "%lf", &number) == 1 &&
                                   number == json_number_value(value));
}

enum place { GIVEN, DEFAULT, DIFFERING, OTHER, NOWHERE };

/* A split seed that is the run's own says nothing. */
static bool follows_seed(const struct page *p, const char *name)
{
    bool all = !strcmp(name, "split-seed");
    for (size_t i = 0; i < p->set->n; i++)
        all &= is_equal(field(p, i, name), field(p, i, "seed"));
    return all;
}

/* Settings of the result, but for those in which the runs of a group may differ, are given, at
 * their default or differing; all else is of the machine, or a size that follows.               */
static enum place place_of(const struct page *p, size_t run, const char *name, const json_t *value)
{
    const struct tsgd_setting_row *row = tsgd_setting_find(name, ~0u);
    bool of_result = row && row->shown.changes_result && row->owner != TSGD_OWNER_PROGRAM;
    bool of_place = !strcmp(name, "isa") || !strcmp(name, "data-dir");
    if (is_hidden(name) || was_seen(p, run, name) || follows_seed(p, name))
        return NOWHERE;
    if (of_result && !of_place && groups_differ(p, name))
        return DIFFERING;
    if (json_is_null(value) && !runs_differ(p, name))
        return NOWHERE;
    if (!of_result || of_place || runs_differ(p, name))
        return OTHER;
    return is_default(row, value) ? DEFAULT : GIVEN;
}

/* All values of a field, each once. */
static void put_values(const struct page *p, const char *name)
{
    size_t shown = 0;
    for (size_t i = 0; i < p->set->n; i++) {
        bool before = false;
        for (size_t j = 0; j < i; j++)
            before |= is_equal(field(p, j, name), field(p, i, name));
        if (before || !field(p, i, name) || json_is_null(field(p, i, name)))
            continue;
        fputs(shown++ ? "," : "", p->out);
        tsgd_web_json(p->web, field(p, i, name));
    }
}

/* The fields of this place, in the order of the logs; differing ones by name, or, of group g, by
 * value.                                                                                        */
static void put_fields(const struct page *p, enum place place, size_t g)
{
    size_t shown = 0;
    const char *name;
    json_t *value;
    for (size_t i = 0; i < p->set->n; i++)
        json_object_foreach(p->set->log[i].config, name, value) {
            const json_t *of_group = g < p->groups.n ? field_of(p, g, name) : NULL;
            if (place_of(p, i, name, value) != place)
                continue;
            fputs(shown++ ? "," : "", p->out);
            if (g < p->groups.n) {
                if (of_group)
                    tsgd_web_json(p->web, of_group);
                else
                    fputs("null", p->out);
                continue;
            }
            fputs(place == DIFFERING ? "" : "[", p->out);
            tsgd_web_text(p->web, name);
            fputs(place == DIFFERING ? "" : ",", p->out);
            if (place == OTHER) {
                putc('[', p->out);
                put_values(p, name);
                putc(']', p->out);
            } else if (place != DIFFERING) {
                tsgd_web_json(p->web, value);
            }
            fputs(place == DIFFERING ? "" : "]", p->out);
        }
}

static void write_settings(const struct page *p)
{
    static const struct { enum place place; const char *name; } part[] = {
        {GIVEN, "given"}, {DEFAULT, "default"}, {OTHER, "other"}, {DIFFERING, "differing"},
    };
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        fprintf(p->out, "\"%s\":[", part[i].name);
        put_fields(p, part[i].place, p->groups.n);
        fputs("],", p->out);
    }
    fputs("\"rows\":[", p->out);
    for (size_t g = 0; g < p->groups.n; g++) {
        fputs(g ? ",[" : "[", p->out);
        put_fields(p, DIFFERING, g);
        putc(']', p->out);
    }
    putc(']', p->out);
}

/* ---- runs ---- */

static const char *const activity[] = {"step", "mix", "eval", "wait", "other",
                                       "messages"};
enum { ACTIVITIES = sizeof activity / sizeof *activity };

/* The shares of an object whose fields are named so, with `before` in front. */
static void put_shares(FILE *out, const json_t *from, const char *before)
{
    for (size_t i = 0; i < ACTIVITIES; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s%s", before, activity[i]);
        fputs(i ? "," : "[", out);
        tsgd_web_number(out, json_number_value(json_object_get(from, name)), 4);
    }
    putc(']', out);
}

static void write_time(const struct page *p, const struct tsgd_runlog *log)
{
    const json_t *workers = json_object_get(log->summary, "workers"), *worker;
    size_t i;
    fputs(",\"share\":", p->out);
    if (json_is_number(json_object_get(log->summary, "share_step")))
        put_shares(p->out, log->summary, "share_");
    else
        fputs("null", p->out);
    fputs(",\"workers\":", p->out);
    if (!json_array_size(workers)) {
        fputs("null", p->out);
        return;
    }
    json_array_foreach(workers, i, worker) {
        fputs(i ? "," : "[", p->out);
        put_shares(p->out, worker, "");
    }
    putc(']', p->out);
}

static void write_end(const struct page *p, const struct tsgd_runlog *log)
{
    static const char *const more[] = {
        "samples_per_second", "steals", "sleeps", "share_ran", "share_slept", "share_taken",
        "diverged_round", "diverged_token", "chosen_active", "chosen_lr", "rounds_spent",
        "gradients_spent",
    };
    size_t shown = 0;
    fputs(",\"end\":{", p->out);
    for (size_t m = 0; m < tsgd_n_metrics; m++) {
        if (isnan(log->end[m]))
            continue;
        fprintf(p->out, "%s\"%s\":", shown++ ? "," : "", tsgd_metrics[m].name);
        tsgd_web_number(p->out, log->end[m], 9);
    }
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        const json_t *value = json_object_get(log->summary, more[i]);
        if (!json_is_number(value))
            continue;
        fprintf(p->out, "%s\"%s\":", shown++ ? "," : "", more[i]);
        tsgd_web_number(p->out, json_number_value(value), 9);
    }
    putc('}', p->out);
}

static enum tsgd_status write_curves(const struct page *p, const struct tsgd_runlog *log,
                                     struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    double *x = NULL;
    size_t shown = 0;
    TRY(TSGD_NEW(&x, log->n, "curves", err));
    fputs(",\"curves\":{", p->out);
    for (size_t m = 0; m < tsgd_n_metrics; m++) {
        bool any = false;
        for (size_t i = 0; i < log->n; i++) {
            x[i] = tsgd_runlog_value(log, i, m);
            any |= !isnan(x[i]);
        }
        if (!any)
            continue;
        fprintf(p->out, "%s\"%s\":", shown++ ? "," : "", tsgd_metrics[m].name);
        tsgd_web_column(p->out, x, log->n);
    }
    putc('}', p->out);
done:
    free(x);
    return st;
}

static enum tsgd_status write_runs(const struct page *p, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    for (size_t i = 0; i < p->set->n; i++) {
        const struct tsgd_runlog *log = &p->set->log[i];
        const json_t *seed = json_object_get(log->config, "seed");
        fputs(i ? ",\n{\"file\":" : "\n{\"file\":", p->out);
        tsgd_web_text(p->web, log->path);
        fprintf(p->out, ",\"group\":%zu,\"seed\":", p->group[i]);
        tsgd_web_number(p->out, json_is_integer(seed) ? json_number_value(seed) : NAN, 9);
        fputs(",\"state\":", p->out);
        tsgd_web_text(p->web, tsgd_log_state_name(log->state));
        fprintf(p->out, ",\"search\":%s", log->is_search ? "true" : "false");
        write_end(p, log);
        write_time(p, log);
        TRY(write_curves(p, log, err));
        putc('}', p->out);
    }
done:
    return st;
}

/* One run of each group, to tell what follows from its settings. */
static enum tsgd_status write_scenes(const struct page *p, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t *first = NULL;
    TRY(TSGD_NEW(&first, p->groups.n, "scenes", err));
    for (size_t g = 0; g < p->groups.n; g++)
        first[g] = p->groups.group[g].run[0];
    TRY(tsgd_webscenes_write(p->out, p->set, first, p->groups.n, err));
done:
    free(first);
    return st;
}

enum tsgd_status tsgd_webdata_write(FILE *out, const struct tsgd_logset *set,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_web web = {.out = out};
    struct page p = {.out = out, .web = &web, .set = set, .groups = TSGD_GROUPS_INIT};
    TRY(tsgd_groups_create(&p.groups, set->log, set->n, NULL, NULL, err));
    TRY(TSGD_NEW(&p.group, set->n, "groups of runs", err));
    fprintf(out, "{\"version\":\"%s\",\"title\":", TELESGD_VERSION);
    tsgd_web_text(&web, p.groups.title);
    fputs(",\"groups\":[", out);
    write_groups(&p);
    fputs("],\n\"settings\":{", out);
    write_settings(&p);
    fputs("},\n\"runs\":[", out);
    TRY(write_runs(&p, err));
    fputs("],\n\"scenes\":", out);
    TRY(write_scenes(&p, err));
    fputs("}\n", out);
    if (web.no_memory)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for the texts of the page"));
done:
    tsgd_groups_release(&p.groups);
    free(p.group);
    return st;
}
