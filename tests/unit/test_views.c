/* What training makes of augmented images: gradients against those of images that were padded,
 * cropped and flipped beforehand.                                                               */
#include "base/mem.h"
#include "model/model.h"
#include "model/supervised.h"
#include "twin.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(views, .timeout = 60);

enum { C = 2, H = 6, W = 7, FEATURES = C * H * W, TRAIN = 20, TEST = 30, CLASSES = 4 };

struct fixture {
    struct tsgd_dataset data, changed;      /* changed: where a test puts images of its own */
    struct tsgd_net net;
    struct tsgd_supervised plain, augmented, twin;
    struct tsgd_batcher batcher;
    float *w, *grad, *want;
    void *scratch;
};

static uint32_t owned[TRAIN], start[2] = {0, TRAIN};
static const struct tsgd_split split = {.index = owned, .start = start, .nodes = 1};

static void fill(struct tsgd_samples *s, uint32_t count)
{
    struct tsgd_rng rng = tsgd_rng(1, TSGD_RNG_TEST, count, 0);
    cr_assert(tsgd_samples_alloc(s, count, FEATURES, "test", NULL) == TSGD_OK);
    for (uint32_t i = 0; i < count; i++)
        s->labels[i] = (uint16_t)tsgd_rng_below(&rng, CLASSES);
    for (uint32_t i = 0; i < count * FEATURES; i++)
        s->bytes[i] = (uint8_t)tsgd_rng_u32(&rng);
}

static struct tsgd_dataset make_data(void)
{
    struct tsgd_dataset d = TSGD_DATASET_INIT;
    d.shape = (struct tsgd_shape){C, H, W};
    d.classes = d.outputs = CLASSES;
    for (int b = 0; b < 256; b++)
        d.value[b] = (float)b / 255;
    static float mean[C] = {0.3f, 0.6f}, deviation[C] = {0.25f, 0.5f};
    d.norm = (struct tsgd_norm){C, mean, deviation};
    fill(&d.train, TRAIN);
    fill(&d.test, TEST);
    return d;
}

static void setup(struct fixture *f, enum tsgd_order order, uint32_t size)
{
    struct tsgd_batcher plain = {.order = order, .size = size, .seed = 6};
    uint8_t *scratch = NULL;
    f->data = make_data();
    f->changed = make_data();
    f->batcher = plain;
    f->batcher.augment = TSGD_AUGMENT_CROP_FLIP;
    for (uint32_t i = 0; i < TRAIN; i++)
        owned[i] = TRAIN - 1 - i;
    f->net = twin_model("mlp:9", f->data.shape, CLASSES);
    tsgd_supervised_init(&f->plain, &f->net, &f->data, &split, plain, NULL, 0);
    tsgd_supervised_init(&f->augmented, &f->net, &f->data, &split, f->batcher, NULL, 0);
    tsgd_supervised_init(&f->twin, &f->net, &f->changed, &split, plain, NULL, 0);
    f->w = twin_floats(f->net.dim);
    f->grad = twin_floats(f->net.dim);
    f->want = twin_floats(f->net.dim);
    tsgd_net_random(&f->net, 5, f->w);
    cr_assert(TSGD_NEW(&scratch, f->augmented.problem.scratch_bytes, "test", NULL) == TSGD_OK);
    f->scratch = scratch;
}

static void teardown(struct fixture *f)
{
    tsgd_dataset_release(&f->data);
    tsgd_dataset_release(&f->changed);
    tsgd_net_release(&f->net);
    free(f->w), free(f->grad), free(f->want), free(f->scratch);
}

static double gradient(struct fixture *f, const struct tsgd_supervised *p, uint64_t b, float *grad)
{
    return p->problem.ops->gradient(&p->problem, 0, b, f->w, grad, f->scratch);
}

/* Image `sample` as torchvision has it: padded all around, cut out, mirrored. */
static void change(struct fixture *f, uint32_t sample, struct tsgd_view v)
{
    uint8_t padded[H + 8][W + 8];
    for (int c = 0; c < C; c++) {
        const uint8_t *from = f->data.train.bytes + sample * FEATURES + c * H * W;
        uint8_t *to = f->changed.train.bytes + sample * FEATURES + c * H * W;
        memset(padded, 0, sizeof padded);
        for (int y = 0; y < H; y++)
            memcpy(&padded[y + 4][4], from + y * W, W);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
                to[y * W + (v.flip ? W - 1 - x : x)] = padded[y + v.down + 4][x + v.right + 4];
    }
}

Test(views, a_gradient_is_that_of_the_changed_images_to_the_bit)
{
    struct fixture f;
    setup(&f, TSGD_ORDER_EPOCH, 7);
    for (uint64_t b = 0; b < 30; b++) {
        struct tsgd_view view[7];
        uint32_t position[7];
        uint32_t count = tsgd_batch_positions(&f.batcher, 0, TRAIN, b, position);
        tsgd_augment_draw(&f.batcher, 0, b, count, view);
        for (uint32_t s = 0; s < count; s++)
            change(&f, owned[position[s]], view[s]);
        double loss = gradient(&f, &f.augmented, b, f.grad);
        cr_assert(loss == gradient(&f, &f.twin, b, f.want), "batch %d", (int)b);
        cr_assert(!memcmp(f.grad, f.want, f.net.dim * sizeof *f.grad), "batch %d", (int)b);
    }
    teardown(&f);
}

/* In stored order both batches are the whole shard. */
Test(views, the_same_samples_look_different_in_the_next_pass)
{
    struct fixture f;
    setup(&f, TSGD_ORDER_SEQUENTIAL, TRAIN);
    cr_expect(gradient(&f, &f.plain, 0, f.grad) == gradient(&f, &f.plain, 1, f.grad));
    cr_expect(gradient(&f, &f.augmented, 0, f.grad) != gradient(&f, &f.augmented, 1, f.grad));
    teardown(&f);
}

static void expect_same_measure(struct fixture *f, const struct tsgd_supervised *a,
                                const struct tsgd_supervised *b)
{
    struct tsgd_measure m, n;
    a->problem.ops->evaluate(&a->problem, 0, f->w, f->scratch, &m);
    b->problem.ops->evaluate(&b->problem, 0, f->w, f->scratch, &n);
    cr_expect(m.sum[0] == n.sum[0] && m.sum[1] == n.sum[1] && m.samples == n.samples);
}

Test(views, evaluations_see_images_as_they_are)
{
    struct fixture f;
    struct tsgd_supervised plain, augmented;
    setup(&f, TSGD_ORDER_EPOCH, 7);
    expect_same_measure(&f, &f.plain, &f.augmented);
    tsgd_supervised_init(&plain, &f.net, &f.data, &split, f.plain.batcher, owned, 5);
    tsgd_supervised_init(&augmented, &f.net, &f.data, &split, f.batcher, owned, 5);
    expect_same_measure(&f, &plain, &augmented);
    teardown(&f);
}
