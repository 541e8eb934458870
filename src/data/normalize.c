#include "data/normalize.h"

#include "base/format.h"
#include "base/mem.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

/* Bounds on means and deviations: within them single precision holds every normalised number. */
static const double MOST = 1e15, LEAST_DEVIATION = 1e-9;

uint32_t tsgd_norm_parts(const struct tsgd_dataset *d)
{
    size_t features = tsgd_shape_size(d->shape);
    if (!d->table)
        return d->shape.channels;
    return features < UINT32_MAX ? (uint32_t)features : UINT32_MAX;
}

static enum tsgd_status check_parts(uint32_t parts, const char *where, struct tsgd_error *err)
{
    if (parts <= TSGD_NORM_MOST)
        return TSGD_OK;
    return tsgd_fail(err, TSGD_EINVAL, "%s: found samples of %u parts, want at most %d to "
                     "normalise", where, parts, TSGD_NORM_MOST);
}

static enum tsgd_status make(struct tsgd_norm *out, uint32_t parts, const char *where,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_norm norm = {.parts = parts};
    TRY(check_parts(parts, where, err));
    TRY(TSGD_NEW(&norm.mean, (size_t)2 * parts, "means and deviations", err));
    norm.deviation = norm.mean + parts;
    *out = norm;
done:
    return st;
}

void tsgd_norm_release(struct tsgd_norm *norm)
{
    free(norm->mean);
    *norm = (struct tsgd_norm){.parts = 0};
}

bool tsgd_norm_equal(const struct tsgd_norm *a, const struct tsgd_norm *b)
{
    return a->parts == b->parts &&
           (a->parts == 0 || (!memcmp(a->mean, b->mean, a->parts * sizeof *a->mean) &&
                              !memcmp(a->deviation, b->deviation, a->parts * sizeof *a->mean)));
}

/* n numbers between commas, from text up to end, each of at most MOST either way. */
static bool read_numbers(const char *text, const char *end, double least, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        char item[40];
        double value;
        const char *comma = memchr(text, ',', (size_t)(end - text));
        size_t length = (size_t)((comma ? comma : end) - text);
        if (length >= sizeof item || (i + 1 < n) != (comma != NULL))
            return false;
        memcpy(item, text, length);
        item[length] = 0;
        if (!tsgd_parse_double(item, &value) || value < least || value > MOST)
            return false;
        out[i] = (float)value;
        text += length + 1;
    }
    return true;
}

enum tsgd_status tsgd_norm_parse(struct tsgd_norm *out, const char *text, uint32_t parts,
                                 const char *where, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_norm norm = {.parts = 0};
    const char *colon = strchr(text, ':'), *end = text + strlen(text);
    if (strcmp(text, "none")) {
        TRY(make(&norm, parts, where, err));
        if (!colon || !read_numbers(text, colon, -MOST, norm.mean, parts) ||
            !read_numbers(colon + 1, end, LEAST_DEVIATION, norm.deviation, parts))
            TRY(tsgd_fail(err, TSGD_EINVAL, "%s: found '%.80s', want none, data, or means and "
                          "deviations M1,..:S1,.. of %u channel%s, at most %g, deviations at least "
                          "%g", where, text, parts, parts > 1 ? "s" : "", MOST, LEAST_DEVIATION));
    }
    *out = norm;
    norm = (struct tsgd_norm){.parts = 0};
done:
    tsgd_norm_release(&norm);
    return st;
}

static void count_bytes(const uint8_t *bytes, size_t n, uint64_t count[256])
{
    uint64_t odd[256] = {0};            /* in one table equal neighbours would wait */
    size_t i = 0;
    for (; i + 2 <= n; i += 2) {
        count[bytes[i]]++;
        odd[bytes[i + 1]]++;
    }
    if (i < n)
        count[bytes[i]]++;
    for (int b = 0; b < 256; b++)
        count[b] += odd[b];
}

/* What a part's numbers come to. */
struct moments {
    double mean, variance;
};

/* Of n bytes, of which count[b] are b. */
static struct moments of_counts(const uint64_t count[256], double n, const struct tsgd_dataset *d)
{
    struct moments m = {0, 0};
    for (int b = 0; b < 256; b++)
        m.mean += (double)count[b] * (double)d->value[b] / n;
    for (int b = 0; b < 256; b++) {
        double off = (double)d->value[b] - m.mean;
        m.variance += (double)count[b] * (off * off) / n;
    }
    return m;
}

/* Of the bytes of one part: `plane` of them in each sample, `stride` from sample to sample. */
static struct moments of_bytes(const struct tsgd_dataset *d, const uint8_t *from, size_t plane,
                               size_t stride)
{
    uint64_t count[256] = {0};
    for (uint32_t i = 0; i < d->train.count; i++)
        count_bytes(from + i * stride, plane, count);
    return of_counts(count, (double)d->train.count * (double)plane, d);
}

/* Likewise of floats. The second pass is what makes the variance exact where the mean is large. */
static struct moments of_floats(const struct tsgd_dataset *d, const float *from, size_t plane,
                                size_t stride)
{
    double n = (double)d->train.count * (double)plane;
    struct moments m = {0, 0};
    for (uint32_t i = 0; i < d->train.count; i++)
        for (size_t j = 0; j < plane; j++)
            m.mean += (double)from[i * stride + j];
    m.mean /= n;
    for (uint32_t i = 0; i < d->train.count; i++)
        for (size_t j = 0; j < plane; j++) {
            double off = (double)from[i * stride + j] - m.mean;
            m.variance += off * off;
        }
    m.variance /= n;
    return m;
}

static enum tsgd_status set(struct tsgd_norm *norm, uint32_t p, struct moments m, bool table,
                            struct tsgd_error *err)
{
    double deviation = sqrt(m.variance);
    bool varies = deviation >= LEAST_DEVIATION;
    if (!varies && !table)
        return tsgd_fail(err, TSGD_EINVAL, "--normalize: channel %u is %g in all training samples, "
                         "which leaves no deviation to divide by; give means and deviations", p,
                         m.mean);
    if (fabs(m.mean) > MOST || deviation > MOST)
        return tsgd_fail(err, TSGD_EINVAL, "--normalize: feature %u has mean %g and deviation %g, "
                         "want at most %g; scale it", p, m.mean, deviation, MOST);
    norm->mean[p] = (float)m.mean;
    norm->deviation[p] = varies ? (float)deviation : 1;
    return TSGD_OK;
}

enum tsgd_status tsgd_norm_measure(struct tsgd_norm *out, const struct tsgd_dataset *d,
                                   struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_norm norm = {.parts = 0};
    size_t stride = tsgd_shape_size(d->shape), plane = stride / tsgd_norm_parts(d);
    if (d->format == TSGD_FORMAT_SPARSE)
        TRY(tsgd_fail(err, TSGD_EINVAL, "--normalize: found 'data', but the samples are sparse, "
                      "and would not be any more; want none"));
    TRY(make(&norm, tsgd_norm_parts(d), "--normalize", err));
    for (uint32_t p = 0; p < norm.parts; p++) {
        struct moments m = d->format == TSGD_FORMAT_BYTES ?
            of_bytes(d, d->train.bytes + p * plane, plane, stride) :
            of_floats(d, d->train.floats + p * plane, plane, stride);
        TRY(set(&norm, p, m, d->table, err));
    }
    *out = norm;
    norm = (struct tsgd_norm){.parts = 0};
done:
    tsgd_norm_release(&norm);
    return st;
}

enum tsgd_status tsgd_tally_init(struct tsgd_tally *out, const struct tsgd_dataset *d,
                                 struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_tally t = {.parts = tsgd_norm_parts(d)};
    TRY(check_parts(t.parts, "--normalize", err));
    t.plane = tsgd_shape_size(d->shape) / t.parts;
    TRY(TSGD_NEW(&t.count, t.parts, "means and deviations", err));
    *out = t;
done:
    return st;
}

void tsgd_tally_add(struct tsgd_tally *t, const uint8_t *sample)
{
    for (uint32_t p = 0; p < t->parts; p++)
        count_bytes(sample + p * t->plane, t->plane, t->count[p]);
    t->samples++;
}

void tsgd_tally_release(struct tsgd_tally *t)
{
    free(t->count);
    *t = (struct tsgd_tally){.parts = 0};
}

enum tsgd_status tsgd_norm_of_tally(struct tsgd_norm *out, const struct tsgd_tally *t,
                                    const struct tsgd_dataset *d, struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_norm norm = {.parts = 0};
    TRY(make(&norm, t->parts, "--normalize", err));
    for (uint32_t p = 0; p < norm.parts; p++)
        TRY(set(&norm, p, of_counts(t->count[p], (double)t->samples * (double)t->plane, d),
                d->table, err));
    *out = norm;
    norm = (struct tsgd_norm){.parts = 0};
done:
    tsgd_norm_release(&norm);
    return st;
}

char *tsgd_norm_text(const struct tsgd_norm *norm)
{
    enum { NUMBER = 16 };       /* characters that one takes, with what separates it */
    const float *part[] = {norm->mean, norm->deviation};
    size_t room = (size_t)2 * norm->parts * NUMBER + 8, used = 0;
    char *text = malloc(room);
    if (!text)
        return NULL;
    strcpy(text, "none");
    for (size_t i = 0; i < 2; i++)
        for (uint32_t p = 0; p < norm->parts; p++)
            used += (size_t)tsgd_format(text + used, room - used, "%s%.9g",
                                        p > 0 ? "," : i > 0 ? ":" : "", (double)part[i][p]);
    return text;
}
