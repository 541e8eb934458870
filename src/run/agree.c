#include "run/agree.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "data/source.h"
#include "linalg/isa.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool alone(const struct tsgd_transport *t) { return !t || t->ranks == 1; }

/* How far one rank has come. Ranks tell one after the other, so that this takes no memory, which
 * might not be there on one of them.                                                            */
struct standing {
    enum tsgd_status status;
    char host[64];
    struct tsgd_error why;
};

enum tsgd_status tsgd_agree(struct tsgd_transport *t, enum tsgd_status mine,
                            struct tsgd_error *err)
{
    struct standing first = {.status = TSGD_OK}, other;
    uint32_t failed = 0, alike = 0;
    if (alone(t))
        return mine;
    for (uint32_t r = 0; r < t->ranks; r++) {
        other = (struct standing){.status = TSGD_OK};
        if (r == t->rank) {
            other.status = mine;
            if (gethostname(other.host, sizeof other.host - 1) != 0)
                strcpy(other.host, "?");
            if (mine != TSGD_OK && err)
                other.why = *err;
        }
        t->ops->broadcast(t, &other, sizeof other, r);
        if (other.status == TSGD_OK)
            continue;
        if (first.status == TSGD_OK) {
            first = other;
            failed = r;
        }
        alike += !strcmp(first.why.text, other.why.text);
    }
    if (first.status == TSGD_OK)
        return TSGD_OK;
    if (alike == t->ranks && err) {
        *err = first.why;
        return first.status;
    }
    return tsgd_fail(err, first.status, "rank %u on %s: %.900s", failed, first.host,
                     first.why.text);
}

/* ---- what ranks are compared by ---- */

struct comparison {
    struct tsgd_transport *t;
    enum tsgd_status st;
    struct tsgd_error *err;
};

/* What rank 0 has, as others show it. */
struct had {
    uint64_t hash;
    char text[160];
};

static void compare(struct comparison *c, const char *what, const char *value)
{
    struct had mine = {.hash = value ? tsgd_hash(value, strlen(value)) : 0}, want;
    snprintf(mine.text, sizeof mine.text, "%s", value ? value : "none");
    want = mine;
    c->t->ops->broadcast(c->t, &want, sizeof want, 0);
    if (c->st == TSGD_OK && want.hash != mine.hash)
        c->st = tsgd_fail(c->err, TSGD_EINVAL, "%s: found %s, want %s, as rank 0 has it", what,
                          mine.text, want.text);
}

/* some: a rank without a text agrees to whatever rank 0 has. */
static enum tsgd_status agree_on(struct tsgd_transport *t, const char *what, const char *text,
                                 bool some, struct tsgd_error *err)
{
    struct comparison c = {t, TSGD_OK, err};
    if (alone(t))
        return TSGD_OK;
    compare(&c, what, text);
    return tsgd_agree(t, some && !text ? TSGD_OK : c.st, err);
}

enum tsgd_status tsgd_agree_alike(struct tsgd_transport *t, const char *what, const char *text,
                                  struct tsgd_error *err)
{
    return agree_on(t, what, text, false, err);
}

enum tsgd_status tsgd_agree_first(struct tsgd_transport *t, const char *what, const char *text,
                                  struct tsgd_error *err)
{
    return agree_on(t, what, text, true, err);
}

static void compare_hash(struct comparison *c, const char *what, uint64_t hash)
{
    char text[40];
    snprintf(text, sizeof text, "one with the hash %016" PRIx64, hash);
    compare(c, what, text);
}

static void compare_count(struct comparison *c, const char *what, uint64_t count)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, count);
    compare(c, what, text);
}

/* What does not change the result, but what ranks do together. */
static bool is_shared(enum tsgd_setting_id i)
{
    return i == TSGD_SET_gossip || i == TSGD_SET_checkpoint || i == TSGD_SET_checkpoint_every ||
           i == TSGD_SET_trace || i == TSGD_SET_keep || i == TSGD_SET_place;
}

static void compare_settings(struct comparison *c, const struct tsgd_settings *s)
{
    char name[64];
    compare(c, "--seed", s->text[TSGD_SET_seed]);       /* before what follows from it */
    for (enum tsgd_setting_id i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        if (!(row->effect == TSGD_EFFECT_RESULT || is_shared(i)) || i == TSGD_SET_data_dir)
            continue;               /* the same data may lie elsewhere on another machine */
        snprintf(name, sizeof name, "--%s", row->shown.name);
        if (i != TSGD_SET_isa)
            compare(c, name, s->text[i]);
        else                        /* machines may differ, but for the bits */
            compare(c, "the bits of --isa", tsgd_isa_bits(s->isa));
    }
}

/* Of one file of the data set, where it is there. TSGD_ENOMEM, TSGD_EIO. */
static enum tsgd_status add_file(struct tsgd_hasher *h, const char *path, char *buffer,
                                 size_t size, struct tsgd_error *err)
{
    const char *why;
    FILE *f = tsgd_open_input(path, false, &why);
    if (!f)
        return TSGD_OK;
    size_t n;
    while ((n = fread(buffer, 1, size, f)) > 0)
        tsgd_hasher_add(h, buffer, n);
    bool failed = ferror(f);
    fclose(f);
    return failed ? tsgd_fail(err, TSGD_EIO, "cannot read '%s'", path) : TSGD_OK;
}

/* Of all that the data are read from; 0: they are no files. */
static enum tsgd_status hash_data(const struct tsgd_settings *s, uint64_t *out,
                                  struct tsgd_error *err)
{
    enum { PIECE = 1 << 18 };
    enum tsgd_status st = TSGD_OK;
    struct tsgd_hasher *h = NULL;
    char *buffer = NULL, path[PATH_MAX];
    *out = 0;
    if (!s->data || s->memory)
        return TSGD_OK;
    TRY(tsgd_hasher_create(&h, err));
    TRY(TSGD_NEW(&buffer, PIECE, "a file", err));
    for (size_t i = 0; tsgd_dataset_file(s->data, s->data_dir, i, path, sizeof path); i++)
        TRY(add_file(h, path, buffer, PIECE, err));
    *out = tsgd_hasher_value(h);
done:
    free(buffer);
    tsgd_hasher_free(h);
    return st;
}

static enum tsgd_status check_tags(const struct tsgd_transport *t, uint64_t tokens,
                                   struct tsgd_error *err)
{
    if (2 * tokens + 1 <= t->most_tag)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "%" PRIu64 " tokens: the messages between ranks have tags "
                     "up to %u here, enough for %u tokens; want fewer active nodes, or another MPI",
                     tokens, t->most_tag, (t->most_tag - 1) / 2);
}

enum tsgd_status tsgd_agree_setup(const struct tsgd_setup *setup, const struct tsgd_info *info,
                                  const struct tsgd_resume *resume, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_transport *t = setup->s->transport;
    uint64_t data = 0;
    if (alone(t))
        return TSGD_OK;
    st = check_tags(t, info->tokens, err);
    if (st == TSGD_OK)
        st = hash_data(setup->s, &data, err);
    TRY(tsgd_agree(t, st, err));
    struct comparison c = {t, TSGD_OK, err};
    compare_settings(&c, setup->s);
    compare_hash(&c, "--data: its files", data);
    compare_hash(&c, "--data: the split", info->split_hash);
    compare_hash(&c, "--init: the file", info->init_hash);
    if (setup->placed)                  /* as this rank's partitioner has it */
        compare_hash(&c, "--place: the ranks of the nodes",
                     tsgd_hash(setup->placed, setup->ranks.nodes * sizeof *setup->placed));
    compare_count(&c, "training samples", info->train_samples);
    compare_count(&c, "test samples", info->test_samples);
    compare_count(&c, "parameters", info->parameters);
    compare_count(&c, "--resume: the round", info->resumed_round);
    compare_count(&c, "--resume: the pass", info->resumed_pass);
    compare(&c, "--resume: the checksum", tsgd_sealed_meta(&resume->file, TSGD_SEAL));
    TRY(tsgd_agree(t, c.st, err));
done:
    return st;
}
