#include "run/resume.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/model.h"

#include <inttypes.h>
#include <string.h>

/* ---- what the file is ---- */

static enum tsgd_status no_checkpoint(const char *path, const char *key, struct tsgd_error *err)
{
    return tsgd_fail(err, TSGD_EFORMAT, "%s: is no checkpoint of telesgd: its metadata have no %s",
                     path, key);
}

/* A text of JSON in the metadata, which must be an object of texts. */
static enum tsgd_status parse(json_t **out, const struct tsgd_resume *r, const char *key,
                              struct tsgd_error *err)
{
    const char *text = tsgd_sealed_meta(&r->file, key), *name;
    struct tsgd_json_fault fault = {.no_memory = false};
    json_t *value, *all = text ? tsgd_json_read(text, strlen(text), true, &fault) : NULL;
    bool good = json_is_object(all);
    if (fault.no_memory)
        return tsgd_fail(err, TSGD_ENOMEM, "%s: no memory for %s", r->path, key);
    json_object_foreach(all, name, value)
        good &= json_is_string(value);
    if (!good) {
        json_decref(all);
        return no_checkpoint(r->path, key, err);
    }
    *out = all;
    return TSGD_OK;
}

static enum tsgd_status expect(const struct tsgd_resume *r, const char *key, const char *want,
                               const char *remedy, struct tsgd_error *err)
{
    const char *found = tsgd_sealed_meta(&r->file, key);
    if (!found)
        return no_checkpoint(r->path, key, err);
    if (!strcmp(found, want))
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--resume: '%s' has %s %.40s, want %s; %s", r->path, key,
                     found, want, remedy);
}

static enum tsgd_status open_file(struct tsgd_resume *out, const char *path, const char *command,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const uint64_t most_rounds = (uint64_t)tsgd_setting_rows[TSGD_SET_rounds].most;
    TRY(TSGD_NEW(&out->path, strlen(path) + 1, "--resume", err));
    strcpy(out->path, path);
    TRY(tsgd_sealed_open(&out->file, path, err));
    TRY(expect(out, "telesgd.checkpoint", TSGD_CHECKPOINT_FORMAT,
               "it was written by another version of telesgd", err));
    TRY(expect(out, "telesgd.version", TELESGD_VERSION,
               "resume it with the telesgd that wrote it: another version may compute other bits",
               err));
    TRY(expect(out, "telesgd.command", command, "resume it with the command that wrote it", err));
    const char *round = tsgd_sealed_meta(&out->file, "telesgd.round");
    const char *seconds = tsgd_sealed_meta(&out->file, "telesgd.seconds");
    if (!round || !tsgd_parse_u64(round, &out->round) || out->round < 1 ||
        out->round > most_rounds)
        TRY(no_checkpoint(path, "telesgd.round from 1 up", err));
    const char *pass = tsgd_sealed_meta(&out->file, "telesgd.pass");
    if (!pass || !tsgd_parse_u64(pass, &out->pass) || out->pass < 1)
        TRY(no_checkpoint(path, "telesgd.pass from 1 up", err));
    if (!seconds || !tsgd_parse_double(seconds, &out->seconds) || out->seconds < 0)
        TRY(no_checkpoint(path, "telesgd.seconds", err));
    TRY(parse(&out->settings, out, "telesgd.settings", err));
    TRY(parse(&out->asked, out, "telesgd.asked", err));
done:
    return st;
}

void tsgd_resume_close(struct tsgd_resume *r)
{
    tsgd_tensor_file_close(&r->file);
    json_decref(r->settings);
    json_decref(r->asked);
    free(r->path);
    *r = (struct tsgd_resume){.path = NULL};
}

/* ---- settings ---- */

/* What differs, in words: " lr 0.1 (found 0.05), seed 0 (found 1)". Long lists end in "..". */
struct differences {
    char text[600];
    size_t used;
    bool any;
};

static void differ(struct differences *d, const char *name, const char *then, const char *now)
{
    enum { SHOWN = 50, BEFORE = 10 };
    char one[160];
    size_t same = 0;
    then = then ? then : "none";
    now = now ? now : "none";
    while (then[same] && then[same] == now[same])
        same++;
    bool late = same + BEFORE > SHOWN;  /* long texts are shown from where they differ */
    size_t skip = late ? same - BEFORE : 0;
    int n = snprintf(one, sizeof one, "%s %s %s%.*s (found %s%.*s)", d->any ? "," : "", name,
                     late ? ".." : "", SHOWN, then + skip, late ? ".." : "", SHOWN, now + skip);
    d->any = true;
    if (n < 0 || d->used + (size_t)n + 5 > sizeof d->text) {
        if (d->used + 5 <= sizeof d->text && (d->used < 2 || d->text[d->used - 1] != '.'))
            d->used += (size_t)snprintf(d->text + d->used, 5, ", ..");
        return;
    }
    d->used += (size_t)snprintf(d->text + d->used, sizeof d->text - d->used, "%s", one);
}

static enum tsgd_status refuse(const struct tsgd_resume *r, const struct differences *d,
                               struct tsgd_error *err)
{
    return tsgd_fail(err, TSGD_EINVAL, "--resume: '%s' is of a run with%s; what changes the result "
                     "must be as it was, or be left out", r->path, d->text);
}

/* The data may stand elsewhere; check looks at their split. */
static bool may_change(size_t i) { return i == TSGD_SET_data_dir; }

static const char *text_of(const json_t *settings, size_t i)
{
    return json_string_value(json_object_get(settings, tsgd_setting_rows[i].shown.name));
}

/* A network of one's own may be given by its file again: it becomes its layers, as the checkpoint
 * has them.                                                                                     */
static enum tsgd_status spell_model(struct tsgd_settings *s, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    char *text = NULL;
    if (!s->model || strncmp(s->model, "net:", 4))
        return TSGD_OK;
    TRY(tsgd_model_text(&text, s->model, err));
    TRY(TSGD_FILL(s, model, text, err));
done:
    free(text);
    return st;
}

static enum tsgd_status give(const struct tsgd_resume *r, struct tsgd_settings *s,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct differences d = {.used = 0};
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const struct tsgd_setting_row *row = &tsgd_setting_rows[i];
        const char *asked = text_of(r->asked, i), *resolved = text_of(r->settings, i);
        if (!row->shown.changes_result || (s->given[i] && may_change(i)))
            continue;
        if (!s->given[i] && asked)
            TRY(tsgd_settings_give(s, row, asked, r->path, err));
        else if (s->given[i] && !tsgd_settings_alike(i, s->text[i], asked) &&
                 !tsgd_settings_alike(i, s->text[i], resolved))
            differ(&d, row->shown.name, asked ? asked : resolved, s->text[i]);
        else if (s->given[i] && !asked)     /* by default then: other settings may rule it out */
            s->given[i] = false;
    }
    if (d.any)
        return refuse(r, &d, err);
done:
    return st;
}

enum tsgd_status tsgd_resume_settings(struct tsgd_settings **out, struct tsgd_resume *file,
                                      const struct tsgd_settings *settings, const char *command,
                                      struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = NULL;
    *out = NULL;
    *file = (struct tsgd_resume){.path = NULL};
    TRY(tsgd_settings_copy(&s, settings, err));
    if (s->resume) {
        TRY(open_file(file, s->resume, command, err));
        TRY(spell_model(s, err));
        TRY(give(file, s, err));
        if (!s->checkpoint)
            TRY(TSGD_FILL(s, checkpoint, s->resume, err));
    }
    *out = s;
    s = NULL;
done:
    tsgd_settings_free(s);
    return st;
}

static enum tsgd_status check_hash(const struct tsgd_resume *r, const char *key, uint64_t found,
                                   const char *what, struct tsgd_error *err)
{
    char text[17];
    const char *want = tsgd_sealed_meta(&r->file, key);
    snprintf(text, sizeof text, "%016" PRIx64, found);
    if (!want)
        return no_checkpoint(r->path, key, err);
    if (!strcmp(text, want))
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "--resume: %s changed since '%s' was written: the hash is "
                     "%s, want %.16s", what, r->path, text, want);
}

static enum tsgd_status check_classes(const struct tsgd_resume *r, const struct tsgd_info *info,
                                      struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const char *want = tsgd_sealed_meta(&r->file, "telesgd.class_names");
    char *found = info->class_names ? tsgd_list_classes(info->class_names, info->classes) : NULL;
    if (info->class_names && !found)
        TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for names of classes"));
    if (!want != !found || (want && strcmp(want, found)))
        st = tsgd_fail(err, TSGD_EINVAL, "--resume: the data have changed since '%.200s' was "
                       "written: the classes are %.200s, want %.200s", r->path,
                       found ? found : "0, 1, ..", want ? want : "0, 1, ..");
done:
    free(found);
    return st;
}

enum tsgd_status tsgd_resume_check(const struct tsgd_resume *r, const struct tsgd_setup *setup,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct differences d = {.used = 0};
    struct tsgd_info found = {.split_hash = 0};
    for (size_t i = 0; i < TSGD_SETTINGS; i++) {
        const char *then = text_of(r->settings, i), *now = setup->s->text[i];
        if (tsgd_setting_rows[i].shown.changes_result && !may_change(i) &&
            !tsgd_settings_alike(i, then, now))
            differ(&d, tsgd_setting_rows[i].shown.name, then, now);
    }
    if (d.any)
        TRY(refuse(r, &d, err));
    if (setup->s->rounds && r->round > setup->s->rounds)
        TRY(tsgd_fail(err, TSGD_EFORMAT, "%s: is of round %llu, want at most %llu, the last one",
                      r->path, (unsigned long long)r->round,
                      (unsigned long long)setup->s->rounds));
    setup->kind->describe(setup->task, &found);
    TRY(check_hash(r, "telesgd.split_hash", found.split_hash,
                   "the data, or their split, have", err));
    TRY(check_classes(r, &found, err));
    TRY(check_hash(r, "telesgd.init_hash", tsgd_setup_init_hash(setup), "the file of --init has",
                   err));
done:
    return st;
}

/* ---- the snapshot ---- */

enum tsgd_status tsgd_resume_read(struct tsgd_resume *r, const struct tsgd_contents *contents,
                                  struct tsgd_snapshot *x, struct tsgd_error *err)
{
    x->round = r->round;
    x->seconds = r->seconds;
    return tsgd_sealed_read(&r->file, r->path, contents->tensor, contents->n, err);
}

enum tsgd_status tsgd_resume_read_rows(struct tsgd_resume *r, const struct tsgd_contents *contents,
                                       struct tsgd_error *err)
{
    enum tsgd_status st = tsgd_sealed_read_blocks(&r->file, r->path, contents->tensor, contents->n,
                                                  err);
    tsgd_tensor_file_close(&r->file);   /* the file that replaces it may be large too */
    return st;
}
