/* compare/values.h: the settings of many runs, side by side: which are equal, and what they are
 * called. Made from the config lines of logs, which must outlive it. One thread.                */
#ifndef TSGD_COMPARE_VALUES_H
#define TSGD_COMPARE_VALUES_H

#include "log/runlog.h"
#include "run/settings.h"

/* A field of the config line: a setting, by its number, or one of these. */
enum {
    TSGD_FIELD_TOKENS = TSGD_SETTINGS,      /* of a search: those that it chose */
    TSGD_FIELD_COMMAND,                     /* "search" or nothing */
    TSGD_FIELDS
};

struct tsgd_values {
    const struct tsgd_runlog *log;
    size_t n;
    uint32_t *id;               /* [n][TSGD_FIELDS]; equal values have equal numbers */
};
#define TSGD_VALUES_INIT {.log = NULL}

/* Besides equal values these numbers say: the log does not have the field; it is null or false. A
 * split seed that followed the seed is null, and so are rounds that followed from epochs.       */
enum { TSGD_VALUE_ABSENT, TSGD_VALUE_NONE };

/* TSGD_ENOMEM. */
enum tsgd_status tsgd_values_create(struct tsgd_values *out, const struct tsgd_runlog *log,
                                    size_t n, struct tsgd_error *err);
void tsgd_values_release(struct tsgd_values *v);

static inline uint32_t tsgd_value_id(const struct tsgd_values *v, size_t run, size_t field)
{
    return v->id[run * TSGD_FIELDS + field];
}

/* Whether two runs have different values. A field that a log lacks tells nothing: other commands
 * and versions have other fields. Nor does null against a value when one run has data and the other
 * has none, for the field may not apply to it.                                                  */
bool tsgd_values_differ(const struct tsgd_values *v, size_t a, size_t b, size_t field);

/* The value as people read it: in `room`, or in the log; "" for none. */
enum { TSGD_VALUE_ROOM = 40 };
const char *tsgd_value_text(const struct tsgd_values *v, size_t run, size_t field,
                            char room[TSGD_VALUE_ROOM]);

const char *tsgd_field_name(size_t field);

/* The fields that a list "lr,topology" names, into named[]. TSGD_EINVAL: there is no such setting
 * of the result (suggests the nearest); `where` starts the sentence. text NULL: none.           */
enum tsgd_status tsgd_fields_parse(bool named[TSGD_FIELDS], const char *text, const char *where,
                                   struct tsgd_error *err);

/* Whether a field is a setting of the result, or what a search found in place of one. */
bool tsgd_field_counts(size_t field);

#endif
