/* Decoding a batch: bytes of randomly chosen samples into floats, samples innermost, with and
 * without normalisation, crop and flip, beside a loop that makes as many floats of bytes that lie
 * in order in L2: of_loop is the loop's time over the decoder's, 1 if all the rest were free.   */
#include "bench.h"

#include "base/mem.h"
#include "data/decode.h"
#include "linalg/isa.h"

#include <stdio.h>
#include <string.h>

enum { BATCH = 32, FEW = 2000, MANY = 60000 };  /* few samples fit into L2, many are a data set */

struct gather {
    struct tsgd_dataset data;
    struct tsgd_decoder decoder;
    struct tsgd_batcher batcher;
    uint64_t batches;
    uint32_t *sample;               /* [batches][batch] */
    struct tsgd_view *view;
    uint8_t *scratch;
    float *x;
    size_t floats;
    uint64_t batch;                 /* the next one */
};

static void *floats(size_t n)
{
    struct tsgd_error err;
    float *p = NULL;
    if (TSGD_NEW(&p, n, "benchmark", &err) != TSGD_OK) {
        fprintf(stderr, "bench_gather: %s\n", err.text);
        exit(1);
    }
    return p;
}

static void decode(void *arg)
{
    struct gather *g = arg;
    uint32_t count = g->batcher.size;
    const struct tsgd_view *view = g->batcher.augment ? g->view : NULL;
    if (view)
        tsgd_augment_draw(&g->batcher, 0, g->batch, count, g->view);
    tsgd_decode(&g->decoder, &g->data.train, g->sample + g->batch++ % g->batches * count, count,
                view, g->scratch, count, g->x);
}

static void plain_loop(void *arg)
{
    struct gather *g = arg;
    const uint8_t *bytes = g->data.train.bytes + g->batch++ % (FEW / BATCH) * g->floats;
    float *x = g->x;
    for (size_t i = 0; i < g->floats; i++)
        x[i] = (float)bytes[i] * (1.0f / 255);
}

/* The last batch against the definition. */
static bool is_right(const struct gather *g)
{
    const struct tsgd_dataset *d = &g->data;
    const struct tsgd_shape shape = d->shape;
    const uint32_t *sample = g->sample + (g->batch - 1) % g->batches * g->batcher.size;
    size_t f = 0;
    for (uint32_t c = 0; c < shape.channels; c++)
        for (uint32_t y = 0; y < shape.height; y++)
            for (uint32_t x = 0; x < shape.width; x++, f++)
                for (uint32_t s = 0; s < g->batcher.size; s++) {
                    struct tsgd_view v = {0};
                    if (g->batcher.augment)
                        v = g->view[s];
                    int64_t i = (int64_t)y + v.down;
                    int64_t j = (int64_t)(v.flip ? shape.width - 1 - x : x) + v.right;
                    uint8_t b = 0;
                    if (i >= 0 && i < shape.height && j >= 0 && j < shape.width)
                        b = d->train.bytes[sample[s] * tsgd_shape_size(shape) +
                                           (size_t)((c * shape.height + i) * shape.width + j)];
                    float want = d->value[b];
                    if (d->norm.parts)
                        want = (want - d->norm.mean[c]) * (1 / d->norm.deviation[c]);
                    if (g->x[f * g->batcher.size + s] != want)
                        return false;
                }
    return true;
}

static bool bench(const struct tsgd_kernels *k, struct tsgd_shape shape, uint32_t samples,
                  bool normalise, enum tsgd_augment augment)
{
    static const char *const names[] = {"none", "crop", "flip", "crop-flip"};
    struct gather g = {.data = {.shape = shape, .classes = 2}};
    struct tsgd_rng r = tsgd_rng(0, TSGD_RNG_TEST, 0, 0);
    struct tsgd_error err;
    size_t features = tsgd_shape_size(shape);
    if (tsgd_samples_alloc(&g.data.train, samples, features, "benchmark", &err) != TSGD_OK) {
        fprintf(stderr, "bench_gather: %s\n", err.text);
        return false;
    }
    for (size_t i = 0; i < samples * features; i += 4) {
        uint32_t word = tsgd_rng_u32(&r);
        memcpy(g.data.train.bytes + i, &word, sizeof word);
    }
    for (int b = 0; b < 256; b++)
        g.data.value[b] = (float)b / 255;
    float mean[] = {0.4f, 0.45f, 0.5f}, deviation[] = {0.25f, 0.25f, 0.25f};
    if (normalise)
        g.data.norm = (struct tsgd_norm){shape.channels, mean, deviation};
    g.batcher = (struct tsgd_batcher){.size = BATCH, .augment = augment};
    tsgd_decoder_init(&g.decoder, &g.data, augment != 0, k);
    g.floats = features * BATCH;
    g.batches = samples / BATCH;
    g.x = floats(g.floats);
    g.sample = floats(g.batches * BATCH);
    g.view = floats(BATCH);
    g.scratch = floats(tsgd_decoder_scratch(&g.decoder));
    for (uint32_t i = 0; i < g.batches * BATCH; i++)
        g.sample[i] = tsgd_rng_below(&r, samples);
    struct bench_time loop = bench_run(plain_loop, &g), t = bench_run(decode, &g);
    bool ok = bench_print("gather", t, 0, is_right(&g),
                          "shape=%ux%ux%u batch=%d samples=%u normalise=%s augment=%s isa=%s "
                          "write_GBps=%.1f loop_ns=%.1f of_loop=%.2f", shape.channels, shape.height,
                          shape.width, BATCH, samples, normalise ? "yes" : "no", names[augment],
                          k->isa, 4 * (double)g.floats / t.median, loop.median,
                          loop.median / t.median);
    free(g.x);
    free(g.sample);
    free(g.view);
    free(g.scratch);
    tsgd_dataset_release(&g.data);
    return ok;
}

int main(int argc, char **argv)
{
    static const struct tsgd_shape small = {1, 28, 28}, colour = {3, 32, 32};
    bool ok = true;
    const struct tsgd_kernels *k, *widest = NULL;
    bench_arguments(argc, argv, 0, "", "How fast bytes of samples are decoded into a minibatch.");
    for (size_t i = 0; (k = tsgd_isa_table(i)); i++) {
        widest = k;
        ok &= bench(k, small, FEW, false, TSGD_AUGMENT_NONE);
        ok &= bench(k, small, FEW, false, TSGD_AUGMENT_CROP);
        ok &= bench(k, colour, FEW, true, TSGD_AUGMENT_NONE);
        ok &= bench(k, colour, FEW, true, TSGD_AUGMENT_CROP_FLIP);
    }
    ok &= bench(widest, small, MANY, false, TSGD_AUGMENT_NONE);
    ok &= bench(widest, small, MANY, false, TSGD_AUGMENT_CROP);
    ok &= bench(widest, colour, MANY, true, TSGD_AUGMENT_CROP_FLIP);
    return ok ? 0 : 1;
}
