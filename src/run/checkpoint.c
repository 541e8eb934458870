#include "run/checkpoint.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* ---- the tensors ---- */

static bool token_is_here(const void *snapshot, size_t a)
{
    return tsgd_snapshot_has_token(snapshot, a);
}

static bool node_is_here(const void *snapshot, size_t node)
{
    return tsgd_snapshot_has_node(snapshot, node);
}

static const void *token_bytes(void *snapshot, size_t a, size_t *bytes)
{
    const struct tsgd_snapshot *x = snapshot;
    return tsgd_stream_take(x->stream, x->at[a], bytes);
}

static const void *node_bytes(void *snapshot, size_t node, size_t *bytes)
{
    const struct tsgd_snapshot *x = snapshot;
    return tsgd_stream_take(x->stream, tsgd_rank_of(&x->ranks, (uint32_t)node), bytes);
}

/* Room for one more; without room it is counted alone. */
static struct tsgd_sealed_tensor *add(struct tsgd_contents *c, struct tsgd_sealed_tensor *spare)
{
    return c->tensor ? &c->tensor[c->n++] : (c->n++, spare);
}

/* What there is for each token or node, `stride` bytes apart. */
static void add_each(struct tsgd_contents *c, struct tsgd_sealed_tensor t, size_t stride,
                     const struct tsgd_sealed_blocks *some, const char *prefix, const char *name)
{
    struct tsgd_sealed_tensor spare, *to = add(c, &spare);
    t.blocks = t.extent[0];
    t.stride_bytes = stride;
    t.some = c->x->at ? some : NULL;
    snprintf(t.name, sizeof t.name, "%s%s", prefix, name);
    *to = t;
}

/* Rows of tokens or nodes, each tensor of the model for itself. */
static void add_rows(struct tsgd_contents *c, const char *prefix, float *row, bool of_nodes)
{
    const struct tsgd_tensor *of;
    const struct tsgd_setup *setup = c->setup;
    for (uint32_t i = 0; (of = setup->kind->tensor(setup->task, i)) != NULL; i++) {
        struct tsgd_sealed_tensor t = {
            .dtype = "F32", .rank = of->rank + 1,
            .extent = {of_nodes ? c->x->nodes : c->x->tokens}, .data = row + of->offset,
            .block_bytes = of->count * sizeof *row,
        };
        for (uint32_t j = 0; j < of->rank; j++)
            t.extent[j + 1] = of->extent[j];
        add_each(c, t, c->x->stride * sizeof *row, of_nodes ? &c->nodes : &c->tokens, prefix,
                 of->name);
    }
}

static void add_piece(struct tsgd_contents *c, const struct tsgd_piece *p)
{
    static const char *const dtype[] = {
        [TSGD_PIECE_U32] = "I32", [TSGD_PIECE_U64] = "I64",
        [TSGD_PIECE_F64] = "F64",
    };
    struct tsgd_sealed_tensor spare, *t = add(c, &spare);
    *t = (struct tsgd_sealed_tensor){
        .dtype = dtype[p->type], .rank = 1, .extent = {p->count}, .data = p->data, .blocks = 1,
        .block_bytes = tsgd_piece_bytes(p), .stride_bytes = tsgd_piece_bytes(p),
    };
    if (p->population == TSGD_WHOLE_RUN || c->x->populations == 1)
        snprintf(t->name, sizeof t->name, "telesgd.%s", p->name);
    else
        snprintf(t->name, sizeof t->name, "telesgd.%s.%u", p->name, p->population);
}

static void add_all(struct tsgd_contents *c, const struct tsgd_keeper *k)
{
    const struct tsgd_snapshot *x = c->x;
    char prefix[64];
    c->n = 0;
    for (uint32_t i = 0; i < tsgd_rule_exchanged(x->rule); i++) {
        snprintf(prefix, sizeof prefix, "telesgd.%s.", x->rule->exchanged[i]);
        add_rows(c, i ? prefix : "", x->exchanged[i], false);
    }
    for (uint32_t i = 0; i < tsgd_rule_own(x->rule); i++) {
        snprintf(prefix, sizeof prefix, "telesgd.%s.", x->rule->own[i]);
        add_rows(c, prefix, x->own[i], false);
    }
    if (x->rule->node) {
        snprintf(prefix, sizeof prefix, "telesgd.node.%s.", x->rule->node);
        add_rows(c, prefix, x->node, true);
    }
    add_each(c, (struct tsgd_sealed_tensor){
                 .dtype = "F64", .rank = 1, .extent = {x->tokens}, .data = x->loss,
                 .block_bytes = sizeof *x->loss,
             }, sizeof *x->loss, &c->tokens, "telesgd.", "loss");
    add_piece(c, &(struct tsgd_piece){"diverged", TSGD_WHOLE_RUN, TSGD_PIECE_U64, x->diverged,
                                      x->populations});
    for (size_t i = 0; i < x->pieces; i++)
        add_piece(c, &x->piece[i]);
    struct tsgd_sealed_tensor spare;
    for (size_t i = 0; i < k->n_extra; i++)
        *add(c, &spare) = k->extra[i];
}

enum tsgd_status tsgd_keeper_list(struct tsgd_keeper *k, const struct tsgd_snapshot *x,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_contents *c = &k->contents;
    void *of = (void *)(size_t)x;       /* of which the stream alone moves on */
    free(c->tensor);
    *c = (struct tsgd_contents){
        .x = x, .setup = k->setup, .tokens = {token_is_here, token_bytes, of},
        .nodes = {node_is_here, node_bytes, of},
    };
    add_all(c, k);
    TRY(TSGD_NEW(&c->tensor, c->n, "a checkpoint", err));
    add_all(c, k);
done:
    return st;
}

/* ---- the settings ---- */

static bool stores(const struct tsgd_settings *s, size_t i)
{
    return tsgd_setting_rows[i].shown.changes_result && s->text[i];
}

/* Names and texts of the settings of the result; given: of those that were given alone. */
static json_t *list_settings(const struct tsgd_settings *s, bool given)
{
    json_t *all = json_object();
    bool bad = !all;
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        if (stores(s, i) && (!given || s->given[i]))
            bad |= json_object_set_new(all, tsgd_setting_rows[i].shown.name,
                                       json_string(s->text[i])) != 0;
    if (!bad)
        return all;
    json_decref(all);
    return NULL;
}

enum tsgd_status tsgd_keeper_init(struct tsgd_keeper *out, const struct tsgd_setup *setup,
                                  const char *command, const struct tsgd_settings *asked,
                                  struct tsgd_error *err)
{
    *out = (struct tsgd_keeper){.setup = setup, .command = command, .pass = 1};
    if (!asked->checkpoint)
        return TSGD_OK;
    for (size_t i = 0; i < TSGD_SETTINGS; i++)
        if (stores(asked, i) && !tsgd_is_utf8(asked->text[i]))
            return tsgd_fail(err, TSGD_EINVAL, "--%s: '%.80s' is not UTF-8, and a checkpoint "
                             "cannot hold it; want another name",
                             tsgd_setting_rows[i].shown.name, asked->text[i]);
    out->asked = list_settings(asked, true);
    return out->asked ? TSGD_OK : tsgd_fail(err, TSGD_ENOMEM, "no memory for checkpoints");
}

void tsgd_keeper_release(struct tsgd_keeper *k)
{
    json_decref(k->asked);
    free(k->contents.tensor);
    k->asked = NULL;
    k->contents.tensor = NULL;
}

enum tsgd_status tsgd_keeper_check(const struct tsgd_settings *s, struct tsgd_error *err)
{
    struct tsgd_outfile f = TSGD_OUTFILE_INIT;
    enum tsgd_status st = s->checkpoint && tsgd_speaks(s) ?
        tsgd_outfile_open(&f, s->checkpoint, "--checkpoint", err) : TSGD_OK;
    tsgd_outfile_abandon(&f);
    return st;
}

/* Adds a text, and takes `value` over; NULL stands for one that memory was too short for. */
static bool set(json_t *meta, const char *key, json_t *value)
{
    return json_object_set_new(meta, key, value) == 0;
}

/* What was asked for, of which the run has made something else where it is not asked again. */
static json_t *asked_now(const struct tsgd_keeper *k)
{
    json_t *asked = json_object();      /* json_copy does not tell when it lacks memory */
    const char *name;
    json_t *value;
    bool good = asked;
    json_object_foreach(k->asked, name, value) {
        const struct tsgd_setting_row *row = tsgd_setting_find(name, ~0u);
        enum tsgd_setting_id i = (enum tsgd_setting_id)(row - tsgd_setting_rows);
        good = good && set(asked, name, tsgd_settings_ask_again(i) ? json_incref(value)
                                            : json_string(k->setup->s->text[i]));
    }
    if (good)
        return asked;
    json_decref(asked);
    return NULL;
}

static json_t *dump(const json_t *value)
{
    char *text = value ? tsgd_json_text(value, JSON_COMPACT) : NULL;
    json_t *word = text ? json_string(text) : NULL;
    free(text);
    return word;
}

/* The metadata; NULL: no memory. */
static json_t *describe(const struct tsgd_snapshot *x, const struct tsgd_keeper *k)
{
    struct tsgd_info found = {.split_hash = 0};
    struct tsgd_saved saved;
    json_t *settings = list_settings(k->setup->s, false), *asked = asked_now(k);
    k->setup->kind->describe(k->setup->task, &found);
    k->setup->kind->identify(k->setup->task, &saved);
    json_t *meta = tsgd_saved_metadata(&saved);
    bool ok = meta && set(meta, "telesgd.checkpoint", json_string(TSGD_CHECKPOINT_FORMAT)) &&
              set(meta, "telesgd.version", json_string(TELESGD_VERSION)) &&
              set(meta, "telesgd.command", json_string(k->command)) &&
              set(meta, "telesgd.round", json_sprintf("%" PRIu64, x->round)) &&
              set(meta, "telesgd.pass", json_sprintf("%" PRIu64, k->pass)) &&
              set(meta, "telesgd.seconds", json_sprintf("%.9g", x->seconds)) &&
              set(meta, "telesgd.split_hash", json_sprintf("%016" PRIx64, found.split_hash)) &&
              set(meta, "telesgd.init_hash",
                  json_sprintf("%016" PRIx64, tsgd_setup_init_hash(k->setup))) &&
              set(meta, "telesgd.asked", dump(asked)) &&
              set(meta, "telesgd.settings", dump(settings));
    json_decref(settings);
    json_decref(asked);
    if (ok)
        return meta;
    json_decref(meta);
    return NULL;
}

/* ---- the files ---- */

/* Moves FILE.1 to FILE.2 and so on, and gives FILE the name FILE.1 too: it keeps its own until the
 * new file takes it, so there is always a whole one of that name.                               */
static enum tsgd_status make_room(const char *path, uint64_t keep, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    size_t room = strlen(path) + 8;
    char *older = NULL, *newer = NULL;
    if (keep < 2 || access(path, F_OK) != 0)
        return TSGD_OK;
    TRY(TSGD_NEW(&older, room, "--checkpoint", err));
    TRY(TSGD_NEW(&newer, room, "--checkpoint", err));
    for (uint64_t i = keep - 1; i > 1; i--) {
        snprintf(older, room, "%s.%" PRIu64, path, i);
        snprintf(newer, room, "%s.%" PRIu64, path, i - 1);
        if (rename(newer, older) != 0 && errno != ENOENT)
            TRY(tsgd_fail(err, TSGD_EIO, "--keep: cannot rename '%s' to '%s': %s", newer, older,
                          strerror(errno)));
    }
    snprintf(older, room, "%s.1", path);
    unlink(older);
    if (link(path, older) != 0 && rename(path, older) != 0)     /* not all have links */
        TRY(tsgd_fail(err, TSGD_EIO, "--keep: cannot rename '%s' to '%s': %s", path, older,
                      strerror(errno)));
done:
    free(older);
    free(newer);
    return st;
}

static bool tell(const struct tsgd_keeper *k, const struct tsgd_checkpoint *c)
{
    return !k->tell || k->tell(c, k->user);
}

static enum tsgd_status write_file(const struct tsgd_snapshot *x, const struct tsgd_keeper *k,
                                   struct tsgd_checkpoint *told, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_settings *s = k->setup->s;
    struct tsgd_outfile f = TSGD_OUTFILE_INIT;
    TRY(tsgd_outfile_open(&f, s->checkpoint, "--checkpoint", err));
    TRY(tsgd_sealed_write(f.f, k->contents.tensor, k->contents.n, describe(x, k), err));
    long end = fseek(f.f, 0, SEEK_END) == 0 ? ftell(f.f) : 0;
    told->bytes = end > 0 ? (uint64_t)end : 0;
    if (!tell(k, told))
        TRY(tsgd_fail(err, TSGD_EIO, "--checkpoint: '%s' was given up, for what goes with it could "
                      "not be written", s->checkpoint));
    TRY(make_room(f.path, s->keep, err));
    TRY(tsgd_outfile_commit(&f, err));
done:
    tsgd_outfile_abandon(&f);
    return st;
}

/* For rank 0, which writes them: what of the tensors is here, in the order of the file. */
static void send_rows(const struct tsgd_snapshot *x, const struct tsgd_contents *c)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct tsgd_sealed_tensor *t = &c->tensor[i];
        for (size_t b = 0; t->some && b < t->blocks; b++)
            if (t->some->is_here(x, b))
                tsgd_stream_put(x->stream, (char *)t->data + b * t->stride_bytes, t->block_bytes);
    }
}

enum tsgd_status tsgd_keeper_write(const struct tsgd_snapshot *x, void *keeper,
                                   struct tsgd_error *err)
{
    const struct tsgd_keeper *k = keeper;
    uint64_t start = tsgd_now_ns();
    if (x->at && x->ranks.rank > 0) {
        send_rows(x, &k->contents);
        return TSGD_OK;
    }
    struct tsgd_error why = {.status = TSGD_OK};
    struct tsgd_checkpoint told = {.path = k->setup->s->checkpoint, .round = x->round};
    enum tsgd_status st = write_file(x, k, &told, &why);
    told.stage = st == TSGD_OK ? TSGD_CHECKPOINT_WRITTEN : TSGD_CHECKPOINT_FAILED;
    told.seconds = (double)tsgd_ns_since(start) * 1e-9;
    told.error = st == TSGD_OK ? NULL : &why;
    (void)tell(k, &told);
    if (st != TSGD_OK && err)
        *err = why;
    return st;
}
