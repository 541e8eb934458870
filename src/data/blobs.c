/* A Gaussian mixture, made rather than read: sample i is a function of (seed, i) alone.
 * A normal draw here is the sum of eight uniform bytes, scaled to mean 0 and variance 1: its
 * kurtosis is 2.85 instead of 3 and it never passes 4.9, but it takes a few nanoseconds, needs no
 * logarithm, and so has the same bits on every machine.                                         */
#include "data/source.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

enum { TEST_SAMPLES = 10000, ZERO = 128, STEPS = 32 };  /* a byte b is (b - ZERO) / STEPS */

enum part { CENTRES, TRAIN, TEST };                     /* b of TSGD_RNG_SYNTH */

struct recipe {
    uint64_t samples, classes;
    struct tsgd_shape shape;
};

static double normal(struct tsgd_rng *r)
{
    const uint64_t even = 0x00ff00ff00ff00ff;
    const double sd = 209.02153955036380;               /* sqrt(8 * (256^2 - 1) / 12) */
    uint64_t word = tsgd_rng_u64(r);
    uint64_t pairs = (word & even) + (word >> 8 & even);
    int sum = (int)(pairs * 0x0001000100010001 >> 48);  /* the four sums of pairs, added up */
    return (sum - 4 * 255) / sd;
}

static enum tsgd_status parse(const char *arg, struct recipe *out, struct tsgd_error *err)
{
    char text[96], *field[3] = {NULL, NULL, NULL}, *rest = text;
    size_t n = 0;
    if (strlen(arg) >= sizeof text)
        return tsgd_fail(err, TSGD_EINVAL, "--data blobs: '%.80s..' is not SAMPLES[,DIM[,CLASSES]]",
                         arg);
    strcpy(text, arg);
    while (rest && n < 3)
        field[n++] = strsep(&rest, ",");
    if (rest)
        return tsgd_fail(err, TSGD_EINVAL, "--data blobs: '%s' is not SAMPLES[,DIM[,CLASSES]]",
                         arg);
    if (!tsgd_parse_u64(field[0], &out->samples) || !out->samples || out->samples > UINT32_MAX)
        return tsgd_fail(err, TSGD_EINVAL, "--data blobs: SAMPLES is '%s', want 1 to %u", field[0],
                         UINT32_MAX);
    if (field[1] && !tsgd_shape_parse(field[1], &out->shape))
        return tsgd_fail(err, TSGD_EINVAL, "--data blobs: DIM is '%s', want a number or CxHxW, "
                         "1 to %u features in all", field[1], UINT32_MAX);
    if (field[2] && (!tsgd_parse_u64(field[2], &out->classes) || out->classes < 2 ||
                     out->classes > 256))
        return tsgd_fail(err, TSGD_EINVAL, "--data blobs: CLASSES is '%s', want 2 to 256",
                         field[2]);
    return TSGD_OK;
}

/* Centres in byte steps, [classes][features]. The distance of two centres is about 4.8 noise
 * deviations whatever the dimension: ten classes then overlap enough that a linear model stays
 * a few per cent short of perfect.                                                              */
static void draw_centres(float *centre, const struct recipe *how, uint64_t seed)
{
    size_t features = tsgd_shape_size(how->shape);
    double spread = fmin(1, 3.4 / sqrt((double)features));
    for (uint32_t c = 0; c < how->classes; c++) {
        struct tsgd_rng r = tsgd_rng(seed, TSGD_RNG_SYNTH, c, CENTRES);
        for (size_t f = 0; f < features; f++)
            centre[c * features + f] = (float)(ZERO + STEPS * spread * normal(&r));
    }
}

/* One part of the data set, sample after sample. */
struct maker {
    const float *centre;
    const struct recipe *how;
    uint64_t seed;
    enum part part;
};

static struct tsgd_rng draw_label(const struct maker *m, uint32_t i, uint16_t *out)
{
    struct tsgd_rng r = tsgd_rng(m->seed, TSGD_RNG_SYNTH, i, m->part);
    *out = (uint16_t)tsgd_rng_below(&r, (uint32_t)m->how->classes);
    return r;
}

static enum tsgd_status draw_sample(void *from, uint32_t i, uint8_t *to, struct tsgd_error *err)
{
    const struct maker *m = from;
    size_t features = tsgd_shape_size(m->how->shape);
    uint16_t label;
    (void)err;
    if (!to)
        return TSGD_OK;
    struct tsgd_rng r = draw_label(m, i, &label);
    const float *centre = m->centre + label * features;
    for (size_t f = 0; f < features; f++) {
        float v = centre[f] + (float)STEPS * (float)normal(&r) + 0.5f;
        to[f] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    return TSGD_OK;
}

static enum tsgd_status draw_labels(struct tsgd_samples *s, const struct maker *m, uint32_t count,
                                    struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    TRY(TSGD_NEW(&s->labels, count, "--data blobs", err));
    s->count = count;
    for (uint32_t i = 0; i < count; i++)
        (void)draw_label(m, i, &s->labels[i]);
done:
    return st;
}

/* What all of it takes; the sieve may leave less. */
static size_t count_bytes(const struct recipe *how, bool sieve)
{
    size_t features = tsgd_shape_size(how->shape);
    size_t one = tsgd_add(sieve ? 0 : features, sizeof(uint16_t));
    return tsgd_add(tsgd_mul(how->samples + TEST_SAMPLES, one),
                    tsgd_mul(how->classes * features, sizeof(float)));
}

static enum tsgd_status load(const struct tsgd_request *r, struct tsgd_dataset *out,
                             struct tsgd_error *err)
{
    enum tsgd_status st = TSGD_OK;
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    struct maker train, test;
    struct recipe how = {.samples = 60000, .classes = 10, .shape = {1, 1, 64}};
    float *centre = NULL;
    size_t features;
    if (r->arg)
        TRY(parse(r->arg, &how, err));
    features = tsgd_shape_size(how.shape);
    TRY(tsgd_mem_check(count_bytes(&how, r->sieve != NULL), "--data blobs",
                       "use fewer samples or features", err));
    TRY(TSGD_NEW(&centre, how.classes * features, "--data blobs", err));
    train = (struct maker){centre, &how, r->seed, TRAIN};
    test = (struct maker){centre, &how, r->seed, TEST};
    d.shape = how.shape;
    d.classes = d.outputs = (uint32_t)how.classes;
    for (int b = 0; b < 256; b++)
        d.value[b] = (float)(b - ZERO) / STEPS;
    draw_centres(centre, &how, r->seed);
    TRY(draw_labels(&d.train, &train, (uint32_t)how.samples, err));
    TRY(draw_labels(&d.test, &test, TEST_SAMPLES, err));
    TRY(tsgd_sieve_choose(r->sieve, &d, err));
    TRY(tsgd_sieve_bytes(&d, &d.train, &(struct tsgd_stream){
            .from = &train, .next = draw_sample, .kept = tsgd_sieve_train(r->sieve),
            .tally = tsgd_sieve_tally(r->sieve), .what = "--data blobs",
        }, err));
    TRY(tsgd_sieve_bytes(&d, &d.test, &(struct tsgd_stream){
            .from = &test, .next = draw_sample, .kept = tsgd_sieve_test(r->sieve),
            .what = "--data blobs",
        }, err));
    *out = d;
    d = (struct tsgd_dataset)TSGD_DATASET_INIT;
done:
    free(centre);
    tsgd_dataset_release(&d);
    return st;
}

const struct tsgd_source tsgd_source_blobs = {
    .name = "blobs",
    .usage = "blobs[:SAMPLES[,DIM[,CLASSES]]]",
    .summary = "generated Gaussian mixture, 60000,64,10 and 10,000 test samples; DIM may be CxHxW",
    .load = load,
};
