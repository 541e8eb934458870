#include "compare/labels.h"

#include "base/mem.h"
#include "base/memstream.h"
#include "model/model.h"

#include <stdio.h>
#include <string.h>

/* Settings of the result in which two runs may differ without a word: */
static const unsigned char unsaid[] = {
    /* they stand in front of every name, */
    TSGD_SET_method, TSGD_SET_nodes, TSGD_SET_active, TSGD_SET_topology, TSGD_FIELD_TOKENS,
    TSGD_FIELD_COMMAND,
    /* they say how long a run is and when it is measured, which the columns show, */
    TSGD_SET_rounds, TSGD_SET_epochs, TSGD_SET_samples, TSGD_SET_until, TSGD_SET_eval_every,
    TSGD_SET_eval_at_start, TSGD_SET_eval,
    /* or they concern the machine. */
    TSGD_SET_data_dir, TSGD_SET_isa,
};
_Static_assert(TSGD_FIELDS <= 256, "numbers of fields fit a byte");

static bool any_differ(const struct tsgd_values *v, const size_t *run, size_t n, size_t field)
{
    bool found = false;
    for (size_t i = 1; i < n && !found; i++)
        found = tsgd_value_id(v, run[0], field) != tsgd_value_id(v, run[i], field);
    return found;
}

bool tsgd_labels_say(const struct tsgd_values *v, const struct tsgd_labels *how, size_t i,
                     size_t field)
{
    if (how->said[field])
        return true;
    if (how->form == TSGD_LABEL_SAID || how->unsaid[field] || !tsgd_field_counts(field) ||
        memchr(unsaid, (int)field, sizeof unsaid))
        return false;
    bool found = field == TSGD_SET_lr && v->log[how->run[i]].is_search;
    for (size_t j = 0; j < how->n && !found; j++)
        found = tsgd_values_differ(v, how->run[i], how->run[j], field);
    return found;
}

/* A name that is being written. */
struct writing {
    FILE *to;
    bool begun;
};

/* A value as titles have it: a network of one's own not with all its layers. */
static const char *short_text(size_t field, const char *text, char room[TSGD_MODEL_SHORT])
{
    if (field != TSGD_SET_model)
        return text;
    tsgd_model_short(text, room, TSGD_MODEL_SHORT);
    return room;
}

static FILE *next_part(struct writing *w)
{
    if (w->begun)
        fputs(", ", w->to);
    w->begun = true;
    return w->to;
}

/* "?" when it is not there. */
static const char *word(const struct tsgd_values *v, size_t run, size_t field,
                        char room[TSGD_VALUE_ROOM])
{
    const char *text = tsgd_value_text(v, run, field, room);
    return *text ? text : "?";
}

static void write_beginning(struct writing *w, const struct tsgd_values *v,
                            const struct tsgd_labels *how, size_t run)
{
    char room[2][TSGD_VALUE_ROOM];
    bool full = how->form == TSGD_LABEL_FULL;
    size_t k = tsgd_value_id(v, run, TSGD_FIELD_TOKENS) ? TSGD_FIELD_TOKENS : TSGD_SET_nodes;
    if (how->form == TSGD_LABEL_SAID)
        return;
    if (full || any_differ(v, how->run, how->n, TSGD_SET_method))
        fputs(word(v, run, TSGD_SET_method, room[0]), next_part(w));
    if (full || any_differ(v, how->run, how->n, TSGD_FIELD_TOKENS) ||
        any_differ(v, how->run, how->n, TSGD_SET_nodes))
        fprintf(next_part(w), "%s of %s", word(v, run, k, room[0]),
                word(v, run, TSGD_SET_nodes, room[1]));
    if (full || any_differ(v, how->run, how->n, TSGD_SET_topology))
        fputs(word(v, run, TSGD_SET_topology, room[0]), next_part(w));
}

static void write_setting(struct writing *w, const struct tsgd_values *v,
                          const struct tsgd_labels *how, size_t run, size_t field)
{
    char room[TSGD_VALUE_ROOM], cut[TSGD_MODEL_SHORT];
    const char *text = tsgd_value_text(v, run, field, room);
    bool is_flag = field < TSGD_SETTINGS && tsgd_setting_rows[field].type == TSGD_TYPE_FLAG;
    if (is_flag && *text)
        fputs(tsgd_field_name(field), next_part(w));
    else if (*text)
        fprintf(next_part(w), "%s %s", tsgd_field_name(field), short_text(field, text, cut));
    else if (how->form == TSGD_LABEL_SAID)
        fprintf(next_part(w), "no %s", tsgd_field_name(field));
}

static void write_label(FILE *to, const struct tsgd_values *v, const struct tsgd_labels *how,
                        size_t i)
{
    struct writing w = {to, false};
    write_beginning(&w, v, how, how->run[i]);
    for (size_t f = 0; f < TSGD_FIELDS; f++)
        if (tsgd_labels_say(v, how, i, f))
            write_setting(&w, v, how, how->run[i], f);
}

/* The how-manieth of several equal labels this is, from 1; 0: there is no other. */
static size_t place_among_equals(char *const *label, size_t n, size_t i)
{
    size_t equals = 0, place = 0;
    for (size_t j = 0; j < n; j++) {
        equals += !strcmp(label[j], label[i]);
        place = j == i ? equals : place;
    }
    return equals > 1 ? place : 0;
}

static enum tsgd_status create_all(char **label, const struct tsgd_values *v,
                                   const struct tsgd_labels *how, const size_t *place,
                                   struct tsgd_error *err)
{
    for (size_t i = 0; i < how->n; i++) {
        size_t bytes;
        free(label[i]);
        label[i] = NULL;
        FILE *f = open_memstream(&label[i], &bytes);
        if (f) {
            write_label(f, v, how, i);
            if (place[i] > 0)
                fprintf(f, "%s#%zu", ftell(f) > 0 ? " " : "", place[i]);
        }
        if (!tsgd_memstream_close(f, &label[i]))
            return tsgd_fail(err, TSGD_ENOMEM, "no memory for the name of '%s'",
                             v->log[how->run[i]].path);
    }
    return TSGD_OK;
}

enum tsgd_status tsgd_labels_create(char **label, const struct tsgd_values *v,
                                    const struct tsgd_labels *how, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t *place = NULL;
    memset(label, 0, how->n * sizeof *label);
    TRY(TSGD_NEW(&place, how->n, "names of runs", err));
    TRY(create_all(label, v, how, place, err));
    for (size_t i = 0; i < how->n; i++)
        place[i] = place_among_equals(label, how->n, i);
    TRY(create_all(label, v, how, place, err));
done:
    for (size_t i = 0; i < how->n && st != TSGD_OK; i++) {
        free(label[i]);
        label[i] = NULL;
    }
    free(place);
    return st;
}

static bool is_common(const struct tsgd_values *v, const size_t *run, size_t n, size_t field)
{
    return n > 0 && tsgd_value_id(v, run[0], field) > TSGD_VALUE_NONE &&
           !any_differ(v, run, n, field);
}

enum tsgd_status tsgd_labels_common(char **out, const struct tsgd_values *v, const size_t *run,
                                    size_t n, struct tsgd_error *err)
{
    static const unsigned char field[] = {TSGD_SET_model, TSGD_SET_data, TSGD_SET_partition,
                                          TSGD_SET_method, TSGD_SET_nodes, TSGD_SET_topology};
    static const char *const form[] = {"%s", "on %s", "%s", "%s", "%s nodes", "%s"};
    char room[TSGD_VALUE_ROOM], cut[TSGD_MODEL_SHORT];
    size_t bytes;
    *out = NULL;
    FILE *f = open_memstream(out, &bytes);
    for (size_t i = 0; f && i < sizeof field; i++) {
        if (!is_common(v, run, n, field[i]))
            continue;
        if (ftell(f) > 0)
            fputs(field[i] == TSGD_SET_data ? " " : ", ", f);
        fprintf(f, form[i], short_text(field[i], tsgd_value_text(v, run[0], field[i], room), cut));
    }
    if (tsgd_memstream_close(f, out))
        return TSGD_OK;
    return tsgd_fail(err, TSGD_ENOMEM, "no memory for a title");
}
