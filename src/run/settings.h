/* run/settings.h: the settings of a run, inside: typed fields beside the texts that the public
 * interface (include/telesgd.h) shows. Both are made from run/settings_list.h.
 * A setting that was not given and has no default has no text; its field is then 0, NaN, NULL,
 * false or an empty list.
 * Ownership: whoever creates or copies settings frees them; their texts go with them.
 * Threads: one at a time; any number while nobody changes them.                                 */
#ifndef TSGD_RUN_SETTINGS_H
#define TSGD_RUN_SETTINGS_H

#include "base/status.h"
#include "transport/transport.h"

#define TSGD_MOST_REALS 64

struct tsgd_reals {
    size_t n;
    double value[TSGD_MOST_REALS];
};

/* The type of a setting's field. */
#define TSGD_FIELD_COUNT uint64_t
#define TSGD_FIELD_REAL double
#define TSGD_FIELD_TEXT const char *
#define TSGD_FIELD_FLAG bool
#define TSGD_FIELD_CHOICE const char *
#define TSGD_FIELD_LIST struct tsgd_reals

/* TSGD_SET_lr and so on: a setting's row. */
enum tsgd_setting_id {
#define SETTING(field, ...) TSGD_SET_##field,
#include "run/settings_list.h"
#undef SETTING
    TSGD_SETTINGS
};

/* What the files of an earlier run had in them. A run that finds something else there is refused
 * when it is made, before anything is written.                                                  */
struct tsgd_expected {
    bool split, init;           /* whether the hash of the setting's file is known */
    uint64_t split_hash, init_hash;     /* as in struct tsgd_info */
};

struct tsgd_settings {
#define SETTING(field, name, type, ...) TSGD_FIELD_##type field;
#include "run/settings_list.h"
#undef SETTING
    char *text[TSGD_SETTINGS];  /* as it is printed, and can be read back; NULL: none */
    bool given[TSGD_SETTINGS];  /* by the caller, not by default */
    struct tsgd_objective objective;    /* what "model" names; size 0: none was set */
    const struct tsgd_data *memory;     /* what "data" names; NULL: none was set */
    struct tsgd_transport *transport;   /* to the other ranks of the run, borrowed; NULL: there are
                                         * none */
    struct tsgd_expected expected;
    bool own_process;           /* nobody else's threads are in it: they may be pinned unasked */
};

/* Whether a setting has a value, and whether the caller gave it: TSGD_HAS(s, split_seed). */
#define TSGD_HAS(s, field) ((s)->text[TSGD_SET_##field] != NULL)
#define TSGD_GIVEN(s, field) ((s)->given[TSGD_SET_##field])

/* Whether this rank is the one that tells and writes for all. */
static inline bool tsgd_speaks(const struct tsgd_settings *s)
{
    return !s->transport || s->transport->rank == 0;
}

enum tsgd_setting_type {
    TSGD_TYPE_COUNT,
    TSGD_TYPE_REAL,
    TSGD_TYPE_TEXT,
    TSGD_TYPE_FLAG,
    TSGD_TYPE_CHOICE,
    TSGD_TYPE_LIST
};

/* What a setting belongs to. The words for each stand in settings.c. */
enum tsgd_owner {
    TSGD_OWNER_RUN,             /* every run */
    TSGD_OWNER_DATA,            /* a model that learns from data */
    TSGD_OWNER_QUADRATIC,
    TSGD_OWNER_DIM,             /* a model whose size is one number: the quadratic, an objective */
    TSGD_OWNER_METHOD,          /* some methods; method/method.c says which */
    TSGD_OWNER_CHURN,           /* nodes that can be away */
    TSGD_OWNER_CLOCK,           /* a simulated network */
    TSGD_OWNER_SLOW_LINKS,      /* one with slow links */
    TSGD_OWNER_PREFERRED_LINKS, /* one whose preferred links are not slow */
    TSGD_OWNER_TRACE,
    TSGD_OWNER_CHECKPOINT,      /* a run that writes checkpoints */
    TSGD_OWNER_PROGRAM,         /* the program telesgd; the library refuses it */
    TSGD_OWNERS
};

enum tsgd_effect { TSGD_EFFECT_RESULT, TSGD_EFFECT_MACHINE, TSGD_EFFECT_OUTPUT };

/* Commands, as bits, and whether the option is one of the dozen that most runs need. */
enum {
    TSGD_FOR_TRAIN = 1,
    TSGD_FOR_TUNE = 2,
    TSGD_FOR_EVAL = 4,
    TSGD_FOR_TOPOLOGY = 8,
    TSGD_FOR_HELP = 16,
    TSGD_FOR_MOST = 32,
    TSGD_FOR_SWEEP = 64,
    TSGD_FOR_COMPARE = 128,
    TSGD_FOR_REPORT = 256,
    TSGD_FOR_SPLIT = 512,
    TSGD_FOR_MODEL = 1024,
    TSGD_FOR_BENCH = 2048
};

/* A row of run/settings_list.h. */
struct tsgd_setting_row {
    struct tsgd_setting shown;  /* what the public interface shows of it */
    enum tsgd_setting_type type;
    enum tsgd_owner owner;
    enum tsgd_effect effect;
    unsigned commands;          /* bits */
    size_t at;                  /* of its field, in struct tsgd_settings */
    double least, most;         /* numbers: least <= value <= most */
    bool above, below;          /* least < value; value < most */
    bool single;                /* single precision must hold it too */
};
extern const struct tsgd_setting_row tsgd_setting_rows[TSGD_SETTINGS];

/* The row of this name that the commands (bits) take; NULL: none. */
const struct tsgd_setting_row *tsgd_setting_find(const char *name, unsigned commands);

/* The nearest name among them, or NULL. */
const char *tsgd_setting_nearest(const char *name, unsigned commands);

/* Gives a setting a value, also one of the program's own. `where` starts the sentence of an error:
 * "--lr" or "FILE:3: lr". TSGD_EINVAL: not such a value; TSGD_ENOMEM. On error nothing changes. */
enum tsgd_status tsgd_settings_give(struct tsgd_settings *s, const struct tsgd_setting_row *row,
                                    const char *value, const char *where, struct tsgd_error *err);

/* Gives a setting the value that follows from the others, or its own in a form that says more,
 * without marking it as given. text NULL: then it has no value and counts as not given. Errors as
 * tsgd_settings_give.
 *     TRY(TSGD_FILL(s, topology, "ring", err));                                                 */
enum tsgd_status tsgd_settings_fill(struct tsgd_settings *s, enum tsgd_setting_id id,
                                    const char *text, struct tsgd_error *err);
enum tsgd_status tsgd_settings_fill_count(struct tsgd_settings *s, enum tsgd_setting_id id,
                                          uint64_t value, struct tsgd_error *err);
enum tsgd_status tsgd_settings_fill_real(struct tsgd_settings *s, enum tsgd_setting_id id,
                                         double value, struct tsgd_error *err);
#define TSGD_FILL(s, field, text, err) tsgd_settings_fill((s), TSGD_SET_##field, (text), (err))
#define TSGD_FILL_COUNT(s, field, value, err) \
    tsgd_settings_fill_count((s), TSGD_SET_##field, (value), (err))
#define TSGD_FILL_REAL(s, field, value, err) \
    tsgd_settings_fill_real((s), TSGD_SET_##field, (value), (err))

/* Whether two texts of a setting, NULL where it has no value, stand for the same result: they are
 * equal, or instruction sets that have the same bits.                                           */
bool tsgd_settings_alike(size_t id, const char *a, const char *b);

/* Whether the value followed from other settings: it was not given and is no default, or it is the
 * number of rounds in --epochs.                                                                 */
bool tsgd_settings_derived(const struct tsgd_settings *s, enum tsgd_setting_id id);

/* Whether a run that is repeated takes the value as it was asked for, not what became of it: with
 * other data, --normalize data stands for other numbers. Not the model, which may have stood in a
 * file that is no more, or has changed.                                                         */
static inline bool tsgd_settings_ask_again(enum tsgd_setting_id id)
{
    return id != TSGD_SET_model;
}

/* Refuses what was given although its owner is not among `owners` (bits, 1 << TSGD_OWNER_..) or the
 * command (a bit: a run or a search) does not take it, and takes away the defaults of such
 * settings. A flag that is false asks for nothing. TSGD_EINVAL.                                 */
enum tsgd_status tsgd_settings_settle(struct tsgd_settings *s, unsigned owners, unsigned command,
                                      struct tsgd_error *err);

#endif
