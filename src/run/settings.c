#include "run/settings.h"

#include "base/format.h"
#include "base/mem.h"
#include "base/text.h"
#include "linalg/isa.h"
#include "model/model.h"
#include "model/objective.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Counts also stand in JSON, whose integers are signed. */
#define MOST_COUNT INT64_MAX

/* Room for the text of any number in 17 digits. */
enum { REAL_TEXT = 40 };

/* ---- what belongs to whom ---- */

/* Whose a setting is, in words. */
#define WORDS_RUN "every run"
#define WORDS_DATA "models that learn from data"
#define WORDS_QUADRATIC "--model quadratic"
#define WORDS_DIM WORDS_QUADRATIC       /* where there are no callers with objectives */
#define WORDS_METHOD "methods that take it"
#define WORDS_CHURN "runs with nodes that can be away"
#define WORDS_CLOCK "runs with a simulated network"
#define WORDS_SLOW_LINKS "simulated networks with slow links"
#define WORDS_PREFERRED_LINKS "simulated networks with preferred links"
#define WORDS_TRACE "runs that are traced"
#define WORDS_CHECKPOINT "runs with checkpoints"
#define WORDS_PROGRAM "the program telesgd"

/* What a run lacks that has no such owner; NULL: it has another kind of model. */
static const char *const needs[TSGD_OWNERS] = {
    [TSGD_OWNER_CHURN] = ("--availability or --availability-trace; otherwise every node is always "
                          "there"),
    [TSGD_OWNER_CLOCK] = ("a simulated network: give --link-cost, --link-seconds, --bandwidth or "
                          "--compute-seconds"),
    [TSGD_OWNER_SLOW_LINKS] = "--link-cost, which says what is slow",
    [TSGD_OWNER_PREFERRED_LINKS] = "--link-cost preferred",
    [TSGD_OWNER_TRACE] = "--trace, the file to record into",
    [TSGD_OWNER_CHECKPOINT] = "--checkpoint, the file to write to",
};

/* ---- the table ---- */

#define ANYTHING .least = 0
#define FROM(a) .least = (a)
#define RANGE(a, b) .least = (a), .most = (b)
#define ABOVE(a) .least = (a), .above = true
#define ABOVE_TO(a, b) .least = (a), .most = (b), .above = true
#define FROM_BELOW(a, b) .least = (a), .most = (b), .below = true
#define ABOVE_BELOW(a, b) .least = (a), .most = (b), .above = true, .below = true
#define SINGLE .single = true,
#define ONE_OF(names) .shown.choices = (names)
#define IS(value) .shown.default_text = (value)
#define UNSET(words) .shown.unset = (words)

#define ABOUT_DATA "Data"
#define ABOUT_MODEL "Model"
#define ABOUT_QUADRATIC "Model quadratic"
#define ABOUT_METHOD "Method"
#define ABOUT_CHURN "Nodes that come and go"
#define ABOUT_NETWORK "Simulated network"
#define ABOUT_STEP "Local step"
#define ABOUT_LENGTH "Length and evaluation"
#define ABOUT_OUTPUT "Output"
#define ABOUT_CHECKPOINT "Checkpoints"
#define ABOUT_MACHINE "Machine"

#define TRAIN TSGD_FOR_TRAIN
#define TUNE TSGD_FOR_TUNE
#define EVAL TSGD_FOR_EVAL
#define TOPOLOGY TSGD_FOR_TOPOLOGY
#define HELP TSGD_FOR_HELP
#define SWEEP TSGD_FOR_SWEEP
#define COMPARE TSGD_FOR_COMPARE
#define REPORT TSGD_FOR_REPORT
#define SPLIT TSGD_FOR_SPLIT
#define MODEL TSGD_FOR_MODEL
#define BENCH TSGD_FOR_BENCH
#define COMMON TSGD_FOR_MOST

const struct tsgd_setting_row tsgd_setting_rows[TSGD_SETTINGS] = {
#define SETTING(field, option, kind, meta, wanted, standard, about, whose, does, who, text)      \
    [TSGD_SET_##field] = {                                                                       \
        .shown.name = option, .shown.argument = meta, .shown.group = about, .shown.help = text,  \
        .shown.owner = WORDS_##whose,                                                            \
        .shown.changes_result = TSGD_EFFECT_##does == TSGD_EFFECT_RESULT,                        \
        .shown.of_program = TSGD_OWNER_##whose == TSGD_OWNER_PROGRAM,                            \
        .shown.of_run = ((who) & TRAIN) && TSGD_OWNER_##whose != TSGD_OWNER_PROGRAM,             \
        .shown.of_search = ((who) & TUNE) && TSGD_OWNER_##whose != TSGD_OWNER_PROGRAM,           \
        standard, wanted,                                                                        \
        .type = TSGD_TYPE_##kind, .owner = TSGD_OWNER_##whose, .effect = TSGD_EFFECT_##does,     \
        .commands = who, .at = offsetof(struct tsgd_settings, field)},
#include "run/settings_list.h"
#undef SETTING
};

size_t tsgd_setting_count(void) { return TSGD_SETTINGS; }

const struct tsgd_setting *tsgd_setting_at(size_t i)
{
    return i < TSGD_SETTINGS ? &tsgd_setting_rows[i].shown : NULL;
}

const struct tsgd_setting_row *tsgd_setting_find(const char *name, unsigned commands)
{
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        if ((tsgd_setting_rows[i].commands & commands) &&
            !strcmp(tsgd_setting_rows[i].shown.name, name))
            return &tsgd_setting_rows[i];
    return NULL;
}

const char *tsgd_setting_nearest(const char *name, unsigned commands)
{
    const char *names[TSGD_SETTINGS];
    size_t n = 0;
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        if (tsgd_setting_rows[i].commands & commands)
            names[n++] = tsgd_setting_rows[i].shown.name;
    return tsgd_nearest(name, names, n);
}

/* ---- values, from text and to it ---- */

union value {
    uint64_t count;
    double real;
    bool flag;
    struct tsgd_reals list;
};

/* The fewest digits from 15 on that give the number back. */
static void print_real(char text[REAL_TEXT], double x)
{
    double back = NAN;
    for (int digits = 15; digits <= 17 && back != x; digits++) {
        tsgd_format(text, REAL_TEXT, "%.*g", digits, x);
        if (!tsgd_parse_double(text, &back))
            back = NAN;
    }
}

/* " from 0 up to but not including 1", " above 0", .. Where there is no least number there is
 * nothing to say.                                                                               */
static void describe_range(const struct tsgd_setting_row *row, char *text, size_t size)
{
    int n = 0;
    *text = 0;
    if (row->least > -FLT_MAX)
        n = snprintf(text, size, row->above ? " above %.0f" : " from %.0f up", row->least);
    if (row->below)
        snprintf(text + n, size - (size_t)n, row->above ? " and below %.0f" :
                                                          " to but not including %.0f", row->most);
    else if (row->above && row->most > 0)
        snprintf(text + n, size - (size_t)n, " and at most %.0f", row->most);
}

static enum tsgd_status refuse_number(const struct tsgd_setting_row *row, const char *value,
                                      const char *where, struct tsgd_error *err)
{
    char range[64], *end;
    describe_range(row, range, sizeof range);
    if (row->type != TSGD_TYPE_COUNT && !isfinite(tsgd_strtod(value, &end)) && !*end)
        return tsgd_fail(err, TSGD_EINVAL, "%s: '%.80s' is not finite, want a number%s", where,
                         value, range);
    return tsgd_fail(err, TSGD_EINVAL, "%s: '%.80s' is not a %s%s", where, value,
                     row->type == TSGD_TYPE_COUNT ? "whole number" : "number", range);
}

static enum tsgd_status refuse_large(const struct tsgd_setting_row *row, const char *value,
                                     const char *where, struct tsgd_error *err)
{
    if (row->type == TSGD_TYPE_COUNT)
        return tsgd_fail(err, TSGD_EINVAL, "%s: '%.80s' is more than %" PRId64, where, value,
                         row->most > 0 ? (int64_t)row->most : MOST_COUNT);
    return tsgd_fail(err, TSGD_EINVAL, "%s: '%.80s' is more than %g", where, value, row->most);
}

static enum tsgd_status parse_count(uint64_t *out, const struct tsgd_setting_row *row,
                                    const char *value, const char *where, struct tsgd_error *err)
{
    uint64_t count, most = row->most > 0 ? (uint64_t)row->most : MOST_COUNT;
    if (!*value || strspn(value, "0123456789") != strlen(value))
        return refuse_number(row, value, where, err);
    if (!tsgd_parse_u64(value, &count) || count > most)
        return refuse_large(row, value, where, err);
    if (count < (uint64_t)row->least)
        return refuse_number(row, value, where, err);
    *out = count;
    return TSGD_OK;
}

static enum tsgd_status parse_real(double *out, const struct tsgd_setting_row *row,
                                   const char *value, const char *where, struct tsgd_error *err)
{
    double real;
    if (!tsgd_parse_double(value, &real))
        return refuse_number(row, value, where, err);
    double held = row->single ? (double)(float)real : real;
    bool is_zero = strcspn(value, "123456789") >= strcspn(value, "eE");
    if (!isfinite(held) || (held == 0 && !is_zero))
        return tsgd_fail(err, TSGD_EINVAL, "%s: '%.80s' is %g in %s precision, want a number that "
                         "it can hold", where, value, held, row->single ? "single" : "double");
    if (row->most > 0 && !row->above && !row->below && real > row->most)
        return refuse_large(row, value, where, err);
    if (row->least < 0 && real < row->least)
        return tsgd_fail(err, TSGD_EINVAL, "%s: '%.80s' is less than %g", where, value, row->least);
    if (held < row->least || (row->above && held <= row->least) ||
        (row->most > 0 && (held > row->most || (row->below && held >= row->most))))
        return refuse_number(row, value, where, err);
    *out = real;
    return TSGD_OK;
}

static bool same_word(const char *a, const char *b, size_t n)
{
    return strlen(a) == n && !strncmp(a, b, n);
}

static enum tsgd_status check_choice(const struct tsgd_setting_row *row, const char *value,
                                     const char *where, struct tsgd_error *err)
{
    char text[128];
    const char *names[16];
    char *rest;
    size_t n = 0;
    for (const char *c = row->shown.choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (same_word(value, c, strcspn(c, "|")))
            return TSGD_OK;
    snprintf(text, sizeof text, "%s", row->shown.choices);
    for (char *c = strtok_r(text, "|", &rest); c; c = strtok_r(NULL, "|", &rest))
        names[n++] = c;
    return tsgd_unknown_name(where, value, names, n, err);
}

static enum tsgd_status parse_list(struct tsgd_reals *out, const struct tsgd_setting_row *row,
                                   const char *value, const char *where, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_reals list = {.n = 0};
    char item[REAL_TEXT];
    while (value) {
        size_t length = strcspn(value, ",");
        if (length >= sizeof item || list.n == TSGD_MOST_REALS)
            TRY(tsgd_fail(err, TSGD_EINVAL, "%s: want at most %d numbers with commas between them",
                          where, TSGD_MOST_REALS));
        memcpy(item, value, length);
        item[length] = 0;
        TRY(parse_real(&list.value[list.n], row, item, where, err));
        for (size_t i = 0; i < list.n; i++)
            if (list.value[i] == list.value[list.n])
                TRY(tsgd_fail(err, TSGD_EINVAL, "%s: '%s' stands there twice", where, item));
        list.n++;
        value = value[length] ? value + length + 1 : NULL;
    }
    *out = list;
done:
    return st;
}

static enum tsgd_status parse(union value *out, const struct tsgd_setting_row *row,
                              const char *value, const char *where, struct tsgd_error *err)
{
    switch (row->type) {
    case TSGD_TYPE_COUNT: return parse_count(&out->count, row, value, where, err);
    case TSGD_TYPE_REAL: return parse_real(&out->real, row, value, where, err);
    case TSGD_TYPE_LIST: return parse_list(&out->list, row, value, where, err);
    case TSGD_TYPE_CHOICE: return check_choice(row, value, where, err);
    case TSGD_TYPE_TEXT:
        if (!*value)
            return tsgd_fail(err, TSGD_EINVAL, "%s: the value is empty", where);
        break;
    case TSGD_TYPE_FLAG:
        if (strcmp(value, "true") && strcmp(value, "false"))
            return tsgd_fail(err, TSGD_EINVAL, "%s: '%.80s' is not true or false", where, value);
        out->flag = *value == 't';
        break;
    }
    return TSGD_OK;
}

/* The text that stands for a value; `value` is what it was parsed from. */
static enum tsgd_status print(char **out, const struct tsgd_setting_row *row, const union value *v,
                              const char *value, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char number[REAL_TEXT] = "", *text = NULL;
    size_t items = row->type == TSGD_TYPE_LIST ? v->list.n : 0;
    size_t size = items ? items * REAL_TEXT : strlen(value) + REAL_TEXT;
    TRY(TSGD_NEW(&text, size, row->shown.name, err));
    for (size_t i = 0; i < items; i++) {
        print_real(number, v->list.value[i]);
        strcat(strcat(text, i ? "," : ""), number);
    }
    if (row->type == TSGD_TYPE_REAL)
        print_real(text, v->real);
    else if (row->type == TSGD_TYPE_COUNT)
        snprintf(text, size, "%" PRIu64, v->count);
    else if (!items)
        strcpy(text, value);
    *out = text;
done:
    return st;
}

/* Puts a value, or none, into the field and beside it; takes `text` over. */
static void store(struct tsgd_settings *s, const struct tsgd_setting_row *row,
                  const union value *v, char *text)
{
    size_t i = (size_t)(row - tsgd_setting_rows);
    void *field = (char *)s + row->at;
    free(s->text[i]);
    s->text[i] = text;
    switch (row->type) {
    case TSGD_TYPE_COUNT: *(uint64_t *)field = v ? v->count : 0; break;
    case TSGD_TYPE_REAL: *(double *)field = v ? v->real : NAN; break;
    case TSGD_TYPE_FLAG: *(bool *)field = v && v->flag; break;
    case TSGD_TYPE_LIST: *(struct tsgd_reals *)field = v ? v->list : (struct tsgd_reals){0}; break;
    case TSGD_TYPE_TEXT:
    case TSGD_TYPE_CHOICE: *(const char **)field = text; break;
    }
}

static enum tsgd_status put(struct tsgd_settings *s, const struct tsgd_setting_row *row,
                            const char *value, const char *where, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    union value v = {.count = 0};
    char *text = NULL;
    if (!value) {
        store(s, row, NULL, NULL);
        return TSGD_OK;
    }
    TRY(parse(&v, row, value, where, err));
    TRY(print(&text, row, &v, value, err));
    store(s, row, &v, text);
done:
    return st;
}

/* ---- settings ---- */

enum tsgd_status tsgd_settings_create(struct tsgd_settings **out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = NULL;
    TRY(tsgd_given(out, "out", __func__, err));
    *out = NULL;
    TRY(TSGD_NEW(&s, 1, "settings", err));
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        TRY(put(s, &tsgd_setting_rows[i], tsgd_setting_rows[i].shown.default_text,
                tsgd_setting_rows[i].shown.name, err));
    *out = s;
    s = NULL;
done:
    tsgd_settings_free(s);
    return st;
}

enum tsgd_status tsgd_settings_copy(struct tsgd_settings **out, const struct tsgd_settings *from,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = NULL;
    TRY(tsgd_given(out, "out", __func__, err));
    *out = NULL;
    TRY(tsgd_given(from, "from", __func__, err));
    TRY(TSGD_NEW(&s, 1, "settings", err));
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        TRY(put(s, &tsgd_setting_rows[i], from->text[i], tsgd_setting_rows[i].shown.name, err));
        s->given[i] = from->given[i];
    }
    s->objective = from->objective;
    s->transport = from->transport;
    s->memory = from->memory;
    s->expected = from->expected;
    s->own_process = from->own_process;
    *out = s;
    s = NULL;
done:
    tsgd_settings_free(s);
    return st;
}

void tsgd_settings_free(struct tsgd_settings *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        free(s->text[i]);
    free(s);
}

enum tsgd_status tsgd_settings_give(struct tsgd_settings *s, const struct tsgd_setting_row *row,
                                    const char *value, const char *where, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(put(s, row, value ? value : row->shown.default_text, where, err));
    s->given[row - tsgd_setting_rows] = value != NULL;
done:
    return st;
}

enum tsgd_status tsgd_settings_set(struct tsgd_settings *s, const char *name, const char *value,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char where[72];
    TRY(tsgd_given(s, "s", __func__, err));
    TRY(tsgd_given(name, "name", __func__, err));
    const struct tsgd_setting_row *row = tsgd_setting_find(name, ~0u);
    const char *near = row ? NULL : tsgd_setting_nearest(name, ~0u);
    if (near)
        return tsgd_fail(err, TSGD_EINVAL, "unknown setting '%.80s'; did you mean '%s'?", name,
                         near);
    if (!row)
        return tsgd_fail(err, TSGD_EINVAL, "unknown setting '%.80s'", name);
    if (row->owner == TSGD_OWNER_PROGRAM)
        return tsgd_fail(err, TSGD_EINVAL, "--%s: belongs to %s alone, not to its library; leave "
                         "it out", name, row->shown.owner);
    snprintf(where, sizeof where, "--%s", name);
    st = tsgd_settings_give(s, row, value, where, err);
done:
    return st;
}

enum tsgd_status tsgd_settings_set_objective(struct tsgd_settings *s,
                                             const struct tsgd_objective *objective,
                                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_objective o = {.size = 0};
    char model[TSGD_OBJECTIVE_TEXT];
    TRY(tsgd_given(s, "s", __func__, err));
    if (objective)
        TRY(tsgd_objective_take(&o, objective, err));
    snprintf(model, sizeof model, "objective:%s", objective ? o.name : "");
    TRY(tsgd_settings_give(s, &tsgd_setting_rows[TSGD_SET_model], objective ? model : NULL,
                           "--model", err));
    s->objective = o;
done:
    return st;
}

const char *tsgd_settings_get(const struct tsgd_settings *s, const char *name)
{
    const struct tsgd_setting_row *row = s && name ? tsgd_setting_find(name, ~0u) : NULL;
    return row ? s->text[row - tsgd_setting_rows] : NULL;
}

enum tsgd_status tsgd_settings_fill(struct tsgd_settings *s, enum tsgd_setting_id id,
                                    const char *text, struct tsgd_error *err)
{
    char where[72];
    snprintf(where, sizeof where, "--%s", tsgd_setting_rows[id].shown.name);
    s->given[id] &= text != NULL;
    return put(s, &tsgd_setting_rows[id], text, where, err);
}

enum tsgd_status tsgd_settings_fill_count(struct tsgd_settings *s, enum tsgd_setting_id id,
                                          uint64_t value, struct tsgd_error *err)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return tsgd_settings_fill(s, id, text, err);
}

enum tsgd_status tsgd_settings_fill_real(struct tsgd_settings *s, enum tsgd_setting_id id,
                                         double value, struct tsgd_error *err)
{
    char text[32];
    tsgd_format(text, sizeof text, "%.17g", value);
    return tsgd_settings_fill(s, id, text, err);
}

bool tsgd_settings_alike(size_t id, const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return !strcmp(a, b) ||
           (id == TSGD_SET_isa && !strcmp(tsgd_isa_bits(a), tsgd_isa_bits(b)));
}

bool tsgd_settings_derived(const struct tsgd_settings *s, enum tsgd_setting_id id)
{
    const char *standard = tsgd_setting_rows[id].shown.default_text;
    bool counted = id == TSGD_SET_rounds && TSGD_HAS(s, epochs);    /* may equal the default */
    return s->text[id] && !s->given[id] &&
           (counted || !standard || strcmp(standard, s->text[id]));
}

/* What is wrong with a value that was given to a setting without its owner. */
static enum tsgd_status refuse_owner(const struct tsgd_settings *s,
                                     const struct tsgd_setting_row *row, struct tsgd_error *err)
{
    if (needs[row->owner])
        return tsgd_fail(err, TSGD_EINVAL, "--%s: needs %s", row->shown.name,
                         needs[row->owner]);
    return tsgd_fail(err, TSGD_EINVAL, "--%s: belongs to %s alone, found --model %.80s; leave it "
                     "out", row->shown.name, row->shown.owner, s->model);
}

enum tsgd_status tsgd_settings_settle(struct tsgd_settings *s, unsigned present, unsigned command,
                                      struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        bool owned = present >> row->owner & 1, taken = row->commands & command;
        bool given = s->given[i] && strcmp(s->text[i], "false");    /* which asks for nothing */
        if (row->owner == TSGD_OWNER_PROGRAM || (owned && taken))
            continue;
        if (given && !taken)
            TRY(tsgd_fail(err, TSGD_EINVAL, "--%s: belongs to %s; leave it out", row->shown.name,
                          row->commands & TSGD_FOR_TUNE ? "the search for k alone" :
                          "a run alone, not to the search for k"));
        if (given)
            TRY(refuse_owner(s, row, err));
        store(s, row, NULL, NULL);
    }
done:
    return st;
}
