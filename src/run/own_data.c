#include "run/own_data.h"

#include "base/mem.h"
#include "base/text.h"
#include "data/draw_test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_NAME = 30 };

/* Both parts of `from`: what sentences call them, and where they go. */
struct part {
    const char *name;
    const struct tsgd_memory_part *from;
    struct tsgd_samples *to;
};

static enum tsgd_status wrong(const struct part *p, const char *what, uint64_t i,
                              const char *want, struct tsgd_error *err)
{
    return tsgd_fail(err, TSGD_EINVAL, "tsgd_data_from_memory: %s.%s[%llu]: want %s", p->name, what,
                     (unsigned long long)i, want);
}

static enum tsgd_status check_finite(const struct part *p, const char *what, const float *v,
                                     uint64_t n, struct tsgd_error *err)
{
    for (uint64_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return wrong(p, what, i, "a finite number", err);
    return TSGD_OK;
}

static enum tsgd_status check_sparse(const struct part *p, uint64_t features,
                                     struct tsgd_error *err)
{
    const struct tsgd_memory_part *a = p->from;
    if (a->start[0] != 0)
        return wrong(p, "start", 0, "0", err);
    for (uint64_t i = 0; i < a->count; i++)
        if (a->start[i + 1] < a->start[i])
            return wrong(p, "start", i + 1, "no less than the one before", err);
    for (uint64_t i = 0; i < a->count; i++)
        for (uint64_t j = a->start[i]; j < a->start[i + 1]; j++)
            if (a->column[j] >= features || (j > a->start[i] && a->column[j] <= a->column[j - 1]))
                return wrong(p, "column", j, "ascending features within a sample, below channels * "
                             "height * width", err);
    return check_finite(p, "value", a->value, a->start[a->count], err);
}

static bool is_sparse(const struct tsgd_memory_part *a)
{
    return a->start || a->column || a->value;
}

static enum tsgd_format format_of(const struct tsgd_memory_part *a)
{
    return a->bytes ? TSGD_FORMAT_BYTES : a->floats ? TSGD_FORMAT_FLOATS : TSGD_FORMAT_SPARSE;
}

/* One kind of samples, one of answers, and what is in them. */
static enum tsgd_status check_part(const struct part *p, const struct tsgd_dataset *d,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_memory_part *a = p->from;
    uint64_t features = tsgd_shape_size(d->shape);
    bool whole = is_sparse(a) == (a->start && a->column && a->value);
    if (a->count == 0 || a->count > UINT32_MAX)
        TRY(tsgd_fail(err, TSGD_EINVAL, "tsgd_data_from_memory: %s.count is %llu, want 1 to %u",
                      p->name, (unsigned long long)a->count, UINT32_MAX));
    if (!a->bytes + !a->floats + !is_sparse(a) != 2 || !whole)
        TRY(tsgd_fail(err, TSGD_EINVAL, "tsgd_data_from_memory: %s: want one of bytes, floats, and "
                      "start, column and value together", p->name));
    if (!a->labels == !a->targets || !a->labels != !d->classes)
        TRY(tsgd_fail(err, TSGD_EINVAL, "tsgd_data_from_memory: %s: want %s alone, since classes "
                      "is %u", p->name, d->classes ? "labels" : "targets", d->classes));
    if (format_of(a) != d->format)
        TRY(tsgd_fail(err, TSGD_EINVAL, "tsgd_data_from_memory: %s: want samples of the kind of "
                      "train", p->name));
    for (uint64_t i = 0; a->labels && i < a->count; i++)
        if (a->labels[i] >= d->classes)
            TRY(wrong(p, "labels", i, "a number below classes", err));
    if (a->targets)
        TRY(check_finite(p, "targets", a->targets, a->count * d->outputs, err));
    if (a->floats)
        TRY(check_finite(p, "floats", a->floats, a->count * features, err));
    if (a->start)
        TRY(check_sparse(p, features, err));
done:
    return st;
}

static enum tsgd_status check_shape(const struct tsgd_memory *m, struct tsgd_dataset *d,
                                    struct tsgd_error *err)
{
    bool table = m->channels == 0 && m->height == 0;
    uint32_t channels = table ? 1 : m->channels, height = table ? 1 : m->height;
    uint64_t features = tsgd_mul(tsgd_mul(channels, height), m->width);
    if (features == 0 || features > TSGD_MOST_FEATURES)
        return tsgd_fail(err, TSGD_EINVAL, "tsgd_data_from_memory: samples of %u x %u x %u, want 1 "
                         "to %d numbers; of a table, 0 x 0 x the number of its features",
                         m->channels, m->height, m->width, TSGD_MOST_FEATURES);
    if (m->classes == 1 || m->classes > TSGD_MOST_CLASSES || (m->classes && m->targets) ||
        (!m->classes && (m->targets < 1 || m->targets > TSGD_MOST_CLASSES)))
        return tsgd_fail(err, TSGD_EINVAL, "tsgd_data_from_memory: found %u classes and %u "
                         "targets, want 2 to %d of the former, or 1 to %d of the latter",
                         m->classes, m->targets, TSGD_MOST_CLASSES, TSGD_MOST_CLASSES);
    d->shape = (struct tsgd_shape){channels, height, m->width};
    d->table = table;
    d->classes = m->classes;
    d->outputs = m->classes ? m->classes : m->targets;
    d->format = format_of(&m->train);
    tsgd_dataset_pixels(d);
    return TSGD_OK;
}

static enum tsgd_status copy_names(const struct tsgd_memory *m, struct tsgd_dataset *d,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (!m->class_names)
        return TSGD_OK;
    TRY(TSGD_NEW(&d->class_name, d->classes, "names of classes", err));
    for (uint32_t c = 0; c < d->classes; c++) {
        if (!m->class_names[c] || !tsgd_is_utf8(m->class_names[c]))
            TRY(tsgd_fail(err, TSGD_EINVAL, "tsgd_data_from_memory: class_names[%u]: want a name "
                          "in UTF-8", c));
        d->class_name[c] = strdup(m->class_names[c]);
        if (!d->class_name[c])
            TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for names of classes"));
    }
done:
    return st;
}

/* *to becomes a copy of the array, or the array itself, which is never written to. */
static enum tsgd_status take(void **to, const void *from, uint64_t count, size_t size, bool borrow,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (!from)
        return TSGD_OK;
    if (borrow) {
        *to = (void *)(uintptr_t)from;
        return TSGD_OK;
    }
    TRY(tsgd_mem_check(tsgd_mul(count, size), "tsgd_data_from_memory", "use fewer samples", err));
    TRY(tsgd_alloc(to, count, size, "samples", err));
    memcpy(*to, from, count * size);
done:
    return st;
}

#define TAKE(to, from, count) take((void **)(to), (from), (count), sizeof **(to), borrow, err)

static enum tsgd_status take_part(const struct part *p, const struct tsgd_dataset *d, bool borrow,
                                  struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_memory_part *a = p->from;
    struct tsgd_samples *s = p->to;
    uint64_t features = tsgd_shape_size(d->shape), entries = a->start ? a->start[a->count] : 0;
    s->count = (uint32_t)a->count;
    TRY(TAKE(&s->bytes, a->bytes, a->count * features));
    TRY(TAKE(&s->floats, a->floats, a->count * features));
    TRY(TAKE(&s->sparse.start, a->start, a->count + 1));
    TRY(TAKE(&s->sparse.column, a->column, entries));
    TRY(TAKE(&s->sparse.value, a->value, entries));
    TRY(TAKE(&s->labels, a->labels, a->count));
    TRY(TAKE(&s->targets, a->targets, a->count * d->outputs));
done:
    return st;
}

_Static_assert(sizeof (struct tsgd_memory) ==
               offsetof(struct tsgd_memory, borrow) + sizeof (uint64_t),
               "no padding at its end, where a later member could hide");

/* A newer caller's struct may be longer; what this version does not know must ask for nothing. */
static enum tsgd_status check_size(const struct tsgd_memory *from, struct tsgd_error *err)
{
    const unsigned char *bytes = (const unsigned char *)from;
    if (from->size < sizeof *from)
        return tsgd_fail(err, TSGD_EINVAL, "tsgd_data_from_memory: size is %zu, want sizeof "
                         "(struct tsgd_memory), %zu", from->size, sizeof *from);
    for (size_t i = sizeof *from; i < from->size; i++)
        if (bytes[i])
            return tsgd_fail(err, TSGD_EINVAL, "tsgd_data_from_memory: its struct has members that "
                             "this version, " TELESGD_VERSION ", does not know");
    return TSGD_OK;
}

enum tsgd_status tsgd_data_from_memory(struct tsgd_data **out, const struct tsgd_memory *from,
                                       struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_data *data = NULL;
    bool draws;
    TRY(tsgd_given(out, "out", __func__, err));
    *out = NULL;
    TRY(tsgd_given(from, "from", __func__, err));
    TRY(check_size(from, err));
    if (!tsgd_is_name(from->name, MOST_NAME))
        TRY(tsgd_fail(err, TSGD_EINVAL, "tsgd_data_from_memory: name is '%.60s', want 1 to %d "
                      "letters, digits, '_', '-' or '.'", from->name ? from->name : "", MOST_NAME));
    if (!(from->test_share >= 0 && from->test_share < 1) ||
        (from->test.count && from->test_share > 0))
        TRY(tsgd_fail(err, TSGD_EINVAL, "tsgd_data_from_memory: test_share is %g, want 0 or more "
                      "and below 1, and 0 where there are test samples", from->test_share));
    draws = from->test.count == 0;
    TRY(TSGD_NEW(&data, 1, "data", err));
    snprintf(data->text, sizeof data->text, "memory:%s", from->name);
    data->borrowed = from->borrow && !draws;
    struct tsgd_dataset *d = &data->dataset;
    const struct part part[] = {{"train", &from->train, &d->train},
                                {"test", &from->test, &d->test}};
    TRY(check_shape(from, d, err));
    for (int i = 0; i < (draws ? 1 : 2); i++)
        TRY(check_part(&part[i], d, err));
    TRY(copy_names(from, d, err));
    for (int i = 0; i < (draws ? 1 : 2); i++)
        TRY(take_part(&part[i], d, data->borrowed, err));
    if (draws)
        TRY(tsgd_draw_test(d, from->test_share, from->seed, err));
    *out = data;
    data = NULL;
done:
    tsgd_data_free(data);
    return st;
}

void tsgd_data_free(struct tsgd_data *data)
{
    if (!data)
        return;
    if (data->borrowed)
        data->dataset.train = data->dataset.test = (struct tsgd_samples){.count = 0};
    tsgd_dataset_release(&data->dataset);
    free(data);
}

enum tsgd_status tsgd_settings_set_data(struct tsgd_settings *s, const struct tsgd_data *data,
                                        struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(tsgd_given(s, "s", __func__, err));
    TRY(tsgd_settings_give(s, &tsgd_setting_rows[TSGD_SET_data], data ? data->text : NULL, "--data",
                           err));
    s->memory = data;
done:
    return st;
}

enum tsgd_status tsgd_own_data_check(const struct tsgd_settings *s, struct tsgd_error *err)
{
    static const enum tsgd_setting_id of_files[] = {TSGD_SET_data_dir, TSGD_SET_label,
                                                    TSGD_SET_test_share};
    if (!s->data || (!s->memory && strncmp(s->data, "memory:", 7)))
        return TSGD_OK;
    if (!s->memory)
        return tsgd_fail(err, TSGD_EINVAL, "--data: found '%.80s', samples that a program in C "
                         "hands over by tsgd_settings_set_data, and none were; want other data",
                         s->data);
    if (strcmp(s->data, s->memory->text))
        return tsgd_fail(err, TSGD_EINVAL, "--data: found '%.80s', but '%s' was set from memory; "
                         "leave one of them out", s->data, s->memory->text);
    for (size_t i = 0; i < sizeof of_files / sizeof *of_files; i++)
        if (s->given[of_files[i]])
            return tsgd_fail(err, TSGD_EINVAL, "--%s: found '%.80s', but the data are in memory, "
                             "as %s; leave it out", tsgd_setting_rows[of_files[i]].shown.name,
                             s->text[of_files[i]], s->data);
    if (!strcmp(s->loss, "mse") != !s->memory->dataset.classes)
        return tsgd_fail(err, TSGD_EINVAL, "--loss: found '%s', but %s has %s; want %s", s->loss,
                         s->data, s->memory->dataset.classes ? "classes" : "targets",
                         s->memory->dataset.classes ? "cross-entropy" : "mse");
    return TSGD_OK;
}
