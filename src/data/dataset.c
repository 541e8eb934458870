#include "data/dataset.h"

#include "base/mem.h"
#include "base/text.h"

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

static enum tsgd_status find(const struct tsgd_source **out, const char *name,
                             struct tsgd_error *err)
{
    const char *names[sizeof tsgd_sources / sizeof *tsgd_sources];
    for (size_t i = 0; i < tsgd_n_sources; i++) {
        names[i] = tsgd_sources[i]->name;
        if (!strcmp(name, names[i])) {
            *out = tsgd_sources[i];
            return TSGD_OK;
        }
    }
    return tsgd_unknown_name("--data", name, names, tsgd_n_sources, err);
}

enum tsgd_status tsgd_dataset_load(struct tsgd_dataset *out, const char *data, const char *dir,
                                   uint64_t seed, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_spec spec;
    const struct tsgd_source *s = NULL;
    TRY(tsgd_spec_parse(&spec, data, "--data", err));
    TRY(find(&s, spec.name, err));
    if (dir && !s->has_files)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--data-dir: found '%s', but --data %s takes no directory",
                      dir, s->usage));
    if (!dir)
        dir = s->default_dir;
    if (!dir && s->has_files && !s->embedded)
        TRY(tsgd_fail(err, TSGD_EINVAL,
                      "--data %s: needs --data-dir, the directory that holds its files", s->name));
    if (spec.arg && !strchr(s->usage, ':'))
        TRY(tsgd_fail(err, TSGD_EINVAL, "--data %s: takes no argument, found ':%s'", s->name,
                      spec.arg));
    TRY(s->load(spec.arg, dir, seed, out, err));
done:
    return st;
}

bool tsgd_dataset_file(const char *data, const char *dir, size_t i, char *path, size_t size)
{
    struct tsgd_spec spec;
    const struct tsgd_source *s = NULL;
    if (tsgd_spec_parse(&spec, data, "", NULL) != TSGD_OK || find(&s, spec.name, NULL) != TSGD_OK ||
        !s->files)
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

enum tsgd_status tsgd_samples_alloc(struct tsgd_samples *out, uint32_t count, size_t features,
                                    const char *what, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_samples s = {NULL, NULL, count};
    TRY(tsgd_mem_check(tsgd_mul(count, tsgd_add(features, 1)), what, "use fewer samples", err));
    TRY(TSGD_NEW(&s.bytes, count * features, what, err));
    TRY(TSGD_NEW(&s.labels, count, what, err));
    *out = s;
    s = (struct tsgd_samples){NULL, NULL, 0};
done:
    free(s.bytes);
    free(s.labels);
    return st;
}

void tsgd_dataset_release(struct tsgd_dataset *d)
{
    free(d->train.bytes);
    free(d->train.labels);
    free(d->test.bytes);
    free(d->test.labels);
    *d = (struct tsgd_dataset)TSGD_DATASET_INIT;
}

size_t tsgd_dataset_bytes(const struct tsgd_dataset *d)
{
    return ((size_t)d->train.count + d->test.count) * (tsgd_shape_size(d->shape) + 1);
}
