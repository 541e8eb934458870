#include "compare/values.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

const char *tsgd_field_name(size_t field)
{
    return field == TSGD_FIELD_TOKENS ? "tokens" :
           field == TSGD_FIELD_COMMAND ? "search" : tsgd_setting_rows[field].shown.name;
}

bool tsgd_field_counts(size_t field)
{
    return field >= TSGD_SETTINGS || tsgd_setting_rows[field].shown.changes_result;
}

/* Numbers into room, texts where they are. */
static const char *text_of(const json_t *value, char room[TSGD_VALUE_ROOM])
{
    if (json_is_string(value))
        return json_string_value(value);
    *room = 0;
    if (json_is_integer(value))
        snprintf(room, TSGD_VALUE_ROOM, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(room, TSGD_VALUE_ROOM, "%.9g", json_real_value(value));
    else if (json_is_true(value))
        snprintf(room, TSGD_VALUE_ROOM, "true");
    return room;
}

/* Whether the field was not given but followed from others: a split seed from the seed, a number of
 * rounds from epochs. Logs of old versions do not say it.                                       */
static bool follows(const json_t *config, size_t field)
{
    const json_t *derived = json_object_get(config, "derived"), *name;
    size_t i;
    if (field != TSGD_SET_split_seed && field != TSGD_SET_rounds && field != TSGD_SET_warmup)
        return false;
    json_array_foreach(derived, i, name)
        if (json_is_string(name) && !strcmp(json_string_value(name), tsgd_field_name(field)))
            return true;
    return !derived && field == TSGD_SET_split_seed &&
           json_equal(json_object_get(config, "split-seed"), json_object_get(config, "seed"));
}

static const json_t *field_of(const struct tsgd_values *v, size_t run, size_t field)
{
    const json_t *config = v->log[run].config;
    const json_t *value = json_object_get(config, tsgd_field_name(field));
    if (field == TSGD_FIELD_COMMAND)
        return v->log[run].is_search ? json_true() : json_null();
    if (value && follows(config, field))
        return json_null();
    /* Means and deviations of the training samples depend on which those are. */
    const json_t *asked = json_object_get(json_object_get(config, "asked"),
                                          tsgd_field_name(field));
    if (field == TSGD_SET_normalize && asked)
        return asked;
    /* A search has no --active: it found one. */
    return field == TSGD_SET_active && !value ? json_object_get(config, "tokens") : value;
}

const char *tsgd_value_text(const struct tsgd_values *v, size_t run, size_t field,
                            char room[TSGD_VALUE_ROOM])
{
    return text_of(field_of(v, run, field), room);
}

/* Numbers the values of one field. first[]: the runs that had each value first. */
static void number_field(struct tsgd_values *v, size_t field, size_t *first)
{
    char room[2][TSGD_VALUE_ROOM];
    uint32_t values = 0;
    for (size_t i = 0; i < v->n; i++) {
        const json_t *value = field_of(v, i, field);
        const char *text = text_of(value, room[0]);
        uint32_t id = TSGD_VALUE_NONE + 1;
        while (id < values + 2 && strcmp(text, tsgd_value_text(v, first[id - 2], field, room[1])))
            id++;
        if (!value)
            id = TSGD_VALUE_ABSENT;
        else if (!*text)
            id = TSGD_VALUE_NONE;
        else if (id == values + 2)
            first[values++] = i;
        v->id[i * TSGD_FIELDS + field] = id;
    }
}

enum tsgd_status tsgd_values_create(struct tsgd_values *out, const struct tsgd_runlog *log,
                                    size_t n, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_values v = {.log = log, .n = n};
    size_t *first = NULL;
    TRY(TSGD_NEW(&v.id, tsgd_mul(n, TSGD_FIELDS), "settings of runs", err));
    TRY(TSGD_NEW(&first, n, "settings of runs", err));
    for (size_t f = 0; f < TSGD_FIELDS; f++)
        if (tsgd_field_counts(f))
            number_field(&v, f, first);
    *out = v;
    v = (struct tsgd_values)TSGD_VALUES_INIT;
done:
    free(first);
    tsgd_values_release(&v);
    return st;
}

void tsgd_values_release(struct tsgd_values *v)
{
    free(v->id);
    *v = (struct tsgd_values)TSGD_VALUES_INIT;
}

static bool has_data(const struct tsgd_values *v, size_t run)
{
    return tsgd_value_id(v, run, TSGD_SET_data) > TSGD_VALUE_NONE;
}

bool tsgd_values_differ(const struct tsgd_values *v, size_t a, size_t b, size_t field)
{
    uint32_t x = tsgd_value_id(v, a, field), y = tsgd_value_id(v, b, field);
    if (x == y || x == TSGD_VALUE_ABSENT || y == TSGD_VALUE_ABSENT)
        return false;
    return (x != TSGD_VALUE_NONE && y != TSGD_VALUE_NONE) || has_data(v, a) == has_data(v, b);
}

static enum tsgd_status find(size_t *field, const char *name, const char *where,
                             struct tsgd_error *err)
{
    const char *names[TSGD_FIELDS];
    size_t n = 0;
    for (size_t f = 0; f < TSGD_FIELDS; f++) {
        if (!tsgd_field_counts(f))
            continue;
        names[n++] = tsgd_field_name(f);
        if (!strcmp(name, tsgd_field_name(f))) {
            *field = f;
            return TSGD_OK;
        }
    }
    return tsgd_unknown_name(where, name, names, n, err);
}

enum tsgd_status tsgd_fields_parse(bool named[TSGD_FIELDS], const char *text, const char *where,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char *copy = NULL, *rest, *name;
    memset(named, 0, TSGD_FIELDS * sizeof *named);
    if (!text)
        return TSGD_OK;
    if (!(copy = rest = strdup(text)))
        TRY(tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for the names", where));
    while ((name = strsep(&rest, ","))) {
        size_t field;
        TRY(find(&field, name, where, err));
        named[field] = true;
    }
done:
    free(copy);
    return st;
}
