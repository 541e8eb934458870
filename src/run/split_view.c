#include "run/split_view.h"

#include "base/elementary.h"
#include "base/file.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

/* Before a split is drawn that could be drawn, but not shown: its counts, and the size of every
 * node twice, in the split and for the statistics.                                              */
static enum tsgd_status check_memory(uint64_t nodes, uint32_t classes, struct tsgd_error *err)
{
    return tsgd_mem_check(tsgd_mul(nodes, (classes + 2) * sizeof(uint32_t)), "--nodes",
                          "use fewer", err);
}

static enum tsgd_status copy_names(struct tsgd_split_view *v, const struct tsgd_dataset *d,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    if (!d->class_name)
        return TSGD_OK;
    TRY(TSGD_NEW(&v->class_name, v->classes, "names of classes", err));
    for (uint32_t c = 0; c < v->classes; c++) {
        v->class_name[c] = strdup(d->class_name[c]);
        if (!v->class_name[c])
            TRY(tsgd_fail(err, TSGD_ENOMEM, "no memory for names of classes"));
    }
done:
    return st;
}

static enum tsgd_status count_classes(struct tsgd_split_view *out,
                                      const struct tsgd_shares *shares,
                                      const struct tsgd_dataset *d, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    const struct tsgd_split *split = &shares->split;
    size_t counts = tsgd_mul(split->nodes, d->classes);
    struct tsgd_split_view v = {
        .nodes = split->nodes, .classes = d->classes, .samples = split->start[split->nodes],
        .hash = shares->whole->hash,
    };
    v.left_out = d->train.count - v.samples;
    TRY(copy_names(&v, d, err));
    TRY(TSGD_NEW(&v.count, counts, "the classes of the nodes", err));
    TRY(TSGD_NEW(&v.total, d->classes, "the classes of all nodes", err));
    for (uint32_t i = 0; i < split->nodes; i++) {
        uint32_t samples, *count = v.count + (size_t)i * v.classes;
        const uint32_t *shard = tsgd_split_shard(split, i, &samples);
        for (uint32_t j = 0; j < samples; j++) {
            uint16_t label = d->train.labels[shard[j]];
            count[label]++;
            v.total[label]++;
        }
    }
    *out = v;
    v = (struct tsgd_split_view)TSGD_SPLIT_VIEW_INIT;
done:
    tsgd_split_view_release(&v);
    return st;
}

/* The whole split, which --split can read back. It appears when the caller commits the file. */
static enum tsgd_status write_split(struct tsgd_outfile *f, const struct tsgd_shares *shares,
                                    const char *path, struct tsgd_error *err)
{
    if (!path)
        return TSGD_OK;
    enum tsgd_status st = tsgd_outfile_open(f, path, "--save-split", err);
    if (st == TSGD_OK)
        (void)tsgd_split_write(shares->whole, f->f);    /* commit tells what went wrong */
    return st;
}

enum tsgd_status tsgd_split_view_make(struct tsgd_split_view *out, struct tsgd_shelf *shelf,
                                      const struct tsgd_settings *settings, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_settings *s = NULL;
    struct tsgd_outfile f = TSGD_OUTFILE_INIT;
    struct tsgd_split_view v = TSGD_SPLIT_VIEW_INIT;
    const struct tsgd_dataset *d = NULL;
    const struct tsgd_shares *shares = NULL;
    if (!settings->data)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--data: is missing; say whose samples are split, as in "
                      "--data fashion-mnist"));
    TRY(tsgd_settings_copy(&s, settings, err));
    TRY(tsgd_shelf_resolve(s, err));
    TRY(tsgd_shelf_data(shelf, s, &d, err));
    TRY(check_memory(s->nodes, d->classes, err));
    TRY(tsgd_shelf_shares(shelf, s, d, &shares, err));
    TRY(write_split(&f, shares, s->save_split, err));
    TRY(count_classes(&v, shares, d, err));
    if (f.f)
        TRY(tsgd_outfile_commit(&f, err));
    *out = v;
    v = (struct tsgd_split_view)TSGD_SPLIT_VIEW_INIT;
done:
    tsgd_split_view_release(&v);
    tsgd_outfile_abandon(&f);
    tsgd_settings_free(s);
    return st;
}

void tsgd_split_view_release(struct tsgd_split_view *v)
{
    for (uint32_t c = 0; v->class_name && c < v->classes; c++)
        free(v->class_name[c]);
    free(v->class_name);
    free(v->count);
    free(v->total);
    *v = (struct tsgd_split_view)TSGD_SPLIT_VIEW_INIT;
}

/* ---- what follows from the counts ---- */

uint32_t tsgd_split_view_samples(const struct tsgd_split_view *v, uint32_t node)
{
    const uint32_t *count = tsgd_split_view_of(v, node);
    uint32_t samples = 0;
    for (uint32_t c = 0; c < v->classes; c++)
        samples += count[c];
    return samples;
}

double tsgd_split_view_distance(const struct tsgd_split_view *v, uint32_t node)
{
    const uint32_t *count = tsgd_split_view_of(v, node);
    uint32_t samples = tsgd_split_view_samples(v, node);
    double sum = 0;
    for (uint32_t c = 0; c < v->classes; c++)
        sum += fabs((double)count[c] / samples - (double)v->total[c] / v->samples);
    return samples ? sum / 2 : NAN;
}

static double effective_classes(const uint32_t *count, uint32_t classes, uint32_t samples)
{
    double entropy = 0;
    for (uint32_t c = 0; c < classes; c++) {
        double share = (double)count[c] / samples;
        entropy -= count[c] ? share * tsgd_log(share) : 0;
    }
    return tsgd_exp(entropy);
}

static uint32_t classes_held(const uint32_t *count, uint32_t classes)
{
    uint32_t held = 0;
    for (uint32_t c = 0; c < classes; c++)
        held += count[c] > 0;
    return held;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

enum tsgd_status tsgd_split_view_stats(const struct tsgd_split_view *v,
                                       struct tsgd_split_stats *out, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_split_stats s = {.least_classes = v->classes};
    uint32_t *size = NULL, n = v->nodes, some;
    TRY(TSGD_NEW(&size, n, "the sizes of the nodes", err));
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t *count = tsgd_split_view_of(v, i);
        uint32_t held = classes_held(count, v->classes);
        size[i] = tsgd_split_view_samples(v, i);
        if (!size[i]) {
            s.empty++;
            continue;
        }
        s.least_classes = held < s.least_classes ? held : s.least_classes;
        s.most_classes = held > s.most_classes ? held : s.most_classes;
        s.mean_classes += held;
        s.mean_effective += effective_classes(count, v->classes, size[i]);
        s.mean_distance += tsgd_split_view_distance(v, i);
    }
    some = n - s.empty;
    s.mean_classes /= some;
    s.mean_effective /= some;
    s.mean_distance /= some;
    s.effective_of_all = effective_classes(v->total, v->classes, v->samples);
    qsort(size, n, sizeof *size, by_value);
    s.least_samples = size[0];
    s.most_samples = size[n - 1];
    s.mean_samples = (double)v->samples / n;
    uint32_t low = (n - 1) / 2, high = n / 2;
    s.median_samples = ((double)size[low] + size[high]) / 2;
    *out = s;
done:
    free(size);
    return st;
}
