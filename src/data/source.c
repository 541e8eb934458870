#include "data/source.h"

#include "base/mem.h"
#include "base/text.h"
#include "data/draw_test.h"
#include "data/paths.h"

#include <stdio.h>
#include <string.h>

#define SOURCE(name) extern const struct tsgd_source tsgd_source_##name;
#include "data/list.h"
#undef SOURCE

const struct tsgd_source *const tsgd_sources[] = {
#define SOURCE(name) &tsgd_source_##name,
#include "data/list.h"
#undef SOURCE
};
const size_t tsgd_n_sources = sizeof tsgd_sources / sizeof *tsgd_sources;

/* NULL: there is none of this name. */
static const struct tsgd_source *find(const char *name, struct tsgd_error *err)
{
    const char *names[sizeof tsgd_sources / sizeof *tsgd_sources];
    for (size_t i = 0; i < tsgd_n_sources; i++) {
        names[i] = tsgd_sources[i]->name;
        if (!strcmp(name, names[i]))
            return tsgd_sources[i];
    }
    tsgd_unknown_name("--data", name, names, tsgd_n_sources, err);
    return NULL;
}

/* What a source cannot be asked for. */
static enum tsgd_status check(const struct tsgd_source *s, const struct tsgd_request *r,
                              struct tsgd_error *err)
{
    if (r->dir && !s->has_files)
        return tsgd_fail(err, TSGD_EINVAL, "--data-dir: found '%s', but --data %s takes no "
                         "directory", r->dir, s->usage);
    if (r->label && !s->has_columns)
        return tsgd_fail(err, TSGD_EINVAL, "--label: found '%s', but --data %s has no columns to "
                         "choose from", r->label, s->usage);
    if (r->numbers && !s->has_numbers)
        return tsgd_fail(err, TSGD_EINVAL, "--loss mse: wants targets that are numbers, but --data "
                         "%s has classes", s->usage);
    return TSGD_OK;
}

/* What was loaded whole. */
static enum tsgd_status cut_down(struct tsgd_dataset *d, struct tsgd_sieve *sieve,
                                 struct tsgd_error *err)
{
    const size_t features = tsgd_shape_size(d->shape);
    enum tsgd_status st = tsgd_sieve_choose(sieve, d, err);
    if (st != TSGD_OK)
        return st;
    tsgd_samples_keep(&d->train, &sieve->train, features, d->outputs);
    tsgd_samples_keep(&d->test, &sieve->test, features, d->outputs);
    return TSGD_OK;
}

enum tsgd_status tsgd_dataset_load(struct tsgd_dataset *out, const char *data,
                                   const struct tsgd_request *r, struct tsgd_error *err)
{
    static const struct tsgd_request usual = {.arg = NULL};
    enum tsgd_status st = TSGD_OK;
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct tsgd_request q = r ? *r : usual;
    struct tsgd_spec spec;
    const struct tsgd_source *s = NULL;
    uint32_t tests;
    TRY(tsgd_spec_parse(&spec, data, "--data", err));
    s = find(spec.name, err);
    if (!s)
        return TSGD_EINVAL;
    TRY(check(s, &q, err));
    if (!q.dir)
        q.dir = s->default_dir;
    if (!q.dir && s->has_files && !s->embedded)
        TRY(tsgd_fail(err, TSGD_EINVAL,
                      "--data %s: needs --data-dir, the directory that holds its files", s->name));
    if (spec.arg && !strchr(s->usage, ':'))
        TRY(tsgd_fail(err, TSGD_EINVAL, "--data %s: takes no argument, found ':%s'", s->name,
                      spec.arg));
    q.arg = spec.arg;
    TRY(s->load(&q, &d, err));
    tests = q.sieve && q.sieve->chosen ? q.sieve->test.whole : d.test.count;
    if (tests > 0 && q.share_given)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--test-share: found %g, but --data %s has %u test samples "
                      "of its own; leave it out", q.test_share, data, tests));
    if (tests == 0)
        TRY(tsgd_draw_test(&d, q.test_share, q.seed, err));
    if (q.sieve && !q.sieve->chosen)
        TRY(cut_down(&d, q.sieve, err));
    *out = d;
    d = (struct tsgd_dataset)TSGD_DATASET_INIT;
done:
    tsgd_dataset_release(&d);
    return st;
}

bool tsgd_dataset_file(const char *data, const char *dir, size_t i, char *path, size_t size)
{
    struct tsgd_spec spec;
    const struct tsgd_source *s = NULL;
    if (tsgd_spec_parse(&spec, data, "", NULL) == TSGD_OK)
        s = find(spec.name, NULL);
    if (!s)
        return false;
    if (s->has_paths)
        return spec.arg && tsgd_paths_file(spec.arg, i, path, size);
    if (!s->files)
        return false;
    for (size_t j = 0; j <= i; j++)
        if (!s->files[j])
            return false;
    const char *folder = !s->has_files ? spec.arg : dir ? dir : s->default_dir;
    if (!folder && s->embedded)
        return false;
    int n = snprintf(path, size, "%s/%s", folder ? folder : ".", s->files[i]);
    return n >= 0 && (size_t)n < size;
}
